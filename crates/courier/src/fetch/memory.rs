//! What this process remembers of how servers behaved, beside what the desk keeps. A restart begins anew, which costs another
//! try and no mail.
use super::settling::Unsettled;
use desk::intake::inbox::NUMBERED_NOWHERE;
use desk::intake::on_server;
use desk::mailboxes::mailbox::{Fetched, Mailbox};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A folder whose messages are numbered anew more often than this is not read from its beginning each time.
const RENUMBERED_MS: i64 = 60 * 60_000;
/// Between two looks at letters of a folder in which nothing new came.
const LOOKED_MS: i64 = 15 * 60_000;
/// Letters of which something is remembered in one folder.
const DATES_MAX: usize = 20_000;

/// A folder and the numbering of its messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub mailbox_id: i64,
    pub folder: String,
    pub uid_validity: u32,
}

impl Place {
    /// The folder whatever its numbering is.
    fn of_any(mailbox: &Mailbox) -> Place {
        Place::of(mailbox, NUMBERED_NOWHERE)
    }

    pub(super) fn of(mailbox: &Mailbox, uid_validity: u32) -> Place {
        Place { mailbox_id: mailbox.id, folder: mailbox.folder_or_inbox().to_owned(), uid_validity }
    }

    /// As the desk is asked for it.
    pub(super) fn on_server(&self) -> on_server::Place<'_> {
        on_server::Place {
            mailbox_id: self.mailbox_id,
            folder: &self.folder,
            uid_validity: self.uid_validity,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    seen: Mutex<HashMap<Place, Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    /// What the server called this numbering last, and since when.
    numbering: Option<(u32, Option<i64>)>,
    /// What the last listing had not, of all that is known.
    gone: HashSet<u32>,
    was_empty: bool,
    unsettled: Unsettled,
    dates: Dates,
    /// When it was last found to hold other letters under UIDs that were given before.
    given_again_at: Option<i64>,
    /// Rounds in a row in which the server did not know any more what it had listed of the folder.
    lost_places: u32,
}

/// What the server says of when letters came that are recorded.
#[derive(Debug, Default)]
pub(super) struct Dates {
    looked_at: Option<i64>,
    /// They are others each time, or there are none: they say nothing of whether it is the same letter.
    pub say_nothing: bool,
    /// Of letters that are the same under another date, or seem so: what that is.
    others: HashMap<u32, Other>,
    /// The newest letter, and its date, which others bear too, that was read and found to be the recorded one.
    pub newest_read: Option<(u32, i64)>,
    /// By POP3, of letters without a Message-ID that were read and found to be the recorded ones: SHA-256 of their header fields.
    heads: HashMap<u32, [u8; 32]>,
    /// Of what was left over, what could not be told to be the recorded letter.
    pub unsure: HashSet<u32>,
    /// Few of the letters that were asked for are there. Whether those up to this UID, the highest of them, are the recorded ones
    /// is to be seen by a listing, whenever that comes; what is read meanwhile has other UIDs, and says nothing of it.
    pub doubt: Option<u32>,
}

/// Another date than the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub at: i64,
    /// This very letter was found to be the recorded one.
    pub is_sure: bool,
}

impl Dates {
    /// Whether letters are to be looked at now though nothing came.
    pub(super) fn is_due(&self, now: i64) -> bool {
        self.looked_at.is_none_or(|at| now.saturating_sub(at).saturating_abs() >= LOOKED_MS)
    }

    /// In this process.
    pub(super) fn is_first(&self) -> bool {
        self.looked_at.is_none()
    }

    pub(super) fn looked(&mut self, now: i64) {
        self.looked_at = Some(now);
    }

    pub(super) fn has_head(&self, uid: u32, head: &[u8; 32]) -> bool {
        self.heads.get(&uid) == Some(head)
    }

    pub(super) fn note_head(&mut self, uid: u32, head: [u8; 32]) {
        keep(&mut self.heads, uid, head);
    }

    pub(super) fn other(&self, uid: u32) -> Option<Other> {
        self.others.get(&uid).copied()
    }

    pub(super) fn note(&mut self, uid: u32, other: Other) {
        keep(&mut self.others, uid, other);
    }
}

/// With a bound: where there are too many it begins anew.
fn keep<T>(all: &mut HashMap<u32, T>, uid: u32, one: T) {
    if all.len() >= DATES_MAX {
        all.clear();
    }
    all.insert(uid, one);
}

