//! A mail server that was restored from its backup gives UIDs a second time, for other letters (RFC 3501 §2.3.1.1 forbids it, and
//! says that UIDVALIDITY changes; a copied index keeps it). Where its next UID has caught up with what was read, nothing but
//! the letters themselves shows that. Before anything new is recorded, and each quarter of an hour, some of the recorded ones are
//! asked for their internal dates, all with one command; so is what an earlier round left over, before it is moved or deleted.
//! Where dates differ, which may also be a server that keeps none, Message-IDs decide; where letters have none, several that say
//! something else do.
use super::memory::{Other, Place};
use super::numbering::given_again;
use super::shelf::{Shelf, Whole};
use super::work::Work;
use super::{Broke, take, trials};
use crate::letter::{self, Raw};
use desk::intake::remembered::{self, Remembered};
use desk::intake::{copies, on_server};
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::Fetched as Settings;
use mail::message::HEAD_BYTES_MAX;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wire::imap::Fetched;

/// Of the newest rows: UIDs that are given a second time are the last ones that were given once.
const NEWEST: i64 = 10;
/// Looked at by the quarter of an hour, from the oldest on: the newest may be gone from the server.
const SPREAD: u32 = 8;
/// Where fewer of them are there, those that a listing names are looked at too.
const THIN: usize = 3;
/// Letters that are read for their Message-ID: when so many are the recorded ones, so are those under lower UIDs.
const DECIDE: usize = 3;
/// And not more of them in one round, where they do not decide.
const READ_MAX: usize = 6;
/// Of what is left over, each is to be the recorded letter: so many are read in one round, and so many dates asked for.
const LEFT_READ_MAX: usize = 20;
const LEFT_DATES_MAX: usize = 10_000;
/// A number each.
const LEFT_MAX: i64 = 1_000_000;

const UNSURE: &str = "The server says another date of the letter under this UID than when it was fetched, and it cannot be told by its \
     Message-ID or content that it is the same one.";

/// What a round has looked at in one folder.
#[derive(Debug, Default)]
pub(super) struct Looked {
    is_done: bool,
    asked: BTreeSet<u32>,
    /// In this round.
    read: BTreeSet<u32>,
    /// Left over by earlier rounds, and not proved to be the letters that were recorded.
    unproved: BTreeSet<u32>,
}

impl Looked {
    /// These are what is under their UIDs now.
    pub(super) fn reads(&mut self, uids: &[u32]) {
        self.read.extend(uids);
        self.unproved.retain(|uid| !self.read.contains(uid));
    }

    /// Nothing is done to these.
    pub(super) fn unproved(&self) -> &BTreeSet<u32> {
        &self.unproved
    }
}

/// Whether the folder is another than the one that was read, under the same numbers; it is given a number of its own then.
/// Before anything is recorded or touched in a round; `has_news`: something is to be.
pub(super) async fn is_another(
    work: &mut Work<'_>,
    shelf: &mut Shelf,
    cursor: &Cursor,
    has_news: bool,
) -> Result<bool, Broke> {
    // The names of the others are given once.
    if std::mem::replace(&mut work.looked.is_done, true) || !matches!(shelf, Shelf::Imap(_)) {
        return Ok(false);
    }
    let (place, now) = (Place::of(work.mailbox, cursor.uid_validity), work.courier.now());
    let memory = &work.courier.inside.fetched;
    let (says_nothing, is_due) = memory.dates(&place, |dates| (dates.say_nothing, dates.is_due(now)));
    let takes_away = matches!(work.mailbox.fetched, Settings::Delete | Settings::Move(_));
    let is_marked = takes_away && work.unmarked.is_none();
    let resting = memory.unsettled(&place, &work.mailbox.fetched, |unsettled| unsettled.resting(now));
    let of = place.clone();
    let read = work.courier.read(move |tx| {
        let (of, mut some) = (of.on_server(), Vec::new());
        if !says_nothing && (is_due || has_news) {
            some = remembered::newest(tx, of, NEWEST)?;
        }
        if let (true, Some(highest)) = (is_due, some.first().map(|one| one.uid)) {
            some.extend(remembered::spread(tx, of, highest, SPREAD)?);
        }
        let left = if is_marked { on_server::unsettled(tx, of, LEFT_MAX)? } else { Vec::new() };
        let tried: Vec<u32> = left.iter().copied().filter(|uid| !resting.contains(uid)).collect();
        let tried = tried.get(..LEFT_DATES_MAX).unwrap_or(&tried);
        Ok((some, left, remembered::of(tx, of, tried)?))
    });
    let (some, left, tried) = read.await?;
    if is_due && some.is_empty() {
        memory.dates(&place, |dates| dates.looked(now)); // there is nothing yet by which it could be known
    }
    work.looked.unproved = left.into_iter().collect();
    let highest = some.first().map(|one| one.uid);
    let look = Look { place: place.clone(), some: by_uid(some), tried: by_uid(tried), says_nothing, is_due };
    match (look.at(work, shelf).await?, highest) {
        (Came::Another, _) => return Ok(true),
        (Came::Known { there }, Some(highest)) if there < THIN => {
            memory.dates(&place, |dates| dates.doubt = dates.doubt.or(Some(highest)));
        }
        (Came::Known { .. } | Came::Nothing, _) => {}
    }
    Ok(false)
}

