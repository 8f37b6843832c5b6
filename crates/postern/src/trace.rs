//! `postern trace`: the whole life of a message, as sentences or as JSON.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, json};
use clap::Args;
use desk::intake::inbox::State;
use desk::intake::piped;
use desk::outgoing::delivery;
use desk::site::event::Event;
use desk::trace::{self, Incoming, Outgoing, Sought, Source};
use serde_json::{Value, json};
use std::fmt::Write as _;

#[derive(Args)]
pub struct Trace {
    /// A Message-ID, the address of a sender or recipient, or words of the subject
    #[arg(value_name = "MESSAGE-ID|ADDRESS|SUBJECT")]
    sought: String,
    /// How many at most in each direction, up to 1000, the newest first
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
}

/// One step of a life. What is not known of it is null.
struct Step {
    at: Option<i64>,
    kind: &'static str,
    sentence: String,
    source: Option<Source>,
    /// The recipient, what the server said, how often it was tried.
    delivery: Option<(String, String, i64)>,
}
impl Step {
    fn new(at: i64, kind: &'static str, sentence: String) -> Step {
        Step { at: Some(at), kind, sentence, source: None, delivery: None }
    }
    fn json(&self) -> Value {
        let source = self.source.as_ref();
        let delivery = self.delivery.as_ref();
        json!({
            "at": json::maybe_time(self.at),
            "step": self.kind,
            "sentence": self.sentence,
            "folder": source.map(|source| &source.folder),
            "uid_validity": source.map(|source| source.uid_validity),
            "uid": source.map(|source| source.uid),
            "recipient": delivery.map(|(recipient, ..)| recipient),
            "answer": delivery.and_then(|(_, answer, _)| Some(answer).filter(|answer| !answer.is_empty())),
            "attempts": delivery.map(|(.., attempts)| attempts),
        })
    }
}

pub fn run(program: &Program, asked: &Trace) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let text = asked.sought.trim();
    if text.is_empty() {
        return Err(Failure::usage("Name a Message-ID, an address, or words of a subject."));
    }
    let readings = readings(text);
    let mut found = None;
    for sought in &readings {
        let trace = desk.db.read(|tx| trace::find(tx, sought, asked.limit))?;
        if !trace.incoming.is_empty() || !trace.outgoing.is_empty() {
            found = Some((sought, trace));
            break;
        }
    }
    let Some((sought, trace)) = found else { return Err(Failure::NotFound(unknown(text, &readings))) };
    let lives: Vec<(Value, String, Vec<Step>)> =
        trace.incoming.iter().map(came).chain(trace.outgoing.iter().map(went)).collect();
    let items: Vec<Value> = lives
        .iter()
        .map(|(about, _, steps)| {
            let mut item = about.clone();
            item["steps"] = steps.iter().map(Step::json).collect();
            item
        })
        .collect();
    let document = json!({ "sought": text, "by": by(sought), "items": items, "more": trace.more });
    output::print(program.json, &document, || {
        let mut out = String::new();
        for (_, title, steps) in &lives {
            let _ = writeln!(out, "{title}");
            for step in steps {
                let at = json::maybe_time(step.at);
                let _ =
                    writeln!(out, "  {}  {}", at.as_str().unwrap_or("at an unknown time    "), step.sentence);
            }
        }
        if trace.more {
            let _ = writeln!(out, "There are more; --limit shows them.");
        }
        out
    })
}

/// What the text may be, the narrowest first.
fn readings(text: &str) -> Vec<Sought> {
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
fn by(sought: &Sought) -> &'static str {
    match sought {
        Sought::MessageId(_) => "message_id",
        Sought::Address(_) => "address",
        Sought::Subject(_) => "subject",
    }
}
fn unknown(text: &str, readings: &[Sought]) -> String {
    let places: Vec<&str> = readings
        .iter()
        .map(|sought| match sought {
            Sought::MessageId(_) => "as a Message-ID among all messages that came and went",
            Sought::Address(_) => {
                "as an address among the senders of tickets and of ignored and held mail, and among all recipients"
            }
            Sought::Subject(_) => "as a subject among tickets, their entries, and ignored and held mail",
        })
        .collect();
    format!(
        "Nothing is known of “{text}”. It was looked for {}. What was never fetched is not here: `postern doctor ADDRESS` \
         says whether a mailbox can be.",
        places.join("; ")
    )
}

fn place(source: &Source) -> String {
    match source.folder.as_str() {
        piped::FOLDER => format!("handed over by a mail server (number {})", source.uid),
        folder => format!(
            "in the folder {folder} under the UID {} (UIDVALIDITY {})",
            source.uid, source.uid_validity
        ),
    }
}