impl Memory {
    fn of<T>(&self, place: &Place, look: impl FnOnce(&mut Seen) -> T) -> T {
        let mut all: MutexGuard<'_, _> = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        look(all.entry(place.clone()).or_default())
    }

    /// Of when letters of this folder came.
    pub(super) fn dates<T>(&self, place: &Place, look: impl FnOnce(&mut Dates) -> T) -> T {
        self.of(place, |seen| look(&mut seen.dates))
    }

    /// In this round the server has lost its place in the folder, or has not.
    pub(super) fn note_lost_place(&self, mailbox: &Mailbox, is_lost: bool) {
        self.of(&Place::of_any(mailbox), |seen| {
            seen.lost_places = if is_lost { seen.lost_places + 1 } else { 0 };
        });
    }
    /// In how many rounds in a row.
    pub(super) fn lost_places(&self, mailbox: &Mailbox) -> u32 {
        self.of(&Place::of_any(mailbox), |seen| seen.lost_places)
    }

    /// Of letters to which it could not be done on the server, what *Fetched Emails* says now.
    pub(super) fn unsettled<T>(
        &self,
        place: &Place,
        fetched: &Fetched,
        look: impl FnOnce(&mut Unsettled) -> T,
    ) -> T {
        self.of(place, |seen| look(seen.unsettled.of(fetched)))
    }

    /// Nothing of this mailbox rests any longer.
    pub(super) fn wake(&self, mailbox_id: i64) {
        let mut all: MutexGuard<'_, _> = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter_mut()
            .filter(|(place, _)| place.mailbox_id == mailbox_id)
            .for_each(|(_, seen)| seen.unsettled.wake());
    }

    /// Whether it is within an hour since a folder was found to hold other letters under UIDs that were given before.
    pub(super) fn was_given_again(&self, mailbox: &Mailbox, now: i64) -> bool {
        // Its number is another one each time.
        self.of(&Place::of_any(mailbox), |seen| is_recent(seen.given_again_at, now))
    }
    /// It was found to, and has a number of its own from now on: the hour begins.
    pub(super) fn note_given_again(&self, mailbox: &Mailbox, now: i64) {
        self.of(&Place::of_any(mailbox), |seen| seen.given_again_at = Some(now));
    }

    /// Whether the server has numbered its messages anew for the second time within an hour. A round that fails after the first
    /// time costs nothing: the next one meets the number that it has met, which is none that is new.
    pub(super) fn is_renumbered_again(&self, place: &Place, uid_validity: u32, now: i64) -> bool {
        self.of(place, |seen| {
            let (last, changed_at) = seen.numbering.get_or_insert((uid_validity, None));
            if std::mem::replace(last, uid_validity) == uid_validity {
                return false;
            }
            let is_again = is_recent(*changed_at, now);
            if !is_again {
                *changed_at = Some(now);
            }
            is_again
        })
    }

    /// Of what a listing has no more, that which the one before it had not either; nothing of one that is empty for the first
    /// time in a row.
    pub(super) fn gone_again(&self, place: &Place, gone: &[u32], is_empty: bool) -> Gone {
        self.of(place, |seen| {
            let now: HashSet<u32> = gone.iter().copied().collect();
            let again = now.intersection(&seen.gone).copied().collect();
            let is_surprising = is_empty && !seen.was_empty;
            (seen.gone, seen.was_empty) = (now, is_empty);
            Gone { again, is_surprising }
        })
    }
}

/// Whether that is less than an hour ago. A clock that was set back begins anew.
fn is_recent(at: Option<i64>, now: i64) -> bool {
    at.is_some_and(|at| (0..RENUMBERED_MS).contains(&now.saturating_sub(at)))
}

/// What a listing has no more.
#[derive(Debug)]
pub(super) struct Gone {
    /// Nor had the one before it.
    pub again: HashSet<u32>,
    /// It has nothing at all, which the next one is to confirm.
    pub is_surprising: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn place() -> Place {
        Place { mailbox_id: 1, folder: "INBOX".into(), uid_validity: 7 }
    }

    #[test]
    fn a_numbering_may_change_once_an_hour() {
        let (memory, place) = (Memory::default(), place());
        for (at, validity, again) in [
            (0, 1, false),
            (1, 1, false),
            (2, 2, false),
            (3, 3, true),
            (4, 3, false),
            (5, 4, true),
            (62, 5, false),
        ] {
            assert_eq!(memory.is_renumbered_again(&place, validity, at * MINUTE), again, "{at}");
        }
    }
}
