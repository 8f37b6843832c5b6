//! Old mail that is known, and whose content is another one all the same: a mailbox was moved to a server that adds a header
//! field to each letter, takes one away, or writes its letters anew. A letter is looked for by its Message-ID among those
//! that this mailbox has brought under another numbering, and is one of them where it says the same (`mail::message::Said`),
//! or the same save for lines that the server has demonstrably written (`server_lines`). A recorded letter is found again once
//! in a numbering: a second one that is like it is a letter of its own, since a double is better than a loss. Looking so
//! costs a read of both, and is done for what lay in the folder when reading under its numbering began: a letter that comes
//! later is never taken for an older one.
use super::prepare::{LARGE_BYTES, said_large};
use super::record::{self, Arrival};
pub use super::server_lines::ServerLines;
use crate::db::{Query, Tx};
use crate::files::store::Store;
use crate::mailboxes::cursor::{self, Cursor};
use crate::{Result, params, row};
use mail::message::{Added, Likeness, Said};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Letters that have the same Message-ID and are looked into, of one mailbox, beside one for each that comes.
const CANDIDATES_MAX: usize = 16;
/// Looked up in one statement.
const AT_ONCE: usize = 128;

/// Recorded letters that arrivals may be.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// The arrivals.
    uids: HashSet<u32>,
    /// By Message-ID.
    known: HashMap<String, Known>,
}
/// What is recorded under a Message-ID.
#[derive(Clone, Debug)]
struct Known {
    /// The oldest first, without those that were found again in this numbering.
    unclaimed: Vec<Candidate>,
    /// More than one letter has it, here or there: it says nothing.
    is_shared: bool,
}
#[derive(Clone, Debug)]
struct Candidate {
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
    if old.is_empty() {
        return Ok(Candidates::default());
    }
    let begins_after = cursor::begins_after(tx, mailbox_id, cursor)?;
    if !has_others(tx, mailbox_id, cursor, begins_after)? {
        return Ok(Candidates::default());
    }
    let sources = record::known_sources(tx, mailbox_id, cursor, arrivals)?;
    let contents = record::of_contents(tx, mailbox_id, &Vec::from_iter(arrivals))?;
    let is_unknown = |arrival: &&Arrival| {
        !sources.contains(&arrival.uid) && !contents.contains_key(&arrival.content_key.key)
    };
    let unknown: Vec<&Arrival> = old.into_iter().filter(is_unknown).collect();
    let ids: HashSet<&str> = unknown.iter().filter_map(|arrival| arrival.message_id.as_deref()).collect();
    let by_id = under(tx, mailbox_id, cursor, begins_after, &Vec::from_iter(ids))?;
    let all: Vec<i64> = by_id.values().flatten().map(|candidate| candidate.inbox_id).collect();
    let mut claimed = claimed(tx, mailbox_id, cursor, begins_after, &all)?;
    // What comes with its content as it was is found again too.
    claimed.extend(contents.values());
    let known = by_id.into_iter().map(|(id, all)| {
        let count = all.len();
        let is_free = |candidate: &Candidate| !claimed.contains(&candidate.inbox_id);
        let unclaimed: Vec<Candidate> = all.into_iter().filter(is_free).collect();
        let is_shared = count > 1 || unclaimed.len() < count;
        (id, Known { unclaimed, is_shared })
    });
    Ok(Candidates { uids: unknown.iter().map(|arrival| arrival.uid).collect(), known: known.collect() })
}

