//! Who asks. Addresses have their own table: one person may write from several.
use crate::{Result, db::Tx};

#[derive(Clone, Debug)]
pub struct Requester {
    pub id: i64,
    pub name: Option<String>,
    pub addresses: Vec<String>,
}
/// Finds the requester of this address or makes one; fills in a missing name.
pub fn find_or_make(tx: &mut Tx<'_>, address: &str, name: Option<&str>, at: i64) -> Result<Requester> {
    let _ = (tx, address, name, at);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Requester>> {
    let _ = (tx, id);
    todo!()
}
