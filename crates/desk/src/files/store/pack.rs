//! The pack that this process appends to: what is small, one record after another.
use super::place::Place;
use super::{Store, said, sync_folder, which};
use crate::Result;
use anyhow::anyhow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A pack that is longer is not appended to any more.
const PACK_BYTES: u64 = 256 * 1024 * 1024;
/// A pack that is replaced while it is written to is written anew, this often at most.
const REPLACED_MAX: usize = 3;

#[derive(Debug)]
pub(super) struct Pack {
    number: u64,
    file: File,
    length: u64,
}

impl Pack {
    /// Whether this path leads to it.
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(which(&self.file.metadata()?) == which(&fs::metadata(path)?))
    }
}

/// Small records on their way into the pack.
#[derive(Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    offsets: Vec<([u8; 32], u64)>,
}
impl Batch {
    pub(super) fn has(&self, hash: &[u8; 32]) -> bool {
        self.offsets.iter().any(|(h, _)| h == hash)
    }
    pub(super) fn add(&mut self, hash: [u8; 32], record: &[u8]) {
        self.offsets.push((hash, self.bytes.len() as u64));
        self.bytes.extend_from_slice(record);
    }
}

impl Store {
    /// No pack that is begun from now on has a number of these places: one of them may be gone from the folder, and is to be put
    /// back under its name.
    pub fn begins_after<'p>(&self, places: impl Iterator<Item = &'p str>) {
        let last = places.filter_map(|place| Place::read(place)?.number()).max().unwrap_or(0);
        let mut shared = self.shared();
        shared.pack_last = shared.pack_last.max(last);
    }

    /// All small contents of a batch with one sync.
    pub(super) fn append(&self, batch: Batch) -> Result<Vec<([u8; 32], String)>> {
        if batch.bytes.is_empty() {
            return Ok(Vec::new());
        }
        let mut shared = self.shared();
        let mut pack = match shared.pack.take() {
            Some(pack) if pack.length < PACK_BYTES => self.or_new(pack, shared.pack_last)?,
            _ => self.new_pack(shared.pack_last)?,
        };
        for _ in 0..REPLACED_MAX {
            let begin = pack.length;
            let written = pack.file.write_all_at(&batch.bytes, begin).and_then(|()| pack.file.sync_data());
            if let Err(e) = written {
                self.cut_off(&pack, begin);
                return Err(said(&self.root.join("pack"), "written", e).into());
            }
            pack.length = begin + batch.bytes.len() as u64;
            let number = pack.number;
            shared.pack_last = shared.pack_last.max(number);
            pack = self.or_new(pack, shared.pack_last)?;
            if pack.number == number {
                let place = |offset: u64| format!("pack/{number:08}@{}", begin + offset);
                let places = batch.offsets.iter().map(|(hash, offset)| (*hash, place(*offset))).collect();
                shared.pack = Some(pack);
                return Ok(places);
            }
        }
        let folder = self.root.join("pack");
        Err(anyhow!("{} is being replaced again and again, so nothing is stored there", folder.display())
            .into())
    }

    /// The pack while its path leads to it, and it is as long as it was left: what is written to a file that somebody has moved
    /// away, removed or written over, with its folder or alone, is on no disk that anybody looks at, though each write and
    /// each sync of it succeeds. Otherwise a new pack, in the folder that is there now.
    fn or_new(&self, pack: Pack, last: u64) -> Result<Pack> {
        let path = self.path_of(pack.number);
        let is_there =
            || Ok::<_, io::Error>(pack.is_at(&path)? && pack.file.metadata()?.len() == pack.length);
        // Where that cannot be said the next file tells.
        if is_there().unwrap_or(false) {
            return Ok(pack);
        }
        let new = self.new_pack(last.max(pack.number))?;
        tracing::warn!(
            "{} was moved, removed or replaced while Postern wrote to it: it goes on in {:08}. Run `postern check`",
            path.display(),
            new.number
        );
        Ok(new)
    }

    /// After an error nobody knows what of it is on the disk (and a second sync may say that all is well): the pack is not appended
    /// to again. Nothing names its end, which is given back, as what failed may be that there is no room; so is a pack that holds
    /// nothing else. Where that fails as well, it stays.
    fn cut_off(&self, pack: &Pack, begin: u64) {
        let path = self.path_of(pack.number);
        if !pack.is_at(&path).unwrap_or(false) {
            return;
        }
        let _ = match begin {
            0 => fs::remove_file(&path),
            _ => OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(begin)),
        };
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.root.join("pack").join(format!("{number:08}"))
    }

    /// The first number after these that nobody has, taken by making the file.
    fn new_pack(&self, after: u64) -> Result<Pack> {
        let folder = self.root.join("pack");
        let numbers = fs::read_dir(&folder).map_err(|e| said(&folder, "read", e))?;
        let highest =
            numbers.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok()).max();
        for number in highest.unwrap_or(0).max(after) + 1.. {
            let path = self.path_of(number);
            match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    sync_folder(&folder)?;
                    return Ok(Pack { number, file, length: 0 });
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {} // another process was quicker
                Err(e) => return Err(said(&path, "made", e).into()),
            }
        }
        unreachable!("invariant: numbers do not end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// A store whose pack cannot be written, with so much in it that is named.
    fn fails_after(root: &std::path::Path, whole: &[u8]) -> Store {
        let store = Store::open(root).unwrap();
        let pack = store.new_pack(0).unwrap();
        (&pack.file).write_all(whole).unwrap();
        let file = File::open(store.path_of(pack.number)).unwrap();
        store.shared().pack = Some(Pack { file, length: whole.len() as u64, ..pack });
        store
    }
    fn packs(root: &std::path::Path) -> Vec<Vec<u8>> {
        let packs = fs::read_dir(root.join("pack")).unwrap();
        packs.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn a_number_that_is_known_is_not_given_again_though_its_pack_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.begins_after(["pack/00000006@12", "file/ab/cd", "pack/00000007@0", "pack/x@0"].into_iter());
        let mut batch = Batch::default();
        batch.add([1; 32], b"one");
        assert_eq!(store.append(batch).unwrap()[0].1, "pack/00000008@0");
    }

    #[test]
    fn what_could_not_be_written_whole_takes_no_room() {
        for (whole, left) in [(&b"whole"[..], vec![b"whole".to_vec()]), (b"", Vec::new())] {
            let folder = tempfile::tempdir().unwrap();
            let store = fails_after(folder.path(), whole);
            let mut batch = Batch::default();
            batch.add([1; 32], b"more");
            assert!(store.append(batch).is_err() && store.shared().pack.is_none());
            assert_eq!(packs(folder.path()), left);
            // Or some of it came to the disk.
            let store = fails_after(folder.path(), &[whole, b"torn"].concat());
            let pack = store.shared().pack.take().unwrap();
            store.cut_off(&pack, whole.len() as u64);
            assert_eq!(packs(folder.path()), [left.clone(), left].concat());
        }
    }
}
