//! One matter, with number, subject and state: opened, assigned, closed, reopened. Its list columns are kept
//! by `entry::add`, and *unsent* by `outgoing/delivery`; joining two is in `intake/joining`.
use crate::db::{self, FromRow, Ids, Query, ROWS_MAX, Row, powers_of_two};
use crate::people::{agent, person::one_line};
use crate::site::{event, event::Subject, sequence};
use crate::{By, Refusal, Result, db::Tx, params, people::viewer::Viewer, row};
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Open,
    Closed,
}
impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Closed => "closed",
        }
    }
    pub(crate) fn read(text: &str) -> Result<State, db::Error> {
        match text {
            "open" => Ok(State::Open),
            "closed" => Ok(State::Closed),
            other => Err(db::Error::Decode(format!("{other:?} is no state of a ticket"))),
        }
    }
}
#[derive(Clone, Debug)]
pub struct Ticket {
    pub id: i64,
    pub number: String,
    pub subject: String,
    pub state: State,
    pub department: String,
    pub mailbox_id: Option<i64>,
    pub mailbox: Option<String>,
    pub requester_id: i64,
    pub requester_name: Option<String>,
    pub requester_address: String,
    pub assignee: Option<(i64, String)>,
    /// Number of the ticket whose id its first message carried, from someone else.
    pub refers_to: Option<String>,
    /// Number of the ticket it was joined to.
    pub joined_to: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub closed_at: Option<i64>,
    pub last_entry_id: Option<i64>,
    pub entries: i64,
    pub unsent: i64,
}
/// A new ticket, opened by filing.
#[derive(Clone, Debug)]
pub struct NewTicket {
    pub subject: String,
    pub department_id: i64,
    pub mailbox_id: Option<i64>,
    pub requester_id: i64,
    pub requester_address: String,
    /// Id and number of the ticket whose id its first message carries, from someone else.
    pub refers_to: Option<(i64, String)>,
}
impl NewTicket {
    /// What its event says of it.
    pub(crate) fn data(&self) -> serde_json::Value {
        self.refers_to.as_ref().map_or_else(|| json!({}), |(_, number)| json!({ "refers_to": number }))
    }
}
/// Its id and number.
pub(crate) fn open(tx: &mut Tx<'_>, by: &By, new: NewTicket) -> Result<(i64, String)> {
    let number = sequence::next_ticket_number(tx)?;
    let id = Ids::of("ticket").next(tx, 1)?;
    let data = new.data();
    insert(tx, &[Opened { id, number: number.clone(), new, at: by.at, tail: Tail::of(id) }])?;
    event::append(tx, by, Subject::Ticket(id), "opened", data)?;
    tx.wake("ticket");
    Ok((id, number))
}

/// What the entries that are added to a ticket make of its list columns.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    pub ticket_id: i64,
    /// So many.
    pub added: i64,
    pub last_entry_id: Option<i64>,
    /// By the last of them that is no note: a note changes neither preview nor order.
    pub shown: Option<Shown>,
}
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Of the latest.
    pub at: i64,
    pub kind: &'static str,
    pub writer: String,
    pub preview: String,
}
impl Tail {
    pub(crate) fn of(ticket_id: i64) -> Tail {
        Tail { ticket_id, added: 0, last_entry_id: None, shown: None }
    }
    pub(crate) fn add(&mut self, entry_id: i64, shown: Option<Shown>) {
        self.added += 1;
        self.last_entry_id = Some(entry_id);
        if let Some(shown) = shown {
            let at = self.shown.as_ref().map_or(shown.at, |before| before.at.max(shown.at));
            self.shown = Some(Shown { at, ..shown });
        }
    }
}

