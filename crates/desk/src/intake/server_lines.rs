//! Lines that a mail server writes into the letters that it has: a banner above, a notice below. They are told from what a
//! sender has written by this alone, that the same lines stand in letters that have nothing to do with each other.
use mail::message::{Added, Said};
use std::collections::{HashMap, HashSet};

/// The same lines in so many letters, of different Message-IDs and different Dates, are the server's.
const LETTERS: usize = 3;
/// Letters that are remembered for the same lines, and lines.
const LETTERS_MAX: usize = 64;
const LINES_MAX: usize = 1_000;

/// What has been seen in the letters of one numbering.
#[derive(Clone, Debug, Default)]
pub struct ServerLines {
    /// The Message-IDs and Dates of the letters that had them.
    seen: HashMap<Added, HashSet<(String, i64)>>,
}
impl ServerLines {
    /// This letter has these lines, and is the one from before without them.
    pub(super) fn see(&mut self, lines: &Added, letter: &Said) {
        let Some((id, date_at)) = letter.id_and_date() else { return };
        if self.seen.len() >= LINES_MAX && !self.seen.contains_key(lines) {
            return;
        }
        let letters = self.seen.entry(lines.clone()).or_default();
        if letters.len() < LETTERS_MAX {
            letters.insert((id.to_owned(), date_at));
        }
    }

    pub(super) fn are_of_server(&self, lines: &Added) -> bool {
        self.seen.get(lines).is_some_and(|letters| {
            let ids: HashSet<&str> = letters.iter().map(|(id, _)| id.as_str()).collect();
            let dates: HashSet<i64> = letters.iter().map(|(_, date_at)| *date_at).collect();
            ids.len() >= LETTERS && dates.len() >= LETTERS
        })
    }
}
