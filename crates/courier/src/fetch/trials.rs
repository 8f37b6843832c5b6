//! Messages that a server lists and does not deliver.
use crate::trouble::sentence;
use desk::mailboxes::put_off::PutOff;
use std::collections::{BTreeMap, BTreeSet};
use wire::imap::Fetched;
use wire::letter::Letter;

/// Messages that a server lists and does not deliver are looked into one by one, but not more of them in one round.
const SKIPS_MAX: usize = 10;
/// Messages that are tried to see whether the server works.
const LOOKED_AT: usize = 4;
/// Each may cost a sign-in.
const HALVINGS_MAX: usize = 30;
/// So long a message that does not come for now is asked for again: less than what the desk takes for lasting.
pub(super) const PUT_OFF_MS: i64 = 14 * 60_000;
const _: () =
    assert!(PUT_OFF_MS < desk::alerts::condition::WAITS_MS, "what is put off is no alert before it is left");
/// The same where the server delivers no other by which it shows that it works.
pub(super) const PUT_OFF_ALONE_MS: i64 = 24 * 60 * 60_000;
/// Between two times that one is asked for: a quarter of the time that it has not come, within these bounds. A server that tells
/// of news every second is not asked for it as often.
const PAUSE_MS: std::ops::RangeInclusive<i64> = 30_000..=5 * 60_000;

/// So long one at which the server asks for a pause is left out when the others have come, besides that pause; less where there are several, of
/// which one is asked for at a time.
const OUT_OF_THE_WAY_MS: i64 = 18 * 60_000;
const OUT_OF_THE_WAY_MS_MIN: i64 = 5 * 60_000;
const _: () = assert!(
    OUT_OF_THE_WAY_MS_MIN > crate::trouble::RETRY_MS_MIN * 5 / 4,
    "a round that follows comes between"
);

/// Begins what is said of one at which the server asks for a pause, and tells those from the others.
const ASKS_FOR_A_PAUSE: &str = "The server asks for a pause when it is asked for this one.";