/// A ticket to be written, with the entries that it has by then.
#[derive(Debug)]
pub(crate) struct Opened {
    pub id: i64,
    pub number: String,
    pub new: NewTicket,
    pub at: i64,
    pub tail: Tail,
}
pub(crate) fn insert(tx: &mut Tx<'_>, all: &[Opened]) -> Result<()> {
    for some in powers_of_two(all, ROWS_MAX) {
        let mut query = Query::new(
            "INSERT INTO ticket (id, number, subject, subject_key, state, department_id, mailbox_id, requester_id,
                 requester_address, refers_to_id, created_at, updated_at, entries, last_entry_id, last_kind, last_name, preview)
             VALUES ",
        );
        query.bind_rows(some.iter().map(|Opened { id, number, new, at, tail }| {
            let subject = one_line(&new.subject);
            let (shown, refers_to) = (tail.shown.as_ref(), new.refers_to.as_ref().map(|(id, _)| *id));
            let text = |of: fn(&Shown) -> &str| shown.map_or("", of);
            row![
                *id,
                number,
                subject.clone(),
                subject.to_lowercase(),
                State::Open.as_str(),
                new.department_id,
                new.mailbox_id,
                new.requester_id,
                &new.requester_address,
                refers_to,
                *at,
                shown.map_or(*at, |shown| shown.at.max(*at)),
                tail.added,
                tail.last_entry_id,
                shown.map_or("message", |shown| shown.kind),
                text(|shown| &shown.writer),
                text(|shown| &shown.preview),
            ]
        }));
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}
/// Entries were added to tickets that are there: each ticket once. Their subjects and numbers, in no order.
///
/// Two writers on one ticket both change its row, so on PostgreSQL one of them runs again: within a
/// ticket the order of ids is the order of commits.
pub(crate) fn grow(tx: &mut Tx<'_>, tails: &[Tail]) -> Result<Vec<(String, String)>> {
    let mut grown = Vec::with_capacity(tails.len());
    for some in powers_of_two(tails, ROWS_MAX) {
        let mut query = Query::new("WITH grown (grown_id, added, last, at, kind, writer, shown) AS (VALUES ");
        query.bind_rows(some.iter().map(|tail| {
            let shown = tail.shown.as_ref();
            row![
                tail.ticket_id,
                tail.added,
                tail.last_entry_id,
                shown.map(|shown| shown.at),
                shown.map(|shown| shown.kind),
                shown.map(|shown| shown.writer.as_str()),
                shown.map(|shown| shown.preview.as_str()),
            ]
        }));
        query.push(
            ") UPDATE ticket SET entries = entries + grown.added, last_entry_id = grown.last,
                 updated_at = CASE WHEN updated_at < grown.at THEN grown.at ELSE updated_at END,
                 last_kind = COALESCE(grown.kind, last_kind), last_name = COALESCE(grown.writer, last_name),
                 preview = COALESCE(grown.shown, preview)
             FROM grown WHERE id = grown.grown_id RETURNING subject, number",
        );
        grown.extend(tx.all::<(String, String)>(query.sql(), query.params())?);
    }
    if grown.len() != tails.len() {
        return Err(db::Error::NotFound.into());
    }
    Ok(grown)
}

/// A ticket that letters may join, and what is asked of it then.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub number: String,
    pub subject: String,
    pub state: State,
    pub requester_id: i64,
}
/// A ticket by the ticket or the number that leads to it (itself, or one that was joined to it).
#[derive(Debug)]
pub(crate) struct Led {
    pub from_id: i64,
    pub from_number: String,
    pub id: i64,
    pub known: Known,
}
impl FromRow for Led {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let (number, subject, requester_id) = (row.get(3)?, row.get(4)?, row.get(6)?);
        let known = Known { number, subject, state: State::read(row.get(5)?)?, requester_id };
        Ok(Led { from_id: row.get(0)?, from_number: row.get(1)?, id: row.get(2)?, known })
    }
}
/// Where these lead, as far as they are there: see [`followed`].
pub(crate) fn led(tx: &mut Tx<'_>, ids: &[i64], numbers: &[&str]) -> Result<Vec<Led>> {
    let mut all = Vec::new();
    for some in ids.chunks(512) {
        let mut query = Query::new(LED);
        query.push("t.id IN ").bind_list(some.iter().copied());
        all.extend(tx.all::<Led>(query.sql(), query.params())?);
    }
    for some in numbers.chunks(512) {
        let mut query = Query::new(LED);
        query.push("t.number IN ").bind_list(some.iter().copied());
        all.extend(tx.all::<Led>(query.sql(), query.params())?);
    }
    Ok(all)
}
const LED: &str = "SELECT t.id, t.number, o.id, o.number, o.subject, o.state, o.requester_id
    FROM ticket t JOIN ticket o ON o.id = COALESCE(t.joined_to_id, t.id) WHERE ";

const SELECT: &str = "SELECT t.id, t.number, t.subject, t.state, d.name, t.mailbox_id, m.address, t.requester_id, r.name,
        t.requester_address, t.assignee_id, a.name, f.number, j.number, t.created_at, t.updated_at, t.closed_at,
        t.last_entry_id, t.entries, t.unsent
    FROM ticket t
    LEFT JOIN department d ON d.id = t.department_id
    LEFT JOIN requester r ON r.id = t.requester_id
    LEFT JOIN mailbox m ON m.id = t.mailbox_id
    LEFT JOIN agent a ON a.id = t.assignee_id
    LEFT JOIN ticket f ON f.id = t.refers_to_id
    LEFT JOIN ticket j ON j.id = t.joined_to_id
    WHERE ";

