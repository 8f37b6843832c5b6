//! The Mailbox Doctor's letter from a mailbox to itself. Whatever bears its mark, the letter, a report about it or a
//! machine's answer to it, is no mail of anybody: it becomes no ticket and does not count as news.
use super::batch::Batch;
use super::inbox::Claim;
use super::screen::Verdict;
use crate::db::{Query, Tx};
use crate::files::blob::Blob;
use crate::{Result, params};
use std::collections::HashMap;

/// A mark as it is written: 128 bits in hexadecimal.
const MARK_CHARS: usize = 32;
/// Of one message; more are somebody's game.
const MARKS_MAX: usize = 20;
/// A letter that comes later is looked at like any other.
const LIVES_MS: i64 = 30 * 24 * 60 * 60_000;

/// Committed before the letter leaves. Its mark, and its id here.
pub fn begin(tx: &mut Tx<'_>, mailbox_id: i64, random: [u8; 16], now: i64) -> Result<(String, i64)> {
    let mark: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let (id,) = tx.one::<(i64,)>(
        "INSERT INTO round_trip (mailbox_id, mark, sent_at) VALUES ($1, $2, $3) RETURNING id",
        params![mailbox_id, mark.as_str(), now],
    )?;
    Ok((mark, id))
}

/// What came back and was fetched; `None` so far.
pub fn returned(tx: &mut Tx<'_>, id: i64) -> Result<Option<Blob>> {
    Ok(tx.maybe(
        "SELECT b.id, b.hash, b.size_bytes, b.place FROM round_trip r
         JOIN inbox i ON i.id = r.inbox_id JOIN blob b ON b.id = i.blob_id WHERE r.id = $1",
        params![id],
    )?)
}

/// What in a message could be a mark: in its subject, and in the ids of what it is, answers or reports.
pub fn marks(message: &mail::Message) -> Vec<String> {
    let reported = message.bounces.iter().filter_map(|bounce| bounce.original_message_id.as_ref());
    let ids = message.message_id.iter().chain(&message.in_reply_to).chain(message.references.iter().rev());
    let texts = ids.chain(reported).take(MARKS_MAX).map(String::as_str).chain([message.subject.as_str()]);
    let words = texts.flat_map(|text| text.split(|c: char| !c.is_ascii_hexdigit()));
    let mut marks: Vec<String> =
        words.filter(|word| word.len() == MARK_CHARS).map(str::to_ascii_lowercase).take(MARKS_MAX).collect();
    marks.sort();
    marks.dedup();
    marks
}

/// Which of these messages, each by its marks, bear one.
pub(super) fn bear(tx: &mut Tx<'_>, messages: &[&[String]], now: i64) -> Result<Vec<bool>> {
    let all: Vec<&String> = messages.iter().flat_map(|marks| marks.iter()).collect();
    let mut known: Vec<String> = Vec::new();
    for some in all.chunks(512) {
        known.extend(find(tx, some.iter().map(|mark| mark.as_str()), now)?.into_iter().map(|(_, mark)| mark));
    }
    Ok(messages.iter().map(|marks| marks.iter().any(|mark| known.contains(mark))).collect())
}

fn find<'a>(tx: &mut Tx<'_>, marks: impl Iterator<Item = &'a str>, now: i64) -> Result<Vec<(i64, String)>> {
    let marks: Vec<&str> = marks.collect();
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    // Of whatever mailbox: a letter to an alias comes to the mailbox behind it.
    let mut query = Query::new("SELECT id, mark FROM round_trip WHERE sent_at > ");
    query.bind(now.saturating_sub(LIVES_MS));
    query.push(" AND mark IN ").bind_list(marks);
    Ok(tx.all(query.sql(), query.params())?)
}

/// Those of these marks that were sent, with their mailbox and when.
pub(super) fn sent(tx: &mut Tx<'_>, marks: &[String]) -> Result<Vec<(i64, String, i64)>> {
    if marks.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new("SELECT mailbox_id, mark, sent_at FROM round_trip WHERE mark IN ");
    query.bind_list(marks.iter().take(MARKS_MAX).map(String::as_str)).push(" LIMIT 20");
    Ok(tx.all(query.sql(), query.params())?)
}

/// Of these marks those of letters that were sent, with the ids of these.
pub(super) fn known(tx: &mut Tx<'_>, marks: &[&String], now: i64) -> Result<HashMap<String, i64>> {
    let mut known = HashMap::new();
    for some in marks.chunks(512) {
        let found = find(tx, some.iter().map(|mark| mark.as_str()), now)?;
        known.extend(found.into_iter().map(|(id, mark)| (mark, id)));
    }
    Ok(known)
}

/// Before anything else is asked of a message: not even a delivery report about the letter is anybody's.
pub(super) fn screen(
    tx: &mut Tx<'_>,
    batch: &Batch,
    claim: &Claim,
    message: &mail::Message,
) -> Result<Verdict> {
    let Some(id) = batch.round_trip(message) else { return Ok(Verdict::Accept) };
    tx.execute(
        "UPDATE round_trip SET inbox_id = $2 WHERE id = $1 AND inbox_id IS NULL",
        params![id, claim.inbox_id],
    )?;
    let reason =
        "The letter that the Mailbox Doctor sent from this mailbox to itself, or a machine's answer to it.";
    Ok(Verdict::Ignore { code: "round_trip", reason: reason.to_owned() })
}
