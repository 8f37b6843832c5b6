//! Finding tickets by number, address, and words (FTS5 | tsvector). The one file that asks which
//! database it is.
use super::queue::{After, Page};
use crate::{Result, db::Tx, people::viewer::Viewer};

/// Called by `entry::add`: subject, names, addresses and words.
pub fn index(tx: &mut Tx<'_>, entry_id: i64, words: &str) -> Result<()> {
    let _ = (tx, entry_id, words);
    todo!()
}
/// A number finds its ticket, an address its requester's tickets, words the tickets whose entries hold
/// all of them (the last one by its beginning). Newest first.
pub fn find(tx: &mut Tx<'_>, viewer: &Viewer, query: &str, after: Option<&After>, limit: i64) -> Result<Page> {
    let _ = (tx, viewer, query, after, limit);
    todo!()
}
