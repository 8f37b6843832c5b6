//! Accept, Ignore or Hold, with the reason. Not for delivery reports (`bounce`).
use crate::{Result, db::Tx, params};

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
