//! What has come into a folder since the last look (message delta), page by page.

use serde::Deserialize;

use super::answer;
use super::session::{Request, Session, checked_id};
use super::{PAGE_BYTES_MAX, PAGE_MESSAGES, PAGE_MESSAGES_MAX};
use crate::net::{Method, Unanswered};
use crate::{Error, Result};

const TRIED: &str = "list what is new";

/// Where a page is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// At the beginning: all that the folder of this id holds, then what comes.
    Folder(&'a str),
    /// At a link of an earlier page.
    Link(&'a str),
}

/// A message that is in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Immutable.
    pub id: String,
    /// Milliseconds UTC. `None` where the server does not say, as for one that only changed.
    pub received_at: Option<i64>,
}

/// Where the listing goes on. Opaque; [`Session::page`] looks at where it leads before it follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// There is more.
    Page(String),
    /// That was all: here what comes later is asked for.
    Later(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// New, changed, or named once more: a message may stand on several pages.
    pub listed: Vec<Listed>,
    /// Ids of what is not in the folder any more.
    pub removed: Vec<String>,
    pub next: Next,
}

#[derive(Deserialize)]
struct Body {
    value: Vec<Item>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
    #[serde(rename = "@odata.deltaLink")]
    later: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    #[serde(rename = "receivedDateTime")]
    received: Option<String>,
    #[serde(rename = "@removed")]
    removed: Option<serde_json::Value>,
}

impl Session {
    /// `None`: the server does not know any more what the link stood for, and the folder is to be listed from the
    /// beginning.
    pub async fn page(&self, start: Start<'_>) -> Result<Option<Page>> {
        let url = match start {
            Start::Folder(id) => {
                checked_id(TRIED, &self.host, id)?;
                let mut url = self.url(&["mailFolders", id, "messages", "delta"]);
                url.query_pairs_mut().append_pair("$select", "id,receivedDateTime");
                url
            }
            Start::Link(link) => self.link(TRIED, link)?,
        };
        let request = Request {
            prefer: Some(format!("odata.maxpagesize={PAGE_MESSAGES}")),
            bytes_max: PAGE_BYTES_MAX,
            ..Request::of(TRIED, Method::Get, url)
        };
        let answer = self.ask(request).await.map_err(Unanswered::into_error)?;
        // The folder of a link may have been deleted, and made anew with another id.
        let is_lost = answer::is_state_lost(&answer) || answer::is_gone(&answer);
        if matches!(start, Start::Link(_)) && is_lost {
            return Ok(None);
        }
        if !(200..300).contains(&answer.status) {
            return Err(self.refusal(TRIED, &answer));
        }
        let body: Body =
            serde_json::from_slice(&answer.body).map_err(|_| answer::unreadable(TRIED, &self.host))?;
        self.read(body).map(Some)
    }

    /// The newest messages of a folder, newest first.
    pub async fn newest(&self, folder_id: &str, count: usize) -> Result<Vec<Listed>> {
        let tried = "list the newest messages";
        checked_id(tried, &self.host, folder_id)?;
        let mut url = self.url(&["mailFolders", folder_id, "messages"]);
        url.query_pairs_mut()
            .append_pair("$select", "id,receivedDateTime")
            .append_pair("$orderby", "receivedDateTime desc")
            .append_pair("$top", &count.to_string());
        let body: Body = self.json(Request::of(tried, Method::Get, url)).await?;
        let listed = |item: Item| {
            checked_id(tried, &self.host, &item.id)?;
            Ok(Listed { received_at: item.received.as_deref().and_then(moment), id: item.id })
        };
        body.value.into_iter().take(count).map(listed).collect()
    }

    fn read(&self, body: Body) -> Result<Page> {
        let broken = |why: &str| Error::broken(TRIED, &self.host).remedy(why);
        if body.value.len() > PAGE_MESSAGES_MAX {
            return Err(broken("it put more on one page than was asked for"));
        }
        let next = match (body.next, body.later) {
            (Some(link), None) => Next::Page(link),
            (None, Some(link)) => Next::Later(link),
            (None, None) => return Err(broken("it did not say how to go on")),
            (Some(_), Some(_)) => return Err(broken("it said both that there is more and that this is all")),
        };
        match &next {
            Next::Page(link) | Next::Later(link) => self.link(TRIED, link)?,
        };
        let mut page = Page { listed: Vec::with_capacity(body.value.len()), removed: Vec::new(), next };
        for item in body.value {
            checked_id(TRIED, &self.host, &item.id)?;
            if item.removed.is_some() {
                page.removed.push(item.id);
            } else {
                let received_at = item.received.as_deref().and_then(moment);
                page.listed.push(Listed { id: item.id, received_at });
            }
        }
        Ok(page)
    }
}

/// `2026-11-24T12:00:00Z`
fn moment(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(|at| at.as_millisecond())
}
