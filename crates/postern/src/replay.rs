//! `postern replay`: stored raw mail, filed again by this version into a desk of its own, and what comes out otherwise.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::scratch::Scratch;
use crate::{Program, json, mailbox};
use clap::Args;
use courier::Clock;
use courier::replay::{self, Tally};
use desk::intake::replay::{Difference, Ending, Range};
use serde_json::{Value, json};
use std::fmt::Write as _;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

#[derive(Args)]
pub struct Replay {
    /// Messages that were stored in so many last days
    #[arg(long, value_name = "COUNT", default_value_t = 30, value_parser = clap::value_parser!(i64).range(1..=36_500))]
    days: i64,
    /// So many of the newest of them
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(i64).range(1..))]
    last: Option<i64>,
    /// Those of one mailbox, by its address
    #[arg(long, value_name = "ADDRESS")]
    mailbox: Option<String>,
    /// How many differences are shown at most
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

pub fn run(program: &Program, asked: &Replay) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let mailbox_id = match &asked.mailbox {
        Some(address) => Some(mailbox::find(&desk, address)?.id),
        None => None,
    };
    let now = Clock::system().now();
    let range = Range { since: Some(now.saturating_sub(asked.days * DAY_MS)), last: asked.last, mailbox_id };
    let scratch = Scratch::make()?;
    let mut shown = Vec::new();
    let tally = replay::replay(&desk, scratch.folder(), &range, now, |difference| {
        if shown.len() < usize::from(asked.limit) {
            shown.push(difference);
        }
    })?;
    let document = json!({
        "messages": tally.messages,
        "different": tally.different,
        "items": shown.iter().map(document).collect::<Vec<Value>>(),
    });
    output::print(program.json, &document, || told(tally, &shown))
}

fn document(of: &Difference) -> Value {
    let changes: Vec<Value> = of
        .changes
        .iter()
        .map(|change| json!({ "field": change.field, "then": change.then, "now": change.now }))
        .collect();
    json!({
        "id": of.inbox_id,
        "received_at": json::time(of.received_at),
        "from": of.from,
        "subject": of.subject,
        "then": ending(&of.then),
        "now": ending(&of.now),
        "changes": changes,
    })
}

fn ending(of: &Ending) -> Value {
    json!({
        "state": of.state.as_str(),
        "reason_code": Some(&of.code).filter(|code| !code.is_empty()),
        "ticket": of.place.as_ref().map(|place| place.number()),
        "sentence": of.to_string(),
    })
}

fn told(tally: Tally, shown: &[Difference]) -> String {
    let Tally { messages, different } = tally;
    let of = match messages {
        0 => return "There is no message in that time.\n".to_owned(),
        1 => "1 message was filed again".to_owned(),
        _ => format!("{messages} messages were filed again"),
    };
    let come_out = match different {
        0 if messages == 1 => "it comes out as it did".to_owned(),
        0 => "all come out as they did".to_owned(),
        1 => "1 comes out otherwise".to_owned(),
        _ => format!("{different} come out otherwise"),
    };
    let mut text = format!("{of} by this version, in a desk of its own: {come_out}. Nothing was changed.\n");
    for one in shown {
        let at = json::time(one.received_at);
        let at = at.as_str().unwrap_or_default();
        let _ = write!(text, "\n{at}  {}  {}  (message {})\n", one.from, one.subject, one.inbox_id);
        let _ = write!(text, "    then: {}\n    now:  {}\n", one.then, one.now);
        for change in &one.changes {
            let _ = write!(
                text,
                "    {}, then: {}\n    {:width$}   now: {}\n",
                change.field,
                change.then,
                "",
                change.now,
                width = change.field.len()
            );
        }
    }
    if different > shown.len() {
        let _ = writeln!(text, "\nThere are {} more; --limit shows them.", different - shown.len());
    }
    text
}
