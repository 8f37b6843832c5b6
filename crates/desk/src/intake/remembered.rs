//! Letters of a folder as they were recorded, by which its server is seen to hold the same ones under the same UIDs still. What
//! was left on the server is none: what is recorded of it is a note.
use super::on_server::Place;
use crate::db::Query;
use crate::{Result, db::Tx, params};

/// What a letter is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub uid: u32,
    /// The server's internal date, in milliseconds.
    pub received_at: i64,
    pub message_id: Option<String>,
    pub content_key: Vec<u8>,
}
type Columns = (u32, i64, Option<String>, Vec<u8>);
/// The same, and what was done with it on the server.
type Next = (u32, i64, Option<String>, Vec<u8>, String);

fn of_columns((uid, received_at, message_id, content_key): Columns) -> Remembered {
    Remembered { uid, received_at, message_id, content_key }
}

/// Those with the highest UIDs, highest first: of this many rows, whatever these are.
pub fn newest(tx: &mut Tx<'_>, place: Place<'_>, limit: i64) -> Result<Vec<Remembered>> {
    let rows = tx.all(NEWEST, params![place.mailbox_id, place.folder, place.uid_validity, limit])?;
    Ok(rows.into_iter().map(of_columns).collect())
}
const NEWEST: &str = "SELECT uid, received_at, message_id, content_key FROM (
     SELECT uid, received_at, message_id, content_key, settled_as FROM (
         SELECT uid, received_at, message_id, content_key, settled_as FROM inbox
         WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 ORDER BY uid DESC LIMIT $4) AS once
     UNION ALL
     SELECT uid, received_at, message_id, content_key, settled_as FROM (
         SELECT a.uid, i.received_at, i.message_id, COALESCE(a.content_key, i.content_key) AS content_key, a.settled_as
         FROM inbox_again AS a JOIN inbox AS i ON i.id = a.inbox_id
         WHERE a.mailbox_id = $1 AND a.folder = $2 AND a.uid_validity = $3 ORDER BY a.uid DESC LIMIT $4) AS again
     ) AS recorded
     WHERE settled_as <> 'stays' ORDER BY uid DESC LIMIT $4";
/// How SQLite goes about that and [`spread`].
#[cfg(any(test, feature = "testing"))]
pub fn plan(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let at = params![1, "INBOX", 1, 1];
    Ok([tx.plan(NEWEST, at)?, tx.plan(NEXT, at)?].concat())
}

/// About this many, in equal steps of their UIDs from the lowest to `highest`.
pub fn spread(tx: &mut Tx<'_>, place: Place<'_>, highest: u32, count: u32) -> Result<Vec<Remembered>> {
    let (mut some, mut lowest, mut from) = (Vec::new(), None, 0);
    for step in 1..=count {
        let Some((found, stays)) = next(tx, place, from)? else { break };
        let lowest = *lowest.get_or_insert(found.uid);
        let way = u64::from(highest.saturating_sub(lowest)) * u64::from(step) / u64::from(count.max(1));
        from = lowest.saturating_add(u32::try_from(way).unwrap_or(u32::MAX)).max(found.uid.saturating_add(1));
        some.extend(Some(found).filter(|_| !stays));
    }
    Ok(some)
}

/// The lowest from this UID on, and whether it was left on the server.
fn next(tx: &mut Tx<'_>, place: Place<'_>, from: u32) -> Result<Option<(Remembered, bool)>> {
    let at = params![place.mailbox_id, place.folder, place.uid_validity, from];
    let found: Option<Next> = tx.maybe(NEXT, at)?;
    Ok(found.map(|(uid, at, message_id, key, settled_as)| {
        (of_columns((uid, at, message_id, key)), settled_as == "stays")
    }))
}
const NEXT: &str = "SELECT uid, received_at, message_id, content_key, settled_as FROM (
     SELECT uid, received_at, message_id, content_key, settled_as FROM (
         SELECT uid, received_at, message_id, content_key, settled_as FROM inbox
         WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 AND uid >= $4 ORDER BY uid LIMIT 1) AS once
     UNION ALL
     SELECT uid, received_at, message_id, content_key, settled_as FROM (
         SELECT a.uid, i.received_at, i.message_id, COALESCE(a.content_key, i.content_key) AS content_key, a.settled_as
         FROM inbox_again AS a JOIN inbox AS i ON i.id = a.inbox_id
         WHERE a.mailbox_id = $1 AND a.folder = $2 AND a.uid_validity = $3 AND a.uid >= $4 ORDER BY a.uid LIMIT 1) AS again
     ) AS recorded
     ORDER BY uid LIMIT 1";

/// Of these UIDs, those that are recorded.
pub fn of(tx: &mut Tx<'_>, place: Place<'_>, uids: &[u32]) -> Result<Vec<Remembered>> {
    let mut found = Vec::new();
    for some in uids.chunks(AT_ONCE) {
        for select in [
            "SELECT a.uid, a.received_at, a.message_id, a.content_key FROM inbox AS a",
            "SELECT a.uid, i.received_at, i.message_id, COALESCE(a.content_key, i.content_key)
             FROM inbox_again AS a JOIN inbox AS i ON i.id = a.inbox_id",
        ] {
            let mut query = Query::new(select);
            query.push(" WHERE a.settled_as <> 'stays' AND a.mailbox_id = ").bind(place.mailbox_id);
            query.push(" AND a.folder = ").bind(place.folder);
            query.push(" AND a.uid_validity = ").bind(place.uid_validity);
            query.push(" AND a.uid IN ").bind_list(some.iter().copied());
            let rows: Vec<Columns> = tx.all(query.sql(), query.params())?;
            found.extend(rows.into_iter().map(of_columns));
        }
    }
    Ok(found)
}
const AT_ONCE: usize = 512;
