//! Whole responses from the stream: lines and literals put together, each with its limit.
//!
//! Reading is cancel-safe: a response that is not whole yet is kept here.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::response::{self, Literal, Piece, Response};
use super::{
    ANSWER_TIMEOUT, LINE_BYTES_MAX, LITERAL_BYTES_MAX, LITERAL_BYTES_PER_S_MIN, LITERAL_TIMEOUT,
    RESPONSE_BYTES_MAX, STALL_TIMEOUT,
};
use crate::Result;
use crate::letter::{Came, Growing, Room};
use crate::line::{Fault, LineStream};

pub(super) struct Reader {
    pub line: LineStream,
    pieces: Vec<Piece>,
    /// What `pieces` hold, their message aside.
    bytes: usize,
    has_body: bool,
    literal: Option<Coming>,
}

/// A literal that is coming.
struct Coming {
    size: u64,
    left: u64,
    taken: Taken,
    until: Instant,
}

enum Taken {
    Text(Vec<u8>),
    Message(Growing),
    /// Too long, only read past.
    Nothing,
}

/// How much of a response is taken, and how long its lines may take.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    pub line_bytes: usize,
    /// For its message; without, a message is read past.
    pub room: Option<&'a Room>,
    pub wait: Duration,
}

pub(super) const USUAL: Limits<'_> = Limits { line_bytes: LINE_BYTES_MAX, room: None, wait: ANSWER_TIMEOUT };

impl fmt::Debug for Reader {
    /// Never the bytes: they hold mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(line: LineStream) -> Reader {
        Reader { line, pieces: Vec::new(), bytes: 0, has_body: false, literal: None }
    }

    pub(super) async fn read(&mut self, limits: Limits<'_>) -> Result<Response, Fault> {
        loop {
            if self.literal.is_some() {
                self.read_literal().await?;
                continue;
            }
            let mut line = self.line.read_line(limits.line_bytes, limits.wait).await?.to_vec();
            self.bytes = self.bytes.saturating_add(line.len());
            if self.bytes > RESPONSE_BYTES_MAX.max(limits.line_bytes) {
                return Err(Fault::TooLong(RESPONSE_BYTES_MAX));
            }
            let continues = !self.pieces.is_empty() || response::may_hold_literals(&line);
            let announced = if continues { response::announced_literal(&line) } else { Ok(None) };
            let Some((end, size)) = announced.map_err(|()| Fault::TooLong(RESPONSE_BYTES_MAX))? else {
                self.pieces.push(Piece::Text(line));
                (self.bytes, self.has_body) = (0, false);
                return Ok(response::parse(std::mem::take(&mut self.pieces)));
            };
            line.truncate(end);
            self.literal = Some(self.begin_literal(&line, size, limits.room));
            self.pieces.push(Piece::Text(line));
        }
    }

    /// One message a response is kept; other literals count towards the response's own limit.
    fn begin_literal(&mut self, text: &[u8], size: u64, room: Option<&Room>) -> Coming {
        let is_body = response::announces_body(text) && !self.has_body;
        self.has_body |= is_body;
        let taken = match room.filter(|room| size <= room.bytes_max()) {
            Some(room) if is_body => Taken::Message(Growing::new(room)),
            _ if size > LITERAL_BYTES_MAX || is_body => Taken::Nothing,
            _ => {
                self.bytes = self.bytes.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
                Taken::Text(Vec::new())
            }
        };
        // Something for each, so that their number is limited too.
        self.bytes = self.bytes.saturating_add(64);
        let seconds = (size / LITERAL_BYTES_PER_S_MIN).min(24 * 3600);
        Coming {
            size,
            left: size,
            taken,
            until: Instant::now() + LITERAL_TIMEOUT + Duration::from_secs(seconds),
        }
    }

    /// Reads the rest of the literal in the air. Memory and disk grow with what came, not with what was announced.
    async fn read_literal(&mut self) -> Result<(), Fault> {
        while let Some(literal) = &mut self.literal {
            if let Taken::Message(growing) = &mut literal.taken {
                // Before more is read, so that whoever drops this loses nothing.
                growing.settle().await.map_err(Fault::Unkept)?;
            }
            if literal.left == 0 {
                break;
            }
            if Instant::now() > literal.until {
                return Err(Fault::TimedOut(LITERAL_TIMEOUT));
            }
            let some = self.line.read_some(literal.left, STALL_TIMEOUT).await?;
            literal.left = literal.left.saturating_sub(some.len() as u64);
            match &mut literal.taken {
                Taken::Text(bytes) => bytes.extend_from_slice(&some),
                Taken::Message(growing) => growing.push(&some),
                Taken::Nothing => {}
            }
        }
        let Some(Coming { size, taken, .. }) = &mut self.literal else { return Ok(()) };
        let (size, literal) = match taken {
            Taken::Text(bytes) => (*size, Literal::Kept(std::mem::take(bytes))),
            Taken::Message(growing) => match growing.end().await.map_err(Fault::Unkept)? {
                Came::Whole(letter) => (*size, Literal::Message(letter)),
                Came::TooBig(_) => (*size, Literal::Drained(*size)),
            },
            Taken::Nothing => (*size, Literal::Drained(*size)),
        };
        self.literal = None;
        if let Some(record) = self.line.record() {
            record.letter('S', size);
        }
        self.pieces.push(Piece::Literal(literal));
        Ok(())
    }
}
