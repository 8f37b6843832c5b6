//! A signed-in browser. Only the hash of its cookie is kept.
use super::agent::Agent;
use crate::{Result, db::Tx};

/// Ends 12 hours after the last request, and 14 days after sign-in in any case.
pub const IDLE_MS: i64 = 12 * 60 * 60 * 1000;
pub const LIFE_MS: i64 = 14 * 24 * 60 * 60 * 1000;

#[derive(Clone, Debug)]
pub struct Session {
    pub id: i64,
    pub agent: Agent,
    /// What unsafe methods must send.
    pub form_token: String,
}
/// `token` (32 random bytes, the cookie) is hashed; `form_token` is another random.
pub fn begin(
    tx: &mut Tx<'_>,
    agent_id: i64,
    token: &[u8],
    form_token: &str,
    address: &str,
    now: i64,
) -> Result<i64> {
    let _ = (tx, agent_id, token, form_token, address, now);
    todo!()
}
/// The live session of an active agent.
pub fn find(tx: &mut Tx<'_>, token: &[u8], now: i64) -> Result<Option<Session>> {
    let _ = (tx, token, now);
    todo!()
}
/// Whose session this was, though it has ended by time: to give typed text back. Never a right to anything.
pub fn find_ended(tx: &mut Tx<'_>, token: &[u8]) -> Result<Option<i64>> {
    let _ = (tx, token);
    todo!()
}
/// Notes that the session is used; writes at most once in five minutes.
pub fn touch(tx: &mut Tx<'_>, session_id: i64, now: i64) -> Result<()> {
    let _ = (tx, session_id, now);
    todo!()
}
pub fn end(tx: &mut Tx<'_>, session_id: i64, now: i64) -> Result<()> {
    let _ = (tx, session_id, now);
    todo!()
}
/// Removes sessions that ended more than a day ago.
pub fn forget_old(tx: &mut Tx<'_>, now: i64) -> Result<()> {
    let _ = (tx, now);
    todo!()
}
