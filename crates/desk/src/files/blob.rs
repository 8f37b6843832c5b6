//! A blob's row: content hash, size, and where the store keeps it.
use super::store::Stored;
use crate::db::{self, FromRow, Query, ROWS_MAX, Row, Tx, powers_of_two};
use crate::{Result, params, row};
use std::collections::HashMap;

#[derive(Clone, Debug)]
pub struct Blob {
    pub id: i64,
    pub hash: Vec<u8>,
    pub size_bytes: i64,
    pub place: String,
}
/// The row of this content, made when it is new.
pub fn name(tx: &mut Tx<'_>, stored: &Stored) -> Result<i64> {
    let there: Option<(i64,)> = tx.maybe("SELECT id FROM blob WHERE hash = $1", params![&stored.hash])?;
    if let Some((id,)) = there {
        return Ok(id);
    }
    // The place of the first writer stays: both hold the same bytes. Where the first has lost them, [`elsewhere`] has said so
    // before. (DO UPDATE, so that a row comes back.)
    Ok(tx.insert(
        "INSERT INTO blob (hash, size_bytes, place) VALUES ($1, $2, $3)
         ON CONFLICT (hash) DO UPDATE SET size_bytes = blob.size_bytes RETURNING id",
        params![&stored.hash, size_in_row(stored.size_bytes), &stored.place],
    )?)
}
/// The rows of many contents: those that are there, and in one statement those that are not.
pub(crate) fn name_all(tx: &mut Tx<'_>, all: &[&Stored]) -> Result<HashMap<[u8; 32], i64>> {
    for some in powers_of_two(all, ROWS_MAX) {
        let mut query = Query::new("INSERT INTO blob (hash, size_bytes, place) VALUES ");
        query.bind_rows(
            some.iter().map(|one| row![&one.hash, size_in_row(one.size_bytes), one.place.as_str()]),
        );
        query.push(" ON CONFLICT (hash) DO NOTHING");
        tx.execute(query.sql(), query.params())?;
    }
    let mut ids = HashMap::new();
    for some in all.chunks(512) {
        let mut query = Query::new("SELECT hash, id FROM blob WHERE hash IN ");
        query.bind_list(some.iter().map(|one| &one.hash));
        let found: Vec<(Vec<u8>, i64)> = tx.all(query.sql(), query.params())?;
        ids.extend(found.into_iter().filter_map(|(hash, id)| Some((hash.try_into().ok()?, id))));
    }
    Ok(ids)
}
/// Of what [`name_all`] has named.
pub(crate) fn named(ids: &HashMap<[u8; 32], i64>, stored: &Stored) -> Result<i64> {
    let id = ids.get(&stored.hash).copied();
    Ok(id.ok_or_else(|| anyhow::anyhow!("what was stored has no row among the blobs"))?)
}
pub fn get(tx: &mut Tx<'_>, id: i64) -> Result<Blob> {
    Ok(tx.one("SELECT id, hash, size_bytes, place FROM blob WHERE id = $1", params![id])?)
}
/// Those of these contents that have a row already: what the store need not be given again. At most 1000.
pub fn known(tx: &mut Tx<'_>, hashes: &[[u8; 32]]) -> Result<Vec<Stored>> {
    let mut query = Query::new("SELECT id, hash, size_bytes, place FROM blob WHERE hash IN ");
    query.bind_list(hashes.iter().take(1000).map(<[u8; 32]>::as_slice));
    let rows: Vec<Blob> = tx.all(query.sql(), query.params())?;
    Ok(rows.into_iter().filter_map(Blob::stored).collect())
}

/// A row whose place is not the one at which its content has just been put.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    pub id: i64,
    pub hash: [u8; 32],
    pub place: String,
}
/// Of contents that are in the store for certain, those rows that name another place: of the two one may be damaged. Few are:
/// what came before this process began.
pub fn elsewhere(tx: &mut Tx<'_>, stored: &[&Stored]) -> Result<Vec<Elsewhere>> {
    let places: HashMap<&[u8; 32], &str> = stored.iter().map(|one| (&one.hash, one.place.as_str())).collect();
    let mut found = Vec::new();
    for some in Vec::from_iter(places.keys()).chunks(512) {
        let mut query = Query::new("SELECT id, hash, place FROM blob WHERE hash IN ");
        query.bind_list(some.iter().map(|hash| hash.as_slice()));
        for (id, hash, place) in tx.all::<(i64, Vec<u8>, String)>(query.sql(), query.params())? {
            let Ok(hash) = <[u8; 32]>::try_from(hash) else { continue };
            if places.get(&hash).is_some_and(|fresh| *fresh != place) {
                found.push(Elsewhere { id, hash, place });
            }
        }
    }
    Ok(found)
}
/// Its content is found at another place from now on. `false`: the row has changed since.
pub fn move_to(tx: &mut Tx<'_>, row: &Elsewhere, place: &str) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE blob SET place = $3 WHERE id = $1 AND place = $2",
        params![row.id, row.place.as_str(), place],
    )?;
    Ok(changed == 1)
}

/// A size as the table has it.
pub(crate) fn size_in_row(size_bytes: u64) -> i64 {
    i64::try_from(size_bytes).unwrap_or(i64::MAX)
}

impl Blob {
    /// The same as the store says it; `None` if the row's hash is none.
    pub fn stored(self) -> Option<Stored> {
        let size_bytes = u64::try_from(self.size_bytes).ok()?;
        Some(Stored { hash: self.hash.try_into().ok()?, size_bytes, place: self.place })
    }
}
impl FromRow for Blob {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Blob { id: row.get(0)?, hash: row.get(1)?, size_bytes: row.get(2)?, place: row.get(3)? })
    }
}

/// Places of the newest contents, among which the newest pack is: the store goes on after these.
pub fn newest_places(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let places: Vec<(String,)> =
        tx.all("SELECT place FROM blob ORDER BY id DESC LIMIT $1", params![NEWEST])?;
    Ok(places.into_iter().map(|(place,)| place).collect())
}
const NEWEST: i64 = 500;
