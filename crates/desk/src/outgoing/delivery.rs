//! One recipient of an outbox row, and what became of it. What a report makes of it later is in `report`.
use crate::db::{self, FromRow, Query, Row};
use crate::people::person::one_line;
use crate::site::{event, event::Subject};
use crate::tickets::ticket;
use crate::{By, Result, db::Tx, params};
use serde_json::json;
use std::collections::HashMap;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Queued,
    Sent,
    Deferred,
    Failed,
    Bounced,
    Cancelled,
}
impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Queued => "queued",
            State::Sent => "sent",
            State::Deferred => "deferred",
            State::Failed => "failed",
            State::Bounced => "bounced",
            State::Cancelled => "cancelled",
        }
    }
    pub(crate) fn read(text: &str) -> Result<State, db::Error> {
        match text {
            "queued" => Ok(State::Queued),
            "sent" => Ok(State::Sent),
            "deferred" => Ok(State::Deferred),
            "failed" => Ok(State::Failed),
            "bounced" => Ok(State::Bounced),
            "cancelled" => Ok(State::Cancelled),
            other => Err(db::Error::Decode(format!("{other:?} is no state of a delivery"))),
        }
    }
    /// It waits for its next attempt.
    pub fn is_open(self) -> bool {
        match self {
            State::Queued | State::Deferred => true,
            State::Sent | State::Failed | State::Bounced | State::Cancelled => false,
        }
    }
}
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: i64,
    pub recipient: String,
    pub state: State,
    /// What the server said, or why it was not sent.
    pub answer: String,
    pub attempts: i64,
    pub at: i64,
}
/// How much of a server's answer is kept.
const ANSWER_CHARS_MAX: usize = 1000;

struct Of(i64, Delivery);
impl FromRow for Of {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let delivery = Delivery {
            id: row.get(1)?,
            recipient: row.get(2)?,
            state: State::read(row.get(3)?)?,
            answer: row.get(4)?,
            attempts: row.get(5)?,
            at: row.get(6)?,
        };
        Ok(Of(row.get(0)?, delivery))
    }
}
pub fn list(tx: &mut Tx<'_>, outbox_id: i64) -> Result<Vec<Delivery>> {
    Ok(list_of(tx, &[outbox_id])?.into_iter().map(|(_, delivery)| delivery).collect())
}
/// Of several outbox rows in one query: (outbox id, delivery), in the order of the recipients.
pub fn list_of(tx: &mut Tx<'_>, outbox_ids: &[i64]) -> Result<Vec<(i64, Delivery)>> {
    if outbox_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        "SELECT outbox_id, id, recipient, state, answer, attempts, at FROM delivery WHERE outbox_id IN ",
    );
    query.bind_list(outbox_ids.iter().copied()).push(" ORDER BY id");
    let found: Vec<Of> = tx.all(query.sql(), query.params())?;
    Ok(found.into_iter().map(|Of(outbox_id, delivery)| (outbox_id, delivery)).collect())
}
/// How a reply goes out: its outbox row, and what became of it for each recipient.
#[derive(Clone, Debug)]
pub struct Sending {
    pub outbox_id: i64,
    pub deliveries: Vec<Delivery>,
}
/// Of the entries that are sent, by their ids, in two queries however many there are.
pub fn of_entries(
    tx: &mut Tx<'_>,
    entry_ids: impl ExactSizeIterator<Item = i64>,
) -> Result<HashMap<i64, Sending>> {
    if entry_ids.len() == 0 {
        return Ok(HashMap::new());
    }
    let mut query = Query::new("SELECT id, entry_id FROM outbox WHERE entry_id IN ");
    query.bind_list(entry_ids);
    let entry_of: HashMap<i64, i64> =
        tx.all::<(i64, i64)>(query.sql(), query.params())?.into_iter().collect();
    let outbox_ids: Vec<i64> = entry_of.keys().copied().collect();
    let mut found: HashMap<i64, Sending> = HashMap::new();
    for (outbox_id, delivery) in list_of(tx, &outbox_ids)? {
        if let Some(entry_id) = entry_of.get(&outbox_id) {
            let new = || Sending { outbox_id, deliveries: Vec::new() };
            found.entry(*entry_id).or_insert_with(new).deliveries.push(delivery);
        }
    }
    Ok(found)
}
/// What a server said, short and on one line.
pub(crate) fn shorten(answer: &str) -> String {
    one_line(answer).chars().take(ANSWER_CHARS_MAX).collect()
}
/// The ticket's number of deliveries that failed or bounced and that nobody has dealt with.
pub(crate) fn count_unsent(tx: &mut Tx<'_>, ticket_id: i64) -> Result<()> {
    tx.execute(
        "UPDATE ticket SET unsent = (SELECT count(*) FROM outbox o JOIN delivery d ON d.outbox_id = o.id
             WHERE o.ticket_id = $1 AND d.state IN ('failed', 'bounced') AND d.dismissed_at IS NULL)
         WHERE id = $1",
        params![ticket_id],
    )?;
    Ok(())
}

/// An agent has dealt with deliveries that failed: the ticket leaves *Not sent*.
pub fn dismiss_unsent(tx: &mut Tx<'_>, by: &By, ticket_id: i64) -> Result<()> {
    let ticket = ticket::hold(tx, ticket_id)?;
    if ticket.unsent == 0 {
        return Ok(());
    }
    tx.execute(
        "UPDATE delivery SET dismissed_at = $2 WHERE dismissed_at IS NULL AND state IN ('failed', 'bounced')
             AND outbox_id IN (SELECT id FROM outbox WHERE ticket_id = $1)",
        params![ticket_id, by.at],
    )?;
    count_unsent(tx, ticket_id)?;
    event::append(
        tx,
        by,
        Subject::Ticket(ticket_id),
        "dismissed_unsent",
        json!({ "deliveries": ticket.unsent }),
    )?;
    tx.wake("ticket");
    Ok(())
}
