//! A dry run: the last messages of a mailbox are read as a round would read them, and what would become of each is said.
//! Nothing is stored and nothing is done on the server, so it can be asked before a mailbox is switched on. Each message and
//! each folder stands for itself: what does not come, or cannot be read, is said of that one.
mod source;

use crate::fetch::fetching_for;
use crate::letter::{self, Raw, too_big};
use crate::trouble::Trouble;
use crate::{Courier, connect, probe};
use anyhow::Context as _;
use desk::files::store::Stored;
use desk::intake::filing::{self, LARGE_BYTES};
use desk::intake::rehearsal::{self, Fate, Letter};
use desk::mailboxes::mailbox::{self, Mailbox, Side};
use source::{Came, Source};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wire::letter::MEMORY_BYTES_MAX;

/// Messages of a dry run where nobody says how many, and at most.
pub const LAST: u16 = 50;
pub const LAST_MAX: u16 = 200;
/// Links that may break while one folder is read; each costs a message, which is then looked at by a round alone.
const BREAKS_MAX: usize = 5;

/// A message as a person knows it, and what would become of it.
#[derive(Clone, Debug)]
pub struct Would {
    /// Milliseconds; `None`: the server does not say.
    pub received_at: Option<i64>,
    /// Of the server; empty where one folder alone is fetched.
    pub folder: String,
    pub from: String,
    pub subject: String,
    pub fate: Fate,
}

/// A folder that could not be read, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    pub folder: String,
    /// Sentences: why, and what to do.
    pub why: String,
}

#[derive(Clone, Debug, Default)]
pub struct Rehearsal {
    /// Oldest first.
    pub would: Vec<Would>,
    pub unread: Vec<Unread>,
}

/// Of the last so many messages of the folder, or of a part of them in each folder. *Start From* is not looked at: it says
/// which of them are fetched, and not what becomes of them. What stands in the way of all is a [`desk::Refusal`] with its
/// remedy.
pub async fn rehearse(courier: &Courier, mailbox_id: i64, last: u16) -> desk::Result<Rehearsal> {
    let would = of_server(courier, mailbox_id, last).await;
    would.map_err(|trouble| trouble.refusal("The messages could not be read."))
}

async fn of_server(courier: &Courier, mailbox_id: i64, last: u16) -> Result<Rehearsal, Trouble> {
    crate::hold::refused(courier, "nothing is read from a mail server").await?;
    let mailbox = fetching_for(courier, probe::find(courier, mailbox_id).await?).await?;
    let (read, unread) = read_all(courier, &mailbox, last.min(LAST_MAX).into()).await?;
    let (mut seen, mut letters) = (Vec::new(), Vec::new());
    for (one, letter) in read {
        seen.push(one);
        letters.extend(letter);
    }
    let (mailbox_id, now) = (mailbox.id, courier.now());
    let fates = courier
        .blocking(move |desk| rehearsal::rehearse(&desk.db, &desk.store, mailbox_id, &letters, now))
        .await?;
    let mut fates = fates.into_iter();
    let would = seen.into_iter().filter_map(|seen| {
        let Seen { received_at, folder, from, subject, fate } = seen;
        let fate = fate.or_else(|| fates.next())?;
        Some(Would { received_at, folder, from, subject, fate })
    });
    Ok(Rehearsal { would: would.collect(), unread })
}

/// What is shown of a message.
#[derive(Default)]
struct Seen {
    received_at: Option<i64>,
    folder: String,
    from: String,
    subject: String,
    /// Of one that is not filed, not even for a rehearsal.
    fate: Option<Fate>,
}
impl Seen {
    fn left(received_at: Option<i64>, reason: String) -> Seen {
        Seen { received_at, fate: Some(Fate::Left { reason }), ..Seen::default() }
    }
}

type Read = Vec<(Seen, Option<Letter>)>;

/// The last of each folder, as they came. An error: nothing was read of any.
async fn read_all(courier: &Courier, mailbox: &Mailbox, last: usize) -> Result<(Read, Vec<Unread>), Trouble> {
    let of = mailbox.clone();
    let folders = courier.read(move |tx| mailbox::folders_of_round(tx, &of)).await?;
    let each = last.div_ceil(folders.len().max(1));
    let (mut found, mut unread, mut first): (Read, _, _) = (Vec::new(), Vec::new(), None);
    let mut source = None;
    for name in &folders {
        let before = found.len();
        let folder = mailbox.in_folder(name);
        if let Err(trouble) = read(courier, &folder, &mut source, each, &mut found).await {
            let why = format!("{} {}", trouble.whole_reason(), trouble.remedy).trim_end().to_owned();
            unread.push(Unread { folder: (*name).to_owned(), why });
            first.get_or_insert(trouble);
        }
        if folders.len() > 1 {
            found.iter_mut().skip(before).for_each(|(seen, _)| (*name).clone_into(&mut seen.folder));
        }
    }
    if let Some(source) = source {
        source.close().await;
    }
    match first {
        Some(trouble) if unread.len() == folders.len() && found.is_empty() => return Err(trouble),
        _ => {}
    }
    if folders.len() > 1 {
        found.sort_by_key(|(seen, _)| seen.received_at.unwrap_or(i64::MAX));
    }
    Ok((found, unread))
}

