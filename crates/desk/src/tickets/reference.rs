//! Every Message-ID seen, in or out: what an answer is recognised by. Who may use one is decided in
//! `intake/threading`.
use crate::db::{self, FromRow, Query, Row};
use crate::{Result, db::Tx, params};

#[derive(Clone, Debug)]
pub struct Found {
    pub message_id: String,
    pub ticket_id: i64,
    /// A Message-ID of ours, with our 128 random bits: proof that the sender has a letter of this ticket.
    pub ours: bool,
}
impl FromRow for Found {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Found { message_id: row.get(0)?, ticket_id: row.get(1)?, ours: row.get(2)? })
    }
}

/// How many ids one message can name for us; the newest are kept.
pub const MENTIONS_MAX: usize = 50;
/// A longer id is no id that anybody answers to, and would not fit an index page.
const ID_BYTES_MAX: usize = 998;

/// Who made a Message-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    Desk,
    Outside,
}

/// The Message-ID of an entry of the ticket.
pub fn add(tx: &mut Tx<'_>, message_id: &str, ticket_id: i64, entry_id: i64, maker: Maker) -> Result<()> {
    if message_id.is_empty() || message_id.len() > ID_BYTES_MAX {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO reference (message_id, ticket_id, entry_id, ours) VALUES ($1, $2, $3, $4)
         ON CONFLICT (message_id, ticket_id) DO UPDATE SET
             entry_id = COALESCE(reference.entry_id, excluded.entry_id),
             ours = CASE WHEN excluded.ours = 1 THEN 1 ELSE reference.ours END",
        params![message_id, ticket_id, entry_id, maker == Maker::Desk],
    )?;
    Ok(())
}
/// Ids that a letter of the ticket names, of letters that we may never have seen: two people who answer
/// one letter that did not go through this desk meet on one ticket.
pub fn mention(tx: &mut Tx<'_>, message_ids: &[String], ticket_id: i64) -> Result<()> {
    let mut ids: Vec<&String> =
        message_ids.iter().filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(MENTIONS_MAX);
    if ids.is_empty() {
        return Ok(());
    }
    let mut query = Query::new("INSERT INTO reference (message_id, ticket_id) VALUES ");
    for (i, id) in ids.into_iter().enumerate() {
        query.push(if i == 0 { "(" } else { ", (" }).bind(id).push(", ").bind(ticket_id).push(")");
    }
    query.push(" ON CONFLICT (message_id, ticket_id) DO NOTHING");
    tx.execute(query.sql(), query.params())?;
    Ok(())
}
/// Tickets that know any of these ids, in the order of the ids; of one id first the ticket whose own
/// letter carries it as ours, then the one that has the letter, then those that only name it.
pub fn find(tx: &mut Tx<'_>, message_ids: &[String]) -> Result<Vec<Found>> {
    let ids: Vec<&String> =
        message_ids.iter().filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new("SELECT message_id, ticket_id, ours FROM reference WHERE message_id IN ");
    query.bind_list(ids.iter().map(|id| id.as_str()));
    query.push(" ORDER BY ours DESC, CASE WHEN entry_id IS NULL THEN 1 ELSE 0 END, ticket_id LIMIT 1000");
    let mut found: Vec<Found> = tx.all(query.sql(), query.params())?;
    found.sort_by_key(|f| ids.iter().position(|id| **id == f.message_id)); // stable
    Ok(found)
}
/// How many ids a References field of ours names.
const CHAIN_MAX: i64 = 20;

/// The ids an answer refers to: of the last message to be answered, oldest first, at most 20.
pub fn chain(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Vec<String>> {
    chain_before(tx, ticket_id, i64::MAX)
}
/// The same as it was for the entry with this id: a letter that waits keeps its References, whatever
/// arrives meanwhile. The last id is the one that is answered.
pub(crate) fn chain_before(tx: &mut Tx<'_>, ticket_id: i64, entry_id: i64) -> Result<Vec<String>> {
    let mut ids: Vec<String> = tx
        .all::<(String,)>(
            "SELECT message_id FROM entry
             WHERE ticket_id = $1 AND message_id IS NOT NULL AND kind <> 'note' AND id < $2 AND id <= COALESCE(
                 (SELECT max(m.id) FROM entry m
                  WHERE m.ticket_id = $1 AND m.kind = 'message' AND m.message_id IS NOT NULL AND m.id < $2), $2)
             ORDER BY id DESC LIMIT $3",
            params![ticket_id, entry_id, CHAIN_MAX],
        )?
        .into_iter()
        .map(|(id,)| id)
        .collect();
    ids.reverse();
    let mut seen = std::collections::HashSet::new();
    // A letter that is answered twice keeps its last place.
    let mut chain: Vec<String> =
        ids.into_iter().rev().filter(|id| !id.is_empty() && seen.insert(id.clone())).collect();
    chain.reverse();
    Ok(chain)
}