/// The same of the newest letters that the server lists, where those that were asked for before, in this round or an earlier one, are
/// mostly gone. What was read since is none of them. It is read anew by the next round.
pub(super) async fn is_another_as_listed(
    work: &mut Work<'_>,
    shelf: &mut Shelf,
    whole: &Whole,
    cursor: &Cursor,
) -> Result<bool, Broke> {
    let place = Place::of(work.mailbox, cursor.uid_validity);
    let memory = &work.courier.inside.fetched;
    let Some(highest) = memory.dates(&place, |dates| dates.doubt) else { return Ok(false) };
    let looked = &work.looked;
    let is_old = |uid: &u32| *uid <= highest && !looked.read.contains(uid) && !looked.asked.contains(uid);
    let most = usize::try_from(NEWEST).unwrap_or(0);
    let listed: Vec<u32> = whole.uids.iter().rev().copied().filter(is_old).take(most).collect();
    let of = place.clone();
    let some = work.courier.read(move |tx| remembered::of(tx, of.on_server(), &listed)).await?;
    let some = by_uid(some);
    let look =
        Look { place: place.clone(), some, tried: BTreeMap::new(), says_nothing: false, is_due: false };
    match look.at(work, shelf).await? {
        Came::Another => return Ok(true),
        Came::Known { .. } => memory.dates(&place, |dates| dates.doubt = None),
        Came::Nothing => {} // the next listing is to answer it
    }
    Ok(false)
}

fn by_uid(all: Vec<Remembered>) -> BTreeMap<u32, Remembered> {
    all.into_iter().map(|one| (one.uid, one)).collect()
}

/// Recorded letters that the server is asked for.
struct Look {
    place: Place,
    /// By which the folder is known.
    some: BTreeMap<u32, Remembered>,
    /// Left over by earlier rounds, and to be moved or deleted now.
    tried: BTreeMap<u32, Remembered>,
    /// The server's dates do, so that each of those is read.
    says_nothing: bool,
    /// Those that could not be told are looked at once more.
    is_due: bool,
}

/// What a letter on the server is to the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Same,
    Another,
    /// Neither has a Message-ID, and it says something else: one alone may be of a server that writes letters anew.
    Otherwise,
    /// It does not come, or has nothing by which it could be told.
    Unsure,
}

/// What letters of a look are.
#[derive(Default)]
struct Found {
    letters: HashMap<u32, Is>,
    /// One is another, or so many in a row say something else that no single letter is to blame.
    is_another: bool,
    in_a_row: usize,
}

impl Found {
    fn take(&mut self, uid: u32, is: Is) {
        self.letters.insert(uid, is);
        self.in_a_row = match is {
            Is::Same => 0,
            Is::Otherwise => self.in_a_row + 1,
            Is::Another | Is::Unsure => self.in_a_row,
        };
        self.is_another |= is == Is::Another || self.in_a_row >= DECIDE;
    }
}

/// What came of a look.
enum Came {
    Another,
    /// As far as it shows they are the recorded ones. Of those by which the folder is known so many are there.
    Known {
        there: usize,
    },
    /// They could not be asked for.
    Nothing,
}

