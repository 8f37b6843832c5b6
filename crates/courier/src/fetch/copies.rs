//! The copy here of a letter is read back before the server's own is moved or deleted, unless it was stored in this very round:
//! what an earlier round left over may have been damaged on the disk since, and then the server's is the last whole one. Such a
//! letter is fetched once more, which mends it (`desk::intake::mending`). Where that does not help it stays on the server, rests,
//! and is told.
use super::memory::Place;
use super::shelf::Shelf;
use super::{plan, take, trials};
use crate::Courier;
use crate::connect;
use crate::letter::{self, Raw, too_big};
use crate::trouble::Trouble;
use desk::Desk;
use desk::files::store::Store;
use desk::intake::copies::{self, StoredCopy};
use desk::intake::{mending, remembered};
use desk::mailboxes::mailbox::{Fetched as Settings, Mailbox, NOT_SETTLED, Side};
use desk::mailboxes::named;
use mail::explain::Class;
use std::collections::HashMap;
use wire::imap::Fetched;
use wire::letter::{Letter, Room};

/// Fetched again at one time, one after another; the others rest until a later round.
const AGAIN_MAX: usize = 50;

const REMEDY: &str = "Write the copy back out of a backup by postern restore DIR --files; the letter is moved or deleted by itself \
                      then. Look at the disk, and at what postern check says.";

const OTHERWISE: &str =
    "What the server gives under its number now is another letter, or the same one written otherwise.";

/// Letters whose bytes this round has put into the store or read back there: SHA-256 of them, by UID.
#[derive(Debug, Default)]
pub(super) struct Fresh(HashMap<u32, [u8; 32]>);

impl Fresh {
    pub(super) fn add(&mut self, stored: impl IntoIterator<Item = (u32, [u8; 32])>) {
        self.0.extend(stored);
    }

    pub(super) fn holds(&self, uid: u32) -> bool {
        self.0.contains_key(&uid)
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Whether the bytes of this copy are those that came in this round. (A letter that is known by its content may have others.)
    fn has(&self, copy: &StoredCopy) -> bool {
        self.0.get(&copy.uid).is_some_and(|hash| hash.as_slice() == copy.hash)
    }
}

/// What becomes of letters on the server before they are touched.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Ascending: it may be done to these.
    pub whole: Vec<u32>,
    /// They are not there any more.
    pub gone: Vec<u32>,
    /// They stay there, each with its reason.
    pub damaged: Vec<(u32, Trouble)>,
    /// What has ended the link, or is to end the round.
    pub end: Option<wire::Error>,
    /// That took a while: files were read, or letters fetched.
    pub was_long: bool,
}

pub(super) struct Checker<'a> {
    courier: &'a Courier,
    mailbox: &'a Mailbox,
    place: &'a Place,
    fresh: &'a Fresh,
    room: Room,
    /// How many may still be fetched again.
    left: usize,
}

/// What came of fetching a letter again.
enum Again {
    Mended,
    Gone,
    /// A sentence.
    Stays(String),
    Failed(wire::Error),
}

