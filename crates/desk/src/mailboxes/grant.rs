//! The consent of one owner to one client, and its life. In SQL the table is `consent` (GRANT is a
//! reserved word).
use super::mailbox::Side;
use crate::{By, Result, db::Tx, site::vault::Vault};
use secrecy::SecretString;

/// A try to authorize lives ten minutes.
pub const PENDING_MS: i64 = 10 * 60 * 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Unproved,
    Fulfilled,
    /// The provider no longer takes its refresh token; kept, tried again at long intervals.
    Lapsed,
    Revoked,
    /// A pending try that came to nothing.
    Failed,
}
#[derive(Clone, Debug)]
pub struct Grant {
    pub id: i64,
    pub client_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    pub state: State,
    pub owner_subject: Option<String>,
    pub owner_address: Option<String>,
    pub authorized_by: String,
    pub scopes: String,
    pub has_refresh_token: bool,
    /// The latest-ending access token.
    pub expires_at: Option<i64>,
    pub refreshed_at: Option<i64>,
    pub refresh_due_at: Option<i64>,
    pub reason_code: String,
    pub reason: String,
    pub remedy: String,
    pub since: i64,
    pub generation: i64,
}
/// One try to authorize: what [`begin`] stores. Only the hash of `state` is kept.
#[derive(Clone, Debug)]
pub struct NewTry {
    pub client_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    pub session_id: i64,
    pub state: String,
    pub verifier: SecretString,
    pub nonce: String,
}
/// What the callback needs.
#[derive(Clone, Debug)]
pub struct Pending {
    pub grant_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    pub verifier: SecretString,
    pub nonce: String,
}
#[derive(Clone, Debug)]
pub struct NewTokens {
    pub resource: String,
    pub access_token: SecretString,
    pub access_expires_at: i64,
    pub scopes: String,
    /// `None`: keep the stored one.
    pub refresh_token: Option<SecretString>,
    pub refresh_due_at: i64,
}
#[derive(Clone, Debug)]
pub struct Owner {
    pub subject: String,
    pub address: Option<String>,
}
pub fn begin(tx: &mut Tx<'_>, vault: &Vault, by: &By, new: &NewTry, nonce: [u8; 24]) -> Result<i64> {
    let _ = (tx, vault, by, new, nonce);
    todo!()
}
/// Right client, right state, right session, in time, once: the state is used up.
pub fn take_pending(
    tx: &mut Tx<'_>,
    vault: &Vault,
    client_id: i64,
    state: &str,
    session_id: i64,
    now: i64,
) -> Result<Option<Pending>> {
    let _ = (tx, vault, client_id, state, session_id, now);
    todo!()
}
/// A pending try ends with its reason.
pub fn fail(tx: &mut Tx<'_>, by: &By, id: i64, code: &str, reason: &str, remedy: &str) -> Result<()> {
    let _ = (tx, by, id, code, reason, remedy);
    todo!()
}
/// Tokens sealed and committed as a new grant, unproved.
pub fn store_tokens(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    owner: &Owner,
    tokens: &NewTokens,
    nonces: [[u8; 24]; 2],
) -> Result<()> {
    let _ = (tx, vault, by, id, owner, tokens, nonces);
    todo!()
}
/// Proved: the mailbox's side points to it from now on and the grant it replaces is revoked.
pub fn fulfil(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let _ = (tx, by, id);
    todo!()
}
/// A failed proof: the new tokens are kept with the reason (*Prove again*), the old grant stays in use.
pub fn not_proved(tx: &mut Tx<'_>, by: &By, id: i64, code: &str, reason: &str, remedy: &str) -> Result<()> {
    let _ = (tx, by, id, code, reason, remedy);
    todo!()
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Grant>> {
    let _ = (tx, id);
    todo!()
}
/// The newest grant of a side that has tokens: the one in use, or an unproved newer one.
pub fn latest(tx: &mut Tx<'_>, mailbox_id: i64, side: Side) -> Result<Option<Grant>> {
    let _ = (tx, mailbox_id, side);
    todo!()
}
/// *Delete Token*: tokens destroyed, the grant revoked, an event.
pub fn delete_tokens(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let _ = (tx, by, id);
    todo!()
}
/// The stored access token of a resource with its end, expired or not.
pub fn access_token_for_system(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    resource: &str,
) -> Result<Option<(SecretString, i64)>> {
    let _ = (tx, vault, id, resource);
    todo!()
}
/// A lease on the refresh of one grant: one at a time across all nodes.
#[derive(Clone, Debug)]
pub struct RefreshLease {
    pub grant_id: i64,
    pub generation: i64,
    pub client_id: i64,
    pub refresh_token: SecretString,
    pub scopes: String,
}
/// `None`: somebody else refreshes it now, or it holds no refresh token.
pub fn claim_refresh(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    now: i64,
    lease_ms: i64,
    owner: &str,
) -> Result<Option<RefreshLease>> {
    let _ = (tx, vault, id, now, lease_ms, owner);
    todo!()
}
/// Grants whose refresh is due (fulfilled and unproved ones, and lapsed ones at long intervals).
pub fn refresh_due(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<Vec<i64>> {
    let _ = (tx, now, limit);
    todo!()
}
/// Stored only `WHERE generation` is the one claimed; `false`: too late, dropped.
pub fn store_refreshed(
    tx: &mut Tx<'_>,
    vault: &Vault,
    lease: &RefreshLease,
    tokens: &NewTokens,
    now: i64,
    nonces: [[u8; 24]; 2],
) -> Result<bool> {
    let _ = (tx, vault, lease, tokens, now, nonces);
    todo!()
}
/// What a refused refresh means for the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    Retry,
    /// Client, secret or tenant must be mended; the grant stays.
    Configuration,
    /// The person must authorize again; the refresh token is kept all the same.
    Lapsed,
}
pub fn refresh_failed(
    tx: &mut Tx<'_>,
    lease: &RefreshLease,
    setback: Setback,
    code: &str,
    reason: &str,
    remedy: &str,
    next_at: i64,
    now: i64,
) -> Result<bool> {
    let _ = (tx, lease, setback, code, reason, remedy, next_at, now);
    todo!()
}
/// Every grant of a mailbox ends: it is removed.
pub(super) fn end_of_mailbox(tx: &mut Tx<'_>, by: &By, mailbox_id: i64) -> Result<()> {
    let _ = (tx, by, mailbox_id);
    todo!()
}
