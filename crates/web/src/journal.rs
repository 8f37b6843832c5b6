//! Admin Panel › Emails › Journal: the whole life of any message, from its arrival to its entry, or why it is none.
use crate::decided::{self, Decided};
use crate::extract::{Path, Query};
use crate::moment::Moment;
use crate::page::{Here, Page, show};
use crate::preview::{self, Preview};
use crate::session::Visit;
use crate::tickets::size;
use crate::{Error, State};
use askama::Template;
use axum::response::Response;
use desk::intake::inbox::{Inbox, State as Fate};
use desk::mailboxes::mailbox;
use desk::trace::journal::{self, Line, Wanted};
use desk::trace::{self, Outgoing};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

const LINES_MAX: i64 = 50;
/// Two times that read like one otherwise.
const APART_MS: u64 = 60_000;

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    find: String,
    #[serde(default)]
    mailbox: String,
    #[serde(default)]
    outcome: String,
    after: Option<i64>,
}

/// What became of messages: the word of a filter, and what it says.
const OUTCOMES: [(&str, &str, Option<Fate>); 6] = [
    ("", "All", None),
    ("filed", "On a ticket", Some(Fate::Filed)),
    ("held", "Held", Some(Fate::Held)),
    ("failed", "Failed", Some(Fate::Failed)),
    ("ignored", "Ignored", Some(Fate::Ignored)),
    ("new", "Waiting", Some(Fate::New)),
];

#[derive(Template)]
#[template(path = "journal/list.html")]
struct ListPage {
    page: Page,
    find: String,
    mailbox_id: Option<i64>,
    outcome: &'static str,
    /// Ids and addresses.
    mailboxes: Vec<(i64, String)>,
    lines: Vec<Line>,
    /// Only of what was looked for.
    sent: Vec<Outgoing>,
    /// Where it was looked for in vain.
    unknown: Option<String>,
    more: bool,
    /// Where the next page begins.
    next: Option<i64>,
}
impl ListPage {
    fn outcomes(&self) -> [(&'static str, &'static str, Option<Fate>); 6] {
        OUTCOMES
    }
    fn current(&self, outcome: &str) -> &'static str {
        if self.outcome == outcome { "page" } else { "false" }
    }
    fn is_chosen(&self, id: &i64) -> bool {
        self.mailbox_id == Some(*id)
    }
    /// This list with another outcome.
    fn of(&self, outcome: &str) -> String {
        self.link(outcome, None)
    }
    /// And further down.
    fn below(&self, id: &i64) -> String {
        self.link(self.outcome, Some(*id))
    }
    fn link(&self, outcome: &str, after: Option<i64>) -> String {
        let mut query = Serializer::new(String::new());
        if let Some(id) = self.mailbox_id {
            query.append_pair("mailbox", &id.to_string());
        }
        if !outcome.is_empty() {
            query.append_pair("outcome", outcome);
        }
        if let Some(after) = after {
            query.append_pair("after", &after.to_string());
        }
        format!("/journal?{}", query.finish()).trim_end_matches('?').to_owned()
    }
    /// The server had it some time before, or says so.
    fn came_earlier(&self, line: &Line) -> bool {
        line.fetched_at.abs_diff(line.received_at) >= APART_MS
    }
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.sent.is_empty()
    }
}

/// What became of a message, in a word, and the color of its dot.
fn fate(state: Fate) -> (&'static str, &'static str) {
    match state {
        Fate::Filed => ("good", "on a ticket"),
        Fate::Ignored => ("", "ignored"),
        Fate::Held => ("warn", "held"),
        Fate::Failed => ("bad", "failed"),
        Fate::New => ("", "waits"),
    }
}
mod words {
    use super::{Fate, fate};
    pub fn color(state: &Fate) -> &'static str {
        fate(*state).0
    }
    pub fn word(state: &Fate) -> &'static str {
        fate(*state).1
    }
}

