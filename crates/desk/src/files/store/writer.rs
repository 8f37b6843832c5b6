//! A content on its way into the store, piece by piece: its name, which is its hash, is known when all of it has come.
use super::{Store, Stored, WHOLE_BYTES, said};
use crate::Result;
use crate::files::record::Recorder;
use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Bytes that are taken from a source at once.
const PIECE_BYTES: usize = 128 * 1024;

/// What is small is in memory till its end; what is not is in a file without a name of the store.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    hash: Sha256,
    size_bytes: u64,
    /// How the content begins, while that is all of it.
    start: Vec<u8>,
    file: Option<(Part, Recorder)>,
}

impl Store {
    /// Writes a content whose length nobody needs to know, durably when it returns. No more than a megabyte of it is in
    /// memory. What is here already is not kept twice.
    pub fn put_stream(&self, source: &mut dyn Read) -> Result<Stored> {
        let mut writer = self.writer();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match source.read(&mut piece) {
                Ok(0) => return writer.end(),
                Ok(bytes) => writer.write(piece.get(..bytes).unwrap_or_default())?,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => {
                    return Err(anyhow::Error::new(e)
                        .context("what was to be stored could not be read")
                        .into());
                }
            }
        }
    }

    /// The same for who hands the pieces over.
    pub fn writer(&self) -> Writer {
        Writer { store: self.clone(), hash: Sha256::new(), size_bytes: 0, start: Vec::new(), file: None }
    }
}

impl Writer {
    pub fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.hash.update(piece);
        self.size_bytes += piece.len() as u64;
        if self.file.is_none() {
            self.start.extend_from_slice(piece);
            if self.start.len() <= WHOLE_BYTES {
                return Ok(());
            }
            let (part, file) = Part::make(&self.store)?;
            let recorder = Recorder::begin(file, &self.start).map_err(|e| part.said(e))?;
            self.file = Some((part, recorder));
            let start = std::mem::take(&mut self.start);
            return self.record(&start);
        }
        self.record(piece)
    }

    fn record(&mut self, piece: &[u8]) -> Result<()> {
        let (part, recorder) = self.file.as_mut().context("invariant: there is a file by now")?;
        Ok(recorder.write(piece).map_err(|e| part.said(e))?)
    }

    /// Gives back the bytes of one that is small, and so is still in memory: several of those are put with one sync.
    pub fn take_small(&mut self) -> Option<Vec<u8>> {
        self.file.is_none().then(|| std::mem::take(&mut self.start))
    }

    /// Durably in the store when it returns.
    pub fn end(self) -> Result<Stored> {
        let Some((part, recorder)) = self.file else { return self.store.put(&self.start) };
        let hash = self.hash.finalize().into();
        let place = match self.store.there(&hash)? {
            Some(place) => place,
            None => {
                let file = recorder.end(hash).map_err(|e| part.said(e))?;
                self.store.name(part, file, &hash)?
            }
        };
        Ok(Stored { hash, size_bytes: self.size_bytes, place })
    }
}

/// A file that has no name in the store yet, and is gone when it gets none. It is locked while it is written: that tells
/// it from one that a killed process left.
#[derive(Debug)]
pub(super) struct Part {
    path: PathBuf,
    is_named: bool,
    /// What holds the lock.
    _file: File,
}
impl Part {
    /// Also the file to write to.
    pub(super) fn make(store: &Store) -> anyhow::Result<(Part, File)> {
        loop {
            let number = {
                let mut shared = store.shared();
                shared.parts += 1;
                shared.parts
            };
            let path = folder(&store.root).join(format!("{}-{number}", std::process::id()));
            let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = match made {
                // Of a killed process, or of one that has the same number in a container of its own.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                made => made.map_err(|e| said(&path, "made", e))?,
            };
            let is_taken =
                flock(&file, FlockOperation::NonBlockingLockExclusive) == Err(rustix::io::Errno::WOULDBLOCK);
            // Somebody may have taken it for one that was left, before it was locked.
            if !is_taken && file.metadata().is_ok_and(|about| about.nlink() > 0) {
                let held = file.try_clone().map_err(|e| said(&path, "made", e))?;
                return Ok((Part { path, is_named: false, _file: held }, file));
            }
        }
    }

    pub(super) fn said(&self, e: io::Error) -> anyhow::Error {
        said(&self.path, "written", e)
    }

    /// Gives it its name; it is whole and on the disk.
    pub(super) fn rename(mut self, to: &Path) -> io::Result<()> {
        fs::rename(&self.path, to)?;
        self.is_named = true;
        Ok(())
    }
}
impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_named {
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(super) fn folder(root: &Path) -> PathBuf {
    root.join("part")
}

/// Removes what killed processes have left. What cannot be locked, also because its file system knows no locks, stays.
pub(super) fn sweep(root: &Path) {
    for entry in fs::read_dir(folder(root)).into_iter().flatten().flatten() {
        let left = File::open(entry.path())
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok());
        if left {
            let _ = fs::remove_file(entry.path());
        }
    }
}
