//! Who is responsible. One at first: *Support*.
use crate::{Result, db::Tx};

#[derive(Clone, Debug)]
pub struct Department {
    pub id: i64,
    pub name: String,
}
pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Department>> {
    let _ = tx;
    todo!()
}
pub fn find_by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<Department>> {
    let _ = (tx, name);
    todo!()
}
