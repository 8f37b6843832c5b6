//! Many UIDs in few words: runs of neighbours, written as IMAP writes a set (RFC 3501 §9, sequence-set).
use std::fmt::Write as _;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UidSet {
    /// First and last of each run; ascending, and no two touch.
    runs: Vec<(u32, u32)>,
}

impl UidSet {
    /// Those of `listed` (ascending) that are wanted. Numbers that are in no list are nobody's, so that a run goes on over
    /// them and stays one.
    pub fn among(listed: &[u32], wanted: impl Fn(u32) -> bool) -> UidSet {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        let mut goes_on = false;
        for uid in listed {
            let is_wanted = wanted(*uid);
            match runs.last_mut() {
                Some((_, last)) if is_wanted && goes_on => *last = *uid,
                _ if is_wanted => runs.push((*uid, *uid)),
                _ => {}
            }
            goes_on = is_wanted;
        }
        UidSet { runs }
    }

    /// These (ascending) and no others.
    pub fn of(uids: &[u32]) -> UidSet {
        let runs = uids.chunk_by(|a, b| a.checked_add(1) == Some(*b));
        UidSet { runs: runs.filter_map(|run| Some((*run.first()?, *run.last()?))).collect() }
    }

    /// Each that is in a run, ascending.
    pub fn uids(&self) -> impl Iterator<Item = u32> {
        self.runs.iter().flat_map(|(first, last)| *first..=*last)
    }

    pub fn contains(&self, uid: u32) -> bool {
        let after = self.runs.partition_point(|(first, _)| *first <= uid);
        after.checked_sub(1).and_then(|at| self.runs.get(at)).is_some_and(|(_, last)| uid <= *last)
    }

    pub fn written(&self) -> String {
        let mut text = String::new();
        for (first, last) in &self.runs {
            let comma = if text.is_empty() { "" } else { "," };
            let _ = match first == last {
                true => write!(text, "{comma}{first}"),
                false => write!(text, "{comma}{first}:{last}"),
            };
        }
        text
    }

    /// What is not written as here is left out.
    pub fn read(text: &str) -> UidSet {
        let run = |part: &str| {
            let (first, last) = part.split_once(':').unwrap_or((part, part));
            let run: (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            (run.0 <= run.1).then_some(run)
        };
        let mut runs: Vec<(u32, u32)> = text.split(',').filter_map(run).collect();
        runs.sort_unstable();
        UidSet { runs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_short_holds_what_was_wanted_and_is_read_as_it_was_written() {
        let listed: Vec<u32> = (1..=20).chain(40..=45).chain([u32::MAX]).collect();
        let set = UidSet::among(&listed, |uid| uid < 9 || (12..42).contains(&uid) || uid == u32::MAX);
        assert_eq!(set.written(), "1:8,12:41,4294967295");
        assert_eq!(UidSet::read(&set.written()), set);
        for uid in &listed {
            let wanted = *uid < 9 || (12..42).contains(uid) || *uid == u32::MAX;
            assert_eq!(set.contains(*uid), wanted, "{uid}");
        }
        let exact = UidSet::of(&listed);
        assert_eq!(exact.written(), "1:20,40:45,4294967295");
        assert!(exact.uids().eq(listed.iter().copied()));
        assert_eq!(UidSet::read("").written(), "");
        assert_eq!(UidSet::read("7:3,x,:,5,1:2").written(), "1:2,5");
    }
}
