//! A blob's row: content hash, size, and where the store keeps it.
use super::store::Stored;
use crate::{Result, db::Tx};

#[derive(Clone, Debug)]
pub struct Blob {
    pub id: i64,
    pub hash: Vec<u8>,
    pub size_bytes: i64,
    pub place: String,
}
/// The row of this content, made when it is new.
pub fn name(tx: &mut Tx<'_>, stored: &Stored) -> Result<i64> {
    let _ = (tx, stored);
    todo!()
}
pub fn get(tx: &mut Tx<'_>, id: i64) -> Result<Blob> {
    let _ = (tx, id);
    todo!()
}
