//! Held: mail that waits for a person to say whether it becomes a ticket. The whole inbox is under Emails (`inbox`).
use crate::decided::{self, Decided};
use crate::extract::{Path, Query};
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Here, Page, show};
use crate::preview::{self, Preview};
use crate::session::Visit;
use crate::{Error, State, Who, error, inbox};
use askama::Template;
use axum::extract::{FromRequestParts, State as Handle};
use axum::http::request::Parts;
use axum::response::Response;
use desk::db::Tx;
use desk::intake::held;
use desk::intake::inbox::{self as desk_inbox, Inbox, State as Fate};
use desk::{By, Refusal};
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    after: Option<i64>,
    done: Option<String>,
    /// What was decided about.
    message: Option<i64>,
}

#[derive(Template)]
#[template(path = "held/list.html")]
struct ListPage {
    page: Page,
    lines: Vec<Inbox>,
    /// *Ignore all* goes no further than what is on the screen.
    newest: Option<i64>,
    /// Where the next page begins.
    next: Option<i64>,
    why: Option<String>,
    decided: Option<Decided>,
}

/// `GET /held`
pub async fn list(
    Handle(state): Handle<State>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    show_list(&state, &visit, &asked, None).await
}

async fn show_list(
    state: &State,
    visit: &Visit,
    asked: &Asked,
    why: Option<String>,
) -> Result<Response, Error> {
    let (lines, next) = inbox::page_of(state, Fate::Held, asked.after).await?;
    let newest = lines.first().map(|line| line.id);
    let mut page = Page::new(state, visit, "Held", Here::Held).await?;
    page.done = match asked.done.as_deref() {
        Some("ignored") => Some("Ignored. Administrators still find it under Emails › Inbox.".to_owned()),
        _ => None,
    };
    let decided = decided::of(state, visit, &page, asked.message).await?;
    show(&ListPage { page, lines, newest, next, why, decided })
}

#[derive(Template)]
#[template(path = "held/show.html")]
struct OnePage {
    page: Page,
    row: Inbox,
    preview: Preview,
}

/// `GET /held/{id}`: what it says. As with [`raw`], an agent sees what waits for a decision, and no more.
pub async fn show_one(
    Handle(state): Handle<State>,
    visit: Visit,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let row = inbox::find(&state, id).await?;
    if row.state != Fate::Held {
        return Err(Error::NotFound);
    }
    let preview = preview::of(&state, &row).await?;
    let page = Page::new(&state, &visit, "Held", Here::Held).await?;
    show(&OnePage { page, row, preview })
}

/// `POST /held/{id}/acceptance`: it becomes a ticket.
pub async fn accept(click: Click, Path(id): Path<i64>) -> Result<Response, Error> {
    let sees_all = click.who.is_administrator();
    let accept = move |tx: &mut Tx<'_>, by: &By| {
        let found = desk_inbox::find(tx, id)?;
        let is_hidden = |row: Inbox| matches!(row.state, Fate::Ignored | Fate::Failed);
        if !sees_all && found.is_some_and(is_hidden) {
            return Err(Refusal::NotFound("inbound message").into());
        }
        held::accept(tx, by, id)
    };
    click.decide(Some(id), "accepted", accept).await
}

/// `POST /held/{id}/dismissal`: nothing comes of it. About what has failed an administrator decides.
pub async fn ignore(click: Click, Path(id): Path<i64>) -> Result<Response, Error> {
    let sees_all = click.who.is_administrator();
    let ignore = move |tx: &mut Tx<'_>, by: &By| {
        let found = desk_inbox::find(tx, id)?;
        if !sees_all && found.is_some_and(|row| row.state == Fate::Failed) {
            return Err(Refusal::NotFound("inbound message").into());
        }
        held::ignore(tx, by, id)
    };
    click.decide(None, "ignored", ignore).await
}

/// `GET /held/{id}/raw`. Of the whole inbox an agent sees what waits for a decision, and no more.
pub async fn raw(Handle(state): Handle<State>, Path(id): Path<i64>) -> Result<Response, Error> {
    let found = inbox::find(&state, id).await?;
    if found.state != Fate::Held {
        return Err(Error::NotFound);
    }
    inbox::download(&state, found).await
}

/// `POST /held/dismissal`: `newest` is the newest that was on the screen.
pub async fn ignore_all(click: Click) -> Result<Response, Error> {
    let newest = click.form.number("newest").unwrap_or(0);
    click.decide(None, "ignored", move |tx, by| held::ignore_all(tx, by, newest).map(drop)).await
}

/// Who decides, and where that was pressed.
pub struct Click {
    state: State,
    visit: Visit,
    who: Who,
    form: Form,
}
impl FromRequestParts<State> for Click {
    type Rejection = Error;
    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let who = Who::from_request_parts(parts, state).await?;
        let visit = Visit::from_request_parts(parts, state).await?;
        let form = Form::from_request_parts(parts, state).await?;
        Ok(Click { state: state.clone(), visit, who, form })
    }
}
impl Click {
    /// Back to where it was pressed, which says what came of it.
    async fn decide(
        self,
        message: Option<i64>,
        done: &str,
        decision: impl Fn(&mut Tx<'_>, &By) -> desk::Result<()> + Send + 'static,
    ) -> Result<Response, Error> {
        let by = self.who.by();
        let from = self.form.text("from");
        let decided = self.state.courier.write(move |tx| decision(tx, &by)).await;
        let why = match error::refusal(decided)? {
            Ok(()) => {
                let message = message.map(|id| format!("&message={id}")).unwrap_or_default();
                return Ok(see_other(&match (from.as_str(), self.form.number("of")) {
                    ("inbox", _) => {
                        let state = inbox::word(&self.form.text("state"));
                        format!("/inbox?state={state}&done={done}{message}")
                    }
                    ("journal", Some(id)) => format!("/journal/{id}?done={done}"),
                    _ => format!("/held?done={done}{message}"),
                }));
            }
            Err(refusal) => Some(refusal.to_string()),
        };
        if self.who.is_administrator() && matches!(from.as_str(), "inbox" | "journal") {
            let asked = inbox::Asked::of_state(&self.form.text("state"));
            return inbox::show_list(&self.state, &self.visit, &asked, why).await;
        }
        show_list(&self.state, &self.visit, &Asked::default(), why).await
    }
}
