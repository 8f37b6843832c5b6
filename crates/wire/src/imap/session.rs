//! The link itself: commands out, responses in, and what may come unasked at any time.

use std::time::Duration;

use tokio::time::Instant;

use super::refusal::{self, refusal};
use super::response::{self, Condition, Literal, Piece, Response, Tagged, Untagged, Words};
use super::{
    ANSWER_TIMEOUT, BYE_TIMEOUT, COMMAND_TIMEOUT, LINE_BYTES_MAX, LITERAL_BYTES_MAX, LITERAL_BYTES_PER_S_MIN,
    LITERAL_TIMEOUT, RESPONSE_BYTES_MAX, RESPONSES_MAX, STALL_TIMEOUT, WRITE_TIMEOUT,
};
use crate::line::{Fault, LineStream};
use crate::{Error, Result};

/// One link to a server. When a call is dropped in the middle (save `idle`), or the link breaks, every later
/// call is refused: connect again.
#[derive(Debug)]
pub struct Session {
    pub(super) line: LineStream,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) state: State,
    pub(super) capabilities: Vec<String>,
    /// Messages in the selected folder, and whether some came since the last search.
    pub(super) exists: u32,
    pub(super) news: bool,
    bye: Option<Words>,
    last_tag: u32,
    partial: Partial,
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

/// A response that is not whole yet; kept here so that a dropped read loses nothing.
#[derive(Default)]
struct Partial {
    pieces: Vec<Piece>,
    bytes: usize,
    literal: Option<Growing>,
}

impl std::fmt::Debug for Partial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Partial").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

struct Growing {
    size: u64,
    left: u64,
    /// `None`: too long, only read past.
    kept: Option<Vec<u8>>,
    until: Instant,
}

/// How much of a response is taken.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub line_bytes: usize,
    pub body_bytes: u64,
    pub wait: Duration,
}

pub(super) const USUAL: Limits = Limits { line_bytes: LINE_BYTES_MAX, body_bytes: 0, wait: ANSWER_TIMEOUT };

/// Responses that are read from a link that takes no more commands.
const LAST_RESPONSES_MAX: usize = 20;

impl Session {
    pub(super) fn new(line: LineStream, host: &str, port: u16) -> Session {
        Session {
            line,
            host: host.to_owned(),
            port,
            state: State::Ready,
            capabilities: Vec::new(),
            exists: 0,
            news: false,
            bye: None,
            last_tag: 0,
            partial: Partial::default(),
        }
    }

