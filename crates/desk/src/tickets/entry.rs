//! A message from outside, a reply to outside, or a note inside.
use crate::files::attachment::Attachment;
use crate::outgoing::delivery::Delivery;
use crate::{Result, db::Tx, people::viewer::Viewer};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Message,
    Reply,
    Note,
}
/// A person on a letter, as kept in JSON lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: Option<String>,
    pub address: String,
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
    pub outbox_id: Option<i64>,
    pub deliveries: Vec<Delivery>,
}
#[derive(Clone, Debug)]
pub struct NewEntry {
    pub ticket_id: i64,
    pub kind: Kind,
    pub at: i64,
    pub agent_id: Option<i64>,
    pub requester_id: Option<i64>,
    pub from: Option<Person>,
    pub reply_to: Vec<Person>,
    pub to: Vec<Person>,
    pub cc: Vec<Person>,
    pub subject: String,
    pub message_id: Option<String>,
    pub text: String,
    pub reply_text: String,
    pub html_blob_id: Option<i64>,
    pub raw_blob_id: Option<i64>,
    pub inbox_id: Option<i64>,
    pub nature: String,
    pub may_answer: bool,
    pub defects: Vec<String>,
}
/// Adds it, moves the ticket's list columns (updated_at, last writer, preview, count), indexes its
/// words, and wakes the live lists (topic `ticket`). A note changes neither preview nor order.
pub fn add(tx: &mut Tx<'_>, new: &NewEntry) -> Result<i64> {
    let _ = (tx, new);
    todo!()
}
/// The thread: the newest `limit` entries before `before` (an entry id), oldest first, with their
/// attachments and deliveries, in a fixed number of queries.
pub fn list(tx: &mut Tx<'_>, viewer: &Viewer, ticket_id: i64, before: Option<i64>, limit: i64) -> Result<Vec<Entry>> {
    let _ = (tx, viewer, ticket_id, before, limit);
    todo!()
}
/// One entry of one ticket within what the viewer may see.
pub fn find(tx: &mut Tx<'_>, viewer: &Viewer, ticket_number: &str, entry_id: i64) -> Result<Option<Entry>> {
    let _ = (tx, viewer, ticket_number, entry_id);
    todo!()
}
/// The blob of an entry's HTML, or of its raw message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Html,
    Raw,
}
pub fn part(tx: &mut Tx<'_>, viewer: &Viewer, ticket_number: &str, entry_id: i64, part: Part) -> Result<Option<crate::files::blob::Blob>> {
    let _ = (tx, viewer, ticket_number, entry_id, part);
    todo!()
}
