//! What happened to what, by whom: appended, never changed.
use crate::db::{self, FromRow, Query, ROWS_MAX, Row, Tx, powers_of_two};
use crate::{Result, params, row};

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
        self.actor.name()
    }
}

impl Actor {
    /// How it is named to people.
    pub fn name(&self) -> &str {
        match self {
            Actor::Agent { name, .. } | Actor::Requester { name, .. } | Actor::Rule { name } => name,
            Actor::System => "Postern",
        }
    }
    /// Kind and id, as they stand in the table.
    fn parts(&self) -> (&'static str, Option<i64>) {
        match self {
            Actor::Agent { id, .. } => ("agent", Some(*id)),
            Actor::Requester { id, .. } => ("requester", Some(*id)),
            Actor::Rule { .. } => ("rule", None),
            Actor::System => ("system", None),
        }
    }
    fn from_parts(kind: &str, id: Option<i64>, name: String) -> Result<Actor, db::Error> {
        match (kind, id) {
            ("agent", Some(id)) => Ok(Actor::Agent { id, name }),
            ("requester", Some(id)) => Ok(Actor::Requester { id, name }),
            ("rule", _) => Ok(Actor::Rule { name }),
            ("system", _) => Ok(Actor::System),
            (kind, _) => Err(db::Error::Decode(format!("an event of actor kind {kind}"))),
        }
    }
}

impl Subject {
    fn parts(self) -> (&'static str, i64) {
        match self {
            Subject::Ticket(id) => ("ticket", id),
            Subject::Mailbox(id) => ("mailbox", id),
            Subject::Client(id) => ("client", id),
            Subject::Grant(id) => ("grant", id),
            Subject::Agent(id) => ("agent", id),
            Subject::Inbox(id) => ("inbox", id),
            Subject::Outbox(id) => ("outbox", id),
            Subject::Site => ("site", 0),
        }
    }
}

impl FromRow for Event {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let mut c = row.columns();
        let (id, at, kind_of_actor, actor_id, name) =
            (c.take()?, c.take()?, c.take::<&str>()?, c.take()?, c.take()?);
        let actor = Actor::from_parts(kind_of_actor, actor_id, name)?;
        let (kind, data) = (c.take()?, c.take::<&str>()?);
        let data =
            serde_json::from_str(data).map_err(|e| db::Error::Decode(format!("data of event {id}: {e}")))?;
        Ok(Event { id, at, actor, kind, data })
    }
}

/// `kind` is a verb in the past: `closed`, `assigned`, `authorized`. Never a secret in `data`.
pub fn append(tx: &mut Tx<'_>, by: &By, subject: Subject, kind: &str, data: serde_json::Value) -> Result<()> {
    append_all(tx, &[NewEvent { by: by.clone(), subject, kind, data }])
}
/// What is to be appended beside others.
#[derive(Debug)]
pub(crate) struct NewEvent<'k> {
    pub by: By,
    pub subject: Subject,
    pub kind: &'k str,
    pub data: serde_json::Value,
}
/// In this order.
pub(crate) fn append_all(tx: &mut Tx<'_>, events: &[NewEvent<'_>]) -> Result<()> {
    for some in powers_of_two(events, ROWS_MAX) {
        let mut query = Query::new(
            "INSERT INTO event (at, actor_kind, actor_id, actor_name, subject_kind, subject_id, kind, data) VALUES ",
        );
        query.bind_rows(some.iter().map(|event| {
            let ((actor, actor_id), (subject, id)) = (event.by.actor.parts(), event.subject.parts());
            let (by, data) = (&event.by, event.data.to_string());
            row![by.at, actor, actor_id, by.name(), subject, id, event.kind, data]
        }));
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
}

/// The id of the newest one: whether a transaction changed anything is whether it is another one behind it.
pub fn newest(tx: &mut Tx<'_>) -> Result<i64> {
    Ok(tx.one::<(i64,)>("SELECT COALESCE(max(id), 0) FROM event", params![])?.0)
}

/// The events of one subject, oldest first, at most `limit` of the newest.
pub fn list(tx: &mut Tx<'_>, subject: Subject, limit: i64) -> Result<Vec<Event>> {
    let (kind, id) = subject.parts();
    let mut newest: Vec<Event> = tx.all(
        "SELECT id, at, actor_kind, actor_id, actor_name, kind, data FROM event
         WHERE subject_kind = $1 AND subject_id = $2 ORDER BY id DESC LIMIT $3",
        params![kind, id, limit],
    )?;
    newest.reverse();
    Ok(newest)
}
