//! An agent's reply or note, in one transaction with everything it causes.
//!
//! A reply to a closed ticket leaves it closed: an afterword is no new work, and the customer's answer
//! reopens it. Who gets it is in `recipients`.
use super::outbox::{self, NewOutbox};
use super::recipients::{self as to_whom, Addressed};
use crate::files::attachment::{self, NewAttachment};
use crate::files::{blob, store::Stored};
use crate::mailboxes::mailbox::{self, Authentication, Mailbox};
use crate::people::person::Person;
use crate::people::{agent, agent::Agent, form_use};
use crate::tickets::draft::{self, DraftFile};
use crate::tickets::entry::{self, Kind, NewEntry};
use crate::tickets::{
    participant, participant::Standing, reference, reference::Maker, seen, ticket, ticket::Ticket,
};
use crate::{Actor, By, Refusal, Result, db::Tx, params, people::viewer::Viewer};

pub use super::recipients::{Recipients, recipients};

#[derive(Clone, Debug)]
pub struct NewReply {
    pub ticket_number: String,
    pub text: String,
    /// As typed; `None`: the requester and the ticked participants.
    pub to: Option<String>,
    pub cc: Option<String>,
    pub attachments: Vec<NewAttachment>,
    /// Files that the draft already holds.
    pub draft_files: Vec<DraftFile>,
    /// The newest entry on the page that was answered; `None` skips the check (command line).
    pub seen_entry_id: Option<i64>,
    /// The form's one-use id.
    pub form_id: Option<String>,
    /// For the Message-ID: 128 random bits.
    pub random: [u8; 16],
    pub then: Then,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Nothing,
    Close,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub entry_id: i64,
    pub outbox_id: i64,
}
/// What an agent can write at most; more is a file.
pub const TEXT_BYTES_MAX: usize = 1_000_000;
/// Files on one reply or note.
pub const FILES_MAX: usize = 100;

/// May this agent? Has anyone written since the page was opened? Was this form already sent? Then
/// entry, status, assignee (unassigned: whoever answers takes it), Message-ID, reference, outbox row
/// with a delivery per recipient, participants, draft removed.
pub fn send(tx: &mut Tx<'_>, viewer: &Viewer, by: &By, new: &NewReply) -> Result<Placed> {
    let (ticket, agent) = begin(tx, viewer, by, &new.ticket_number)?;
    if let Some(entry_id) = used(tx, &agent, new.form_id.as_deref())? {
        let outbox_id = tx.one::<(i64,)>("SELECT id FROM outbox WHERE entry_id = $1", params![entry_id])?.0;
        return Ok(Placed { entry_id, outbox_id });
    }
    if let Some(number) = ticket.joined_to {
        return Err(Refusal::TicketJoined(number).into());
    }
    check_text(&new.text, new.attachments.len() + new.draft_files.len())?;
    if let Some(seen_entry_id) = new.seen_entry_id {
        nobody_meanwhile(tx, &ticket, &agent, seen_entry_id)?;
    }
    let mailbox = sending_mailbox(tx, &ticket)?;
    let addressed = to_whom::addressed(tx, &ticket, new.to.as_deref(), new.cc.as_deref())?;
    let files = files(tx, &agent, &ticket, Kind::Reply, &new.attachments, &new.draft_files)?;

    let domain = mailbox.address.rsplit_once('@').map_or("postern.invalid", |(_, domain)| domain);
    let message_id = mail::compose::message_id(new.random, domain);
    let from = Person { name: Some(agent.name.clone()), address: mailbox.address.clone() };
    let entry = NewEntry {
        to: addressed.to.clone(),
        cc: addressed.cc.clone(),
        subject: subject(&ticket),
        message_id: Some(message_id.clone()),
        from: Some(from),
        ..written(&ticket, by, &agent, Kind::Reply, &new.text)
    };
    let entry_id = entry::add(tx, entry)?;
    attachment::add(tx, entry_id, &files)?;
    reference::add(tx, &message_id, ticket.id, entry_id, Maker::Desk)?;
    let recipients: Vec<&str> = addressed.all().map(|person| person.address.as_str()).collect();
    let place = NewOutbox {
        ticket_id: Some(ticket.id),
        entry_id: Some(entry_id),
        mailbox_id: mailbox.id,
        message_id: &message_id,
        recipients: &recipients,
    };
    let outbox_id = outbox::place(tx, &place, by.at)?;

    let Addressed { to, cc } = addressed;
    let people: Vec<Person> = to.into_iter().chain(cc).collect();
    for some in people.chunks(participant::PEOPLE_MAX) {
        participant::add(tx, by, ticket.id, some, Standing::Participant)?;
    }
    if ticket.assignee.is_none() {
        ticket::assign(tx, by, ticket.id, Some(agent.id))?;
    }
    match new.then {
        Then::Close => ticket::close(tx, by, ticket.id)?,
        Then::Nothing => {}
    }
    if new.seen_entry_id.is_some() {
        seen::look(tx, agent.id, ticket.id, entry_id, by.at)?;
    }
    end(tx, by, &ticket, &agent, Kind::Reply, entry_id, new.form_id.as_deref())?;
    Ok(Placed { entry_id, outbox_id })
}

