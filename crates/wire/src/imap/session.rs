//! The link itself: commands out, responses in, and what may come unasked at any time.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::reader::{Limits, Reader, USUAL};
use super::refusal::{self, refusal};
use super::response::{Condition, Response, Tagged, Untagged, Words};
use super::{BYE_TIMEOUT, COMMAND_TIMEOUT, RESPONSES_MAX, WRITE_TIMEOUT};
use crate::line::{Fault, LineStream};
use crate::{Error, Result};

/// One link to a server. When a call is dropped in the middle (save `idle`), or the link breaks, every later
/// call is refused: connect again.
#[derive(Debug)]
pub struct Session {
    pub(super) reader: Reader,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) state: State,
    pub(super) capabilities: Vec<String>,
    /// Messages in the selected folder, and whether some came since the last search.
    pub(super) exists: u32,
    pub(super) recent: u32,
    pub(super) news: bool,
    pub(super) highest_mod_seq: Option<u64>,
    /// QRESYNC is enabled.
    pub(super) tells_changes: bool,
    bye: Option<Words>,
    last_tag: u32,
    /// The command's end must be seen until then, and within so many responses.
    until: Instant,
    pub(super) responses_left: usize,
}

#[derive(Debug)]
pub(super) enum State {
    Ready,
    /// A command was begun and its end not seen.
    Busy,
    Idling {
        tag: String,
        phase: Phase,
    },
    Over,
}

/// How far an IDLE is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// IDLE was sent, the server's `+` not seen.
    Asked,
    Accepted,
    /// DONE was sent, the answer not seen.
    Leaving,
}

/// Responses that are read from a link that takes no more commands.
const LAST_RESPONSES_MAX: usize = 20;

impl Session {
    pub(super) fn new(line: LineStream, host: &str, port: u16) -> Session {
        Session {
            reader: Reader::new(line),
            host: host.to_owned(),
            port,
            state: State::Ready,
            capabilities: Vec::new(),
            exists: 0,
            recent: 0,
            news: false,
            highest_mod_seq: None,
            tells_changes: false,
            bye: None,
            last_tag: 0,
            until: Instant::now() + COMMAND_TIMEOUT,
            responses_left: RESPONSES_MAX,
        }
    }

