//! A message from outside, a reply to outside, or a note inside: kept, listed as a thread, and found.
//! Not for deciding which ticket one belongs to (`intake/threading`), nor for sending it (`outgoing`).
mod adding;

pub use adding::{NewEntry, add};
pub(crate) use adding::{Written, insert, refresh_ticket};

use crate::db::{self, FromRow, Query, Row};
use crate::files::attachment::{self, Attachment};
use crate::files::blob::{self, Blob};
use crate::people::person::Person;
use crate::{Result, db::Tx, people::viewer::Viewer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message,
    Reply,
    Note,
}
impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Message => "message",
            Kind::Reply => "reply",
            Kind::Note => "note",
        }
    }
    pub(crate) fn read(text: &str) -> Result<Kind, db::Error> {
        match text {
            "message" => Ok(Kind::Message),
            "reply" => Ok(Kind::Reply),
            "note" => Ok(Kind::Note),
            other => Err(db::Error::Decode(format!("{other:?} is no kind of entry"))),
        }
    }
}
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: i64,
    pub ticket_id: i64,
    pub kind: Kind,
    pub at: i64,
    pub agent_id: Option<i64>,
    pub from_name: Option<String>,
    pub from_address: Option<String>,
    pub reply_to: Vec<Person>,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub subject: String,
    pub message_id: Option<String>,
    pub text: String,
    pub reply_text: String,
    pub has_html: bool,
    pub inbox_id: Option<i64>,
    pub nature: String,
    pub may_answer: bool,
    pub defects: Vec<String>,
    pub attachments: Vec<Attachment>,
}
const SELECT: &str =
    "SELECT e.id, e.ticket_id, e.kind, e.at, e.agent_id, e.from_name, e.from_address, e.reply_to,
        e.to_list, e.cc_list, e.subject, e.message_id, e.text, e.reply_text, e.html_blob_id IS NOT NULL,
        e.inbox_id, e.nature, e.may_answer, e.defects
    FROM ticket t JOIN entry e ON e.ticket_id = t.id WHERE ";

/// The thread: the newest `limit` entries before `before` (an entry id), oldest first, with their
/// attachments, in two queries. What became of the replies is known to `outgoing/delivery`.
pub fn list(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    ticket_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Entry>> {
    let mut query = Query::new(SELECT);
    viewer.scope(&mut query);
    query.push(" AND e.ticket_id = ").bind(ticket_id);
    if let Some(before) = before {
        query.push(" AND e.id < ").bind(before);
    }
    query.push(" ORDER BY e.id DESC LIMIT ").bind(limit);
    let mut entries: Vec<Entry> = tx.all(query.sql(), query.params())?;
    entries.reverse();
    complete(tx, &mut entries)?;
    Ok(entries)
}
/// One entry of one ticket within what the viewer may see.
pub fn find(tx: &mut Tx<'_>, viewer: &Viewer, ticket_number: &str, entry_id: i64) -> Result<Option<Entry>> {
    let mut query = Query::new(SELECT);
    viewer.scope(&mut query);
    query.push(" AND e.id = ").bind(entry_id).push(" AND t.number = ").bind(ticket_number);
    let mut entries: Vec<Entry> = tx.all(query.sql(), query.params())?;
    complete(tx, &mut entries)?;
    Ok(entries.pop())
}
/// The blob of an entry's HTML, or of its raw message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Html,
    Raw,
}
pub fn part(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    ticket_number: &str,
    entry_id: i64,
    part: Part,
) -> Result<Option<Blob>> {
    let mut query = Query::new("SELECT ");
    query.push(match part {
        Part::Html => "e.html_blob_id",
        Part::Raw => "e.raw_blob_id",
    });
    query.push(" FROM entry e JOIN ticket t ON t.id = e.ticket_id WHERE ");
    viewer.scope(&mut query);
    query.push(" AND e.id = ").bind(entry_id).push(" AND t.number = ").bind(ticket_number);
    match tx.maybe::<(Option<i64>,)>(query.sql(), query.params())? {
        Some((Some(blob_id),)) => Ok(Some(blob::get(tx, blob_id)?)),
        Some((None,)) | None => Ok(None),
    }
}

impl FromRow for Entry {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Entry {
            id: row.get(0)?,
            ticket_id: row.get(1)?,
            kind: Kind::read(row.get(2)?)?,
            at: row.get(3)?,
            agent_id: row.get(4)?,
            from_name: row.get(5)?,
            from_address: row.get(6)?,
            reply_to: read_json(row.get(7)?)?,
            to: read_json(row.get(8)?)?,
            cc: read_json(row.get(9)?)?,
            subject: row.get(10)?,
            message_id: row.get(11)?,
            text: row.get(12)?,
            reply_text: row.get(13)?,
            has_html: row.get(14)?,
            inbox_id: row.get(15)?,
            nature: row.get(16)?,
            may_answer: row.get(17)?,
            defects: read_json(row.get(18)?)?,
            attachments: Vec::new(),
        })
    }
}

/// The attachments of all of them, in one query.
fn complete(tx: &mut Tx<'_>, entries: &mut [Entry]) -> Result<()> {
    for attachment in attachment::list_of(tx, entries.iter().map(|entry| entry.id))? {
        if let Some(entry) = entries.iter_mut().find(|entry| entry.id == attachment.entry_id) {
            entry.attachments.push(attachment);
        }
    }
    Ok(())
}

fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, db::Error> {
    serde_json::from_str(text).map_err(|e| db::Error::Decode(e.to_string()))
}