#[derive(Clone, Debug)]
pub struct NewNote {
    pub ticket_number: String,
    pub text: String,
    pub attachments: Vec<NewAttachment>,
    pub draft_files: Vec<DraftFile>,
    pub form_id: Option<String>,
}
/// Its entry id. A note changes neither state nor assignee.
pub fn note(tx: &mut Tx<'_>, viewer: &Viewer, by: &By, new: &NewNote) -> Result<i64> {
    let (ticket, agent) = begin(tx, viewer, by, &new.ticket_number)?;
    if let Some(entry_id) = used(tx, &agent, new.form_id.as_deref())? {
        return Ok(entry_id);
    }
    if let Some(number) = ticket.joined_to {
        return Err(Refusal::TicketJoined(number).into());
    }
    check_text(&new.text, new.attachments.len() + new.draft_files.len())?;
    let files = files(tx, &agent, &ticket, Kind::Note, &new.attachments, &new.draft_files)?;
    let from = Person { name: Some(agent.name.clone()), address: agent.email.clone() };
    let entry = NewEntry { from: Some(from), ..written(&ticket, by, &agent, Kind::Note, &new.text) };
    let entry_id = entry::add(tx, entry)?;
    attachment::add(tx, entry_id, &files)?;
    end(tx, by, &ticket, &agent, Kind::Note, entry_id, new.form_id.as_deref())?;
    Ok(entry_id)
}

