//! Recording a batch that was fetched: the rows and the cursor in one transaction, in a fixed number of
//! statements, so that a batch costs PostgreSQL a handful of round trips.
use super::inbox::{self, Claim, State};
use super::{piped, round_trip};
use crate::db::{Query, ROWS_MAX, powers_of_two};
use crate::files::blob;
use crate::files::store::Stored;
use crate::mailboxes::cursor::{self, Cursor};
use crate::mailboxes::{mailbox, usual};
use crate::tickets::reference;
use crate::{Result, db::Tx, params, row};
use mail::message::ContentKey;
use std::collections::{HashMap, HashSet};

/// A message that has just been fetched and is durably in the store.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub uid: u32,
    pub received_at: i64,
    pub stored: Stored,
    pub content_key: ContentKey,
    pub message_id: Option<String>,
    pub head: Head,
    /// By which a letter of the Mailbox Doctor would be known (`round_trip::marks`).
    pub marks: Vec<String>,
    pub silent: bool,
    /// The recorded letter that it is, though its content is another (`same_letter`).
    pub same_as: Option<i64>,
}
/// What a message is looked up by while it is on no ticket: its sender (normalised) and its subject, as far as an index and
/// a line of a list have room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    sender_key: String,
    subject: String,
}
impl Head {
    pub fn of(message: &mail::Message) -> Head {
        let sender = message.author().and_then(mail::Address::key).unwrap_or_default();
        Head { sender_key: cut(&sender), subject: cut(&mail::one_line(&message.subject)) }
    }
}
const HEAD_BYTES_MAX: usize = 500;
fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(HEAD_BYTES_MAX)).unwrap_or_default().to_owned()
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Those of the Mailbox Doctor are no news.
    pub new: usize,
    /// The same source or the same content was there already.
    pub known: usize,
}
/// The mailbox was claimed by another round in the meantime: nothing of the batch was recorded, and
/// nothing may be settled on the server. Inside [`crate::Error::Failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another round has taken this mailbox over; nothing of this batch was recorded")]
pub struct LeaseLost;

