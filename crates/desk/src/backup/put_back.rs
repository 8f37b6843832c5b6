//! Contents that are damaged or missing in a desk, out of a backup or another folder of files: each is held against its hash
//! before it counts, gets a place of its own in the store, and its row names that. Nothing that is there is written over but
//! a file that is not whole, so that it may run beside a server at work, and again.
use super::BLOBS;
use super::audit::{Audit, Damaged, Row, hash_of, owners, pages};
use crate::files::blob::Elsewhere;
use crate::files::store::{Found, Store, Stored};
use crate::intake::mending;
use crate::{Desk, Refusal, Result};
use std::collections::HashSet;
use std::path::Path;

/// What waits in memory for one sync.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A larger one goes through by itself.
const SMALL_BYTES: u64 = 1024 * 1024;

/// Looks at everything that the database names, and writes back what is not whole here and is whole in `from`: a folder of
/// backups, or one of files (`blobs/`, a copy of it). Where it is at another place there, or lies here unnamed, it is found by
/// its hash. `damaged` of the answer is whole in neither; `mended` counts what was written.
pub fn put_back(desk: &Desk, from: &Path, now: i64) -> Result<Audit> {
    let root = if from.join(BLOBS).is_dir() { from.join(BLOBS) } else { from.to_owned() };
    if !Store::holds_any(&root) {
        let name = from.display();
        return Err(Refusal::Other(format!(
            "{name} holds no mail. Name the folder that `postern backup` wrote, or a copy of a folder blobs."
        ))
        .into());
    }
    let from = Store::of(&root);
    let mut work = Work { desk, now, audit: Audit::default(), waiting: Vec::new(), bytes: 0 };
    let mut lost = Vec::new();
    pages(&desk.db, |row| {
        work.audit.looked_at += 1;
        let (_, hash, place) = &row;
        if desk.store.is_whole(place, hash) {
            return Ok(());
        }
        if let Some(there) = from.whole_place(place, hash) {
            return work.take(&from, &there, &row);
        }
        lost.push(row);
        Ok(())
    })?;
    if !lost.is_empty() {
        let wanted: HashSet<&[u8]> = lost.iter().map(|(_, hash, _)| hash.as_slice()).collect();
        let there = [&from, &desk.store].map(|store| (store, store.search(&wanted)));
        for row in &lost {
            work.take_found(&there, row)?;
        }
    }
    work.write()?;
    Ok(work.audit)
}

struct Work<'a> {
    desk: &'a Desk,
    now: i64,
    audit: Audit,
    /// Small contents and their rows.
    waiting: Vec<(Elsewhere, Vec<u8>)>,
    bytes: usize,
}
impl Work<'_> {
    /// What is whole at this place of a store.
    fn take(&mut self, from: &Store, place: &str, row: &Row) -> Result<()> {
        let (id, hash, named) = row;
        let hash = hash_of(hash)?;
        let row = Elsewhere { id: *id, hash, place: named.clone() };
        let mut content = from.open_blob(place, &hash)?;
        if content.size_bytes() > SMALL_BYTES {
            let stored = self.desk.store.put_stream(&mut content)?;
            return self.named(&[(&row, &stored)]);
        }
        let content = content.into_bytes()?;
        self.bytes += content.len();
        self.waiting.push((row, content));
        if self.bytes > WAITING_BYTES_MAX { self.write() } else { Ok(()) }
    }

    fn take_found(&mut self, there: &[(&Store, Found); 2], row: &Row) -> Result<()> {
        let (id, hash, place) = row;
        for (store, found) in there {
            let places = found.get(hash.as_slice()).into_iter().flatten();
            if let Some(place) = places.into_iter().find(|place| store.is_whole(place, hash)) {
                return self.take(store, place, row);
            }
        }
        let why = match self.desk.store.look_at(place, hash) {
            Err(error) => error.to_string(),
            Ok(_) => return Ok(()), // it has come again meanwhile
        };
        let belongs_to = self.desk.db.read(|tx| owners(tx, *id))?;
        self.audit.damaged.push(Damaged { place: place.clone(), belongs_to, why, is_in_backup: false });
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        let contents: Vec<&[u8]> = waiting.iter().map(|(_, content)| content.as_slice()).collect();
        let stored = self.desk.store.put_all(&contents)?;
        let rows: Vec<_> = waiting.iter().map(|(row, _)| row).zip(&stored).collect();
        self.named(&rows)
    }

    fn named(&mut self, rows: &[(&Elsewhere, &Stored)]) -> Result<()> {
        let moved: Vec<_> = rows.iter().map(|(row, stored)| (*row, stored.place.as_str())).collect();
        self.desk.db.write(|tx| mending::move_all(tx, &moved, self.now))?;
        self.audit.mended += rows.len();
        Ok(())
    }
}
