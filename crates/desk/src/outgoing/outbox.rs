//! Outgoing messages: fixed bytes and their attempts. Nothing is sent that is not a row first; an
//! attempt is counted before it is made; Message-ID and bytes never change between attempts.
use super::delivery::Delivery;
use crate::files::store::Stored;
use crate::{By, Result, db::Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Queued,
    Sent,
    Failed,
    Cancelled,
}
#[derive(Clone, Debug)]
pub struct Outbox {
    pub id: i64,
    pub ticket_number: Option<String>,
    pub entry_id: Option<i64>,
    pub mailbox_id: i64,
    pub mailbox: String,
    pub message_id: String,
    /// Hash of the fixed bytes.
    pub sha256: Option<Vec<u8>>,
    pub state: State,
    pub attempts: i64,
    pub due_at: i64,
    pub last_error: String,
    pub unsure: bool,
    pub deliveries: Vec<Delivery>,
}
/// After three days without an answer a message counts as not sent.
pub const LIFE_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// A claimed row; its attempt is already counted.
#[derive(Clone, Debug)]
pub struct Claim {
    pub outbox_id: i64,
    pub generation: i64,
    pub mailbox_id: i64,
    pub attempts: i64,
}
pub fn claim_due(tx: &mut Tx<'_>, now: i64, lease_ms: i64, owner: &str, limit: i64) -> Result<Vec<Claim>> {
    let _ = (tx, now, lease_ms, owner, limit);
    todo!()
}
/// What the bytes are made from, and who still waits for them.
#[derive(Clone, Debug)]
pub struct Material {
    pub draft: mail::compose::Draft,
    /// Files as (name, media type, place, hash): read from the store outside the transaction.
    pub files: Vec<crate::files::blob::Blob>,
    pub file_names: Vec<(String, String)>,
    /// The fixed bytes, when they exist already.
    pub fixed: Option<crate::files::blob::Blob>,
    pub envelope_from: String,
    /// Recipients that are not settled.
    pub recipients: Vec<String>,
}
pub fn material(tx: &mut Tx<'_>, outbox_id: i64) -> Result<Material> {
    let _ = (tx, outbox_id);
    todo!()
}
/// Before the first attempt; a row that has bytes keeps them and `false` comes back.
pub fn fix_bytes(tx: &mut Tx<'_>, claim: &Claim, stored: &Stored) -> Result<bool> {
    let _ = (tx, claim, stored);
    todo!()
}
#[derive(Clone, Debug)]
pub enum Fate {
    Sent { answer: String },
    Deferred { answer: String },
    Refused { answer: String },
}
/// How an attempt ended.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Per recipient that was tried.
    pub fates: Vec<(String, Fate)>,
    /// Of the whole: a connection, a sign-in, a broken link.
    pub error: Option<String>,
    /// The link broke after the final dot.
    pub unsure: bool,
    /// When what is left is tried again; `None`: the whole has failed for good.
    pub next_at: Option<i64>,
}
/// Settles `WHERE generation` is the one claimed; `false`: too late, dropped.
pub fn settle(tx: &mut Tx<'_>, claim: &Claim, attempt: &Attempt, now: i64) -> Result<bool> {
    let _ = (tx, claim, attempt, now);
    todo!()
}
pub fn list(tx: &mut Tx<'_>, state: Option<State>, after: Option<i64>, limit: i64) -> Result<Vec<Outbox>> {
    let _ = (tx, state, after, limit);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Outbox>> {
    let _ = (tx, id);
    todo!()
}
/// Queued again at once, for the recipients that did not get it.
pub fn retry(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let _ = (tx, by, id);
    todo!()
}
/// What has not gone out will not.
pub fn cancel(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let _ = (tx, by, id);
    todo!()
}
/// When the next row is due, for the sending round's clock.
pub fn next_due(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    let _ = tx;
    todo!()
}
