//! The life of a message as steps, each a sentence for people: the same for the command line and the pages.
use super::{Incoming, Outgoing, Sought, Source};
use crate::intake::inbox::{NUMBERED_NOWHERE, State};
use crate::intake::on_server::OnServer;
use crate::intake::piped;
use crate::outgoing::delivery::{self, Delivery};
use crate::site::event::Event;

/// One step. What is not known of it is `None`.
#[derive(Clone, Debug)]
pub struct Step {
    pub at: Option<i64>,
    pub kind: &'static str,
    pub sentence: String,
    /// Where it lay on a server.
    pub source: Option<Source>,
    /// Of one recipient.
    pub delivery: Option<Delivery>,
}
impl Step {
    fn new(at: i64, kind: &'static str, sentence: String) -> Step {
        Step { at: Some(at), ..Step::of_no_time(kind, sentence) }
    }
    fn of_no_time(kind: &'static str, sentence: String) -> Step {
        Step { at: None, kind, sentence, source: None, delivery: None }
    }
}

/// What the text may be, the narrowest first.
pub fn readings(text: &str) -> Vec<Sought> {
    let bare = text.trim_start_matches('<').trim_end_matches('>');
    let words = Sought::Subject(text.to_owned());
    if bare.contains(char::is_whitespace) {
        return vec![words];
    }
    let id = Sought::MessageId(bare.to_owned());
    if mail::address::is_valid_mailbox(bare) && bare.len() == text.len() {
        return vec![id, Sought::Address(mail::address::key(bare)), words];
    }
    vec![id, words]
}
/// Where it was looked for in vain.
pub fn unknown(text: &str) -> String {
    let places: Vec<&str> = readings(text)
        .iter()
        .map(|sought| match sought {
            Sought::MessageId(_) => "as a Message-ID among all messages that came and went",
            Sought::Address(_) => {
                "as an address among the senders of all mail that came, and among all recipients"
            }
            Sought::Subject(_) => "as a subject among tickets, their entries, and mail that is on no ticket",
        })
        .collect();
    format!("Nothing is known of “{text}”. It was looked for {}.", places.join("; "))
}

fn place(source: &Source) -> String {
    match source.folder.as_str() {
        piped::FOLDER => format!("handed over by a mail server (number {})", source.uid),
        folder if source.uid_validity == i64::from(NUMBERED_NOWHERE) => format!("in the folder {folder}"),
        folder => {
            format!(
                "in the folder {folder} under the UID {} (UIDVALIDITY {})",
                source.uid, source.uid_validity
            )
        }
    }
}

/// Of what was done before it was written down.
const AS_IT_SAYS: &str = "Done on the server as the mailbox said then (marked, moved, deleted or left).";

/// What was done on the server.
fn done(what: &OnServer) -> String {
    match what {
        OnServer::Left => "Left on the server as it was.".to_owned(),
        OnServer::Read => "Marked as read on the server.".to_owned(),
        OnServer::Deleted => "Deleted on the server.".to_owned(),
        OnServer::Moved(folder) => format!("Moved to the folder “{folder}” on the server."),
        OnServer::Copied(folder) => format!(
            "Copied to the folder “{folder}” on the server, which does not let it be removed from where it was: it is there too."
        ),
        OnServer::Gone => {
            "It did not lie in its folder on the server any more; nothing was done there.".to_owned()
        }
        OnServer::Stays => "It stays on the server.".to_owned(),
    }
}

impl Incoming {
    /// The oldest first, and what has no time of its own last.
    pub fn steps(&self) -> Vec<Step> {
        let row = &self.row;
        let sha256: String = row.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut steps = Vec::new();
        for (n, source) in self.sources.iter().enumerate() {
            let place = place(source);
            let piped = source.folder == piped::FOLDER;
            let (kind, sentence) = match n {
                0 if row.is_left => ("left", format!("Found {place}, and left there.")),
                0 if piped => {
                    ("piped", format!("Stored, {place}: {} bytes, SHA-256 {sha256}.", row.size_bytes))
                }
                0 => ("fetched", format!("Fetched, {place}: {} bytes, SHA-256 {sha256}.", row.size_bytes)),
                _ if source.is_otherwise => (
                    "known_otherwise",
                    format!(
                        "The same letter came again, {place}, as the mailbox was moved or its letters were numbered anew: \
                         Message-ID, date, sender, subject, text and files are the same; what is not is its encoding, \
                         other header fields, or lines that this server has written into several letters; nothing was stored."
                    ),
                ),
                _ => ("known_again", format!("The same content came again, {place}; nothing was stored.")),
            };
            steps.push(Step { source: Some(source.clone()), ..Step::new(source.at, kind, sentence) });
            let is_settled = source.settled_at.filter(|_| !piped && !row.is_left);
            match (is_settled, source.settled_as.as_ref().map_or_else(|| AS_IT_SAYS.to_owned(), done)) {
                (Some(at), sentence) => {
                    let whole = format!("{sentence} {}", source.unsettled_why);
                    steps.push(Step::new(at, "settled_on_server", whole.trim_end().to_owned()));
                }
                (None, _) if source.settled_at.is_none() && !source.unsettled_why.is_empty() => {
                    let why = &source.unsettled_why;
                    let sentence =
                        format!("It stands on the server as it was, and that is tried again. {why}");
                    steps.push(Step::of_no_time("stands_on_server", sentence));
                }
                (None, _) => {}
            }
        }
        steps.extend(self.events.iter().map(happened));
        steps.push(self.outcome());
        steps.sort_by_key(|step| step.at.unwrap_or(i64::MAX));
        steps
    }