    /// Whether the server offers a capability (`MOVE`, `IDLE`, `UIDPLUS`); after login those of then.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|offered| offered.eq_ignore_ascii_case(capability))
    }

    /// Runs one command to its end. `tried` completes "could not …"; what the server tells goes to `collect`.
    pub(super) async fn run(
        &mut self,
        tried: &str,
        command: &str,
        limits: Limits,
        mut collect: impl FnMut(Untagged),
    ) -> Result<Words> {
        let tag = self.start(tried, command).await?;
        let until = Instant::now() + COMMAND_TIMEOUT;
        for _ in 0..RESPONSES_MAX {
            match self.next(tried, limits).await? {
                Response::Untagged(untagged) => collect(untagged),
                Response::Tagged(tagged) => return self.end(tried, &tag, tagged),
                Response::Continuation(_) => {
                    return Err(self.broken(tried, "it asked for a line that is not due"));
                }
            }
            if Instant::now() > until {
                break;
            }
        }
        Err(self.broken(tried, "its answer has no end"))
    }

    /// Sends a command; the session is busy until [`Session::end`] saw its answer.
    pub(super) async fn start(&mut self, tried: &str, command: &str) -> Result<String> {
        self.ready(tried).await?;
        let tag = self.tag();
        self.state = State::Busy;
        self.line.queue(tag.as_bytes());
        self.line.queue(b" ");
        self.line.queue(command.as_bytes());
        self.line.queue(b"\r\n");
        self.flush(tried).await?;
        Ok(tag)
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
        let Err(fault) = self.line.flush(WRITE_TIMEOUT).await else { return Ok(()) };
        if matches!(fault, Fault::Closed | Fault::Io(_)) {
            self.last_words().await;
        }
        Err(self.fault(tried, fault))
    }

    /// A server that closed the link often said why before (BYE), and nobody has read it yet.
    async fn last_words(&mut self) {
        for _ in 0..LAST_RESPONSES_MAX {
            match self.read(Limits { wait: BYE_TIMEOUT, ..USUAL }).await {
                Ok(Response::Untagged(untagged)) => self.absorb(&untagged),
                Ok(Response::Tagged(_) | Response::Continuation(_)) => {}
                Err(_) => break,
            }
        }
    }

    /// The next response, after taking note of what any response may tell. Cancel-safe.
    pub(super) async fn next(&mut self, tried: &str, limits: Limits) -> Result<Response> {
        let response = self.read(limits).await.map_err(|fault| self.fault(tried, fault))?;
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
            Untagged::Expunge => self.exists = self.exists.saturating_sub(1),
            Untagged::Capability(capabilities) => self.capabilities.clone_from(capabilities),
            Untagged::Bye(words) => self.bye = Some(words.clone()),
            Untagged::Recent(_)
            | Untagged::Status(..)
            | Untagged::PreAuth
            | Untagged::Search(_)
            | Untagged::Fetch(_)
            | Untagged::List { .. }
            | Untagged::MailboxStatus(_)
            | Untagged::Other => {}
        }
    }

    async fn read(&mut self, limits: Limits) -> Result<Response, Fault> {
        let wait = if self.bye.is_some() { BYE_TIMEOUT } else { limits.wait };
        loop {
            if self.partial.literal.is_some() {
                self.read_literal().await?;
                continue;
            }
            let mut line = self.line.read_line(limits.line_bytes, wait).await?.to_vec();
            self.partial.bytes = self.partial.bytes.saturating_add(line.len());
            if self.partial.bytes > RESPONSE_BYTES_MAX.max(limits.line_bytes) {
                return Err(Fault::TooLong(RESPONSE_BYTES_MAX));
            }
            let continues = !self.partial.pieces.is_empty() || response::may_hold_literals(&line);
            let announced = if continues { response::announced_literal(&line) } else { Ok(None) };
            let Some((end, size)) = announced.map_err(|()| Fault::TooLong(RESPONSE_BYTES_MAX))? else {
                self.partial.pieces.push(Piece::Text(line));
                return Ok(response::parse(std::mem::take(&mut self.partial).pieces));
            };
            line.truncate(end);
            let max = if response::announces_body(&line) { limits.body_bytes } else { LITERAL_BYTES_MAX };
            let seconds = (size / LITERAL_BYTES_PER_S_MIN).min(24 * 3600);
            self.partial.literal = Some(Growing {
                size,
                left: size,
                kept: (size <= max).then(Vec::new),
                until: Instant::now() + LITERAL_TIMEOUT + Duration::from_secs(seconds),
            });
            self.partial.pieces.push(Piece::Text(line));
        }
    }

    /// Reads the rest of the literal in the air. Memory grows with what came, not with what was announced.
    async fn read_literal(&mut self) -> Result<(), Fault> {
        while let Some(literal) = &mut self.partial.literal {
            if literal.left == 0 {
                break;
            }
            if Instant::now() > literal.until {
                return Err(Fault::TimedOut(LITERAL_TIMEOUT));
            }
            let some = self.line.read_some(literal.left, STALL_TIMEOUT).await?;
            literal.left = literal.left.saturating_sub(some.len() as u64);
            if let Some(kept) = &mut literal.kept {
                kept.extend_from_slice(&some);
            }
        }
        if let Some(literal) = self.partial.literal.take() {
            self.partial.pieces.push(Piece::Literal(match literal.kept {
                Some(bytes) => Literal::Kept(bytes),
                None => Literal::Drained(literal.size),
            }));
        }
        // Each literal brings at least a line, so that their number is limited too.
        self.partial.bytes = self.partial.bytes.saturating_add(64);
        Ok(())
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

    pub async fn noop(&mut self) -> Result<()> {
        self.run("keep the link open", "NOOP", USUAL, |_| {}).await.map(|_| ())
    }

    /// Says goodbye; a server that closes at once is fine.
    pub async fn logout(mut self) -> Result<()> {
        match self.run("sign out", "LOGOUT", USUAL, |_| {}).await {
            Err(_) if self.bye.is_some() => Ok(()),
            ended => ended.map(|_| ()),
        }
    }
}
