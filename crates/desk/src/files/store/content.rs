//! A content of the store, read piece by piece.
use crate::files::record::{HEAD_BYTES, Head, Unpacker};
use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// Its last bytes are only given out when all of them are the ones that were stored.
pub struct Content {
    body: Unpacker,
    path: PathBuf,
    offset: u64,
    /// What its bytes must come to.
    hash: Vec<u8>,
    read: Sha256,
    size_bytes: u64,
    left: u64,
    is_whole: bool,
}
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Content")
            .field("path", &self.path)
            .field("size_bytes", &self.size_bytes)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl Content {
    /// What is stored at this place of a file.
    pub(super) fn open(path: PathBuf, offset: u64, hash: &[u8]) -> anyhow::Result<Content> {
        let open = || -> anyhow::Result<(Head, Unpacker)> {
            let mut file = File::open(&path)?;
            let mut head = [0; HEAD_BYTES];
            file.read_exact_at(&mut head, offset)?;
            let head = Head::read(&head)?;
            // Before the memory for it is taken.
            let end = offset.checked_add(HEAD_BYTES as u64).and_then(|at| at.checked_add(head.stored_bytes));
            ensure!(end.is_some_and(|end| file.metadata().is_ok_and(|m| m.len() >= end)), "it is cut off");
            file.seek(SeekFrom::Start(offset + HEAD_BYTES as u64))?;
            Ok((head, head.open(file.take(head.stored_bytes))?))
        };
        let (head, body) = open().with_context(|| broken(&path, offset))?;
        let (hash, size_bytes) = (hash.to_vec(), head.content_bytes);
        let (read, left) = (Sha256::new(), size_bytes);
        Ok(Content { body, path, offset, hash, read, size_bytes, left, is_whole: false })
    }

    /// Of all of it.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// All of it at once.
    pub fn into_bytes(mut self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.size_bytes)?];
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
            at += self.piece(rest)?;
        }
        self.piece(&mut [0])?;
        Ok(bytes)
    }

    /// As `read` does it; the error is the system's only where the system is at fault.
    fn piece(&mut self, buffer: &mut [u8]) -> anyhow::Result<usize> {
        self.checked(buffer).with_context(|| broken(&self.path, self.offset))
    }

    fn checked(&mut self, buffer: &mut [u8]) -> anyhow::Result<usize> {
        if self.is_whole || buffer.is_empty() {
            return Ok(0);
        }
        let bytes = if self.left == 0 { 0 } else { self.body.read(buffer).context("it does not unpack")? };
        let piece = buffer.get(..bytes).context("invariant: no more is read than there is room for")?;
        self.read.update(piece);
        ensure!(self.left == 0 || bytes > 0, "its head is broken");
        self.left = self.left.checked_sub(bytes as u64).context("its head is broken")?;
        if self.left == 0 {
            ensure!(self.body.read(&mut [0]).context("it does not unpack")? == 0, "its head is broken");
            let read = std::mem::take(&mut self.read).finalize();
            ensure!(read.as_slice() == self.hash, "its bytes are not the ones that were stored");
            self.is_whole = true;
        }
        Ok(bytes)
    }
}
impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.piece(buffer).map_err(|error| {
            let kind = error.downcast_ref::<io::Error>().map_or(ErrorKind::InvalidData, io::Error::kind);
            // Its causes stay, for those who decide by them.
            io::Error::new(kind, error)
        })
    }
}

fn broken(path: &std::path::Path, offset: u64) -> String {
    format!(
        "{} cannot be read at {offset}; `postern restore --files` writes it back from a backup",
        path.display()
    )
}