/// The ticket within what the viewer may see, held against other writers, and the agent who writes.
fn begin(tx: &mut Tx<'_>, viewer: &Viewer, by: &By, number: &str) -> Result<(Ticket, Agent)> {
    // The row first: a second click waits here, runs again on PostgreSQL, and then finds the first answer.
    tx.execute("UPDATE ticket SET entries = entries WHERE number = $1", params![number])?;
    let ticket = ticket::find(tx, viewer, number)?.ok_or(Refusal::NotFound("ticket"))?;
    let id = match &by.actor {
        Actor::Agent { id, .. } => *id,
        Actor::Requester { .. } | Actor::Rule { .. } | Actor::System => {
            return Err(Refusal::Other("Only an agent can write a reply or a note.".to_owned()).into());
        }
    };
    match agent::find(tx, id)? {
        Some(agent) if agent.active => Ok((ticket, agent)),
        Some(agent) => {
            Err(Refusal::Other(format!("{} is no longer active and cannot write.", agent.name)).into())
        }
        None => Err(Refusal::NotFound("agent").into()),
    }
}
fn used(tx: &mut Tx<'_>, agent: &Agent, form_id: Option<&str>) -> Result<Option<i64>> {
    let Some(form_id) = form_id else { return Ok(None) };
    let answer = form_use::find(tx, form_id, agent.id)?;
    Ok(answer.and_then(|path| path.rsplit_once("#entry-")?.1.parse().ok()))
}
fn check_text(text: &str, files: usize) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Refusal::EmptyText.into());
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(
            Refusal::Other("This text is longer than a megabyte. Attach it as a file.".to_owned()).into()
        );
    }
    if files > FILES_MAX {
        return Err(Refusal::Other(format!("At most {FILES_MAX} files can go with one entry.")).into());
    }
    Ok(())
}
/// Refuses when somebody else has written since the page was opened.
fn nobody_meanwhile(tx: &mut Tx<'_>, ticket: &Ticket, agent: &Agent, seen_entry_id: i64) -> Result<()> {
    let newer = tx.maybe::<(Option<String>, Option<String>)>(
        "SELECT from_name, from_address FROM entry
         WHERE ticket_id = $1 AND id > $2 AND COALESCE(agent_id, 0) <> $3 ORDER BY id DESC LIMIT 1",
        params![ticket.id, seen_entry_id, agent.id],
    )?;
    match newer {
        None => Ok(()),
        Some((name, address)) => {
            let who =
                name.filter(|name| !name.is_empty()).or(address).unwrap_or_else(|| "Somebody".to_owned());
            Err(Refusal::WrittenMeanwhile(who).into())
        }
    }
}
fn sending_mailbox(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<Mailbox> {
    let found = match ticket.mailbox_id {
        Some(id) => mailbox::find(tx, id)?,
        None => None,
    };
    let Some(mailbox) = found else {
        return Err(Refusal::MailboxCannotSend(format!("Ticket #{}", ticket.number)).into());
    };
    let out = &mailbox.outgoing;
    let has_server = out.authentication == Authentication::Same || !out.host.is_empty();
    if mailbox.removed_at.is_some() || !mailbox.outgoing_active || !has_server {
        return Err(Refusal::MailboxCannotSend(mailbox.address).into());
    }
    Ok(mailbox)
}
/// New files, then those of the draft: only what this agent's own draft holds, or anybody's blob could be
/// attached by guessing its id.
fn files(
    tx: &mut Tx<'_>,
    agent: &Agent,
    ticket: &Ticket,
    kind: Kind,
    new: &[NewAttachment],
    kept: &[DraftFile],
) -> Result<Vec<NewAttachment>> {
    let mut files = Vec::with_capacity(new.len() + kept.len());
    if !kept.is_empty() {
        let held = draft::find(tx, agent.id, ticket.id, kind)?.unwrap_or_default().files;
        for file in kept {
            let Some(held) = held.iter().find(|h| h.blob_id == file.blob_id) else {
                return Err(Refusal::Other(format!(
                    "{} is no longer with the draft. Attach it again.",
                    file.name
                ))
                .into());
            };
            let blob = blob::get(tx, held.blob_id)?;
            let hash = blob
                .hash
                .as_slice()
                .try_into()
                .map_err(|_| anyhow::anyhow!("blob {} has no SHA-256", blob.id))?;
            let stored =
                Stored { hash, size_bytes: u64::try_from(blob.size_bytes).unwrap_or(0), place: blob.place };
            let (name, media_type) = (held.name.clone(), held.media_type.clone());
            files.push(NewAttachment { stored, name, media_type, inline: false, content_id: None });
        }
    }
    files.extend_from_slice(new);
    Ok(files)
}
fn written(ticket: &Ticket, by: &By, agent: &Agent, kind: Kind, text: &str) -> NewEntry {
    NewEntry {
        ticket_id: ticket.id,
        kind,
        at: by.at,
        agent_id: Some(agent.id),
        requester_id: None,
        from: None,
        reply_to: Vec::new(),
        to: Vec::new(),
        cc: Vec::new(),
        subject: String::new(),
        message_id: None,
        text: text.to_owned(),
        reply_text: text.to_owned(),
        html_blob_id: None,
        raw_blob_id: None,
        inbox_id: None,
        nature: mail::nature::Nature::None.as_str().to_owned(),
        may_answer: false,
        defects: Vec::new(),
    }
}
/// `Re: Printer [#10001]`: the number brings back what a mail program has stripped of its headers.
fn subject(ticket: &Ticket) -> String {
    let mut base = String::new();
    let mut rest = ticket.subject.as_str();
    // Numbers of other tickets would lead an answer there.
    while let Some((before, after)) = rest.split_once("[#") {
        base.push_str(before);
        let digits = after.trim_start_matches(|c: char| c.is_ascii_digit());
        match digits.strip_prefix(']').filter(|_| digits.len() < after.len()) {
            Some(end) => rest = end,
            None => {
                base.push_str("[#");
                rest = after;
            }
        }
    }
    base.push_str(rest);
    format!("Re: {} [#{}]", mail::thread::base_subject(base.trim()).trim(), ticket.number)
}
fn end(
    tx: &mut Tx<'_>,
    by: &By,
    ticket: &Ticket,
    agent: &Agent,
    kind: Kind,
    entry_id: i64,
    form_id: Option<&str>,
) -> Result<()> {
    draft::remove(tx, agent.id, ticket.id, kind)?;
    if let Some(form_id) = form_id {
        form_use::record(
            tx,
            form_id,
            agent.id,
            &format!("/tickets/{}#entry-{entry_id}", ticket.number),
            by.at,
        )?;
    }
    Ok(())
}
