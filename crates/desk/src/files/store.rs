//! Where blob bytes are kept: a folder, content-addressed, written durably before any transaction
//! names them. Bytes never pass through the database.
//!
//! `file/ab/abcd…` holds one large content, `pack/00000001` many small ones, one record after another (see
//! [`record`]). Each process appends to a pack of its own and never to one that it found, so the
//! torn end that a kill leaves is only ever behind what some row names. A file under `file/` gets its name when
//! it is whole; until then it is under `part/`.
mod content;
mod pack;
mod place;
mod search;
mod whole;
mod writer;

pub use content::Content;
pub(crate) use place::Place;
pub use search::Found;
pub(crate) use whole::file_place;
pub use writer::Writer;

use super::record;
use super::reserve::{Reserve, Shortage};
use crate::db::file_limit;
use crate::{Error, Result};
use anyhow::{Context as _, anyhow};
use pack::{Batch, Pack};
use sha2::{Digest as _, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use whole::Large;

/// What is smaller than this when compressed goes into the pack: a file of its own costs two syncs, which only what is
/// large is worth.
const SMALL_BYTES: usize = 1024 * 1024;
/// What is longer gets a file of its own however well it packs, and is packed on its way there.
const WHOLE_BYTES: usize = 1024 * 1024;
/// How many recent contents are remembered, so that they are not written again.
const REMEMBERED: usize = 10_000;

/// A handle on the folder; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    reserve: Reserve,
    shared: Arc<Mutex<Shared>>,
}
#[derive(Debug, Default)]
struct Shared {
    pack: Option<Pack>,
    /// The number of the last one, which is not given again though the folder may be another by then.
    pack_last: u64,
    recent: HashMap<[u8; 32], String>,
    /// Folders under `file/`, by device and inode, whose names are known to be on the disk.
    synced: HashSet<(u64, u64)>,
    /// Numbers the partial files of this process.
    parts: u64,
}
/// Bytes that are durably in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// SHA-256 of the uncompressed bytes.
    pub hash: [u8; 32],
    pub size_bytes: u64,
    /// How to find them again; goes into `blob.place`.
    pub place: String,
}
impl Stored {
    /// Of content that is kept nowhere: for rows that do not stay.
    pub fn nowhere(content: &[u8]) -> Stored {
        Stored::named(Store::hash(content), content.len() as u64)
    }

    /// The same of content that was not in memory.
    pub fn named(hash: [u8; 32], size_bytes: u64) -> Stored {
        Stored { hash, size_bytes, place: "nowhere".to_owned() }
    }
}

