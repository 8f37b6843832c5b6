//! Messages that a server lists and does not deliver for now: since when, what it said last, and when each is asked for again.
//! A few of a folder at most, for a server that delivers no more than that is ill as a whole.
use crate::db::{Query, Tx};
use crate::{Result, params, row};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOff {
    pub since: i64,
    /// Why it does not come, in a sentence.
    pub said: String,
    pub next_at: i64,
}
impl PutOff {
    /// It is not asked for yet. A time far ahead is of a clock that was wrong.
    pub fn rests(&self, now: i64) -> bool {
        (now..now.saturating_add(LATER_MS)).contains(&self.next_at.saturating_sub(1))
    }
}
/// Nothing is put off for longer at once.
const LATER_MS: i64 = 60 * 60_000;

/// By UID. Of a folder under this UIDVALIDITY; what was put off under another one is gone with its numbers.
pub fn of(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
) -> Result<BTreeMap<u32, PutOff>> {
    let rows: Vec<(u32, i64, String, i64)> = tx.all(
        "SELECT uid, since, said, next_at FROM put_off
         WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 ORDER BY uid LIMIT 10000",
        params![mailbox_id, folder, uid_validity],
    )?;
    Ok(rows.into_iter().map(|(uid, since, said, next_at)| (uid, PutOff { since, said, next_at })).collect())
}

/// These, and no others of the folder.
pub fn keep(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    all: &BTreeMap<u32, PutOff>,
) -> Result<()> {
    tx.execute("DELETE FROM put_off WHERE mailbox_id = $1 AND folder = $2", params![mailbox_id, folder])?;
    let all: Vec<(&u32, &PutOff)> = all.iter().collect();
    for some in all.chunks(100) {
        let mut query = Query::new(
            "INSERT INTO put_off (mailbox_id, folder, uid_validity, uid, since, said, next_at) VALUES ",
        );
        query.bind_rows(some.iter().map(|(uid, one)| {
            row![mailbox_id, folder, uid_validity, **uid, one.since, one.said.as_str(), one.next_at]
        }));
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}
