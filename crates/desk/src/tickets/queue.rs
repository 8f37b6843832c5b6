//! The ordered views of the desk: Open, Mine, Unassigned, Not sent, Closed. Keyset paged, newest first:
//! a page costs what it shows, not what lies before it.
use super::entry::Kind;
use super::ticket::State;
use crate::db::{self, FromRow, Query, Row};
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
    pub state: State,
    pub requester_name: Option<String>,
    pub requester_address: String,
    pub assignee: Option<String>,
    pub department: String,
    pub mailbox: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    pub last_name: String,
    pub last_kind: Kind,
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
/// A count of `COUNT_MAX + 1` means more than that.
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
        format!("{}.{}", self.updated_at, self.id)
    }
    pub fn parse(text: &str) -> Option<After> {
        let (updated_at, id) = text.split_once('.')?;
        Some(After { updated_at: updated_at.parse().ok()?, id: id.parse().ok()? })
    }
}

/// All joins are LEFT: with an inner one SQLite may begin with the smaller table and sort everything.
const SELECT: &str = "SELECT t.id, t.number, t.subject, t.preview, t.state, r.name, t.requester_address, a.name,
        d.name, m.address, t.created_at, t.updated_at, t.last_name, t.last_kind, t.entries, t.unsent, f.number,
        EXISTS (SELECT 1 FROM entry e LEFT JOIN inbox i ON i.id = e.inbox_id
                WHERE e.ticket_id = t.id AND e.id > COALESCE(s.entry_id, 0) AND COALESCE(i.silent, 0) = 0
                  AND COALESCE(e.agent_id, 0) <> ";
const FROM: &str = ")
    FROM ticket t
    LEFT JOIN requester r ON r.id = t.requester_id
    LEFT JOIN agent a ON a.id = t.assignee_id
    LEFT JOIN department d ON d.id = t.department_id
    LEFT JOIN mailbox m ON m.id = t.mailbox_id
    LEFT JOIN ticket f ON f.id = t.refers_to_id
    LEFT JOIN seen s ON s.ticket_id = t.id AND s.agent_id = ";

impl FromRow for Line {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Line {
            id: row.get(0)?,
            number: row.get(1)?,
            subject: row.get(2)?,
            preview: row.get(3)?,
            state: State::read(row.get(4)?)?,
            requester_name: row.get(5)?,
            requester_address: row.get(6)?,
            assignee: row.get(7)?,
            department: row.get(8)?,
            mailbox: row.get(9)?,
            created_at: row.get(10)?,
            updated_at: row.get(11)?,
            last_name: row.get(12)?,
            last_kind: Kind::read(row.get(13)?)?,
            entries: row.get(14)?,
            unsent: row.get(15)?,
            refers_to: row.get(16)?,
            news: row.get(17)?,
        })
    }
}

/// A query for lines up to its WHERE, with the viewer's scope.
pub(super) fn lines<'v>(viewer: &Viewer) -> Query<'v> {
    let mut query = Query::new(SELECT);
    let me = viewer.agent_id().unwrap_or(-1);
    query.bind(me).push(FROM).bind(me).push(" WHERE ");
    viewer.scope(&mut query);
    query
}
/// Ends the query with the keyset, the order and the limit, and makes the page.
pub(super) fn finish(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    mut query: Query<'_>,
    after: Option<&After>,
    limit: i64,
) -> Result<Page> {
    close(&mut query, after, limit);
    let found = tx.all(query.sql(), query.params())?;
    Ok(cut(viewer, found, limit))
}
fn close(query: &mut Query<'_>, after: Option<&After>, limit: i64) {
    if let Some(after) = after {
        query
            .push(" AND (t.updated_at, t.id) < (")
            .bind(after.updated_at)
            .push(", ")
            .bind(after.id)
            .push(")");
    }
    query.push(" ORDER BY t.updated_at DESC, t.id DESC LIMIT ").bind(limit.max(1).saturating_add(1));
}
fn cut(viewer: &Viewer, mut lines: Vec<Line>, limit: i64) -> Page {
    let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
    let more = lines.len() > limit;
    lines.truncate(limit);
    let next = lines.last().filter(|_| more).map(|line| After { updated_at: line.updated_at, id: line.id });
    if viewer.agent_id().is_none() {
        lines.iter_mut().for_each(|line| line.news = false); // the command line looks at nothing
    }
    Page { lines, next }
}

