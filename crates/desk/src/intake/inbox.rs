//! Raw messages taken from mailboxes: stored before anything interprets them. Recording a batch is in
//! `record`, turning a row into an entry in `filing`.
use super::filing::ATTEMPTS_MAX;
use crate::db::{self, FromRow, Query, Row};
use crate::site::mail_hold;
use crate::tickets::queue::COUNT_MAX;
use crate::{Result, db::Tx, params};

pub use super::again::{Retried, retry, retry_after_upgrade};
pub use super::outcome::{Outcome, settle};
pub use super::record::{Arrival, Head, LeaseLost, Recorded, missing, record, recorded};
pub use super::same_letter::{Candidates, ServerLines, candidates, recognise};

/// The UIDVALIDITY of what lies in no server's folder: none has it (RFC 9051 2.3.1.1).
pub const NUMBERED_NOWHERE: u32 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    New,
    Filed,
    Ignored,
    Held,
    Failed,
}
impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::New => "new",
            State::Filed => "filed",
            State::Ignored => "ignored",
            State::Held => "held",
            State::Failed => "failed",
        }
    }
    pub fn read(text: &str) -> Option<State> {
        match text {
            "new" => Some(State::New),
            "filed" => Some(State::Filed),
            "ignored" => Some(State::Ignored),
            "held" => Some(State::Held),
            "failed" => Some(State::Failed),
            _ => None,
        }
    }
    pub(crate) fn of_row(word: &str) -> Result<State, db::Error> {
        State::read(word).ok_or_else(|| db::Error::Decode(format!("{word:?} is no state of an inbox row")))
    }
}

/// A row claimed for filing.
#[derive(Clone, Debug)]
pub struct Claim {
    pub inbox_id: i64,
    pub generation: i64,
    pub mailbox_id: i64,
    pub received_at: i64,
    pub silent: bool,
    /// A person wants it to become a ticket.
    pub accepted: bool,
    /// The attempt before failed.
    pub has_failed: bool,
    /// The attempt before could not store its parts, which is no fault of the message.
    pub has_waited: bool,
    pub attempts: i64,
    pub blob_id: i64,
    pub place: String,
    pub hash: Vec<u8>,
}
impl FromRow for Claim {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Claim {
            inbox_id: row.get(0)?,
            generation: row.get(1)?,
            mailbox_id: row.get(2)?,
            received_at: row.get(3)?,
            silent: row.get(4)?,
            accepted: row.get(5)?,
            attempts: row.get(6)?,
            place: row.get(7)?,
            hash: row.get(8)?,
            has_failed: row.get(9)?,
            blob_id: row.get(10)?,
            has_waited: row.get(11)?,
        })
    }
}
/// What is in hand is in memory, some three times over: of as many messages as have this together, and one more.
const CLAIM_BYTES: i64 = 32 * 1024 * 1024;

