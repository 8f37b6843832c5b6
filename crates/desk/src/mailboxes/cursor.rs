//! How far each folder of a mailbox was read: UIDVALIDITY and the last UID.
use crate::{Result, db::Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub folder: String,
    pub uid_validity: u32,
    pub uid_last: u32,
    /// UIDs up to this one are old mail: filed silently.
    pub start_after_uid: u32,
}
pub fn find(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str) -> Result<Option<Cursor>> {
    let _ = (tx, mailbox_id, folder);
    todo!()
}
/// Sets or moves the cursor; never backwards within one UIDVALIDITY.
pub fn set(tx: &mut Tx<'_>, mailbox_id: i64, cursor: &Cursor) -> Result<()> {
    let _ = (tx, mailbox_id, cursor);
    todo!()
}
