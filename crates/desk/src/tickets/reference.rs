//! Every Message-ID seen, in or out: what an answer is recognised by.
use crate::{Result, db::Tx};

#[derive(Clone, Debug)]
pub struct Found {
    pub message_id: String,
    pub ticket_id: i64,
    /// A Message-ID of ours, with our 128 random bits: proof that the sender has a letter of this ticket.
    pub ours: bool,
}
pub fn add(tx: &mut Tx<'_>, message_id: &str, ticket_id: i64, entry_id: i64, ours: bool) -> Result<()> {
    let _ = (tx, message_id, ticket_id, entry_id, ours);
    todo!()
}
/// Tickets that know any of these ids, in the order of the ids.
pub fn find(tx: &mut Tx<'_>, message_ids: &[String]) -> Result<Vec<Found>> {
    let _ = (tx, message_ids);
    todo!()
}
/// The ids an answer refers to: of the last message to be answered, oldest first, at most 20.
pub fn chain(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Vec<String>> {
    let _ = (tx, ticket_id);
    todo!()
}
