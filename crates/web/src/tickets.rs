//! Tickets as agents see them: the lists, and finding. The page of one ticket is in `tickets/ticket`.
pub mod changes;
pub mod composer;
mod delivery;
mod happening;
mod line;
mod name;
mod queues;
pub mod size;
mod thread;
pub mod ticket;
pub mod typed;
mod words;

use crate::extract::Query;
use crate::page::{self, Here, Page};
use crate::session::{Visit, Who};
use crate::{Error, State};
use askama::Template;
use axum::extract::State as Handle;
use axum::response::Response;
use desk::tickets::queue::{self, After, Queue};
use desk::tickets::search;
use line::LineView;
use queues::Empty;
use serde::Deserialize;

/// Tickets on a page of a list, entries on a page of a thread.
pub const PAGE_MAX: i64 = 50;
/// Longer than any address or subject one would look for.
const FIND_CHARS_MAX: usize = 300;
/// Pages behind this one that *Newer* still knows; further back it leads to the first.
const TRAIL_MAX: usize = 20;

#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    queue: Option<String>,
    find: Option<String>,
    after: Option<String>,
    /// The places where the pages before this one began, the latest last.
    trail: Option<String>,
}

#[derive(Template)]
#[template(path = "tickets/list.html")]
struct ListPage {
    page: Page,
    heading: &'static str,
    /// The queue's name, empty in what was found.
    queue: &'static str,
    count: Option<i64>,
    find: String,
    lines: Vec<LineView>,
    empty: Empty,
    newer: Option<String>,
    older: Option<String>,
}

/// `GET /tickets`
pub async fn list(
    Handle(state): Handle<State>,
    who: Who,
    visit: Visit,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Error> {
    let find: String =
        wanted.find.as_deref().unwrap_or_default().trim().chars().take(FIND_CHARS_MAX).collect();
    let queue = match wanted.queue.as_deref() {
        None => Queue::Open,
        Some(name) => queues::parse(name).ok_or(Error::NotFound)?,
    };
    let queue = find.is_empty().then_some(queue);
    let after = wanted.after.as_deref().and_then(After::parse);
    let (viewer, words, from) = (who.viewer(), find.clone(), after.clone());
    let found = state
        .courier
        .read(move |tx| match queue {
            Some(queue) => queue::page(tx, &viewer, queue, from.as_ref(), PAGE_MAX),
            None => search::find(tx, &viewer, &queue::Wanted::default(), &words, from.as_ref(), PAGE_MAX),
        })
        .await?;
    let heading = queue.map_or("Found", queues::heading);
    let page = Page::new(&state, &visit, heading, queue.map_or(Here::Nowhere, queues::here)).await?;
    let clock = page.clock();
    let turns = Turns::new(queue, &find, after, wanted.trail.as_deref());
    page::show(&ListPage {
        heading,
        queue: queue.map_or("", queues::name),
        count: queue.map(|queue| queues::count(&page.counts, queue)).filter(|_| queue != Some(Queue::Closed)),
        lines: found.lines.iter().map(|line| LineView::new(line, queue, &clock)).collect(),
        empty: queue.map_or(NOTHING_FOUND, queues::empty),
        newer: turns.newer(),
        older: found.next.map(|next| turns.older(&next)),
        find,
        page,
    })
}

const NOTHING_FOUND: Empty = Empty {
    heading: "Nothing found",
    sentence: "A number finds its ticket, an address the tickets of its owner and those they get copies of, words the tickets that hold all of them.",
    icon: "search",
};

/// The addresses of the pages beside this one. A page is named by the ticket it begins after, so that new
/// mail moves nothing; *Newer* goes back over the places this reader came by.
struct Turns {
    base: Vec<(&'static str, String)>,
    after: Option<String>,
    trail: Vec<String>,
}
impl Turns {
    fn new(queue: Option<Queue>, find: &str, after: Option<After>, trail: Option<&str>) -> Turns {
        let base = match queue {
            Some(queue) => ("queue", queues::name(queue).to_owned()),
            None => ("find", find.to_owned()),
        };
        let places =
            trail.unwrap_or_default().split(' ').filter_map(After::parse).map(|after| after.to_text());
        let mut trail: Vec<String> = places.take(TRAIL_MAX).collect();
        if after.is_none() {
            trail.clear();
        }
        Turns { base: vec![base], after: after.map(|after| after.to_text()), trail }
    }
    fn older(&self, next: &After) -> String {
        let mut trail = self.trail.clone();
        trail.extend(self.after.clone());
        if trail.len() > TRAIL_MAX {
            trail.remove(0);
        }
        self.address(Some(&next.to_text()), &trail)
    }
    /// `None` on the first page.
    fn newer(&self) -> Option<String> {
        self.after.as_ref()?;
        let (after, trail) = match self.trail.split_last() {
            Some((after, trail)) => (Some(after.as_str()), trail),
            None => (None, [].as_slice()),
        };
        Some(self.address(after, trail))
    }
    fn address(&self, after: Option<&str>, trail: &[String]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.base);
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        if !trail.is_empty() {
            query.append_pair("trail", &trail.join(" "));
        }
        format!("/tickets?{}", query.finish())
    }
}