/// Records a batch and moves the cursor in the same transaction. The same UID again, the same content under another UID,
/// or a letter that is known to be one of those that are here, is no second row. Wakes the filing round (topic `inbox`).
/// A lost lease is the error [`LeaseLost`].
pub fn record(
    tx: &mut Tx<'_>,
    claim: &mailbox::Claim,
    cursor: &Cursor,
    arrivals: &[Arrival],
    now: i64,
) -> Result<Recorded> {
    // The mailbox's row is changed by whoever claims it, so of a late batch and a new claim one is told.
    let held = tx.execute(
        "UPDATE mailbox SET generation = generation WHERE id = $1 AND generation = $2",
        params![claim.mailbox_id, claim.generation],
    )?;
    if held == 0 {
        return Err(anyhow::Error::new(LeaseLost).into());
    }
    let mut sources = known_sources(tx, claim.mailbox_id, cursor, arrivals)?;
    let fresh: Vec<&Arrival> = arrivals.iter().filter(|a| sources.insert(a.uid)).collect();
    let mut contents = known_contents(tx, claim.mailbox_id, &fresh)?;
    let (mut new, mut again, mut otherwise) = (Vec::new(), Vec::new(), Vec::new());
    for arrival in fresh {
        match (contents.insert(arrival.content_key.key), arrival.same_as) {
            (false, _) => again.push(arrival),
            (true, Some(inbox_id)) => otherwise.push((arrival, inbox_id)),
            (true, None) => new.push(arrival),
        }
    }
    let place = Source { mailbox_id: claim.mailbox_id, cursor, now };
    insert_new(tx, &place, &new)?;
    // What comes again may be one of these.
    let with_content: Vec<Again<'_>> = otherwise
        .into_iter()
        .map(|(arrival, id)| (arrival, id, Some(&arrival.content_key.key[..])))
        .collect();
    insert_again(tx, &place, &with_content)?;
    let firsts = of_contents(tx, claim.mailbox_id, &again)?;
    let of_content = again.into_iter().map(|arrival| {
        let inbox_id = firsts.get(&arrival.content_key.key).copied();
        let inbox_id =
            inbox_id.ok_or_else(|| anyhow::anyhow!("a message known by its content has no row"))?;
        Ok((arrival, inbox_id, None))
    });
    insert_again(tx, &place, &of_content.collect::<Result<Vec<_>>>()?)?;
    let news = news(tx, &new, now)?;
    usual::note(tx, claim.mailbox_id, news.iter().map(|arrival| arrival.received_at), now)?;
    cursor::set(tx, claim.mailbox_id, cursor)?;
    if !new.is_empty() {
        tx.wake("inbox");
    }
    Ok(Recorded { new: news.len(), known: arrivals.len() - new.len() })
}
/// Without what the Mailbox Doctor sent: that says nothing about whether mail comes.
pub(super) fn news<'a>(tx: &mut Tx<'_>, new: &[&'a Arrival], now: i64) -> Result<Vec<&'a Arrival>> {
    let marks: Vec<&[String]> = new.iter().map(|arrival| arrival.marks.as_slice()).collect();
    let own = round_trip::bear(tx, &marks, now)?;
    Ok(new.iter().zip(own).filter(|(_, own)| !own).map(|(arrival, _)| *arrival).collect())
}
pub(super) struct Source<'a> {
    pub mailbox_id: i64,
    pub cursor: &'a Cursor,
    pub now: i64,
}
pub(super) fn known_sources(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    cursor: &Cursor,
    arrivals: &[Arrival],
) -> Result<HashSet<u32>> {
    let mut known = HashSet::new();
    for some in arrivals.chunks(512) {
        for select in
            ["SELECT uid FROM inbox WHERE mailbox_id = ", "SELECT uid FROM inbox_again WHERE mailbox_id = "]
        {
            let mut query = Query::new(select);
            query.bind(mailbox_id).push(" AND folder = ").bind(cursor.folder.as_str());
            query.push(" AND uid_validity = ").bind(cursor.uid_validity).push(" AND uid IN ");
            query.bind_list(some.iter().map(|a| a.uid));
            let uids: Vec<(i64,)> = tx.all(query.sql(), query.params())?;
            known.extend(uids.into_iter().filter_map(|(uid,)| u32::try_from(uid).ok()));
        }
    }
    Ok(known)
}
/// Of these UIDs of a folder (ascending) those that are not recorded.
pub fn missing(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    folder: &str,
    uid_validity: u32,
    uids: &[u32],
) -> Result<Vec<u32>> {
    let mut missing = Vec::new();
    for some in uids.chunks(RANGE) {
        let (Some(first), Some(last)) = (some.first(), some.last()) else { continue };
        let rows: Vec<(u32,)> = tx.all(
            "SELECT uid FROM inbox
             WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 AND uid >= $4 AND uid <= $5
             UNION ALL
             SELECT uid FROM inbox_again
             WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 AND uid >= $4 AND uid <= $5",
            params![mailbox_id, folder, uid_validity, *first, *last],
        )?;
        let recorded: HashSet<u32> = rows.into_iter().map(|(uid,)| uid).collect();
        missing.extend(some.iter().copied().filter(|uid| !recorded.contains(uid)));
    }
    Ok(missing)
}
/// How many messages of a folder are recorded, also those that are not on the server any more.
pub fn recorded(tx: &mut Tx<'_>, mailbox_id: i64, folder: &str, uid_validity: u32) -> Result<i64> {
    let count =
        "SELECT (SELECT count(*) FROM inbox WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3)
         + (SELECT count(*) FROM inbox_again WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3)";
    Ok(tx.one::<(i64,)>(count, params![mailbox_id, folder, uid_validity])?.0)
}
/// Looked up by their first and last in one statement.
const RANGE: usize = 10_000;