impl<'a> Checker<'a> {
    pub(super) fn new(
        courier: &'a Courier,
        mailbox: &'a Mailbox,
        place: &'a Place,
        fresh: &'a Fresh,
    ) -> Checker<'a> {
        let room = letter::room(&courier.desk().store);
        Checker { courier, mailbox, place, fresh, room, left: AGAIN_MAX }
    }

    /// Before these (ascending) are moved or deleted; what else may be done to them takes nothing away.
    pub(super) async fn check(&mut self, shelf: &mut Shelf, uids: &[u32]) -> desk::Result<Checked> {
        if !matches!(self.mailbox.fetched, Settings::Delete | Settings::Move(_)) {
            return Ok(Checked { whole: uids.to_vec(), ..Checked::default() });
        }
        let (whole, damaged, was_long) = self.read_back(uids).await?;
        let mut checked = Checked { whole, was_long, ..Checked::default() };
        for copy in damaged {
            let uid = copy.uid;
            let Some(left) = self.left.checked_sub(1) else {
                let why = format!(
                    "More than {AGAIN_MAX} are, so that this one is fetched again in a later round, which mends it."
                );
                checked.damaged.push((uid, stays(&copy, Class::Retry, &why)));
                continue;
            };
            self.left = left;
            let tried = self.again(shelf, &copy).await?;
            tracing::warn!(
                mailbox = self.mailbox.address,
                uid,
                "its copy at {} is not whole; it was fetched again before it is taken from the server: {}",
                copy.place,
                if matches!(tried, Again::Mended) { "it is whole now" } else { "it stays there" }
            );
            match tried {
                Again::Mended => checked.whole.push(uid),
                Again::Gone => checked.gone.push(uid),
                Again::Stays(why) => checked.damaged.push((uid, stays(&copy, Class::Configuration, &why))),
                Again::Failed(error) if error.is_unkept() => {
                    checked.end = Some(error);
                    break;
                }
                Again::Failed(error) => {
                    let place = connect::place_of_flow(self.courier, self.mailbox, Side::Incoming).await;
                    let said = Trouble::of(&error, &place);
                    let why = format!(
                        "It could not be fetched again, which would have mended it: {}",
                        said.whole_reason()
                    );
                    let trouble = stays(&copy, said.class, &why);
                    checked.damaged.push((uid, Trouble { retry_after_ms: said.retry_after_ms, ..trouble }));
                    if !goes_on(shelf, &error) {
                        checked.end = Some(error);
                        break;
                    }
                }
            }
        }
        checked.whole.sort_unstable();
        Ok(checked)
    }

    /// Those that are whole, the copies that are not, and whether any was read.
    async fn read_back(&self, uids: &[u32]) -> desk::Result<(Vec<u32>, Vec<StoredCopy>, bool)> {
        let (place, asked) = (self.place.clone(), uids.to_vec());
        let mut copies = self.courier.read(move |tx| copies::of(tx, place.on_server(), &asked)).await?;
        let mut whole: Vec<u32> =
            copies.extract_if(.., |copy| self.fresh.has(copy)).map(|copy| copy.uid).collect();
        if copies.is_empty() {
            return Ok((whole, copies, false));
        }
        let read = self.courier.blocking(move |desk| {
            Ok(copies.into_iter().partition::<Vec<StoredCopy>, _>(|copy| copy.is_whole(&desk.store)))
        });
        let (older, mut damaged) = read.await?;
        whole.extend(older.into_iter().map(|copy| copy.uid));
        damaged.sort_by_key(|copy| copy.uid);
        Ok((whole, damaged, true))
    }

    async fn again(&self, shelf: &mut Shelf, copy: &StoredCopy) -> desk::Result<Again> {
        let fetched = match self.fetch(shelf, copy.uid).await? {
            Ok(fetched) => fetched,
            Err(error) => return Ok(Again::Failed(error)),
        };
        Ok(match fetched {
            None => Again::Gone,
            Some(fetched) if trials::is_blank(&fetched) => Again::Stays(trials::undelivered(None, true)),
            Some(Fetched::Missing { .. }) => Again::Stays(trials::undelivered(None, false)),
            Some(Fetched::TooBig { size_bytes, .. }) => Again::Stays(too_big(size_bytes)),
            Some(Fetched::Message { letter, .. }) => match self.mend(copy, letter).await? {
                true => Again::Mended,
                false => Again::Stays(OTHERWISE.to_owned()),
            },
        })
    }

    /// `None`: it does not lie in the folder any more.
    async fn fetch(&self, shelf: &mut Shelf, uid: u32) -> desk::Result<wire::Result<Option<Fetched>>> {
        if let Shelf::Graph(graph) = shelf {
            let Place { mailbox_id, folder, uid_validity } = self.place.clone();
            let read =
                self.courier.read(move |tx| named::of_uids(tx, mailbox_id, &folder, uid_validity, &[uid]));
            let Some(named) = read.await?.pop() else { return Ok(Ok(None)) };
            return Ok(graph.fetch_again(&named, &self.room).await);
        }
        let fetched = take::one(shelf, uid, &self.room).await;
        if !matches!(fetched, Ok(Fetched::Missing { .. })) {
            return Ok(fetched.map(Some));
        }
        match plan::is_there(shelf, uid).await {
            Ok(is_there) => Ok(fetched.map(|fetched| Some(fetched).filter(|_| is_there))),
            Err(error) => Ok(Err(error)),
        }
    }

    /// Whether the copy is whole with what has come.
    async fn mend(&self, copy: &StoredCopy, letter: Letter) -> desk::Result<bool> {
        let (place, copy, now) = (self.place.clone(), copy.clone(), self.courier.now());
        self.courier.blocking(move |desk| mend(desk, &place, &copy, &letter, now)).await
    }
}

fn mend(desk: &Desk, place: &Place, copy: &StoredCopy, letter: &Letter, now: i64) -> desk::Result<bool> {
    let (raw, asked) = (Raw::of(letter), [copy.uid]);
    let key = raw.content_key()?;
    let known = desk.db.read(|tx| remembered::of(tx, place.on_server(), &asked))?;
    let is_by_bytes = raw.bytes().is_some_and(|bytes| Store::hash(bytes).as_slice() == copy.hash);
    if !is_by_bytes && !known.iter().any(|one| one.content_key == key.key) {
        return Ok(false); // nothing here would name it
    }
    let stored = raw.store(&desk.store, Store::put)?;
    let arrivals = [raw.arrival(copy.uid, now, stored, key, true)?];
    let doubts = desk.db.read(|tx| mending::doubts(tx, place.mailbox_id, &arrivals))?;
    mending::mend(desk, &arrivals, &doubts, now)?;
    let copies = desk.db.read(|tx| copies::of(tx, place.on_server(), &asked))?;
    Ok(!copies.is_empty() && copies.iter().all(|copy| copy.is_whole(&desk.store)))
}

fn stays(copy: &StoredCopy, class: Class, why: &str) -> Trouble {
    let reason = format!(
        "The copy of the letter here ({}) is damaged or gone from the disk, so that it is not taken from its server, where it is \
         whole. {why}",
        copy.place
    );
    Trouble::new(class, NOT_SETTLED, reason, REMEDY)
}

/// The server answered, and is asked for others.
fn goes_on(shelf: &Shelf, error: &wire::Error) -> bool {
    let stands = match shelf {
        Shelf::Imap(session) => session.is_ready(),
        Shelf::Pop3(pop3) => pop3.is_ready(),
        Shelf::Graph(_) => error.server_text().is_some(),
    };
    stands && error.retry_after_ms().is_none() && error.kind() != wire::Kind::Unauthorized
}
