//! `postern index`: the index of words, by which entries are found. It holds nothing that the entries do not hold too, so it can
//! always be made anew.
use crate::Program;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use clap::Subcommand;
use desk::tickets::index;
use serde_json::json;
use std::time::{Duration, Instant};

#[derive(Subcommand)]
pub enum Command {
    /// Make it anew from the entries, beside the running server too; broken off, it goes on where it was
    Rebuild,
}

/// Between two lines about how far it is.
const TELL_EVERY: Duration = Duration::from_secs(2);

pub fn run(program: &Program, command: &Command) -> Result<Done, Failure> {
    let Command::Rebuild = command;
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let goes_on = index::damage(&desk.db)?.is_none() && desk.db.read(index::missing_before)?.is_some();
    if !goes_on {
        desk.db.renew_words().map_err(desk::Error::from)?;
    }
    let (mut entries, mut told_at) = (0, Instant::now());
    loop {
        let filled = desk.db.write(index::fill)?;
        entries += filled.entries;
        let Some(rest) = filled.rest else { break };
        if told_at.elapsed() >= TELL_EVERY {
            output::tell(&format!("{entries} entries are done; those before number {rest} are left.\n"));
            told_at = Instant::now();
        }
    }
    let document = json!({ "done": "rebuilt", "entries": entries, "went_on": goes_on });
    output::print(program.json, &document, || {
        let done =
            if goes_on { "The index of words is whole again" } else { "The index of words was made anew" };
        format!("{done}: {entries} entries were put into it.\n")
    })
}
