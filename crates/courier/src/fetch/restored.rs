//! A mail server that was restored from its backup gives UIDs a second time, for other letters (RFC 3501 §2.3.1.1 forbids it, and
//! says that UIDVALIDITY changes; a copied index keeps it). Where its next UID has caught up with what was read, nothing but
//! the letters themselves shows that. Before anything new is recorded, and each quarter of an hour, some of the recorded ones are
//! asked for their internal dates, all with one command; so is what an earlier round left over, before it is moved or deleted.
//! Where dates differ, which may also be a server that keeps none, or say nothing (`dates`), Message-IDs decide; where letters have
//! none, several that say something else do.
use super::dates::{self, Says};
use super::likeness::{self, DECIDE, Found, Is};
use super::memory::{Other, Place};
use super::numbering::given_again;
use super::shelf::{Shelf, Whole};
use super::work::Work;
use super::{Broke, take, trials};
use crate::letter::{self, Raw};
use desk::intake::on_server;
use desk::intake::remembered::{self, Remembered};
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::Fetched as Settings;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use wire::imap::Fetched;

/// Of the newest rows: UIDs that are given a second time are the last ones that were given once.
const NEWEST: i64 = 10;
/// Looked at by the quarter of an hour, from the oldest on: the newest may be gone from the server.
const SPREAD: u32 = 8;
/// Where fewer of them are there, those that a listing names are looked at too.
const THIN: usize = 3;
/// Not more of them are read in one round, where they do not decide.
const READ_MAX: usize = 6;
/// Of what is left over, each is to be the recorded letter: so many are read in one round, and so many dates asked for.
const LEFT_READ_MAX: usize = 20;
const LEFT_DATES_MAX: usize = 10_000;
/// A number each.
const LEFT_MAX: i64 = 1_000_000;