impl Look {
    async fn at(self, work: &mut Work<'_>, shelf: &mut Shelf) -> Result<Came, Broke> {
        let asked: BTreeSet<u32> = self.some.keys().chain(self.tried.keys()).copied().collect();
        if asked.is_empty() {
            return Ok(Came::Known { there: 0 });
        }
        let uids: Vec<u32> = asked.iter().copied().collect();
        // What cannot be asked now is asked the next time.
        let dates = if self.says_nothing { Ok(HashMap::new()) } else { shelf.dates(&uids).await };
        let Ok(dates) = dates else { return Ok(Came::Nothing) };
        let dates: HashMap<u32, i64> = dates.into_iter().filter_map(|(uid, at)| Some((uid, at?))).collect();
        work.looked.asked = asked;
        let undated = self.undated(work, shelf, &dates).await;
        let odd = self.odd(work, &dates);
        let found = self.read(work, shelf, &odd, &undated).await;
        if found.is_another {
            return given_again(work.courier, work.claim, work.mailbox).await.map(|()| Came::Another);
        }
        if !self.some.is_empty() {
            // After what may have failed, which is to be tried at the next round.
            let now = work.courier.now();
            work.courier.inside.fetched.dates(&self.place, |dates| dates.looked(now));
        }
        self.note(work, &dates, &odd, &found.letters).await?;
        Ok(Came::Known { there: self.some.keys().filter(|uid| dates.contains_key(uid)).count() })
    }

    /// Of what is left over, what is there and has no date; of what is not there any more nothing can be harmed.
    async fn undated(
        &self,
        work: &mut Work<'_>,
        shelf: &mut Shelf,
        dates: &HashMap<u32, i64>,
    ) -> BTreeSet<u32> {
        let without: BTreeSet<u32> =
            self.tried.keys().copied().filter(|uid| !dates.contains_key(uid)).collect();
        let Some(first) = without.first() else { return without };
        let Ok(listed) = shelf.uids_since(first.saturating_sub(1)).await else { return BTreeSet::new() };
        let listed: BTreeSet<u32> = listed.into_iter().collect();
        let (there, gone): (BTreeSet<u32>, BTreeSet<u32>) =
            without.into_iter().partition(|uid| listed.contains(uid));
        work.looked.unproved.retain(|uid| !gone.contains(uid));
        there
    }

    /// Those of which the server says another date than is known of them. What is left over under the date that is known is proved.
    fn odd(&self, work: &mut Work<'_>, dates: &HashMap<u32, i64>) -> BTreeSet<u32> {
        let mut odd = BTreeSet::new();
        for (uid, one) in self.some.iter().chain(&self.tried) {
            let Some(at) = dates.get(uid).copied() else { continue };
            let other = work.courier.inside.fetched.dates(&self.place, |dates| dates.other(*uid));
            let other = other.filter(|other| other.at == at);
            let is_proved = at == one.received_at || other.is_some_and(|other| other.is_sure);
            if is_proved {
                work.looked.unproved.remove(uid);
            } else if other.is_none() || self.tried.contains_key(uid) {
                odd.insert(*uid);
            }
        }
        odd
    }

    /// Some of those, until it is decided: the newest by which the folder is known, and the first of what is left over.
    async fn read(
        &self,
        work: &Work<'_>,
        shelf: &mut Shelf,
        odd: &BTreeSet<u32>,
        undated: &BTreeSet<u32>,
    ) -> Found {
        let room = letter::room(&work.courier.desk().store);
        let mut found = Found::default();
        let (mut decided, mut read) = (0, 0);
        for (uid, one) in self.some.iter().rev().filter(|(uid, _)| odd.contains(uid)) {
            if found.is_another || decided == DECIDE || read == READ_MAX {
                break;
            }
            let is = self.what_it_is(work, shelf, one, &room).await;
            found.take(*uid, is);
            read += 1;
            decided += usize::from(is == Is::Same);
        }
        // What could not be told keeps none of the others waiting.
        let unsure = work.courier.inside.fetched.dates(&self.place, |dates| dates.unsure.clone());
        let is_next = |uid: &u32| self.is_due || !unsure.contains(uid);
        let left =
            self.tried.iter().filter(|(uid, _)| (odd.contains(uid) || undated.contains(uid)) && is_next(uid));
        found.in_a_row = 0;
        for (uid, one) in left.take(LEFT_READ_MAX) {
            if found.is_another {
                break;
            }
            let is = match found.letters.get(uid) {
                Some(is) => *is,
                None => self.what_it_is(work, shelf, one, &room).await,
            };
            found.take(*uid, is);
        }
        found
    }

