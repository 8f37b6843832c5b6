//! A message that a mail server of one's own hands over on standard input, one at a time: it comes from no folder, and
//! is known again by its content alone.
use super::inbox::NUMBERED_NOWHERE;
use super::record::{self, Arrival, Source};
use crate::files::blob::{self, Blob};
use crate::mailboxes::cursor::{self, Cursor};
use crate::mailboxes::usual;
use crate::{Refusal, Result, db::Tx, params};

/// What stands for the folder.
pub const FOLDER: &str = "(pipe)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piped {
    pub inbox_id: i64,
    /// The same content was there already: this says only that it came again.
    pub known: bool,
}

/// The row of this content, which a mail server hands over again when it has not heard how the first time ended.
pub fn known(tx: &mut Tx<'_>, mailbox_id: i64, content_key: &[u8; 32]) -> Result<Option<i64>> {
    Ok(row_of(tx, mailbox_id, content_key)?.map(|(id, _)| id))
}

/// The same, with where its raw message is.
pub fn known_with_bytes(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    content_key: &[u8; 32],
) -> Result<Option<(i64, Blob)>> {
    let found = row_of(tx, mailbox_id, content_key)?;
    found.map(|(id, blob_id)| Ok((id, blob::get(tx, blob_id)?))).transpose()
}

/// Its id, and that of its raw message.
fn row_of(tx: &mut Tx<'_>, mailbox_id: i64, content_key: &[u8; 32]) -> Result<Option<(i64, i64)>> {
    Ok(tx.maybe(
        "SELECT id, blob_id FROM inbox WHERE mailbox_id = $1 AND content_key = $2",
        params![mailbox_id, content_key.as_slice()],
    )?)
}

/// Records it under the next number of its mailbox (`arrival.uid` is not looked at), and wakes the filing round. A
/// removed mailbox gets nothing.
pub fn record(tx: &mut Tx<'_>, mailbox_id: i64, arrival: &Arrival, now: i64) -> Result<Piped> {
    let cursor = next(tx, mailbox_id)?;
    if let Some(inbox_id) = known(tx, mailbox_id, &arrival.content_key.key)? {
        came_again(tx, mailbox_id, &cursor, inbox_id, now)?;
        return Ok(Piped { inbox_id, known: true });
    }
    let arrival = Arrival { uid: cursor.uid_last, ..arrival.clone() };
    record::insert_new(tx, &Source { mailbox_id, cursor: &cursor, now }, &[&arrival])?;
    // There is no server on which anything would have to be done.
    let (inbox_id,): (i64,) = tx.one(
        "UPDATE inbox SET settled_on_server_at = $3 WHERE mailbox_id = $1 AND content_key = $2 RETURNING id",
        params![mailbox_id, arrival.content_key.key.as_slice(), now],
    )?;
    if !record::news(tx, &[&arrival], now)?.is_empty() {
        usual::note(tx, mailbox_id, [arrival.received_at], now)?;
        tx.execute("UPDATE mailbox SET last_mail_at = $2 WHERE id = $1", params![mailbox_id, now])?;
    }
    tx.wake("inbox");
    Ok(Piped { inbox_id, known: false })
}

/// Says that what is there came again.
pub fn again(tx: &mut Tx<'_>, mailbox_id: i64, inbox_id: i64, now: i64) -> Result<()> {
    let cursor = next(tx, mailbox_id)?;
    came_again(tx, mailbox_id, &cursor, inbox_id, now)
}

fn came_again(tx: &mut Tx<'_>, mailbox_id: i64, cursor: &Cursor, inbox_id: i64, now: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO inbox_again (mailbox_id, folder, uid_validity, uid, inbox_id, at, settled_on_server_at)
         VALUES ($1, $2, $3, $4, $5, $6, $6)",
        params![mailbox_id, FOLDER, NUMBERED_NOWHERE, cursor.uid_last, inbox_id, now],
    )?;
    Ok(())
}

/// The next number. Who draws one changes the mailbox's row, so that two at once do not draw the same.
fn next(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<Cursor> {
    let there = tx.execute(
        "UPDATE mailbox SET generation = generation WHERE id = $1 AND removed_at IS NULL",
        params![mailbox_id],
    )?;
    if there == 0 {
        return Err(Refusal::NotFound("mailbox").into());
    }
    let last = cursor::last_given(tx, mailbox_id, FOLDER, NUMBERED_NOWHERE)?;
    let uid_last = last.checked_add(1).ok_or_else(|| anyhow::anyhow!("this mailbox has no number left"))?;
    Ok(Cursor { folder: FOLDER.to_owned(), uid_validity: NUMBERED_NOWHERE, uid_last, start_after_uid: 0 })
}
