//! A form's one-use id, unique in the database: a second click gets the first answer (invariant 17).
use crate::{Result, db::Tx, params};

/// A browser that comes back to a form after this long is asked again.
const LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// The answer (a path) that the first use of this form got.
pub fn find(tx: &mut Tx<'_>, id: &str, agent_id: i64) -> Result<Option<String>> {
    let found: Option<(String,)> =
        tx.maybe("SELECT answer FROM form_use WHERE id = $1 AND agent_id = $2", params![id, agent_id])?;
    Ok(found.map(|(answer,)| answer))
}
/// Called in the transaction of the change itself; a unique violation means that another click won.
pub fn record(tx: &mut Tx<'_>, id: &str, agent_id: i64, answer: &str, at: i64) -> Result<()> {
    tx.execute(
        "INSERT INTO form_use (id, agent_id, answer, at) VALUES ($1, $2, $3, $4)",
        params![id, agent_id, answer, at],
    )?;
    Ok(())
}
/// Forgets uses older than a day.
pub fn forget_old(tx: &mut Tx<'_>, now: i64) -> Result<()> {
    tx.execute("DELETE FROM form_use WHERE at < $1", params![now - LIFE_MS])?;
    Ok(())
}