    async fn what_it_is(
        &self,
        work: &Work<'_>,
        shelf: &mut Shelf,
        one: &Remembered,
        room: &wire::letter::Room,
    ) -> Is {
        let Ok(fetched) = take::one(shelf, one.uid, room).await else { return Is::Unsure };
        if trials::is_blank(&fetched) {
            return Is::Unsure;
        }
        let Fetched::Message { letter, .. } = fetched else { return Is::Unsure };
        let Ok(start) = letter.start(HEAD_BYTES_MAX) else { return Is::Unsure };
        let found = mail::message::parse(mail::message::head(&start)).message_id;
        if one.message_id.is_some() && found == one.message_id {
            return Is::Same;
        }
        match (Raw::of(&letter).content_key(), &one.message_id) {
            (Ok(content), _) if content.key.as_slice() == one.content_key => Is::Same,
            (_, Some(_)) => Is::Another,
            // It had none, or one that is too long to be kept; or what is under the UID has one, which that may be.
            (Err(_), None) => Is::Unsure,
            (Ok(_), None) if found.is_some() => Is::Unsure,
            (Ok(_), None) => self.says_otherwise(work, one.uid, letter).await,
        }
    }

    /// Of a letter without a Message-ID and with another content: a server that has added a field or some lines is not
    /// believed to have another letter. A large one is not compared.
    async fn says_otherwise(&self, work: &Work<'_>, uid: u32, letter: wire::letter::Letter) -> Is {
        let (place, Some(raw)) = (self.place.clone(), letter.into_bytes()) else { return Is::Unsure };
        let compared = work.courier.blocking(move |desk| {
            let copy = desk.db.read(|tx| copies::of(tx, place.on_server(), &[uid]))?.pop();
            copy.map_or(Ok(false), |copy| copy.is_certainly_another(&desk.store, &raw))
        });
        if compared.await.unwrap_or(false) { Is::Otherwise } else { Is::Unsure }
    }

    /// None is another letter.
    async fn note(
        &self,
        work: &mut Work<'_>,
        dates: &HashMap<u32, i64>,
        odd: &BTreeSet<u32>,
        found: &HashMap<u32, Is>,
    ) -> Result<(), Broke> {
        let is_same = |uid: &u32| found.get(uid) == Some(&Is::Same);
        let same = odd.iter().chain(self.tried.keys()).filter(|uid| is_same(uid)).count();
        let any = same > 0;
        work.looked.unproved.retain(|uid| !is_same(uid));
        let is_unsure = |uid: &u32| self.tried.contains_key(uid) && !is_same(uid);
        let unsure: Vec<u32> = found.keys().copied().filter(is_unsure).collect();
        work.courier.inside.fetched.dates(&self.place, |known| {
            // Of a letter that is the same it says a third date, or of none at all when it came.
            let third = |uid: &u32| known.other(*uid).is_some_and(|other| dates.get(uid) != Some(&other.at));
            let has_none = dates.is_empty() && same >= DECIDE;
            known.say_nothing |= has_none || odd.iter().any(|uid| is_same(uid) && third(uid));
            let said = odd.iter().filter(|_| any).filter_map(|uid| Some((*uid, *dates.get(uid)?)));
            said.for_each(|(uid, at)| known.note(uid, Other { at, is_sure: is_same(&uid) }));
            known.unsure = known.unsure.iter().chain(&unsure).copied().filter(|uid| !is_same(uid)).collect();
        });
        if !unsure.is_empty() {
            let place = self.place.clone();
            let told = work
                .courier
                .write_behind(move |tx| on_server::refused(tx, place.on_server(), &unsure, UNSURE));
            told.await?;
        }
        Ok(())
    }
}
