//! `postern inbox`: raw messages and what became of them.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Paging, Program, json};
use clap::Subcommand;
use desk::By;
use desk::intake::held;
use desk::intake::inbox::{self, State};
use std::fmt::Write as _;

#[derive(Subcommand)]
pub enum Command {
    /// Raw messages, the newest first
    List {
        /// Those in this state alone
        #[arg(long, value_parser = ["new", "filed", "ignored", "held", "failed"])]
        state: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// File a message again that failed, was held or ignored
    Retry {
        /// As `inbox list` prints it
        id: i64,
    },
    /// Make a ticket of a message that is held or was ignored
    Accept {
        /// As `inbox list` prints it
        id: i64,
    },
    /// Ignore a message that is held
    Ignore {
        /// As `inbox list` prints it
        id: i64,
    },
}

const STATES: [(&str, State); 5] = [
    ("new", State::New),
    ("filed", State::Filed),
    ("ignored", State::Ignored),
    ("held", State::Held),
    ("failed", State::Failed),
];

pub fn run(program: &Program, command: Command) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let by = By::system(courier::Clock::system().now());
    match command {
        Command::List { state, paging } => {
            let state =
                state.and_then(|wanted| STATES.iter().find(|(name, _)| *name == wanted)).map(|(_, s)| *s);
            let after = paging.id_after()?;
            let rows = desk.db.read(|tx| inbox::list(tx, state, after, paging.limit + 1))?;
            let (rows, next) = paging.cut(rows, |row| row.id.to_string());
            let items = rows.iter().map(|row| json::inbox(row, name(row.state))).collect();
            output::list(program.json, items, next, || {
                rows.iter().fold(String::new(), |mut text, row| {
                    let id = row.message_id.as_deref().unwrap_or("no Message-ID");
                    let place =
                        row.ticket_number.as_ref().map_or(row.reason.clone(), |n| format!("ticket #{n}"));
                    let _ =
                        writeln!(text, "{}  {:7}  {}  {id}  {place}", row.id, name(row.state), row.mailbox);
                    text
                })
            })
        }
        Command::Retry { id } => {
            desk.db.write(|tx| inbox::retry(tx, &by, id))?;
            done(program, id, "retry", "is filed again at the next round.")
        }
        Command::Accept { id } => {
            desk.db.write(|tx| held::accept(tx, &by, id))?;
            done(program, id, "accept", "becomes a ticket at the next round.")
        }
        Command::Ignore { id } => {
            desk.db.write(|tx| held::ignore(tx, &by, id))?;
            done(program, id, "ignore", "is ignored.")
        }
    }
}

fn done(program: &Program, id: i64, what: &str, sentence: &str) -> Result<Done, Failure> {
    output::print(program.json, &serde_json::json!({ "id": id, "done": what }), || {
        format!("Message {id} {sentence}")
    })
}

fn name(state: State) -> &'static str {
    STATES.iter().find(|(_, s)| *s == state).map_or("new", |(name, _)| name)
}