    /// Whether the server offers a capability (`MOVE`, `IDLE`, `UIDPLUS`); after login those of then.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|offered| offered.eq_ignore_ascii_case(capability))
    }

    /// Whether the link takes another command: what the last one came to was said to its end.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready) && self.bye.is_none()
    }

    /// Messages in the selected folder, as the server told last.
    pub fn exists(&self) -> u32 {
        self.exists
    }

    /// Whether the server has told of more since the last list.
    pub fn has_news(&self) -> bool {
        self.news
    }

    /// HIGHESTMODSEQ of the selected folder when it was opened (RFC 7162 §3.1.2): it grows with every message that comes
    /// and every flag that changes, and with CONDSTORE alone not with what is expunged. `None`: the server keeps none.
    pub fn highest_mod_seq(&self) -> Option<u64> {
        self.highest_mod_seq
    }

    /// Whether the server tells what has changed in a folder ([`Session::changes_since`]).
    pub fn tells_changes(&self) -> bool {
        self.tells_changes && self.highest_mod_seq.is_some()
    }

    /// What the server offers, in its order; after login what it said then.
    pub fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// Runs one command to its end. `tried` completes "could not …"; what the server tells goes to `collect`.
    pub(super) async fn run(
        &mut self,
        tried: &str,
        command: &str,
        limits: Limits<'_>,
        mut collect: impl FnMut(Untagged),
    ) -> Result<Words> {
        let tag = self.start(tried, command).await?;
        loop {
            match self.next(tried, limits).await? {
                Response::Untagged(untagged) => collect(untagged),
                Response::Tagged(tagged) => return self.end(tried, &tag, tagged),
                Response::Continuation(_) => {
                    return Err(self.broken(tried, "it asked for a line that is not due"));
                }
            }
        }
    }

    /// Sends a command; the session is busy until [`Session::end`] saw its answer.
    pub(super) async fn start(&mut self, tried: &str, command: &str) -> Result<String> {
        self.start_with(tried, command, None).await
    }

    /// The same with a last word that no record may have.
    pub(super) async fn start_with(
        &mut self,
        tried: &str,
        command: &str,
        secret: Option<&SecretString>,
    ) -> Result<String> {
        self.ready(tried).await?;
        let tag = self.tag();
        self.state = State::Busy;
        self.allow(COMMAND_TIMEOUT);
        self.reader.line.queue(tag.as_bytes());
        self.reader.line.queue(b" ");
        self.reader.line.queue(command.as_bytes());
        if let Some(secret) = secret {
            self.reader.line.queue(b" ");
            self.reader.line.queue_secret(secret.expose_secret().as_bytes());
        }
        self.reader.line.queue(b"\r\n");
        self.flush(tried).await?;
        Ok(tag)
    }

    /// How long the server may take from now to the end of the command (or the next message).
    pub(super) fn allow(&mut self, time: Duration) {
        self.until = Instant::now() + time;
        self.responses_left = RESPONSES_MAX;
    }

    pub(super) fn tag(&mut self) -> String {
        self.last_tag = self.last_tag.wrapping_add(1);
        format!("A{}", self.last_tag)
    }

    /// The command's answer: OK gives its words, NO and BAD are errors, another's tag breaks the protocol.
    pub(super) fn end(&mut self, tried: &str, tag: &str, tagged: Tagged) -> Result<Words> {
        if tagged.tag != tag {
            return Err(self.broken(tried, "it answered a command that was not given"));
        }
        if !matches!(self.state, State::Over) {
            self.state = State::Ready;
        }
        match tagged.condition {
            Condition::Ok => Ok(tagged.words),
            Condition::No | Condition::Bad => {
                Err(refusal(tried, &self.host, tagged.condition, &tagged.words))
            }
        }
    }

    /// Leaves IDLE if need be; refuses when the link can no longer be trusted.
    pub(super) async fn ready(&mut self, tried: &str) -> Result<()> {
        self.leave_idle(tried).await?;
        match self.state {
            State::Ready => Ok(()),
            State::Busy | State::Idling { .. } => Err(Error::transient(tried, &self.host)
                .remedy("an earlier command on this link was given up: connect again")),
            State::Over => Err(self.closed(tried, "the link is closed: connect again")),
        }
    }

    pub(super) async fn flush(&mut self, tried: &str) -> Result<()> {
        let Err(fault) = self.reader.line.flush(WRITE_TIMEOUT).await else { return Ok(()) };
        if matches!(fault, Fault::Closed | Fault::Io(_)) {
            self.last_words().await;
        }
        Err(self.fault(tried, fault))
    }

    /// A server that closed the link often said why before (BYE), and nobody has read it yet.
    async fn last_words(&mut self) {
        for _ in 0..LAST_RESPONSES_MAX {
            match self.reader.read(Limits { wait: BYE_TIMEOUT, ..USUAL }).await {
                Ok(Response::Untagged(untagged)) => self.absorb(&untagged),
                Ok(Response::Tagged(_) | Response::Continuation(_)) => {}
                Err(_) => break,
            }
        }
    }

    /// The next response, after taking note of what any response may tell. Cancel-safe.
    pub(super) async fn next(&mut self, tried: &str, limits: Limits<'_>) -> Result<Response> {
        self.responses_left = self.responses_left.saturating_sub(1);
        if self.responses_left == 0 || Instant::now() > self.until {
            return Err(self.broken(tried, "its answer has no end"));
        }
        let wait = if self.bye.is_some() { BYE_TIMEOUT } else { limits.wait };
        let response = self.reader.read(Limits { wait, ..limits }).await;
        let response = response.map_err(|fault| self.fault(tried, fault))?;
        if let Response::Untagged(untagged) = &response {
            self.absorb(untagged);
        }
        Ok(response)
    }

    fn absorb(&mut self, untagged: &Untagged) {
        match untagged {
            Untagged::Exists(count) => {
                self.news |= *count > self.exists;
                self.exists = *count;
            }
            // Some servers announce what comes by this alone; what they have said already is no news.
            Untagged::Recent(count) => {
                self.news |= *count > self.recent;
                self.recent = *count;
            }
            Untagged::Expunge => self.exists = self.exists.saturating_sub(1),
            Untagged::Vanished { is_earlier: false, runs } => {
                let gone = runs.iter().map(|(first, last)| (last - first).saturating_add(1));
                self.exists = gone.fold(self.exists, u32::saturating_sub);
            }
            Untagged::Capability(capabilities) => self.capabilities.clone_from(capabilities),
            Untagged::Bye(words) => self.bye = Some(words.clone()),
            Untagged::Status(..)
            | Untagged::Vanished { .. }
            | Untagged::Enabled(_)
            | Untagged::PreAuth
            | Untagged::Search(_)
            | Untagged::Fetch(_)
            | Untagged::List { .. }
            | Untagged::MailboxStatus(_)
            | Untagged::MyRights(_)
            | Untagged::Other => {}
        }
    }

    pub(super) fn fault(&mut self, tried: &str, fault: Fault) -> Error {
        self.state = State::Over;
        match (&fault, &self.bye) {
            (Fault::Closed | Fault::Io(_) | Fault::TimedOut(_), Some(_)) => {
                self.closed(tried, "the server closed the link")
            }
            _ => fault.into_error(tried, &self.host),
        }
    }

    /// The link is gone: with the words of BYE, which are often the only reason given.
    fn closed(&self, tried: &str, otherwise: &str) -> Error {
        match &self.bye {
            Some(words) => refusal::bye(tried, &self.host, words),
            None => Error::transient(tried, &self.host).remedy(otherwise),
        }
    }

    pub(super) fn broken(&mut self, tried: &str, why: &str) -> Error {
        self.state = State::Over;
        Error::broken(tried, &self.host).remedy(why)
    }

    /// Says goodbye; a server that closes at once is fine.
    pub async fn logout(mut self) -> Result<()> {
        match self.run("sign out", "LOGOUT", USUAL, |_| {}).await {
            Err(_) if self.bye.is_some() => Ok(()),
            ended => ended.map(|_| ()),
        }
    }
}
