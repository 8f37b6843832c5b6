//! `postern message inspect` and `thread`: what Postern understands of a message. No configuration, no
//! database, no network.
use crate::output::{self, Done, Failure};
use clap::Subcommand;
use std::io::Read as _;

#[derive(Subcommand)]
pub enum Command {
    /// One JSON object a message
    Inspect {
        /// A message as it came off the wire; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
    /// Which messages would end on one ticket
    Thread {
        /// A message as it came off the wire; - is standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<String>,
    },
}

/// A file is read up to this; past it the message is over its size limit anyway.
const READ_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Every file was answered, and at least one is over a limit.
const OVER_A_LIMIT: u8 = 3;

pub fn run(command: Command) -> Result<Done, Failure> {
    match command {
        Command::Inspect { files } => {
            let mut over = false;
            for file in &files {
                let value = mail::inspect::inspect(file, &read(file)?);
                over |= value["ok"] == serde_json::Value::Bool(false);
                output::write(&(mail::inspect::line(&value) + "\n"))?;
            }
            Ok(if over { Done::Status(OVER_A_LIMIT) } else { Done::Fine })
        }
        Command::Thread { files } => {
            let mut links = Vec::new();
            for file in &files {
                links.push(mail::thread::Link::read(&read(file)?));
            }
            let value = mail::inspect::thread(&links);
            output::write(&(mail::inspect::line(&value) + "\n"))
        }
    }
}

fn read(file: &str) -> Result<Vec<u8>, Failure> {
    let mut raw = Vec::new();
    let done = match file {
        "-" => std::io::stdin().lock().take(READ_BYTES_MAX).read_to_end(&mut raw),
        path => std::fs::File::open(path).and_then(|f| f.take(READ_BYTES_MAX).read_to_end(&mut raw)),
    };
    done.map_err(|e| Failure::Failed(anyhow::anyhow!("cannot read {file}: {e}")))?;
    Ok(raw)
}
