//! Old mail that is known, and whose content is another one all the same: a mailbox was moved to a server that adds a header
//! field to each letter, takes one away, or writes its letters anew. A letter is looked for by its Message-ID among those
//! that this mailbox has brought under another numbering, and is one of them where both are one letter
//! (`mail::message::is_same_letter`). Looking so costs a read of both, and is done for what lay in the folder when reading
//! under its numbering began: a letter that comes later is never taken for an older one.
use super::prepare::{LARGE_BYTES, parse_large};
use super::record::{self, Arrival};
use crate::db::{Query, Tx};
use crate::files::store::{Store, Stored};
use crate::mailboxes::cursor::{self, Cursor};
use crate::{Error, Result, params, row};
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Letters that have the same Message-ID and are looked into, of one mailbox.
const CANDIDATES_MAX: usize = 16;
/// Looked up in one statement.
const AT_ONCE: usize = 128;

/// Recorded letters that an arrival may be, by its UID.
pub type Candidates = HashMap<u32, Vec<Candidate>>;

#[derive(Clone, Debug)]
pub struct Candidate {
    inbox_id: i64,
    place: String,
    hash: Vec<u8>,
    size_bytes: i64,
}

/// None in ordinary rounds, at the cost of no statement; while a mailbox is read for the first time, of two.
pub fn candidates(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    cursor: &Cursor,
    arrivals: &[Arrival],
) -> Result<Candidates> {
    let is_old = |arrival: &&Arrival| arrival.uid <= cursor.start_after_uid && arrival.message_id.is_some();
    let old: Vec<&Arrival> = arrivals.iter().filter(is_old).collect();
    let mut found = Candidates::new();
    if old.is_empty() {
        return Ok(found);
    }
    let begins_after = cursor::begins_after(tx, mailbox_id, cursor)?;
    if !has_others(tx, mailbox_id, cursor, begins_after)? {
        return Ok(found);
    }
    let sources = record::known_sources(tx, mailbox_id, cursor, arrivals)?;
    let contents = record::known_contents(tx, mailbox_id, &old)?;
    let is_unknown =
        |arrival: &&Arrival| !sources.contains(&arrival.uid) && !contents.contains(&arrival.content_key.key);
    let unknown: Vec<&Arrival> = old.into_iter().filter(is_unknown).collect();
    let ids: HashSet<&str> = unknown.iter().filter_map(|arrival| arrival.message_id.as_deref()).collect();
    let by_id = under(tx, mailbox_id, cursor, begins_after, &Vec::from_iter(ids))?;
    for arrival in unknown {
        let known = arrival.message_id.as_deref().and_then(|id| by_id.get(id));
        if let Some(known) = known {
            found.insert(arrival.uid, known.iter().take(CANDIDATES_MAX).cloned().collect());
        }
    }
    Ok(found)
}

/// Whether this mailbox has brought letters under another numbering. By the ends of an index, however many there are.
fn has_others(tx: &mut Tx<'_>, mailbox_id: i64, cursor: &Cursor, begins_after: u32) -> Result<bool> {
    let (has,): (bool,) = tx.one(
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM inbox WHERE mailbox_id = $1 AND folder < $2)
             OR EXISTS (SELECT 1 FROM inbox WHERE mailbox_id = $1 AND folder > $2)
             OR EXISTS (SELECT 1 FROM inbox WHERE mailbox_id = $1 AND folder = $2 AND uid_validity < $3)
             OR EXISTS (SELECT 1 FROM inbox WHERE mailbox_id = $1 AND folder = $2 AND uid_validity > $3)
             OR EXISTS (SELECT 1 FROM inbox
                 WHERE mailbox_id = $1 AND folder = $2 AND uid_validity = $3 AND uid <= $4)
         THEN 1 ELSE 0 END",
        params![mailbox_id, cursor.folder.as_str(), cursor.uid_validity, begins_after],
    )?;
    Ok(has)
}

const COLUMNS: &str = "SELECT i.message_id, i.id, b.place, b.hash, i.size_bytes ";
type Columns = (String, i64, String, Vec<u8>, i64);