    fn outcome(&self) -> Step {
        let row = &self.row;
        let number = row.ticket_number.as_deref().unwrap_or("?");
        let silently = if self.silent { ", silently, as old mail" } else { "" };
        let (kind, sentence) = match row.state {
            State::Filed => {
                let entry = row.entry_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
                ("filed", format!("Filed on ticket #{number} as entry {entry}{silently}."))
            }
            State::Ignored => ("ignored", format!("Ignored. {}", row.reason)),
            State::Held => ("held", format!("Held for a person. {}", row.reason)),
            State::Failed if row.is_left => ("failed", format!("Not filed. {}", row.reason)),
            State::Failed => {
                let attempts = match self.attempts {
                    1 => "one attempt".to_owned(),
                    several => format!("{several} attempts"),
                };
                ("failed", format!("Not filed after {attempts}. {}", row.reason))
            }
            State::New if self.attempts == 0 => ("waiting", "Waits to be filed.".to_owned()),
            State::New => ("waiting", format!("Waits to be tried again. {}", row.reason)),
        };
        Step::new(self.decided_at, kind, sentence.trim_end().to_owned())
    }
}

/// What somebody did with it.
fn happened(event: &Event) -> Step {
    let who = event.actor.name();
    let (kind, what) = match event.kind.as_str() {
        "accepted" => ("accepted_by_person", "decided that it becomes a ticket"),
        "ignored" => ("ignored_by_person", "decided that it is ignored"),
        "retried" => ("retried", "asked for another try"),
        "asked_for" => {
            ("asked_for", "asked the server for the message itself, which has a row of its own when it comes")
        }
        "retried_after_upgrade" => ("retried", "tried again after an upgrade"),
        "cancelled" => ("cancelled_by_person", "cancelled what had not gone out"),
        _ => ("event", event.kind.as_str()),
    };
    let was = event.data.get("was").and_then(serde_json::Value::as_str).filter(|was| !was.is_empty());
    let was = was.map_or_else(String::new, |was| format!(" Until then: {was}"));
    Step::new(event.at, kind, format!("{who}: {what}.{was}"))
}

impl Outgoing {
    /// The oldest first, and what has no time of its own last.
    pub fn steps(&self) -> Vec<Step> {
        let row = &self.row;
        let written = match (&self.written_by, row.ticket_number.as_deref()) {
            (Some(who), Some(number)) => format!("Written by {who} on ticket #{number}, and queued."),
            (None, Some(number)) => format!("Written on ticket #{number}, and queued."),
            (_, None) => "A letter of the desk itself, queued.".to_owned(),
        };
        let mut steps = vec![Step::new(self.created_at, "queued", written)];
        steps.extend(self.events.iter().map(happened));
        steps.extend(row.deliveries.iter().map(fate));
        if row.attempts > 0 && !row.last_error.is_empty() {
            let sentence = format!(
                "The last of {} attempts came to nothing as a whole: {}",
                row.attempts, row.last_error
            );
            steps.push(Step::of_no_time("attempted", sentence));
        }
        if row.unsure {
            let sentence =
                "A link broke after the message was handed over: it may have arrived twice.".to_owned();
            steps.push(Step::of_no_time("unsure", sentence));
        }
        steps.sort_by_key(|step| step.at.unwrap_or(i64::MAX));
        steps
    }
}

fn fate(d: &Delivery) -> Step {
    let (kind, what) = match d.state {
        delivery::State::Queued => ("waiting", "waits for its turn"),
        delivery::State::Sent => ("sent", "was taken by the server"),
        delivery::State::Deferred => ("deferred", "is tried again"),
        delivery::State::Failed => ("failed", "was not sent"),
        delivery::State::Bounced => ("bounced", "came back"),
        delivery::State::Cancelled => ("cancelled", "was cancelled"),
    };
    let times = match d.attempts {
        1 => "1 attempt".to_owned(),
        n => format!("{n} attempts"),
    };
    let said = if d.answer.is_empty() { String::new() } else { format!(": {}", d.answer) };
    let sentence = format!("To {}: {what} ({times}){said}", d.recipient);
    Step { delivery: Some(d.clone()), ..Step::new(d.at, kind, sentence) }
}
