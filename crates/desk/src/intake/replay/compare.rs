//! How a message ended then and how it ends now, in the same terms, and what of its entry is another.
use super::{Came, known};
use crate::db::{self, FromRow, Row, Tx};
use crate::intake::inbox::{Outcome, State};
use crate::site::{event, event::Subject};
use crate::tickets::ticket;
use crate::{Result, params};
use std::fmt;

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 160;

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub state: State,
    /// For programs; empty for what was filed.
    pub code: String,
    pub reason: String,
    /// Of what was filed.
    pub place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A ticket of its own, which may say that it refers to another.
    Opened {
        number: String,
        refers_to: Option<String>,
    },
    Joined {
        number: String,
    },
}

impl Place {
    pub fn number(&self) -> &str {
        match self {
            Place::Opened { number, .. } | Place::Joined { number } => number,
        }
    }
}

/// One thing of an entry that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// A word of the table `entry`, `attachments`, or `mailbox`.
    pub field: &'static str,
    /// Shortened; of a text, the first line that differs.
    pub then: String,
    pub now: String,
}

/// The ticket that a message opened.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    pub ticket_id: i64,
    pub number: String,
}

#[derive(Debug)]
pub(super) struct Then {
    pub ending: Ending,
    pub opened: Option<Opened>,
    pub kept: Option<Kept>,
    /// A person ignored what was held.
    pub by_a_person: bool,
}

pub(super) fn then(tx: &mut Tx<'_>, came: &Came) -> Result<Then> {
    let events = event::list(tx, Subject::Inbox(came.claim.inbox_id), 100)?;
    let by_a_person = events.iter().any(|event| event.kind == "ignored");
    let mut then = Then {
        ending: Ending {
            state: came.state,
            code: came.code.clone(),
            reason: came.reason.clone(),
            place: None,
        },
        opened: None,
        kept: None,
        by_a_person,
    };
    let Some(entry_id) = came.entry_id.filter(|_| came.state == State::Filed) else { return Ok(then) };
    let (ticket_id, number) = tx.one::<(i64, String)>(
        "SELECT t.id, t.number FROM entry e JOIN ticket t ON t.id = e.ticket_id WHERE e.id = $1",
        params![entry_id],
    )?;
    then.opened = opened(tx, entry_id, ticket_id)?;
    then.ending.place = Some(match &then.opened {
        Some(opened) => opened_at(tx, opened.ticket_id)?,
        None => Place::Joined { number },
    });
    then.kept = Some(kept(tx, entry_id)?);
    Ok(then)
}

pub(super) fn now(tx: &mut Tx<'_>, outcome: &Outcome, opens: bool) -> Result<Ending> {
    let told = |state, code: &str, reason: &str| Ending {
        state,
        code: code.to_owned(),
        reason: reason.to_owned(),
        place: None,
    };
    Ok(match outcome {
        Outcome::Filed { ticket_id, .. } => {
            let place = if opens {
                opened_at(tx, *ticket_id)?
            } else {
                Place::Joined { number: ticket::followed(tx, *ticket_id)?.1 }
            };
            Ending { place: Some(place), ..told(State::Filed, "", "") }
        }
        Outcome::Ignored { code, reason } => told(State::Ignored, code, reason),
        Outcome::Held { code, reason } => told(State::Held, code, reason),
        Outcome::Failed { code, reason, .. } => told(State::Failed, code, reason),
        Outcome::Late => told(State::Failed, "late", "It is being filed already."),
    })
}

fn opened_at(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Place> {
    let (number, refers_to) = tx.one::<(String, Option<String>)>(
        "SELECT t.number, r.number FROM ticket t LEFT JOIN ticket r ON r.id = t.refers_to_id WHERE t.id = $1",
        params![ticket_id],
    )?;
    Ok(Place::Opened { number, refers_to })
}

/// The ticket that the entry opened: the one that it is on, or one that an agent has joined to that since.
fn opened(tx: &mut Tx<'_>, entry_id: i64, ticket_id: i64) -> Result<Option<Opened>> {
    let (at, requester_id, earlier) = tx.one::<(i64, Option<i64>, bool)>(
        "SELECT e.at, e.requester_id, EXISTS (SELECT 1 FROM entry x WHERE x.ticket_id = e.ticket_id AND x.id < e.id
             AND x.at = e.at AND x.requester_id = e.requester_id)
         FROM entry e WHERE e.id = $1",
        params![entry_id],
    )?;
    let Some(requester_id) = requester_id.filter(|_| !earlier) else { return Ok(None) };
    let mut either = known::joined(tx, ticket_id, i64::MAX)?;
    either.push(ticket_id);
    let mut query = db::Query::new("SELECT id, number FROM ticket WHERE id IN ");
    query
        .bind_list(either)
        .push(" AND created_at = ")
        .bind(at)
        .push(" AND requester_id = ")
        .bind(requester_id);
    query.push(" ORDER BY id LIMIT 1");
    let Some((ticket_id, number)) = tx.maybe::<(i64, String)>(query.sql(), query.params())? else {
        return Ok(None);
    };
    Ok(Some(Opened { ticket_id, number }))
}

