//! Takes mail from a server into the inbox: oldest first, each once, and nothing is touched on the server before
//! the commit.
use crate::Courier;

/// What `postern mailbox fetch` did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages that were not known before.
    pub fetched: usize,
    pub filed: usize,
    pub ignored: usize,
    /// Kept in the inbox with a reason.
    pub failed: usize,
    /// Who else was fetching this mailbox when this began.
    pub held_by: Option<String>,
}

/// One round now, until everything that is on the server is filed.
pub async fn once(courier: &Courier, mailbox_id: i64) -> desk::Result<Summary> {
    let _ = (courier, mailbox_id);
    todo!()
}
