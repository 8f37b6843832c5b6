//! Which ticket a message belongs to (invariant 12).
use crate::{Result, db::Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    New,
    /// It carries an id or the number of this ticket, and its sender may write to it.
    Joins {
        ticket_id: i64,
    },
    /// It refers to this ticket, but comes from someone else: a new ticket that says so.
    Refers {
        ticket_id: i64,
    },
}
pub fn thread(tx: &mut Tx<'_>, message: &mail::Message) -> Result<Place> {
    let _ = (tx, message);
    todo!()
}
