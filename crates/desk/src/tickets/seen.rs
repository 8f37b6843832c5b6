//! Up to which entry an agent has looked at a ticket: what makes a line bold.
use crate::{Result, db::Tx, params};

/// Never backwards.
pub fn look(tx: &mut Tx<'_>, agent_id: i64, ticket_id: i64, entry_id: i64, at: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO seen (agent_id, ticket_id, entry_id, at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (agent_id, ticket_id) DO UPDATE SET entry_id = excluded.entry_id, at = excluded.at
         WHERE seen.entry_id < excluded.entry_id",
        params![agent_id, ticket_id, entry_id, at],
    )?;
    Ok(())
}
