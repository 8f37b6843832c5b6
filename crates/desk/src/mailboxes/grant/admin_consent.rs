//! The link by which an administrator of the tenant consents for everybody: sent to a person who may have no account here.
use super::{note, pending::hash};
use crate::db::Tx;
use crate::{By, Result, params};
use serde_json::json;

/// Whoever gets it by mail has a week.
pub const ADMIN_CONSENT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// One link a state, of which only the hash is kept. Links that have ended make room.
pub fn begin_admin_consent(
    tx: &mut Tx<'_>,
    by: &By,
    client_id: i64,
    mailbox_id: i64,
    states: &[String],
) -> Result<()> {
    tx.execute("DELETE FROM admin_consent WHERE ends_at <= $1", params![by.at])?;
    for state in states {
        tx.insert(
            "INSERT INTO admin_consent (client_id, mailbox_id, state_hash, ends_at, created_at)
             VALUES ($1, $2, $3, $4, $5) RETURNING id",
            params![client_id, mailbox_id, &hash(state), by.at + ADMIN_CONSENT_MS, by.at],
        )?;
    }
    note(tx, by, mailbox_id, "admin_consent_asked", json!({ "client": client_id }))
}

/// Whether this is the state of a link that has not come back yet. Only reads: anybody may ask.
pub fn awaits_admin_consent(tx: &mut Tx<'_>, client_id: i64, state: &str, now: i64) -> Result<bool> {
    let (awaits,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM admin_consent WHERE state_hash = $1 AND client_id = $2 AND answered_at IS NULL
             AND ends_at > $3)",
        params![&hash(state), client_id, now],
    )?;
    Ok(awaits)
}

/// Right registration, right state, in time, once. `refused`: why the administrator did not consent.
pub fn take_admin_consent(
    tx: &mut Tx<'_>,
    client_id: i64,
    state: &str,
    refused: Option<&str>,
    now: i64,
) -> Result<bool> {
    let taken: Option<(i64,)> = tx.maybe(
        "UPDATE admin_consent SET answered_at = $3
         WHERE state_hash = $1 AND client_id = $2 AND answered_at IS NULL AND ends_at > $3 RETURNING mailbox_id",
        params![&hash(state), client_id, now],
    )?;
    let Some((mailbox_id,)) = taken else { return Ok(false) };
    let kind = if refused.is_none() { "admin_consent_said" } else { "admin_consent_refused" };
    note(tx, &By::system(now), mailbox_id, kind, json!({ "client": client_id, "reason": refused }))?;
    tx.wake("mailbox");
    Ok(true)
}
