//! Ids ahead of their rows, so that rows which name each other (a ticket, its entry, its files) can be written many at
//! a time and in any order of making them.
use super::{Dialect, Error, Tx};
use crate::params;

/// Ids of one table, drawn as many at a time as may be needed.
#[derive(Debug)]
pub(crate) struct Ids {
    table: &'static str,
    left: std::vec::IntoIter<i64>,
}
impl Ids {
    pub(crate) fn of(table: &'static str) -> Ids {
        Ids { table, left: Vec::new().into_iter() }
    }
    /// The next one. Where none is left, so `many` are drawn, and one at least.
    pub(crate) fn next(&mut self, tx: &mut Tx<'_>, many: usize) -> Result<i64, Error> {
        if self.left.len() == 0 {
            self.left = tx.draw(self.table, many.max(1))?.into_iter();
        }
        self.left.next().ok_or(Error::NotFound)
    }
}

impl Tx<'_> {
    /// Ids for so many rows of this table, rising, and higher than those of every row that this transaction sees. Nobody
    /// else gets one of them. Those that are not used leave a gap.
    fn draw(&mut self, table: &'static str, count: usize) -> Result<Vec<i64>, Error> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match self.dialect() {
            Dialect::Sqlite => {
                let drawn: Option<(i64,)> = self.maybe(
                    "UPDATE sqlite_sequence SET seq = seq + $2 WHERE name = $1 RETURNING seq",
                    params![table, count],
                )?;
                let last = match drawn {
                    Some((last,)) => last,
                    None => {
                        self.execute(
                            "INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)",
                            params![table, count],
                        )?;
                        count
                    }
                };
                Ok((last - count + 1..=last).collect())
            }
            Dialect::Postgres => {
                // OFFSET 0: the sequence's name is looked up once.
                let drawn: Vec<(i64,)> = self.all(
                    "SELECT nextval(s.name)
                     FROM (SELECT CAST(pg_get_serial_sequence($1, 'id') AS REGCLASS) AS name OFFSET 0) AS s,
                          generate_series(CAST(1 AS BIGINT), $2)",
                    params![table, count],
                )?;
                let mut ids: Vec<i64> = drawn.into_iter().map(|(id,)| id).collect();
                ids.sort_unstable();
                Ok(ids)
            }
        }
    }
}
