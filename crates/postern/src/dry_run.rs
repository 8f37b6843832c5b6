//! `postern mailbox dry-run`: what would become of the last messages of a mailbox, before it is switched on.
use crate::output::{self, Done, Failure};
use crate::{Program, json, mailbox, open, serve};
use clap::Args;
use courier::rehearse::{self, LAST, LAST_MAX, Rehearsal, Would};
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
    let found = serve::runtime()?.block_on(rehearse::rehearse(&courier, id, asked.last))?;
    let items: Vec<Value> = found.would.iter().map(document).collect();
    let unread: Vec<Value> =
        found.unread.iter().map(|one| json!({ "folder": one.folder, "reason": one.why })).collect();
    let document = json!({ "address": asked.address, "items": items, "unread": unread });
    output::print(program.json, &document, || told(&asked.address, &found))
}

fn document(would: &Would) -> Value {
    json!({
        "received_at": json::maybe_time(would.received_at),
        "folder": Some(&would.folder).filter(|name| !name.is_empty()),
        "from": would.from,
        "subject": would.subject,
        "fate": would.fate.word(),
        "ticket": would.fate.ticket(),
        "sentence": would.fate.to_string(),
    })
}

fn told(address: &str, found: &Rehearsal) -> String {
    let Rehearsal { would, unread } = found;
    let mut text = match would.len() {
        0 => format!("There is no message in the folder of {address}.\n"),
        1 => format!("The last message of {address}; nothing was stored.\n"),
        many => format!("The last {many} messages of {address}, oldest first; nothing was stored.\n"),
    };
    for one in unread {
        let _ = writeln!(text, "The folder {} was not read, or not to its end. {}", one.folder, one.why);
    }
    for Would { received_at, folder, from, subject, fate } in would {
        let at = json::maybe_time(*received_at);
        let at = at.as_str().unwrap_or("no date");
        let folder = if folder.is_empty() { String::new() } else { format!("  {folder}") };
        let _ = write!(text, "\n{at}{folder}  {from}  {subject}\n    {fate}\n");
    }
    text
}
