//! A stream read by lines and counted bytes, each with a limit and a time-out; shared by IMAP, POP3, SMTP and LMTP.
//!
//! Reading a line and writing out are cancel-safe: what was read stays buffered, what was not written stays
//! queued.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use crate::deflate::Deflated;
use crate::net::{BoxStream, Secure};
use crate::{Error, Kind, Record, Result as Told, Server};

/// What one read from the socket takes at most.
const READ_BYTES: usize = 16 * 1024;
/// What a piece of a long line has at least.
const PIECE_BYTES_MAX: usize = 4 * 1024;

pub(crate) struct LineStream {
    stream: BoxStream,
    input: BytesMut,
    output: BytesMut,
    record: Option<Record>,
}

/// How reading or writing failed.
#[derive(Debug)]
pub(crate) enum Fault {
    Closed,
    TimedOut(Duration),
    TooLong(usize),
    Io(io::Error),
    /// What came could not be written down here.
    Unkept(io::Error),
}

/// The dots of the transfer in a text that ends with a line of a dot alone (RFC 5321 §4.5.2, RFC 1939 §3).
///
/// Only CRLF, dot, CRLF ends it. A bare LF beside the dot is content: whoever takes it for the end lets a letter end itself,
/// and smuggle in another or go on as the server.
pub(crate) struct Dots {
    at_line_start: bool,
    after_cr: bool,
}

impl Default for Dots {
    /// A text begins as a line does.
    fn default() -> Dots {
        Dots { at_line_start: true, after_cr: false }
    }
}

impl Dots {
    /// What the next piece of [`LineStream::read_piece`] holds, without the dot that hides one. `None`: the end.
    pub(crate) fn taken_off<'a>(&mut self, piece: &'a [u8]) -> Option<&'a [u8]> {
        if self.at_line_start && piece == b".\r\n" {
            return None;
        }
        let content = match piece.strip_prefix(b".") {
            Some(unstuffed) if self.at_line_start => unstuffed,
            _ => piece,
        };
        self.at_line_start = piece.ends_with(b"\r\n") || (self.after_cr && piece == b"\n");
        self.after_cr = piece.ends_with(b"\r");
        Some(content)
    }
}

impl Fault {
    pub(crate) fn into_error(self, tried: &str, host: &str) -> Error {
        match self {
            Fault::Closed => Error::transient(tried, host).remedy("the server closed the link"),
            Fault::TimedOut(after) => Error::transient(tried, host)
                .remedy(format!("the server did not answer within {} s", after.as_secs())),
            Fault::TooLong(max) => {
                Error::broken(tried, host).remedy(format!("the server sent a line of more than {max} bytes"))
            }
            Fault::Io(error) => Error::transient(tried, host).remedy(format!("the link broke ({error})")),
            Fault::Unkept(error) => Error::unkept(tried, &error),
        }
    }
}

/// A server that refuses to protect the link is for a person to look at, whatever it says.
pub(crate) fn unprotected(error: Error) -> Error {
    match error.kind() {
        Kind::Broken | Kind::Unauthorized => error.with_kind(Kind::Rejected),
        Kind::Transient { .. } | Kind::Rejected => error,
    }
}

impl fmt::Debug for LineStream {
    /// Never the bytes: they hold mail and secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineStream").field("buffered_bytes", &self.input.len()).finish_non_exhaustive()
    }
}

impl LineStream {
    /// Lines in both directions are written down where there is a record.
    pub(crate) fn new(stream: BoxStream, record: Option<Record>) -> LineStream {
        LineStream { stream, input: BytesMut::new(), output: BytesMut::new(), record }
    }

    /// Closes the link at once. What is written from here on goes nowhere, and what is read is the end.
    pub(crate) fn close(&mut self) {
        self.stream = Box::new(tokio::io::empty());
        self.input.clear();
        self.output.clear();
    }

    /// The same link under TLS, after the server took `command` (STARTTLS, STLS). Refused when the server sent something
    /// before the handshake, which somebody may have slipped in and which would be believed under TLS.
    pub(crate) async fn protected(
        self,
        command: &str,
        server: &Server,
        secure: &impl Secure,
    ) -> Told<LineStream> {
        if !self.input.is_empty() {
            let why = format!(
                "the server sent something between {command} and the handshake, as somebody on the way would: the link \
                 is not used"
            );
            return Err(Error::broken(format!("protect the link with {command}"), &server.host).remedy(why));
        }
        let stream = secure.secure(self.stream, &server.host).await?;
        Ok(LineStream::new(stream, secure.record()))
    }

