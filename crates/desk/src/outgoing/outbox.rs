//! Outgoing messages: fixed bytes and their attempts. Nothing is sent that is not a row first; an
//! attempt is counted before it is made; Message-ID and bytes never change between attempts.
//! What the bytes are made from is in `material`.
use super::delivery::{self, Delivery};
use crate::db::{self, FromRow, Query, Row};
use crate::files::blob;
use crate::files::store::Stored;
use crate::mailboxes::mailbox;
use crate::site::{event, event::Subject, mail_hold};
use crate::{By, Refusal, Result, db::Tx, params, row};
use serde_json::json;

pub use super::material::{Material, MaterialFile, material};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// At least one recipient still waits.
    Queued,
    /// Nobody waits and somebody's server has it.
    Sent,
    Failed,
    Cancelled,
}
impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Sent => "sent",
            State::Failed => "failed",
            State::Cancelled => "cancelled",
        }
    }
    pub fn read(text: &str) -> Option<State> {
        match text {
            "queued" => Some(State::Queued),
            "sent" => Some(State::Sent),
            "failed" => Some(State::Failed),
            "cancelled" => Some(State::Cancelled),
            _ => None,
        }
    }
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
impl FromRow for Claim {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Claim {
            outbox_id: row.get(0)?,
            generation: row.get(1)?,
            mailbox_id: row.get(2)?,
            attempts: row.get(3)?,
        })
    }
}

/// Places a new row with its recipients: what `reply` does in the transaction of the entry.
pub(crate) fn place(tx: &mut Tx<'_>, new: &NewOutbox<'_>, now: i64) -> Result<i64> {
    let id = tx.insert(
        "INSERT INTO outbox (ticket_id, entry_id, mailbox_id, message_id, state, due_at, give_up_at, created_at)
         VALUES ($1, $2, $3, $4, 'queued', $5, $6, $5) RETURNING id",
        params![new.ticket_id, new.entry_id, new.mailbox_id, new.message_id, now, now + LIFE_MS],
    )?;
    let mut query =
        Query::new("INSERT INTO delivery (outbox_id, recipient, recipient_key, state, at) VALUES ");
    query.bind_rows(
        new.recipients
            .iter()
            .map(|recipient| row![id, *recipient, mail::address::key(recipient), "queued", now]),
    );
    query.push(" ON CONFLICT (outbox_id, recipient_key) DO NOTHING");
    tx.execute(query.sql(), query.params())?;
    tx.wake("outbox");
    Ok(id)
}
pub(crate) struct NewOutbox<'a> {
    /// None: a letter of the desk's own, see `letter`.
    pub ticket_id: Option<i64>,
    pub entry_id: Option<i64>,
    pub mailbox_id: i64,
    pub message_id: &'a str,
    pub recipients: &'a [&'a str],
}