impl Ending {
    /// Whether the message ended so here. `tx` is of this desk: tickets that were joined since are one. What a person
    /// ignored was held before.
    pub(super) fn is_like(&self, tx: &mut Tx<'_>, now: &Ending, by_a_person: bool) -> Result<bool> {
        let was_held = by_a_person && self.state == State::Ignored && now.state == State::Held;
        if self.state != now.state && !was_held {
            return Ok(false);
        }
        match (&self.place, &now.place) {
            (Some(then), Some(now)) => then.is_like(tx, now),
            _ => Ok(self.code == now.code || self.state == State::Failed),
        }
    }
    /// *opened ticket #1*, after the message it is said of.
    fn told(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.place, self.state) {
            (Some(Place::Opened { number, refers_to: None }), _) => {
                write!(f, "a ticket of its own, #{number}")
            }
            (Some(Place::Opened { number, refers_to: Some(other) }), _) => {
                write!(f, "a ticket of its own, #{number}, which refers to #{other}")
            }
            (Some(Place::Joined { number }), _) => write!(f, "on ticket #{number}"),
            (None, State::Ignored) => write!(f, "ignored: {}", self.reason),
            (None, State::Held) => write!(f, "held for a person: {}", self.reason),
            (None, State::Failed) => write!(f, "not filed: {}", self.reason),
            (None, State::New | State::Filed) => f.write_str("not decided"),
        }
    }
}
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told(f)
    }
}

impl Place {
    fn is_like(&self, tx: &mut Tx<'_>, now: &Place) -> Result<bool> {
        Ok(match (self, now) {
            (Place::Opened { refers_to: None, .. }, Place::Opened { refers_to: None, .. }) => true,
            (Place::Opened { refers_to: Some(one), .. }, Place::Opened { refers_to: Some(other), .. })
            | (Place::Joined { number: one }, Place::Joined { number: other }) => {
                let (one, other) = (led_to(tx, one)?, led_to(tx, other)?);
                one.is_some() && one == other
            }
            _ => false,
        })
    }
}

/// The ticket here with this number, or the one that it was joined to.
fn led_to(tx: &mut Tx<'_>, number: &str) -> Result<Option<i64>> {
    let found = tx.maybe::<(i64,)>(
        "SELECT COALESCE(joined_to_id, id) FROM ticket WHERE number = $1",
        params![number],
    )?;
    Ok(found.map(|(id,)| id))
}

/// What an entry keeps of its message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    fields: Vec<(&'static str, String)>,
    /// As they are in rows: name, type, place in the text, hash.
    attachments: Vec<(String, String, String)>,
    html: Option<(Vec<u8>, i64)>,
}