impl Claim {
    /// It was in hand as often as may be, and whoever had it ended before there was anything to say of it.
    pub fn ended_postern(&self) -> bool {
        !self.has_waited && self.attempts > ATTEMPTS_MAX
    }
    /// The same, so far only often enough to come alone.
    pub fn may_end_postern(&self) -> bool {
        !self.has_waited && !self.has_failed && self.attempts > IN_COMPANY
    }
}
/// What was in hand this often and is still new comes alone from then on: it, or one that came with it, may be what ended
/// the process.
const IN_COMPANY: i64 = 2;
/// New rows that are due, oldest first, fewer where they are large; where there are none, one of those that come alone.
/// The attempt is counted by the claim.
///
/// A mailbox is filed by one filer at a time, so that no answer overtakes its original: while any of its rows is in
/// hand, no other is given out. (Two claims at once begin at the same oldest row of a mailbox, and PostgreSQL lets
/// only one of them commit.) A row that was put off does not hold up those after it.
pub fn claim_due(tx: &mut Tx<'_>, now: i64, lease_ms: i64, owner: &str, limit: i64) -> Result<Vec<Claim>> {
    claim_next(tx, now, lease_ms, owner, limit, &[])
}
/// The same for a filer that has rows in hand already and files what it gets now after them: they keep nothing of
/// their mailboxes from it. What comes alone does not come beside them.
pub fn claim_next(
    tx: &mut Tx<'_>,
    now: i64,
    lease_ms: i64,
    owner: &str,
    limit: i64,
    in_hand: &[i64],
) -> Result<Vec<Claim>> {
    if mail_hold::is_on(tx)? {
        return Ok(Vec::new());
    }
    let others = in_hand_elsewhere(now, in_hand);
    let others: Vec<i64> =
        tx.all::<(i64,)>(others.sql(), others.params())?.into_iter().map(|(id,)| id).collect();
    let claim = |tx: &mut Tx<'_>, which: &'static Which, limit: i64| {
        let query = claiming(which, now, now + lease_ms, owner, limit, &others);
        tx.all::<(i64,)>(query.sql(), query.params())
    };
    let mut claimed = claim(tx, &TOGETHER, limit)?;
    if claimed.is_empty() && in_hand.is_empty() {
        claimed = claim(tx, &ALONE, 1)?;
    }
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(CLAIM);
    query.push(" IN ").bind_list(claimed.into_iter().map(|(id,)| id)).push(" ORDER BY i.id");
    Ok(tx.all(query.sql(), query.params())?)
}
/// Mailboxes of which another filer has rows in hand.
fn in_hand_elsewhere<'v>(now: i64, in_hand: &[i64]) -> Query<'v> {
    let mut others =
        Query::new("SELECT DISTINCT mailbox_id FROM inbox WHERE state = 'new' AND leased_until > ");
    others.bind(now);
    if !in_hand.is_empty() {
        others.push(" AND id NOT IN ").bind_list(in_hand.iter().copied());
    }
    others
}
/// Of the new rows that are due.
struct Which {
    /// Ends with a comparison with [`IN_COMPANY`].
    condition: &'static str,
    order: &'static str,
}
const TOGETHER: Which =
    Which { condition: " AND (reason_code = 'store' OR attempts < ", order: " ORDER BY id" };
const ALONE: Which =
    Which { condition: " AND (reason_code <> 'store' AND attempts >= ", order: " ORDER BY attempts, id" };

/// The `+` keeps SQLite from going by the lease, which nearly all that wait do not have, and sorting them.
fn claiming<'v>(
    which: &'static Which,
    now: i64,
    leased_until: i64,
    owner: &'v str,
    limit: i64,
    others: &[i64],
) -> Query<'v> {
    let due = |query: &mut Query<'v>| {
        query.push("state = 'new' AND due_at <= ").bind(now).push(" AND +leased_until <= ").bind(now);
        query.push(which.condition).bind(IN_COMPANY).push(")");
        if !others.is_empty() {
            query.push(" AND mailbox_id NOT IN ").bind_list(others.iter().copied());
        }
    };
    let mut query = Query::new("UPDATE inbox SET leased_until = ");
    query.bind(leased_until).push(", leased_by = ").bind(owner);
    query.push(
        ", generation = generation + 1, attempts = attempts + 1 WHERE id IN (SELECT id FROM (
             SELECT id, SUM(size_bytes) OVER (ORDER BY id) - size_bytes AS before FROM (
                 SELECT id, size_bytes FROM inbox WHERE ",
    );
    due(&mut query);
    query.push(which.order).push(" LIMIT ").bind(limit);
    query.push(") AS oldest) AS counted WHERE before < ").bind(CLAIM_BYTES).push(") AND ");
    due(&mut query);
    query.push(" RETURNING id");
    query
}
/// How SQLite goes about a claim.
#[cfg(any(test, feature = "testing"))]
pub fn plan_of_claim(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let (others, claiming) = (in_hand_elsewhere(1, &[1]), claiming(&TOGETHER, 1, 2, "test", 9, &[1]));
    Ok([tx.plan(others.sql(), others.params())?, tx.plan(claiming.sql(), claiming.params())?].concat())
}
/// The database did not take what became of these: nothing was tried, and whoever comes next may have them.
pub fn give_back(tx: &mut Tx<'_>, owner: &str, ids: &[i64]) -> Result<()> {
    let mut query = Query::new(
        "UPDATE inbox SET leased_until = 0, attempts = attempts - 1 WHERE state = 'new' AND leased_until > 0",
    );
    query.push(" AND leased_by = ").bind(owner).push(" AND id IN ").bind_list(ids.iter().copied());
    tx.execute(query.sql(), query.params())?;
    Ok(())
}
/// One row as it is, claimed by nobody: for a rehearsal, whose transaction nobody else sees.
pub(super) fn claim_one(tx: &mut Tx<'_>, id: i64) -> Result<Claim> {
    let mut query = Query::new(CLAIM);
    query.push(" = ").bind(id);
    Ok(tx.one(query.sql(), query.params())?)
}
const CLAIM: &str =
    "SELECT i.id, i.generation, i.mailbox_id, i.received_at, i.silent, i.accepted, i.attempts, b.place, b.hash,
            i.reason_code = 'failed', b.id, i.reason_code = 'store'
     FROM inbox i JOIN blob b ON b.id = i.blob_id WHERE i.id";

