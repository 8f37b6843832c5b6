//! Turning inbound messages into entries: each all or nothing. It decides nothing by itself:
//! whether in `screen`, where in `threading`, reports in `bounce`; what many need alike is in `batch`.
use super::about_letter;
use super::batch::Batch;
use super::bounce;
use super::inbox::{self, Claim, Outcome};
use super::round_trip;
use super::screen::{self, Verdict};
use super::threading::{self, Place};
use crate::files::attachment::NewAttachment;
use crate::people::person::{self, Person};
use crate::tickets::entry::{Kind, NewEntry};
use crate::tickets::participant::Standing;
use crate::tickets::reference;
use crate::tickets::ticket::{NewTicket, State};
use crate::{Actor, By, Result, db::Tx, params};
use mail::nature::Nature;
use serde_json::json;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use super::prepare::{LARGE_BYTES, Parsed, Prepared, Unread, keep, parse, parse_large, prepare, unkept};

/// RFC 5321 4.5.3.1 allows 64 + 1 + 255; some real ones are a little longer.
const ADDRESS_BYTES_MAX: usize = 500;

/// A message that could not be filed this often is kept for a person.
pub const ATTEMPTS_MAX: i64 = 8;

/// Files these, in this order, in one savepoint and with few statements for all of them. Where that fails, it is undone and
/// each half is tried, down to a single message: one that cannot be filed undoes itself alone and comes back as `Failed`
/// (settled too, tried again later, at last kept for a person), and so does one that Postern fails at. An error is
/// the database's (a full disk, a serialization failure), never a message's.
pub fn file_all(tx: &mut Tx<'_>, messages: &[(&Claim, &Prepared)], now: i64) -> Result<Vec<Outcome>> {
    let (one, other) = match messages {
        [] => return Ok(Vec::new()),
        [(claim, prepared)] => return Ok(vec![file_alone(tx, claim, prepared, now)?]),
        many => many.split_at(many.len() / 2),
    };
    match try_to(tx, |tx| together(tx, messages, now)) {
        Err(error) if !error.is_the_databases() => {
            tracing::debug!("{} messages could not be filed together: {error}", messages.len());
            let mut outcomes = file_all(tx, one, now)?;
            outcomes.extend(file_all(tx, other, now)?);
            Ok(outcomes)
        }
        done => done,
    }
}
/// The same for one: what cannot be filed is settled as that.
pub fn file_alone(tx: &mut Tx<'_>, claim: &Claim, prepared: &Prepared, now: i64) -> Result<Outcome> {
    let error = match try_to(tx, |tx| together(tx, &[(claim, prepared)], now)) {
        Ok(mut outcomes) => return Ok(outcomes.pop().ok_or(crate::db::Error::NotFound)?),
        Err(error) => error,
    };
    if error.is_the_databases() {
        return Err(error);
    }
    tracing::warn!(inbox = claim.inbox_id, "not filed: {error}");
    let outcome = failed(claim, &error.to_string(), now);
    match inbox::settle(tx, claim, &outcome, now) {
        Ok(true) => Ok(outcome),
        Ok(false) => Ok(Outcome::Late),
        // The transaction is gone, so the error was not the message's after all.
        Err(_) => Err(error),
    }
}
/// Each: screen → bounce marks its delivery → threading → requester → ticket and entry → references → participants →
/// events → how it ended. All of it is written, and the words of the entries indexed, at the end.
fn together(tx: &mut Tx<'_>, messages: &[(&Claim, &Prepared)], now: i64) -> Result<Vec<Outcome>> {
    let mut batch = Batch::begin(tx, messages, now)?;
    let outcomes = messages
        .iter()
        .map(|(claim, prepared)| whole(tx, &mut batch, claim, prepared, now))
        .collect::<Result<_>>()?;
    batch.end(tx)?;
    Ok(outcomes)
}
/// A panic is caught inside the savepoint, so that what the message did is undone with it.
fn try_to<T>(tx: &mut Tx<'_>, f: impl FnOnce(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    tx.savepoint(|tx| {
        catch_unwind(AssertUnwindSafe(|| f(tx)))
            .unwrap_or_else(|panic| Err(anyhow::anyhow!(panicked(&*panic, "filed")).into()))
    })
}
/// What a person reads of a message at which Postern failed: while it `doing` ("parsed", "filed") it.
pub fn panicked(panic: &(dyn Any + Send), doing: &str) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    format!("Postern failed while it {doing} this message ({words}). The message is kept; report this.")
}

/// What becomes of a message that could not be filed: tried again after one minute, then two, four, …; after
/// eight attempts it is kept for a person. Also for who catches a panic, or cannot read the raw bytes.
pub fn failed(claim: &Claim, reason: &str, now: i64) -> Outcome {
    let next_at = (claim.attempts < ATTEMPTS_MAX).then(|| now + (60_000 << claim.attempts.clamp(1, 10)) / 2);
    let reason = format!("It could not be filed: {}", reason.chars().take(500).collect::<String>());
    Outcome::Failed { code: "failed".to_owned(), reason, next_at }
}

