//! Raw mail that is here, filed again by today's parser and rules into a desk of its own, and what comes out otherwise
//! than it did. Nothing here changes.
//!
//! The other desk begins with the departments, agents and mailboxes of this one and without mail. What a letter speaks
//! of and came before all that is filed again (a ticket, a reply, a Message-ID) is brought there when it is needed
//! (`known`), so one difference does not become one for each letter after it.
mod compare;
mod known;

pub use compare::{Change, Ending, Place};

use super::again;
use super::filing::{self, Prepared};
use super::inbox::{Claim, Outcome, State};
use super::record::{self, Arrival, Head, Source};
use super::screen;
use crate::db::{self, Db, Durability, FromRow, Options, Query, Row, Tx};
use crate::files::store::Stored;
use crate::mailboxes::cursor::Cursor;
use crate::site::sealed;
use crate::{MIGRATIONS, Result, params};
use known::Known;
use mail::message::ContentKey;
use std::collections::HashMap;
use std::path::Path;

/// What the rules of filing read of a desk besides its mail. Each table after those that it refers to.
const SET_UP: [&str; 5] = ["sequence", "department", "agent", "client", "mailbox"];

/// Which messages: of those that were filed, ignored, held or failed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Range {
    /// Stored here since then, milliseconds.
    pub since: Option<i64>,
    /// So many of the newest.
    pub last: Option<i64>,
    pub mailbox_id: Option<i64>,
}

/// A message of the inbox, as it came and as it ended.
#[derive(Clone, Debug)]
pub struct Came {
    /// As today's filer would get it: nothing has been tried yet.
    pub claim: Claim,
    fetched_at: i64,
    arrival: Arrival,
    folder: String,
    uid_validity: u32,
    state: State,
    code: String,
    reason: String,
    entry_id: Option<i64>,
}

/// A message that comes out otherwise.
#[derive(Clone, Debug)]
pub struct Difference {
    pub inbox_id: i64,
    pub received_at: i64,
    /// As today's parser reads them; empty where it fails.
    pub from: String,
    pub subject: String,
    pub then: Ending,
    pub now: Ending,
    /// What differs of the entry, when both have one.
    pub changes: Vec<Change>,
}

const SELECT: &str = "SELECT i.id, i.generation, i.mailbox_id, i.received_at, i.silent, i.accepted, b.place, b.hash, b.size_bytes,
        i.content_key, i.message_id, i.folder, i.uid_validity, i.uid, i.fetched_at, i.state, i.reason_code, i.reason, i.entry_id, b.id
    FROM inbox i JOIN blob b ON b.id = i.blob_id WHERE i.state <> 'new'";

impl FromRow for Came {
    fn from_row(row: &Row<'_>) -> std::result::Result<Self, db::Error> {
        let hash: Vec<u8> = row.get(7)?;
        let key: Vec<u8> = row.get(9)?;
        let of_32 = |bytes: &[u8]| {
            <[u8; 32]>::try_from(bytes).map_err(|_| db::Error::Decode("a hash of another length".to_owned()))
        };
        let number = |n: i64| u32::try_from(n).map_err(|_| db::Error::Decode(format!("{n} is no UID")));
        let size_bytes = u64::try_from(row.get::<i64>(8)?).unwrap_or(0);
        let (received_at, silent, place) = (row.get(3)?, row.get(4)?, row.get::<String>(6)?);
        Ok(Came {
            arrival: Arrival {
                uid: number(row.get(13)?)?,
                received_at,
                stored: Stored { hash: of_32(&hash)?, size_bytes, place: place.clone() },
                content_key: ContentKey { key: of_32(&key)?, earlier: None },
                message_id: row.get(10)?,
                head: Head::default(),
                marks: Vec::new(),
                silent,
                same_as: None,
            },
            claim: Claim {
                inbox_id: row.get(0)?,
                generation: row.get(1)?,
                mailbox_id: row.get(2)?,
                received_at,
                silent,
                accepted: row.get(5)?,
                has_failed: false,
                has_waited: false,
                attempts: 1,
                blob_id: row.get(19)?,
                place,
                hash,
            },
            folder: row.get(11)?,
            uid_validity: number(row.get(12)?)?,
            fetched_at: row.get(14)?,
            state: State::of_row(row.get(15)?)?,
            code: row.get(16)?,
            reason: row.get(17)?,
            entry_id: row.get(18)?,
        })
    }
}