struct Fields(Vec<(&'static str, String)>);
impl FromRow for Fields {
    fn from_row(row: &Row<'_>) -> std::result::Result<Self, db::Error> {
        const NAMES: [&str; 13] = [
            "subject",
            "from_name",
            "from_address",
            "reply_to",
            "to_list",
            "cc_list",
            "message_id",
            "text",
            "reply_text",
            "nature",
            "defects",
            "may_answer",
            "mailbox",
        ];
        let field = |(i, name)| Ok((name, row.get::<String>(i)?));
        Ok(Fields(NAMES.into_iter().enumerate().map(field).collect::<std::result::Result<_, db::Error>>()?))
    }
}

pub(super) fn kept(tx: &mut Tx<'_>, entry_id: i64) -> Result<Kept> {
    let Fields(fields) = tx.one(
        "SELECT e.subject, COALESCE(e.from_name, ''), COALESCE(e.from_address, ''), e.reply_to, e.to_list, e.cc_list,
             COALESCE(e.message_id, ''), e.text, e.reply_text, e.nature, e.defects,
             CASE WHEN e.may_answer = 1 THEN 'yes' ELSE 'no' END, COALESCE(m.address, '')
         FROM entry e JOIN ticket t ON t.id = e.ticket_id LEFT JOIN mailbox m ON m.id = t.mailbox_id WHERE e.id = $1",
        params![entry_id],
    )?;
    let html = tx.maybe(
        "SELECT b.hash, b.size_bytes FROM entry e JOIN blob b ON b.id = e.html_blob_id WHERE e.id = $1",
        params![entry_id],
    )?;
    let attachments: Vec<(String, String, bool, String, Vec<u8>, i64)> = tx.all(
        "SELECT a.name, a.media_type, a.inline, COALESCE(a.content_id, ''), b.hash, b.size_bytes
         FROM attachment a JOIN blob b ON b.id = a.blob_id WHERE a.entry_id = $1 ORDER BY a.position, a.id LIMIT 1000",
        params![entry_id],
    )?;
    let attachments = attachments.into_iter().map(|(name, media_type, inline, content_id, hash, size)| {
        let hash: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let place = if inline { format!(", in the text as {content_id}") } else { String::new() };
        (name, media_type, format!("{size} bytes, {hash}{place}"))
    });
    Ok(Kept { fields, attachments: attachments.collect(), html })
}

impl Kept {
    pub(super) fn changes(&self, now: &Kept) -> Vec<Change> {
        let fields = self.fields.iter().zip(&now.fields).filter(|(then, now)| then.1 != now.1);
        let mut changes: Vec<Change> = fields
            .map(|((field, then), (_, now))| {
                let (then, now) = first_difference(then, now);
                Change { field, then, now }
            })
            .collect();
        if self.html.as_ref().map(|(hash, _)| hash) != now.html.as_ref().map(|(hash, _)| hash) {
            let size = |kept: &Kept| {
                kept.html.as_ref().map_or("none".to_owned(), |(_, size)| format!("{size} bytes"))
            };
            changes.push(Change { field: "html", then: size(self), now: size(now) });
        }
        if self.attachments != now.attachments {
            let list = |kept: &Kept, other: &Kept| {
                let only = kept.attachments.iter().filter(|one| !other.attachments.contains(one));
                let told: Vec<String> =
                    only.map(|(name, media_type, about)| format!("{name} ({media_type}, {about})")).collect();
                if told.is_empty() { "none that is missing now".to_owned() } else { told.join("; ") }
            };
            let (then, new) = (shown(&list(self, now)), shown(&list(now, self)));
            let new =
                if new.starts_with("none that") { "none that was missing then".to_owned() } else { new };
            changes.push(Change { field: "attachments", then, now: new });
        }
        changes
    }
}

/// The lines in which two texts part.
fn first_difference(then: &str, now: &str) -> (String, String) {
    let mut lines = then.lines().zip(now.lines()).skip_while(|(then, now)| then == now);
    match lines.next() {
        Some((then, now)) => (shown(then), shown(now)),
        // One is the beginning of the other, or they differ in their line ends.
        None => {
            let same = then.lines().count().min(now.lines().count());
            let rest = |text: &str| text.lines().nth(same).map(shown);
            match (rest(then), rest(now)) {
                (None, None) => ("the same, with other line ends".to_owned(), "its line ends".to_owned()),
                (then, now) => {
                    let told = |line: Option<String>| line.unwrap_or_else(|| "(ends here)".to_owned());
                    (told(then), told(now))
                }
            }
        }
    }
}

fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_texts_the_first_lines_that_differ_are_shown() {
        let told = |then: &str, now: &str| first_difference(then, now);
        assert_eq!(told("a\nb\nc", "a\nx\nc"), ("b".to_owned(), "x".to_owned()));
        assert_eq!(told("a", "a\n-- \nAnn"), ("(ends here)".to_owned(), "-- ".to_owned()));
        assert_eq!(told("", "Ann"), ("(ends here)".to_owned(), "Ann".to_owned()));
        assert_eq!(shown(&"é".repeat(200)).chars().count(), 161);
    }
}
