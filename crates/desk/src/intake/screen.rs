//! Accept, Ignore or Hold, with the reason. Not for delivery reports (`bounce`), nor for what a person then decides
//! about held mail (`held`).
use super::batch::Batch;
use super::inbox::Claim;
use super::prepare::Prepared;
use super::routing;
use super::threading::Place;
use crate::people::person::one_line;
use crate::{Result, db::Tx, params};
use mail::nature::Nature;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    Ignore { code: &'static str, reason: String },
    Hold { code: &'static str, reason: String },
}
/// Our own letter coming back (Cc to self, a list copy) is ignored; mail from another mailbox of the
/// desk is not.
///
/// Our own is known by its Message-ID *and* by what it says: whoever has a letter of ours knows its id, and a list
/// may write into the letter that it hands on. Never by its From: contact forms and scanners write from the
/// mailbox's own address to it, and theirs is mail like any other.
pub(super) fn screen(
    tx: &mut Tx<'_>,
    batch: &Batch,
    mailbox_id: i64,
    prepared: &Prepared,
) -> Result<Verdict> {
    let message_id = prepared.message.message_id.as_ref().filter(|id| batch.is_sent(id));
    let Some(message_id) = message_id else { return Ok(Verdict::Accept) };
    let ours = tx.maybe::<(Option<String>, i64, String, String, String, String, i64)>(
        "SELECT t.number, e.id, e.subject, e.text, m.address_key, m.opened_address, m.id
         FROM outbox o JOIN mailbox m ON m.id = o.mailbox_id JOIN entry e ON e.id = o.entry_id
         LEFT JOIN ticket t ON t.id = o.ticket_id
         WHERE o.message_id = $1 AND o.blob_id IS NOT NULL",
        params![message_id],
    )?;
    let Some((number, entry_id, subject, text, address_key, opened, sent_by)) = ours else {
        return Ok(Verdict::Accept);
    };
    if !routing::live_together(tx, mailbox_id, sent_by)? {
        return Ok(Verdict::Accept);
    }
    let message = &prepared.message;
    let author = message.author().and_then(|author| author.address.as_deref()).map(mail::address::key);
    // Exchange may put the opened mailbox in the place of an alias.
    let is_us = author.is_some_and(|author| {
        author == address_key || (!opened.is_empty() && author == mail::address::key(&opened))
    });
    let says_the_same = is_us
        && words(&message.subject).eq(words(&subject))
        && words(&message.text).eq(words(&text))
        && files(tx, entry_id)?
            == prepared.attachments.iter().map(|file| file.hash.to_vec()).collect::<Vec<_>>();
    if !says_the_same {
        return Ok(Verdict::Accept);
    }
    let on = number.map(|number| format!(" on ticket #{number}")).unwrap_or_default();
    let reason = format!("This is our own letter{on}, coming back to its mailbox.");
    Ok(Verdict::Ignore { code: "own", reason })
}
/// What people read of a text: servers on the way fold lines, and encode anew.
fn words(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| !c.is_whitespace() && !c.is_control())
}
fn files(tx: &mut Tx<'_>, entry_id: i64) -> Result<Vec<Vec<u8>>> {
    let hashes = tx.all::<(Vec<u8>,)>(
        "SELECT b.hash FROM attachment a JOIN blob b ON b.id = a.blob_id
         WHERE a.entry_id = $1 ORDER BY a.position, a.id",
        params![entry_id],
    )?;
    Ok(hashes.into_iter().map(|(hash,)| hash).collect())
}
/// The same letter came to another mailbox of the desk and is a ticket already: one matter, one ticket.
pub(super) fn known_elsewhere(batch: &Batch, claim: &Claim) -> Option<(i64, Verdict)> {
    let (address, ticket_id, number) = batch.is_elsewhere(claim)?;
    let reason = format!("The same letter came to {address} and is on ticket #{number}.");
    Some((ticket_id, Verdict::Ignore { code: KNOWN_ELSEWHERE, reason }))
}
pub(super) const KNOWN_ELSEWHERE: &str = "known_elsewhere";
/// What a machine wrote in answer to something and that joins no ticket: an absence note to a letter that was sent from
/// elsewhere, another desk's acknowledgement, a receipt. As a ticket each would be work for nobody; so a person
/// decides, and receipts are ignored. What a machine writes of its own accord (an alarm, an order, a newsletter) is mail
/// like any other.
pub(super) fn unasked(message: &mail::Message, place: Place) -> Verdict {
    match (message.auto_reply.kind, place) {
        (_, Place::Joins { .. }) => Verdict::Accept,
        (Nature::Report, Place::New | Place::Refers { .. }) => Verdict::Ignore {
            code: "report",
            reason: "A receipt or a machine's report that belongs to no ticket.".to_owned(),
        },
        (Nature::AutoReplied, Place::New | Place::Refers { .. }) if !is_only_its_subject(message) => {
            let to = match place {
                Place::Refers { .. } => "to a ticket that its sender has no part in",
                Place::New | Place::Joins { .. } => "to nothing on this desk",
            };
            Verdict::Hold {
                code: "automatic_answer",
                reason: format!("An automatic answer {to}: {}.", said(message)),
            }
        }
        _ => Verdict::Accept,
    }
}
/// Nothing but its subject speaks for an absence note: *Absence: my son is ill* is a person's.
fn is_only_its_subject(message: &mail::Message) -> bool {
    let says =
        |name: &str, machine: fn(&str) -> bool| message.header(name).is_some_and(|v| machine(v.trim()));
    message.auto_reply.by.as_deref() == Some("subject")
        && !says("Auto-Submitted", |value| !value.is_empty() && !value.eq_ignore_ascii_case("no"))
        && !says("X-Auto-Response-Suppress", |value| !value.is_empty())
        && !says("Precedence", |value| !value.is_empty())
        && !says("Return-Path", |value| value.is_empty() || value == "<>")
}
/// By its subject and its sender, as a person finds it in a list.
pub(super) fn said(message: &mail::Message) -> String {
    let short = |text: &str| one_line(text).chars().take(150).collect::<String>();
    let sender = message.author().and_then(|author| author.address.as_deref()).unwrap_or("nobody");
    format!("“{}” from {}", short(&message.subject), short(sender))
}
