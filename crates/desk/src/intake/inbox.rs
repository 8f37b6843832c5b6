//! Raw messages taken from mailboxes: stored before anything interprets them.
use crate::files::store::Stored;
use crate::mailboxes::{cursor::Cursor, mailbox};
use crate::{By, Result, db::Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    New,
    Filed,
    Ignored,
    Held,
    Failed,
}
/// A message that has just been fetched and is durably in the store.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub uid: u32,
    pub received_at: i64,
    pub stored: Stored,
    pub content_key: [u8; 32],
    pub message_id: Option<String>,
    pub silent: bool,
}
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    pub new: usize,
    /// The same source or the same content was there already.
    pub known: usize,
}
/// The mailbox was claimed by another round in the meantime: nothing of the batch was recorded, and
/// nothing may be settled on the server. Inside [`crate::Error::Failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another round has taken this mailbox over; nothing of this batch was recorded")]
pub struct LeaseLost;

/// Records a batch and moves the cursor in the same transaction. The same UID again, or the same
/// content under another UID, is no second row. Wakes the filing round (topic `inbox`).
/// A lost lease is the error [`LeaseLost`].
pub fn record(
    tx: &mut Tx<'_>,
    claim: &mailbox::Claim,
    cursor: &Cursor,
    arrivals: &[Arrival],
    now: i64,
) -> Result<Recorded> {
    let _ = (tx, claim, cursor, arrivals, now);
    todo!()
}
/// UIDs of this folder that are stored here and not yet settled on the server.
pub fn unsettled(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    limit: i64,
) -> Result<Vec<u32>> {
    let _ = (tx, mailbox_id, folder, uid_validity, limit);
    todo!()
}
pub fn settled_on_server(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    uids: &[u32],
    now: i64,
) -> Result<()> {
    let _ = (tx, mailbox_id, folder, uid_validity, uids, now);
    todo!()
}
/// A row claimed for filing.
#[derive(Clone, Debug)]
pub struct Claim {
    pub inbox_id: i64,
    pub generation: i64,
    pub mailbox_id: i64,
    pub received_at: i64,
    pub silent: bool,
    pub attempts: i64,
    pub place: String,
    pub hash: Vec<u8>,
}
/// New rows that are due, oldest first.
pub fn claim_due(tx: &mut Tx<'_>, now: i64, lease_ms: i64, owner: &str, limit: i64) -> Result<Vec<Claim>> {
    let _ = (tx, now, lease_ms, owner, limit);
    todo!()
}
/// How filing a row ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Filed {
        ticket_id: i64,
        entry_id: i64,
    },
    Ignored {
        code: String,
        reason: String,
    },
    Held {
        code: String,
        reason: String,
    },
    /// It could not be filed; tried again at `next_at`, or kept for a person when `None`.
    Failed {
        code: String,
        reason: String,
        next_at: Option<i64>,
    },
    /// Another filer has claimed the row since: nothing was changed.
    Late,
}
/// `WHERE generation` is the one claimed; `false`: too late.
pub fn settle(tx: &mut Tx<'_>, claim: &Claim, outcome: &Outcome, now: i64) -> Result<bool> {
    let _ = (tx, claim, outcome, now);
    todo!()
}
#[derive(Clone, Debug)]
pub struct Inbox {
    pub id: i64,
    pub mailbox: String,
    pub folder: String,
    pub uid: u32,
    pub message_id: Option<String>,
    pub sha256: Vec<u8>,
    pub size_bytes: i64,
    pub received_at: i64,
    pub state: State,
    pub reason: String,
    pub ticket_number: Option<String>,
    pub entry_id: Option<i64>,
}
pub fn list(tx: &mut Tx<'_>, state: Option<State>, after: Option<i64>, limit: i64) -> Result<Vec<Inbox>> {
    let _ = (tx, state, after, limit);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Inbox>> {
    let _ = (tx, id);
    todo!()
}
/// Files it again: failed, held or ignored rows; a filed one is refused.
pub fn retry(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let _ = (tx, by, id);
    todo!()
}
/// How many rows of a mailbox still wait for filing.
pub fn backlog(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<i64> {
    let _ = (tx, mailbox_id);
    todo!()
}
