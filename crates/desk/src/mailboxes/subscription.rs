//! What a server was asked to tell of by itself, a folder each (Microsoft Graph's change notifications). It makes a mailbox
//! due sooner, and nothing else: mail is looked for every so often whether or not there is one.
//!
//! The secret that comes back with each notification is kept as its hash alone: nothing is ever done with it but to compare.
mod arranging;
mod hearing;

pub use arranging::{arrange, wants};
pub use hearing::{Heard, NOTIFICATIONS_MAX, Notification, Says, hear, weigh};

use super::mailbox::{Mailbox, Security, Side};
use crate::db::{Columns, Error, FromRow, Query, Row, Tx};
use crate::site::event::{self, Subject};
use crate::site::mail_hold;
use crate::{By, Result, params};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::Url;

/// Of one mailbox: those that are fetched, and those that are being ended.
const ROWS_MAX: i64 = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is to be made, or made again.
    Wanted,
    Active,
    /// It is to be ended at the server.
    Ending,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Wanted => "wanted",
            State::Active => "active",
            State::Ending => "ending",
        }
    }
    fn take(columns: &mut Columns<'_, '_>) -> Result<State, Error> {
        match columns.take()? {
            "wanted" => Ok(State::Wanted),
            "active" => Ok(State::Active),
            "ending" => Ok(State::Ending),
            other => Err(Error::Decode(format!("the state {other} of a subscription is not known"))),
        }
    }
}

/// Times are milliseconds UTC.
#[derive(Clone, Debug)]
pub struct Subscription {
    pub id: i64,
    pub mailbox_id: i64,
    pub folder: String,
    /// Account, server and the address that is told: those of the mailbox when it was asked for.
    place: String,
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// Whose mailbox it is at the server.
    pub username: String,
    pub state: State,
    /// `None`: the server has none that is known here.
    pub server_id: Option<String>,
    pub ends_at: Option<i64>,
    /// The last time that it was worth something.
    pub told_at: Option<i64>,
    pub failures: i64,
    pub reason_code: String,
    pub reason: String,
    pub remedy: String,
    pub due_at: i64,
}

const SELECT: &str =
    "SELECT id, mailbox_id, folder, place, host, port, security, username, state, server_id, ends_at,
    told_at, failures, reason_code, reason, remedy, due_at FROM subscription";

impl FromRow for Subscription {
    fn from_row(row: &Row<'_>) -> Result<Self, Error> {
        let c = &mut row.columns();
        Ok(Subscription {
            id: c.take()?,
            mailbox_id: c.take()?,
            folder: c.take()?,
            place: c.take()?,
            host: c.take()?,
            port: c.take()?,
            security: Security::take(c)?,
            username: c.take()?,
            state: State::take(c)?,
            server_id: c.take()?,
            ends_at: c.take()?,
            told_at: c.take()?,
            failures: c.take()?,
            reason_code: c.take()?,
            reason: c.take()?,
            remedy: c.take()?,
            due_at: c.take()?,
        })
    }
}

/// One that somebody is at: a result counts with this generation alone.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub id: i64,
    pub generation: i64,
}

/// Why it could not be made, renewed or ended.
#[derive(Clone, Debug)]
pub struct Setback {
    pub code: String,
    pub reason: String,
    pub remedy: String,
    pub next_at: i64,
}

/// Of one mailbox, by folder.
pub fn of_mailbox(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<Vec<Subscription>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE mailbox_id = ").bind(mailbox_id).push(" ORDER BY folder, id LIMIT ").bind(ROWS_MAX);
    Ok(tx.all(query.sql(), query.params())?)
}

/// Whether something is to be done about any.
pub fn is_due(tx: &mut Tx<'_>, now: i64) -> Result<bool> {
    let (due,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM subscription WHERE due_at <= $1 AND leased_until <= $1)",
        params![now],
    )?;
    Ok(due)
}

/// Leases those that are due, of one mailbox or of all, at most `limit`.
pub fn claim_due(
    tx: &mut Tx<'_>,
    of_mailbox: Option<i64>,
    now: i64,
    (lease_ms, owner): (i64, &str),
    limit: i64,
) -> Result<Vec<(Claim, Subscription)>> {
    if mail_hold::is_on(tx)? {
        return Ok(Vec::new());
    }
    // The due condition stands twice: without the outer one two nodes on PostgreSQL claim one row.
    let claimed: Vec<(i64, i64)> = tx.all(
        "UPDATE subscription SET leased_until = $2, leased_by = $3, generation = generation + 1
         WHERE id IN (SELECT id FROM subscription WHERE due_at <= $1 AND leased_until <= $1 AND (mailbox_id = $5 OR $5 = 0)
                      ORDER BY due_at, id LIMIT $4)
           AND due_at <= $1 AND leased_until <= $1
         RETURNING id, generation",
        params![now, now.saturating_add(lease_ms), owner, limit, of_mailbox.unwrap_or(0)],
    )?;
    let mut found = Vec::with_capacity(claimed.len());
    for (id, generation) in claimed {
        found.extend(find(tx, id)?.map(|subscription| (Claim { id, generation }, subscription)));
    }
    Ok(found)
}

fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Subscription>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE id = ").bind(id);
    Ok(tx.maybe(query.sql(), query.params())?)
}

