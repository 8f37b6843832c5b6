//! A form's one-use id, unique in the database: a second click gets the first answer (invariant 17).
use crate::{Result, db::Tx};

/// The answer (a path) that the first use of this form got.
pub fn find(tx: &mut Tx<'_>, id: &str, agent_id: i64) -> Result<Option<String>> {
    let _ = (tx, id, agent_id);
    todo!()
}
/// Called in the transaction of the change itself; a unique violation means that another click won.
pub fn record(tx: &mut Tx<'_>, id: &str, agent_id: i64, answer: &str, at: i64) -> Result<()> {
    let _ = (tx, id, agent_id, answer, at);
    todo!()
}
/// Forgets uses older than a day.
pub fn forget_old(tx: &mut Tx<'_>, now: i64) -> Result<()> {
    let _ = (tx, now);
    todo!()
}
