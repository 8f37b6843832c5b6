//! Signing in with a password, and out again.
use crate::extract::Query;
use crate::form::Form;
use crate::gate::see_other;
use crate::kept::with_kept;
use crate::page::{Page, show_as};
use crate::password::Checked;
use crate::session::{self, Cookie, Visit, Who};
use crate::{Error, State, origin, password};
use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::Response;
use desk::people::agent;
use serde::Deserialize;

/// Said for a wrong password, an unknown address and a disabled agent alike.
const WRONG: &str = "This email and password do not belong together.";

#[derive(Deserialize, Default)]
pub struct Way {
    to: Option<String>,
    kept: Option<String>,
    /// Something was typed, and nobody knows whose it was.
    lost: Option<String>,
}
impl Way {
    /// Where signing in leads: a page of ours, with what was kept for it.
    fn out(&self) -> String {
        let to = self.to.as_deref().and_then(origin::own_path).unwrap_or("/");
        match self
            .kept
            .as_deref()
            .filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
        {
            Some(id) => with_kept(to, id),
            None => to.to_owned(),
        }
    }
}

#[derive(Template)]
#[template(path = "sign_in/show.html")]
struct SignInPage {
    page: Page,
    email: String,
    why: Option<String>,
    way: Way,
    /// There is nobody who could sign in.
    no_administrator: bool,
    /// This browser had a session.
    ended: bool,
}

pub async fn show_page(
    state: &State,
    visit: &Visit,
    email: String,
    why: Option<String>,
    way: Way,
) -> Result<Response, Error> {
    let no_administrator = !state.courier.read(agent::has_administrator).await?;
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let page = Page::bare(state, visit, "Sign in");
    let ended = visit.had_session;
    show_as(status, &SignInPage { page, email, why, way, no_administrator, ended })
}

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Query(way): Query<Way>,
) -> Result<Response, Error> {
    if visit.who.is_some() {
        return Ok(see_other(&way.out()));
    }
    show_page(&state, &visit, String::new(), None, way).await
}

pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    form: Form,
) -> Result<Response, Error> {
    let email = form.text("email");
    let said = |name| form.get(name).map(str::to_owned);
    let way = Way { to: said("to"), kept: said("kept"), lost: said("lost") };
    let checked = password::check(&state, &email, form.secret("password"), &visit.address, visit.now).await?;
    let why = match checked {
        Checked::Right(agent) => {
            end_old(&state, &visit).await?;
            let cookie = session::begin(&state, agent.id, &visit.address).await?;
            let mut response = see_other(&way.out());
            response.headers_mut().append(header::SET_COOKIE, cookie);
            return Ok(response);
        }
        Checked::Wrong => WRONG.to_owned(),
        Checked::TooMany(sentence) => sentence,
    };
    show_page(&state, &visit, email, Some(why), way).await
}

/// The session this browser had before, if any: a new one never carries it on.
async fn end_old(state: &State, visit: &Visit) -> Result<(), Error> {
    let Some(who) = &visit.who else { return Ok(()) };
    let (id, now) = (who.session.id, visit.now);
    Ok(state.courier.write(move |tx| desk::people::session::end(tx, id, now)).await?)
}

pub async fn end(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
) -> Result<Response, Error> {
    let (id, now) = (who.session.id, who.now());
    state.courier.write(move |tx| desk::people::session::end(tx, id, now)).await?;
    let mut response = see_other("/sign-in");
    response.headers_mut().append(header::SET_COOKIE, Cookie::Session.clear(&state));
    Ok(response)
}
