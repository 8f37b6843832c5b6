//! Accept, Ignore or Hold, with the reason. Not for delivery reports (`bounce`), nor for what a person then decides
//! about held mail (`held`).
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
/// Our own is known by its Message-ID, never by its From: contact forms and scanners write from the
/// mailbox's own address to it, and theirs is mail like any other.
pub fn screen(tx: &mut Tx<'_>, mailbox_id: i64, message: &mail::Message) -> Result<Verdict> {
    let Some(message_id) = &message.message_id else { return Ok(Verdict::Accept) };
    let own = tx.maybe::<(i64, Option<String>)>(
        "SELECT o.id, t.number FROM outbox o LEFT JOIN ticket t ON t.id = o.ticket_id
         WHERE o.message_id = $1 AND o.mailbox_id = $2",
        params![message_id, mailbox_id],
    )?;
    Ok(match own {
        None => Verdict::Accept,
        Some((_, number)) => {
            let on = number.map(|number| format!(" on ticket #{number}")).unwrap_or_default();
            Verdict::Ignore {
                code: "own",
                reason: format!("This is our own letter{on}, coming back to its mailbox."),
            }
        }
    })
}
/// The same letter came to another mailbox of the desk and is a ticket already: one matter, one ticket.
pub(super) fn known_elsewhere(tx: &mut Tx<'_>, inbox_id: i64) -> Result<Option<(i64, Verdict)>> {
    let known = tx.maybe::<(String, i64, String)>(
        "SELECT m.address, t.id, t.number FROM inbox me
         JOIN mailbox m ON m.id <> me.mailbox_id
         JOIN inbox i ON i.mailbox_id = m.id AND i.content_key = me.content_key AND i.state = 'filed'
         JOIN ticket t ON t.id = i.ticket_id
         WHERE me.id = $1 ORDER BY i.id LIMIT 1",
        params![inbox_id],
    )?;
    Ok(known.map(|(address, ticket_id, number)| {
        let reason = format!("The same letter came to {address} and is on ticket #{number}.");
        (ticket_id, Verdict::Ignore { code: "known_elsewhere", reason })
    }))
}
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
