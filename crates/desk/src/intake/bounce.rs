//! Delivery reports: they mark what they are about and open no ticket. One that carries no Message-ID of
//! ours changes nothing, whoever sends it, and waits for a person: it may be about a letter that somebody sent from
//! the same address with another program.
use super::inbox::{Claim, Outcome};
use super::screen;
use crate::outgoing::report;
use crate::{Result, db::Tx, params};
use mail::report::{Action, Bounce};

/// Recipients of one report that are looked at.
const RECIPIENTS_MAX: usize = 100;

pub(super) fn file(tx: &mut Tx<'_>, claim: &Claim, message: &mail::Message, at: i64) -> Result<Outcome> {
    let mut marked: Option<i64> = None;
    for bounce in message.bounces.iter().take(RECIPIENTS_MAX) {
        let Some(message_id) = original(tx, message, bounce)? else { continue };
        let recipient = bounce.recipient.as_deref();
        let ticket_id = match bounce.action {
            Action::Failed => report::bounced(tx, &message_id, recipient, &answer(bounce), at)?,
            Action::Delayed => report::delayed(tx, &message_id, recipient, &answer(bounce), at)?,
            Action::Delivered | Action::Relayed | Action::Expanded => continue,
        };
        marked = marked.or(ticket_id);
    }
    let Some(ticket_id) = marked else {
        let reason = format!(
            "A delivery report about a message that this desk did not send: {}.",
            screen::said(message)
        );
        return Ok(Outcome::Held { code: "not_our_bounce".to_owned(), reason });
    };
    let (number,) = tx.one::<(String,)>("SELECT number FROM ticket WHERE id = $1", params![ticket_id])?;
    tx.execute("UPDATE inbox SET ticket_id = $2 WHERE id = $1", params![claim.inbox_id, ticket_id])?;
    let reason = format!("A delivery report: what it says is marked on ticket #{number}.");
    Ok(Outcome::Ignored { code: "bounce".to_owned(), reason })
}
/// The Message-ID of ours that the report is about: the one it gives back, or, for servers that give nothing
/// back (Exchange), the one it answers.
fn original(tx: &mut Tx<'_>, message: &mail::Message, bounce: &Bounce) -> Result<Option<String>> {
    let answered = message.in_reply_to.iter().chain(message.references.iter().rev());
    for id in bounce.original_message_id.iter().chain(answered).take(20) {
        if tx.maybe::<(i64,)>("SELECT id FROM outbox WHERE message_id = $1", params![id])?.is_some() {
            return Ok(Some(id.clone()));
        }
    }
    Ok(None)
}
/// In words where the reason is known, and the other server's own beside them.
fn answer(bounce: &Bounce) -> String {
    let said = said(bounce);
    match mail::explain::delivery("other", &said) {
        None => said,
        Some((known, _)) if bounce.action == Action::Delayed => {
            format!("{} The server said: “{said}”", known.cause)
        }
        Some((known, _)) => format!("{} {} The server said: “{said}”", known.cause, known.remedy),
    }
}
fn said(bounce: &Bounce) -> String {
    match (&bounce.status, bounce.diagnostic.trim()) {
        (Some(status), "") => status.clone(),
        (Some(status), said) if !said.contains(status.as_str()) => format!("{status} {said}"),
        (_, said) => said.to_owned(),
    }
}
