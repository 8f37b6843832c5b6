//! The index of the words of entries, made anew where it is damaged: it holds nothing that the entries do not hold too, so no
//! mail waits for it. What is found by it again is the matter of `tickets/index`.
use super::{Db, Dialect, Error, Pools, Tx};
use crate::params;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Entries before this id are not in the index yet; no row of this name: all of them are.
pub(crate) const WORDS_MISSING: &str = "words_missing";

/// An index that is damaged again so soon is not the matter: it is not made anew once more, and the error stands.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

impl Db {
    /// Whether somebody who only read has met a damaged index since this was asked the last time, and since it was made
    /// anew.
    pub fn has_met_damaged_words(&self) -> bool {
        if self.words.in_vain.load(Ordering::Relaxed) {
            return false;
        }
        let met = self.words.met.lock().unwrap_or_else(PoisonError::into_inner).take();
        let renewed_at = *self.words.renewed_at.lock().unwrap_or_else(PoisonError::into_inner);
        met.is_some_and(|began| renewed_at.is_none_or(|at| began > at))
    }

    /// Puts an empty index into the place of the one that is there, and notes that the words of all entries are missing.
    pub fn renew_words(&self) -> Result<(), Error> {
        let renewed = match self.write_once(|tx| renew(tx, drop_table)).1 {
            // Its own pages may be damaged, or one of its tables be gone.
            Err(error) if matches!(&*self.pools, Pools::Lite { .. }) => {
                tracing::warn!("the index of words cannot be dropped, and is forgotten: {error}");
                self.write_once(|tx| renew(tx, forget_table)).1
            }
            done => done,
        };
        if renewed.is_ok() {
            *self.words.renewed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        renewed
    }

    /// After an error of the index, and not too often: whether it is worth another try.
    pub(super) fn mends_words(&self, why: &Error) -> bool {
        // The damage is elsewhere: it was there still when the index had been made anew.
        if self.words.in_vain.load(Ordering::Relaxed) {
            return false;
        }
        {
            let mut renewed_at = self.words.renewed_at.lock().unwrap_or_else(PoisonError::into_inner);
            if renewed_at.is_some_and(|at| at.elapsed() < AGAIN_AFTER) {
                return false;
            }
            // Also where that fails.
            *renewed_at = Some(Instant::now());
        }
        tracing::error!(
            "{why}. It is made anew, and older entries are found by their words again bit by bit"
        );
        self.renew_words()
            .inspect_err(|error| tracing::error!("the index of words cannot be made anew: {error}"))
            .is_ok()
    }
}

fn renew(tx: &mut Tx<'_>, away: fn(&mut Tx<'_>) -> Result<(), Error>) -> Result<(), Error> {
    away(tx)?;
    tx.batch(match tx.dialect() {
        Dialect::Sqlite => include_str!("../../migrations/0002_search.sqlite.sql"),
        Dialect::Postgres => include_str!("../../migrations/0002_search.postgres.sql"),
    })?;
    let (last,): (i64,) = tx.one("SELECT COALESCE(max(id), 0) FROM entry", &[])?;
    tx.execute(
        "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        params![WORDS_MISSING, (last + 1).to_string()],
    )?;
    tx.wake("inbox");
    Ok(())
}

fn drop_table(tx: &mut Tx<'_>) -> Result<(), Error> {
    if tx.dialect() == Dialect::Postgres {
        // Before the first query, which fixes what this transaction sees: who still writes into it ends first.
        tx.batch("LOCK TABLE entry_words IN ACCESS EXCLUSIVE MODE")?;
    }
    tx.batch("DROP TABLE entry_words")
}

/// Out of the schema alone. The pages that it had are used by nothing until the file is written anew (`VACUUM`).
fn forget_table(tx: &mut Tx<'_>) -> Result<(), Error> {
    tx.batch(
        "PRAGMA writable_schema = ON;
         DELETE FROM sqlite_master WHERE tbl_name = 'entry_words' OR tbl_name GLOB 'entry_words_*';
         PRAGMA writable_schema = RESET",
    )
}