#[derive(Clone, Debug)]
pub struct Inbox {
    pub id: i64,
    pub mailbox: String,
    pub folder: String,
    pub uid: u32,
    pub message_id: Option<String>,
    pub sha256: Vec<u8>,
    pub size_bytes: i64,
    pub received_at: i64,
    pub state: State,
    pub reason: String,
    pub ticket_number: Option<String>,
    pub entry_id: Option<i64>,
    /// Of its head, as far as they were kept (`record::Head`).
    pub sender: String,
    pub subject: String,
    /// It is on its server, and what is here is a note of that.
    pub is_left: bool,
    /// A letter stands in for it, and the message itself was asked for since: another row has what came.
    pub is_replaced: bool,
    /// It could not be filed, and is tried again then.
    pub next_at: Option<i64>,
}
impl FromRow for Inbox {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let uid: i64 = row.get(3)?;
        Ok(Inbox {
            id: row.get(0)?,
            mailbox: row.get(1)?,
            folder: row.get(2)?,
            uid: u32::try_from(uid).map_err(|_| db::Error::Decode(format!("{uid} is no UID")))?,
            message_id: row.get(4)?,
            sha256: row.get(5)?,
            size_bytes: row.get(6)?,
            received_at: row.get(7)?,
            state: State::of_row(row.get(8)?)?,
            reason: row.get(9)?,
            ticket_number: row.get(10)?,
            entry_id: row.get(11)?,
            sender: row.get(12)?,
            subject: row.get(13)?,
            is_left: row.get(14)?,
            is_replaced: row.get(15)?,
            next_at: row.get(16)?,
        })
    }
}
const SELECT: &str =
    "SELECT i.id, m.address, i.folder, i.uid, i.message_id, b.hash, i.size_bytes, i.received_at, i.state,
        i.reason, t.number, i.entry_id, i.sender_key, i.subject,
        CASE WHEN i.settled_as = 'stays' THEN 1 ELSE 0 END,
        CASE WHEN i.settled_as = 'stays' AND i.uid_validity = 0 THEN 1 ELSE 0 END,
        CASE WHEN i.state = 'new' AND i.reason_code <> '' THEN i.due_at END
    FROM inbox i LEFT JOIN mailbox m ON m.id = i.mailbox_id LEFT JOIN blob b ON b.id = i.blob_id
    LEFT JOIN ticket t ON t.id = i.ticket_id WHERE true";
