//! The list of System Emails: how each is, on one screen; and a new one.
use super::account::AccountForm;
use super::banner;
use super::fleet::{Act, Line};
use crate::extract::Query;
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::page::{Here, Page, show, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use desk::alerts::fleet::{self, Wanted};
use desk::alerts::notice;
use desk::mailboxes::mailbox::{self};
use desk::people::department::{self, Department};
use serde::Deserialize;

/// Mailboxes on one page.
const LINES_MAX: i64 = 100;

pub const REMOVED: &str =
    "The email is removed. Its tickets stay; adding the address again goes on where it stopped.";

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    done: Option<String>,
    banner: Option<String>,
    state: Option<String>,
    after: Option<String>,
}
impl Asked {
    fn wanted(&self) -> (&'static str, Wanted) {
        match self.state.as_deref() {
            Some("needs") => ("needs", Wanted::NeedPerson),
            Some("waiting") => ("waiting", Wanted::Waiting),
            Some("well") => ("well", Wanted::Well),
            Some("off") => ("off", Wanted::Off),
            _ => ("", Wanted::All),
        }
    }
}

#[derive(Template)]
#[template(path = "mailboxes/list.html")]
struct ListPage {
    page: Page,
    lines: Vec<Line>,
    state: &'static str,
    needing: i64,
    /// Where the next page begins.
    next: Option<String>,
    /// Alerts that no mailbox could carry.
    unsent: Option<String>,
}
impl ListPage {
    fn current(&self, state: &str) -> &'static str {
        if self.state == state { "page" } else { "false" }
    }
}

#[derive(Template)]
#[template(path = "mailboxes/new.html")]
struct NewPage {
    page: Page,
    form: AccountForm,
    departments: Vec<Department>,
    why: Option<String>,
}

/// `/admin`: the panel begins with its emails.
pub async fn panel() -> Response {
    see_other("/mailboxes")
}

pub async fn show_list(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let (word, wanted) = asked.wanted();
    let after = asked.after.clone();
    let read = state.courier.read(move |tx| {
        let members = fleet::list(tx, wanted, after.as_deref(), LINES_MAX + 1)?;
        Ok((members, fleet::count_needing(tx)?, notice::why_unsent(tx)?))
    });
    let (mut members, needing, unsent) = read.await?;
    let more = members.len() > LINES_MAX as usize;
    members.truncate(LINES_MAX as usize);
    let next = members.last().filter(|_| more).map(|member| member.mailbox.address.clone());
    let mut page = Page::new(&state, &visit, "Emails", Here::Emails).await?;
    page.done = match asked.done.as_deref() {
        Some("removed") => Some(REMOVED),
        Some("fetched") => super::done_sentence("fetched", page.on_hold),
        _ => None,
    }
    .map(str::to_owned);
    if let Some(who) = &visit.who
        && let Some(shown) = banner::take(&state, who, asked.banner.as_deref()).await?
    {
        page.done = Some(format!("{} {}", shown.sentence, shown.detail));
    }
    // Said below, with the button to Alerts: once is enough.
    if let Some(why) = &unsent {
        for told in &mut page.strip {
            told.sentence = told.sentence.replace(why.as_str(), "").trim_end().to_owned();
        }
    }
    let lines = members.into_iter().map(|member| Line::of(member, &page)).collect();
    show(&ListPage { page, lines, state: word, needing, next, unsent })
}

pub async fn show_new(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Query(asked): Query<super::Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    let given_back = kept.is_some();
    let typed = kept.map_or_else(AccountForm::default, |kept| AccountForm::entered(&kept));
    show_form(&state, &visit, typed, None, given_back).await
}

async fn show_form(
    state: &State,
    visit: &Visit,
    form: AccountForm,
    why: Option<String>,
    given_back: bool,
) -> Result<Response, Error> {
    let departments = state.courier.read(department::list).await?;
    let mut page = Page::new(state, visit, "Add New Email", Here::Emails).await?;
    page.given_back = given_back;
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    show_as(status, &NewPage { page, form, departments, why })
}

pub async fn create(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    let typed = AccountForm::entered(&form);
    let (account, by, once) = (typed.account(), who.by(), form.once(&who));
    let made = state
        .courier
        .write(move |tx| {
            let id = mailbox::create(tx, &by, &account.address, &account.name, account.department_id)?;
            mailbox::change_account(tx, &by, id, &account)?;
            let answer = format!("/mailboxes/{id}/remote?done=made");
            form::record(once.as_ref(), tx, &answer, by.at)?;
            Ok(answer)
        })
        .await;
    match error::refusal(made)? {
        Ok(answer) => Ok(see_other(&answer)),
        Err(refusal) => show_form(&state, &visit, typed, Some(refusal.to_string()), false).await,
    }
}
