//! Numbers that people see.
use crate::{Result, db::Tx};

/// The next ticket number, as text: `10001`.
pub fn next_ticket_number(tx: &mut Tx<'_>) -> Result<String> {
    let _ = tx;
    todo!()
}
