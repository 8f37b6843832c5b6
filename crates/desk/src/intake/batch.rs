//! Messages that are filed together: what they need to know is looked up for all of them at once (`known`), and what is
//! made of them is written at the end, many rows with one statement (`rows`).
mod known;
mod rows;

pub(super) use known::Known;

use super::filing::sender;
use super::inbox::Claim;
use super::outcome::{Outcome, Settled};
use super::prepare::Prepared;
use super::threading::{self, Claims};
use super::{round_trip, routing};
use crate::db::{Ids, Query, Tx};
use crate::files::attachment::NewAttachment;
use crate::files::store::Stored;
use crate::mailboxes::mailbox::{self, Mailbox};
use crate::people::person::Person;
use crate::site::event::{self, NewEvent, Subject};
use crate::tickets::entry::{NewEntry, Written};
use crate::tickets::participant::{self, Standing};
use crate::tickets::reference::{self, Maker};
use crate::tickets::ticket::{self, NewTicket, Opened, State, Tail};
use crate::{By, Result, db};
use rows::{Entry, Rows};
use std::collections::{HashMap, HashSet};

/// Of one message, as far as letters of ours are looked for: what it is and answers.
const IDS_MAX: usize = 200;
/// Values of one statement.
const ASKED: usize = 512;
/// Texts of entries that wait to be written.
const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Begun with the messages that are to be filed; none of them is filed by the transaction before.
#[derive(Debug)]
pub(super) struct Batch {
    pub known: Known,
    rows: Rows,
    /// By the id of the inbox row.
    claims: HashMap<i64, Claims>,
    /// Rows that nobody else has claimed since, with their generation, and that are not filed yet.
    ours: HashSet<(i64, i64)>,
    /// Of those whose content came to another mailbox too: the rows there.
    elsewhere: HashMap<i64, Vec<Elsewhere>>,
    /// The ticket that the message at hand is about, where it is not filed.
    about: Option<i64>,
    /// What was filed by this batch: by the row, ticket and number.
    filed: HashMap<i64, (i64, String)>,
    /// Of all Message-IDs that they bear, those of letters that this desk sends.
    sent: HashSet<String>,
    /// Marks that they bear of letters of the Mailbox Doctor, with the ids of these.
    marks: HashMap<String, i64>,
    /// Addresses of the desk's own mailboxes, normalised.
    own_addresses: HashSet<String>,
    folders: HashMap<i64, Vec<Mailbox>>,
    messages: usize,
    ticket_ids: Ids,
    entry_ids: Ids,
}

/// A message of the same content that came to another mailbox.
#[derive(Debug)]
struct Elsewhere {
    inbox_id: i64,
    address: String,
    /// Ticket and number, where it is filed.
    filed: Option<(i64, String)>,
}

impl Batch {
    pub fn begin(tx: &mut Tx<'_>, messages: &[(&Claim, &Prepared)], now: i64) -> Result<Batch> {
        let claims: HashMap<i64, Claims> = messages
            .iter()
            .map(|(claim, prepared)| (claim.inbox_id, threading::claims(&prepared.message)))
            .collect();
        let addresses =
            messages.iter().map(|(_, prepared)| mail::address::key(&sender(&prepared.message).address));
        let marks: HashSet<String> =
            messages.iter().flat_map(|(_, prepared)| round_trip::marks(&prepared.message)).collect();
        Ok(Batch {
            known: Known::of(tx, claims.values(), addresses)?,
            rows: Rows::default(),
            ours: ours(tx, messages)?,
            elsewhere: elsewhere(tx, messages)?,
            about: None,
            filed: HashMap::new(),
            sent: sent(tx, messages)?,
            marks: round_trip::known(tx, &Vec::from_iter(&marks), now)?,
            own_addresses: mailbox::own_addresses(tx)?.into_iter().collect(),
            folders: HashMap::new(),
            messages: messages.len(),
            ticket_ids: Ids::of("ticket"),
            entry_ids: Ids::of("entry"),
            claims,
        })
    }

    /// Before the commit, and after the last of them.
    pub fn end(mut self, tx: &mut Tx<'_>) -> Result<()> {
        self.rows.write(tx, &mut self.known.senders)
    }

    /// Whether the row is still ours to file: once.
    pub fn take(&mut self, claim: &Claim) -> bool {
        self.ours.remove(&(claim.inbox_id, claim.generation))
    }

