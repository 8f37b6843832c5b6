//! Integrity: every raw message has its entry or its reason, every blob its hash, every outbox row a
//! state.
use crate::{Desk, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: &'static str,
    pub what: String,
    pub remedy: String,
}
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub inbox: i64,
    pub entries: i64,
    pub blobs: i64,
    pub outbox: i64,
    pub faults: Vec<Fault>,
}
/// Reads everything, in pages; changes nothing.
pub fn check(desk: &Desk) -> Result<Report> {
    let _ = desk;
    todo!()
}
