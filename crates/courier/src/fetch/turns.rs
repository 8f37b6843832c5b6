//! The order in which the letters of a folder are asked for while the server asks for a pause at some of them: whatever comes
//! is to come before it asks for the next pause.

/// Of what is to be fetched, each part behind the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turns {
    /// Each of them ascending.
    pub parts: Vec<Vec<u32>>,
    /// At these the server has asked for a pause: one by one, behind all others.
    pub last: Vec<u32>,
}

/// Letters next to each other that were not asked for yet.
struct Run {
    uids: Vec<u32>,
    /// The letter before them has come.
    is_open: bool,
}

impl Turns {
    /// As they are listed.
    pub(super) fn in_order(uids: Vec<u32>) -> Turns {
        Turns { parts: vec![uids], last: Vec::new() }
    }

    /// Of these (ascending), which are listed among `listed` (ascending, from where reading stands); the others of those have
    /// come, or rest. Behind what has come more may come. Where nothing is left but what lies behind a letter that does not, one
    /// from the middle shows whether what is there comes, so that many such letters side by side cost few pauses.
    pub(super) fn of(listed: &[u32], wanted: &[u32], last: Vec<u32>, is_late: impl Fn(u32) -> bool) -> Turns {
        let others: Vec<u32> = wanted.iter().copied().filter(|uid| !is_late(*uid)).collect();
        if others.is_empty() || !listed.iter().any(|uid| is_late(*uid)) {
            return Turns { parts: vec![others], last };
        }
        let runs = runs(listed, &others, is_late);
        let mut first: Vec<u32> =
            runs.iter().filter(|run| run.is_open).flat_map(|run| run.uids.iter().copied()).collect();
        if first.is_empty() {
            let at_the_end = runs.last().filter(|run| run.uids.last() == listed.last());
            let run = at_the_end.or_else(|| runs.iter().max_by_key(|run| run.uids.len()));
            first.extend(run.and_then(|run| run.uids.get(run.uids.len() / 2)));
        }
        let rest = others.into_iter().filter(|uid| first.binary_search(uid).is_err()).collect();
        Turns { parts: vec![first, rest], last }
    }

    /// Before this one the cursor stands while this part is fetched: it is asked for in a later one.
    pub(super) fn left_before(&self, part: usize) -> Option<u32> {
        self.parts.iter().skip(part + 1).filter_map(|part| part.first().copied()).min()
    }
}

fn runs(listed: &[u32], others: &[u32], is_late: impl Fn(u32) -> bool) -> Vec<Run> {
    let (mut runs, mut is_open): (Vec<Run>, bool) = (Vec::new(), true);
    let mut goes_on = false;
    for uid in listed {
        let is_wanted = others.binary_search(uid).is_ok();
        if !is_wanted {
            (is_open, goes_on) = (!is_late(*uid), false);
        } else if let Some(run) = runs.last_mut().filter(|_| goes_on) {
            run.uids.push(*uid);
        } else {
            runs.push(Run { uids: vec![*uid], is_open });
            goes_on = true;
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(wanted: &[u32], late: &[u32]) -> Vec<Vec<u32>> {
        let listed: Vec<u32> = (2..=20).collect();
        let turns = Turns::of(&listed, wanted, Vec::new(), |uid| late.contains(&uid));
        turns.parts.into_iter().filter(|part| !part.is_empty()).collect()
    }

    #[test]
    fn as_long_as_the_server_asks_for_no_pause_they_come_as_they_are_listed() {
        let all: Vec<u32> = (2..=20).collect();
        assert_eq!(turns(&all, &[]), std::slice::from_ref(&all));
    }

    #[test]
    fn behind_a_letter_that_does_not_come_one_from_the_middle_is_asked_for_first() {
        let wanted: Vec<u32> = (3..=20).collect();
        assert_eq!(turns(&wanted, &[2])[0], [12]);
        let without: Vec<u32> = wanted.iter().copied().filter(|uid| *uid != 12).collect();
        assert_eq!(turns(&without, &[2, 12])[0], [17], "where new mail comes");
        assert_eq!(turns(&[4, 5, 6, 9], &[2, 8, 20])[0], [4, 5, 6], "the one before has come");
        assert_eq!(turns(&[4, 5, 6, 9], &[2, 3, 8, 7])[0], [5], "no one has");
    }

    #[test]
    fn what_lies_behind_what_has_come_is_asked_for_before_all_others_and_the_cursor_stands_before_the_rest() {
        let turns = Turns::of(&[2, 3, 4, 5, 6, 7], &[3, 4, 6, 7], vec![2], |uid| uid == 2);
        let parts = vec![vec![6, 7], vec![3, 4]];
        assert_eq!(turns, Turns { parts, last: vec![2] });
        assert_eq!((turns.left_before(0), turns.left_before(1)), (Some(3), None));
    }
}