/// What came of the folder goes to `found`, also where its end is an error.
async fn read(
    courier: &Courier,
    folder: &Mailbox,
    at: &mut Option<Source>,
    last: usize,
    found: &mut Read,
) -> Result<(), Trouble> {
    let keys = enter(courier, folder, at, last).await?;
    let place = connect::place_of_flow(courier, folder, Side::Incoming).await;
    let (now, room) = (courier.now(), letter::room(&courier.desk().store));
    let mut breaks = 0;
    for key in &keys {
        if at.is_none() {
            enter(courier, folder, at, last).await?;
        }
        let Some(source) = at.as_mut() else { return Ok(()) };
        match source.one(key, &room).await {
            // Parsed at once, so that one letter is in memory at a time.
            Ok(Came::Letter { letter, received_at }) => {
                let read = courier.blocking(move |_| Ok(tried(&letter, received_at, now))).await?;
                found.push(read);
            }
            Ok(Came::TooBig { size_bytes, received_at }) => {
                found.push((Seen::left(received_at, too_big(size_bytes)), None));
            }
            Ok(Came::Nothing) => found.push((Seen::left(None, NOT_GIVEN.to_owned()), None)),
            Err(error) => {
                let goes_on = source.goes_on();
                let trouble = Trouble::of(&error, &place);
                if !goes_on {
                    *at = None;
                    breaks += 1;
                    if breaks > BREAKS_MAX {
                        return Err(trouble);
                    }
                }
                found.push((Seen::left(None, trouble.whole_reason()), None));
            }
        }
    }
    Ok(())
}

const NOT_GIVEN: &str = "The server lists it and does not give it: somebody has taken it away just now, or it cannot be read there.";

/// On the link that is there, or on a new one where there is none.
async fn enter(
    courier: &Courier,
    folder: &Mailbox,
    at: &mut Option<Source>,
    last: usize,
) -> Result<Vec<source::Key>, Trouble> {
    let source = match at {
        Some(source) => source,
        None => at.insert(Source::open(courier, folder).await?),
    };
    let listed = source.last(courier, folder, last).await;
    if listed.is_err() && !source.goes_on() {
        *at = None;
    }
    listed
}

/// Of one that Postern cannot read, why.
fn tried(letter: &wire::letter::Letter, received_at: Option<i64>, now: i64) -> (Seen, Option<Letter>) {
    let read = catch_unwind(AssertUnwindSafe(|| understood(letter, received_at, now)));
    let reason = match read {
        Ok(Ok((seen, letter))) => return (seen, Some(letter)),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => filing::panicked(&*panic, "parsed"),
    };
    (Seen { received_at, fate: Some(Fate::Failed { reason }), ..Seen::default() }, None)
}

/// What is not parsed as large is in memory as a whole: a cut letter would be parsed as if it ended there.
const _: () = assert!(LARGE_BYTES <= MEMORY_BYTES_MAX as u64);

/// Of one that lies on the disk the large parts are only named.
fn understood(
    letter: &wire::letter::Letter,
    received_at: Option<i64>,
    now: i64,
) -> desk::Result<(Seen, Letter)> {
    let start = letter.start(MEMORY_BYTES_MAX).context("a large message could not be read again")?;
    let stored = Stored { size_bytes: letter.size_bytes(), ..Stored::nowhere(&start) };
    let raw = Raw::of(letter);
    let arrival = raw.arrival(0, received_at.unwrap_or(now), stored, raw.content_key()?, false)?;
    let parsed = if letter.size_bytes() > LARGE_BYTES {
        filing::parse_large(letter.reader(), None)?
    } else {
        filing::parse(&start)
    };
    let message = &parsed.message;
    let from = message.author().and_then(|author| author.address.clone().or_else(|| author.name.clone()));
    let (from, subject) = (from.unwrap_or_default(), message.subject.clone());
    let seen = Seen { received_at, from, subject, ..Seen::default() };
    Ok((seen, Letter { arrival, prepared: filing::unkept(parsed)? }))
}
