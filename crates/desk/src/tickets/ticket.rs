//! One matter, with number, subject and state: opened, assigned, closed, reopened. Its list columns are kept
//! by `entry::add`, and *unsent* by `outgoing/delivery`; joining two is in `intake/joining`.
use crate::db::{self, FromRow, Query, Row};
use crate::people::{agent, person::one_line};
use crate::site::{event, event::Subject, sequence};
use crate::{By, Refusal, Result, db::Tx, params, people::viewer::Viewer};
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
    pub refers_to_id: Option<i64>,
}
/// Its id and number.
pub fn open(tx: &mut Tx<'_>, by: &By, new: &NewTicket) -> Result<(i64, String)> {
    let number = sequence::next_ticket_number(tx)?;
    let subject = one_line(&new.subject);
    let id = tx.insert(
        "INSERT INTO ticket (number, subject, subject_key, state, department_id, mailbox_id, requester_id,
             requester_address, refers_to_id, created_at, updated_at)
         VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, $8, $9, $9) RETURNING id",
        params![
            &number,
            &subject,
            subject.to_lowercase(),
            new.department_id,
            new.mailbox_id,
            new.requester_id,
            &new.requester_address,
            new.refers_to_id,
            by.at,
        ],
    )?;
    let refers_to = match new.refers_to_id {
        Some(other) => tx.maybe::<(String,)>("SELECT number FROM ticket WHERE id = $1", params![other])?,
        None => None,
    };
    let data = match refers_to {
        Some((other,)) => json!({ "refers_to": other }),
        None => json!({}),
    };
    event::append(tx, by, Subject::Ticket(id), "opened", data)?;
    tx.wake("ticket");
    Ok((id, number))
}

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
