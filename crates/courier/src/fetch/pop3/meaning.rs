//! Whether the names of a POP3 server (UIDL) mean the letters still that were recorded under them. RFC 1939 §7 has a server give no
//! name twice; one that was restored from its backup does, and so does one whose names are places in its list, after another
//! client has deleted something. Nothing but the letters themselves shows that: their Message-IDs (TOP), and where those differ
//! or are missing, some letters as a whole.
use super::{Maildrop, Pop3};
use crate::Courier;
use crate::fetch::copies::Fresh;
use crate::fetch::likeness;
use crate::fetch::memory::Place;
use crate::fetch::still_held;
use crate::fetch::trials::is_white;
use crate::letter::{self, Raw};
use crate::trouble::Trouble;
use desk::files::store::Store;
use desk::intake::on_server::{self, OnServer};
use desk::intake::remembered::{self, Remembered};
use desk::mailboxes::mailbox::{Claim, Mailbox, Side};
use desk::mailboxes::named;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wire::letter::{Letter, Room};
use wire::pop3::{self, Retrieved};

/// Of the recorded ones that are listed. What is given a second time is what was given last.
const NEWEST: usize = 10;
/// From the oldest to the newest of the others, by the quarter of an hour.
const SPREAD: usize = 8;
/// Where one of those is another letter, so many at a time are looked at from the newest back, until all of them are the same.
const AT_ONCE: usize = 100;
const LOOKED_AT_MAX: usize = 20_000;
/// Letters that are read as a whole in one session.
pub(in crate::fetch) const READ_MAX: usize = 20;
/// Of those by which the mailbox is known.
const KNOWN_READ_MAX: usize = 6;
/// Header fields of one message.
const HEADER_BYTES_MAX: u64 = 256 * 1024;

const UNSURE: &str = "It cannot be told that the letter which the server has under this name is the one that was \
     fetched: it gives another Message-ID or none, and it could not be compared as a whole. It is left where it is, and looked at again.";

/// What the letter under a name is to the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Same,
    Another,
    /// It does not come, or has nothing by which it could be told.
    Unsure,
}

/// What is asked for, and where the desk keeps it.
#[derive(Clone, Copy)]
pub(in crate::fetch) struct Asked<'a> {
    pub courier: &'a Courier,
    pub place: &'a Place,
}

/// What the names of recorded letters mean now, as far as that was looked into: UIDs.
#[derive(Debug, Default)]
pub(in crate::fetch) struct Names {
    pub same: BTreeSet<u32>,
    pub others: BTreeSet<u32>,
}
impl Names {
    fn add(&mut self, found: &HashMap<u32, Is>) {
        self.same.extend(of(found, Is::Same));
        self.others.extend(of(found, Is::Another));
    }
}

/// When a session begins, where there is news, and by the quarter of an hour.
pub(in crate::fetch) async fn names(
    courier: &Courier,
    mailbox: &Mailbox,
    session: &mut pop3::Session,
    maildrop: &Maildrop,
) -> Result<Names, Trouble> {
    let (memory, now) = (&courier.inside.fetched, courier.now());
    let place = Place::of(mailbox, named::validity(mailbox));
    let is_due = memory.dates(&place, |dates| dates.is_due(now));
    let numbers = maildrop.numbers();
    if numbers.is_empty() || !(is_due || maildrop.has_news()) || memory.was_given_again(mailbox, now) {
        return Ok(Names::default());
    }
    let asked = Asked { courier, place: &place };
    let looked = asked.names(session, &numbers, is_due).await;
    let found = crate::connect::explained(courier, mailbox, Side::Incoming, looked).await?;
    memory.dates(&place, |dates| dates.looked(now));
    if !found.others.is_empty() {
        tracing::warn!(
            mailbox = mailbox.address,
            "the server has given {} names (UIDL) to other letters, as one does that was restored from a backup: those are fetched",
            found.others.len()
        );
    }
    Ok(found)
}