const UNSURE: &str = "The server says another date of the letter under this UID than when it was fetched, and it cannot be told by its \
     Message-ID or content that it is the same one.";

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
    let (says_nothing, is_due, is_first) =
        memory.dates(&place, |dates| (dates.say_nothing, dates.is_due(now), dates.is_first()));
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
    let look = Look {
        place: place.clone(),
        some: by_uid(some),
        tried: by_uid(tried),
        says_nothing,
        is_due,
        is_first,
        has_news,
    };
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
    let (tried, is_first, has_news) = (BTreeMap::new(), true, true);
    let look =
        Look { place: place.clone(), some, tried, says_nothing: false, is_due: false, is_first, has_news };
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
    /// There was none like it before.
    is_first: bool,
    /// Something is to be recorded.
    has_news: bool,
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
        let says = self.say(work, &dates);
        let found = self.read(work, shelf, &says, &dates, &undated).await;
        if found.is_another {
            return given_again(work.courier, work.claim, work.mailbox).await.map(|()| Came::Another);
        }
        if !self.some.is_empty() {
            // After what may have failed, which is to be tried at the next round.
            let now = work.courier.now();
            work.courier.inside.fetched.dates(&self.place, |dates| dates.looked(now));
        }
        self.note(work, &dates, &says, &found.letters).await?;
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

    /// What is left over under a date that says that it is the recorded letter is proved.
    fn say(&self, work: &mut Work<'_>, dates: &HashMap<u32, i64>) -> BTreeMap<u32, Says> {
        let all = self.some.iter().chain(&self.tried);
        let recorded = all.map(|(uid, one)| (*uid, one)).collect();
        let memory = &work.courier.inside.fetched;
        let says = memory.dates(&self.place, |known| dates::say(&recorded, dates, known));
        work.looked.unproved.retain(|uid| says.get(uid) != Some(&Says::Same));
        says
    }

    /// Some of those that are not known by their dates, until it is decided: the newest by which the folder is known, and some of what is left over.
    async fn read(
        &self,
        work: &mut Work<'_>,
        shelf: &mut Shelf,
        says: &BTreeMap<u32, Says>,
        dates: &HashMap<u32, i64>,
        undated: &BTreeSet<u32>,
    ) -> Found {
        let room = letter::room(&work.courier.desk().store);
        let memory = &work.courier.inside.fetched;
        let mut found = Found::default();
        let (mut decided, mut read, mut same) = (0, 0, 0);
        // UIDs that are given a second time are the last ones: so many of the newest say it of those that have one date.
        let enough = if self.is_first { DECIDE } else { 1 };
        let was_read = memory.dates(&self.place, |dates| dates.newest_read).filter(|_| !self.has_news);
        for (uid, one) in self.some.iter().rev() {
            if found.is_another || decided == DECIDE || read == READ_MAX {
                break;
            }
            let this = dates.get(uid).map(|at| (*uid, *at));
            let is_read = match says.get(uid) {
                None | Some(Says::Known) => continue,
                Some(Says::Other) => true,
                Some(Says::Nothing) => same < enough && this != was_read,
                Some(Says::Same) => false,
            };
            if !is_read {
                same += 1;
                continue;
            }
            let is = self.what_it_is(work, shelf, one, &room).await;
            found.take(*uid, is);
            read += 1;
            if is == Is::Same {
                if same == 0 {
                    memory.dates(&self.place, |dates| dates.newest_read = this);
                }
                (decided, same) = (decided + 1, same + 1);
            }
        }
        let left = self.left(work, says, dates, undated);
        let by_date = says.iter().rev().filter(|(_, says)| **says == Says::Same);
        let newest: Vec<u32> = by_date.map(|(uid, _)| *uid).take(DECIDE).collect();
        let (mut left_read, mut proved) = (0, BTreeSet::new());
        found.in_a_row = 0;
        for (one, has_recorded_date) in left {
            if found.is_another || left_read == LEFT_READ_MAX {
                break;
            }
            let by_date = newest.iter().filter(|uid| **uid > one.uid).count();
            if has_recorded_date && by_date + found.same_above(one.uid) >= DECIDE {
                proved.insert(one.uid);
                continue;
            }
            let is = match found.letters.get(&one.uid) {
                Some(is) => *is,
                None => self.what_it_is(work, shelf, one, &room).await,
            };
            found.take(one.uid, is);
            left_read += 1;
        }
        if !found.is_another {
            work.looked.unproved.retain(|uid| !proved.contains(uid));
        }
        found
    }

    /// Of what is left over, what no date proves: under the recorded date, which says nothing, from the newest on, as those under lower
    /// UIDs are the recorded letters when the newest are; then under others, or under none.
    fn left(
        &self,
        work: &Work<'_>,
        says: &BTreeMap<u32, Says>,
        dates: &HashMap<u32, i64>,
        undated: &BTreeSet<u32>,
    ) -> Vec<(&Remembered, bool)> {
        // What could not be told keeps none of the others waiting.
        let unsure = work.courier.inside.fetched.dates(&self.place, |dates| dates.unsure.clone());
        let is_open = |uid: &u32| match says.get(uid) {
            Some(says) => *says != Says::Same,
            None => undated.contains(uid),
        };
        let open = self.tried.values().filter(|one| is_open(&one.uid));
        let open = open.filter(|one| self.is_due || !unsure.contains(&one.uid));
        let (of_its_date, others): (Vec<_>, Vec<_>) =
            open.partition(|one| dates.get(&one.uid) == Some(&one.received_at));
        let of_its_date = of_its_date.into_iter().rev().map(|one| (one, true));
        of_its_date.chain(others.into_iter().map(|one| (one, false))).collect()
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
        let Ok(found) = likeness::message_id_of(&letter) else { return Is::Unsure };
        if one.message_id.is_some() && found == one.message_id {
            return Is::Same;
        }
        match (Raw::of(&letter).content_key(), &one.message_id) {
            (Ok(content), _) if content.key.as_slice() == one.content_key => Is::Same,
            (_, Some(_)) => Is::Another,
            // It had none, or one that is too long to be kept; or what is under the UID has one, which that may be.
            (Err(_), None) => Is::Unsure,
            (Ok(_), None) if found.is_some() => Is::Unsure,
            (Ok(_), None) => {
                match likeness::is_certainly_another(work.courier, &self.place, one.uid, letter).await {
                    true => Is::Otherwise,
                    false => Is::Unsure,
                }
            }
        }
    }

    /// None is another letter.
    async fn note(
        &self,
        work: &mut Work<'_>,
        dates: &HashMap<u32, i64>,
        says: &BTreeMap<u32, Says>,
        found: &HashMap<u32, Is>,
    ) -> Result<(), Broke> {
        let is_same = |uid: &u32| found.get(uid) == Some(&Is::Same);
        let same = found.keys().filter(|uid| is_same(uid)).count();
        work.looked.unproved.retain(|uid| !is_same(uid));
        let is_unsure = |uid: &u32| self.tried.contains_key(uid) && !is_same(uid);
        let unsure: Vec<u32> = found.keys().copied().filter(is_unsure).collect();
        let recorded_at = |uid: &u32| self.some.get(uid).or(self.tried.get(uid)).map(|one| one.received_at);
        let of_another_date = says.iter().filter(|(_, says)| **says != Says::Same);
        let others: Vec<(u32, i64)> = of_another_date
            .filter_map(|(uid, _)| Some((*uid, *dates.get(uid)?)))
            .filter(|(uid, at)| recorded_at(uid) != Some(*at))
            .collect();
        work.courier.inside.fetched.dates(&self.place, |known| {
            // Of a letter that is the same it says a third date, or of none at all when it came.
            let third = |uid: &u32, at: i64| known.other(*uid).is_some_and(|other| other.at != at);
            let has_none = dates.is_empty() && same >= DECIDE;
            known.say_nothing |= has_none || others.iter().any(|(uid, at)| is_same(uid) && third(uid, *at));
            for (uid, at) in others.iter().copied().filter(|_| same > 0) {
                let was_sure = known.other(uid) == Some(Other { at, is_sure: true });
                known.note(uid, Other { at, is_sure: was_sure || is_same(&uid) });
            }
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
