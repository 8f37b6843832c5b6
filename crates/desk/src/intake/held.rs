//! Held mail: what waits for a person's decision, and the decision. What is held, and why, says `screen`.
use super::again;
use super::inbox::{self, State};
use crate::site::{event, event::Subject};
use crate::{By, Error, Refusal, Result, db::Tx, params};
use serde_json::json;

/// Messages that *Ignore all* takes at a time.
const AT_ONCE_MAX: i64 = 1_000;

/// How many are held, counted up to a bound.
pub fn count(tx: &mut Tx<'_>) -> Result<i64> {
    inbox::count(tx, State::Held)
}
/// It becomes a ticket, or goes to the one that it belongs to: the next filing round does not screen it. What was
/// ignored can still be accepted, and so can what failed, for good or so far: where it cannot be read, a letter stands in for it. Twice is
/// once.
pub fn accept(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    again::refuse_replaced(tx, id)?;
    let was = reason_of(tx, id)?;
    let changed = tx.execute(
        "UPDATE inbox SET state = 'new', accepted = 1, reason_code = '', reason = '', attempts = 0, due_at = $2,
             ticket_id = NULL, leased_until = CASE WHEN state = 'new' THEN leased_until ELSE 0 END
         WHERE id = $1 AND (state IN ('held', 'ignored', 'failed') OR (state = 'new' AND reason_code <> ''))",
        params![id, by.at],
    )?;
    if changed == 0 {
        let found = tx.maybe::<(bool,)>("SELECT accepted FROM inbox WHERE id = $1", params![id])?;
        return match found {
            Some((true,)) => Ok(()),
            Some((false,)) => Err(waits_for_none()),
            None => Err(Refusal::NotFound("inbound message").into()),
        };
    }
    event::append(tx, by, Subject::Inbox(id), "accepted", json!({ "was": was }))?;
    tx.wake("inbox");
    tx.wake("mailbox"); // the strip says so
    Ok(())
}
/// Why it has become no entry so far, for the life of a message that is decided about.
pub(super) fn reason_of(tx: &mut Tx<'_>, id: i64) -> Result<String> {
    let found = tx.maybe::<(String,)>("SELECT reason FROM inbox WHERE id = $1", params![id])?;
    Ok(found.map_or_else(String::new, |(reason,)| reason))
}
/// Nothing comes of it, whether it is held or has failed; it stays in the inbox, with its reason, and can still be accepted.
/// What was left on its server stays there and is accounted for as before. Twice is once.
pub fn ignore(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let ignored = tx.execute(
        "UPDATE inbox SET state = 'ignored' WHERE id = $1 AND state IN ('held', 'failed')",
        params![id],
    )?;
    if ignored == 0 {
        let state = tx.maybe::<(String,)>("SELECT state FROM inbox WHERE id = $1", params![id])?;
        return match state.as_ref().map(|(state,)| state.as_str()) {
            Some("ignored") => Ok(()),
            Some(_) => Err(waits_for_none()),
            None => Err(Refusal::NotFound("inbound message").into()),
        };
    }
    event::append(tx, by, Subject::Inbox(id), "ignored", json!({}))?;
    tx.wake("inbox");
    tx.wake("mailbox"); // the strip says so
    Ok(())
}
fn waits_for_none() -> Error {
    let sentence = "This message waits for no decision: it is filed, or will be in a moment.";
    Refusal::Other(sentence.to_owned()).into()
}
/// All that were there when the page was shown: up to the id of its newest. How many.
pub fn ignore_all(tx: &mut Tx<'_>, by: &By, newest_id: i64) -> Result<usize> {
    let held = tx.all::<(i64,)>(
        "SELECT id FROM inbox WHERE state = 'held' AND id <= $1 ORDER BY id DESC LIMIT $2",
        params![newest_id, AT_ONCE_MAX],
    )?;
    for (id,) in &held {
        ignore(tx, by, *id)?;
    }
    Ok(held.len())
}
