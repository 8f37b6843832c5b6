//! What a delivery report says about a letter of ours: it came back, or it still waits somewhere.
//! Not for recognising a report (`mail/report`), nor for which message it is about (`intake/bounce`).
use super::{delivery, outbox};
use crate::site::{event, event::Subject};
use crate::{By, Result, db::Tx, params};
use serde_json::json;

/// A bounce came back for the message with this id: its delivery turns red, the ticket shows under *Not
/// sent*. `Some(ticket_id)` when it was ours.
///
/// Only a delivery that a server had accepted can bounce. A report that names nobody, or somebody that the
/// letter did not go to (a forwarded address), is taken for the only recipient; with several it is said on
/// the ticket and turns nobody red, for nobody knows whom. The same report twice changes nothing.
pub(crate) fn bounced(
    tx: &mut Tx<'_>,
    message_id: &str,
    recipient: Option<&str>,
    answer: &str,
    at: i64,
) -> Result<Option<i64>> {
    let Some((outbox_id, ticket_id)) = of_message(tx, message_id)? else { return Ok(None) };
    let answer = delivery::shorten(answer);
    let deliveries = tx.all::<(i64, String, String, i64)>(
        "SELECT d.id, d.recipient, d.recipient_key, CASE WHEN d.state = 'sent' OR o.unsure = 1 THEN 1 ELSE 0 END
         FROM delivery d JOIN outbox o ON o.id = d.outbox_id
         WHERE d.outbox_id = $1 AND d.state <> 'bounced' ORDER BY d.id",
        params![outbox_id],
    )?;
    let (all,) =
        tx.one::<(i64,)>("SELECT count(*) FROM delivery WHERE outbox_id = $1", params![outbox_id])?;
    let key = recipient.map(mail::address::key);
    let named = deliveries.iter().find(|(_, _, k, _)| key.as_ref() == Some(k));
    let meant = named.or(deliveries.first().filter(|_| all == 1));
    let by = By::system(at);
    let shown = match meant {
        Some((_, _, _, 0)) => return Ok(Some(ticket_id)), // no server has it: what became of it is known here
        Some((id, address, _, _)) => {
            tx.execute(
                "UPDATE delivery SET state = 'bounced', answer = $2, at = $3, dismissed_at = NULL WHERE id = $1",
                params![*id, &answer, at],
            )?;
            outbox::settle_state(tx, outbox_id, at)?;
            delivery::count_unsent(tx, ticket_id)?;
            address.clone()
        }
        None if deliveries.is_empty() || said_before(tx, ticket_id, &answer)? => return Ok(Some(ticket_id)),
        None => recipient.map(delivery::shorten).unwrap_or_default(),
    };
    event::append(
        tx,
        &by,
        Subject::Ticket(ticket_id),
        "bounced",
        json!({ "recipient": shown, "answer": answer }),
    )?;
    surface(tx, ticket_id, &shown, &answer, at)?;
    tx.wake("ticket");
    Ok(Some(ticket_id))
}
/// A report says that the letter still waits somewhere: told on the ticket, nothing turns red.
pub(crate) fn delayed(
    tx: &mut Tx<'_>,
    message_id: &str,
    recipient: Option<&str>,
    answer: &str,
    at: i64,
) -> Result<Option<i64>> {
    let Some((_, ticket_id)) = of_message(tx, message_id)? else { return Ok(None) };
    let data = json!({ "recipient": recipient.map(delivery::shorten), "answer": delivery::shorten(answer) });
    event::append(tx, &By::system(at), Subject::Ticket(ticket_id), "delayed", data)?;
    tx.wake("ticket");
    Ok(Some(ticket_id))
}
/// The outbox row and ticket of a Message-ID of ours, with the ticket held against other writers.
fn of_message(tx: &mut Tx<'_>, message_id: &str) -> Result<Option<(i64, i64)>> {
    let found = tx.maybe::<(i64, i64)>(
        "SELECT id, ticket_id FROM outbox WHERE message_id = $1 AND ticket_id IS NOT NULL",
        params![message_id],
    )?;
    if let Some((_, ticket_id)) = found {
        tx.execute("UPDATE ticket SET unsent = unsent WHERE id = $1", params![ticket_id])?;
    }
    Ok(found)
}
fn said_before(tx: &mut Tx<'_>, ticket_id: i64, answer: &str) -> Result<bool> {
    let events = event::list(tx, Subject::Ticket(ticket_id), 50)?;
    Ok(events
        .iter()
        .any(|e| e.kind == "bounced" && e.data.get("answer").and_then(|a| a.as_str()) == Some(answer)))
}
/// The ticket's line in the lists says it, at the top.
fn surface(tx: &mut Tx<'_>, ticket_id: i64, recipient: &str, answer: &str, at: i64) -> Result<()> {
    let preview: String =
        format!("The answer to {recipient} came back: {answer}").chars().take(160).collect();
    tx.execute(
        "UPDATE ticket SET updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at END,
             last_kind = 'message', last_name = $3, preview = $4 WHERE id = $1",
        params![ticket_id, at, By::system(at).name(), preview],
    )?;
    Ok(())
}