fn came(life: &Incoming) -> (Value, String, Vec<Step>) {
    let row = &life.row;
    let (id, sha256) = (row.message_id.as_deref(), json::hex(&row.sha256));
    let title = format!(
        "Incoming message {} of {}: {}, Message-ID {}",
        row.id,
        row.mailbox,
        row.state.as_str(),
        id.unwrap_or("none")
    );
    let mut steps = Vec::new();
    for (n, source) in life.sources.iter().enumerate() {
        let place = place(source);
        let piped = source.folder == piped::FOLDER;
        let (kind, sentence) = match n {
            0 if piped => ("piped", format!("Stored, {place}: {} bytes, SHA-256 {sha256}.", row.size_bytes)),
            0 => ("fetched", format!("Fetched, {place}: {} bytes, SHA-256 {sha256}.", row.size_bytes)),
            _ => ("known_again", format!("The same content came again, {place}; nothing was stored.")),
        };
        steps.push(Step { source: Some(source.clone()), ..Step::new(source.at, kind, sentence) });
        if let Some(at) = source.settled_at.filter(|_| !piped) {
            let sentence =
                "Done on the server as the mailbox says (marked, moved, deleted or left).".to_owned();
            steps.push(Step::new(at, "settled_on_server", sentence));
        }
    }
    steps.extend(life.events.iter().map(happened));
    steps.push(outcome(life));
    steps.sort_by_key(|step| step.at);
    let about = json!({
        "direction": "in",
        "id": row.id,
        "mailbox": row.mailbox,
        "message_id": id,
        "sha256": sha256,
        "size": row.size_bytes,
        "received_at": json::time(row.received_at),
        "state": row.state.as_str(),
        "reason_code": Some(&life.reason_code).filter(|code| !code.is_empty()),
        "reason": Some(&row.reason).filter(|reason| !reason.is_empty()),
        "ticket": row.ticket_number,
        "entry": row.entry_id,
        "written_by": null,
    });
    (about, title, steps)
}
fn outcome(life: &Incoming) -> Step {
    let row = &life.row;
    let number = row.ticket_number.as_deref().unwrap_or("?");
    let silently = if life.silent { ", silently, as old mail" } else { "" };
    let (kind, sentence) = match row.state {
        State::Filed => {
            let entry = row.entry_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
            ("filed", format!("Filed on ticket #{number} as entry {entry}{silently}."))
        }
        State::Ignored => ("ignored", format!("Ignored. {}", row.reason)),
        State::Held => ("held", format!("Held for a person. {}", row.reason)),
        State::Failed => ("failed", format!("Not filed after {} attempts. {}", life.attempts, row.reason)),
        State::New if life.attempts == 0 => ("waiting", "Waits to be filed.".to_owned()),
        State::New => ("waiting", format!("Waits to be filed again. {}", row.reason)),
    };
    Step::new(life.decided_at, kind, sentence.trim_end().to_owned())
}
/// What a person did with it.
fn happened(event: &Event) -> Step {
    let who = event.actor.name();
    let (kind, what) = match event.kind.as_str() {
        "accepted" => ("accepted_by_person", "decided that it becomes a ticket"),
        "ignored" => ("ignored_by_person", "decided that it is ignored"),
        "retried" => ("retried", "asked for another try"),
        "cancelled" => ("cancelled_by_person", "cancelled what had not gone out"),
        _ => ("event", event.kind.as_str()),
    };
    Step::new(event.at, kind, format!("{who}: {what}."))
}

fn went(life: &Outgoing) -> (Value, String, Vec<Step>) {
    let row = &life.row;
    let title = format!(
        "Outgoing message {} of {}: {}, Message-ID {}",
        row.id,
        row.mailbox,
        row.state.as_str(),
        row.message_id
    );
    let number = row.ticket_number.as_deref();
    let written = match (&life.written_by, number) {
        (Some(who), Some(number)) => format!("Written by {who} on ticket #{number}, and queued."),
        (None, Some(number)) => format!("Written on ticket #{number}, and queued."),
        (_, None) => "A letter of the desk itself, queued.".to_owned(),
    };
    let mut steps = vec![Step::new(life.created_at, "queued", written)];
    steps.extend(life.events.iter().map(happened));
    steps.extend(row.deliveries.iter().map(fate));
    if row.attempts > 0 && !row.last_error.is_empty() {
        let sentence =
            format!("The last of {} attempts came to nothing as a whole: {}", row.attempts, row.last_error);
        steps.push(Step { at: None, ..Step::new(0, "attempted", sentence) });
    }
    if row.unsure {
        let sentence =
            "A link broke after the message was handed over: it may have arrived twice.".to_owned();
        steps.push(Step { at: None, ..Step::new(0, "unsure", sentence) });
    }
    // What has no time of its own stands last.
    steps.sort_by_key(|step| step.at.unwrap_or(i64::MAX));
    let about = json!({
        "direction": "out",
        "id": row.id,
        "mailbox": row.mailbox,
        "message_id": row.message_id,
        "sha256": row.sha256.as_deref().map(json::hex),
        "size": null,
        "received_at": null,
        "state": row.state.as_str(),
        "reason_code": null,
        "reason": Some(&row.last_error).filter(|error| !error.is_empty()),
        "ticket": number,
        "entry": row.entry_id,
        "written_by": life.written_by,
    });
    (about, title, steps)
}
fn fate(d: &delivery::Delivery) -> Step {
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
    Step {
        delivery: Some((d.recipient.clone(), d.answer.clone(), d.attempts)),
        ..Step::new(d.at, kind, sentence)
    }
}