fn whole(
    tx: &mut Tx<'_>,
    batch: &mut Batch,
    claim: &Claim,
    prepared: &Prepared,
    now: i64,
) -> Result<Outcome> {
    if !batch.take(claim) {
        return Ok(Outcome::Late);
    }
    let outcome = decide(tx, batch, claim, prepared, now)?;
    batch.settle(tx, claim, &outcome, now)?;
    Ok(outcome)
}
fn decide(
    tx: &mut Tx<'_>,
    batch: &mut Batch,
    claim: &Claim,
    prepared: &Prepared,
    now: i64,
) -> Result<Outcome> {
    let message = &prepared.message;
    if !claim.accepted {
        if let Some(ended) = ended(round_trip::screen(tx, batch, claim, message)?) {
            return Ok(ended);
        }
        if let Some(ended) = ended(about_letter::screen(tx, batch, message, now)?) {
            return Ok(ended);
        }
        if message.auto_reply.kind == Nature::Bounce {
            return bounce::file(tx, claim, message, now);
        }
        if let Some(ended) = ended(screen::screen(tx, batch, claim.mailbox_id, prepared)?) {
            return Ok(ended);
        }
    }
    // Also of one that a person wants: it is on a ticket then.
    if let Some((ticket_id, verdict)) = screen::known_elsewhere(batch, claim)
        && let Some(ended) = ended(verdict)
    {
        also_received(tx, batch, claim, ticket_id, now)?;
        return Ok(ended);
    }
    let place = threading::thread(&batch.known, batch.claims(claim)?);
    if !claim.accepted {
        if let Some(ended) = ended(about_letter::answered(tx, batch, message, place)?) {
            return Ok(ended);
        }
        if let Some(ended) = ended(screen::unasked(message, place)) {
            return Ok(ended);
        }
    }
    // A server's clock that is ahead does not put a letter into the future.
    let letter = Letter { claim, prepared, at: claim.received_at.min(now), now };
    letter.file(tx, batch, place)
}
/// What a verdict comes to, unless it lets the message through.
fn ended(verdict: Verdict) -> Option<Outcome> {
    match verdict {
        Verdict::Accept => None,
        Verdict::Ignore { code, reason } => Some(Outcome::Ignored { code: code.to_owned(), reason }),
        Verdict::Hold { code, reason } => Some(Outcome::Held { code: code.to_owned(), reason }),
    }
}
/// The ticket says at which other mailbox its letter arrived too.
fn also_received(tx: &mut Tx<'_>, batch: &mut Batch, claim: &Claim, ticket_id: i64, now: i64) -> Result<()> {
    let (address,) =
        tx.one::<(String,)>("SELECT address FROM mailbox WHERE id = $1", params![claim.mailbox_id])?;
    let data = json!({ "mailbox": address });
    batch.say(tx, &By::system(now), ticket_id, "also_received", data)
}

