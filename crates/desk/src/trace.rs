//! The whole life of a message, put together from the rows and events that are there: how it came and what became of
//! it, or how it was written and what each recipient's server said. It changes nothing.
pub mod journal;
mod life;

pub use life::{Step, readings, unknown};

use crate::db::{self, FromRow, Query, Row, Tx, Value};
use crate::intake::inbox::{self, Inbox};
use crate::intake::on_server::OnServer;
use crate::outgoing::outbox::{self, Outbox};
use crate::site::event::{self, Event, Subject};
use crate::tickets::search;
use crate::{Result, params};

/// What a person knows of the message that they ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    MessageId(String),
    /// Of the sender, or of a recipient of ours (normalised).
    Address(String),
    /// Words of its subject.
    Subject(String),
}

/// Where and when a message lay on a server, or was handed over.
#[derive(Clone, Debug)]
pub struct Source {
    pub folder: String,
    pub uid_validity: i64,
    pub uid: i64,
    pub at: i64,
    /// When what *Fetched Emails* says was done there.
    pub settled_at: Option<i64>,
    /// And what that was, where it was written down.
    pub settled_as: Option<OnServer>,
    /// Why it was not done so far; empty: nothing is in the way.
    pub unsettled_why: String,
    /// It came with another content, and was known by what it says (`intake::same_letter`).
    pub is_otherwise: bool,
}
#[derive(Clone, Debug)]
pub struct Incoming {
    pub row: Inbox,
    /// The first one is the one that the row was made from; the others brought the same content again.
    pub sources: Vec<Source>,
    pub silent: bool,
    pub attempts: i64,
    pub reason_code: String,
    /// When it was last filed, ignored or held, or is next tried.
    pub decided_at: i64,
    pub events: Vec<Event>,
}
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub row: Outbox,
    /// `None`: a letter of the desk's own.
    pub written_by: Option<String>,
    pub created_at: i64,
    pub settled_at: Option<i64>,
    pub give_up_at: i64,
    pub events: Vec<Event>,
}
#[derive(Debug, Default)]
pub struct Trace {
    /// Newest first.
    pub incoming: Vec<Incoming>,
    pub outgoing: Vec<Outgoing>,
    /// There are more than were asked for.
    pub more: bool,
}

/// Of one message: sources that are listed, and events.
const PER_MESSAGE_MAX: i64 = 100;
/// Tickets of one address that are looked into, the newest.
const TICKETS_MAX: i64 = 500;

/// By the narrowest reading of the text that finds anything, and which that is.
pub fn look(tx: &mut Tx<'_>, text: &str, limit: i64) -> Result<(Sought, Trace)> {
    let mut looked = None;
    for sought in readings(text) {
        let trace = find(tx, &sought, limit)?;
        let is_found = !trace.incoming.is_empty() || !trace.outgoing.is_empty();
        looked = Some((sought, trace));
        if is_found {
            break;
        }
    }
    Ok(looked.expect("invariant: a text has a reading"))
}

/// The newest messages, at most `limit` in each direction.
pub fn find(tx: &mut Tx<'_>, sought: &Sought, limit: i64) -> Result<Trace> {
    let (incoming, outgoing) = match sought {
        Sought::MessageId(id) => (under(tx, id, limit + 1)?, ids(tx, SENT_AS, params![id, limit + 1])?),
        Sought::Address(key) => (from(tx, key, limit + 1)?, to(tx, key, limit + 1)?),
        Sought::Subject(words) => about(tx, words, limit + 1)?,
    };
    let cut = |ids: Vec<i64>| -> (Vec<i64>, bool) {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = ids.len() > most;
        (ids.into_iter().take(most).collect(), more)
    };
    let ((incoming, more_in), (outgoing, more_out)) = (cut(incoming), cut(outgoing));
    let mut trace = Trace { more: more_in || more_out, ..Trace::default() };
    for id in incoming {
        trace.incoming.extend(incoming_of(tx, id)?);
    }
    for id in outgoing {
        trace.outgoing.extend(outgoing_of(tx, id)?);
    }
    Ok(trace)
}

