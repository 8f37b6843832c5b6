//! The one-time link for the first administrator: 128 random bits, stored hashed, an hour, replaced at
//! each start, only while there is no administrator.
use super::agent::NewAgent;
use crate::{By, Result, db::Tx};

/// The link lives an hour.
pub const LIFE_MS: i64 = 60 * 60 * 1000;

/// Replaces the link; `None` when there is an administrator already.
pub fn offer(tx: &mut Tx<'_>, by: &By, token: [u8; 16]) -> Result<Option<()>> {
    let _ = (tx, by, token);
    todo!()
}
/// Whether the link (its token as base64url) would be accepted now; changes nothing.
pub fn is_open(tx: &mut Tx<'_>, token: &str, now: i64) -> Result<bool> {
    let _ = (tx, token, now);
    todo!()
}
/// Uses the link up and makes the administrator, in one transaction that checks again.
pub fn accept(tx: &mut Tx<'_>, by: &By, token: &str, new: &NewAgent) -> Result<i64> {
    let _ = (tx, by, token, new);
    todo!()
}
