//! Where blob bytes are kept: a folder, content-addressed, written durably before any transaction
//! names them. Bytes never pass through the database.
use crate::Result;
use std::path::{Path, PathBuf};

/// A handle on the folder; clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    #[expect(dead_code, reason = "filled with the store")]
    root: PathBuf,
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
impl Store {
    /// Opens or makes the folder (0700).
    pub fn open(root: &Path) -> Result<Store> {
        let _ = root;
        todo!()
    }
    /// Writes all, durably when it returns: small ones into one pack file with one sync, zstd when it
    /// gains. Content that is there already is not written again.
    pub fn put_all(&self, contents: &[&[u8]]) -> Result<Vec<Stored>> {
        let _ = contents;
        todo!()
    }
    pub fn put(&self, content: &[u8]) -> Result<Stored> {
        let _ = content;
        todo!()
    }
    /// The bytes, their hash checked.
    pub fn get(&self, place: &str, hash: &[u8]) -> Result<Vec<u8>> {
        let _ = (place, hash);
        todo!()
    }
    /// Bytes that are free on the store's disk, and its size.
    pub fn room(&self) -> Result<(u64, u64)> {
        todo!()
    }
}
