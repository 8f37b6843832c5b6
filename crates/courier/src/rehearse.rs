//! A dry run: the last messages of a mailbox are read as a round would read them, and what would become of each is said.
//! Nothing is stored and nothing is done on the server, so it can be asked before a mailbox is switched on.
use crate::fetch::{Shelf, fetching_for};
use crate::letter::{self, Raw, too_big};
use crate::trouble::Trouble;
use crate::{Courier, connect, probe};
use anyhow::Context as _;
use desk::files::store::Stored;
use desk::intake::filing::{self, LARGE_BYTES};
use desk::intake::rehearsal::{self, Fate, Letter};
use desk::mailboxes::mailbox::{Mailbox, Side};
use wire::imap::Fetched;
use wire::letter::MEMORY_BYTES_MAX;

/// Messages of a dry run where nobody says how many, and at most.
pub const LAST: u16 = 50;
pub const LAST_MAX: u16 = 200;

/// A message as a person knows it, and what would become of it.
#[derive(Clone, Debug)]
pub struct Would {
    /// Milliseconds; `None`: the server does not say.
    pub received_at: Option<i64>,
    pub from: String,
    pub subject: String,
    pub fate: Fate,
}

/// Of the last so many messages of the folder, oldest first. *Start From* is not looked at: it says which of them are
/// fetched, and not what becomes of them. What stands in the way is a [`desk::Refusal`] with its remedy.
pub async fn rehearse(courier: &Courier, mailbox_id: i64, last: u16) -> desk::Result<Vec<Would>> {
    let would = of_server(courier, mailbox_id, last).await;
    would.map_err(|trouble| trouble.refusal("The messages could not be read."))
}

async fn of_server(courier: &Courier, mailbox_id: i64, last: u16) -> Result<Vec<Would>, Trouble> {
    crate::hold::refused(courier, "nothing is read from a mail server").await?;
    let mailbox = fetching_for(courier, probe::find(courier, mailbox_id).await?).await?;
    let (mut shelf, _, _) = Shelf::open(courier, &mailbox.in_folder(mailbox.folder_or_inbox())).await?;
    let read = read_all(courier, &mailbox, &mut shelf, last.min(LAST_MAX).into()).await;
    shelf.close().await;
    let (mut seen, mut letters) = (Vec::new(), Vec::new());
    for read in read? {
        seen.push(read.0);
        letters.extend(read.1);
    }
    let (mailbox_id, now) = (mailbox.id, courier.now());
    let fates = courier
        .blocking(move |desk| rehearsal::rehearse(&desk.db, &desk.store, mailbox_id, &letters, now))
        .await?;
    let mut fates = fates.into_iter();
    let would = seen.into_iter().filter_map(|seen| {
        let fate = match seen.left {
            Some(reason) => Fate::Failed { reason },
            None => fates.next()?,
        };
        Some(Would { received_at: seen.received_at, from: seen.from, subject: seen.subject, fate })
    });
    Ok(would.collect())
}

/// What is shown of a message.
struct Seen {
    received_at: Option<i64>,
    from: String,
    subject: String,
    /// Why it would stay on the server.
    left: Option<String>,
}

/// The last of each folder, as they came; the first folder is open.
async fn read_all(
    courier: &Courier,
    mailbox: &Mailbox,
    shelf: &mut Shelf,
    last: usize,
) -> Result<Vec<(Seen, Option<Letter>)>, Trouble> {
    let (mut found, each) = (Vec::new(), last.div_ceil(mailbox.folders().count()));
    for (number, name) in mailbox.folders().enumerate() {
        let folder = mailbox.in_folder(name);
        if number > 0 {
            shelf.select(courier, &folder).await?;
        }
        found.extend(read(courier, &folder, shelf, each).await?);
    }
    if mailbox.folders().nth(1).is_some() {
        found.sort_by_key(|(seen, _)| seen.received_at.unwrap_or(i64::MAX));
    }
    Ok(found)
}

async fn read(
    courier: &Courier,
    mailbox: &Mailbox,
    shelf: &mut Shelf,
    last: usize,
) -> Result<Vec<(Seen, Option<Letter>)>, Trouble> {
    let mut uids = shelf.whole(courier, mailbox).await?.uids;
    uids.sort_unstable();
    let uids = uids.split_off(uids.len().saturating_sub(last));
    let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
    let told = |error: wire::Error| Trouble::of(&error, &place);
    let mut found = Vec::with_capacity(uids.len());
    if uids.is_empty() {
        return Ok(found);
    }
    let (now, room) = (courier.now(), letter::room(&courier.desk().store));
    let mut fetch = shelf.fetch(&uids, &room).await.map_err(told)?;
    while let Some(fetched) = fetch.next().await.map_err(told)? {
        match fetched {
            // Parsed at once, so that one letter is in memory at a time.
            Fetched::Message { letter, internal_date_at, .. } => {
                let (seen, letter) = courier.blocking(move |_| tried(&letter, internal_date_at, now)).await?;
                found.push((seen, Some(letter)));
            }
            Fetched::TooBig { internal_date_at, size_bytes, .. } => {
                let left = Some(too_big(size_bytes));
                let seen =
                    Seen { received_at: internal_date_at, from: String::new(), subject: String::new(), left };
                found.push((seen, None));
            }
            // Somebody has taken it away meanwhile, or the server does not deliver it: a round would say which.
            Fetched::Missing { .. } => {}
        }
    }
    Ok(found)
}

/// Of one that lies on the disk the large parts are only named.
fn tried(letter: &wire::letter::Letter, received_at: Option<i64>, now: i64) -> desk::Result<(Seen, Letter)> {
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
    let seen =
        Seen { received_at, from: from.unwrap_or_default(), subject: message.subject.clone(), left: None };
    Ok((seen, Letter { arrival, prepared: filing::unkept(parsed)? }))
}
