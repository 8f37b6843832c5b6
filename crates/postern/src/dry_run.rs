//! `postern mailbox dry-run`: what would become of the last messages of a mailbox, before it is switched on.
use crate::output::{self, Done, Failure};
use crate::{Program, json, mailbox, open, serve};
use clap::Args;
use courier::rehearse::{self, LAST, LAST_MAX, Would};
use desk::Desk;
use serde_json::{Value, json};
use std::fmt::Write as _;
use url::Url;

#[derive(Args)]
pub struct DryRun {
    /// The mailbox's address
    address: String,
    /// So many of them, 200 at most
    #[arg(long, default_value_t = LAST, value_parser = clap::value_parser!(u16).range(1..=i64::from(LAST_MAX)))]
    last: u16,
}

pub fn run(program: &Program, desk: Desk, site: Url, asked: &DryRun) -> Result<Done, Failure> {
    let id = mailbox::find(&desk, &asked.address)?.id;
    let providers = open::providers(&desk.db)?;
    let courier = serve::courier(&program.config, desk, providers, site)?;
    let would = serve::runtime()?.block_on(rehearse::rehearse(&courier, id, asked.last))?;
    let items: Vec<Value> = would.iter().map(document).collect();
    output::print(program.json, &json!({ "address": asked.address, "items": items }), || {
        told(&asked.address, &would)
    })
}

fn document(would: &Would) -> Value {
    json!({
        "received_at": json::maybe_time(would.received_at),
        "from": would.from,
        "subject": would.subject,
        "fate": would.fate.word(),
        "ticket": would.fate.ticket(),
        "sentence": would.fate.to_string(),
    })
}

fn told(address: &str, would: &[Would]) -> String {
    let mut text = match would.len() {
        0 => format!("There is no message in the folder of {address}.\n"),
        1 => format!("The last message of {address}; nothing was stored.\n"),
        many => format!("The last {many} messages of {address}, oldest first; nothing was stored.\n"),
    };
    for Would { received_at, from, subject, fate } in would {
        let at = json::maybe_time(*received_at);
        let _ = write!(text, "\n{}  {from}  {subject}\n    {fate}\n", at.as_str().unwrap_or("no date"));
    }
    text
}
