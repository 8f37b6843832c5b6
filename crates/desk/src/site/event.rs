//! What happened to what, by whom: appended, never changed.
use crate::{Result, db::Tx};

/// Who changes something. There is no current user: it is passed to every change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    Agent { id: i64, name: String },
    Requester { id: i64, name: String },
    Rule { name: String },
    System,
}

/// Who does it, and when (milliseconds UTC).
#[derive(Clone, Debug)]
pub struct By {
    pub actor: Actor,
    pub at: i64,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Ticket(i64),
    Mailbox(i64),
    Client(i64),
    Grant(i64),
    Agent(i64),
    Inbox(i64),
    Outbox(i64),
    Site,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub id: i64,
    pub at: i64,
    pub actor: Actor,
    pub kind: String,
    pub data: serde_json::Value,
}

impl By {
    pub fn system(at: i64) -> By {
        By { actor: Actor::System, at }
    }
    /// How the actor is named to people: a name, or `Postern`.
    pub fn name(&self) -> &str {
        todo!()
    }
}

/// `kind` is a verb in the past: `closed`, `assigned`, `authorized`. Never a secret in `data`.
pub fn append(tx: &mut Tx<'_>, by: &By, subject: Subject, kind: &str, data: serde_json::Value) -> Result<()> {
    let _ = (tx, by, subject, kind, data);
    todo!()
}

/// The events of one subject, oldest first, at most `limit` of the newest.
pub fn list(tx: &mut Tx<'_>, subject: Subject, limit: i64) -> Result<Vec<Event>> {
    let _ = (tx, subject, limit);
    todo!()
}
