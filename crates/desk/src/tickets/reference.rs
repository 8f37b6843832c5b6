//! Every Message-ID seen, in or out: what an answer is recognised by. Who may use one is decided in
//! `intake/threading`.
use crate::db::{Query, ROWS_MAX, Tx, powers_of_two};
use crate::{Result, params, row};
use std::collections::BTreeMap;

/// That a ticket knows an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub ticket_id: i64,
    /// A Message-ID of ours, with our 128 random bits: proof that the sender has a letter of this ticket.
    pub ours: bool,
    /// A letter of the ticket has it, and does not only name it.
    pub is_of_entry: bool,
}

/// How many ids one message can name for us; the newest are kept.
pub const MENTIONS_MAX: usize = 50;
/// A longer id is no id that anybody answers to, and would not fit an index page.
const ID_BYTES_MAX: usize = 998;
/// Tickets that know one id, as far as they are looked at: those that have a letter of this id first.
pub(crate) const TICKETS_MAX: usize = 1000;

/// Who made a Message-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Maker {
    Desk,
    Outside,
}

/// An id as it is kept; `None`: it is none.
pub(crate) fn kept(message_id: &str) -> Option<String> {
    (!message_id.is_empty() && message_id.len() <= ID_BYTES_MAX).then(|| message_id.replace('\0', ""))
}

/// What letters are known by, to be written in one go.
#[derive(Debug, Default)]
pub(crate) struct References(BTreeMap<(String, i64), Of>);
#[derive(Clone, Copy, Debug, Default)]
struct Of {
    entry_id: Option<i64>,
    ours: bool,
}
impl References {
    /// The Message-ID of an entry of the ticket; its first entry with it stays the one.
    pub(crate) fn add(&mut self, message_id: &str, ticket_id: i64, entry_id: i64, maker: Maker) {
        let Some(id) = kept(message_id) else { return };
        let of = self.0.entry((id, ticket_id)).or_default();
        of.entry_id = of.entry_id.or(Some(entry_id));
        of.ours |= maker == Maker::Desk;
    }
    /// Ids that a letter of the ticket names, of letters that we may never have seen: two people who answer
    /// one letter that did not go through this desk meet on one ticket. Those that are noted.
    pub(crate) fn mention(&mut self, message_ids: &[String], ticket_id: i64) -> Vec<String> {
        let mut ids: Vec<String> = message_ids.iter().filter_map(|id| kept(id)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(MENTIONS_MAX);
        for id in &ids {
            self.0.entry((id.clone(), ticket_id)).or_default();
        }
        ids
    }
    pub(crate) fn write(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let rows: Vec<((String, i64), Of)> = std::mem::take(&mut self.0).into_iter().collect();
        for some in powers_of_two(&rows, ROWS_MAX) {
            let mut query =
                Query::new("INSERT INTO reference (message_id, ticket_id, entry_id, ours) VALUES ");
            query.bind_rows(
                some.iter().map(|((id, ticket_id), of)| row![id, *ticket_id, of.entry_id, of.ours]),
            );
            query.push(
                " ON CONFLICT (message_id, ticket_id) DO UPDATE SET
                     entry_id = COALESCE(reference.entry_id, excluded.entry_id),
                     ours = CASE WHEN excluded.ours = 1 THEN 1 ELSE reference.ours END
                 WHERE excluded.ours > reference.ours OR (reference.entry_id IS NULL AND excluded.entry_id IS NOT NULL)",
            );
            tx.execute(query.sql(), query.params())?;
        }
        Ok(())
    }
}
/// The Message-ID of one entry of the ticket.
pub fn add(tx: &mut Tx<'_>, message_id: &str, ticket_id: i64, entry_id: i64, maker: Maker) -> Result<()> {
    let mut references = References::default();
    references.add(message_id, ticket_id, entry_id, maker);
    references.write(tx)
}
/// Of each of these ids the tickets that know it: first the one whose own letter carries it as ours, then those that
/// have the letter, then those that only name it.
pub fn of(tx: &mut Tx<'_>, ids: &[&str]) -> Result<Vec<(String, Found)>> {
    let mut all = Vec::new();
    for some in ids.chunks(512) {
        let mut query = Query::new(
            "SELECT message_id, ticket_id, ours, is_of_entry FROM (
                 SELECT message_id, ticket_id, ours, entry_id IS NOT NULL AS is_of_entry, ROW_NUMBER() OVER (
                     PARTITION BY message_id
                     ORDER BY ours DESC, CASE WHEN entry_id IS NULL THEN 1 ELSE 0 END, ticket_id) AS place
                 FROM reference WHERE message_id IN ",
        );
        query
            .bind_list(some.iter().copied())
            .push(") AS known WHERE place <= ")
            .bind(i64::try_from(TICKETS_MAX).unwrap_or(i64::MAX));
        let found: Vec<(String, i64, bool, bool)> = tx.all(query.sql(), query.params())?;
        all.extend(
            found
                .into_iter()
                .map(|(id, ticket_id, ours, is_of_entry)| (id, Found { ticket_id, ours, is_of_entry })),
        );
    }
    Ok(all)
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
