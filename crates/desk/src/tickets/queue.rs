//! The ordered views of the desk: Open, Mine, Unassigned, Not sent, Closed. Keyset paged, newest first.
use crate::{Result, db::Tx, people::viewer::Viewer};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    Open,
    Mine,
    Unassigned,
    NotSent,
    Closed,
}
/// The place after which a page begins: opaque text for URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    pub updated_at: i64,
    pub id: i64,
}
#[derive(Clone, Debug)]
pub struct Line {
    pub id: i64,
    pub number: String,
    pub subject: String,
    pub preview: String,
    pub state: super::ticket::State,
    pub requester_name: Option<String>,
    pub requester_address: String,
    pub assignee: Option<String>,
    pub department: String,
    pub mailbox: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub last_name: String,
    pub last_kind: super::entry::Kind,
    pub entries: i64,
    pub unsent: i64,
    pub refers_to: Option<String>,
    /// Something was written by somebody else since this viewer looked.
    pub news: bool,
}
#[derive(Clone, Debug)]
pub struct Page {
    pub lines: Vec<Line>,
    pub next: Option<After>,
}
/// Counts are bounded: past [`COUNT_MAX`] a queue says `1,000+`, so that no page pays for a long queue.
pub const COUNT_MAX: i64 = 1000;
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub open: i64,
    pub mine: i64,
    pub unassigned: i64,
    pub not_sent: i64,
    pub closed: i64,
}
impl After {
    pub fn to_text(&self) -> String {
        todo!()
    }
    pub fn parse(text: &str) -> Option<After> {
        let _ = text;
        todo!()
    }
}
pub fn page(tx: &mut Tx<'_>, viewer: &Viewer, queue: Queue, after: Option<&After>, limit: i64) -> Result<Page> {
    let _ = (tx, viewer, queue, after, limit);
    todo!()
}
/// Tickets of given states for the command line and for a requester.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub open: bool,
    pub closed: bool,
    pub requester_id: Option<i64>,
}
pub fn list(tx: &mut Tx<'_>, viewer: &Viewer, wanted: &Wanted, after: Option<&After>, limit: i64) -> Result<Page> {
    let _ = (tx, viewer, wanted, after, limit);
    todo!()
}
pub fn counts(tx: &mut Tx<'_>, viewer: &Viewer) -> Result<Counts> {
    let _ = (tx, viewer);
    todo!()
}