/// Leases rows that are due, oldest first, and counts the attempt: a sender that dies in the middle has
/// made one, and its row waits for the end of the lease. A lease that ran out had nobody to settle it, so
/// fixed bytes may have been sent: the row says so.
pub fn claim_due(tx: &mut Tx<'_>, now: i64, lease_ms: i64, owner: &str, limit: i64) -> Result<Vec<Claim>> {
    if mail_hold::is_on(tx)? {
        return Ok(Vec::new());
    }
    let mut claims: Vec<Claim> = tx.all(
        "UPDATE outbox SET leased_until = $1, leased_by = $2, generation = generation + 1, attempts = attempts + 1,
             unsure = CASE WHEN leased_until > 0 AND blob_id IS NOT NULL THEN 1 ELSE unsure END
         WHERE id IN (SELECT id FROM outbox WHERE state = 'queued' AND due_at <= $3 AND leased_until <= $3
                      ORDER BY due_at, id LIMIT $4)
           AND state = 'queued' AND due_at <= $3 AND leased_until <= $3
         RETURNING id, generation, mailbox_id, attempts",
        params![now + lease_ms, owner, now, limit],
    )?;
    claims.sort_by_key(|claim| claim.outbox_id);
    if !claims.is_empty() {
        let mut query = Query::new(
            "UPDATE delivery SET attempts = attempts + 1 WHERE state IN ('queued', 'deferred') AND outbox_id IN ",
        );
        query.bind_list(claims.iter().map(|claim| claim.outbox_id));
        tx.execute(query.sql(), query.params())?;
    }
    Ok(claims)
}
/// `false`: another sender has it now.
pub fn renew(tx: &mut Tx<'_>, claim: &Claim, until: i64) -> Result<bool> {
    let renewed = tx.execute(
        "UPDATE outbox SET leased_until = $3 WHERE id = $1 AND generation = $2 AND state = 'queued' AND leased_until > 0",
        params![claim.outbox_id, claim.generation, until],
    )?;
    Ok(renewed == 1)
}
/// Before the first attempt; a row that has bytes keeps them and `false` comes back.
pub fn fix_bytes(tx: &mut Tx<'_>, claim: &Claim, stored: &Stored) -> Result<bool> {
    let blob_id = blob::name(tx, stored)?;
    let changed = tx.execute(
        "UPDATE outbox SET blob_id = $3 WHERE id = $1 AND generation = $2 AND blob_id IS NULL AND state = 'queued'",
        params![claim.outbox_id, claim.generation, blob_id],
    )?;
    Ok(changed == 1)
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
///
/// What is left when the caller gives no time, or one past the row's three days, has failed.
pub fn settle(tx: &mut Tx<'_>, claim: &Claim, attempt: &Attempt, now: i64) -> Result<bool> {
    let error = attempt.error.as_deref().map(delivery::shorten);
    let settled = tx.maybe::<(i64, Option<i64>)>(
        "UPDATE outbox SET leased_until = 0, leased_by = '', last_error = $3,
             unsure = CASE WHEN $4 = 1 THEN 1 ELSE unsure END
         WHERE id = $1 AND generation = $2 AND state = 'queued' RETURNING give_up_at, ticket_id",
        params![claim.outbox_id, claim.generation, error.clone().unwrap_or_default(), attempt.unsure],
    )?;
    let Some((give_up_at, ticket_id)) = settled else { return Ok(false) };
    for (recipient, fate) in &attempt.fates {
        let (state, answer) = match fate {
            Fate::Sent { answer } => (delivery::State::Sent, answer),
            Fate::Deferred { answer } => (delivery::State::Deferred, answer),
            Fate::Refused { answer } => (delivery::State::Failed, answer),
        };
        tx.execute(
            "UPDATE delivery SET state = $3, answer = $4, at = $5, dismissed_at = NULL
             WHERE outbox_id = $1 AND recipient_key = $2 AND state IN ('queued', 'deferred')",
            params![
                claim.outbox_id,
                mail::address::key(recipient),
                state.as_str(),
                delivery::shorten(answer),
                now
            ],
        )?;
    }
    let next_at = attempt.next_at.filter(|next_at| *next_at < give_up_at);
    match next_at {
        Some(next_at) => {
            // What concerned the whole is said at each recipient: that is where the agent looks.
            if let Some(error) = &error {
                tx.execute(
                    "UPDATE delivery SET state = 'deferred', answer = $2, at = $3
                     WHERE outbox_id = $1 AND state IN ('queued', 'deferred')",
                    params![claim.outbox_id, error, now],
                )?;
            }
            tx.execute("UPDATE outbox SET due_at = $2 WHERE id = $1", params![claim.outbox_id, next_at])?;
        }
        None => {
            let why = match (attempt.next_at, &error) {
                (Some(_), Some(error)) => format!("Given up after three days. {error}"),
                (Some(_), None) => "Given up after three days.".to_owned(),
                (None, error) => error.clone().unwrap_or_default(),
            };
            tx.execute(
                "UPDATE delivery SET state = 'failed', at = $3, dismissed_at = NULL,
                     answer = CASE WHEN $2 = '' THEN answer WHEN answer = '' OR $4 = 1 THEN $2 ELSE $2 || ' ' || answer END
                 WHERE outbox_id = $1 AND state IN ('queued', 'deferred')",
                params![claim.outbox_id, &why, now, error.is_some()],
            )?;
        }
    }
    settle_state(tx, claim.outbox_id, now)?;
    if let Some(ticket_id) = ticket_id {
        told(tx, claim.outbox_id, ticket_id, now)?;
    }
    tx.wake("outbox");
    tx.wake("ticket");
    Ok(true)
}
/// The ticket's thread and counter say what failed at this moment.
pub(super) fn told(tx: &mut Tx<'_>, outbox_id: i64, ticket_id: i64, now: i64) -> Result<()> {
    delivery::count_unsent(tx, ticket_id)?;
    let failed = tx.all::<(String, String)>(
        "SELECT recipient, answer FROM delivery WHERE outbox_id = $1 AND state = 'failed' AND at = $2 AND dismissed_at IS NULL
         ORDER BY id",
        params![outbox_id, now],
    )?;
    for (recipient, answer) in failed {
        let data = json!({ "recipient": recipient, "answer": answer });
        event::append(tx, &By::system(now), Subject::Ticket(ticket_id), "not_sent", data)?;
    }
    Ok(())
}
/// The row's state from its recipients': queued while one waits, sent when one got it, else failed, else
/// cancelled.
pub(super) fn settle_state(tx: &mut Tx<'_>, outbox_id: i64, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE outbox SET state = CASE
             WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.outbox_id = $1 AND d.state IN ('queued', 'deferred')) THEN 'queued'
             WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.outbox_id = $1 AND d.state IN ('sent', 'bounced')) THEN 'sent'
             WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.outbox_id = $1 AND d.state = 'failed') THEN 'failed'
             ELSE 'cancelled' END
         WHERE id = $1",
        params![outbox_id],
    )?;
    tx.execute(
        "UPDATE outbox SET settled_at = CASE WHEN state = 'queued' THEN NULL ELSE COALESCE(settled_at, $2) END WHERE id = $1",
        params![outbox_id, now],
    )?;
    Ok(())
}

