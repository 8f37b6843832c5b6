//! The copies that are kept here of letters which lie on their server still: read back before the server's own is moved or deleted,
//! which may be the last whole one by then, and compared with what the server gives under the same number.
use super::on_server::Place;
use super::same_letter;
use crate::db::Query;
use crate::files::store::Store;
use crate::{Result, db::Tx};
use mail::message::Said;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Where the bytes of a recorded letter are. Of one that came again they are those of its first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCopy {
    pub uid: u32,
    /// In the store.
    pub place: String,
    /// SHA-256.
    pub hash: Vec<u8>,
    pub size_bytes: i64,
}

/// Of these UIDs, those that are recorded, in no order.
pub fn of(tx: &mut Tx<'_>, place: Place<'_>, uids: &[u32]) -> Result<Vec<StoredCopy>> {
    let mut found = Vec::new();
    for some in uids.chunks(AT_ONCE) {
        for select in [
            "SELECT a.uid, b.place, b.hash, a.size_bytes FROM inbox AS a JOIN blob AS b ON b.id = a.blob_id",
            "SELECT a.uid, b.place, b.hash, i.size_bytes FROM inbox_again AS a
             JOIN inbox AS i ON i.id = a.inbox_id JOIN blob AS b ON b.id = i.blob_id",
        ] {
            let mut query = Query::new(select);
            query.push(" WHERE a.mailbox_id = ").bind(place.mailbox_id);
            query.push(" AND a.folder = ").bind(place.folder);
            query.push(" AND a.uid_validity = ").bind(place.uid_validity);
            query.push(" AND a.uid IN ").bind_list(some.iter().copied());
            let rows: Vec<(u32, String, Vec<u8>, i64)> = tx.all(query.sql(), query.params())?;
            let copy = |(uid, place, hash, size_bytes)| StoredCopy { uid, place, hash, size_bytes };
            found.extend(rows.into_iter().map(copy));
        }
    }
    Ok(found)
}
const AT_ONCE: usize = 512;

impl StoredCopy {
    /// Reads all of it. What cannot be read is not whole.
    pub fn is_whole(&self, store: &Store) -> bool {
        store.is_whole(&self.place, &self.hash)
    }

    /// Whether this is certainly another letter than the one that the server gives (`raw`), where one of the two at most has a Message-ID. Where
    /// either cannot be read it is not certain.
    pub fn is_certainly_another(&self, store: &Store, raw: &[u8]) -> Result<bool> {
        let Some(here) = same_letter::said(store, &self.place, &self.hash, self.size_bytes)? else {
            return Ok(false);
        };
        let there = catch_unwind(AssertUnwindSafe(|| Said::of(raw)));
        Ok(there.is_ok_and(|there| here.is_certainly_another(&there)))
    }
}
