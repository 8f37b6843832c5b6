//! `postern ticket`: look at tickets.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Paging, Program, json};
use clap::Subcommand;
use desk::outgoing::delivery::{self, Sending};
use desk::people::viewer::Viewer;
use desk::site::event;
use desk::tickets::queue::{self, After, Wanted};
use desk::tickets::{entry, search, ticket};
use std::collections::HashMap;
use std::fmt::Write as _;

#[derive(Subcommand)]
pub enum Command {
    /// Tickets, the last written to first
    List {
        /// open, closed, or both
        #[arg(long, value_delimiter = ',', default_value = "open,closed", value_parser = ["open", "closed"])]
        state: Vec<String>,
        /// A number, an address, or words
        #[arg(long, value_name = "WORDS")]
        query: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// One ticket with its thread and events
    Show {
        /// The ticket's number
        number: String,
    },
}

/// A thread longer than this is cut at its beginning.
const ENTRIES_MAX: i64 = 10_000;

pub fn run(program: &Program, command: Command) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    match command {
        Command::List { state, query, paging } => {
            let after = paging.after.as_deref().map(|text| {
                After::parse(text)
                    .ok_or_else(|| Failure::usage(format!("--after {text}: not the `next` of a page")))
            });
            let after = after.transpose()?;
            let has = |wanted: &str| state.iter().any(|s| s == wanted);
            let wanted = Wanted { open: has("open"), closed: has("closed"), requester_id: None };
            let page = desk.db.read(|tx| match &query {
                Some(words) => {
                    search::find(tx, &Viewer::Operator, &wanted, words, after.as_ref(), paging.limit)
                }
                None => queue::list(tx, &Viewer::Operator, &wanted, after.as_ref(), paging.limit),
            })?;
            let items = page.lines.iter().map(json::ticket_line).collect();
            let next = page.next.as_ref().map(After::to_text);
            output::list(program.json, items, next, || {
                let mut text = String::new();
                for line in &page.lines {
                    let who = line.requester_name.as_ref().unwrap_or(&line.requester_address);
                    let state = json::ticket_state(line.state);
                    let _ = writeln!(text, "#{}  {state:6}  {}  ({who})", line.number, line.subject);
                }
                text
            })
        }
        Command::Show { number } => {
            let number = number.trim_start_matches('#');
            let found = desk.db.read(|tx| {
                let Some(ticket) = ticket::find(tx, &Viewer::Operator, number)? else {
                    return Ok::<_, desk::Error>(None);
                };
                let entries = entry::list(tx, &Viewer::Operator, ticket.id, None, ENTRIES_MAX)?;
                let events = event::list(tx, event::Subject::Ticket(ticket.id), ENTRIES_MAX)?;
                let sendings = delivery::of_entries(tx, entries.iter().map(|entry| entry.id))?;
                Ok(Some((ticket, entries, sendings, events)))
            })?;
            let Some((ticket, entries, sendings, events)) = found else {
                return Err(Failure::NotFound(format!("There is no ticket #{number}.")));
            };
            output::print(program.json, &json::ticket(&ticket, &entries, &sendings, &events), || {
                thread(&ticket, &entries, &sendings)
            })
        }
    }
}

fn thread(ticket: &ticket::Ticket, entries: &[entry::Entry], sendings: &HashMap<i64, Sending>) -> String {
    let assignee = ticket.assignee.as_ref().map_or("nobody", |(_, name)| name);
    let mut text = format!(
        "#{} {}\n{} · {} · assigned to {assignee} · from {}\n",
        ticket.number,
        ticket.subject,
        json::ticket_state(ticket.state),
        ticket.department,
        ticket.requester_address
    );
    for entry in entries {
        let who = entry.from_name.as_ref().or(entry.from_address.as_ref()).map_or("", String::as_str);
        let kind = match entry.kind {
            entry::Kind::Message => "",
            entry::Kind::Reply => " (reply)",
            entry::Kind::Note => " (internal note)",
        };
        let at = json::time(entry.at);
        let _ =
            write!(text, "\n{who}{kind}, {}\n{}\n", at.as_str().unwrap_or_default(), entry.text.trim_end());
        for file in &entry.attachments {
            let _ = writeln!(text, "[{}, {} bytes]", file.name, file.size_bytes);
        }
        for delivery in sendings.get(&entry.id).iter().flat_map(|sending| &sending.deliveries) {
            let state = json::delivery_state(delivery.state);
            let _ = writeln!(text, "→ {}: {state} {}", delivery.recipient, delivery.answer);
        }
    }
    text
}