    /// What a letter claims, of those that the batch was begun with.
    pub fn claims(&self, claim: &Claim) -> Result<&Claims> {
        let claims = self.claims.get(&claim.inbox_id);
        Ok(claims.ok_or_else(|| anyhow::anyhow!("invariant: the batch was begun with it"))?)
    }

    /// Where the same letter is a ticket already: at which other mailbox, the ticket and its number.
    pub fn is_elsewhere(&self, claim: &Claim) -> Option<(&str, i64, &str)> {
        self.elsewhere.get(&claim.inbox_id)?.iter().find_map(|other| {
            let (ticket_id, number) = other.filed.as_ref().or_else(|| self.filed.get(&other.inbox_id))?;
            Some((other.address.as_str(), *ticket_id, number.as_str()))
        })
    }

    /// Whether a letter of ours has this Message-ID; of ids that a message of the batch bears.
    pub fn is_sent(&self, message_id: &str) -> bool {
        self.sent.contains(message_id)
    }

    /// The Mailbox Doctor's letter whose mark a message of the batch bears.
    pub fn round_trip(&self, message: &mail::Message) -> Option<i64> {
        round_trip::marks(message).iter().find_map(|mark| self.marks.get(mark).copied())
    }

    /// The mailbox that a letter was sent to, of those that lie in the folder it was fetched from.
    pub fn mailbox_of(
        &mut self,
        tx: &mut Tx<'_>,
        fetched_by: i64,
        message: &mail::Message,
    ) -> Result<&Mailbox> {
        let folder = match self.folders.entry(fetched_by) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(new) => new.insert(routing::folder_of(tx, fetched_by)?),
        };
        routing::mailbox_of(folder, fetched_by, message)
    }

    // WHAT IS MADE -------------------------------------------------------------------------------
    pub fn open(&mut self, tx: &mut Tx<'_>, by: &By, new: NewTicket) -> Result<i64> {
        let number = self.rows.numbers.take(tx)?;
        let id = self.ticket_ids.next(tx, self.messages)?;
        self.event(by, Subject::Ticket(id), "opened", new.data());
        let known = ticket::Known {
            number: number.clone(),
            subject: crate::people::person::one_line(&new.subject),
            state: State::Open,
            requester_id: new.requester_id,
        };
        self.known.opened(id, known);
        self.rows.opened.insert(id, Opened { id, number, new, at: by.at, tail: Tail::of(id) });
        tx.wake("ticket");
        Ok(id)
    }
    pub fn add_entry(
        &mut self,
        tx: &mut Tx<'_>,
        new: NewEntry,
        html: Option<Stored>,
        files: Vec<NewAttachment>,
    ) -> Result<i64> {
        let id = self.entry_ids.next(tx, self.messages)?;
        let ticket = self.known.ticket(new.ticket_id).ok_or(db::Error::NotFound)?;
        let ticket = format!("{} {}", ticket.subject, ticket.number);
        self.rows.add_entry(id, Entry { written: Written::of(id, new)?, ticket, html, files });
        tx.wake("ticket");
        Ok(id)
    }
    /// The Message-ID of an entry, and the ids that it names.
    pub fn refer(&mut self, ticket_id: i64, entry_id: i64, own: Option<&str>, named: &[String]) {
        if let Some(id) = own.and_then(reference::kept) {
            self.rows.references.add(&id, ticket_id, entry_id, Maker::Outside);
            self.known.refers(&id, ticket_id, true);
        }
        for id in self.rows.references.mention(named, ticket_id) {
            self.known.refers(&id, ticket_id, false);
        }
    }
    pub fn add_people(
        &mut self,
        tx: &mut Tx<'_>,
        by: &By,
        ticket_id: i64,
        people: &[Person],
        standing: Standing,
    ) -> Result<()> {
        let named = participant::named(people, &self.own_addresses);
        if named.is_empty() {
            return Ok(());
        }
        for (key, person) in participant::wanted(self.known.people(tx, ticket_id)?, named, standing) {
            self.known.joined_by(ticket_id, &key, standing);
            self.rows.people.push(participant::New::of(by, ticket_id, key, person, standing));
        }
        Ok(())
    }
    pub fn reopen(&mut self, tx: &mut Tx<'_>, by: &By, ticket_id: i64) -> Result<()> {
        ticket::reopen(tx, by, ticket_id)?;
        self.known.reopened(ticket_id);
        Ok(())
    }
    /// What a ticket says of the message at hand, which is not filed. After what is said of it already.
    pub fn say(
        &mut self,
        tx: &mut Tx<'_>,
        by: &By,
        ticket_id: i64,
        kind: &'static str,
        data: serde_json::Value,
    ) -> Result<()> {
        self.about = Some(ticket_id);
        if self.rows.opened.contains_key(&ticket_id) {
            self.event(by, Subject::Ticket(ticket_id), kind, data);
            return Ok(());
        }
        event::append(tx, by, Subject::Ticket(ticket_id), kind, data)
    }
    fn event(&mut self, by: &By, subject: Subject, kind: &'static str, data: serde_json::Value) {
        self.rows.events.push(NewEvent { by: by.clone(), subject, kind, data });
    }
    /// How the message at hand ended. Where much waits, it is written now.
    pub fn settle(&mut self, tx: &mut Tx<'_>, claim: &Claim, outcome: &Outcome, now: i64) -> Result<()> {
        let about = self.about.take();
        self.rows.settled.extend(Settled::of(claim, outcome, about, now));
        if let Outcome::Filed { ticket_id, .. } = outcome
            && let Some(ticket) = self.known.ticket(*ticket_id)
        {
            self.filed.insert(claim.inbox_id, (*ticket_id, ticket.number.clone()));
        }
        if self.rows.text_bytes() > TEXT_BYTES_MAX {
            self.rows.write(tx, &mut self.known.senders)?;
        }
        Ok(())
    }
}

