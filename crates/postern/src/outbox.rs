//! `postern outbox`: outgoing messages and their fate.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Paging, Program, json};
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use desk::By;
use desk::outgoing::outbox::{self, State};
use std::fmt::Write as _;

#[derive(Subcommand)]
pub enum Command {
    /// Outgoing messages, the newest first
    List {
        /// Those in this state alone
        #[arg(long, value_parser = state())]
        state: Option<State>,
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

fn state() -> impl TypedValueParser<Value = State> {
    let words = PossibleValuesParser::new(["queued", "sent", "failed", "cancelled"]);
    words.map(|word| State::read(&word).expect("invariant: each of these words is a state"))
}

pub fn run(program: &Program, command: Command) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let by = By::system(courier::Clock::system().now());
    match command {
        Command::List { state, paging } => {
            let after = paging.id_after()?;
            let rows = desk.db.read(|tx| outbox::list(tx, state, after, paging.limit + 1))?;
            let (rows, next) = paging.cut(rows, |row| row.id.to_string());
            let items = rows.iter().map(json::outbox).collect();
            output::list(program.json, items, next, || {
                rows.iter().fold(String::new(), |mut text, row| {
                    let ticket = row.ticket_number.as_deref().unwrap_or("–");
                    let tries = row.attempts;
                    let state = row.state.as_str();
                    let _ =
                        writeln!(text, "{}  {state:9}  #{ticket}  {tries} tries  {}", row.id, row.last_error);
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
            let sentence = format!("Outbox {id} is tried again at once.");
            output::done(program.json, id, "retry", &sentence)
        }
        Command::Cancel { id } => {
            desk.db.write(|tx| outbox::cancel(tx, &by, id))?;
            let sentence = format!("Outbox {id} is cancelled.");
            output::done(program.json, id, "cancel", &sentence)
        }
    }
}