/// The id before the first message of the range, where a walk through it begins.
pub fn before_first(tx: &mut Tx<'_>, range: &Range) -> Result<i64> {
    let mut first = 0;
    if let Some(since) = range.since {
        let (found,): (Option<i64>,) =
            tx.one("SELECT min(id) FROM inbox WHERE fetched_at >= $1", params![since])?;
        first = found.unwrap_or(i64::MAX);
    }
    if let Some(last) = range.last {
        let mut query = Query::new("SELECT i.id FROM inbox i WHERE i.state <> 'new'");
        of_mailbox(&mut query, range);
        query.push(" ORDER BY i.id DESC LIMIT 1 OFFSET ").bind(last.max(1) - 1);
        let found: Option<(i64,)> = tx.maybe(query.sql(), query.params())?;
        first = first.max(found.map_or(0, |(id,)| id));
    }
    Ok(first.saturating_sub(1))
}

/// The next messages after this id, in the order in which they came.
pub fn next(tx: &mut Tx<'_>, range: &Range, after: i64, limit: i64) -> Result<Vec<Came>> {
    let mut query = Query::new(SELECT);
    of_mailbox(&mut query, range);
    query.push(" AND i.id > ").bind(after).push(" ORDER BY i.id LIMIT ").bind(limit);
    Ok(tx.all(query.sql(), query.params())?)
}

fn of_mailbox(query: &mut Query<'_>, range: &Range) {
    if let Some(id) = range.mailbox_id {
        query.push(" AND i.mailbox_id = ").bind(id);
    }
}

/// A ticket of the other desk that stands for one of this.
#[derive(Clone, Copy, Debug)]
struct Counterpart {
    id: i64,
    /// As it is here, not by the message that opens it.
    brought: bool,
}

/// The other desk. It is gone with its folder.
#[derive(Debug)]
pub struct Scratch {
    db: Db,
    /// By the id of the ticket here.
    counterparts: HashMap<i64, Counterpart>,
}

/// What filing one message at the other desk has come to.
struct Filed {
    now: Ending,
    kept: Option<compare::Kept>,
    counterparts: Vec<(i64, Counterpart)>,
}

impl Scratch {
    /// In this folder, which is empty. No secret comes along.
    pub fn make(desk: &Db, folder: &Path) -> Result<Scratch> {
        let options = Options { connections: 1, durability: Durability::Off, ..Options::default() };
        let db = Db::open(&format!("sqlite:{}", folder.join("replay.db").display()), &options)?;
        db.migrate(MIGRATIONS)?;
        desk.copy_tables_into(&db, &SET_UP)?;
        sealed::each_batch(&db, |values| {
            db.write(|tx| values.iter().try_for_each(|value| value.drop(tx).map(|_| ())))
        })?;
        Ok(Scratch { db, counterparts: HashMap::new() })
    }

    /// Files it there; `None`: it comes out as it did. `read` is what today's parser makes of it, or how it fails.
    pub fn file(
        &mut self,
        desk: &Db,
        came: &Came,
        read: std::result::Result<Prepared, Outcome>,
    ) -> Result<Option<Difference>> {
        if !self.may_compare(came)? {
            return Ok(None);
        }
        let id = came.claim.inbox_id;
        let message = read.as_ref().ok().map(|prepared| &prepared.message);
        let (then, known) = desk.read(|tx| -> Result<_> {
            let known = match message {
                Some(message) => known::of(tx, message, came, &self.counterparts)?,
                None => Known::default(),
            };
            Ok((compare::then(tx, came)?, known))
        })?;
        let filed = self.db.write(|tx| self.filed(tx, came, &known, &then, &read))?;
        self.counterparts.extend(filed.counterparts);
        let same = desk.read(|tx| then.ending.is_like(tx, &filed.now, then.by_a_person))?;
        let changes = match (&then.kept, &filed.kept) {
            (Some(then), Some(now)) => then.changes(now),
            _ => Vec::new(),
        };
        if same && changes.is_empty() {
            return Ok(None);
        }
        let author = message.and_then(|message| message.author()?.address.clone());
        Ok(Some(Difference {
            inbox_id: id,
            received_at: came.claim.received_at,
            from: author.unwrap_or_default(),
            subject: message.map(|message| message.subject.clone()).unwrap_or_default(),
            then: then.ending,
            now: filed.now,
            changes,
        }))
    }

