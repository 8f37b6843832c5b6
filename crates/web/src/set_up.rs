//! The one-time link of the first administrator: looking at it changes nothing, the form uses it up.
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Page, show_as};
use crate::session::{self, Visit};
use crate::{Error, State, error, password};
use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::Response;
use desk::people::agent::{NewAgent, Role};
use desk::people::first_administrator;
use desk::{Actor, By, Refusal};

#[derive(Template)]
#[template(path = "set_up/show.html")]
struct SetUpPage {
    page: Page,
    token: String,
    email: String,
    name: String,
    why: Option<String>,
}

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(token): Path<String>,
) -> Result<Response, Error> {
    let (asked, now) = (token.clone(), visit.now);
    if !state.courier.read(move |tx| first_administrator::is_open(tx, &asked, now)).await? {
        return Err(Error::Refused(Refusal::LinkUsedUp));
    }
    let page = Page::bare(&state, &visit, "Set up Postern");
    show_as(StatusCode::OK, &SetUpPage { page, token, email: String::new(), name: String::new(), why: None })
}

pub async fn accept(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(token): Path<String>,
    form: Form,
) -> Result<Response, Error> {
    match error::refusal(make(&state, &visit, &token, &form).await)? {
        Ok(agent_id) => {
            let cookie = session::begin(&state, agent_id, &visit.address).await?;
            let mut response = see_other("/mailboxes");
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Err(refusal @ (Refusal::LinkUsedUp | Refusal::AdministratorExists)) => Err(Error::Refused(refusal)),
        Err(refusal) => {
            let page = Page::bare(&state, &visit, "Set up Postern");
            let (email, name) = (form.text("email"), form.text("name"));
            let shown = SetUpPage { page, token, email, name, why: Some(refusal.to_string()) };
            show_as(StatusCode::UNPROCESSABLE_ENTITY, &shown)
        }
    }
}

async fn make(state: &State, visit: &Visit, token: &str, form: &Form) -> desk::Result<i64> {
    let (email, name) = (form.text("email"), form.text("name"));
    if name.is_empty() {
        return Err(Refusal::Required("Name").into());
    }
    let password_hash = password::hash(state, form, "password").await?;
    let new = NewAgent { email, name: name.clone(), role: Role::Administrator, password_hash };
    let by = By { actor: Actor::System, at: visit.now };
    let token = token.to_owned();
    state.courier.write(move |tx| first_administrator::accept(tx, &by, &token, &new)).await
}
