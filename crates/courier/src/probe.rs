//! Proves a side of a mailbox by doing what it is for, past the sign-in: a token alone proves nothing.
use crate::Courier;

/// What a proof came to, in words for an administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub ok: bool,
    /// What works, or what does not.
    pub sentence: String,
    /// The server's own words, or what was found there.
    pub detail: String,
    pub remedy: String,
    pub code: String,
    /// It does not pass by itself.
    pub needs_person: bool,
}

/// Opens the incoming server and selects the folder.
pub async fn incoming(courier: &Courier, mailbox_id: i64) -> desk::Result<Proof> {
    let _ = (courier, mailbox_id);
    todo!()
}

/// Opens the outgoing server and begins a message as the mailbox's address, without sending it.
pub async fn outgoing(courier: &Courier, mailbox_id: i64) -> desk::Result<Proof> {
    let _ = (courier, mailbox_id);
    todo!()
}
