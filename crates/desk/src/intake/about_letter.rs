//! What comes in about the desk's own letters (alerts): the letter itself, reports about it, answers to it. None of these
//! is anybody's request, and one that opened a ticket could be told about, and so on for ever.
use super::batch::Batch;
use super::screen::Verdict;
use super::threading::Place;
use crate::outgoing::letter;
use crate::{Result, db::Tx};
use mail::report::Action;

/// Recipients of one report, and ids of one message, that are looked at.
const LOOKED_AT_MAX: usize = 100;

/// The letter itself, which somebody's rule has sent on to a mailbox of the desk, or a report about it.
pub(super) fn screen(tx: &mut Tx<'_>, batch: &Batch, message: &mail::Message, now: i64) -> Result<Verdict> {
    let own: Vec<&String> = message.message_id.iter().filter(|id| batch.is_sent(id)).collect();
    if letter::find(tx, &own)?.is_some() {
        return Ok(ignored("own_letter", "This is a letter of Postern's own, an alert, coming back."));
    }
    for bounce in message.bounces.iter().take(LOOKED_AT_MAX) {
        let ids: Vec<&String> = bounce.original_message_id.iter().chain(&message.in_reply_to).collect();
        let Some(outbox_id) = letter::find(tx, &ids)? else { continue };
        if bounce.action == Action::Failed {
            letter::bounced(tx, outbox_id, bounce.recipient.as_deref(), &bounce.diagnostic, now)?;
        }
        return Ok(ignored("alert_report", "A delivery report about an alert that Postern mailed."));
    }
    Ok(Verdict::Accept)
}

/// An answer to such a letter that joins no ticket.
pub(super) fn answered(
    tx: &mut Tx<'_>,
    batch: &Batch,
    message: &mail::Message,
    place: Place,
) -> Result<Verdict> {
    if matches!(place, Place::Joins { .. }) {
        return Ok(Verdict::Accept);
    }
    let named = message.in_reply_to.iter().chain(message.references.iter().rev()).take(LOOKED_AT_MAX);
    let ids: Vec<&String> = named.filter(|id| batch.is_sent(id)).collect();
    Ok(match letter::find(tx, &ids)? {
        Some(_) => ignored("alert_answer", "An answer to an alert that Postern mailed: it opens no ticket."),
        None => Verdict::Accept,
    })
}

fn ignored(code: &'static str, reason: &str) -> Verdict {
    Verdict::Ignore { code, reason: reason.to_owned() }
}