impl Asked<'_> {
    /// `numbers`: by UID, the numbers of this session.
    async fn names(
        self,
        session: &mut pop3::Session,
        numbers: &BTreeMap<u32, u32>,
        is_due: bool,
    ) -> wire::Result<Names> {
        let uids: Vec<u32> = numbers.keys().rev().copied().collect();
        let mut some: Vec<u32> = uids.iter().take(NEWEST).copied().collect();
        if is_due {
            some.extend(spread(uids.get(NEWEST..).unwrap_or_default()));
        }
        // A letter of which no Message-ID is known is read each quarter of an hour, and not at each piece of news.
        let mut to_read = if is_due { KNOWN_READ_MAX } else { 0 };
        let mut names = Names::default();
        names.add(&self.look(session, numbers, &some, &mut to_read).await?);
        if names.others.is_empty() {
            return Ok(names);
        }
        let mut to_read = READ_MAX;
        for some in uids.get(..LOOKED_AT_MAX).unwrap_or(&uids).chunks(AT_ONCE) {
            let found = self.look(session, numbers, some, &mut to_read).await?;
            names.add(&found);
            if found.values().all(|is| *is == Is::Same) {
                break;
            }
        }
        Ok(names)
    }

    /// These, as far as they are recorded. `to_read`: how many may be read as a whole, of those without a Message-ID; one that has
    /// another is read in any case, to be sure of all that differ.
    async fn look(
        self,
        session: &mut pop3::Session,
        numbers: &BTreeMap<u32, u32>,
        uids: &[u32],
        to_read: &mut usize,
    ) -> wire::Result<HashMap<u32, Is>> {
        let (place, wanted) = (self.place.clone(), uids.to_vec());
        let read = self.courier.read(move |tx| remembered::of(tx, place.on_server(), &wanted)).await;
        // Without the database nothing is known of any.
        let Ok(recorded) = read else { return Ok(uids.iter().map(|uid| (*uid, Is::Unsure)).collect()) };
        let recorded: BTreeMap<u32, Remembered> = recorded.into_iter().map(|one| (one.uid, one)).collect();
        let heads = heads(session, numbers, recorded.keys()).await?;
        let mut found = HashMap::new();
        let (mut differ, mut unknown) = (Vec::new(), Vec::new());
        for (uid, one) in recorded.iter().rev() {
            let there = heads.get(uid).and_then(|head| head.message_id.as_ref());
            match (there, one.message_id.as_ref()) {
                (Some(there), Some(here)) if there == here => drop(found.insert(*uid, Is::Same)),
                (Some(_), Some(_)) => differ.push(one),
                (_, _) => unknown.push(one),
            }
        }
        let mut is_sure = false;
        for one in &differ {
            let is = if is_sure { Is::Another } else { self.read(session, numbers, one).await? };
            is_sure |= is == Is::Another;
            found.insert(one.uid, is);
        }
        for one in unknown {
            let head = heads.get(&one.uid).map(|head| head.hash);
            if head.is_some_and(|head| self.was_read(one.uid, &head)) {
                found.insert(one.uid, Is::Same);
                continue;
            }
            let left = to_read.checked_sub(1);
            *to_read = left.unwrap_or(0);
            let is = if left.is_some() { self.read(session, numbers, one).await? } else { Is::Unsure };
            if let Some(head) = head.filter(|_| is == Is::Same) {
                self.courier.inside.fetched.dates(self.place, |dates| dates.note_head(one.uid, head));
            }
            found.insert(one.uid, is);
        }
        Ok(found)
    }

    /// Whether it had this head when it was read as a whole, and was the recorded one.
    fn was_read(self, uid: u32, head: &[u8; 32]) -> bool {
        self.courier.inside.fetched.dates(self.place, |dates| dates.has_head(uid, head))
    }

    /// By the whole letter.
    async fn read(
        self,
        session: &mut pop3::Session,
        numbers: &BTreeMap<u32, u32>,
        one: &Remembered,
    ) -> wire::Result<Is> {
        let Some(number) = numbers.get(&one.uid) else { return Ok(Is::Unsure) };
        let room = letter::room(&self.courier.desk().store);
        let Some(letter) = retrieved(session, *number, &room).await? else { return Ok(Is::Unsure) };
        let Some(key) = Raw::of(&letter).content_key().ok().filter(|_| !is_white(&letter)) else {
            return Ok(Is::Unsure);
        };
        if key.key.as_slice() == one.content_key {
            return Ok(Is::Same);
        }
        if one.message_id.is_some() {
            let there = likeness::message_id_of(&letter).ok().flatten();
            return Ok(if there == one.message_id { Is::Same } else { Is::Another });
        }
        let is_another = likeness::is_certainly_another(self.courier, self.place, one.uid, letter).await;
        Ok(if is_another { Is::Another } else { Is::Unsure })
    }
}

