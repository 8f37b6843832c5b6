//! What the server's internal dates say of letters that are recorded. One that several of them bear says nothing: a server may
//! give one date to all (the moment of its migration, say), and gives it to other letters under the same UIDs too, once it is restored.
use super::memory::Dates;
use desk::intake::remembered::Remembered;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What the date of one says, which is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// It is the recorded one: the date is, or this very letter was found to be it under this date.
    Same,
    /// It may be any.
    Nothing,
    /// It is another date than the recorded one.
    Other,
    /// So it was before, when others of such dates were found to be the recorded ones.
    Known,
}

/// Of the recorded letters that were asked for, those that are there. Milliseconds, in whole seconds.
pub(super) fn say(
    recorded: &BTreeMap<u32, &Remembered>,
    dates: &HashMap<u32, i64>,
    known: &Dates,
) -> BTreeMap<u32, Says> {
    // One that came twice is recorded with its first date.
    let letters: HashSet<(i64, &[u8])> = recorded.values().map(|one| (one.received_at, name(one))).collect();
    let mut shared = repeated(letters.iter().map(|(at, _)| at));
    shared.extend(repeated(dates.values()));
    let says = |uid: u32, one: &Remembered, at: i64| {
        let other = known.other(uid).filter(|other| other.at == at);
        match other {
            _ if shared.contains(&at) => Says::Nothing,
            _ if at == one.received_at => Says::Same,
            Some(other) if other.is_sure => Says::Same,
            Some(_) => Says::Known,
            None => Says::Other,
        }
    };
    let there = recorded.iter().filter_map(|(uid, one)| Some((*uid, *one, *dates.get(uid)?)));
    there.map(|(uid, one, at)| (uid, says(uid, one, at))).collect()
}

fn name(one: &Remembered) -> &[u8] {
    one.message_id.as_ref().map_or(&one.content_key, |id| id.as_bytes())
}

fn repeated<'a>(dates: impl Iterator<Item = &'a i64>) -> HashSet<i64> {
    let mut once = HashSet::new();
    dates.copied().filter(|at| !once.insert(*at)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::memory::Other;
    use super::*;

    #[test]
    fn a_date_that_several_letters_bear_here_or_there_says_nothing() {
        let recorded = [(1, 10), (2, 20), (3, 30), (4, 40), (5, 40), (6, 60), (7, 70), (8, 80), (9, 20)];
        let all: Vec<Remembered> = recorded
            .map(|(uid, received_at)| {
                let id = if uid == 9 { 2 } else { uid }; // it came twice
                let message_id = Some(format!("{id}@customer.example"));
                Remembered { uid, received_at, message_id, content_key: vec![0; 32] }
            })
            .into();
        let recorded = all.iter().map(|one| (one.uid, one)).collect();
        // 8 is not there.
        let dates = [(1, 10), (2, 20), (3, 35), (4, 40), (5, 51), (6, 66), (7, 66), (9, 90)].into();
        let mut known = Dates::default();
        known.note(3, Other { at: 35, is_sure: false });
        known.note(5, Other { at: 51, is_sure: true });
        known.note(7, Other { at: 66, is_sure: true });
        let said = say(&recorded, &dates, &known);
        let expected = [
            (1, Says::Same),
            (2, Says::Same),
            (3, Says::Known),
            (4, Says::Nothing),
            (5, Says::Same),
            (6, Says::Nothing),
            (7, Says::Nothing),
            (9, Says::Other),
        ];
        assert_eq!(said, expected.into());
    }
}
