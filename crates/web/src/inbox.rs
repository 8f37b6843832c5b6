//! Admin Panel › Emails › Inbox: messages that are stored and did not become entries, with the reason.
use crate::decided::{self, Decided};
use crate::extract::{Path, Query};
use crate::gate::see_other;
use crate::page::{Here, Page, show};
use crate::session::Visit;
use crate::tickets::size;
use crate::{Error, State, Who, contents, error};
use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use desk::Refusal;
use desk::files::blob;
use desk::intake::inbox::{self, Inbox, Retried, State as Fate};
use serde::Deserialize;

const LINES_MAX: i64 = 50;

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    state: Option<String>,
    after: Option<i64>,
    done: Option<String>,
    /// What was made a ticket of.
    message: Option<i64>,
}
impl Asked {
    pub fn of_state(word: &str) -> Asked {
        Asked { state: Some(word.to_owned()), ..Asked::default() }
    }
}

#[derive(Template)]
#[template(path = "inbox/list.html")]
struct ListPage {
    page: Page,
    state: &'static str,
    lines: Vec<Inbox>,
    /// Where the next page begins.
    next: Option<i64>,
    why: Option<String>,
    decided: Option<Decided>,
}
impl ListPage {
    fn current(&self, state: &str) -> &'static str {
        if self.state == state { "page" } else { "false" }
    }
    fn size(&self, bytes: &i64) -> String {
        size::said(*bytes)
    }
}

fn fate(word: Option<&str>) -> (&'static str, Fate) {
    match word {
        Some("held") => ("held", Fate::Held),
        Some("ignored") => ("ignored", Fate::Ignored),
        Some("new") => ("new", Fate::New),
        _ => ("failed", Fate::Failed),
    }
}
/// The list that this word names.
pub fn word(state: &str) -> &'static str {
    fate(Some(state)).0
}

pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    show_list(&state, &visit, &asked, None).await
}

pub async fn show_list(
    state: &State,
    visit: &Visit,
    asked: &Asked,
    why: Option<String>,
) -> Result<Response, Error> {
    let (word, fate) = fate(asked.state.as_deref());
    let (mut lines, next) = page_of(state, fate, asked.after).await?;
    if fate == Fate::Failed && asked.after.is_none() {
        // Those that will have failed, if nothing changes.
        let put_off = state.courier.read(|tx| inbox::list_put_off(tx, LINES_MAX)).await?;
        lines.splice(0..0, put_off);
    }
    let mut page = Page::new(state, visit, "Inbox", Here::Emails).await?;
    page.done = match asked.done.as_deref() {
        Some("retried") => Some("The message is filed again in a moment.".to_owned()),
        Some("asked") => Some("The server is asked for the message again in a moment.".to_owned()),
        Some("ignored") => Some("Ignored. It is under Ignored, and can still be made a ticket.".to_owned()),
        _ => None,
    };
    let decided = decided::of(state, visit, &page, asked.message).await?;
    show(&ListPage { page, state: word, lines, next, why, decided })
}

/// A page of messages with this fate, newest first, and where the next page begins.
pub async fn page_of(
    state: &State,
    fate: Fate,
    after: Option<i64>,
) -> Result<(Vec<Inbox>, Option<i64>), Error> {
    let mut lines = state.courier.read(move |tx| inbox::list(tx, Some(fate), after, LINES_MAX + 1)).await?;
    let more = lines.len() > LINES_MAX as usize;
    lines.truncate(LINES_MAX as usize);
    let next = lines.last().map(|line| line.id).filter(|_| more);
    Ok((lines, next))
}

/// *Retry*: filed again by the next round; *Ask again*: of its server.
pub async fn retry(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    find(&state, id).await?;
    let by = who.by();
    match error::refusal(state.courier.write(move |tx| inbox::retry(tx, &by, id)).await)? {
        Ok(Retried::Filed) => Ok(see_other("/inbox?done=retried")),
        Ok(Retried::Asked) => Ok(see_other("/inbox?done=asked")),
        Err(refusal) => show_list(&state, &visit, &Asked::default(), Some(refusal.to_string())).await,
    }
}

pub async fn find(state: &State, id: i64) -> Result<Inbox, Error> {
    state.courier.read(move |tx| inbox::find(tx, id)).await?.ok_or(Error::NotFound)
}

/// The message as it came, to keep or to look into; a browser never shows it.
pub async fn raw(
    axum::extract::State(state): axum::extract::State<State>,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let found = find(&state, id).await?;
    download(&state, found).await
}

pub const DAMAGED: &str = "Its bytes cannot be read: the file in the store is damaged or missing. postern check names it; have \
    it written back out of a backup (postern restore DIR --files), and try again.";

/// Where its bytes are, and what they are called.
pub async fn place(state: &State, found: &Inbox) -> Result<(String, [u8; 32]), Error> {
    let id = found.id;
    let hash: [u8; 32] = found
        .sha256
        .as_slice()
        .try_into()
        .map_err(|_| anyhow::anyhow!("inbox row {id} has no hash of 32 bytes"))?;
    let blob = state.courier.read(move |tx| blob::known(tx, &[hash])).await?;
    let place = blob.into_iter().next().map(|stored| stored.place);
    let place =
        place.ok_or_else(|| anyhow::anyhow!("the raw message of inbox row {id} is not in the store"))?;
    Ok((place, hash))
}

pub async fn download(state: &State, found: Inbox) -> Result<Response, Error> {
    let (id, (place, hash)) = (found.id, place(state, &found).await?);
    let contents = match contents::open(state, place, hash.to_vec()).await {
        Err(Error::Failed(error)) => {
            tracing::error!(inbox = id, "a raw message could not be read: {error:#}");
            return Err(Error::Refused(Refusal::Other(DAMAGED.to_owned())));
        }
        opened => opened?,
    };
    let described = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"message-{id}.eml\"")),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
    ];
    Ok((described, contents).into_response())
}
