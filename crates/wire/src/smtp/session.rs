//! The link itself: commands out, answers in.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;

use super::reply::{Reply, parse_line};
use super::{ANSWER_TIMEOUT, LINE_BYTES_MAX, QUIT_TIMEOUT, REPLY_LINES_MAX};
use crate::line::{Fault, LineStream};
use crate::{Error, Result};

/// One link to a submission server; several messages may go over it, one after the other. When a call is dropped
/// in the middle, or the link breaks, every later call is refused: connect again.
#[derive(Debug)]
pub struct Session {
    pub(super) line: LineStream,
    pub(super) host: String,
    pub(super) port: u16,
    /// What EHLO offered: keyword in upper case, parameters.
    pub(super) keywords: Vec<(String, String)>,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    /// A conversation was begun and its end not seen.
    Busy,
    Over,
}

impl Session {
    pub(super) fn new(line: LineStream, host: &str, port: u16) -> Session {
        Session { line, host: host.to_owned(), port, keywords: Vec::new(), state: State::Ready }
    }

    /// Whether EHLO offered a keyword (`SMTPUTF8`, `PIPELINING`).
    pub fn has(&self, keyword: &str) -> bool {
        self.parameters(keyword).is_some()
    }

    /// What EHLO offered, in its order, with its parameters.
    pub fn keywords(&self) -> impl Iterator<Item = String> {
        self.keywords
            .iter()
            .map(|(keyword, parameters)| format!("{keyword} {parameters}").trim_end().to_owned())
    }

    pub(super) fn parameters(&self, keyword: &str) -> Option<&str> {
        let offered = self.keywords.iter().find(|(offered, _)| offered.eq_ignore_ascii_case(keyword));
        offered.map(|(_, parameters)| parameters.as_str())
    }

    /// The announced SIZE (RFC 1870), if any; 0 there means "not told".
    pub fn size_max_bytes(&self) -> Option<u64> {
        self.parameters("SIZE")?.trim().parse().ok().filter(|size| *size > 0)
    }

    /// Begins a conversation; [`Session::done`] ends it.
    pub(super) fn begin(&mut self, tried: &str) -> Result<()> {
        match self.state {
            State::Ready => {
                self.state = State::Busy;
                Ok(())
            }
            State::Busy => Err(Error::transient(tried, &self.host)
                .remedy("an earlier conversation on this link was given up: connect again")),
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

    /// One command and its answer, whatever it is.
    pub(super) async fn command(&mut self, tried: &str, command: &str, wait: Duration) -> Result<Reply> {
        self.queue(command);
        self.flush(tried, ANSWER_TIMEOUT).await?;
        self.reply(tried, wait).await
    }

    /// A line of a sign-in, which no record may have.
    pub(super) async fn secret(&mut self, tried: &str, line: &SecretString) -> Result<Reply> {
        self.line.queue_secret(line.expose_secret().as_bytes());
        self.line.queue(b"\r\n");
        self.flush(tried, ANSWER_TIMEOUT).await?;
        self.reply(tried, ANSWER_TIMEOUT).await
    }

    pub(super) fn queue(&mut self, command: &str) {
        self.line.queue(command.as_bytes());
        self.line.queue(b"\r\n");
    }

    pub(super) async fn flush(&mut self, tried: &str, wait: Duration) -> Result<()> {
        let flushed = self.line.flush(wait).await;
        flushed.map_err(|fault| self.fault(tried, fault))
    }

    /// The next answer. 421 says that the server closes the link.
    pub(super) async fn reply(&mut self, tried: &str, wait: Duration) -> Result<Reply> {
        match timeout(wait, self.lines(tried, wait)).await {
            Ok(reply) => reply,
            Err(_) => Err(self.fault(tried, Fault::TimedOut(wait))),
        }
    }

    async fn lines(&mut self, tried: &str, wait: Duration) -> Result<Reply> {
        let mut reply: Option<Reply> = None;
        for _ in 0..REPLY_LINES_MAX {
            let line = self.line.read_line(LINE_BYTES_MAX, wait).await;
            let line = line.map_err(|fault| self.fault(tried, fault))?;
            let Some((code, more, text)) = parse_line(&line) else { break };
            let reply = reply.get_or_insert_with(|| Reply { code, lines: Vec::new() });
            if reply.code != code {
                break;
            }
            reply.lines.push(text);
            if !more {
                if code == 421 {
                    self.state = State::Over;
                }
                return Ok(reply.clone());
            }
        }
        self.state = State::Over;
        Err(Error::broken(tried, &self.host).remedy("its answer is no SMTP: check the port"))
    }

    pub(super) fn fault(&mut self, tried: &str, fault: Fault) -> Error {
        self.state = State::Over;
        fault.into_error(tried, &self.host)
    }

    /// Forgets a transaction that was begun, so that the next one starts clean.
    pub(super) async fn reset(&mut self, tried: &str) -> Result<()> {
        let reply = self.command(tried, "RSET", ANSWER_TIMEOUT).await?;
        if reply.is_ok() {
            return Ok(());
        }
        self.state = State::Over;
        Err(reply.refusal(tried, &self.host))
    }

    /// Says goodbye. What was sent is sent, whatever comes back.
    pub async fn quit(mut self) {
        if self.begin("sign out").is_ok() {
            let _farewell = self.command("sign out", "QUIT", QUIT_TIMEOUT).await;
        }
    }
}
