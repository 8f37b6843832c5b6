//! `postern inbox`: raw messages and what became of them.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Paging, Program, json};
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use desk::By;
use desk::intake::held;
use desk::intake::inbox::{self, State};
use std::fmt::Write as _;

#[derive(Subcommand)]
pub enum Command {
    /// Raw messages, the newest first
    List {
        /// Those in this state alone
        #[arg(long, value_parser = state())]
        state: Option<State>,
        #[command(flatten)]
        paging: Paging,
    },
    /// File a message again that failed, was held or ignored
    Retry {
        /// As `inbox list` prints it
        id: i64,
    },
    /// Make a ticket of a message that is held, was ignored or failed
    Accept {
        /// As `inbox list` prints it
        id: i64,
    },
    /// Ignore a message that is held or failed
    Ignore {
        /// As `inbox list` prints it
        id: i64,
    },
}

fn state() -> impl TypedValueParser<Value = State> {
    let words = PossibleValuesParser::new(["new", "filed", "ignored", "held", "failed"]);
    words.map(|word| State::read(&word).expect("invariant: each of these words is a state"))
}

pub fn run(program: &Program, command: Command) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let by = By::system(courier::Clock::system().now());
    match command {
        Command::List { state, paging } => {
            let after = paging.id_after()?;
            let rows = desk.db.read(|tx| inbox::list(tx, state, after, paging.limit + 1))?;
            let (rows, next) = paging.cut(rows, |row| row.id.to_string());
            let items = rows.iter().map(json::inbox).collect();
            output::list(program.json, items, next, || {
                rows.iter().fold(String::new(), |mut text, row| {
                    let id = row.message_id.as_deref().unwrap_or("no Message-ID");
                    let place =
                        row.ticket_number.as_ref().map_or(row.reason.clone(), |n| format!("ticket #{n}"));
                    let state = row.state.as_str();
                    let _ = writeln!(text, "{}  {state:7}  {}  {id}  {place}", row.id, row.mailbox);
                    text
                })
            })
        }
        Command::Retry { id } => {
            let sentence = match desk.db.write(|tx| inbox::retry(tx, &by, id))? {
                inbox::Retried::Filed => format!("Message {id} is filed again at the next round."),
                inbox::Retried::Asked => {
                    format!("The server is asked for message {id} again at the next round.")
                }
            };
            output::done(program.json, id, "retry", &sentence)
        }
        Command::Accept { id } => {
            let row = desk.db.write(|tx| {
                held::accept(tx, &by, id)?;
                inbox::find(tx, id)
            })?;
            let sentence =
                match row.filter(|row| row.state != inbox::State::New).and_then(|row| row.ticket_number) {
                    Some(number) => format!("Message {id} is on ticket #{number} already."),
                    None => format!("Message {id} becomes a ticket at the next round."),
                };
            output::done(program.json, id, "accept", &sentence)
        }
        Command::Ignore { id } => {
            desk.db.write(|tx| held::ignore(tx, &by, id))?;
            let sentence = format!("Message {id} is ignored.");
            output::done(program.json, id, "ignore", &sentence)
        }
    }
}