    /// From here on both directions are compressed; what has come already is.
    pub(crate) fn compress(&mut self) {
        let link = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        self.stream = Box::new(Deflated::over(link, self.input.split()));
    }

    /// One line without its end (CRLF, or LF alone).
    pub(crate) async fn read_line(&mut self, max: usize, wait: Duration) -> Result<BytesMut, Fault> {
        let deadline = Instant::now() + wait;
        let mut looked_at = 0;
        loop {
            let fresh = self.input.get(looked_at..).unwrap_or_default();
            if let Some(found) = fresh.iter().position(|byte| *byte == b'\n') {
                let mut line = self.input.split_to(looked_at + found + 1);
                line.truncate(line.len() - 1);
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len() - 1);
                }
                if line.len() > max {
                    return Err(Fault::TooLong(max));
                }
                if let Some(record) = &self.record {
                    record.came(&line);
                }
                return Ok(line);
            }
            looked_at = self.input.len();
            if looked_at > max {
                return Err(Fault::TooLong(max));
            }
            self.fill(deadline, wait).await?;
        }
    }

    /// Some of the next `max` bytes, at least one (for `max` > 0).
    pub(crate) async fn read_some(&mut self, max: u64, wait: Duration) -> Result<Bytes, Fault> {
        if self.input.is_empty() && max > 0 {
            self.fill(Instant::now() + wait, wait).await?;
        }
        let count = usize::try_from(max).unwrap_or(usize::MAX).min(self.input.len());
        Ok(self.input.split_to(count).freeze())
    }

    /// The next piece of a text that comes line by line: a line with its end (LF), or a part of one that is longer
    /// than [`PIECE_BYTES_MAX`].
    pub(crate) async fn read_piece(&mut self, wait: Duration) -> Result<BytesMut, Fault> {
        let deadline = Instant::now() + wait;
        let mut looked_at = 0;
        loop {
            let fresh = self.input.get(looked_at..).unwrap_or_default();
            if let Some(found) = fresh.iter().position(|byte| *byte == b'\n') {
                return Ok(self.input.split_to(looked_at + found + 1));
            }
            looked_at = self.input.len();
            if looked_at > PIECE_BYTES_MAX {
                return Ok(self.input.split());
            }
            self.fill(deadline, wait).await?;
        }
    }

    async fn fill(&mut self, deadline: Instant, wait: Duration) -> Result<(), Fault> {
        self.input.reserve(READ_BYTES);
        match timeout_at(deadline, self.stream.read_buf(&mut self.input)).await {
            Ok(Ok(0)) => Err(Fault::Closed),
            Ok(Ok(_)) => Ok(()),
            // A peer that closes TLS without saying so closed all the same.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Fault::Closed),
            Ok(Err(error)) => Err(Fault::Io(error)),
            Err(_) => Err(Fault::TimedOut(wait)),
        }
    }

    pub(crate) fn queue(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        if let Some(record) = &self.record {
            record.sent(bytes);
        }
    }

    /// What no record may have: a sign-in.
    pub(crate) fn queue_secret(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        if let Some(record) = &self.record {
            record.sent(b"[hidden]");
        }
    }

    /// A piece of a letter, which is no line of the protocol.
    pub(crate) fn queue_letter(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_ref()
    }

    /// Writes out what is queued. The time-out begins anew with each piece that the other side takes.
    pub(crate) async fn flush(&mut self, wait: Duration) -> Result<(), Fault> {
        while !self.output.is_empty() {
            match timeout_at(Instant::now() + wait, self.stream.write(&self.output)).await {
                Ok(Ok(0)) => return Err(Fault::Closed),
                Ok(Ok(count)) => self.output.advance(count),
                Ok(Err(error)) => return Err(Fault::Io(error)),
                Err(_) => return Err(Fault::TimedOut(wait)),
            }
        }
        match timeout_at(Instant::now() + wait, self.stream.flush()).await {
            Ok(flushed) => flushed.map_err(Fault::Io),
            Err(_) => Err(Fault::TimedOut(wait)),
        }
    }
}
