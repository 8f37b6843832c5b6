//! What the desk knew before a letter came, as far as the letter speaks of it: the tickets whose Message-IDs or numbers it
//! carries, and the letters of the desk that it may answer, report or be.
use super::{Came, Counterpart};
use crate::db::{Query, Tx};
use crate::files::attachment::{self, NewAttachment};
use crate::files::blob;
use crate::files::store::Stored;
use crate::intake::{joining, round_trip};
use crate::people::{person::Person, requester};
use crate::site::{event, event::Subject};
use crate::tickets::participant::{self, Standing};
use crate::tickets::ticket::{self, NewTicket};
use crate::{By, Error, Result, params};
use mail::thread::CandidateKind;
use std::collections::{HashMap, HashSet};

/// Ids of one letter that are looked up: more than filing looks at.
const IDS_MAX: usize = 256;
/// Events of a ticket that are looked at for those that were joined to it.
const EVENTS_MAX: i64 = 1000;

#[derive(Debug, Default)]
pub(super) struct Known {
    tickets: Vec<Ticket>,
    letters: Vec<Letter>,
    mentions: Vec<Mention>,
    /// Who might write to a ticket by then besides its requester.
    people: Vec<(i64, Vec<Person>)>,
    /// Tickets that an agent had joined to another by then.
    joins: Vec<(i64, i64)>,
    round_trips: Vec<(i64, String, i64)>,
}

/// A ticket that was there before, with who may write to it.
#[derive(Debug)]
struct Ticket {
    id: i64,
    number: String,
    subject: String,
    department_id: i64,
    mailbox_id: Option<i64>,
    requester_address: String,
    requester_name: Option<String>,
    addresses: Vec<String>,
    created_at: i64,
}

/// A Message-ID that a ticket had.
#[derive(Debug)]
struct Mention {
    message_id: String,
    ticket_id: i64,
    ours: bool,
    /// A letter has it, and does not only name it.
    is_of_entry: bool,
}

/// A letter that the desk sent: a reply, or one of its own.
#[derive(Debug)]
struct Letter {
    ticket_id: Option<i64>,
    mailbox_id: i64,
    message_id: String,
    bytes: Option<Stored>,
    at: i64,
    entry: Option<Entry>,
    own: Option<(String, String, String)>,
    recipients: Vec<(String, String, String)>,
}

#[derive(Debug)]
struct Entry {
    at: i64,
    agent_id: Option<i64>,
    subject: String,
    text: String,
    reply_text: String,
    files: Vec<NewAttachment>,
}

/// What was known before this message came.
pub(super) fn of(
    tx: &mut Tx<'_>,
    message: &mail::Message,
    came: &Came,
    have: &HashMap<i64, Counterpart>,
) -> Result<Known> {
    let inbox_id = came.claim.inbox_id;
    let ids = ids(message);
    let mut known = Known { letters: letters(tx, &ids)?, ..Known::default() };
    let mut tickets: Vec<i64> = known.letters.iter().filter_map(|letter| letter.ticket_id).collect();
    for mention in mentions(tx, &ids, inbox_id)? {
        tickets.push(mention.ticket_id);
        known.mentions.push(mention);
    }
    let candidates = mail::thread::candidates(message);
    for number in candidates.iter().filter(|one| one.kind == CandidateKind::SubjectNumber).take(3) {
        let found = tx.maybe::<(i64,)>("SELECT id FROM ticket WHERE number = $1", params![&number.value])?;
        tickets.extend(found.map(|(id,)| id));
    }
    let mut seen = HashSet::new();
    tickets.retain(|id| seen.insert(*id));
    for id in tickets {
        if !have.contains_key(&id)
            && let Some(ticket) = before(tx, id, inbox_id)?
        {
            known.tickets.push(ticket);
        }
        known.people.push((id, people(tx, id, came.fetched_at)?));
        for joined in joined(tx, id, came.fetched_at)? {
            known.joins.push((joined, id));
        }
    }
    known.round_trips = round_trip::sent(tx, &round_trip::marks(message))?;
    Ok(known)
}

