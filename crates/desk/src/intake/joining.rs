//! *Join*: an agent decides what `threading` left open. It is the one act that moves everything that hangs on
//! a ticket, of every family, and so it stands here.
use crate::outgoing::delivery;
use crate::people::person::Person;
use crate::site::{event, event::Subject};
use crate::tickets::entry;
use crate::tickets::participant::{self, Standing};
use crate::tickets::ticket::{self, State};
use crate::{By, Refusal, Result, db::Tx, params};
use serde_json::json;

/// *Join*: the entries of a ticket that refers to another move there; its requester becomes a
/// participant; the emptied ticket is closed and leads on.
///
/// The people of the emptied ticket are only offered on the other one: nobody gets its history by having
/// been named by a stranger. An open ticket that joins a closed one opens it, as the message would have.
/// Joining twice is once.
pub fn join(tx: &mut Tx<'_>, by: &By, ticket_id: i64, into_id: i64) -> Result<()> {
    let Some(before) = ticket::find_for_system(tx, ticket_id)? else {
        return Err(Refusal::NotFound("ticket").into());
    };
    let (into_id, into_number) = ticket::followed(tx, into_id)?;
    if before.joined_to.as_ref() == Some(&into_number) {
        return Ok(());
    }
    let ticket = ticket::hold(tx, ticket_id)?;
    let into = ticket::hold(tx, into_id)?;
    let refers_to =
        tx.one::<(Option<i64>,)>("SELECT refers_to_id FROM ticket WHERE id = $1", params![ticket_id])?.0;
    let refers_to = match refers_to {
        Some(id) => Some(ticket::followed(tx, id)?.0),
        None => None,
    };
    if refers_to != Some(into_id) || ticket_id == into_id {
        return Err(Refusal::Other(format!(
            "#{} does not refer to #{}, so it cannot be joined to it.",
            ticket.number, into.number
        ))
        .into());
    }
    let people: Vec<Person> = participant::list(tx, ticket_id)?.into_iter().map(|p| p.person).collect();
    move_all(tx, ticket_id, into_id)?;
    let requester = Person { name: ticket.requester_name.clone(), address: ticket.requester_address.clone() };
    participant::add(tx, by, into_id, &[requester], Standing::Participant)?;
    participant::add(tx, by, into_id, &people, Standing::Offered)?;
    tx.execute(
        "UPDATE ticket SET state = 'closed', closed_at = COALESCE(closed_at, $3), joined_to_id = $2, assignee_id = NULL
         WHERE id = $1",
        params![ticket_id, into_id, by.at],
    )?;
    for id in [ticket_id, into_id] {
        entry::refresh_ticket(tx, id)?;
        delivery::count_unsent(tx, id)?;
    }
    event::append(tx, by, Subject::Ticket(ticket_id), "joined", json!({ "into": into.number }))?;
    event::append(tx, by, Subject::Ticket(into_id), "took_in", json!({ "from": ticket.number }))?;
    if ticket.state == State::Open {
        ticket::reopen(tx, by, into_id)?;
    }
    tx.wake("ticket");
    Ok(())
}
/// Everything that hangs on a ticket hangs on another one now; Message-IDs lead there.
fn move_all(tx: &mut Tx<'_>, from: i64, into: i64) -> Result<()> {
    let first = tx.one::<(Option<i64>,)>("SELECT min(id) FROM entry WHERE ticket_id = $1", params![from])?.0;
    tx.execute("UPDATE entry SET ticket_id = $2 WHERE ticket_id = $1", params![from, into])?;
    tx.execute("UPDATE outbox SET ticket_id = $2 WHERE ticket_id = $1", params![from, into])?;
    tx.execute("UPDATE inbox SET ticket_id = $2 WHERE ticket_id = $1", params![from, into])?;
    tx.execute(
        "INSERT INTO reference (message_id, ticket_id, entry_id, ours)
         SELECT message_id, $2, entry_id, ours FROM reference WHERE ticket_id = $1
         ON CONFLICT (message_id, ticket_id) DO UPDATE SET entry_id = COALESCE(reference.entry_id, excluded.entry_id)",
        params![from, into],
    )?;
    tx.execute("DELETE FROM reference WHERE ticket_id = $1", params![from])?;
    tx.execute(
        "UPDATE draft SET ticket_id = $2 WHERE ticket_id = $1 AND NOT EXISTS (SELECT 1 FROM draft d
             WHERE d.ticket_id = $2 AND d.agent_id = draft.agent_id AND d.kind = draft.kind)",
        params![from, into],
    )?;
    // What moved in is news to those who had looked past its place.
    if let Some(first) = first {
        tx.execute(
            "UPDATE seen SET entry_id = $2 WHERE ticket_id = $1 AND entry_id > $2",
            params![into, first - 1],
        )?;
    }
    tx.execute("UPDATE ticket SET joined_to_id = $2 WHERE joined_to_id = $1", params![from, into])?;
    Ok(())
}
