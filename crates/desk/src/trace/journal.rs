//! The journal: what came, newest first, a line each, by mailbox and by what became of it.
use crate::Result;
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::intake::inbox::State;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub mailbox_id: Option<i64>,
    pub state: Option<State>,
}

#[derive(Clone, Debug)]
pub struct Line {
    pub id: i64,
    pub mailbox: String,
    pub message_id: Option<String>,
    /// By the server.
    pub received_at: i64,
    /// The order of the list is its.
    pub fetched_at: i64,
    pub state: State,
    pub reason: String,
    pub ticket_number: Option<String>,
    /// Of its entry; while it has none, of its head.
    pub subject: Option<String>,
    pub from: Option<String>,
}
impl FromRow for Line {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        Ok(Line {
            id: c.take()?,
            mailbox: c.take()?,
            message_id: c.take()?,
            received_at: c.take()?,
            fetched_at: c.take()?,
            state: State::of_row(c.take()?)?,
            reason: c.take()?,
            ticket_number: c.take()?,
            subject: c.take()?,
            from: c.take()?,
        })
    }
}

/// `after` is the last id of the page before.
pub fn list(tx: &mut Tx<'_>, wanted: Wanted, after: Option<i64>, limit: i64) -> Result<Vec<Line>> {
    let query = query(wanted, after, limit);
    Ok(tx.all(query.sql(), query.params())?)
}
/// These, newest first.
pub fn of(tx: &mut Tx<'_>, ids: &[i64]) -> Result<Vec<Line>> {
    let mut query = Query::new(SELECT);
    query.push(" AND i.id IN ").bind_list(ids.iter().copied()).push(" ORDER BY i.id DESC");
    Ok(tx.all(query.sql(), query.params())?)
}
/// How SQLite goes about a page, for the test that it sorts nothing.
#[cfg(any(test, feature = "testing"))]
pub fn plan(tx: &mut Tx<'_>, wanted: Wanted) -> Result<String> {
    let query = query(wanted, Some(i64::MAX), 50);
    Ok(tx.plan(query.sql(), query.params())?.join("\n"))
}

const SELECT: &str =
    "SELECT i.id, m.address, i.message_id, i.received_at, i.fetched_at, i.state, i.reason, t.number,
        COALESCE(e.subject, CASE WHEN i.subject = '' AND i.sender_key = '' THEN NULL ELSE i.subject END),
        COALESCE(e.from_address, NULLIF(i.sender_key, ''))
    FROM inbox i JOIN mailbox m ON m.id = i.mailbox_id LEFT JOIN ticket t ON t.id = i.ticket_id
    LEFT JOIN entry e ON e.id = i.entry_id WHERE true";

/// Most of what comes is filed, so that of these the mailbox is looked up, and of the others what became of them: a sum or
/// a text that is put together is in no index.
fn query(wanted: Wanted, after: Option<i64>, limit: i64) -> Query<'static> {
    let mut query = Query::new(SELECT);
    let is_rare = wanted.state.is_some_and(|state| state != State::Filed);
    if let Some(mailbox_id) = wanted.mailbox_id {
        query
            .push(if is_rare { " AND i.mailbox_id + 0 = " } else { " AND i.mailbox_id = " })
            .bind(mailbox_id);
    }
    if let Some(state) = wanted.state {
        let by_mailbox = wanted.mailbox_id.is_some() && !is_rare;
        query.push(if by_mailbox { " AND i.state || '' = " } else { " AND i.state = " }).bind(state.as_str());
    }
    if let Some(after) = after {
        query.push(" AND i.id < ").bind(after);
    }
    query.push(" ORDER BY i.id DESC LIMIT ").bind(limit);
    query
}