/// The server has made it. `false`: it is not wanted any more, or somebody else is at it, and whoever made it ends it.
/// What came between its making and this was told to nobody, so that the folder is looked into now.
pub fn made(
    tx: &mut Tx<'_>,
    claim: Claim,
    (server_id, client_state, ends_at): (&str, &str, i64),
    next_at: i64,
    now: i64,
) -> Result<bool> {
    let made: Option<(i64, String)> = tx.maybe(
        "UPDATE subscription SET state = 'active', server_id = $3, secret_hash = $4, ends_at = $5, due_at = $6,
                failures = 0, reason_code = '', reason = '', remedy = '', leased_until = 0, leased_by = ''
         WHERE id = $1 AND generation = $2 AND state = 'wanted' RETURNING mailbox_id, folder",
        params![claim.id, claim.generation, server_id, &hash(client_state)[..], ends_at, next_at],
    )?;
    let Some((mailbox_id, folder)) = made else { return Ok(false) };
    note(tx, now, mailbox_id, "notifications_begun", json!({ "folder": folder }))?;
    hearing::hurry(tx, mailbox_id, now)?;
    Ok(true)
}

/// Between two renewals, whoever asks for the next.
const RENEWAL_PAUSE_MS: i64 = 60_000;

/// Nobody is at it any more, and nobody begins anew for a while.
pub fn renewed(tx: &mut Tx<'_>, claim: Claim, ends_at: i64, next_at: i64, now: i64) -> Result<bool> {
    let renewed = tx.execute(
        "UPDATE subscription SET ends_at = $3, due_at = $4, failures = 0, reason_code = '', reason = '', remedy = '',
                leased_until = $5, leased_by = ''
         WHERE id = $1 AND generation = $2 AND state = 'active'",
        params![claim.id, claim.generation, ends_at, next_at, now.saturating_add(RENEWAL_PAUSE_MS)],
    )?;
    tx.wake("mailbox");
    Ok(renewed == 1)
}

/// The server has it no more: it is to be made anew, at once.
pub fn lost(tx: &mut Tx<'_>, claim: Claim, now: i64) -> Result<bool> {
    let lost = tx.execute(
        "UPDATE subscription SET state = 'wanted', server_id = NULL, secret_hash = NULL, ends_at = NULL, due_at = $3,
                leased_until = 0, leased_by = '', generation = generation + 1
         WHERE id = $1 AND generation = $2 AND state = 'active'",
        params![claim.id, claim.generation, now],
    )?;
    Ok(lost == 1)
}

/// It is tried again then. Said in the mailbox's history the first time.
pub fn failed(tx: &mut Tx<'_>, claim: Claim, why: &Setback, now: i64) -> Result<bool> {
    let failed: Option<(i64, String, i64, String)> = tx.maybe(
        "UPDATE subscription SET failures = failures + 1, reason_code = $3, reason = $4, remedy = $5, due_at = $6,
                leased_until = 0, leased_by = ''
         WHERE id = $1 AND generation = $2 RETURNING mailbox_id, folder, failures, state",
        params![claim.id, claim.generation, &why.code, &why.reason, &why.remedy, why.next_at],
    )?;
    let Some((mailbox_id, folder, failures, state)) = failed else { return Ok(false) };
    tx.wake("mailbox");
    if failures == 1 && state != State::Ending.word() {
        note(
            tx,
            now,
            mailbox_id,
            "notifications_refused",
            json!({ "folder": folder, "reason": why.reason }),
        )?;
    }
    Ok(true)
}

/// It has ended at the server, or there was none.
pub fn ended(tx: &mut Tx<'_>, claim: Claim, now: i64) -> Result<bool> {
    let Some((mailbox_id, folder, server_id, _)) = forget(tx, claim)? else { return Ok(false) };
    if server_id.is_some() {
        note(tx, now, mailbox_id, "notifications_ended", json!({ "folder": folder }))?;
    }
    Ok(true)
}

/// It cannot be ended from here: the server ends it by itself, and what it tells until then is for nobody.
pub fn given_up(tx: &mut Tx<'_>, claim: Claim, reason: &str, now: i64) -> Result<bool> {
    let Some((mailbox_id, folder, _, ends_at)) = forget(tx, claim)? else { return Ok(false) };
    let data = json!({ "folder": folder, "reason": reason, "ends_at": ends_at });
    note(tx, now, mailbox_id, "notifications_not_ended", data)?;
    Ok(true)
}

/// Mailbox, folder, id at the server, end.
type Forgotten = (i64, String, Option<String>, Option<i64>);

/// `None`: it is not this claim's any more.
fn forget(tx: &mut Tx<'_>, claim: Claim) -> Result<Option<Forgotten>> {
    let forgotten = tx.maybe(
        "DELETE FROM subscription WHERE id = $1 AND generation = $2 AND state = 'ending'
         RETURNING mailbox_id, folder, server_id, ends_at",
        params![claim.id, claim.generation],
    )?;
    if forgotten.is_some() {
        tx.wake("mailbox");
    }
    Ok(forgotten)
}

/// All of a mailbox are to be ended now, whatever it says of itself: it is about to lose what they can be ended with.
pub fn end_of_mailbox(tx: &mut Tx<'_>, mailbox_id: i64, now: i64) -> Result<()> {
    let all = of_mailbox(tx, mailbox_id)?;
    all.iter().try_for_each(|one| arranging::end(tx, one, now))
}

/// How the secret is kept.
fn hash(client_state: &str) -> [u8; 32] {
    Sha256::digest(client_state.as_bytes()).into()
}

/// Whose mailbox on which server, and who is told.
fn place(mailbox: &Mailbox, to: &Url) -> String {
    let (user, server) = (mail::address::key(mailbox.user(Side::Incoming)), &mailbox.incoming);
    format!("{user} {}:{} {to}", server.host, server.port)
}

fn note(tx: &mut Tx<'_>, now: i64, mailbox_id: i64, kind: &str, data: serde_json::Value) -> Result<()> {
    event::append(tx, &By::system(now), Subject::Mailbox(mailbox_id), kind, data)?;
    tx.wake("mailbox");
    Ok(())
}
