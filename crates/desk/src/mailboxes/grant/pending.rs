//! A try to authorize: begun here, taken up again by the callback, or ended with its reason. What the tokens become
//! is the grant's own.
use super::{note, side_of};
use crate::db::Tx;
use crate::mailboxes::mailbox::Side;
use crate::site::sealed;
use crate::site::vault::Vault;
use crate::{By, Result, params};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// A try to authorize lives ten minutes.
pub const PENDING_MS: i64 = 10 * 60 * 1000;

/// One try to authorize: what [`begin`] stores. Only the hash of `state` is kept.
#[derive(Clone, Debug)]
pub struct NewTry {
    pub client_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    /// 0: begun on the command line, whose process alone knows the state.
    pub session_id: i64,
    pub way: Way,
    pub state: String,
    pub verifier: SecretString,
    pub nonce: String,
}
/// How the answer of a try comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The browser is sent back here.
    Callback,
    /// A person pastes the address that the browser ended at.
    Paste,
}
impl Way {
    pub fn word(self) -> &'static str {
        match self {
            Way::Callback => "callback",
            Way::Paste => "paste",
        }
    }
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

/// Stores a try to authorize. The state itself is kept by nobody but the browser.
pub fn begin(tx: &mut Tx<'_>, vault: &Vault, by: &By, new: &NewTry, nonce: [u8; 24]) -> Result<i64> {
    end_before(tx, by, new.mailbox_id, new.side)?;
    let id = tx.insert(
        "INSERT INTO consent (client_id, mailbox_id, side, state, session_id, state_hash, nonce, pending_until,
                              authorized_by, state_since, created_at, way)
         VALUES ($1, $2, $3, 'pending', $4, $5, $6, $7, $8, $9, $9, $10) RETURNING id",
        params![
            new.client_id,
            new.mailbox_id,
            new.side.word(),
            new.session_id,
            &hash(&new.state),
            &new.nonce,
            by.at + PENDING_MS,
            by.name(),
            by.at,
            new.way.word()
        ],
    )?;
    // Sealed for its row, which has its number only now.
    let sealed = vault.seal(&verifier_row(id), &new.verifier, nonce);
    tx.execute("UPDATE consent SET verifier = $2 WHERE id = $1", params![id, sealed])?;
    note(tx, by, new.mailbox_id, "authorization_begun", json!({ "grant": id, "side": new.side.word() }))?;
    Ok(id)
}

/// Tries that ran out are ended, so that they do not look alive for ever, and what waits for a word or for a code makes
/// room.
pub(super) fn end_before(tx: &mut Tx<'_>, by: &By, mailbox_id: i64, side: Side) -> Result<()> {
    tx.execute(
        "UPDATE consent SET state = 'failed', state_since = $2, state_hash = NULL, verifier = NULL, nonce = NULL,
                device_code = NULL, try_at = NULL, leased_until = 0, leased_by = '',
                reason_code = 'expired', reason = 'Nobody came back from the sign-in in time.'
         WHERE mailbox_id = $1 AND state = 'pending' AND disputed_until IS NULL AND pending_until <= $2",
        params![mailbox_id, by.at],
    )?;
    super::dispute::make_room(tx, by, mailbox_id, side)
}

/// Whether the address with this state is to be pasted where its try was begun.
pub fn awaits_paste(tx: &mut Tx<'_>, client_id: i64, state: &str, now: i64) -> Result<bool> {
    let (awaits,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM consent WHERE state_hash = $1 AND client_id = $2 AND way = 'paste'
             AND state = 'pending' AND pending_until > $3)",
        params![&hash(state), client_id, now],
    )?;
    Ok(awaits)
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
    let hash = hash(state);
    let found: Option<(i64, i64, String, Vec<u8>, String)> = tx.maybe(
        "SELECT id, mailbox_id, side, verifier, nonce FROM consent
         WHERE verifier IS NOT NULL AND nonce IS NOT NULL AND state_hash = $1 AND client_id = $2 AND session_id = $3 AND state = 'pending' AND pending_until > $4",
        params![&hash, client_id, session_id, now],
    )?;
    let Some((grant_id, mailbox_id, side, verifier, nonce)) = found else { return Ok(None) };
    // Of two callbacks with one state both write this row: the second one finds the state used up.
    let taken = tx.execute(
        "UPDATE consent SET state_hash = NULL, verifier = NULL, nonce = NULL WHERE id = $1 AND state_hash = $2",
        params![grant_id, &hash],
    )?;
    if taken != 1 {
        return Ok(None);
    }
    let verifier = vault.unseal(&verifier_row(grant_id), &verifier)?;
    Ok(Some(Pending { grant_id, mailbox_id, side: side_of(&side)?, verifier, nonce }))
}

/// A pending try ends with its reason.
pub fn fail(tx: &mut Tx<'_>, by: &By, id: i64, code: &str, reason: &str, remedy: &str) -> Result<()> {
    let failed: Option<(i64, String)> = tx.maybe(
        "UPDATE consent SET state = 'failed', state_since = $2, state_hash = NULL, verifier = NULL, nonce = NULL,
                refresh_token = CASE WHEN take_back_to = '' THEN NULL ELSE refresh_token END,
                take_back_at = CASE WHEN take_back_to = '' OR refresh_token IS NULL THEN NULL ELSE CAST($6 AS BIGINT) END,
                refresh_due_at = NULL, disputed_until = NULL, device_code = NULL, try_at = NULL,
                leased_until = 0, leased_by = '',
                reason_code = $3, reason = $4, remedy = $5
         WHERE id = $1 AND state = 'pending' RETURNING mailbox_id, side",
        params![id, by.at, code, reason, remedy, by.at.saturating_add(super::TELLING_MS)],
    )?;
    let Some((mailbox_id, side)) = failed else { return Ok(()) };
    tx.execute("DELETE FROM access_token WHERE consent_id = $1", params![id])?; // a disputed one had some
    let data = json!({ "grant": id, "side": side, "code": code, "reason": reason });
    tx.wake("mailbox");
    note(tx, by, mailbox_id, "authorization_failed", data)
}

pub(super) fn hash(state: &str) -> [u8; 32] {
    Sha256::digest(state.as_bytes()).into()
}
fn verifier_row(id: i64) -> String {
    sealed::VERIFIER.row(id)
}
