//! One recipient of an outbox row.
use crate::{Result, db::Tx};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Queued,
    Sent,
    Deferred,
    Failed,
    Bounced,
    Cancelled,
}
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: i64,
    pub recipient: String,
    pub state: State,
    /// What the server said, or why it was not sent.
    pub answer: String,
    pub attempts: i64,
    pub at: i64,
}
pub fn list(tx: &mut Tx<'_>, outbox_id: i64) -> Result<Vec<Delivery>> {
    let _ = (tx, outbox_id);
    todo!()
}
/// A bounce came back for the message with this id: its delivery turns red, the ticket shows under *Not
/// sent*. `Some(ticket_id)` when it was ours.
pub fn bounced(tx: &mut Tx<'_>, message_id: &str, recipient: Option<&str>, answer: &str, at: i64) -> Result<Option<i64>> {
    let _ = (tx, message_id, recipient, answer, at);
    todo!()
}