const SELECT: &str =
    "SELECT o.id, t.number, o.entry_id, o.mailbox_id, m.address, o.message_id, b.hash, o.state, o.attempts,
        o.due_at, o.last_error, o.unsure
    FROM outbox o LEFT JOIN ticket t ON t.id = o.ticket_id LEFT JOIN mailbox m ON m.id = o.mailbox_id
    LEFT JOIN blob b ON b.id = o.blob_id WHERE true";

impl FromRow for Outbox {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let state: &str = row.get(7)?;
        Ok(Outbox {
            id: row.get(0)?,
            ticket_number: row.get(1)?,
            entry_id: row.get(2)?,
            mailbox_id: row.get(3)?,
            mailbox: row.get(4)?,
            message_id: row.get(5)?,
            sha256: row.get(6)?,
            state: State::read(state)
                .ok_or_else(|| db::Error::Decode(format!("{state:?} is no state of an outbox row")))?,
            attempts: row.get(8)?,
            due_at: row.get(9)?,
            last_error: row.get(10)?,
            unsure: row.get(11)?,
            deliveries: Vec::new(),
        })
    }
}
/// Newest first; `after` is the last id of the page before.
pub fn list(tx: &mut Tx<'_>, state: Option<State>, after: Option<i64>, limit: i64) -> Result<Vec<Outbox>> {
    let mut query = Query::new(SELECT);
    if let Some(state) = state {
        query.push(" AND o.state = ").bind(state.as_str());
    }
    if let Some(after) = after {
        query.push(" AND o.id < ").bind(after);
    }
    query.push(" ORDER BY o.id DESC LIMIT ").bind(limit);
    let mut rows: Vec<Outbox> = tx.all(query.sql(), query.params())?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    for (outbox_id, delivery) in delivery::list_of(tx, &ids)? {
        if let Some(row) = rows.iter_mut().find(|row| row.id == outbox_id) {
            row.deliveries.push(delivery);
        }
    }
    Ok(rows)
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Outbox>> {
    let mut query = Query::new(SELECT);
    query.push(" AND o.id = ").bind(id);
    let Some(mut row) = tx.maybe::<Outbox>(query.sql(), query.params())? else { return Ok(None) };
    row.deliveries = delivery::list(tx, id)?;
    Ok(Some(row))
}
/// Its ticket and the end of its lease, with both rows held against other writers.
fn hold(tx: &mut Tx<'_>, id: i64) -> Result<(Option<i64>, i64)> {
    let held = tx.maybe::<(Option<i64>, i64)>(
        "UPDATE outbox SET attempts = attempts WHERE id = $1 RETURNING ticket_id, leased_until",
        params![id],
    )?;
    let (ticket_id, leased_until) = held.ok_or(Refusal::NotFound("outgoing message"))?;
    if let Some(ticket_id) = ticket_id {
        tx.execute("UPDATE ticket SET unsent = unsent WHERE id = $1", params![ticket_id])?;
    }
    Ok((ticket_id, leased_until))
}
/// Queued again at once, for the recipients that did not get it. A new three days begin. One that is being
/// sent now is left to that attempt.
pub fn retry(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let (ticket_id, _) = hold(tx, id)?;
    let missing = tx.execute(
        "UPDATE delivery SET state = 'queued', at = $2, dismissed_at = NULL WHERE outbox_id = $1 AND state <> 'sent'",
        params![id, by.at],
    )?;
    if missing == 0 {
        return Err(Refusal::Other("Everybody has got this message already.".to_owned()).into());
    }
    tx.execute(
        "UPDATE outbox SET state = 'queued', due_at = $2, give_up_at = $3, settled_at = NULL WHERE id = $1",
        params![id, by.at, by.at + LIFE_MS],
    )?;
    // Or a server that is left alone after a failure would not be asked for an hour.
    let (mailbox_id,) = tx.one("SELECT mailbox_id FROM outbox WHERE id = $1", params![id])?;
    mailbox::try_outgoing(tx, mailbox_id, by.at)?;
    noted(tx, by, id, ticket_id, "retried")
}
/// What has not gone out will not; failures are dealt with by it. Refused while it is being sent.
pub fn cancel(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let (ticket_id, leased_until) = hold(tx, id)?;
    if leased_until > by.at {
        return Err(Refusal::Other(
            "This message is being sent right now. Look again in a minute.".to_owned(),
        )
        .into());
    }
    let stopped = tx.execute(
        "UPDATE delivery SET state = 'cancelled', at = $2 WHERE outbox_id = $1 AND state IN ('queued', 'deferred')",
        params![id, by.at],
    )?;
    let dismissed = tx.execute(
        "UPDATE delivery SET dismissed_at = $2 WHERE outbox_id = $1 AND state IN ('failed', 'bounced') AND dismissed_at IS NULL",
        params![id, by.at],
    )?;
    if stopped + dismissed == 0 {
        return Err(Refusal::Other(
            "There is nothing left to cancel: this message has gone out, or was cancelled.".to_owned(),
        )
        .into());
    }
    settle_state(tx, id, by.at)?;
    noted(tx, by, id, ticket_id, "cancelled")
}
fn noted(tx: &mut Tx<'_>, by: &By, id: i64, ticket_id: Option<i64>, kind: &str) -> Result<()> {
    event::append(tx, by, Subject::Outbox(id), kind, json!({}))?;
    if let Some(ticket_id) = ticket_id {
        delivery::count_unsent(tx, ticket_id)?;
        event::append(tx, by, Subject::Ticket(ticket_id), kind, json!({ "outbox": id }))?;
    }
    tx.wake("outbox");
    tx.wake("ticket");
    Ok(())
}