impl Store {
    /// Opens or makes the folder (0700).
    pub fn open(root: &Path) -> Result<Store> {
        for folder in [root.to_owned(), root.join("file"), root.join("pack"), writer::folder(root)] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
                .map_err(|e| said(&folder, "made", e))?;
        }
        writer::sweep(root);
        sync_folder(root)?;
        if let Some(parent) = root.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        Ok(Store { root: root.to_owned(), reserve: Reserve::Usual, shared: Arc::default() })
    }

    /// A folder that may hold contents, as it is: for who only reads there.
    pub(crate) fn of(root: &Path) -> Store {
        Store { root: root.to_owned(), reserve: Reserve::Usual, shared: Arc::default() }
    }

    /// With another reserve than the usual one.
    pub fn keeping(self, reserve: Reserve) -> Store {
        Store { reserve, ..self }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a folder holds contents of a store. One that cannot be looked into may well.
    pub fn holds_any(root: &Path) -> bool {
        let any = |folder: &Path| match fs::read_dir(folder) {
            Ok(mut entries) => entries.next().is_some(),
            Err(e) => e.kind() != ErrorKind::NotFound,
        };
        any(&root.join("file")) || any(&root.join("pack"))
    }

    /// What a content is called: SHA-256 of its bytes.
    pub fn hash(content: &[u8]) -> [u8; 32] {
        Sha256::digest(content).into()
    }

    /// Writes all, durably when it returns: small ones into one pack file with one sync, zstd when it
    /// gains. Content that this process has written lately, or that has a file of its own, is read back and, where it is
    /// whole, not written again.
    pub fn put_all(&self, contents: &[&[u8]]) -> Result<Vec<Stored>> {
        self.put_new(contents, &[])
    }

    /// The same, for who has asked the database what is there already (`blob::known`): that is not written again.
    pub fn put_new(&self, contents: &[&[u8]], known: &[Stored]) -> Result<Vec<Stored>> {
        let known: HashMap<&[u8; 32], &String> = known.iter().map(|s| (&s.hash, &s.place)).collect();
        let mut places: HashMap<[u8; 32], String> = HashMap::new();
        let (mut hashes, mut batch, mut large) = (Vec::new(), Batch::default(), HashMap::new());
        // Hashing and compressing need no lock.
        for content in contents {
            let hash = Store::hash(content);
            hashes.push(hash);
            if places.contains_key(&hash) || batch.has(&hash) || large.contains_key(&hash) {
                continue;
            }
            let named = known.get(&hash).filter(|place| self.is_whole(place, &hash));
            let there = named.map_or_else(|| self.there(&hash), |place| Ok(Some((*place).clone())))?;
            if let Some(place) = there {
                places.insert(hash, place);
                continue;
            }
            if content.len() > WHOLE_BYTES {
                large.insert(hash, Large::Content(content));
                continue;
            }
            let record = record::write(content, hash)?;
            if record.len() < SMALL_BYTES {
                batch.add(hash, &record);
            } else {
                large.insert(hash, Large::Record(record));
            }
        }
        for (hash, large) in large {
            places.insert(hash, self.write_file(&hash, &large)?);
        }
        places.extend(self.append(batch)?);
        self.remember(&places);
        hashes
            .into_iter()
            .zip(contents)
            .map(|(hash, content)| {
                let place = places.get(&hash).cloned().context("invariant: every content was placed")?;
                Ok(Stored { hash, size_bytes: content.len() as u64, place })
            })
            .collect()
    }

    pub fn put(&self, content: &[u8]) -> Result<Stored> {
        Ok(self.put_all(&[content])?.pop().context("invariant: one content, one place")?)
    }

    /// The same for a process that stores this one content and ends: a file of its own, since each pack that is begun
    /// stays.
    pub fn put_alone(&self, content: &[u8]) -> Result<Stored> {
        let hash = Store::hash(content);
        let place = match self.there(&hash)? {
            Some(place) => place,
            None => self.write_file(&hash, &Large::Content(content))?,
        };
        Ok(Stored { hash, size_bytes: content.len() as u64, place })
    }

    /// The bytes, their hash checked.
    pub fn get(&self, place: &str, hash: &[u8]) -> Result<Vec<u8>> {
        Ok(self.open_blob(place, hash)?.into_bytes()?)
    }

    /// The same to be read piece by piece. Whether all was right is known at its end.
    pub fn open_blob(&self, place: &str, hash: &[u8]) -> Result<Content> {
        let (path, offset) = self.find(place).ok_or_else(|| anyhow!("{place} is no place of the store"))?;
        Ok(Content::open(path, offset, hash)?)
    }

    /// Reads all of a content, and keeps little of it in memory at a time: how many bytes it has.
    pub fn look_at(&self, place: &str, hash: &[u8]) -> Result<u64> {
        Ok(io::copy(&mut self.open_blob(place, hash)?, &mut io::sink())?)
    }

    /// Whether what is stored there is this content, all of it. What cannot be read is not.
    pub fn is_whole(&self, place: &str, hash: &[u8]) -> bool {
        self.look_at(place, hash).is_ok()
    }

    /// Whether this content is not there, or not whole. What the system does not let be read now may be.
    pub(crate) fn is_lost(&self, place: &str, hash: &[u8]) -> bool {
        let Err(error) = self.look_at(place, hash) else { return false };
        let Error::Failed(error) = error else { return false };
        let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
        !causes.any(|e| e.raw_os_error().is_some() && e.kind() != ErrorKind::NotFound)
    }

    /// From now on this content is taken to be there, for as long as it is whole.
    pub(crate) fn is_at(&self, hash: [u8; 32], place: &str) {
        self.remember(&HashMap::from([(hash, place.to_owned())]));
    }

    /// Reads all of a file that holds this content alone.
    pub(super) fn look_at_file(path: &Path, hash: &[u8]) -> Result<u64> {
        Ok(io::copy(&mut Content::open(path.to_owned(), 0, hash)?, &mut io::sink())?)
    }

    /// Whether it was the store as a whole that was not to be had, as when its disk is on another machine, and not one
    /// content that is lost or damaged.
    pub fn is_away(&self, error: &Error) -> bool {
        let Error::Failed(error) = error else { return false };
        let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
        let is_here = || self.root.join("file").is_dir() && self.root.join("pack").is_dir();
        causes
            .find(|cause| cause.raw_os_error().is_some())
            .is_some_and(|cause| cause.kind() != ErrorKind::NotFound || !is_here())
    }

    /// Whether less is free than is kept for those who work here.
    pub fn shortage(&self) -> Result<Option<Shortage>> {
        let (free, size) = self.room()?;
        let reserve = self.reserve.bytes_of(size);
        Ok((free < reserve).then_some(Shortage { disk: "The disk", free, reserve }))
    }

    /// Bytes that are free on the store's disk, and its size.
    pub fn room(&self) -> Result<(u64, u64)> {
        let disk = rustix::fs::statvfs(&self.root)
            .with_context(|| format!("the disk of {} does not say its room", self.root.display()))?;
        Ok((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where this content is, and is whole: what has the right name may have been cut off or damaged since.
    fn there(&self, hash: &[u8; 32]) -> Result<Option<String>> {
        let recent = self.shared().recent.get(hash).cloned();
        if let Some(place) = recent {
            if self.is_whole(&place, hash) {
                return Ok(Some(place));
            }
            self.shared().recent.remove(hash);
        }
        let place = file_place(hash);
        let path = self.root.join(&place);
        if !path.exists() || !self.is_whole(&place, hash) {
            return Ok(None);
        }
        // Whoever made it may have been killed before its name was on the disk.
        self.sync_name(&path)?;
        Ok(Some(place))
    }

    fn remember(&self, places: &HashMap<[u8; 32], String>) {
        let mut shared = self.shared();
        if shared.recent.len() + places.len() > REMEMBERED {
            shared.recent.clear();
        }
        shared.recent.extend(places.iter().take(REMEMBERED).map(|(hash, place)| (*hash, place.clone())));
    }

    fn find(&self, place: &str) -> Option<(PathBuf, u64)> {
        let place = Place::read(place)?;
        Some((self.root.join(place.file()), place.offset()))
    }
}

/// A file that was made is there after a power cut only when its folder is on the disk too.
pub(super) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    File::open(folder).and_then(|f| f.sync_all()).map_err(|e| said(folder, "synced", e))
}

/// Which file or folder it is, by device and inode, whatever path leads to it.
fn which(about: &fs::Metadata) -> (u64, u64) {
    (about.dev(), about.ino())
}

/// What failed on which path, and what to do; then what the system said, for those who decide by its kind.
pub(super) fn said(path: &Path, verb: &str, e: io::Error) -> anyhow::Error {
    let limit = file_limit::remedy();
    let remedy = match e.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full: free some space there, and it goes on by itself"
        }
        ErrorKind::FileTooLarge => limit.as_deref().unwrap_or("its file system takes no larger files"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "give the user who runs Postern the right to write there"
        }
        ErrorKind::NotFound => {
            "the folder is gone: put it back, or have what is lost written back by postern restore DIR --files"
        }
        _ => "check the disk",
    };
    anyhow::Error::new(e).context(format!("{} could not be {verb}; {remedy}", path.display()))
}
