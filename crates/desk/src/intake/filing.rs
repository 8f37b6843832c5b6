//! Turning an inbound message into an entry: one savepoint, all or nothing.
use super::inbox::{Claim, Outcome};
use crate::files::store::{Store, Stored};
use crate::{Result, db::Tx};

/// A parsed message with its parts durably in the store: made off the transaction.
#[derive(Debug)]
pub struct Prepared {
    pub message: mail::Message,
    pub html: Option<Stored>,
    /// In the order of `message.attachments`.
    pub attachments: Vec<Stored>,
}
/// Parses the raw bytes and stores HTML and attachments. Never fails on a message, only on the store.
pub fn prepare(store: &Store, raw: &[u8]) -> Result<Prepared> {
    let _ = (store, raw);
    todo!()
}
/// Screen → bounce marks its delivery → threading → requester → ticket and entry → references →
/// participants → events → the inbox row settled, in a savepoint of its own: a message that cannot be filed
/// undoes itself alone and comes back as `Failed` (settled too, tried again later, at last kept for a
/// person). An error is the database's (a full disk, a serialization failure), never the message's.
pub fn file(tx: &mut Tx<'_>, claim: &Claim, prepared: &Prepared, now: i64) -> Result<Outcome> {
    let _ = (tx, claim, prepared, now);
    todo!()
}