/// What does not come in a round, and how much of that is borne.
#[derive(Debug)]
pub(super) struct Trials {
    /// How many more messages may be passed over.
    pub spare: usize,
    /// One more than those did not come: the rest of what does not come at once is left for the next round.
    pub is_spent: bool,
    /// How many more parts that are refused are asked for by halves then, for those among them that come.
    halvings: usize,
    /// Those that do not come for now: reading stands before the first of them, while what is behind it is fetched.
    pub put_off: BTreeSet<u32>,
    /// Those that were listed, and were not there any more when they were asked for.
    pub gone: BTreeSet<u32>,
    /// Those that are put off, with those of earlier rounds, as the desk keeps them.
    kept: BTreeMap<u32, PutOff>,
    is_changed: bool,
    /// A person wants them now.
    is_pressed: bool,
    /// The same of those at which the server asks for a pause: not again when it has done so.
    presses_late: bool,
    /// This one is asked for later in this round: reading stands before it too.
    pub left_before: Option<u32>,
    /// The highest that has come of what is listed behind the cursor.
    pub came_to: u32,
    /// The server has asked for a pause at a letter while others come: it is that one's, and no failure of the mailbox.
    pub serves: bool,
}
impl Trials {
    pub(super) fn new() -> Trials {
        Trials {
            spare: SKIPS_MAX,
            is_spent: false,
            halvings: HALVINGS_MAX,
            put_off: BTreeSet::new(),
            gone: BTreeSet::new(),
            kept: BTreeMap::new(),
            is_changed: false,
            is_pressed: false,
            presses_late: false,
            left_before: None,
            came_to: 0,
            serves: false,
        }
    }
    /// What earlier rounds have put off.
    pub(super) fn know(&mut self, kept: BTreeMap<u32, PutOff>, is_pressed: bool, failures: i64) {
        (self.kept, self.is_pressed, self.is_changed) = (kept, is_pressed, false);
        self.presses_late = is_pressed && failures == 0;
    }
    /// Whether a part of several that did not come is asked for by halves.
    pub(super) fn may_halve(&mut self) -> bool {
        if self.is_spent {
            let left = self.halvings.checked_sub(1);
            self.halvings = left.unwrap_or(0);
            return left.is_some();
        }
        true
    }
    /// How far reading may have come, when it has come to this UID.
    pub(super) fn as_far(&self, uid: u32) -> u32 {
        let stands = self.put_off.first().into_iter().chain(&self.left_before).min();
        stands.map_or(uid, |first| uid.min(first.saturating_sub(1)))
    }
    /// The highest of these (ascending) that was there.
    pub(super) fn last_there(&self, uids: &[u32]) -> u32 {
        uids.iter().rev().find(|uid| !self.gone.contains(uid)).copied().unwrap_or(0)
    }
    /// Whether a message that does not come for now is to be asked for again in a later round: for this long.
    pub(super) fn puts_off(&mut self, uid: u32, said: &str, now: i64, most_ms: i64) -> bool {
        // A clock that was set back begins anew.
        let since = self.kept.get(&uid).map_or(now, |one| one.since.min(now));
        let age = now.saturating_sub(since);
        let next_at = now.saturating_add((age / 4).clamp(*PAUSE_MS.start(), *PAUSE_MS.end()));
        self.kept.insert(uid, PutOff { since, said: said.to_owned(), next_at });
        self.is_changed = true;
        age < most_ms
    }
    /// The server asks for a pause at this one. It is asked for behind all others from now on; only where the server does so for the first time,
    /// after letters have come in this round, it may be by their number, and this one is the next. `is_last`: the others came before.
    pub(super) fn stands_in_the_way(
        &mut self,
        uid: u32,
        error: &wire::Error,
        now: i64,
        came: bool,
        is_last: bool,
    ) {
        let Some(pause) = error.retry_after_ms() else { return };
        let since = self.kept.get(&uid).map(|one| one.since.min(now));
        let is_first = since.is_none() && came && !self.has_late();
        let shows = came || uid < self.came_to;
        self.serves |= shows;
        let said = format!("{ASKS_FOR_A_PAUSE}{}", answer(Some(error), false));
        let next_at = if is_first { now } else { now.saturating_add(1) };
        self.kept.insert(uid, PutOff { since: since.unwrap_or(now), said, next_at });
        self.is_changed = true;
        if is_last && shows {
            self.rest(uid, now.saturating_add(pause.max(0)));
        }
    }
    /// With this one the others of its kind rest too, and are asked for before it then.
    fn rest(&mut self, uid: u32, from: i64) {
        let others = self.last(|one| *one != uid);
        let many = i64::try_from(others.len()).unwrap_or(i64::MAX).saturating_add(1);
        let rests = (OUT_OF_THE_WAY_MS / many).max(OUT_OF_THE_WAY_MS_MIN);
        let first_at = from.saturating_add(rests).saturating_sub(many);
        for (uid, at) in others.into_iter().chain([uid]).zip(first_at..) {
            self.kept.entry(uid).and_modify(|one| one.next_at = at);
        }
    }
    /// Those of these at which the server asks for a pause, the one that was asked for longest ago first.
    pub(super) fn last(&self, among: impl Fn(&u32) -> bool) -> Vec<u32> {
        let late = self.kept.iter().filter(|(uid, one)| is_late(one) && among(uid));
        let mut late: Vec<(i64, u32)> = late.map(|(uid, one)| (one.next_at, *uid)).collect();
        late.sort_unstable();
        late.into_iter().map(|(_, uid)| uid).collect()
    }
    pub(super) fn has_late(&self) -> bool {
        self.kept.values().any(is_late)
    }
    /// Whether the server asks for a pause at this one, and not for all that it gives.
    pub(super) fn is_late(&self, uid: u32) -> bool {
        self.kept.get(&uid).is_some_and(is_late)
    }
    /// It came, or is given up.
    pub(super) fn settled(&mut self, uid: u32) {
        self.put_off.remove(&uid);
        self.is_changed |= self.kept.remove(&uid).is_some();
    }
    /// Under another numbering there are other messages.
    pub(super) fn forget(&mut self) {
        self.is_changed |= !self.kept.is_empty();
        self.kept.clear();
    }
    /// Of those that are listed behind the cursor, whether some are put off, so that others there may be recorded already. The
    /// ones whose time has not come yet stay put off.
    pub(super) fn has_put_off(&mut self, uid_last: u32, listed: &[u32], now: i64) -> bool {
        let before = self.kept.len();
        let has_behind = self.kept.range(uid_last.saturating_add(1)..).next().is_some();
        // The others are gone from the server.
        self.kept.retain(|uid, _| *uid <= uid_last || listed.binary_search(uid).is_ok());
        self.is_changed |= self.kept.len() < before;
        let presses = |one: &PutOff| if is_late(one) { self.presses_late } else { self.is_pressed };
        let behind = self.kept.range(uid_last.saturating_add(1)..);
        let rest = behind.filter(|(_, one)| !presses(one) && one.rests(now));
        self.put_off.extend(rest.map(|(uid, _)| *uid));
        has_behind
    }
    /// All that are put off, and why.
    pub(super) fn all(&self) -> &BTreeMap<u32, PutOff> {
        &self.kept
    }
    /// Those that reading has gone past, and that are to be asked for by now.
    pub(super) fn due_before(&self, uid_last: u32, now: i64) -> Vec<u32> {
        let past = self.kept.range(..=uid_last).filter(|(_, one)| !one.rests(now));
        past.map(|(uid, _)| *uid).collect()
    }
    /// The server does not list the others any more.
    pub(super) fn keep_listed(&mut self, listed: &[u32]) {
        let before = self.kept.len();
        self.kept.retain(|uid, _| listed.binary_search(uid).is_ok());
        self.is_changed |= self.kept.len() < before;
    }
    /// What the desk is to keep, where that is another than it was.
    pub(super) fn take_changed(&mut self) -> Option<BTreeMap<u32, PutOff>> {
        std::mem::take(&mut self.is_changed).then(|| self.kept.clone())
    }
}

