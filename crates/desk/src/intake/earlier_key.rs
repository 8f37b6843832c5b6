//! Letters that were recorded under an earlier rule of what is one letter ([`mail::message::ContentKey::earlier`]). Several
//! letters had one key then, so that the key of such a row says little: when one comes that would have had it, the letter of
//! the row is read once, and has the key of today from then on.
use super::record::{self, Arrival};
use crate::db::{Query, Tx};
use crate::files::store::Store;
use crate::{Result, params};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Larger ones are not read for it: what comes of them is recorded once more.
const READ_BYTES_MAX: i64 = 64 << 20;

/// A row whose key is of the earlier rule, perhaps.
#[derive(Debug)]
pub struct Unsure {
    inbox_id: i64,
    place: String,
    hash: Vec<u8>,
}

/// A row, and the key that its letter has.
#[derive(Clone, Copy, Debug)]
pub struct Rekeyed {
    inbox_id: i64,
    key: [u8; 32],
}

/// Rows that arrivals may be, though their keys are others. None, at the cost of no statement, where each arrival has a
/// Message-ID.
pub fn unsure<'a>(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    arrivals: impl IntoIterator<Item = &'a Arrival>,
) -> Result<Vec<Unsure>> {
    let had_another = arrivals.into_iter().filter(|arrival| arrival.content_key.earlier.is_some());
    let had_another: Vec<&Arrival> = had_another.collect();
    if had_another.is_empty() {
        return Ok(Vec::new());
    }
    let known = record::known_contents(tx, mailbox_id, &had_another)?;
    let unknown = had_another.into_iter().filter(|arrival| !known.contains(&arrival.content_key.key));
    let keys: HashSet<[u8; 32]> = unknown.filter_map(|arrival| arrival.content_key.earlier).collect();
    let mut unsure = Vec::new();
    for some in Vec::from_iter(keys).chunks(512) {
        let mut query = Query::new(
            "SELECT i.id, b.place, b.hash FROM inbox i JOIN blob b ON b.id = i.blob_id WHERE i.mailbox_id = ",
        );
        query.bind(mailbox_id).push(" AND i.size_bytes <= ").bind(READ_BYTES_MAX);
        query.push(" AND i.content_key IN ").bind_list(some.iter().map(<[u8; 32]>::as_slice));
        let rows: Vec<(i64, String, Vec<u8>)> = tx.all(query.sql(), query.params())?;
        unsure.extend(rows.into_iter().map(|(inbox_id, place, hash)| Unsure { inbox_id, place, hash }));
    }
    Ok(unsure)
}

/// Reads their letters, outside a transaction. One whose bytes are lost keeps the key it has; an error is the store's as a
/// whole.
pub fn read(store: &Store, unsure: &[Unsure]) -> Result<Vec<Rekeyed>> {
    let mut rekeyed = Vec::with_capacity(unsure.len());
    for Unsure { inbox_id, place, hash } in unsure {
        match store.get(place, hash) {
            Ok(raw) => {
                // Whatever a letter does to the reader, the next one comes in.
                let key = catch_unwind(AssertUnwindSafe(|| mail::message::content_key(&raw).key));
                rekeyed.extend(key.ok().map(|key| Rekeyed { inbox_id: *inbox_id, key }));
            }
            Err(error) if store.is_away(&error) => return Err(error),
            Err(error) => tracing::warn!(inbox = inbox_id, "its content key stays as it is: {error}"),
        }
    }
    Ok(rekeyed)
}

/// Before the arrivals are recorded, in the same transaction or in one before.
pub fn keep(tx: &mut Tx<'_>, rekeyed: &[Rekeyed]) -> Result<()> {
    for Rekeyed { inbox_id, key } in rekeyed {
        tx.execute(
            "UPDATE inbox SET content_key = $2 WHERE id = $1 AND content_key <> $2 AND NOT EXISTS (
                 SELECT 1 FROM inbox other WHERE other.content_key = $2 AND other.mailbox_id = inbox.mailbox_id)",
            params![*inbox_id, key.as_slice()],
        )?;
    }
    Ok(())
}
