//! A signed-in browser. Only the hash of its cookie is kept.
use super::agent::{self, Agent};
use crate::site::event::{self, Subject};
use crate::{Actor, By, Refusal, Result, db::Tx, params};
use serde_json::json;
use sha2::{Digest as _, Sha256};

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
/// How often the last use is written at most.
const TOUCH_MS: i64 = 5 * 60 * 1000;
/// How long it is remembered whose an ended session was: as long as a page with something typed into it may stay
/// open over a holiday.
pub const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// `token` (32 random bytes, the cookie) is hashed; `form_token` is another random.
pub fn begin(
    tx: &mut Tx<'_>,
    agent_id: i64,
    token: &[u8],
    form_token: &str,
    address: &str,
    now: i64,
) -> Result<i64> {
    let agent = agent::find(tx, agent_id)?.filter(|agent| agent.active).ok_or(Refusal::NotFound("agent"))?;
    let id = tx.insert(
        "INSERT INTO session (token_hash, form_token, agent_id, address, created_at, seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $5, $6) RETURNING id",
        params![&hash(token), form_token, agent_id, address, now, now + LIFE_MS],
    )?;
    let by = By { actor: Actor::Agent { id: agent_id, name: agent.name }, at: now };
    event::append(tx, &by, Subject::Agent(agent_id), "signed_in", json!({ "address": address }))?;
    Ok(id)
}

/// The live session of an active agent.
pub fn find(tx: &mut Tx<'_>, token: &[u8], now: i64) -> Result<Option<Session>> {
    let found: Option<(i64, i64, String)> = tx.maybe(
        "SELECT id, agent_id, form_token FROM session WHERE token_hash = $1 AND expires_at > $2 AND seen_at > $3",
        params![&hash(token), now, now - IDLE_MS],
    )?;
    let Some((id, agent_id, form_token)) = found else { return Ok(None) };
    let agent = agent::find(tx, agent_id)?.filter(|agent| agent.active);
    Ok(agent.map(|agent| Session { id, agent, form_token }))
}

/// Whose live session this is: an active agent's.
pub fn owner(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<Option<Agent>> {
    let found: Option<(i64,)> = tx.maybe(
        "SELECT agent_id FROM session WHERE id = $1 AND expires_at > $2 AND seen_at > $3",
        params![id, now, now - IDLE_MS],
    )?;
    let Some((agent_id,)) = found else { return Ok(None) };
    Ok(agent::find(tx, agent_id)?.filter(|agent| agent.active))
}

/// Whose session this was, though it has ended by time: to give typed text back. Never a right to anything.
pub fn find_ended(tx: &mut Tx<'_>, token: &[u8]) -> Result<Option<i64>> {
    let found: Option<(i64,)> = tx.maybe(
        "SELECT s.agent_id FROM session s JOIN agent a ON a.id = s.agent_id WHERE s.token_hash = $1 AND a.active = 1",
        params![&hash(token)],
    )?;
    Ok(found.map(|(agent_id,)| agent_id))
}

/// The same by the token of its forms, for a browser that has lost the cookie. A live session has an owner, too.
pub fn find_by_form_token(tx: &mut Tx<'_>, form_token: &str) -> Result<Option<i64>> {
    let found: Option<(i64,)> = tx.maybe(
        "SELECT s.agent_id FROM session s JOIN agent a ON a.id = s.agent_id WHERE s.form_token = $1 AND a.active = 1
         ORDER BY s.id DESC LIMIT 1",
        params![form_token],
    )?;
    Ok(found.map(|(agent_id,)| agent_id))
}

/// Notes that the session is used; writes at most once in five minutes.
pub fn touch(tx: &mut Tx<'_>, session_id: i64, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE session SET seen_at = $2 WHERE id = $1 AND seen_at <= $3",
        params![session_id, now, now - TOUCH_MS],
    )?;
    Ok(())
}

/// Signed out: it opens nothing from now on.
pub fn end(tx: &mut Tx<'_>, session_id: i64, now: i64) -> Result<()> {
    let ended: Option<(i64,)> = tx.maybe(
        "UPDATE session SET expires_at = $2 WHERE id = $1 AND expires_at > $2 RETURNING agent_id",
        params![session_id, now],
    )?;
    let Some((agent_id,)) = ended else { return Ok(()) };
    let name = agent::find(tx, agent_id)?.map(|agent| agent.name).unwrap_or_default();
    let by = By { actor: Actor::Agent { id: agent_id, name }, at: now };
    event::append(tx, &by, Subject::Agent(agent_id), "signed_out", json!({}))
}

/// A live session as its owner sees it in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    pub id: i64,
    pub address: String,
    pub created_at: i64,
    pub seen_at: i64,
}
/// An agent's live sessions, the last used first; at most 100.
pub fn list(tx: &mut Tx<'_>, agent_id: i64, now: i64) -> Result<Vec<Open>> {
    let rows: Vec<(i64, String, i64, i64)> = tx.all(
        "SELECT id, address, created_at, seen_at FROM session
         WHERE agent_id = $1 AND expires_at > $2 AND seen_at > $3 ORDER BY seen_at DESC, id DESC LIMIT 100",
        params![agent_id, now, now - IDLE_MS],
    )?;
    let open = |(id, address, created_at, seen_at)| Open { id, address, created_at, seen_at };
    Ok(rows.into_iter().map(open).collect())
}
/// Ends one of an agent's own sessions; nobody else's.
pub fn end_own(tx: &mut Tx<'_>, agent_id: i64, session_id: i64, now: i64) -> Result<()> {
    let own: Option<(i64,)> =
        tx.maybe("SELECT id FROM session WHERE id = $1 AND agent_id = $2", params![session_id, agent_id])?;
    own.ok_or(Refusal::NotFound("session"))?;
    end(tx, session_id, now)
}

/// Removes sessions whose owner need not be known any more.
pub fn forget_old(tx: &mut Tx<'_>, now: i64) -> Result<()> {
    tx.execute(
        "DELETE FROM session WHERE expires_at < $1 OR seen_at < $2",
        params![now - KEPT_MS, now - KEPT_MS - IDLE_MS],
    )?;
    Ok(())
}

fn hash(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}
