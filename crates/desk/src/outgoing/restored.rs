//! What was on its way out when a backup was taken: in the restored copy nobody knows whether it went out meanwhile, so
//! none of it is sent again before a person has said so.
use super::outbox::{self, State};
use crate::{By, Result, db::Tx, params};

/// Every message that still waited has not been sent as far as is known: the ticket says so, and *Send again* is there.
/// Notices of alerts that waited are dropped: they were about another day. How many messages there are.
pub(crate) fn ask_before_sending(tx: &mut Tx<'_>, by: &By, why: &str) -> Result<usize> {
    let waiting: Vec<(i64, Option<i64>)> = tx.all(
        "SELECT id, ticket_id FROM outbox WHERE state = $1 ORDER BY id",
        params![State::Queued.as_str()],
    )?;
    for (id, ticket_id) in &waiting {
        tx.execute(
            "UPDATE delivery SET state = 'failed', answer = $2, at = $3, dismissed_at = NULL
             WHERE outbox_id = $1 AND state IN ('queued', 'deferred')",
            params![*id, why, by.at],
        )?;
        // Fixed bytes may have been sent; a copy that asks is a copy that does not know.
        tx.execute(
            "UPDATE outbox SET unsure = CASE WHEN blob_id IS NULL THEN unsure ELSE 1 END, last_error = $2,
                 leased_until = 0, leased_by = '', generation = generation + 1
             WHERE id = $1",
            params![*id, why],
        )?;
        outbox::settle_state(tx, *id, by.at)?;
        if let Some(ticket_id) = ticket_id {
            outbox::told(tx, *id, *ticket_id, by.at)?;
        }
    }
    tx.execute(
        "UPDATE notice SET state = 'dropped', settled_at = $1, generation = generation + 1 WHERE state = 'waiting'",
        params![by.at],
    )?;
    Ok(waiting.len())
}
