//! Replay: the raw mail that is here is read by today's parser and filed by today's rules into a desk of its own, and what
//! comes out otherwise is told.
use crate::file;
use desk::Desk;
use desk::intake::filing;
use desk::intake::replay::{self, Difference, Range, Scratch};
use std::path::Path;

/// Messages that are read of the inbox at once.
const BATCH: i64 = 200;

/// How many messages were filed again, and how many of them come out otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub messages: usize,
    pub different: usize,
}

/// `folder` is empty, and holds the other desk: its rows, with the texts of that mail, and no files. It blocks.
pub fn replay(
    desk: &Desk,
    folder: &Path,
    range: &Range,
    now: i64,
    mut told: impl FnMut(Difference),
) -> desk::Result<Tally> {
    let mut scratch = Scratch::make(&desk.db, folder)?;
    let mut after = desk.db.read(|tx| replay::before_first(tx, range))?;
    let mut tally = Tally::default();
    loop {
        let batch = desk.db.read(|tx| replay::next(tx, range, after, BATCH))?;
        let Some(last) = batch.last() else { return Ok(tally) };
        after = last.claim.inbox_id;
        for came in &batch {
            // What is too large to be in memory is only named.
            let read = match file::parse(desk, None, &came.claim, now) {
                Ok(parsed) => Ok(filing::unkept(parsed)?),
                Err(outcome) => Err(outcome),
            };
            tally.messages += 1;
            if let Some(difference) = scratch.file(&desk.db, came, read)? {
                tally.different += 1;
                told(difference);
            }
        }
    }
}