/// `GET /journal`
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let find = asked.find.trim();
    let find = mail::address::in_brackets(find).unwrap_or(find).to_owned();
    let chosen = OUTCOMES.iter().find(|(word, ..)| *word == asked.outcome).unwrap_or(&OUTCOMES[0]);
    let wanted = Wanted { mailbox_id: asked.mailbox.parse().ok(), state: chosen.2 };
    let (sought, after) = (find.clone(), asked.after);
    let read = state.courier.read(move |tx| {
        let mailboxes = mailbox::list(tx, None, mailbox::LIST_MAX)?;
        if sought.is_empty() {
            return Ok((mailboxes, journal::list(tx, wanted, after, LINES_MAX + 1)?, Vec::new(), false));
        }
        let found = trace::look(tx, &sought, LINES_MAX)?.1;
        let ids: Vec<i64> = found.incoming.iter().map(|life| life.row.id).collect();
        Ok((mailboxes, journal::of(tx, &ids)?, found.outgoing, found.more))
    });
    let (mailboxes, mut lines, sent, more) = read.await?;
    let mut next = None;
    if find.is_empty() && lines.len() > LINES_MAX as usize {
        lines.truncate(LINES_MAX as usize);
        next = lines.last().map(|line| line.id);
    }
    let is_unknown = !find.is_empty() && lines.is_empty() && sent.is_empty();
    let page = Page::new(&state, &visit, "Journal", Here::Emails).await?;
    show(&ListPage {
        page,
        unknown: is_unknown.then(|| trace::unknown(&find)),
        find,
        mailbox_id: wanted.mailbox_id,
        outcome: chosen.0,
        mailboxes: mailboxes.into_iter().map(|mailbox| (mailbox.id, mailbox.address)).collect(),
        lines,
        sent,
        more,
        next,
    })
}

/// A step with its time in the reader's words.
struct Told {
    at: Option<Moment>,
    sentence: String,
}

#[derive(Template)]
#[template(path = "journal/show.html")]
struct LifePage {
    page: Page,
    /// Of what came.
    row: Option<Inbox>,
    title: String,
    mailbox: String,
    message_id: Option<String>,
    ticket_number: Option<String>,
    steps: Vec<Told>,
    preview: Option<Preview>,
    /// What came of what was decided here.
    decided: Option<Decided>,
}
impl LifePage {
    fn size(&self, bytes: &i64) -> String {
        size::said(*bytes)
    }
    fn is(&self, row: &Inbox, word: &str) -> bool {
        row.state.as_str() == word
    }
}

fn told(steps: Vec<trace::Step>, page: &Page) -> Vec<Told> {
    let told = |step: trace::Step| Told { at: step.at.map(|at| page.moment(&at)), sentence: step.sentence };
    steps.into_iter().map(told).collect()
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct AskedOne {
    #[serde(default)]
    done: String,
}

/// `GET /journal/{id}`: of what came.
pub async fn show_one(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(id): Path<i64>,
    Query(asked): Query<AskedOne>,
) -> Result<Response, Error> {
    let life = state.courier.read(move |tx| trace::incoming_of(tx, id)).await?.ok_or(Error::NotFound)?;
    let preview = preview::of(&state, &life.row).await?;
    let title = preview.title();
    let mut page = Page::new(&state, &visit, "Journal", Here::Emails).await?;
    page.done = (asked.done == "ignored").then(|| "Ignored. It can still be made a ticket.".to_owned());
    let made = (asked.done == "accepted").then_some(id);
    let decided = decided::of(&state, &visit, &page, made).await?;
    show(&LifePage {
        decided,
        steps: told(life.steps(), &page),
        page,
        title,
        mailbox: life.row.mailbox.clone(),
        message_id: life.row.message_id.clone(),
        ticket_number: life.row.ticket_number.clone(),
        row: Some(life.row),
        preview: Some(preview),
    })
}

/// `GET /journal/sent/{id}`: of what went.
pub async fn show_sent(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let life = state.courier.read(move |tx| trace::outgoing_of(tx, id)).await?.ok_or(Error::NotFound)?;
    let page = Page::new(&state, &visit, "Journal", Here::Emails).await?;
    show(&LifePage {
        steps: told(life.steps(), &page),
        page,
        row: None,
        title: "An outgoing message".to_owned(),
        mailbox: life.row.mailbox.clone(),
        message_id: Some(life.row.message_id.clone()),
        ticket_number: life.row.ticket_number.clone(),
        preview: None,
        decided: None,
    })
}
