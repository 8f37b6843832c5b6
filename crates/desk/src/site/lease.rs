//! Leases across all tables that have them: the end of those of a process that is gone, so that what it had in hand
//! need not wait for their time.
use crate::{Result, db::Tx, params};

/// A message that was in the middle of being sent is not sent again at once: the server may still be at it.
const UNSURE_MS: i64 = 30_000;

const MAILBOX: &str = "UPDATE mailbox SET leased_until = 0, leased_by = '', generation = generation + 1
     WHERE leased_by = $1 AND leased_until > $2";
const INBOX: &str = "UPDATE inbox SET leased_until = 0, leased_by = '', generation = generation + 1
     WHERE leased_by = $1 AND leased_until > $2 AND state = 'new'";
const SUBSCRIPTION: &str =
    "UPDATE subscription SET leased_until = 0, leased_by = '', generation = generation + 1
     WHERE leased_by = $1 AND leased_until > $2";
const NOTICE: &str = "UPDATE notice SET leased_until = 0, leased_by = '', generation = generation + 1
     WHERE leased_by = $1 AND leased_until > $2 AND state = 'waiting'";

/// A process that is about to end lets go of what others may take up at once. `false`: a refresh or a message is still
/// at its server. Its result counts until the process is gone, because a rotated token must not be dropped.
pub fn let_go(tx: &mut Tx<'_>, owner: &str, now: i64) -> Result<bool> {
    for update in [
        MAILBOX,
        INBOX,
        NOTICE,
        SUBSCRIPTION,
        "UPDATE outbox SET leased_until = 0, leased_by = '', generation = generation + 1
         WHERE leased_by = $1 AND leased_until > $2 AND state = 'queued' AND blob_id IS NULL",
    ] {
        tx.execute(update, params![owner, now])?;
    }
    for topic in ["mailbox", "inbox", "outbox"] {
        tx.wake(topic);
    }
    let (left,): (bool,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM consent WHERE leased_by = $1 AND leased_until > $2)
             OR EXISTS (SELECT 1 FROM outbox WHERE leased_by = $1 AND leased_until > $2 AND state = 'queued')",
        params![owner, now],
    )?;
    Ok(!left)
}

/// Ends every lease of a process that is known to be gone. A message whose bytes were fixed may have been on its
/// way: it says so, and waits a little.
pub fn release(tx: &mut Tx<'_>, owner: &str, now: i64) -> Result<u64> {
    let mut released = 0;
    for update in [
        MAILBOX,
        INBOX,
        NOTICE,
        SUBSCRIPTION,
        "UPDATE consent SET leased_until = 0, leased_by = '', generation = generation + 1
         WHERE leased_by = $1 AND leased_until > $2",
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