/// What may be deleted by its name.
pub(in crate::fetch) struct Meant {
    /// Ascending.
    pub same: Vec<u32>,
    /// What has ended the link.
    pub end: Option<wire::Error>,
}

impl Asked<'_> {
    /// Of what is to be deleted, what came on this link, and what was recorded before and is under its name still. Another letter
    /// loses the name, so that it is fetched by the next round; what cannot be told stays.
    pub(in crate::fetch) async fn meant(
        self,
        claim: &Claim,
        mailbox: &Mailbox,
        pop3: &mut Pop3,
        uids: &[u32],
        fresh: &Fresh,
        to_read: &mut usize,
    ) -> desk::Result<Meant> {
        let came = |uid: &u32| !pop3.is_another_link && fresh.holds(*uid);
        let (mut same, before): (Vec<u32>, Vec<u32>) =
            uids.iter().partition(|uid| came(uid) || pop3.same.contains(uid));
        if before.is_empty() {
            return Ok(Meant { same, end: None });
        }
        let found = match self.look(&mut pop3.session, &pop3.numbers, &before, to_read).await {
            Ok(found) => found,
            Err(error) => return Ok(Meant { same, end: Some(error) }),
        };
        let (memory, now) = (&self.courier.inside.fetched, self.courier.now());
        let mut others = of(&found, Is::Another);
        if memory.was_given_again(mailbox, now) {
            others.clear(); // a server that says another thing each time would have them fetched each time
        }
        same.extend(of(&found, Is::Same));
        same.sort_unstable();
        let unsure: Vec<u32> = before
            .iter()
            .copied()
            .filter(|uid| !others.contains(uid) && same.binary_search(uid).is_err())
            .collect();
        let others: Vec<u32> = others.into_iter().collect();
        if !(others.is_empty() && unsure.is_empty()) {
            let (place, claim, replaced) = (self.place.clone(), claim.clone(), others.clone());
            let noted = self.courier.write_behind(move |tx| {
                still_held(tx, &claim, now)?;
                named::forget(tx, place.mailbox_id, &place.folder, place.uid_validity, &replaced)?;
                on_server::settled(tx, place.on_server(), &replaced, &OnServer::Gone, now)?;
                on_server::refused(tx, place.on_server(), &unsure, UNSURE)
            });
            noted.await?;
        }
        if !others.is_empty() {
            memory.note_given_again(mailbox, now);
        }
        Ok(Meant { same, end: None })
    }
}

fn of(found: &HashMap<u32, Is>, what: Is) -> BTreeSet<u32> {
    found.iter().filter(|(_, is)| **is == what).map(|(uid, _)| *uid).collect()
}

/// In equal steps.
fn spread(uids: &[u32]) -> impl Iterator<Item = u32> {
    uids.iter().step_by(uids.len().div_ceil(SPREAD).max(1)).copied()
}

/// The header fields of a message.
struct Head {
    message_id: Option<String>,
    /// SHA-256 of them.
    hash: [u8; 32],
}

/// As far as the server tells header fields by themselves.
async fn heads(
    session: &mut pop3::Session,
    numbers: &BTreeMap<u32, u32>,
    uids: impl Iterator<Item = &u32>,
) -> wire::Result<HashMap<u32, Head>> {
    if !session.has("TOP") {
        return Ok(HashMap::new());
    }
    let uid_of: HashMap<u32, u32> = uids.filter_map(|uid| Some((*numbers.get(uid)?, *uid))).collect();
    let mut asked: Vec<u32> = uid_of.keys().copied().collect();
    asked.sort_unstable();
    let mut heads = HashMap::new();
    let mut headers = session.headers(&asked, &Room::in_memory(HEADER_BYTES_MAX)).await?;
    while let Some(retrieved) = headers.next().await? {
        if let Retrieved::Message { number, letter } = retrieved
            && let Some((uid, bytes)) = uid_of.get(&number).zip(letter.bytes())
        {
            heads.insert(*uid, Head { message_id: likeness::message_id(bytes), hash: Store::hash(bytes) });
        }
    }
    Ok(heads)
}

async fn retrieved(session: &mut pop3::Session, number: u32, room: &Room) -> wire::Result<Option<Letter>> {
    let mut retrieve = session.retrieve(&[number], room).await?;
    let mut found = None;
    while let Some(retrieved) = retrieve.next().await? {
        if let Retrieved::Message { letter, .. } = retrieved {
            found = Some(letter);
        }
    }
    Ok(found)
}
