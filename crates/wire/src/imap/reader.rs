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
use crate::line::{Fault, LineStream};

pub(super) struct Reader {
    pub line: LineStream,
    pieces: Vec<Piece>,
    /// What `pieces` hold, their message aside.
    bytes: usize,
    has_body: bool,
    literal: Option<Growing>,
}

struct Growing {
    size: u64,
    left: u64,
    /// `None`: too long, only read past.
    kept: Option<Vec<u8>>,
    until: Instant,
}

/// How much of a response is taken, and how long its lines may take.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    pub line_bytes: usize,
    pub body_bytes: u64,
    pub wait: Duration,
}

pub(super) const USUAL: Limits = Limits { line_bytes: LINE_BYTES_MAX, body_bytes: 0, wait: ANSWER_TIMEOUT };

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

    pub(super) async fn read(&mut self, limits: Limits) -> Result<Response, Fault> {
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
            self.literal = Some(self.begin_literal(&line, size, limits.body_bytes));
            self.pieces.push(Piece::Text(line));
        }
    }

    /// One message a response is kept; other literals count towards the response's own limit.
    fn begin_literal(&mut self, text: &[u8], size: u64, body_bytes: u64) -> Growing {
        let is_body = response::announces_body(text) && !self.has_body;
        let is_kept = size <= if is_body { body_bytes } else { LITERAL_BYTES_MAX };
        self.has_body |= is_body;
        if is_kept && !is_body {
            self.bytes = self.bytes.saturating_add(usize::try_from(size).unwrap_or(usize::MAX));
        }
        // Something for each, so that their number is limited too.
        self.bytes = self.bytes.saturating_add(64);
        let seconds = (size / LITERAL_BYTES_PER_S_MIN).min(24 * 3600);
        Growing {
            size,
            left: size,
            kept: is_kept.then(Vec::new),
            until: Instant::now() + LITERAL_TIMEOUT + Duration::from_secs(seconds),
        }
    }

    /// Reads the rest of the literal in the air. Memory grows with what came, not with what was announced.
    async fn read_literal(&mut self) -> Result<(), Fault> {
        while let Some(literal) = &mut self.literal {
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
        if let Some(literal) = self.literal.take() {
            if let Some(record) = self.line.record() {
                record.letter('S', literal.size);
            }
            self.pieces.push(Piece::Literal(match literal.kept {
                Some(bytes) => Literal::Kept(bytes),
                None => Literal::Drained(literal.size),
            }));
        }
        Ok(())
    }
}
