//! Leases across all tables that have them: the end of those of a process that is gone, so that what it had in hand
//! need not wait for their time.
use crate::{Result, db::Tx, params};

/// A message that was in the middle of being sent is not sent again at once: the server may still be at it.
const UNSURE_MS: i64 = 30_000;

/// Ends every lease of a process that is known to be gone. A message whose bytes were fixed may have been on its
/// way: it says so, and waits a little.
pub fn release(tx: &mut Tx<'_>, owner: &str, now: i64) -> Result<u64> {
    let mut released = 0;
    for update in [
        "UPDATE mailbox SET leased_until = 0, leased_by = '', generation = generation + 1
         WHERE leased_by = $1 AND leased_until > $2",
        "UPDATE inbox SET leased_until = 0, leased_by = '', generation = generation + 1
         WHERE leased_by = $1 AND leased_until > $2 AND state = 'new'",
        "UPDATE consent SET leased_until = 0, leased_by = '', generation = generation + 1
         WHERE leased_by = $1 AND leased_until > $2",
        "UPDATE notice SET leased_until = 0, leased_by = '', generation = generation + 1
         WHERE leased_by = $1 AND leased_until > $2 AND state = 'waiting'",
    ] {
        released += tx.execute(update, params![owner, now])?;
    }
    released += tx.execute(
        "UPDATE outbox SET leased_until = 0, leased_by = '', generation = generation + 1,
             unsure = CASE WHEN blob_id IS NULL THEN unsure ELSE 1 END,
             due_at = CASE WHEN blob_id IS NULL THEN due_at ELSE $3 END
         WHERE leased_by = $1 AND leased_until > $2 AND state = 'queued'",
        params![owner, now, now + UNSURE_MS],
    )?;
    for topic in ["mailbox", "inbox", "outbox"] {
        tx.wake(topic);
    }
    Ok(released)
}
