//! Who is responsible. One at first: *Support*.
use crate::db::{self, FromRow, Row, Tx};
use crate::{Result, params};

#[derive(Clone, Debug)]
pub struct Department {
    pub id: i64,
    pub name: String,
}
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Department>> {
    Ok(tx.all("SELECT id, name FROM department ORDER BY name, id LIMIT 1000", &[])?)
}
pub fn find_by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Department>> {
    Ok(tx.maybe("SELECT id, name FROM department WHERE name = $1", params![name])?)
}

impl FromRow for Department {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Department { id: row.get(0)?, name: row.get(1)? })
    }
}