impl FromRow for Ticket {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Ticket {
            id: row.get(0)?,
            number: row.get(1)?,
            subject: row.get(2)?,
            state: State::read(row.get(3)?)?,
            department: row.get(4)?,
            mailbox_id: row.get(5)?,
            mailbox: row.get(6)?,
            requester_id: row.get(7)?,
            requester_name: row.get(8)?,
            requester_address: row.get(9)?,
            assignee: match row.get::<Option<i64>>(10)? {
                Some(id) => Some((id, row.get(11)?)),
                None => None,
            },
            refers_to: row.get(12)?,
            joined_to: row.get(13)?,
            created_at: row.get(14)?,
            updated_at: row.get(15)?,
            closed_at: row.get(16)?,
            last_entry_id: row.get(17)?,
            entries: row.get(18)?,
            unsent: row.get(19)?,
        })
    }
}
pub fn find(tx: &mut Tx<'_>, viewer: &Viewer, number: &str) -> Result<Option<Ticket>> {
    let mut query = Query::new(SELECT);
    viewer.scope(&mut query);
    query.push(" AND t.number = ").bind(number);
    Ok(tx.maybe(query.sql(), query.params())?)
}
pub fn find_for_system(tx: &mut Tx<'_>, id: i64) -> Result<Option<Ticket>> {
    let mut query = Query::new(SELECT);
    query.push("t.id = ").bind(id);
    Ok(tx.maybe(query.sql(), query.params())?)
}
/// The ticket, with its row held against other writers until the commit: a decision that rests on what
/// is read here is safe on both databases. A ticket that was joined away refuses.
pub(crate) fn hold(tx: &mut Tx<'_>, id: i64) -> Result<Ticket> {
    tx.execute("UPDATE ticket SET entries = entries WHERE id = $1", params![id])?;
    let ticket = find_for_system(tx, id)?.ok_or(Refusal::NotFound("ticket"))?;
    match ticket.joined_to {
        Some(number) => Err(Refusal::TicketJoined(number).into()),
        None => Ok(ticket),
    }
}
/// `None` unassigns. Twice is once.
pub fn assign(tx: &mut Tx<'_>, by: &By, ticket_id: i64, agent_id: Option<i64>) -> Result<()> {
    let ticket = hold(tx, ticket_id)?;
    if ticket.assignee.as_ref().map(|(id, _)| *id) == agent_id {
        return Ok(());
    }
    let (kind, data) = match agent_id {
        Some(id) => match agent::find(tx, id)? {
            Some(agent) if agent.active => ("assigned", json!({ "agent_id": id, "agent": agent.name })),
            Some(_) | None => return Err(Refusal::NotFound("agent").into()),
        },
        None => ("unassigned", json!({})),
    };
    tx.execute("UPDATE ticket SET assignee_id = $2 WHERE id = $1", params![ticket_id, agent_id])?;
    event::append(tx, by, Subject::Ticket(ticket_id), kind, data)?;
    tx.wake("ticket");
    Ok(())
}
/// Twice is once: closing a closed ticket changes nothing and writes no event.
pub fn close(tx: &mut Tx<'_>, by: &By, ticket_id: i64) -> Result<()> {
    let ticket = hold(tx, ticket_id)?;
    if ticket.state == State::Open {
        tx.execute(
            "UPDATE ticket SET state = 'closed', closed_at = $2 WHERE id = $1",
            params![ticket_id, by.at],
        )?;
        event::append(tx, by, Subject::Ticket(ticket_id), "closed", json!({}))?;
        tx.wake("ticket");
    }
    Ok(())
}
/// Keeps the assignee.
pub fn reopen(tx: &mut Tx<'_>, by: &By, ticket_id: i64) -> Result<()> {
    let ticket = hold(tx, ticket_id)?;
    if ticket.state == State::Closed {
        tx.execute("UPDATE ticket SET state = 'open', closed_at = NULL WHERE id = $1", params![ticket_id])?;
        event::append(tx, by, Subject::Ticket(ticket_id), "reopened", json!({}))?;
        tx.wake("ticket");
    }
    Ok(())
}
/// Where a ticket leads: itself, or the one it was joined to (always one step: see `intake/joining`).
pub(crate) fn followed(tx: &mut Tx<'_>, id: i64) -> Result<(i64, String)> {
    tx.maybe::<(i64, String)>(
        "SELECT o.id, o.number FROM ticket t JOIN ticket o ON o.id = COALESCE(t.joined_to_id, t.id) WHERE t.id = $1",
        params![id],
    )?
    .ok_or_else(|| Refusal::NotFound("ticket").into())
}
