//! When it is whose turn, across all tables that say so. A time that was noted while the clock was ahead is of no use
//! once it has been set right: what waits for it would wait for hours, or days, and nobody would be told.
use crate::{Result, db::Tx, params};

/// Makes due at once whatever would wait beyond this time. How many that were.
pub fn not_beyond(tx: &mut Tx<'_>, beyond: i64, now: i64) -> Result<u64> {
    let mut hurried = 0;
    for update in [
        "UPDATE mailbox SET due_at = $1 WHERE due_at > $2 AND active = 1 AND removed_at IS NULL",
        "UPDATE inbox SET due_at = $1 WHERE due_at > $2 AND state = 'new'",
        "UPDATE outbox SET due_at = $1 WHERE due_at > $2 AND state = 'queued'",
        "UPDATE consent SET refresh_due_at = $1 WHERE refresh_due_at > $2
             AND (refresh_token IS NOT NULL
                  OR EXISTS (SELECT 1 FROM client c WHERE c.id = consent.client_id AND c.flow <> 'code'))",
        "UPDATE consent SET take_back_at = $1 WHERE take_back_at > $2",
        "UPDATE notice SET due_at = $1 WHERE due_at > $2 AND state = 'waiting'",
        "UPDATE subscription SET due_at = $1 WHERE due_at > $2",
    ] {
        hurried += tx.execute(update, params![now, beyond])?;
    }
    // What is yet to begin would be so for hours.
    for update in [
        "UPDATE mailbox SET state_since = $1 WHERE state_since > $1",
        "UPDATE mailbox SET out_state_since = $1 WHERE out_state_since > $1",
        "UPDATE mailbox SET last_fetch_at = $1 WHERE last_fetch_at > $1",
        "UPDATE mailbox SET last_mail_at = $1 WHERE last_mail_at > $1",
        "UPDATE mailbox SET last_sent_at = $1 WHERE last_sent_at > $1",
        "UPDATE consent SET state_since = $1 WHERE state_since > $1 AND state <> 'pending'",
    ] {
        tx.execute(update, params![now])?;
    }
    for topic in ["mailbox", "inbox", "outbox", "grant"] {
        tx.wake(topic);
    }
    Ok(hurried)
}