/// A message on its way to its entry.
struct Letter<'a> {
    claim: &'a Claim,
    prepared: &'a Prepared,
    at: i64,
    now: i64,
}
impl Letter<'_> {
    fn file(&self, tx: &mut Tx<'_>, batch: &mut Batch, place: Place) -> Result<Outcome> {
        let message = &self.prepared.message;
        let sender = sender(message);
        let name = sender.name.as_deref();
        let requester_id = batch.known.senders.id_of(tx, &sender.address, name, self.at)?;
        let name = sender.name.clone().unwrap_or_else(|| sender.address.clone());
        let by = By { actor: Actor::Requester { id: requester_id, name }, at: self.at };
        let ticket_id = match place {
            Place::Joins { ticket_id } => ticket_id,
            Place::New => self.open(tx, batch, &by, requester_id, &sender, None)?,
            Place::Refers { ticket_id } => {
                let number = batch.known.ticket(ticket_id).map(|ticket| (ticket_id, ticket.number.clone()));
                self.open(tx, batch, &by, requester_id, &sender, number)?
            }
        };
        let entry_id = self.add_entry(tx, batch, ticket_id, requester_id, sender)?;
        // The answered one and the newest of the chain first: the rest may be cut.
        let named: Vec<String> = message
            .in_reply_to
            .iter()
            .chain(message.references.iter().rev())
            .take(reference::MENTIONS_MAX)
            .cloned()
            .collect();
        batch.refer(ticket_id, entry_id, message.message_id.as_deref(), &named);
        self.people(tx, batch, &by, ticket_id, place)?;
        if let Place::Joins { .. } = place
            && self.is_a_persons_answer()
            && batch.known.ticket(ticket_id).is_some_and(|ticket| ticket.state == State::Closed)
        {
            batch.reopen(tx, &By { at: self.now, ..by }, ticket_id)?;
        }
        Ok(Outcome::Filed { ticket_id, entry_id })
    }
    fn open(
        &self,
        tx: &mut Tx<'_>,
        batch: &mut Batch,
        by: &By,
        requester_id: i64,
        sender: &Person,
        refers_to: Option<(i64, String)>,
    ) -> Result<i64> {
        let mailbox = batch.mailbox_of(tx, self.claim.mailbox_id, &self.prepared.message)?;
        let subject = self.prepared.message.subject.trim();
        let new = NewTicket {
            subject: if subject.is_empty() { "(no subject)".to_owned() } else { subject.to_owned() },
            department_id: mailbox.department_id,
            mailbox_id: Some(mailbox.id),
            requester_id,
            requester_address: sender.address.clone(),
            refers_to,
        };
        batch.open(tx, by, new)
    }
    fn add_entry(
        &self,
        tx: &mut Tx<'_>,
        batch: &mut Batch,
        ticket_id: i64,
        requester_id: i64,
        sender: Person,
    ) -> Result<i64> {
        let Prepared { message, html, attachments } = self.prepared;
        let new = NewEntry {
            ticket_id,
            kind: Kind::Message,
            at: self.at,
            agent_id: None,
            requester_id: Some(requester_id),
            from: Some(sender),
            reply_to: people_of(&message.reply_to),
            to: people_of(&message.to),
            cc: people_of(&message.cc),
            subject: message.subject.clone(),
            message_id: message.message_id.clone(),
            text: message.text.clone(),
            reply_text: message.reply_text.clone(),
            html_blob_id: None,
            raw_blob_id: Some(self.claim.blob_id),
            inbox_id: Some(self.claim.inbox_id),
            nature: message.auto_reply.kind.as_str().to_owned(),
            may_answer: message.auto_reply.may_answer,
            defects: defects(message)?,
        };
        let files = message.attachments.iter().zip(attachments).map(|(part, stored)| NewAttachment {
            stored: stored.clone(),
            name: part.name.clone(),
            media_type: part.media_type.clone(),
            inline: part.inline,
            content_id: part.content_id.clone(),
        });
        batch.add_entry(tx, new, html.clone(), files.collect())
    }
    /// On the Cc of an opening message: participants. Everybody else who is named, and every Reply-To, is
    /// offered to the agent and gets nothing by itself.
    fn people(
        &self,
        tx: &mut Tx<'_>,
        batch: &mut Batch,
        by: &By,
        ticket_id: i64,
        place: Place,
    ) -> Result<()> {
        let message = &self.prepared.message;
        let (mut offered, cc) = (people_of(&message.reply_to), people_of(&message.cc));
        match place {
            Place::New | Place::Refers { .. } => {
                batch.add_people(tx, by, ticket_id, &cc, Standing::Participant)?
            }
            Place::Joins { .. } => offered.extend(cc),
        }
        offered.extend(people_of(&message.to));
        batch.add_people(tx, by, ticket_id, &offered, Standing::Offered)
    }
    /// Machines never reopen a ticket, nor does old mail that is only read in now. A list's letters are
    /// written by people.
    fn is_a_persons_answer(&self) -> bool {
        let by_a_person = match self.prepared.message.auto_reply.kind {
            Nature::None | Nature::List => true,
            Nature::Bounce | Nature::Report | Nature::AutoReplied | Nature::AutoGenerated | Nature::Bulk => {
                false
            }
        };
        by_a_person && !self.claim.silent
    }
}

/// Who wrote it: From, else Sender, else the envelope's sender as the server noted it, else nobody: an empty
/// address, which may write to no ticket and is answered to nowhere.
pub(super) fn sender(message: &mail::Message) -> Person {
    let returned = || {
        let path = message.header("Return-Path")?;
        mail::address::parse_list(path)
            .into_iter()
            .find(|a| a.address.as_deref().is_some_and(mail::address::is_valid_mailbox))
    };
    let author = message.author().cloned().or_else(returned);
    match author {
        // A longer one is no address, and would not fit an index page.
        Some(mail::Address { name, address: Some(address) }) if address.len() <= ADDRESS_BYTES_MAX => {
            Person {
                name: name.map(|name| person::name(&name)).filter(|name| !name.is_empty()),
                address: person::one_line(&address),
            }
        }
        Some(_) | None => Person {
            name: message
                .from
                .iter()
                .find_map(|a| a.name.as_deref().map(person::name))
                .or_else(|| Some("(no sender)".to_owned())),
            address: String::new(),
        },
    }
}
/// Of a list of addresses those that are ones, at most as many as are ever shown.
fn people_of(addresses: &[mail::Address]) -> Vec<Person> {
    let people = addresses.iter().filter_map(|a| {
        Some(Person { name: a.name.as_deref().map(person::name), address: a.address.clone()? })
    });
    people.take(500).collect()
}
/// In the words of `mail`, with the limit that the message went over.
fn defects(message: &mail::Message) -> Result<Vec<String>> {
    let mut words = Vec::new();
    for defect in &message.defects {
        words.extend(serde_json::to_value(defect)?.as_str().map(str::to_owned));
    }
    if let Some(limit) = message.over_limit {
        words.extend(serde_json::to_value(limit)?.as_str().map(|limit| format!("over_limit_{limit}")));
    }
    Ok(words)
}