/// It is asked for behind all others: the server has asked for a pause at it.
fn is_late(one: &PutOff) -> bool {
    one.said.starts_with(ASKS_FOR_A_PAUSE) && one.next_at > one.since
}

/// There is nothing in it. Some servers list a message before they have its bytes, and two such would be one by their content.
pub(super) fn is_blank(fetched: &Fetched) -> bool {
    matches!(fetched, Fetched::Message { letter, .. } if is_white(letter))
}

/// The same of a letter. What is large enough to lie on the disk is not looked through.
pub(super) fn is_white(letter: &Letter) -> bool {
    letter.bytes().is_some() && letter.is_blank().is_ok_and(|blank| blank)
}

/// Some of these, the newest and the oldest among them.
pub(super) fn spread(uids: &[u32]) -> Vec<u32> {
    let last = uids.len().saturating_sub(1);
    let mut some: Vec<u32> =
        (0..LOOKED_AT).filter_map(|at| uids.get(last - last * at / (LOOKED_AT - 1)).copied()).collect();
    some.dedup();
    some
}

/// The server answered, or broke off, because of what was asked for; not a pause it asks for, a sign-in, a link that was
/// never there, or our own disk.
pub(super) fn concerns_messages(error: &wire::Error) -> bool {
    match error.kind() {
        _ if error.is_unkept() => false,
        wire::Kind::Rejected | wire::Kind::Broken => true,
        wire::Kind::Transient { retry_after_ms: None } => error.tried() == wire::FETCHING,
        wire::Kind::Transient { retry_after_ms: Some(_) } | wire::Kind::Unauthorized => false,
    }
}

/// What is said of one that comes after too many that do not.
pub(super) fn too_many() -> String {
    format!(
        "More than {SKIPS_MAX} letters of this folder did not come, so that this one is asked for in a later round."
    )
}

/// What is said of one that does not come.
pub(super) fn undelivered(last: Option<&wire::Error>, is_blank: bool) -> String {
    format!("The server lists it but does not deliver it.{}", answer(last, is_blank))
}

/// Whether it is given up in the end, by what is said of it.
pub(super) fn is_given_up(one: &PutOff) -> bool {
    !one.said.starts_with(ASKS_FOR_A_PAUSE)
}

