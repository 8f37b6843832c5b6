//! The one-time link for the first administrator: 128 random bits, stored hashed, an hour, replaced at
//! each start, only while there is no administrator.
use super::agent::{self, NewAgent, Role};
use crate::{By, Refusal, Result, db::Tx, params};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The link lives an hour.
pub const LIFE_MS: i64 = 60 * 60 * 1000;

/// Replaces the link; `None` when there is an administrator already.
pub fn offer(tx: &mut Tx<'_>, by: &By, token: [u8; 16]) -> Result<Option<()>> {
    tx.execute("DELETE FROM first_administrator", &[])?;
    if agent::has_administrator(tx)? {
        return Ok(None);
    }
    tx.execute(
        "INSERT INTO first_administrator (id, token_hash, expires_at) VALUES (1, $1, $2)",
        params![&hash(&token), by.at + LIFE_MS],
    )?;
    Ok(Some(()))
}
/// Whether the link (its token as base64url) would be accepted now; changes nothing.
pub fn is_open(tx: &mut Tx<'_>, token: &str, now: i64) -> Result<bool> {
    Ok(!agent::has_administrator(tx)? && fits(tx, token, now)?)
}
/// Uses the link up and makes the administrator, in one transaction that checks again.
pub fn accept(tx: &mut Tx<'_>, by: &By, token: &str, new: &NewAgent) -> Result<i64> {
    if agent::has_administrator(tx)? {
        return Err(Refusal::AdministratorExists.into());
    }
    // Of two who use it at once both delete this one row: PostgreSQL makes the second one look again.
    if !fits(tx, token, by.at)? || tx.execute("DELETE FROM first_administrator", &[])? != 1 {
        return Err(Refusal::LinkUsedUp.into());
    }
    agent::create(tx, by, &NewAgent { role: Role::Administrator, ..new.clone() })
}

/// The token as it stands in the link.
pub fn link_token(token: [u8; 16]) -> String {
    URL_SAFE_NO_PAD.encode(token)
}

fn fits(tx: &mut Tx<'_>, token: &str, now: i64) -> Result<bool> {
    let row: Option<(Vec<u8>, i64)> =
        tx.maybe("SELECT token_hash, expires_at FROM first_administrator", &[])?;
    let (Some((kept, expires_at)), Ok(token)) = (row, URL_SAFE_NO_PAD.decode(token)) else {
        return Ok(false);
    };
    Ok(expires_at > now && bool::from(kept.as_slice().ct_eq(&hash(&token))))
}

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
