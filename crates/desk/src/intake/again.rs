//! What became no entry, tried again: because a person wants it, or once by a newer version. What was left on its server is
//! asked for there again.
use super::inbox::{NUMBERED_NOWHERE, State};
use super::{held, inbox};
use crate::mailboxes::{balance, cursor, mailbox};
use crate::site::{event, event::Subject, setting};
use crate::{By, Error, Refusal, Result, db::Tx, params};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// What comes of trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retried {
    /// It is filed again by the next round.
    Filed,
    /// The next round asks its server for it.
    Asked,
}

/// With its attempts counted from the beginning: failed, held or ignored rows; a filed one is refused, but where a letter only
/// stands in for it. A new row is made due at once.
pub fn retry(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<Retried> {
    if ask_again(tx, by, id)? {
        return Ok(Retried::Asked);
    }
    refuse_replaced(tx, id)?;
    let was = held::reason_of(tx, id)?;
    let changed = tx.execute(
        "UPDATE inbox SET state = 'new', reason_code = '', reason = '', attempts = 0, due_at = $2,
             ticket_id = NULL, leased_until = CASE WHEN state = 'new' THEN leased_until ELSE 0 END
         WHERE id = $1 AND state <> 'filed'",
        params![id, by.at],
    )?;
    if changed == 0 {
        return Err(match inbox::find(tx, id)? {
            Some(row) => {
                let number = row.ticket_number.unwrap_or_default();
                Refusal::Other(format!("This message is filed already: it is on ticket #{number}.")).into()
            }
            None => Refusal::NotFound("inbound message").into(),
        });
    }
    event::append(tx, by, Subject::Inbox(id), "retried", json!({ "was": was }))?;
    tx.wake("inbox");
    tx.wake("mailbox"); // the strip says so
    Ok(Retried::Filed)
}

/// What was left on its server counts as unaccounted, and that is asked for. What comes has a row of its own, and so has what is
/// refused again, with its reason of then; this one says what was. A letter that stands in for it on a ticket stays there.
/// `false`: it was not left.
fn ask_again(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<bool> {
    let found: Option<(i64, String, u32, i64, String, String)> = tx.maybe(
        "SELECT mailbox_id, folder, uid_validity, uid, reason, state FROM inbox
         WHERE id = $1 AND uid_validity <> $2
           AND ((state = 'failed' AND reason_code = 'left_on_server')
                OR (state IN ('filed', 'ignored') AND settled_as = 'stays'))",
        params![id, NUMBERED_NOWHERE],
    )?;
    let Some((mailbox_id, folder, uid_validity, uid, reason, state)) = found else { return Ok(false) };
    let no =
        |why: &str| Err(Refusal::Other(format!("The server was not asked for this message: {why}")).into());
    let mailbox = mailbox::find(tx, mailbox_id)?.filter(|mailbox| mailbox.removed_at.is_none());
    let Some(mailbox) = mailbox else { return no("its email was removed.") };
    if !mailbox.active {
        return no("fetching is off. Start it first.");
    }
    if !mailbox::round_fetches(tx, &mailbox, &folder)? {
        return no(&format!("the folder {folder}, where it is, is not fetched any more."));
    }
    if cursor::find(tx, mailbox_id, &folder)?.is_none_or(|cursor| cursor.uid_validity != uid_validity) {
        return no("the server has made its folder anew since, and what is there has come from the new one.");
    }
    give_up_its_number(tx, id, mailbox_id, &folder)?;
    if state != State::Filed.as_str() {
        tx.execute(
            "UPDATE inbox SET state = 'ignored', reason_code = $2, reason = $3 WHERE id = $1",
            params![id, ASKED_FOR_CODE, ASKED_FOR],
        )?;
    }
    event::append(tx, by, Subject::Inbox(id), "asked_for", json!({ "was": reason }))?;
    balance::want_of(tx, mailbox_id, &folder, balance::Asked::Fetch)?;
    let data = json!({ "folder": folder, "uid": uid, "reason": reason });
    event::append(tx, by, Subject::Mailbox(mailbox_id), "left_asked", data)?;
    mailbox::hurry(tx, mailbox_id, by.at)?;
    tx.wake("inbox");
    Ok(true)
}

pub(super) const ASKED_FOR_CODE: &str = "asked_for";
const ASKED_FOR: &str = "Its server was asked for it again: what came of that has a row of its own.";

/// Where another row has what came of the message.
pub(super) fn refuse_replaced(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let is_replaced = inbox::find(tx, id)?.is_some_and(|row| row.is_replaced && row.state != State::Filed);
    if is_replaced { Err(Refusal::Other(ASKED_FOR.to_owned()).into()) } else { Ok(()) }
}

/// The message under this number is to come itself: the letter that stands in for it is known by neither number nor content.
fn give_up_its_number(tx: &mut Tx<'_>, id: i64, mailbox_id: i64, folder: &str) -> Result<()> {
    let last = cursor::last_given(tx, mailbox_id, folder, NUMBERED_NOWHERE)?;
    let uid = last.checked_add(1).ok_or_else(|| anyhow::anyhow!("this folder has no number left"))?;
    let content_key = Sha256::digest(format!("stands in for another letter: {id}"));
    tx.execute(
        "UPDATE inbox SET uid_validity = $2, uid = $3, content_key = $4 WHERE id = $1",
        params![id, NUMBERED_NOWHERE, uid, &content_key[..]],
    )?;
    Ok(())
}
/// What an older version could not file is tried again by a newer one, and what it left on a server is asked for again:
/// once for each version. How many that are.
pub fn retry_after_upgrade(tx: &mut Tx<'_>, version: &str, now: i64) -> Result<usize> {
    if setting::find(tx, FILED_BY)?.as_deref() == Some(version) {
        return Ok(0);
    }
    let failed: Vec<(i64,)> = tx.all(
        "UPDATE inbox SET state = 'new', reason_code = '', reason = '', attempts = 0, due_at = $1, leased_until = 0
         WHERE state = 'failed' AND reason_code <> 'left_on_server' RETURNING id",
        params![now],
    )?;
    let by = By::system(now);
    for (id,) in &failed {
        event::append(tx, &by, Subject::Inbox(*id), "retried_after_upgrade", json!({ "version": version }))?;
    }
    let mut tried = failed.len();
    let left: Vec<(i64,)> = tx.all(
        "SELECT id FROM inbox WHERE state = 'failed' AND reason_code = 'left_on_server' ORDER BY id DESC LIMIT $1",
        params![LEFT_MAX],
    )?;
    for (id,) in left {
        match ask_again(tx, &by, id) {
            Ok(asked) => tried += usize::from(asked),
            Err(Error::Refused(_)) => {} // it stays as it is
            Err(error) => return Err(error),
        }
    }
    setting::set(tx, FILED_BY, version)?;
    tx.wake("inbox");
    Ok(tried)
}
/// The version that has tried last what could not be filed.
const FILED_BY: &str = "filed_by_version";
/// More than any person leaves lying.
const LEFT_MAX: i64 = 1_000;