fn ids(message: &mail::Message) -> Vec<String> {
    let reported = message.bounces.iter().filter_map(|bounce| bounce.original_message_id.as_ref());
    let all = message.message_id.iter().chain(&message.in_reply_to).chain(message.references.iter().rev());
    let mut seen = HashSet::new();
    all.chain(reported).filter(|id| seen.insert(id.as_str())).take(IDS_MAX).cloned().collect()
}

/// Those that a letter before this one has, or one of ours; of those that are only named nobody knows since when.
fn mentions(tx: &mut Tx<'_>, ids: &[String], inbox_id: i64) -> Result<Vec<Mention>> {
    let mut query = Query::new(
        "SELECT r.message_id, r.ticket_id, r.ours, r.entry_id IS NOT NULL FROM reference r
         LEFT JOIN entry e ON e.id = r.entry_id
         WHERE (r.ours = 1 OR e.inbox_id IS NULL OR e.inbox_id < ",
    );
    query.bind(inbox_id).push(") AND r.message_id IN ").bind_list(ids.iter().map(String::as_str));
    query.push(" ORDER BY r.message_id, r.ticket_id LIMIT 1000");
    let found: Vec<(String, i64, bool, bool)> = tx.all(query.sql(), query.params())?;
    let mention =
        |(message_id, ticket_id, ours, is_of_entry)| Mention { message_id, ticket_id, ours, is_of_entry };
    Ok(found.into_iter().map(mention).collect())
}

/// The ticket, unless it was opened by this message or a later one.
fn before(tx: &mut Tx<'_>, id: i64, inbox_id: i64) -> Result<Option<Ticket>> {
    let opener: Option<(Option<i64>,)> =
        tx.maybe("SELECT inbox_id FROM entry WHERE ticket_id = $1 ORDER BY id LIMIT 1", params![id])?;
    if opener.is_some_and(|(opener,)| opener.is_some_and(|opener| opener >= inbox_id)) {
        return Ok(None);
    }
    type Columns = (String, String, i64, Option<i64>, String, Option<String>, i64, i64);
    let (number, subject, department_id, mailbox_id, address, name, requester_id, created_at): Columns = tx
        .one(
            "SELECT t.number, t.subject, t.department_id, t.mailbox_id, t.requester_address, r.name, r.id, t.created_at
             FROM ticket t JOIN requester r ON r.id = t.requester_id WHERE t.id = $1",
            params![id],
        )?;
    let addresses = requester::find(tx, requester_id)?.map(|found| found.addresses).unwrap_or_default();
    Ok(Some(Ticket {
        id,
        number,
        subject,
        department_id,
        mailbox_id,
        requester_address: address,
        requester_name: name,
        addresses,
        created_at,
    }))
}

/// Who may write to the ticket besides its requester, as far as they were let in by then.
fn people(tx: &mut Tx<'_>, ticket_id: i64, by_then: i64) -> Result<Vec<Person>> {
    let found: Vec<(Option<String>, String)> = tx.all(
        "SELECT name, address FROM participant WHERE ticket_id = $1 AND standing = 'participant' AND at <= $2
         ORDER BY at, address_key LIMIT 1000",
        params![ticket_id, by_then],
    )?;
    Ok(found.into_iter().map(|(name, address)| Person { name, address }).collect())
}

/// Those that agents had joined to this ticket by then.
pub(super) fn joined(tx: &mut Tx<'_>, ticket_id: i64, by_then: i64) -> Result<Vec<i64>> {
    let events = event::list(tx, Subject::Ticket(ticket_id), EVENTS_MAX)?;
    let numbers = events.iter().filter(|event| event.kind == "took_in" && event.at <= by_then);
    let mut ids = Vec::new();
    for number in numbers.filter_map(|event| event.data["from"].as_str()) {
        let found = tx.maybe::<(i64,)>("SELECT id FROM ticket WHERE number = $1", params![number])?;
        ids.extend(found.map(|(id,)| id));
    }
    Ok(ids)
}

fn letters(tx: &mut Tx<'_>, ids: &[String]) -> Result<Vec<Letter>> {
    let mut query = Query::new("SELECT id FROM outbox WHERE message_id IN ");
    query.bind_list(ids.iter().map(String::as_str)).push(" LIMIT 256"); // IDS_MAX, and each once
    let found: Vec<(i64,)> = tx.all(query.sql(), query.params())?;
    found.into_iter().map(|(id,)| letter(tx, id)).collect()
}

fn letter(tx: &mut Tx<'_>, outbox_id: i64) -> Result<Letter> {
    let (ticket_id, entry_id, mailbox_id, message_id, blob_id, at) = tx.one(
        "SELECT ticket_id, entry_id, mailbox_id, message_id, blob_id, created_at FROM outbox WHERE id = $1",
        params![outbox_id],
    )?;
    let recipients = tx.all(
        // A report that it came back may be what is filed again.
        "SELECT recipient, recipient_key, CASE WHEN state = 'bounced' THEN 'sent' ELSE state END FROM delivery
         WHERE outbox_id = $1 ORDER BY id LIMIT 1000",
        params![outbox_id],
    )?;
    Ok(Letter {
        ticket_id,
        mailbox_id,
        message_id,
        at,
        recipients,
        bytes: match blob_id {
            Some(id) => blob::get(tx, id)?.stored(),
            None => None,
        },
        entry: match entry_id {
            Some(id) => Some(entry(tx, id)?),
            None => None,
        },
        own: tx.maybe("SELECT kind, subject, text FROM letter WHERE outbox_id = $1", params![outbox_id])?,
    })
}

fn entry(tx: &mut Tx<'_>, id: i64) -> Result<Entry> {
    let (at, agent_id, subject, text, reply_text) =
        tx.one("SELECT at, agent_id, subject, text, reply_text FROM entry WHERE id = $1", params![id])?;
    let files: Vec<(String, String, i64)> = tx.all(
        "SELECT name, media_type, blob_id FROM attachment WHERE entry_id = $1 ORDER BY position, id LIMIT 1000",
        params![id],
    )?;
    let mut kept = Vec::with_capacity(files.len());
    for (name, media_type, blob_id) in files {
        let stored = blob::get(tx, blob_id)?.stored();
        kept.extend(stored.map(|stored| NewAttachment {
            stored,
            name,
            media_type,
            inline: false,
            content_id: None,
        }));
    }
    Ok(Entry { at, agent_id, subject, text, reply_text, files: kept })
}

/// Puts it into the other desk, as far as it is not there. The tickets that stand for those that were brought.
pub(super) fn bring(
    tx: &mut Tx<'_>,
    known: &Known,
    have: &HashMap<i64, Counterpart>,
    at: i64,
) -> Result<Vec<(i64, Counterpart)>> {
    let mut brought = Vec::with_capacity(known.tickets.len());
    for ticket in &known.tickets {
        brought.push((ticket.id, Counterpart { id: bring_ticket(tx, ticket)?, brought: true }));
    }
    let of = |id: &i64| {
        let just_now = brought.iter().find(|(ticket, _)| ticket == id).map(|(_, one)| *one);
        just_now.or_else(|| have.get(id).copied())
    };
    for letter in &known.letters {
        let there: Option<(i64,)> =
            tx.maybe("SELECT id FROM outbox WHERE message_id = $1", params![&letter.message_id])?;
        let ticket = letter.ticket_id.as_ref().and_then(of);
        if there.is_none() && (ticket.is_some() || letter.ticket_id.is_none()) {
            bring_letter(tx, letter, ticket.map(|one| one.id))?;
        }
    }
    for mention in &known.mentions {
        // A ticket that was filed again has what its letters brought, and what was sent on it.
        if let Some(ticket) = of(&mention.ticket_id).filter(|one| one.brought || mention.ours) {
            bring_mention(tx, mention, ticket.id)?;
        }
    }
    for (id, people) in &known.people {
        if let Some(ticket) = of(id) {
            participant::add(tx, &By::system(at), ticket.id, people, Standing::Participant)?;
        }
    }
    for (one, other) in &known.joins {
        if let (Some(one), Some(other)) = (of(one), of(other)) {
            match joining::join(tx, &By::system(at), one.id, other.id) {
                // Today's rules did not put the one into relation to the other.
                Ok(()) | Err(Error::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    for (mailbox_id, mark, sent_at) in &known.round_trips {
        tx.execute(
            "INSERT INTO round_trip (mailbox_id, mark, sent_at) VALUES ($1, $2, $3) ON CONFLICT (mark) DO NOTHING",
            params![*mailbox_id, mark, *sent_at],
        )?;
    }
    Ok(brought)
}

fn bring_ticket(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<i64> {
    let by = By::system(ticket.created_at);
    let name = ticket.requester_name.as_deref();
    let requester = requester::find_or_make(tx, &ticket.requester_address, name, by.at)?;
    for address in &ticket.addresses {
        tx.execute(
            "INSERT INTO requester_address (address_key, address, requester_id) VALUES ($1, $2, $3)
             ON CONFLICT (address_key) DO NOTHING",
            params![mail::address::key(address), address, requester.id],
        )?;
    }
    let new = NewTicket {
        subject: ticket.subject.clone(),
        department_id: ticket.department_id,
        mailbox_id: ticket.mailbox_id,
        requester_id: requester.id,
        requester_address: ticket.requester_address.clone(),
        refers_to: None,
    };
    let (id, _) = ticket::open(tx, &by, new)?;
    tx.execute("UPDATE ticket SET number = $2 WHERE id = $1", params![id, &ticket.number])?;
    Ok(id)
}

fn bring_mention(tx: &mut Tx<'_>, mention: &Mention, ticket_id: i64) -> Result<()> {
    // Which entry has it does not matter, only that one has.
    let entry: Option<(i64,)> =
        tx.maybe("SELECT id FROM entry WHERE ticket_id = $1 ORDER BY id LIMIT 1", params![ticket_id])?;
    let entry_id = entry.map(|(id,)| id).filter(|_| mention.is_of_entry);
    tx.execute(
        "INSERT INTO reference (message_id, ticket_id, entry_id, ours) VALUES ($1, $2, $3, $4)
         ON CONFLICT (message_id, ticket_id) DO NOTHING",
        params![&mention.message_id, ticket_id, entry_id, mention.ours],
    )?;
    Ok(())
}

fn bring_letter(tx: &mut Tx<'_>, letter: &Letter, ticket_id: Option<i64>) -> Result<()> {
    let entry_id = match (&letter.entry, ticket_id) {
        (Some(entry), Some(ticket_id)) => Some(bring_entry(tx, letter, entry, ticket_id)?),
        _ => None,
    };
    let blob_id = match &letter.bytes {
        Some(stored) => Some(blob::name(tx, stored)?),
        None => None,
    };
    let id = tx.insert(
        "INSERT INTO outbox (ticket_id, entry_id, mailbox_id, message_id, blob_id, state, due_at, give_up_at, created_at)
         VALUES ($1, $2, $3, $4, $5, 'sent', $6, $6, $6) RETURNING id",
        params![ticket_id, entry_id, letter.mailbox_id, &letter.message_id, blob_id, letter.at],
    )?;
    for (recipient, key, state) in &letter.recipients {
        tx.execute(
            "INSERT INTO delivery (outbox_id, recipient, recipient_key, state, at) VALUES ($1, $2, $3, $4, $5)",
            params![id, recipient, key, state, letter.at],
        )?;
    }
    if let Some((kind, subject, text)) = &letter.own {
        tx.execute(
            "INSERT INTO letter (outbox_id, kind, subject, text, at) VALUES ($1, $2, $3, $4, $5)",
            params![id, kind, subject, text, letter.at],
        )?;
    }
    Ok(())
}

fn bring_entry(tx: &mut Tx<'_>, letter: &Letter, entry: &Entry, ticket_id: i64) -> Result<i64> {
    let id = tx.insert(
        "INSERT INTO entry (ticket_id, kind, at, agent_id, subject, message_id, text, reply_text)
         VALUES ($1, 'reply', $2, $3, $4, $5, $6, $7) RETURNING id",
        params![
            ticket_id,
            entry.at,
            entry.agent_id,
            &entry.subject,
            &letter.message_id,
            &entry.text,
            &entry.reply_text
        ],
    )?;
    attachment::add(tx, id, &entry.files)?;
    Ok(id)
}