    /// Not the copy of a letter whose first one, in another mailbox, is not among these, nor what only stood for a message that was
    /// asked for since.
    fn may_compare(&self, came: &Came) -> Result<bool> {
        if came.code != screen::KNOWN_ELSEWHERE {
            return Ok(came.code != again::ASKED_FOR_CODE);
        }
        let elsewhere = "SELECT EXISTS (SELECT 1 FROM inbox WHERE content_key = $1 AND mailbox_id <> $2)";
        let key = &came.arrival.content_key.key[..];
        Ok(self.db.read(|tx| tx.one::<(bool,)>(elsewhere, params![key, came.claim.mailbox_id]))?.0)
    }

    fn filed(
        &self,
        tx: &mut Tx<'_>,
        came: &Came,
        known: &Known,
        then: &compare::Then,
        read: &std::result::Result<Prepared, Outcome>,
    ) -> Result<Filed> {
        let mut counterparts = known::bring(tx, known, &self.counterparts, came.fetched_at)?;
        let (newest,): (i64,) = tx.one("SELECT COALESCE(max(id), 0) FROM ticket", params![])?;
        let outcome = match read {
            Ok(prepared) => {
                let claim = claimed(tx, came)?;
                filing::file_alone(tx, &claim, prepared, came.fetched_at)?
            }
            Err(outcome) => outcome.clone(),
        };
        let opened = match &outcome {
            Outcome::Filed { ticket_id, .. } => Some((*ticket_id, *ticket_id > newest)),
            _ => None,
        };
        // What was opened by this message then is what it is on now.
        if let (Some((id, opens)), Some(was)) = (opened, &then.opened) {
            stand_for(tx, id, opens, was, came.fetched_at)?;
            counterparts.push((was.ticket_id, Counterpart { id, brought: false }));
        }
        let kept = match &outcome {
            Outcome::Filed { entry_id, .. } => Some(compare::kept(tx, *entry_id)?),
            _ => None,
        };
        let now = compare::now(tx, &outcome, opened.is_some_and(|(_, opens)| opens))?;
        Ok(Filed { now, kept, counterparts })
    }
}

fn claimed(tx: &mut Tx<'_>, came: &Came) -> Result<Claim> {
    let cursor = Cursor {
        folder: came.folder.clone(),
        uid_validity: came.uid_validity,
        uid_last: came.arrival.uid,
        start_after_uid: 0,
    };
    let source = Source { mailbox_id: came.claim.mailbox_id, cursor: &cursor, now: came.fetched_at };
    Ok(Claim { accepted: came.claim.accepted, ..record::in_hand(tx, &source, &came.arrival)? })
}

/// The ticket has the number of the one that it stands for, so that answers which carry it find it. Where the message
/// joined another one, that number leads there.
fn stand_for(tx: &mut Tx<'_>, id: i64, opens: bool, was: &compare::Opened, at: i64) -> Result<()> {
    if opens {
        tx.execute("UPDATE ticket SET number = $2 WHERE id = $1", params![id, &was.number])?;
        return Ok(());
    }
    tx.execute(
        "INSERT INTO ticket (number, subject, subject_key, state, department_id, requester_id, requester_address,
             created_at, updated_at, joined_to_id)
         SELECT $2, subject, subject_key, 'closed', department_id, requester_id, requester_address, $3, $3, id
         FROM ticket WHERE id = $1",
        params![id, &was.number, at],
    )?;
    Ok(())
}