fn ours(tx: &mut Tx<'_>, messages: &[(&Claim, &Prepared)]) -> Result<HashSet<(i64, i64)>> {
    let mut ours = HashSet::new();
    for some in messages.chunks(ASKED) {
        // Of two that file one message the second is told when it settles the row.
        let mut query = Query::new("SELECT id, generation FROM inbox WHERE state = 'new' AND id IN ");
        query.bind_list(some.iter().map(|(claim, _)| claim.inbox_id));
        ours.extend(tx.all::<(i64, i64)>(query.sql(), query.params())?);
    }
    Ok(ours)
}

fn elsewhere(tx: &mut Tx<'_>, messages: &[(&Claim, &Prepared)]) -> Result<HashMap<i64, Vec<Elsewhere>>> {
    let mut elsewhere: HashMap<i64, Vec<Elsewhere>> = HashMap::new();
    for some in messages.chunks(ASKED) {
        let mut query = Query::new(
            "SELECT me.id, i.id, m.address, t.id, t.number FROM inbox me
             JOIN inbox i ON i.content_key = me.content_key AND i.mailbox_id <> me.mailbox_id
             JOIN mailbox m ON m.id = i.mailbox_id
             LEFT JOIN ticket t ON t.id = i.ticket_id AND i.state = 'filed' WHERE me.id IN ",
        );
        query.bind_list(some.iter().map(|(claim, _)| claim.inbox_id)).push(" ORDER BY i.id");
        type Columns = (i64, i64, String, Option<i64>, Option<String>);
        for (id, inbox_id, address, ticket_id, number) in tx.all::<Columns>(query.sql(), query.params())? {
            let other = Elsewhere { inbox_id, address, filed: ticket_id.zip(number) };
            elsewhere.entry(id).or_default().push(other);
        }
    }
    Ok(elsewhere)
}

fn sent(tx: &mut Tx<'_>, messages: &[(&Claim, &Prepared)]) -> Result<HashSet<String>> {
    let mut sent = HashSet::new();
    let ids: HashSet<&str> = messages.iter().flat_map(|(_, prepared)| ids(&prepared.message)).collect();
    for some in Vec::from_iter(ids).chunks(ASKED) {
        let mut query = Query::new("SELECT message_id FROM outbox WHERE message_id IN ");
        query.bind_list(some.iter().copied());
        sent.extend(tx.all::<(String,)>(query.sql(), query.params())?.into_iter().map(|(id,)| id));
    }
    Ok(sent)
}

/// Of what a message is and what it answers.
fn ids(message: &mail::Message) -> impl Iterator<Item = &str> {
    let ids = message.message_id.iter().chain(&message.in_reply_to).chain(message.references.iter().rev());
    ids.take(IDS_MAX).map(String::as_str)
}