/// Newest first; `after` is the last id of the page before.
pub fn list(tx: &mut Tx<'_>, state: Option<State>, after: Option<i64>, limit: i64) -> Result<Vec<Inbox>> {
    let query = list_query(state, after, limit);
    Ok(tx.all(query.sql(), query.params())?)
}
/// How SQLite goes about that list, for the test that it reads one page and sorts nothing.
#[cfg(any(test, feature = "testing"))]
pub fn plan(tx: &mut Tx<'_>, state: State) -> Result<String> {
    let query = list_query(Some(state), Some(i64::MAX), 100);
    Ok(tx.plan(query.sql(), query.params())?.join("\n"))
}
fn list_query(state: Option<State>, after: Option<i64>, limit: i64) -> Query<'static> {
    let mut query = Query::new(SELECT);
    if let Some(state) = state {
        query.push(" AND i.state = ").bind(state.as_str());
    }
    if let Some(after) = after {
        query.push(" AND i.id < ").bind(after);
    }
    query.push(" ORDER BY i.id DESC LIMIT ").bind(limit);
    query
}
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Inbox>> {
    let mut query = Query::new(SELECT);
    query.push(" AND i.id = ").bind(id);
    Ok(tx.maybe(query.sql(), query.params())?)
}
/// How many messages are in this state, counted up to [`COUNT_MAX`] and one.
pub fn count(tx: &mut Tx<'_>, state: State) -> Result<i64> {
    let few = "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE state = $1 LIMIT $2) AS few";
    Ok(tx.one::<(i64,)>(few, params![state.as_str(), COUNT_MAX + 1])?.0)
}
/// What no agent sees, each counted up to [`COUNT_MAX`] and one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfiled {
    /// For a person to decide about.
    pub kept: i64,
    /// On their servers.
    pub left: i64,
    /// They could not be filed so far, and are tried again.
    pub put_off: i64,
}
pub fn unfiled(tx: &mut Tx<'_>) -> Result<Unfiled> {
    let mut few = |sql: &'static str| Ok::<_, crate::Error>(tx.one::<(i64,)>(sql, params![COUNT_MAX + 1])?.0);
    Ok(Unfiled {
        kept: few("SELECT count(*) FROM (SELECT 1 FROM inbox
             WHERE state = 'failed' AND reason_code <> 'left_on_server' LIMIT $1) AS few")?,
        left: few("SELECT count(*) FROM (SELECT 1 FROM inbox
             WHERE state = 'failed' AND reason_code = 'left_on_server' LIMIT $1) AS few")?,
        put_off: few(PUT_OFF)?,
    })
}
const PUT_OFF: &str = "SELECT count(*) FROM (SELECT 1 FROM inbox
     WHERE state = 'new' AND reason_code <> '' LIMIT $1) AS few";
/// Those that could not be filed so far and are tried again, the next first.
pub fn list_put_off(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Inbox>> {
    let query = put_off_query(limit);
    Ok(tx.all(query.sql(), query.params())?)
}
fn put_off_query(limit: i64) -> Query<'static> {
    let mut query = Query::new(SELECT);
    query.push(" AND i.state = 'new' AND i.reason_code <> '' ORDER BY i.due_at, i.id LIMIT ").bind(limit);
    query
}
/// How many rows of a mailbox still wait for filing. Few of all are new: the `+` keeps the look-up from going by the mailbox,
/// whose rows are many.
pub fn backlog(tx: &mut Tx<'_>, mailbox_id: i64, now: i64) -> Result<i64> {
    Ok(tx.one::<(i64,)>(BACKLOG, params![mailbox_id, now])?.0)
}
const BACKLOG: &str = "SELECT count(*) FROM inbox
     WHERE state = 'new' AND +mailbox_id = $1 AND (due_at <= $2 OR leased_until > $2)";

/// How SQLite goes about that.
#[cfg(any(test, feature = "testing"))]
pub fn plan_of_put_off(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let listed = put_off_query(1);
    Ok([tx.plan(PUT_OFF, params![1])?, tx.plan(listed.sql(), listed.params())?].concat())
}
/// The same.
#[cfg(any(test, feature = "testing"))]
pub fn plan_of_backlog(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    Ok(tx.plan(BACKLOG, params![1, 1])?)
}
