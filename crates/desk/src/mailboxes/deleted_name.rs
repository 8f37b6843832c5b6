//! Names of messages that a POP3 server was told to delete. It may give such a name to another message (RFC 1939 §7), so that
//! one which is listed again is fetched again, and its content says which message it is. There are servers that say yes to
//! everything and delete nothing: after the second time in vain the name is kept, and its message is left where it is.
use super::named;
use crate::db::{Query, Tx};
use crate::{Result, params, row};
use std::collections::{HashMap, HashSet};

/// Deleted so often in vain, a message is left on its server.
const IN_VAIN: i64 = 2;
/// Rows that are looked at; there are no more than messages on the server.
const ROWS_MAX: i64 = 200_000;

/// A message that was to be deleted, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    times: i64,
    size_bytes: Option<i64>,
}
impl Deleted {
    /// It stays, and is not fetched again.
    pub fn is_left(&self) -> bool {
        self.times >= IN_VAIN
    }
    /// What has the name now, with so many bytes, is another message.
    pub fn is_another(&self, size_bytes: Option<i64>) -> bool {
        self.size_bytes.zip(size_bytes).is_some_and(|(was, is)| was != is)
    }
}

/// By name.
pub fn of(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
) -> Result<HashMap<String, Deleted>> {
    let rows: Vec<(String, i64, Option<i64>)> = tx.all(
        "SELECT name, times, size_bytes FROM deleted_name
         WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 LIMIT $4",
        params![mailbox_id, folder, uid_validity, ROWS_MAX],
    )?;
    Ok(rows.into_iter().map(|(name, times, size_bytes)| (name, Deleted { times, size_bytes })).collect())
}

/// These are about to be deleted. Their names are forgotten, save those of messages that have come again after they were
/// deleted once. `back`: how many bytes those have that are listed again, by number, where the server says it.
pub fn deleting(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    uids: &[u32],
    back: &HashMap<u32, Option<i64>>,
) -> Result<()> {
    let before = of(tx, mailbox_id, folder, uid_validity)?;
    let mut forgotten = Vec::new();
    for some in uids.chunks(100) {
        let again = came_again(tx, mailbox_id, folder, uid_validity, some)?;
        let named = named::of_uids(tx, mailbox_id, folder, uid_validity, some)?;
        if named.is_empty() {
            continue;
        }
        let times = |named: &named::Named| match before.get(&named.name) {
            Some(deleted) if again.contains(&named.uid) => deleted.times.saturating_add(1),
            Some(_) | None => 1,
        };
        let mut query = Query::new(
            "INSERT INTO deleted_name (mailbox_id, folder, uid_validity, name, times, size_bytes) VALUES ",
        );
        query.bind_rows(named.iter().map(|named| {
            let size_bytes = back.get(&named.uid).copied().flatten();
            row![mailbox_id, folder, uid_validity, named.name.as_str(), times(named), size_bytes]
        }));
        query.push(
            " ON CONFLICT (mailbox_id, folder, uid_validity, name)
              DO UPDATE SET times = excluded.times, size_bytes = excluded.size_bytes",
        );
        tx.execute(query.sql(), query.params())?;
        forgotten.extend(named.iter().filter(|named| times(named) < IN_VAIN).map(|named| named.uid));
    }
    named::forget(tx, mailbox_id, folder, uid_validity, &forgotten)
}

/// Of these, what was known by its content.
fn came_again(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    uids: &[u32],
) -> Result<HashSet<u32>> {
    let mut query = Query::new("SELECT uid FROM inbox_again WHERE mailbox_id = ");
    query.bind(mailbox_id).push(" AND folder = ").bind(folder).push(" AND uid_validity = ");
    query.bind(uid_validity).push(" AND uid IN ").bind_list(uids.iter().copied());
    let uids: Vec<(u32,)> = tx.all(query.sql(), query.params())?;
    Ok(uids.into_iter().map(|(uid,)| uid).collect())
}

/// The server does not list them any more, or lists others under these names.
pub fn end(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    names: &[String],
) -> Result<()> {
    for some in names.chunks(512) {
        let mut query = Query::new("DELETE FROM deleted_name WHERE mailbox_id = ");
        query.bind(mailbox_id).push(" AND folder = ").bind(folder).push(" AND uid_validity = ");
        query.bind(uid_validity).push(" AND name IN ").bind_list(some.iter().map(String::as_str));
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}