/// What is recorded under these ids, by id, the oldest first. What is on a ticket is found by the ticket's references, and
/// the rest by the indexes of the rest.
fn under(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    cursor: &Cursor,
    begins_after: u32,
    ids: &[&str],
) -> Result<HashMap<String, Vec<Candidate>>> {
    let mut found: HashMap<String, Vec<Candidate>> = HashMap::new();
    for some in ids.chunks(AT_ONCE) {
        let mut filed = Query::new("WITH asked (id) AS (VALUES ");
        filed.bind_rows(some.iter().map(|id| row![*id])).push(") ").push(COLUMNS).push(
            "FROM asked CROSS JOIN reference r CROSS JOIN entry e CROSS JOIN inbox i CROSS JOIN blob b
             WHERE r.message_id = asked.id AND e.ticket_id = r.ticket_id AND e.message_id = r.message_id
               AND i.id = e.inbox_id AND i.message_id = asked.id AND b.id = i.blob_id",
        );
        let mut left = Query::new("WITH asked (id) AS (VALUES ");
        left.bind_rows(some.iter().map(|id| row![*id])).push(") ").push(COLUMNS).push(
            "FROM asked CROSS JOIN inbox i CROSS JOIN blob b WHERE i.state IN ('ignored', 'held', 'failed')
               AND i.message_id = asked.id AND b.id = i.blob_id",
        );
        let mut waiting = Query::new(COLUMNS);
        waiting
            .push("FROM inbox i JOIN blob b ON b.id = i.blob_id WHERE i.state = 'new' AND i.message_id IN ");
        waiting.bind_list(some.iter().copied());
        for mut query in [filed, left, waiting] {
            query.push(" AND i.mailbox_id + 0 = ").bind(mailbox_id);
            query.push(" AND NOT (i.folder = ").bind(cursor.folder.as_str());
            query.push(" AND i.uid_validity = ").bind(cursor.uid_validity);
            query.push(" AND i.uid > ").bind(begins_after).push(")");
            for (id, inbox_id, place, hash, size_bytes) in tx.all::<Columns>(query.sql(), query.params())? {
                found.entry(id).or_default().push(Candidate { inbox_id, place, hash, size_bytes });
            }
        }
    }
    for known in found.values_mut() {
        known.sort_by_key(|candidate| candidate.inbox_id);
        known.dedup_by_key(|candidate| candidate.inbox_id);
    }
    Ok(found)
}

/// Says of each arrival which of its candidates it is, if any ([`Arrival::same_as`]). Outside a transaction: it reads letters.
/// A candidate whose bytes are lost is none; an error is the store's as a whole.
pub fn recognise(store: &Store, arrivals: &mut [Arrival], candidates: &Candidates) -> Result<()> {
    for arrival in arrivals {
        for candidate in candidates.get(&arrival.uid).into_iter().flatten() {
            match is_same(store, &arrival.stored, candidate) {
                Ok(true) => {
                    arrival.same_as = Some(candidate.inbox_id);
                    break;
                }
                Ok(false) => {}
                Err(error) if store.is_away(&error) => return Err(error),
                Err(error) => tracing::warn!(inbox = candidate.inbox_id, "it is not compared: {error}"),
            }
        }
    }
    Ok(())
}

fn is_same(store: &Store, new: &Stored, known: &Candidate) -> Result<bool> {
    let is_small = |size: u64| size <= LARGE_BYTES;
    if is_small(new.size_bytes) && u64::try_from(known.size_bytes).is_ok_and(is_small) {
        let (one, other) =
            (store.get(&known.place, &known.hash)?, store.get(&new.place, new.hash.as_slice())?);
        // Whatever a letter does to the parser, it is fetched.
        let same = catch_unwind(AssertUnwindSafe(|| mail::message::is_same_letter(&one, &other)));
        return Ok(same.unwrap_or(false));
    }
    let read = |place: &str, hash: &[u8]| {
        let content = store.open_blob(place, hash)?;
        catch_unwind(AssertUnwindSafe(|| parse_large(content, None)))
            .map_err(|_| Error::from(anyhow::anyhow!("a large message could not be read")))?
            .map_err(Error::from)
    };
    let (one, other) = (read(&known.place, &known.hash)?, read(&new.place, &new.hash)?);
    let files = |handed_over: &[Stored]| {
        let mut files: Vec<[u8; 32]> = handed_over.iter().map(|stored| stored.hash).collect();
        files.sort_unstable();
        files
    };
    Ok(files(&one.handed_over) == files(&other.handed_over)
        && mail::message::says_one_letter(&one.message, &other.message))
}
