//! `postern pipe`: takes one message from standard input for a mail server on this machine. That server decides by the
//! exit status (`sysexits.h`) whether it tries again, so every trouble that may pass is 75, and none loses the message.
use crate::open::{self, Missing};
use crate::output::{self, Done, Failure};
use crate::{Program, mailbox};
use anyhow::Context as _;
use clap::Args;
use desk::Desk;
use desk::mailboxes::mailbox::Mailbox;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use wire::letter::{Came, Letter};

pub const USAGE: u8 = 64;
const DATA_ERROR: u8 = 65;
const NO_USER: u8 = 67;
const TRY_AGAIN: u8 = 75;

#[derive(Args)]
pub struct Pipe {
    /// The mailbox of the desk that the message came to
    address: String,
}

/// Whether arguments that are not understood ask for this command.
pub fn is_asked_for(arguments: impl IntoIterator<Item = OsString>) -> bool {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let argument = argument.to_string_lossy();
        if !argument.starts_with('-') {
            return argument == "pipe";
        }
        if argument != "--json" && !argument.contains('=') {
            arguments.next(); // the value of the flag
        }
    }
    false
}

/// The exit status, also where Postern itself is at fault.
pub fn ended(run: impl FnOnce() -> Result<Done, Failure>) -> ExitCode {
    let failure = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(_)) => return ExitCode::SUCCESS,
        Ok(Err(failure)) => failure,
        Err(_) => Failure::Failed(anyhow::anyhow!("Postern failed; the message was not taken. Report this.")),
    };
    output::complain(&failure);
    ExitCode::from(match failure {
        // The arguments were understood, so it is the configuration: a slip there must not send mail back.
        Failure::Usage(_) => TRY_AGAIN,
        Failure::NotFound(_) => NO_USER,
        Failure::BadInput(_) => DATA_ERROR,
        Failure::Failed(_) => TRY_AGAIN,
    })
}

pub fn run(program: &Program, asked: &Pipe) -> Result<Done, Failure> {
    let desk = open::desk(&program.config, Missing::Refuse)?;
    let mailbox = mailbox::find(&desk, &asked.address)?;
    let letter = read(&desk, &mailbox)?;
    let taken = courier::pipe::take(&desk, mailbox.id, &letter, courier::Clock::system().now())?;
    if program.json {
        let done = if taken.known { "known" } else { "stored" };
        let document =
            serde_json::json!({ "address": mailbox.address, "inbox": taken.inbox_id, "done": done });
        // It is stored, and whoever asks for it again would only hear the same.
        let _ = output::print(true, &document, String::new);
    }
    Ok(Done::Fine)
}

/// To the end in any case: who writes is not to be told by a broken pipe.
fn read(desk: &Desk, mailbox: &Mailbox) -> Result<Letter, Failure> {
    let room = courier::pipe::room(&desk.store);
    let refused =
        |why: &str| Err(Failure::BadInput(format!("A message to {} was not taken: {why}.", mailbox.address)));
    let came = Letter::read(std::io::stdin().lock(), &room).with_context(|| {
        let to = &mailbox.address;
        format!("A message to {to} cannot be kept now; make room on the disk of the data folder, and hand it over again")
    });
    match came? {
        Came::TooBig(_) => refused(&format!("it is larger than {} MB", room.bytes_max() / (1024 * 1024))),
        // No mail server hands over nothing: something between it and here is broken, and what it has it keeps.
        Came::Whole(letter) if letter.size_bytes() == 0 => Err(Failure::Failed(anyhow::anyhow!(
            "Nothing came on standard input for {}: it was closed, or what should have written the message ended before it did. \
             Hand it over again",
            mailbox.address
        ))),
        Came::Whole(letter) if letter.is_blank()? => refused("it holds nothing but empty lines"),
        Came::Whole(letter) => Ok(letter),
    }
}