fn answer(last: Option<&wire::Error>, is_blank: bool) -> String {
    match last.map(|error| (error.server_text(), error)) {
        None if is_blank => " What it gives for it is empty.".to_owned(),
        None => String::new(),
        Some((Some(text), _)) => format!(" It answers “{text}”."),
        Some((None, error)) => format!(" {}", sentence(&error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stands_before_the_first_that_is_put_off() {
        let mut trials = Trials::new();
        assert_eq!(trials.as_far(9), 9);
        trials.put_off.extend([7, 5]);
        assert_eq!((trials.as_far(9), trials.as_far(3)), (4, 3));
    }

    #[test]
    fn one_that_does_not_come_is_asked_for_again_for_a_while_and_less_and_less_often() {
        const MINUTE: i64 = 60_000;
        let mut trials = Trials::new();
        for (at, again, rests) in [
            (0, true, 30_000),
            (5, true, 75_000),
            (13, true, 195_000),
            (14, false, 210_000),
            (600, false, 300_000),
            (-9, true, 30_000),
            (4, true, 195_000),
            (5, false, 210_000),
        ] {
            assert_eq!(trials.puts_off(3, "busy", at * MINUTE, 14 * MINUTE), again, "{at}");
            let kept = trials.take_changed().unwrap();
            assert_eq!(kept[&3].next_at, at * MINUTE + rests, "{at}");
            assert!(trials.take_changed().is_none());
        }
        trials.settled(3);
        assert!(trials.take_changed().unwrap().is_empty());
        assert!(!trials.has_put_off(0, &[3], 0));

        trials.puts_off(3, "busy", 600 * MINUTE, MINUTE);
        assert!(trials.has_put_off(2, &[3, 4], 601 * MINUTE) && trials.put_off.is_empty());
        assert!(trials.has_put_off(2, &[3, 4], 600 * MINUTE) && trials.put_off.contains(&3), "it rests");
        assert!(!trials.has_put_off(3, &[4], 0), "reading has gone past it");
        assert_eq!(
            (trials.due_before(3, 601 * MINUTE), trials.due_before(3, 600 * MINUTE)),
            (vec![3], vec![])
        );
        assert!(trials.has_put_off(2, &[4], 0), "what is behind it may be recorded");
        assert!(!trials.has_put_off(2, &[3, 4], 0), "it is gone");
    }

    #[test]
    fn those_at_which_the_server_asks_for_a_pause_rest_in_turn_when_others_come() {
        let error =
            wire::Error::new(wire::Kind::Transient { retry_after_ms: Some(7_000) }, wire::FETCHING, "h");
        let mut trials = Trials::new();
        trials.stands_in_the_way(3, &error, 0, true, false);
        assert!(trials.serves && !trials.is_late(3), "it may be by their number");
        trials.stands_in_the_way(3, &error, 60_000, false, false);
        assert!(trials.is_late(3) && !trials.kept[&3].rests(60_001), "at the end of the next round");
        trials.stands_in_the_way(5, &error, 120_000, true, false);
        assert_eq!(trials.last(|_| true), [3, 5]);
        trials.stands_in_the_way(3, &error, 180_000, false, true);
        assert_eq!(trials.last(|_| true), [5, 3], "no letter has come: as soon as the server may be asked");
        assert!(!trials.kept[&5].rests(180_001));
        trials.came_to = 9;
        trials.stands_in_the_way(5, &error, 240_000, false, true);
        assert_eq!(trials.last(|_| true), [3, 5], "the other one is asked for first then");
        assert_eq!(trials.kept[&5].next_at, 240_000 + 7_000 + 9 * 60_000 - 1);
        assert!(trials.kept.values().all(|one| one.rests(240_000 + 9 * 60_000) && !is_given_up(one)));
    }

    #[test]
    fn one_of_nothing_but_white_space_is_none() {
        let of =
            |bytes: &[u8]| Fetched::Message { uid: 1, internal_date_at: None, letter: bytes.to_vec().into() };
        assert!(is_blank(&of(b"")) && is_blank(&of(b"\r\n \t\r\n")));
        assert!(!is_blank(&of(b"\r\nHello")) && !is_blank(&Fetched::Missing { uid: 1 }));
    }
}
