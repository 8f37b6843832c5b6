//! What would become of messages: they are recorded and filed as ever, by today's rules and beside what is here, in a
//! transaction that is undone.
use super::earlier_key;
use super::filing::{self, Prepared};
use super::inbox::{Arrival, Claim, Outcome};
use super::piped;
use super::record::{self, Source};
use crate::Result;
use crate::db::{Db, Tx};
use crate::files::store::Store;
use crate::mailboxes::cursor::Cursor;
use crate::params;
use std::collections::HashSet;

/// What stands for the folder, for as long as the transaction lasts.
const FOLDER: &str = "(rehearsal)";

/// A message, and where its bytes would be; none of it is in the store.
#[derive(Debug)]
pub struct Letter {
    pub arrival: Arrival,
    pub prepared: Prepared,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The same content is here already, with this state.
    Known(String),
    /// A ticket of its own.
    Opens,
    /// A ticket of its own, which says that it refers to this one.
    Refers {
        number: String,
        subject: String,
    },
    /// The ticket that is there, by its number.
    Joins {
        number: String,
        subject: String,
    },
    /// The ticket that an earlier one of these messages would open.
    JoinsEarlier {
        subject: String,
    },
    Ignored {
        reason: String,
    },
    Held {
        reason: String,
    },
    /// It cannot be filed, and is kept for a person.
    Failed {
        reason: String,
    },
    /// The server does not give it.
    Left {
        reason: String,
    },
}

impl Fate {
    /// For programs.
    pub fn word(&self) -> &'static str {
        match self {
            Fate::Known(_) => "known",
            Fate::Opens => "opens",
            Fate::Refers { .. } => "refers",
            Fate::Joins { .. } => "joins",
            Fate::JoinsEarlier { .. } => "joins_earlier",
            Fate::Ignored { .. } => "ignored",
            Fate::Held { .. } => "held",
            Fate::Failed { .. } => "failed",
            Fate::Left { .. } => "left",
        }
    }
    /// The ticket that is there already.
    pub fn ticket(&self) -> Option<&str> {
        match self {
            Fate::Refers { number, .. } | Fate::Joins { number, .. } => Some(number),
            Fate::Known(_)
            | Fate::Opens
            | Fate::JoinsEarlier { .. }
            | Fate::Ignored { .. }
            | Fate::Held { .. }
            | Fate::Failed { .. }
            | Fate::Left { .. } => None,
        }
    }
}
impl std::fmt::Display for Fate {
    /// *would open a ticket*, after the message it is said of.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fate::Known(state) => write!(f, "is here already ({state})"),
            Fate::Opens => f.write_str("would open a ticket"),
            Fate::Refers { number, subject } => {
                write!(f, "would open a ticket that refers to #{number}, {subject}")
            }
            Fate::Joins { number, subject } => write!(f, "would join ticket #{number}, {subject}"),
            Fate::JoinsEarlier { subject } => {
                write!(f, "would join the ticket that an earlier one opens, {subject}")
            }
            Fate::Ignored { reason } => write!(f, "would be ignored: {reason}"),
            Fate::Held { reason } => write!(f, "would be held for a person: {reason}"),
            Fate::Failed { reason } => {
                write!(f, "would be kept for a person, because it cannot be filed: {reason}")
            }
            Fate::Left { reason } => write!(f, "would stay on the server: {reason}"),
        }
    }
}

/// In the order of the letters. Nothing of it stays, and nobody is woken. What one of them fails by is its fate and no other's.
pub fn rehearse(db: &Db, store: &Store, mailbox_id: i64, letters: &[Letter], now: i64) -> Result<Vec<Fate>> {
    let arrivals = || letters.iter().map(|letter| &letter.arrival);
    let unsure = db.read(|tx| earlier_key::unsure(tx, mailbox_id, arrivals()))?;
    let rekeyed = earlier_key::read(store, &unsure)?;
    db.undone(|tx| {
        earlier_key::keep(tx, &rekeyed)?;
        let (newest,): (Option<i64>,) = tx.one("SELECT max(id) FROM ticket", params![])?;
        let mut stage = Stage { mailbox_id, now, newest: newest.unwrap_or(0), opened: HashSet::new() };
        let fate = |(letter, uid)| match tx.savepoint(|tx| stage.fate(tx, letter, uid)) {
            Err(error) if !error.is_the_databases() => Ok(Fate::Failed { reason: error.to_string() }),
            fate => fate,
        };
        letters.iter().zip(1..).map(fate).collect()
    })
}

struct Stage {
    mailbox_id: i64,
    now: i64,
    /// The last ticket that is there in truth.
    newest: i64,
    /// Those of the rehearsal.
    opened: HashSet<i64>,
}

impl Stage {
    fn fate(&mut self, tx: &mut Tx<'_>, letter: &Letter, uid: u32) -> Result<Fate> {
        let Letter { arrival, prepared } = letter;
        if let Some(inbox_id) = piped::known(tx, self.mailbox_id, &arrival.content_key.key)? {
            let (state,) = tx.one::<(String,)>("SELECT state FROM inbox WHERE id = $1", params![inbox_id])?;
            return Ok(Fate::Known(state));
        }
        let claim = self.claim(tx, &Arrival { uid, ..arrival.clone() })?;
        Ok(match filing::file_alone(tx, &claim, prepared, self.now)? {
            Outcome::Filed { ticket_id, .. } => self.filed(tx, ticket_id)?,
            Outcome::Ignored { reason, .. } => Fate::Ignored { reason },
            Outcome::Held { reason, .. } => Fate::Held { reason },
            Outcome::Failed { reason, .. } => Fate::Failed { reason },
            Outcome::Late => Fate::Failed { reason: "It is being filed already.".to_owned() },
        })
    }

    fn claim(&self, tx: &mut Tx<'_>, arrival: &Arrival) -> Result<Claim> {
        let cursor =
            Cursor { folder: FOLDER.to_owned(), uid_validity: 0, uid_last: arrival.uid, start_after_uid: 0 };
        let source = Source { mailbox_id: self.mailbox_id, cursor: &cursor, now: self.now };
        record::in_hand(tx, &source, arrival)
    }

    fn filed(&mut self, tx: &mut Tx<'_>, ticket_id: i64) -> Result<Fate> {
        let (number, subject, refers_to) = tx.one::<(String, String, Option<i64>)>(
            "SELECT number, subject, refers_to_id FROM ticket WHERE id = $1",
            params![ticket_id],
        )?;
        if ticket_id <= self.newest {
            return Ok(Fate::Joins { number, subject });
        }
        if !self.opened.insert(ticket_id) {
            return Ok(Fate::JoinsEarlier { subject });
        }
        let Some(other) = refers_to.filter(|other| *other <= self.newest) else { return Ok(Fate::Opens) };
        let (number, subject) =
            tx.one::<(String, String)>("SELECT number, subject FROM ticket WHERE id = $1", params![other])?;
        Ok(Fate::Refers { number, subject })
    }
}
