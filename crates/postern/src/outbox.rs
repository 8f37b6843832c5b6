//! `postern outbox`: outgoing messages and their fate.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Paging, Program, json};
use clap::Subcommand;
use desk::By;
use desk::outgoing::outbox::{self, State};
use std::fmt::Write as _;

#[derive(Subcommand)]
pub enum Command {
    /// Outgoing messages, the newest first
    List {
        /// Those in this state alone
        #[arg(long, value_parser = ["queued", "sent", "failed", "cancelled"])]
        state: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Send again at once to those who did not get it
    Retry {
        /// As `outbox list` prints it
        id: i64,
    },
    /// What has not gone out will not
    Cancel {
        /// As `outbox list` prints it
        id: i64,
    },
}

const STATES: [(&str, State); 4] = [
    ("queued", State::Queued),
    ("sent", State::Sent),
    ("failed", State::Failed),
    ("cancelled", State::Cancelled),
];

pub fn run(program: &Program, command: Command) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let by = By::system(courier::Clock::system().now());
    match command {
        Command::List { state, paging } => {
            let state =
                state.and_then(|wanted| STATES.iter().find(|(name, _)| *name == wanted)).map(|(_, s)| *s);
            let after = paging.id_after()?;
            let rows = desk.db.read(|tx| outbox::list(tx, state, after, paging.limit + 1))?;
            let (rows, next) = paging.cut(rows, |row| row.id.to_string());
            let items = rows.iter().map(|row| json::outbox(row, name(row.state))).collect();
            output::list(program.json, items, next, || {
                rows.iter().fold(String::new(), |mut text, row| {
                    let ticket = row.ticket_number.as_deref().unwrap_or("–");
                    let tries = row.attempts;
                    let _ = writeln!(
                        text,
                        "{}  {:9}  #{ticket}  {tries} tries  {}",
                        row.id,
                        name(row.state),
                        row.last_error
                    );
                    for d in &row.deliveries {
                        let _ = writeln!(
                            text,
                            "    {}: {} {}",
                            d.recipient,
                            json::delivery_state(d.state),
                            d.answer
                        );
                    }
                    text
                })
            })
        }
        Command::Retry { id } => {
            desk.db.write(|tx| outbox::retry(tx, &by, id))?;
            done(program, id, "retry", format!("Outbox {id} is tried again at once."))
        }
        Command::Cancel { id } => {
            desk.db.write(|tx| outbox::cancel(tx, &by, id))?;
            done(program, id, "cancel", format!("Outbox {id} is cancelled."))
        }
    }
}

fn done(program: &Program, id: i64, what: &str, sentence: String) -> Result<Done, Failure> {
    output::print(program.json, &serde_json::json!({ "id": id, "done": what }), || sentence)
}
fn name(state: State) -> &'static str {
    STATES.iter().find(|(_, s)| *s == state).map_or("queued", |(name, _)| name)
}
