//! A file that came or went with an entry.
use super::{blob::Blob, store::Stored};
use crate::{Result, db::Tx, people::viewer::Viewer};

#[derive(Clone, Debug)]
pub struct Attachment {
    pub id: i64,
    pub entry_id: i64,
    pub name: String,
    pub media_type: String,
    pub size_bytes: i64,
    pub inline: bool,
    pub content_id: Option<String>,
}
/// A file to attach: its bytes are in the store already.
#[derive(Clone, Debug)]
pub struct NewAttachment {
    pub stored: Stored,
    pub name: String,
    pub media_type: String,
    pub inline: bool,
    pub content_id: Option<String>,
}
pub fn add(tx: &mut Tx<'_>, entry_id: i64, files: &[NewAttachment]) -> Result<()> {
    let _ = (tx, entry_id, files);
    todo!()
}
pub fn list(tx: &mut Tx<'_>, entry_id: i64) -> Result<Vec<Attachment>> {
    let _ = (tx, entry_id);
    todo!()
}
/// By ticket number and attachment id, within what the viewer may see.
pub fn find(tx: &mut Tx<'_>, viewer: &Viewer, ticket_number: &str, id: i64) -> Result<Option<(Attachment, Blob)>> {
    let _ = (tx, viewer, ticket_number, id);
    todo!()
}
