//! Numbers that people see.
use crate::{Result, db::Tx, params};

/// The next ticket number, as text: `10001`.
pub fn next_ticket_number(tx: &mut Tx<'_>) -> Result<String> {
    // Both of two writers change this row, so no number is given twice.
    let (next,): (i64,) =
        tx.one("UPDATE sequence SET next = next + 1 WHERE name = $1 RETURNING next", params!["ticket"])?;
    Ok((next - 1).to_string())
}
