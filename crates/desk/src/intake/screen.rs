//! Accept, Ignore or Hold, with the reason.
use crate::{Result, db::Tx};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Accept,
    Ignore { code: &'static str, reason: String },
    Hold { code: &'static str, reason: String },
}
/// Our own letter coming back (Cc to self, a list copy) is ignored; mail from another mailbox of the
/// desk is not.
pub fn screen(tx: &mut Tx<'_>, mailbox_id: i64, message: &mail::Message) -> Result<Verdict> {
    let _ = (tx, mailbox_id, message);
    todo!()
}
