//! Numbers that people see.
use crate::{Result, db::Tx, params};

/// The next ticket number, as text: `10001`.
pub fn next_ticket_number(tx: &mut Tx<'_>) -> Result<String> {
    // Both of two writers change this row, so no number is given twice.
    let (next,): (i64,) =
        tx.one("UPDATE sequence SET next = next + 1 WHERE name = $1 RETURNING next", params!["ticket"])?;
    Ok((next - 1).to_string())
}

/// The same for who opens many tickets in one transaction: the row is read when the first number is taken, and changed
/// when all of them are written. (Who changes it after it was read makes PostgreSQL refuse the second change.)
#[derive(Debug, Default)]
pub(crate) struct TicketNumbers {
    /// As it stands in the row, and the next one to be taken.
    next: Option<(i64, i64)>,
}
impl TicketNumbers {
    pub(crate) fn take(&mut self, tx: &mut Tx<'_>) -> Result<String> {
        let (there, next) = match self.next {
            Some(known) => known,
            None => {
                let (next,) =
                    tx.one::<(i64,)>("SELECT next FROM sequence WHERE name = $1", params!["ticket"])?;
                (next, next)
            }
        };
        self.next = Some((there, next + 1));
        Ok(next.to_string())
    }
    pub(crate) fn write(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        let Some((there, next)) = self.next.filter(|(there, next)| there < next) else { return Ok(()) };
        let changed = tx.execute(
            "UPDATE sequence SET next = $3 WHERE name = $1 AND next = $2",
            params!["ticket", there, next],
        )?;
        if changed != 1 {
            return Err(anyhow::anyhow!("somebody else has taken ticket numbers meanwhile").into());
        }
        self.next = Some((next, next));
        Ok(())
    }
}