pub(super) fn known_contents(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    arrivals: &[&Arrival],
) -> Result<HashSet<[u8; 32]>> {
    Ok(of_contents(tx, mailbox_id, arrivals)?.into_keys().collect())
}
/// The rows of these contents, also of those that a letter had under a later number alone.
pub(super) fn of_contents(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    arrivals: &[&Arrival],
) -> Result<HashMap<[u8; 32], i64>> {
    let mut known = HashMap::new();
    for some in arrivals.chunks(512) {
        for select in [
            "SELECT content_key, inbox_id FROM inbox_again WHERE mailbox_id = ",
            "SELECT content_key, id FROM inbox WHERE mailbox_id = ",
        ] {
            let mut query = Query::new(select);
            query
                .bind(mailbox_id)
                .push(" AND content_key IN ")
                .bind_list(some.iter().map(|a| a.content_key.key.as_slice()));
            let rows: Vec<(Vec<u8>, i64)> = tx.all(query.sql(), query.params())?;
            known.extend(rows.into_iter().filter_map(|(key, id)| Some((key.try_into().ok()?, id))));
        }
    }
    Ok(known)
}
/// Records one message that nobody has recorded yet, and takes it in hand at once, for a transaction that nobody else sees.
pub(super) fn in_hand(tx: &mut Tx<'_>, source: &Source<'_>, arrival: &Arrival) -> Result<Claim> {
    insert_new(tx, source, &[arrival])?;
    let recorded = piped::known(tx, source.mailbox_id, &arrival.content_key.key)?;
    let id = recorded.ok_or_else(|| anyhow::anyhow!("invariant: it was recorded just now"))?;
    inbox::claim_one(tx, id)
}
pub(super) fn insert_new(tx: &mut Tx<'_>, source: &Source<'_>, arrivals: &[&Arrival]) -> Result<()> {
    let stored: Vec<&Stored> = arrivals.iter().map(|arrival| &arrival.stored).collect();
    let blobs = blob::name_all(tx, &stored)?;
    for some in powers_of_two(arrivals, ROWS_MAX) {
        let mut query = Query::new(
            "INSERT INTO inbox (mailbox_id, folder, uid_validity, uid, blob_id, content_key, message_id, sender_key,
                 subject, size_bytes, received_at, fetched_at, silent, state, due_at) VALUES ",
        );
        let rows = some.iter().map(|arrival| {
            Ok(row![
                source.mailbox_id,
                source.cursor.folder.as_str(),
                source.cursor.uid_validity,
                arrival.uid,
                blob::named(&blobs, &arrival.stored)?,
                arrival.content_key.key.as_slice(),
                arrival.message_id.as_deref().and_then(reference::kept),
                arrival.head.sender_key.as_str(),
                arrival.head.subject.as_str(),
                blob::size_in_row(arrival.stored.size_bytes),
                arrival.received_at,
                source.now,
                arrival.silent,
                State::New.as_str(),
                source.now,
            ])
        });
        query.bind_rows(rows.collect::<Result<Vec<_>>>()?);
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}
/// Under which row a message comes again, and the content by which it is known from then on, where that is another.
type Again<'a> = (&'a Arrival, i64, Option<&'a [u8]>);

fn insert_again(tx: &mut Tx<'_>, source: &Source<'_>, again: &[Again<'_>]) -> Result<()> {
    for some in powers_of_two(again, ROWS_MAX) {
        let mut query = Query::new(
            "INSERT INTO inbox_again (mailbox_id, folder, uid_validity, uid, inbox_id, at, content_key) VALUES ",
        );
        query.bind_rows(some.iter().map(|(arrival, inbox_id, content)| {
            let (folder, validity) = (source.cursor.folder.as_str(), source.cursor.uid_validity);
            row![source.mailbox_id, folder, validity, arrival.uid, *inbox_id, source.now, *content]
        }));
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}
