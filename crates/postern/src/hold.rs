//! `postern mail`: puts mail on hold and releases it, beside the running server too.
use crate::Program;
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use clap::Subcommand;
use courier::Clock;
use desk::db::Db;
use desk::site::mail_hold::{self, UnderWay};
use desk::{By, Desk};
use serde_json::json;
use std::time::{Duration, Instant};

#[derive(Subcommand)]
pub enum Command {
    /// Nothing is fetched, filed, refreshed or sent until it is released; pages go on. Returns when what was under way has
    /// ended
    Hold,
    /// Mail moves again
    Release,
}

/// Longer than the lease of anything that a process had begun which was killed.
const WAIT_MAX: Duration = Duration::from_secs(150);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What ends sooner is not worth a word.
const SILENT: Duration = Duration::from_secs(2);
/// Mail is on hold, and something that had begun before has not ended.
const STILL_UNDER_WAY: u8 = 1;

pub fn run(program: &Program, command: &Command) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let by = By::system(Clock::system().now());
    match command {
        Command::Hold => hold(program, &desk, &by),
        Command::Release => {
            let (done, sentence) = match desk.db.write(|tx| mail_hold::release(tx, &by))? {
                true => ("released", "Mail moves again, where a server runs."),
                false => ("nothing", "Mail was not on hold."),
            };
            output::print(program.json, &json!({ "done": done }), || format!("{sentence}\n"))
        }
    }
}

/// Says that mail is on hold when it is: nothing begins any more, and what had begun has ended.
fn hold(program: &Program, desk: &Desk, by: &By) -> Result<Done, Failure> {
    let is_new = desk.db.write(|tx| mail_hold::begin(tx, by, None))?;
    // Whoever had begun to claim something by then has it now.
    desk.db.outlast().map_err(desk::Error::from)?;
    let left = ended(&desk.db)?;
    let done = if is_new { "held" } else { "nothing" };
    let UnderWay { sending, fetching, refreshing, posting, subscribing } = left;
    let document = json!({
        "done": done,
        "under_way": {
            "sending": sending,
            "fetching": fetching,
            "refreshing": refreshing,
            "posting": posting,
            "subscribing": subscribing,
        },
    });
    output::print(program.json, &document, || match (left.is_nothing(), is_new) {
        (true, true) => "Mail is on hold until `postern mail release`.\n".to_owned(),
        (true, false) => "Mail is on hold already. `postern mail release` releases it.\n".to_owned(),
        (false, _) => format!(
            "Mail is on hold until `postern mail release`: nothing begins any more. What had begun before has not ended: {left}. \
             Look again with `postern mail hold`.\n"
        ),
    })?;
    Ok(if left.is_nothing() { Done::Fine } else { Done::Status(STILL_UNDER_WAY) })
}

/// Waits for that; what has not ended by then.
fn ended(db: &Db) -> Result<UnderWay, Failure> {
    let (began, mut told) = (Instant::now(), false);
    loop {
        let now = Clock::system().now();
        let left = db.read(|tx| mail_hold::under_way(tx, now))?;
        if left.is_nothing() || began.elapsed() > WAIT_MAX {
            return Ok(left);
        }
        if !told && began.elapsed() > SILENT {
            output::tell(&format!("Nothing begins any more. Waiting for what has begun: {left}."));
            told = true;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
