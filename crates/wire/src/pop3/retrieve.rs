//! Messages as raw bytes, several commands on their way at once, one message at a time, and a large one on the disk.

use std::collections::VecDeque;
use std::io;

use tokio::time::Instant;

use super::refusal::{code, refusal};
use super::session::{Session, Status};
use super::{
    ANSWER_TIMEOUT, MESSAGE_BYTES_PER_S_MIN, MESSAGE_TIMEOUT, PIPELINED_MAX, READ_PAST_BYTES_MAX,
    STALL_TIMEOUT,
};
use crate::letter::{Came, Growing, Letter, Room};
use crate::line::{Dots, Fault};
use crate::{Error, FETCHING, Kind, Result};

/// One answer.
#[derive(Debug)]
pub enum Retrieved {
    Message {
        number: u32,
        letter: Letter,
    },
    /// Over the limit: read past, not kept.
    TooBig {
        number: u32,
        size_bytes: u64,
    },
    /// The server refuses this one.
    Missing {
        number: u32,
    },
}

/// Messages being retrieved; call [`Retrieve::next`] until it gives `None`.
#[derive(Debug)]
pub struct Retrieve<'a> {
    session: &'a mut Session,
    what: What,
    room: Room,
    /// Not asked for yet.
    to_ask: VecDeque<u32>,
    /// Asked for and not answered yet.
    asked: VecDeque<u32>,
    window: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Whole,
    Header,
}

impl What {
    fn command(self, number: u32) -> String {
        match self {
            What::Whole => format!("RETR {number}"),
            What::Header => format!("TOP {number} 0"),
        }
    }
}

impl Session {
    /// Whole messages, in this order.
    pub async fn retrieve(&mut self, numbers: &[u32], room: &Room) -> Result<Retrieve<'_>> {
        Retrieve::begin(self, What::Whole, numbers, room)
    }

    /// Their header fields only (TOP). A server without it gives all as missing.
    pub async fn headers(&mut self, numbers: &[u32], room: &Room) -> Result<Retrieve<'_>> {
        Retrieve::begin(self, What::Header, numbers, room)
    }
}

impl<'a> Retrieve<'a> {
    fn begin(session: &'a mut Session, what: What, numbers: &[u32], room: &Room) -> Result<Retrieve<'a>> {
        session.begin(FETCHING)?;
        session.done();
        let window = if session.has("PIPELINING") { PIPELINED_MAX } else { 1 };
        let (to_ask, asked) = (numbers.iter().copied().collect(), VecDeque::new());
        Ok(Retrieve { session, what, room: room.clone(), to_ask, asked, window })
    }

    /// The next message, in the order in which they were asked for. Dropping the rest before its end closes the
    /// session to later commands.
    pub async fn next(&mut self) -> Result<Option<Retrieved>> {
        let tried = FETCHING;
        self.ask().await?;
        let Some(number) = self.asked.pop_front() else { return Ok(None) };
        let status = self.session.status(tried, ANSWER_TIMEOUT).await?;
        let answer = match status {
            Status::Good(_) => self.content(number).await?,
            Status::Refused(text) => {
                let error = refusal(tried, &self.session.host, &text);
                // A code says that it is not about the message.
                if error.kind() != Kind::Rejected || code(&text).is_some() {
                    self.session.state = super::session::State::Over;
                    return Err(error);
                }
                Retrieved::Missing { number }
            }
            Status::Challenge(_) => {
                return Err(self.session.broken(tried, "it asked for a line that is not due"));
            }
        };
        if self.asked.is_empty() {
            self.session.done();
        }
        Ok(Some(answer))
    }

    /// Asks for as many as may be on their way; refills when half of them are answered, so that one write asks for
    /// several.
    async fn ask(&mut self) -> Result<()> {
        if self.to_ask.is_empty() || self.asked.len() > self.window / 2 {
            return Ok(());
        }
        if self.asked.is_empty() {
            self.session.begin(FETCHING)?;
        }
        while self.asked.len() < self.window
            && let Some(number) = self.to_ask.pop_front()
        {
            self.session.queue(&self.what.command(number));
            self.asked.push_back(number);
        }
        self.session.flush(FETCHING).await
    }

    /// Up to the line with a dot alone.
    async fn content(&mut self, number: u32) -> Result<Retrieved> {
        let (begun, mut growing) = (Instant::now(), Growing::new(&self.room));
        let mut dots = Dots::default();
        loop {
            growing.settle().await.map_err(|error| self.unkept(error))?;
            let piece = self.session.line.read_piece(STALL_TIMEOUT).await;
            let piece = piece.map_err(|fault| self.session.fault(FETCHING, fault))?;
            let Some(bytes) = dots.taken_off(&piece) else { break };
            growing.push(bytes);
            let size = growing.size_bytes();
            let slow = MESSAGE_TIMEOUT.as_secs() + size / MESSAGE_BYTES_PER_S_MIN;
            if begun.elapsed().as_secs() > slow {
                return Err(self.session.fault(FETCHING, Fault::TimedOut(MESSAGE_TIMEOUT)));
            }
            if size > READ_PAST_BYTES_MAX.max(self.room.bytes_max()) {
                return Err(self.session.broken(FETCHING, "a message has no end"));
            }
        }
        if let Some(record) = self.session.line.record() {
            record.letter('S', growing.size_bytes());
        }
        Ok(match growing.end().await.map_err(|error| self.unkept(error))? {
            Came::Whole(letter) => Retrieved::Message { number, letter },
            Came::TooBig(size_bytes) => Retrieved::TooBig { number, size_bytes },
        })
    }

    fn unkept(&mut self, error: io::Error) -> Error {
        self.session.fault(FETCHING, Fault::Unkept(error))
    }
}