fn belongs(query: &mut Query<'_>, viewer: &Viewer, queue: Queue) {
    match queue {
        Queue::Open => query.push(" AND t.state = 'open'"),
        Queue::Mine => {
            query.push(" AND t.state = 'open' AND t.assignee_id = ").bind(viewer.agent_id().unwrap_or(-1))
        }
        Queue::Unassigned => query.push(" AND t.state = 'open' AND t.assignee_id IS NULL"),
        Queue::NotSent => query.push(" AND t.unsent > 0"),
        Queue::Closed => query.push(" AND t.state = 'closed' AND t.joined_to_id IS NULL"),
    };
}
pub fn page(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    queue: Queue,
    after: Option<&After>,
    limit: i64,
) -> Result<Page> {
    let mut query = lines(viewer);
    belongs(&mut query, viewer, queue);
    finish(tx, viewer, query, after, limit)
}
/// What SQLite says about how it reads a page: for the test that no queue is sorted or scanned.
#[cfg(any(test, feature = "testing"))]
pub fn plan(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    queue: Queue,
    after: Option<&After>,
    limit: i64,
) -> Result<Vec<String>> {
    let mut query = lines(viewer);
    belongs(&mut query, viewer, queue);
    close(&mut query, after, limit);
    Ok(tx.plan(query.sql(), query.params())?)
}
/// Tickets of given states for the command line and for a requester. Neither state named means both.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub open: bool,
    pub closed: bool,
    pub requester_id: Option<i64>,
}
impl Wanted {
    fn is_both(&self) -> bool {
        self.open == self.closed
    }
    pub(super) fn narrow(&self, query: &mut Query<'_>) {
        if let Some(requester_id) = self.requester_id {
            query.push(" AND t.requester_id = ").bind(requester_id);
        }
        if !self.is_both() {
            query.push(" AND t.state = ").bind(if self.open { "open" } else { "closed" });
        }
    }
}
pub fn list(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    wanted: &Wanted,
    after: Option<&After>,
    limit: i64,
) -> Result<Page> {
    if wanted.requester_id.is_some() {
        let mut query = lines(viewer);
        query.push(" AND t.joined_to_id IS NULL");
        wanted.narrow(&mut query);
        return finish(tx, viewer, query, after, limit);
    }
    // Each state has its ordered index, so neither page is sorted.
    let mut pages = Vec::new();
    for (queue, on) in [(Queue::Open, wanted.open), (Queue::Closed, wanted.closed)] {
        if wanted.is_both() || on {
            let mut query = lines(viewer);
            belongs(&mut query, viewer, queue);
            pages.push(query);
        }
    }
    merge(tx, viewer, pages, after, limit)
}
/// A page of what any of these queries finds: a short page of each, instead of sorting everything.
pub(super) fn merge(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    queries: Vec<Query<'_>>,
    after: Option<&After>,
    limit: i64,
) -> Result<Page> {
    let mut found: Vec<Line> = Vec::new();
    for mut query in queries {
        close(&mut query, after, limit);
        found.extend(tx.all::<Line>(query.sql(), query.params())?);
    }
    found.sort_by_key(|line| std::cmp::Reverse((line.updated_at, line.id)));
    found.dedup_by_key(|line| line.id);
    Ok(cut(viewer, found, limit))
}
pub fn counts(tx: &mut Tx<'_>, viewer: &Viewer) -> Result<Counts> {
    let mut query = Query::new("SELECT ");
    for (i, queue) in
        [Queue::Open, Queue::Mine, Queue::Unassigned, Queue::NotSent, Queue::Closed].into_iter().enumerate()
    {
        query
            .push(if i == 0 { "" } else { ", " })
            .push("(SELECT count(*) FROM (SELECT 1 FROM ticket t WHERE ");
        viewer.scope(&mut query);
        belongs(&mut query, viewer, queue);
        query.push(" LIMIT ").bind(COUNT_MAX + 1).push(") AS few)");
    }
    let (open, mine, unassigned, not_sent, closed) = tx.one(query.sql(), query.params())?;
    Ok(Counts { open, mine, unassigned, not_sent, closed })
}
/// Tickets of the requester: how many in all and open, each counted up to [`COUNT_MAX`].
pub fn count_of_requester(tx: &mut Tx<'_>, viewer: &Viewer, requester_id: i64) -> Result<(i64, i64)> {
    let mut query = Query::new(
        "SELECT count(*), CAST(COALESCE(sum(open), 0) AS BIGINT) FROM (
            SELECT CASE WHEN t.state = 'open' THEN 1 ELSE 0 END AS open FROM ticket t WHERE ",
    );
    viewer.scope(&mut query);
    query.push(" AND t.joined_to_id IS NULL AND t.requester_id = ").bind(requester_id);
    query.push(" LIMIT ").bind(COUNT_MAX).push(") AS few");
    Ok(tx.one(query.sql(), query.params())?)
}