/// Of these rows those that were found again in this numbering.
fn claimed(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    cursor: &Cursor,
    begins_after: u32,
    ids: &[i64],
) -> Result<HashSet<i64>> {
    let mut claimed = HashSet::new();
    for some in ids.chunks(AT_ONCE) {
        let mut query = Query::new("SELECT inbox_id FROM inbox_again WHERE inbox_id IN ");
        query.bind_list(some.iter().copied()).push(" AND mailbox_id + 0 = ").bind(mailbox_id);
        query.push(" AND folder = ").bind(cursor.folder.as_str());
        query.push(" AND uid_validity = ").bind(cursor.uid_validity);
        query.push(" AND uid > ").bind(begins_after);
        let rows: Vec<(i64,)> = tx.all(query.sql(), query.params())?;
        claimed.extend(rows.into_iter().map(|(id,)| id));
    }
    Ok(claimed)
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
/// A candidate whose bytes are lost is none; an error is the store's as a whole. What is said of the server's own lines in
/// one batch holds in the next ones of the same numbering.
pub fn recognise(
    store: &Store,
    arrivals: &mut [Arrival],
    candidates: &Candidates,
    lines: &mut ServerLines,
) -> Result<()> {
    // By Message-ID those that come, by their contents: of two with one content the second is found again by that.
    let mut coming: BTreeMap<&str, BTreeMap<[u8; 32], &Arrival>> = BTreeMap::new();
    for arrival in arrivals.iter().rev().filter(|arrival| candidates.uids.contains(&arrival.uid)) {
        if let Some(id) = arrival.message_id.as_deref().filter(|id| candidates.known.contains_key(*id)) {
            coming.entry(id).or_default().insert(arrival.content_key.key, arrival);
        }
    }
    let mut found: HashMap<[u8; 32], i64> = HashMap::new();
    let mut likely: Vec<([u8; 32], i64, Vec<Added>)> = Vec::new();
    for (id, letters) in coming {
        let Some(known) = candidates.known.get(id) else { continue };
        let mut letters: Vec<&Arrival> = letters.into_values().collect();
        letters.sort_by_key(|arrival| arrival.uid);
        let is_shared = known.is_shared || letters.len() > 1;
        let mut free: Vec<(i64, Said)> = Vec::new();
        for candidate in known.unclaimed.iter().take(CANDIDATES_MAX + letters.len()) {
            let said = said(store, &candidate.place, &candidate.hash, candidate.size_bytes)?;
            free.extend(said.map(|said| (candidate.inbox_id, said)));
        }
        for arrival in letters {
            let size = i64::try_from(arrival.stored.size_bytes).unwrap_or(i64::MAX);
            let said = said(store, &arrival.stored.place, &arrival.stored.hash, size)?;
            let Some(said) = said else { continue };
            let likeness = |(_, known): &(i64, Said)| known.likeness(&said);
            if let Some(at) = free.iter().position(|known| likeness(known) == Likeness::Same) {
                found.insert(arrival.content_key.key, free.remove(at).0);
            } else if let (false, [known]) = (is_shared, free.as_slice())
                && let Likeness::Save(added) = likeness(known)
            {
                added.iter().for_each(|added| lines.see(added, &said));
                likely.push((arrival.content_key.key, known.0, added));
            }
        }
    }
    for (key, inbox_id, added) in likely {
        if added.iter().all(|added| lines.are_of_server(added)) {
            found.insert(key, inbox_id);
        }
    }
    for arrival in arrivals.iter_mut().filter(|arrival| candidates.uids.contains(&arrival.uid)) {
        arrival.same_as = found.get(&arrival.content_key.key).copied();
    }
    Ok(())
}

/// What a stored letter says; `None` where it is not to be had. Whatever a letter does to the parser, it is fetched.
pub(super) fn said(store: &Store, place: &str, hash: &[u8], size_bytes: i64) -> Result<Option<Said>> {
    let is_small = u64::try_from(size_bytes).is_ok_and(|size| size <= LARGE_BYTES);
    let read = || -> Result<Said> {
        if is_small {
            return Ok(Said::of(&store.get(place, hash)?));
        }
        Ok(said_large(store.open_blob(place, hash)?)?)
    };
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(Ok(said)) => Ok(Some(said)),
        Ok(Err(error)) if store.is_away(&error) => Err(error),
        Ok(Err(error)) => {
            tracing::warn!(place, "a letter is not compared: {error}");
            Ok(None)
        }
        Err(_) => {
            tracing::warn!(place, "a letter is not compared: reading it panicked");
            Ok(None)
        }
    }
}
