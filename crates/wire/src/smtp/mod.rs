//! An SMTP submission client (RFC 5321, 6409): an answer per recipient, and the step at which a link broke.

use crate::net::Net;
use crate::{Credential, Result, Server};

/// One link to a submission server; several messages may go over it, one after the other.
#[derive(Debug)]
pub struct Session {}

/// Sender and recipients of the transfer (RFC 5321 §2.3.1), bare addresses without brackets. An empty `from` is
/// the null sender of automatic mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    pub from: String,
    pub recipients: Vec<String>,
}

/// What became of one recipient. `answer` is the server's text with its enhanced code, bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Accepted { answer: String },
    Refused { code: u16, answer: String },
    Deferred { code: u16, answer: String },
}

/// One fate per recipient, in the order of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub fates: Vec<(String, Fate)>,
}

/// Connects, greets, protects the link as the server's security says, greets again.
pub async fn connect(net: &Net, server: &Server) -> Result<Session> {
    let _ = (net, server);
    todo!()
}

#[expect(clippy::unused_async, unused_variables, reason = "filled in the next commits")]
impl Session {
    /// Whether EHLO offered a keyword (`SMTPUTF8`, `PIPELINING`).
    pub fn has(&self, keyword: &str) -> bool {
        todo!()
    }
    /// The announced SIZE, if any.
    pub fn size_max_bytes(&self) -> Option<u64> {
        todo!()
    }
    pub async fn login(&mut self, credential: &Credential) -> Result<()> {
        todo!()
    }
    /// Sends one message. `Err` when nothing was taken for anybody: MAIL FROM refused, message over the
    /// announced size, link broken. `Error::may_have_been_sent` tells a link that broke after the final dot.
    pub async fn send(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Sent> {
        todo!()
    }
    /// MAIL FROM and RSET: proves that this sender may submit, without sending.
    pub async fn probe(&mut self, from: &str) -> Result<()> {
        todo!()
    }
    pub async fn quit(self) -> Result<()> {
        todo!()
    }
}
