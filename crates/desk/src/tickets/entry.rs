//! A message from outside, a reply to outside, or a note inside: kept, listed as a thread, and found.
//! Not for deciding which ticket one belongs to (`intake/threading`), nor for sending it (`outgoing`).
use super::index::{self, FoundBy, Unindexed};
use crate::db::{self, FromRow, Query, Row};
use crate::files::attachment::{self, Attachment};
use crate::files::blob::{self, Blob};
use crate::people::person::{Person, one_line};
use crate::{Result, db::Tx, params, people::viewer::Viewer};

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

/// How much of the last message a list shows.
const PREVIEW_CHARS: usize = 160;

/// Adds it, moves the ticket's list columns (updated_at, last writer, preview, count), indexes its
/// words, and wakes the live lists (topic `ticket`). A note changes neither preview nor order.
///
/// Two writers on one ticket both change its row, so on PostgreSQL one of them runs again: within a
/// ticket the order of ids is the order of commits.
pub fn add(tx: &mut Tx<'_>, new: &NewEntry) -> Result<i64> {
    let mut unindexed = Unindexed::default();
    let id = add_unindexed(tx, new, &mut unindexed)?;
    index::add(tx, &unindexed)?;
    Ok(id)
}
/// The same for who adds many and indexes their words in one go.
pub(crate) fn add_unindexed(tx: &mut Tx<'_>, new: &NewEntry, unindexed: &mut Unindexed) -> Result<i64> {
    let (name, address) = match &new.from {
        Some(from) => (from.name.as_deref().map(one_line), Some(one_line(&from.address))),
        None => (None, None),
    };
    let (subject, text, reply_text) = (one_line(&new.subject), clean(&new.text), clean(&new.reply_text));
    let id = tx.insert(
        "INSERT INTO entry (ticket_id, kind, at, agent_id, requester_id, from_name, from_address, reply_to,
             to_list, cc_list, subject, message_id, text, reply_text, html_blob_id, raw_blob_id, inbox_id,
             nature, may_answer, defects)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         RETURNING id",
        params![
            new.ticket_id,
            new.kind.as_str(),
            new.at,
            new.agent_id,
            new.requester_id,
            name.clone(),
            address.clone(),
            json(&new.reply_to)?,
            json(&new.to)?,
            json(&new.cc)?,
            &subject,
            new.message_id.as_deref().map(one_line),
            &text,
            &reply_text,
            new.html_blob_id,
            new.raw_blob_id,
            new.inbox_id,
            &new.nature,
            new.may_answer,
            serde_json::to_string(&new.defects)?,
        ],
    )?;
    let writer = name.clone().filter(|name| !name.is_empty()).or_else(|| address.clone()).unwrap_or_default();
    let (ticket_subject, number): (String, String) = match new.kind {
        Kind::Message | Kind::Reply => tx.one(
            "UPDATE ticket SET entries = entries + 1, last_entry_id = $2,
                 updated_at = CASE WHEN updated_at < $3 THEN $3 ELSE updated_at END,
                 last_kind = $4, last_name = $5, preview = $6
             WHERE id = $1 RETURNING subject, number",
            params![new.ticket_id, id, new.at, new.kind.as_str(), &writer, preview(&reply_text, &text)],
        )?,
        Kind::Note => tx.one(
            "UPDATE ticket SET entries = entries + 1, last_entry_id = $2 WHERE id = $1 RETURNING subject, number",
            params![new.ticket_id, id],
        )?,
    };
    let found_by = FoundBy {
        ticket: &format!("{ticket_subject} {number}"),
        subject: &subject,
        writer: &writer,
        address: address.as_deref().unwrap_or_default(),
        people: new.to.iter().chain(&new.cc),
        text: &text,
    };
    unindexed.push(id, found_by);
    tx.wake("ticket");
    Ok(id)
}

/// Makes a ticket's list columns again from its entries, after some have moved.
pub(crate) fn refresh_ticket(tx: &mut Tx<'_>, ticket_id: i64) -> Result<()> {
    tx.execute(
        "UPDATE ticket SET
             entries = (SELECT count(*) FROM entry e WHERE e.ticket_id = ticket.id),
             last_entry_id = (SELECT max(e.id) FROM entry e WHERE e.ticket_id = ticket.id)
         WHERE id = $1",
        params![ticket_id],
    )?;
    let last = tx.maybe::<(String, Option<String>, Option<String>, String, String)>(
        "SELECT kind, from_name, from_address, reply_text, text FROM entry
         WHERE ticket_id = $1 AND kind <> 'note' ORDER BY id DESC LIMIT 1",
        params![ticket_id],
    )?;
    let Some((kind, name, address, reply_text, text)) = last else { return Ok(()) };
    let writer = name.filter(|name| !name.is_empty()).or(address).unwrap_or_default();
    tx.execute(
        "UPDATE ticket SET last_kind = $2, last_name = $3, preview = $4,
             updated_at = (SELECT max(e.at) FROM entry e WHERE e.ticket_id = ticket.id AND e.kind <> 'note')
         WHERE id = $1",
        params![ticket_id, &kind, &writer, preview(&reply_text, &text)],
    )?;
    Ok(())
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

fn json(people: &[Person]) -> Result<String> {
    let people: Vec<Person> = people
        .iter()
        .map(|p| Person { name: p.name.as_deref().map(one_line), address: one_line(&p.address) })
        .collect();
    Ok(serde_json::to_string(&people)?)
}
fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, db::Error> {
    serde_json::from_str(text).map_err(|e| db::Error::Decode(e.to_string()))
}

/// Text as it is kept: LF line ends, and no control character but line feed and tab. Old mail programs
/// send NUL and escape sequences; a terminal or a log must not run them.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' => {
                if chars.peek() != Some(&'\n') {
                    out.push('\n');
                }
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}
fn preview(reply_text: &str, text: &str) -> String {
    let from = if reply_text.trim().is_empty() { text } else { reply_text };
    let mut out = String::new();
    for word in from.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
        if out.len() > PREVIEW_CHARS * 4 {
            break;
        }
    }
    match out.char_indices().nth(PREVIEW_CHARS) {
        Some((end, _)) => format!("{}…", out.get(..end).unwrap_or_default().trim_end()),
        None => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_leave_the_text() {
        assert_eq!(clean("a\0b\u{1b}[31mc\r\nd\re\tf\u{85}"), "ab[31mc\nd\ne\tf");
    }

    #[test]
    fn a_preview_is_one_short_line_that_ends_at_a_character() {
        assert_eq!(preview("", "  first\n\nsecond "), "first second");
        let long = preview(&"ü".repeat(500), "");
        assert_eq!(long.chars().count(), PREVIEW_CHARS + 1);
        assert!(long.ends_with('…'));
    }
}
