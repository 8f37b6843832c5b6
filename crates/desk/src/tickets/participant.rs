//! Who may write to a ticket besides its requester: on the Cc line of its first message, or let in by
//! an agent. People or a Reply-To that come later are only offered.
use super::entry::Person;
use crate::{By, Result, db::Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Participant,
    Offered,
}
#[derive(Clone, Debug)]
pub struct Participant {
    pub person: Person,
    pub standing: Standing,
    pub added_by: String,
}
pub fn list(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Vec<Participant>> {
    let _ = (tx, ticket_id);
    todo!()
}
/// Keeps the higher standing; own mailboxes and the requester are left out.
pub fn add(tx: &mut Tx<'_>, by: &By, ticket_id: i64, people: &[Person], standing: Standing) -> Result<()> {
    let _ = (tx, by, ticket_id, people, standing);
    todo!()
}
/// The requester (any of their addresses) or a participant.
pub fn may_write(tx: &mut Tx<'_>, ticket_id: i64, address: &str) -> Result<bool> {
    let _ = (tx, ticket_id, address);
    todo!()
}
