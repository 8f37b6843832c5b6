//! `postern trace`: the whole life of a message, as sentences or as JSON.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, json};
use clap::Args;
use desk::trace::{self, Incoming, Outgoing, Sought, Step};
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

fn step(of: &Step) -> Value {
    let (source, delivery) = (of.source.as_ref(), of.delivery.as_ref());
    json!({
        "at": json::maybe_time(of.at),
        "step": of.kind,
        "sentence": of.sentence,
        "folder": source.map(|source| &source.folder),
        "uid_validity": source.map(|source| source.uid_validity),
        "uid": source.map(|source| source.uid),
        "recipient": delivery.map(|delivery| &delivery.recipient),
        "answer": delivery.map(|delivery| &delivery.answer).filter(|answer| !answer.is_empty()),
        "attempts": delivery.map(|delivery| delivery.attempts),
    })
}

pub fn run(program: &Program, asked: &Trace) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let text = asked.sought.trim();
    let text = mail::address::in_brackets(text).unwrap_or(text);
    if text.is_empty() {
        return Err(Failure::usage("Name a Message-ID, an address, or words of a subject."));
    }
    let (sought, trace) = desk.db.read(|tx| trace::look(tx, text, asked.limit))?;
    if trace.incoming.is_empty() && trace.outgoing.is_empty() {
        let elsewhere =
            "What was never fetched is not here: `postern doctor ADDRESS` says whether a mailbox can be.";
        return Err(Failure::NotFound(format!("{} {elsewhere}", trace::unknown(text))));
    }
    let lives: Vec<(Value, String, Vec<Step>)> =
        trace.incoming.iter().map(came).chain(trace.outgoing.iter().map(went)).collect();
    let items: Vec<Value> = lives
        .iter()
        .map(|(about, _, steps)| {
            let mut item = about.clone();
            item["steps"] = steps.iter().map(step).collect();
            item
        })
        .collect();
    let document = json!({ "sought": text, "by": by(&sought), "items": items, "more": trace.more });
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

fn by(sought: &Sought) -> &'static str {
    match sought {
        Sought::MessageId(_) => "message_id",
        Sought::Address(_) => "address",
        Sought::Subject(_) => "subject",
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
    (about, title, life.steps())
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
    (about, title, life.steps())
}
