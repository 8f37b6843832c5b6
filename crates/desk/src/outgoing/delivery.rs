//! One recipient of an outbox row: what became of it, and what a bounce makes of it.
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
/// A bounce came back for the message with this id: its delivery turns red, the ticket shows under *Not
/// sent*. `Some(ticket_id)` when it was ours.
///
/// Only a delivery that a server had accepted can bounce. A report that names nobody, or somebody that the
/// letter did not go to (a forwarded address), is taken for the only recipient; with several it is said on
/// the ticket and turns nobody red, for nobody knows whom. The same report twice changes nothing.
pub fn bounced(
    tx: &mut Tx<'_>,
    message_id: &str,
    recipient: Option<&str>,
    answer: &str,
    at: i64,
) -> Result<Option<i64>> {
    let Some((outbox_id, ticket_id)) = of_message(tx, message_id)? else { return Ok(None) };
    let answer = shorten(answer);
    let deliveries = tx.all::<(i64, String, String, i64)>(
        "SELECT d.id, d.recipient, d.recipient_key, CASE WHEN d.state = 'sent' OR o.unsure = 1 THEN 1 ELSE 0 END
         FROM delivery d JOIN outbox o ON o.id = d.outbox_id
         WHERE d.outbox_id = $1 AND d.state <> 'bounced' ORDER BY d.id",
        params![outbox_id],
    )?;
    let (all,) =
        tx.one::<(i64,)>("SELECT count(*) FROM delivery WHERE outbox_id = $1", params![outbox_id])?;
    let key = recipient.map(mail::address::key);
    let named = deliveries.iter().find(|(_, _, k, _)| key.as_ref() == Some(k));
    let meant = named.or(deliveries.first().filter(|_| all == 1));
    let by = By::system(at);
    let shown = match meant {
        Some((_, _, _, 0)) => return Ok(Some(ticket_id)), // no server has it: what became of it is known here
        Some((id, address, _, _)) => {
            tx.execute(
                "UPDATE delivery SET state = 'bounced', answer = $2, at = $3, dismissed_at = NULL WHERE id = $1",
                params![*id, &answer, at],
            )?;
            super::outbox::settle_state(tx, outbox_id, at)?;
            count_unsent(tx, ticket_id)?;
            address.clone()
        }
        None if deliveries.is_empty() || said_before(tx, ticket_id, &answer)? => return Ok(Some(ticket_id)),
        None => recipient.map(shorten).unwrap_or_default(),
    };
    event::append(
        tx,
        &by,
        Subject::Ticket(ticket_id),
        "bounced",
        json!({ "recipient": shown, "answer": answer }),
    )?;
    surface(tx, ticket_id, &shown, &answer, at)?;
    tx.wake("ticket");
    Ok(Some(ticket_id))
}
/// A report says that the letter still waits somewhere: told on the ticket, nothing turns red.
pub fn delayed(
    tx: &mut Tx<'_>,
    message_id: &str,
    recipient: Option<&str>,
    answer: &str,
    at: i64,
) -> Result<Option<i64>> {
    let Some((_, ticket_id)) = of_message(tx, message_id)? else { return Ok(None) };
    let data = json!({ "recipient": recipient.map(shorten), "answer": shorten(answer) });
    event::append(tx, &By::system(at), Subject::Ticket(ticket_id), "delayed", data)?;
    tx.wake("ticket");
    Ok(Some(ticket_id))
}
/// The outbox row and ticket of a Message-ID of ours, with the ticket held against other writers.
fn of_message(tx: &mut Tx<'_>, message_id: &str) -> Result<Option<(i64, i64)>> {
    let found = tx.maybe::<(i64, i64)>(
        "SELECT id, ticket_id FROM outbox WHERE message_id = $1 AND ticket_id IS NOT NULL",
        params![message_id],
    )?;
    if let Some((_, ticket_id)) = found {
        tx.execute("UPDATE ticket SET unsent = unsent WHERE id = $1", params![ticket_id])?;
    }
    Ok(found)
}
fn said_before(tx: &mut Tx<'_>, ticket_id: i64, answer: &str) -> Result<bool> {
    let events = event::list(tx, Subject::Ticket(ticket_id), 50)?;
    Ok(events
        .iter()
        .any(|e| e.kind == "bounced" && e.data.get("answer").and_then(|a| a.as_str()) == Some(answer)))
}
/// The ticket's line in the lists says it, at the top.
fn surface(tx: &mut Tx<'_>, ticket_id: i64, recipient: &str, answer: &str, at: i64) -> Result<()> {
    let preview: String =
        format!("The answer to {recipient} came back: {answer}").chars().take(160).collect();
    tx.execute(
        "UPDATE ticket SET updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at END,
             last_kind = 'message', last_name = $3, preview = $4 WHERE id = $1",
        params![ticket_id, at, By::system(at).name(), preview],
    )?;
    Ok(())
}
