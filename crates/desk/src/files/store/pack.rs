//! The pack that this process appends to: what is small, one record after another.
use super::{Store, said, sync_folder};
use crate::Result;
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};

/// A pack that is longer is not appended to any more.
const PACK_BYTES: u64 = 256 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Pack {
    number: u64,
    file: File,
    length: u64,
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
    /// All small contents of a batch with one sync.
    pub(super) fn append(&self, batch: Batch) -> Result<Vec<([u8; 32], String)>> {
        if batch.bytes.is_empty() {
            return Ok(Vec::new());
        }
        let mut shared = self.shared();
        let pack = match shared.pack.take() {
            Some(pack) if pack.length < PACK_BYTES => pack,
            _ => self.new_pack()?,
        };
        let begin = pack.length;
        let written = pack.file.write_all_at(&batch.bytes, begin).and_then(|()| pack.file.sync_data());
        if let Err(e) = written {
            self.cut_off(pack.number, begin);
            return Err(said(&self.root.join("pack"), "written", e).into());
        }
        let place = |offset: u64| format!("pack/{:08}@{}", pack.number, begin + offset);
        let places = batch.offsets.iter().map(|(hash, offset)| (*hash, place(*offset))).collect();
        shared.pack = Some(Pack { length: begin + batch.bytes.len() as u64, ..pack });
        Ok(places)
    }

    /// After an error nobody knows what of it is on the disk (and a second sync may say that all is well): the pack is not appended
    /// to again. Nothing names its end, which is given back, as what failed may be that there is no room; so is a pack that holds
    /// nothing else. Where that fails as well, it stays.
    fn cut_off(&self, number: u64, begin: u64) {
        let path = self.root.join("pack").join(format!("{number:08}"));
        let _ = match begin {
            0 => fs::remove_file(&path),
            _ => OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(begin)),
        };
    }

    /// The first number that nobody has, taken by making the file.
    fn new_pack(&self) -> Result<Pack> {
        let folder = self.root.join("pack");
        let numbers = fs::read_dir(&folder).map_err(|e| said(&folder, "read", e))?;
        let highest =
            numbers.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok()).max();
        for number in highest.map_or(1, |n| n + 1).. {
            let path = folder.join(format!("{number:08}"));
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

    /// A store whose pack cannot be written, with so much in it that is named, and a torn end.
    fn fails_after(root: &std::path::Path, whole: &[u8]) -> Store {
        let store = Store::open(root).unwrap();
        let pack = store.new_pack().unwrap();
        let path = root.join("pack").join(format!("{:08}", pack.number));
        (&pack.file).write_all(&[whole, b"torn"].concat()).unwrap();
        let file = File::open(&path).unwrap();
        store.shared().pack = Some(Pack { file, length: whole.len() as u64, ..pack });
        store
    }

    #[test]
    fn what_could_not_be_written_whole_takes_no_room() {
        for (whole, left) in [(&b"whole"[..], vec![b"whole".to_vec()]), (b"", Vec::new())] {
            let folder = tempfile::tempdir().unwrap();
            let store = fails_after(folder.path(), whole);
            let mut batch = Batch::default();
            batch.add([1; 32], b"more");
            assert!(store.append(batch).is_err() && store.shared().pack.is_none());
            let packs = fs::read_dir(folder.path().join("pack")).unwrap();
            let there: Vec<Vec<u8>> = packs.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
            assert_eq!(there, left);
        }
    }
}
