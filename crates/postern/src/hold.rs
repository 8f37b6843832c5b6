//! `postern mail`: puts mail on hold and releases it, beside the running server too.
use crate::Program;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use clap::Subcommand;
use courier::Clock;
use desk::By;
use desk::site::mail_hold;
use serde_json::json;

#[derive(Subcommand)]
pub enum Command {
    /// Nothing is fetched, filed, refreshed or sent until it is released; pages go on
    Hold,
    /// Mail moves again
    Release,
}

pub fn run(program: &Program, command: &Command) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let by = By::system(Clock::system().now());
    let (done, sentence) = match command {
        Command::Hold => match desk.db.write(|tx| mail_hold::begin(tx, &by, None))? {
            true => ("held", "Mail is on hold until `postern mail release`."),
            false => ("nothing", "Mail is on hold already. `postern mail release` releases it."),
        },
        Command::Release => match desk.db.write(|tx| mail_hold::release(tx, &by))? {
            true => ("released", "Mail moves again, where a server runs."),
            false => ("nothing", "Mail was not on hold."),
        },
    };
    output::print(program.json, &json!({ "done": done }), || format!("{sentence}\n"))
}
