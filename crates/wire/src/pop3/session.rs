//! The link itself: commands out, answers in.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::refusal::refusal;
use super::{ANSWER_TIMEOUT, LINE_BYTES_MAX, QUIT_TIMEOUT, WRITE_TIMEOUT};
use crate::line::{Fault, LineStream};
use crate::{Error, Result};

/// One link to a mailbox. When a call is dropped in the middle, or the link breaks, every later call is refused:
/// connect again.
#[derive(Debug)]
pub struct Session {
    pub(super) line: LineStream,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) state: State,
    /// What CAPA told, a line each, in upper case.
    pub(super) capabilities: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    /// A command was begun and its end not seen.
    Busy,
    Over,
}

/// The first line of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// `+OK`
    Good(String),
    /// `-ERR`
    Refused(String),
    /// `+`: it waits for the next line of a sign-in.
    Challenge(String),
}

impl Session {
    pub(super) fn new(line: LineStream, host: &str, port: u16) -> Session {
        Session { line, host: host.to_owned(), port, state: State::Ready, capabilities: Vec::new() }
    }

    /// Whether the server offers a capability (`UIDL`, `TOP`, `PIPELINING`); after login those of then.
    pub fn has(&self, capability: &str) -> bool {
        self.parameters(capability).is_some()
    }

    /// What the server offers, in its order, with its parameters; after login what it said then.
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// The words after a capability's name.
    pub(super) fn parameters(&self, capability: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|line| {
            let (name, parameters) = line.split_once(' ').unwrap_or((line, ""));
            name.eq_ignore_ascii_case(capability).then_some(parameters)
        })
    }

    /// Whether the link takes another command: what the last one came to was said to its end.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Begins a command; [`Session::done`] ends it.
    pub(super) fn begin(&mut self, tried: &str) -> Result<()> {
        match self.state {
            State::Ready => {
                self.state = State::Busy;
                Ok(())
            }
            State::Busy => Err(Error::transient(tried, &self.host)
                .remedy("an earlier command on this link was given up: connect again")),
            State::Over => {
                Err(Error::transient(tried, &self.host).remedy("the link is closed: connect again"))
            }
        }
    }

    pub(super) fn done(&mut self) {
        if self.state == State::Busy {
            self.state = State::Ready;
        }
    }

    /// One command that is answered in one line. `tried` completes "could not …".
    pub(super) async fn command(&mut self, tried: &str, command: &str) -> Result<String> {
        self.begin(tried)?;
        let status = self.send(tried, command, ANSWER_TIMEOUT).await?;
        self.done();
        self.good(tried, status)
    }

    /// One line out and the status that answers it, whatever it is.
    pub(super) async fn send(&mut self, tried: &str, command: &str, wait: Duration) -> Result<Status> {
        self.queue(command);
        self.flush(tried).await?;
        self.status(tried, wait).await
    }

    /// A line of a sign-in, which no record may have.
    pub(super) async fn send_secret(
        &mut self,
        tried: &str,
        before: &str,
        line: &SecretString,
    ) -> Result<Status> {
        self.line.queue(before.as_bytes());
        self.line.queue_secret(line.expose_secret().as_bytes());
        self.line.queue(b"\r\n");
        self.flush(tried).await?;
        self.status(tried, ANSWER_TIMEOUT).await
    }

    pub(super) fn queue(&mut self, command: &str) {
        self.line.queue(command.as_bytes());
        self.line.queue(b"\r\n");
    }

    pub(super) async fn flush(&mut self, tried: &str) -> Result<()> {
        let flushed = self.line.flush(WRITE_TIMEOUT).await;
        flushed.map_err(|fault| self.fault(tried, fault))
    }

    pub(super) async fn status(&mut self, tried: &str, wait: Duration) -> Result<Status> {
        let line = self.text_line(tried, wait).await?;
        parse(&line).ok_or_else(|| self.broken(tried, "its answer is no POP3: check the port"))
    }

    /// `+OK`, or the error of its refusal.
    pub(super) fn good(&mut self, tried: &str, status: Status) -> Result<String> {
        match status {
            Status::Good(text) => Ok(text),
            Status::Refused(text) => Err(refusal(tried, &self.host, &text)),
            Status::Challenge(_) => Err(self.broken(tried, "it asked for a line that is not due")),
        }
    }

    /// The lines of an answer up to the one with a dot alone, each given to `collect`, which may refuse one.
    pub(super) async fn lines(
        &mut self,
        tried: &str,
        lines_max: usize,
        mut collect: impl FnMut(&str) -> bool,
    ) -> Result<()> {
        for _ in 0..=lines_max {
            let line = self.text_line(tried, ANSWER_TIMEOUT).await?;
            match line.strip_prefix('.') {
                Some("") => return Ok(()),
                unstuffed => {
                    if !collect(unstuffed.unwrap_or(&line)) {
                        return Err(self.broken(tried, "its list cannot be read"));
                    }
                }
            }
        }
        Err(self.broken(tried, "its answer has no end"))
    }

    async fn text_line(&mut self, tried: &str, wait: Duration) -> Result<String> {
        let line = self.line.read_line(LINE_BYTES_MAX, wait).await;
        let line = line.map_err(|fault| self.fault(tried, fault))?;
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    pub(super) fn fault(&mut self, tried: &str, fault: Fault) -> Error {
        self.state = State::Over;
        fault.into_error(tried, &self.host)
    }

    pub(super) fn broken(&mut self, tried: &str, why: &str) -> Error {
        self.state = State::Over;
        Error::broken(tried, &self.host).remedy(why)
    }

    /// Marks a message to be deleted, which happens with a good [`Session::quit`] and not before.
    pub async fn delete(&mut self, number: u32) -> Result<()> {
        self.command("delete a message", &format!("DELE {number}")).await.map(drop)
    }

    /// Closes the link without QUIT: nothing is deleted, and the server lets go of the mailbox (RFC 1939 §6), which it keeps
    /// locked while the link stands.
    pub fn hang_up(&mut self) {
        self.state = State::Over;
        self.line.close();
    }

    /// Ends the session, and deletes what was marked. An error: nothing is known to be deleted.
    pub async fn quit(mut self) -> Result<()> {
        let tried = "end the session";
        self.begin(tried)?;
        let status = self.send(tried, "QUIT", QUIT_TIMEOUT).await?;
        self.good(tried, status).map(drop)
    }
}

fn parse(line: &str) -> Option<Status> {
    let (word, text) = line.split_once(' ').unwrap_or((line, ""));
    let text = text.trim().to_owned();
    match word {
        "+" => Some(Status::Challenge(text)),
        _ if word.eq_ignore_ascii_case("+OK") => Some(Status::Good(text)),
        _ if word.eq_ignore_ascii_case("-ERR") => Some(Status::Refused(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_of_three_and_everything_else_is_no_pop3() {
        for (line, status) in [
            ("+OK ready", Some(Status::Good("ready".into()))),
            ("+ok", Some(Status::Good(String::new()))),
            ("-ERR  [IN-USE] later", Some(Status::Refused("[IN-USE] later".into()))),
            ("+ ", Some(Status::Challenge(String::new()))),
            ("+", Some(Status::Challenge(String::new()))),
            ("+ eyJ9", Some(Status::Challenge("eyJ9".into()))),
            ("+OKAY", None),
            ("* OK ready", None),
            ("220 ready", None),
            ("", None),
        ] {
            assert_eq!(parse(line), status, "{line}");
        }
    }
}
