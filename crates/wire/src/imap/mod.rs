//! An IMAP client (RFC 3501, 9051) of the few commands that fetching needs: every tagged answer decides, every
//! read has a size and a time-out, literals are read to their announced end but never trusted for memory.

use std::time::Duration;

use crate::net::Net;
use crate::{Credential, Result, Server};

/// One signed-in (or not yet signed-in) link. A session whose call was dropped in the middle, save `idle`, is
/// refused from then on: connect again.
#[derive(Debug)]
pub struct Session {}

/// What SELECT or EXAMINE told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    pub uid_validity: u32,
    /// `None` where the server does not say (RFC 3501 lets it).
    pub uid_next: Option<u32>,
    pub exists: u32,
}

/// A folder of LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Decoded from modified UTF-7.
    pub name: String,
    pub delimiter: Option<char>,
    /// Without the backslash, lower case: `noselect`, `sent`, `trash`.
    pub attributes: Vec<String>,
}

/// What STATUS told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    pub messages: Option<u32>,
    pub uid_next: Option<u32>,
    pub uid_validity: Option<u32>,
    pub unseen: Option<u32>,
}

/// One answer of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    Message {
        uid: u32,
        internal_date_at: Option<i64>,
        bytes: Vec<u8>,
    },
    /// Over the limit: read past, not kept.
    TooBig {
        uid: u32,
        internal_date_at: Option<i64>,
        size_bytes: u64,
    },
    /// Asked for and not delivered: gone meanwhile, or the server skipped it.
    Missing {
        uid: u32,
    },
}

/// How an IDLE ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    News,
    Timeout,
}

/// What became of messages that should leave the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    Done,
    /// The server lacks UIDPLUS: they carry `\Deleted` and vanish when somebody expunges. A bare EXPUNGE would
    /// delete other people's mail.
    Flagged,
}

/// Connects, takes the greeting, protects the link as the server's security says, asks for capabilities.
pub async fn connect(net: &Net, server: &Server) -> Result<Session> {
    let _ = (net, server);
    todo!()
}

/// A batch being fetched; call [`Fetch::next`] until it gives `None`.
#[derive(Debug)]
pub struct Fetch<'a> {
    session: &'a mut Session,
}

impl Fetch<'_> {
    /// The next message in the order the server sends them (ascending UIDs in practice), then the missing ones.
    /// A NO or BAD is an error. Dropping the batch before `None` ends the session.
    pub async fn next(&mut self) -> Result<Option<Fetched>> {
        let _ = &self.session;
        todo!()
    }
}

#[expect(clippy::unused_async, unused_variables, reason = "filled in the next commits")]
impl Session {
    /// Whether the server offers a capability (`MOVE`, `IDLE`, `UIDPLUS`), after login those of then.
    pub fn has(&self, capability: &str) -> bool {
        todo!()
    }
    pub async fn login(&mut self, credential: &Credential) -> Result<()> {
        todo!()
    }
    pub async fn select(&mut self, folder: &str) -> Result<Selected> {
        todo!()
    }
    /// Read-only.
    pub async fn examine(&mut self, folder: &str) -> Result<Selected> {
        todo!()
    }
    pub async fn list(&mut self) -> Result<Vec<Folder>> {
        todo!()
    }
    /// UIDs greater than `uid`, ascending.
    pub async fn uids_since(&mut self, uid: u32) -> Result<Vec<u32>> {
        todo!()
    }
    /// UIDs of messages that came to the server on the day of `since_at` (UTC) or later, ascending.
    pub async fn uids_since_date(&mut self, since_at: i64) -> Result<Vec<u32>> {
        todo!()
    }
    /// Asks for many messages in one command, without marking them seen.
    pub async fn fetch(&mut self, uids: &[u32], limit_bytes: u64) -> Result<Fetch<'_>> {
        todo!()
    }
    pub async fn mark_seen(&mut self, uids: &[u32]) -> Result<()> {
        todo!()
    }
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<Removal> {
        todo!()
    }
    pub async fn delete(&mut self, uids: &[u32]) -> Result<Removal> {
        todo!()
    }
    pub async fn create(&mut self, folder: &str) -> Result<()> {
        todo!()
    }
    pub async fn status(&mut self, folder: &str) -> Result<Status> {
        todo!()
    }
    /// Waits for news in the selected folder. May be dropped: the next call leaves IDLE first.
    pub async fn idle(&mut self, max: Duration) -> Result<Idle> {
        todo!()
    }
    pub async fn noop(&mut self) -> Result<()> {
        todo!()
    }
    pub async fn logout(self) -> Result<()> {
        todo!()
    }
}
