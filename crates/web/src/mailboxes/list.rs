//! The list of System Emails, and a new one.
use super::account::AccountForm;
use super::health::Facts;
use crate::extract::Query;
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::page::{Here, Page, show, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use desk::mailboxes::mailbox::{self, Mailbox};
use desk::people::department::{self, Department};

pub struct Line {
    mailbox: Mailbox,
    facts: Facts,
}

#[derive(Template)]
#[template(path = "mailboxes/list.html")]
struct ListPage {
    page: Page,
    lines: Vec<Line>,
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
    Query(asked): Query<super::Asked>,
) -> Result<Response, Error> {
    let mailboxes = state.courier.read(|tx| mailbox::list(tx, None, mailbox::LIST_MAX)).await?;
    let mut page = Page::new(&state, &visit, "Emails", Here::Emails).await?;
    if asked.done.as_deref() == Some("removed") {
        page.done = Some(
            "The email is removed. Its tickets stay; adding the address again goes on where it stopped."
                .into(),
        );
    }
    let lines =
        mailboxes.into_iter().map(|mailbox| Line { facts: Facts::of(&mailbox, &page), mailbox }).collect();
    show(&ListPage { page, lines })
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
