//! Up to which entry an agent has looked at a ticket: what makes a line bold.
use crate::{Result, db::Tx};

/// Never backwards.
pub fn look(tx: &mut Tx<'_>, agent_id: i64, ticket_id: i64, entry_id: i64, at: i64) -> Result<()> {
    let _ = (tx, agent_id, ticket_id, entry_id, at);
    todo!()
}