fn ids(tx: &mut Tx<'_>, sql: &'static str, params: &[Value<'_>]) -> Result<Vec<i64>> {
    Ok(tx.all::<(i64,)>(sql, params)?.into_iter().map(|(id,)| id).collect())
}
const SENT_AS: &str = "SELECT id FROM outbox WHERE message_id = $1 ORDER BY id DESC LIMIT $2";
/// What is on a ticket is found by the ticket's references, and the rest by an index of the rest: one of all messages would
/// cost each of them something at filing.
const FILED_AS: &str = "SELECT e.inbox_id FROM reference r JOIN entry e ON e.ticket_id = r.ticket_id
    WHERE r.message_id = $1 AND e.message_id = $1 AND e.inbox_id IS NOT NULL ORDER BY e.inbox_id DESC LIMIT $2";
const LEFT_AS: &str = "SELECT id FROM inbox WHERE state IN ('ignored', 'held', 'failed') AND message_id = $1
    ORDER BY id DESC LIMIT $2";
const WAITING_AS: &str =
    "SELECT id FROM inbox WHERE state = 'new' AND message_id = $1 ORDER BY id DESC LIMIT $2";

fn under(tx: &mut Tx<'_>, id: &str, limit: i64) -> Result<Vec<i64>> {
    let filed = ids(tx, FILED_AS, params![id, limit])?;
    let left = ids(tx, LEFT_AS, params![id, limit])?;
    let waiting = ids(tx, WAITING_AS, params![id, limit])?;
    Ok(merged(merged(filed, left, limit), waiting, limit))
}
/// How SQLite looks a message up by its id, and by a recipient, for the test that it reads no table as a whole.
#[cfg(any(test, feature = "testing"))]
pub fn plan(tx: &mut Tx<'_>) -> Result<String> {
    let mut said = Vec::new();
    for sql in [SENT_AS, FILED_AS, LEFT_AS, WAITING_AS, SENT_TO, LEFT_FROM, WAITING_FROM] {
        said.extend(tx.plan(sql, params!["id@example.org", 2])?);
    }
    Ok(said.join("\n"))
}
const LEFT_FROM: &str =
    "SELECT id FROM inbox WHERE state IN ('ignored', 'held', 'failed') AND sender_key = $1
    ORDER BY id DESC LIMIT $2";
const WAITING_FROM: &str =
    "SELECT id FROM inbox WHERE state = 'new' AND sender_key = $1 ORDER BY id DESC LIMIT $2";
/// What this address has written to its tickets and to those that it has a part in, and what came from it and is on no
/// ticket. Of what came before a sender was kept of that, the reason names it.
fn from(tx: &mut Tx<'_>, key: &str, limit: i64) -> Result<Vec<i64>> {
    let filed = ids(
        tx,
        "SELECT e.inbox_id FROM entry e
         WHERE e.inbox_id IS NOT NULL
           AND e.requester_id IN (SELECT requester_id FROM requester_address WHERE address_key = $1)
           AND e.ticket_id IN (
               SELECT id FROM (SELECT t.id FROM ticket t
                   WHERE t.requester_id IN (SELECT requester_id FROM requester_address WHERE address_key = $1)
                   ORDER BY t.updated_at DESC LIMIT $3) AS asked
               UNION
               SELECT ticket_id FROM (SELECT p.ticket_id FROM participant p WHERE p.address_key = $1
                   ORDER BY p.ticket_id DESC LIMIT $3) AS copied)
         ORDER BY e.inbox_id DESC LIMIT $2",
        params![key, limit, TICKETS_MAX],
    )?;
    let left = ids(tx, LEFT_FROM, params![key, limit])?;
    let waiting = ids(tx, WAITING_FROM, params![key, limit])?;
    let told = by_reason(tx, key, limit)?;
    Ok(merged(merged(filed, left, limit), merged(waiting, told, limit), limit))
}
const SENT_TO: &str =
    "SELECT DISTINCT outbox_id FROM delivery WHERE recipient_key = $1 ORDER BY outbox_id DESC LIMIT $2";
fn to(tx: &mut Tx<'_>, key: &str, limit: i64) -> Result<Vec<i64>> {
    ids(tx, SENT_TO, params![key, limit])
}
fn about(tx: &mut Tx<'_>, words: &str, limit: i64) -> Result<(Vec<i64>, Vec<i64>)> {
    let pattern = pattern(words);
    let entries = search::entries_for_system(tx, words)?;
    let (mut incoming, mut outgoing) = (Vec::new(), Vec::new());
    for some in entries.chunks(500) {
        let mut query = Query::new(
            "SELECT e.inbox_id, o.id FROM entry e JOIN ticket t ON t.id = e.ticket_id
             LEFT JOIN outbox o ON o.entry_id = e.id WHERE e.id IN ",
        );
        query.bind_list(some.iter().copied());
        query.push(" AND (lower(e.subject) LIKE ").bind(pattern.as_str()).push(" ESCAPE '\\'");
        query.push(" OR t.subject_key LIKE ").bind(pattern.as_str()).push(" ESCAPE '\\')");
        for (inbox_id, outbox_id) in tx.all::<(Option<i64>, Option<i64>)>(query.sql(), query.params())? {
            incoming.extend(inbox_id);
            outgoing.extend(outbox_id);
        }
    }
    let (told, headed) = (by_reason(tx, words, limit)?, by_head(tx, words, limit)?);
    Ok((merged(incoming, merged(told, headed, limit), limit), merged(outgoing, Vec::new(), limit)))
}
/// Messages on no ticket, or on none yet, by their subject. SQLite knows the lower case of ASCII alone, so what is written
/// as it was asked for is found too.
fn by_head(tx: &mut Tx<'_>, words: &str, limit: i64) -> Result<Vec<i64>> {
    ids(
        tx,
        "SELECT id FROM inbox WHERE state IN ('new', 'ignored', 'held', 'failed')
             AND (lower(subject) LIKE $1 ESCAPE '\\' OR subject LIKE $2 ESCAPE '\\')
         ORDER BY id DESC LIMIT $3",
        params![pattern(words), escaped(words.trim().chars()), limit],
    )
}
/// Messages on no ticket whose reason quotes their subject and their sender.
fn by_reason(tx: &mut Tx<'_>, text: &str, limit: i64) -> Result<Vec<i64>> {
    ids(
        tx,
        "SELECT id FROM inbox WHERE state IN ('ignored', 'held', 'failed') AND lower(reason) LIKE $1 ESCAPE '\\'
         ORDER BY id DESC LIMIT $2",
        params![pattern(text), limit],
    )
}
/// Anywhere in a text that is in lower case.
fn pattern(text: &str) -> String {
    escaped(text.trim().chars().flat_map(char::to_lowercase))
}
fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut pattern = "%".to_owned();
    for c in text {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "%"
}
fn merged(one: Vec<i64>, other: Vec<i64>, limit: i64) -> Vec<i64> {
    let mut all: Vec<i64> = one.into_iter().chain(other).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.dedup();
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    all
}

/// The life of an inbox row.
pub fn incoming_of(tx: &mut Tx<'_>, id: i64) -> Result<Option<Incoming>> {
    let Some(row) = inbox::find(tx, id)? else { return Ok(None) };
    let (silent, attempts, reason_code, decided_at): (bool, i64, String, i64) =
        tx.one("SELECT silent, attempts, reason_code, due_at FROM inbox WHERE id = $1", params![id])?;
    let first: Source = tx.one(
        "SELECT folder, uid_validity, uid, fetched_at, settled_on_server_at, settled_as, unsettled_why, 0
         FROM inbox WHERE id = $1",
        params![id],
    )?;
    let again: Vec<Source> = tx.all(
        "SELECT folder, uid_validity, uid, at, settled_on_server_at, settled_as, unsettled_why,
             CASE WHEN content_key IS NULL THEN 0 ELSE 1 END FROM inbox_again
         WHERE inbox_id = $1 ORDER BY at, uid LIMIT $2",
        params![id, PER_MESSAGE_MAX],
    )?;
    let sources = std::iter::once(first).chain(again).collect();
    let events = event::list(tx, Subject::Inbox(id), PER_MESSAGE_MAX)?;
    Ok(Some(Incoming { row, sources, silent, attempts, reason_code, decided_at, events }))
}
impl FromRow for Source {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        Ok(Source {
            folder: c.take()?,
            uid_validity: c.take()?,
            uid: c.take()?,
            at: c.take()?,
            settled_at: c.take()?,
            settled_as: OnServer::of_word(c.take()?),
            unsettled_why: c.take()?,
            is_otherwise: c.take()?,
        })
    }
}

/// The life of an outbox row.
pub fn outgoing_of(tx: &mut Tx<'_>, id: i64) -> Result<Option<Outgoing>> {
    let Some(row) = outbox::find(tx, id)? else { return Ok(None) };
    let (created_at, settled_at, give_up_at, written_by): (i64, Option<i64>, i64, Option<String>) = tx.one(
        "SELECT o.created_at, o.settled_at, o.give_up_at, a.name
         FROM outbox o LEFT JOIN entry e ON e.id = o.entry_id LEFT JOIN agent a ON a.id = e.agent_id WHERE o.id = $1",
        params![id],
    )?;
    let events = event::list(tx, Subject::Outbox(id), PER_MESSAGE_MAX)?;
    Ok(Some(Outgoing { row, written_by, created_at, settled_at, give_up_at, events }))
}
