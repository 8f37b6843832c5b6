//! Entries as they are written: one by an agent, or many that were filed, in one go. What a ticket's line in the lists
//! shows goes with them.
use super::Kind;
use crate::db::{self, Ids, Query, ROWS_MAX, powers_of_two};
use crate::people::person::{self, Person, one_line};
use crate::tickets::index::{self, FoundBy, Unindexed};
use crate::tickets::ticket::{self, Shown, Tail};
use crate::{Result, db::Tx, params, row};

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
pub fn add(tx: &mut Tx<'_>, new: NewEntry) -> Result<i64> {
    let id = Ids::of("entry").next(tx, 1)?;
    let written = Written::of(id, new)?;
    insert(tx, std::slice::from_ref(&written))?;
    let mut tail = Tail::of(written.ticket_id());
    tail.add(id, written.shown());
    let (subject, number) = ticket::grow(tx, &[tail])?.pop().ok_or(db::Error::NotFound)?;
    let mut unindexed = Unindexed::default();
    unindexed.push(id, written.found_by(&format!("{subject} {number}")));
    index::add(tx, &unindexed)?;
    tx.wake("ticket");
    Ok(id)
}

/// An entry as its row is: its texts without what no list, terminal or log should show.
#[derive(Debug)]
pub(crate) struct Written {
    id: i64,
    new: NewEntry,
    from_name: Option<String>,
    from_address: Option<String>,
    reply_to: String,
    to: String,
    cc: String,
    defects: String,
}
impl Written {
    pub(crate) fn of(id: i64, new: NewEntry) -> Result<Written> {
        let from = new.from.as_ref();
        Ok(Written {
            id,
            from_name: from.and_then(|from| from.name.as_deref()).map(person::name),
            from_address: from.map(|from| one_line(&from.address)),
            reply_to: json(&new.reply_to)?,
            to: json(&new.to)?,
            cc: json(&new.cc)?,
            defects: serde_json::to_string(&new.defects)?,
            new: NewEntry {
                subject: one_line(&new.subject),
                message_id: new.message_id.as_deref().map(one_line),
                text: clean(&new.text),
                reply_text: clean(&new.reply_text),
                ..new
            },
        })
    }
    pub(crate) fn id(&self) -> i64 {
        self.id
    }
    pub(crate) fn ticket_id(&self) -> i64 {
        self.new.ticket_id
    }
    /// Its HTML has this row.
    pub(crate) fn has_html(&mut self, blob_id: i64) {
        self.new.html_blob_id = Some(blob_id);
    }
    /// Of what it holds; how many of them may wait is measured by it.
    pub(crate) fn text_bytes(&self) -> usize {
        self.new.text.len() + self.new.reply_text.len()
    }
    fn writer(&self) -> &str {
        let name = self.from_name.as_deref().filter(|name| !name.is_empty());
        name.or(self.from_address.as_deref()).unwrap_or_default()
    }
    /// What the ticket's line shows of it.
    pub(crate) fn shown(&self) -> Option<Shown> {
        let (kind, writer) = (self.new.kind.as_str(), self.writer().to_owned());
        let preview = || preview(&self.new.reply_text, &self.new.text);
        match self.new.kind {
            Kind::Message | Kind::Reply => Some(Shown { at: self.new.at, kind, writer, preview: preview() }),
            Kind::Note => None,
        }
    }
    /// `ticket`: its subject and number.
    pub(crate) fn found_by<'a>(&'a self, ticket: &'a str) -> FoundBy<'a, impl Iterator<Item = &'a Person>> {
        FoundBy {
            ticket,
            subject: &self.new.subject,
            writer: self.writer(),
            address: self.from_address.as_deref().unwrap_or_default(),
            people: self.new.to.iter().chain(&self.new.cc),
            text: &self.new.text,
        }
    }
}
pub(crate) fn insert(tx: &mut Tx<'_>, all: &[Written]) -> Result<()> {
    for some in powers_of_two(all, ROWS_MAX) {
        let mut query = Query::new(
            "INSERT INTO entry (id, ticket_id, kind, at, agent_id, requester_id, from_name, from_address, reply_to,
                 to_list, cc_list, subject, message_id, text, reply_text, html_blob_id, raw_blob_id, inbox_id,
                 nature, may_answer, defects) VALUES ",
        );
        query.bind_rows(some.iter().map(|written| {
            let new = &written.new;
            row![
                written.id,
                new.ticket_id,
                new.kind.as_str(),
                new.at,
                new.agent_id,
                new.requester_id,
                written.from_name.as_deref(),
                written.from_address.as_deref(),
                &written.reply_to,
                &written.to,
                &written.cc,
                &new.subject,
                new.message_id.as_deref(),
                &new.text,
                &new.reply_text,
                new.html_blob_id,
                new.raw_blob_id,
                new.inbox_id,
                &new.nature,
                new.may_answer,
                &written.defects,
            ]
        }));
        tx.execute(query.sql(), query.params())?;
    }
    Ok(())
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

fn json(people: &[Person]) -> Result<String> {
    let people: Vec<Person> = people
        .iter()
        .map(|p| Person { name: p.name.as_deref().map(person::name), address: one_line(&p.address) })
        .collect();
    Ok(serde_json::to_string(&people)?)
}

/// Text as it is kept: LF line ends, and no control character but line feed and tab. Old mail programs
/// send NUL and escape sequences; a terminal or a log must not run them.
fn clean(text: &str) -> String {
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
