//! Throttling of failed sign-ins, per account and per address, so that guessing is slow and nobody can
//! lock out the only administrator: an address that never failed for this account is let through even
//! while others are throttled.
use crate::{Result, db::Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Try,
    /// Not before this time.
    Wait {
        until: i64,
    },
}
pub fn judge(tx: &mut Tx<'_>, email: &str, address: &str, now: i64) -> Result<Verdict> {
    let _ = (tx, email, address, now);
    todo!()
}
pub fn failed(tx: &mut Tx<'_>, email: &str, address: &str, now: i64) -> Result<()> {
    let _ = (tx, email, address, now);
    todo!()
}
pub fn succeeded(tx: &mut Tx<'_>, email: &str, address: &str, now: i64) -> Result<()> {
    let _ = (tx, email, address, now);
    todo!()
}
