//! Signing in with a password, and out again.
use crate::form::Form;
use crate::gate::{see_other, with_kept};
use crate::page::{Page, show_as};
use crate::session::{self, Cookie, Visit, Who};
use crate::{Error, State, origin};
use askama::Template;
use axum::extract::Query;
use axum::http::{StatusCode, header};
use axum::response::Response;
use desk::people::agent::{self, Agent};
use desk::people::sign_in::{self, Verdict};
use serde::Deserialize;

/// Said for a wrong password, an unknown address and a disabled agent alike.
const WRONG: &str = "This email and password do not belong together.";

#[derive(Deserialize, Default)]
pub struct Way {
    to: Option<String>,
    kept: Option<String>,
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
    show_as(status, &SignInPage { page, email, why, way, no_administrator })
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
    let way = Way { to: form.get("to").map(str::to_owned), kept: form.get("kept").map(str::to_owned) };
    match check(&state, &visit, &email, &form).await? {
        Checked::Right(agent) => {
            end_old(&state, &visit).await?;
            let cookie = session::begin(&state, agent.id, &visit.address).await?;
            let mut response = see_other(&way.out());
            response.headers_mut().append(header::SET_COOKIE, cookie);
            Ok(response)
        }
        Checked::Wrong(why) => show_page(&state, &visit, email, Some(why), way).await,
    }
}

enum Checked {
    Right(Box<Agent>),
    Wrong(String),
}

async fn check(state: &State, visit: &Visit, email: &str, form: &Form) -> Result<Checked, Error> {
    let (now, place) = (visit.now, visit.address.clone());
    if let Verdict::Wait { until } = admitted(state, email, &place, now).await? {
        let minutes = ((until - now).max(0) / 60_000) + 1;
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        return Ok(Checked::Wrong(format!("Too many tries. Wait {minutes} {unit}, then try again.")));
    }
    let asked = email.to_owned();
    let found = state.courier.read(move |tx| agent::find_by_email(tx, &asked)).await?;
    let password = form.secret("password").unwrap_or_default();
    let (agent, hash) = found.map_or((None, None), |(agent, hash)| (Some(agent), hash));
    let right =
        state.courier.blocking(move |_| Ok(agent::check_password(&password, hash.as_deref()))).await?;
    let asked = email.to_owned();
    match agent.filter(|agent| right && agent.active) {
        Some(agent) => {
            state.courier.write(move |tx| sign_in::succeeded(tx, &asked, &place, now)).await?;
            Ok(Checked::Right(Box::new(agent)))
        }
        None => Ok(Checked::Wrong(WRONG.to_owned())),
    }
}

/// Whether this try may be made; one that may is counted as failed before the password is looked at, so that
/// of many that come at once each is judged after the last. Signing in takes the count away again.
async fn admitted(state: &State, email: &str, place: &str, now: i64) -> Result<Verdict, Error> {
    let (asked, address) = (email.to_owned(), place.to_owned());
    // Those who wait hold nobody up who writes.
    let verdict = state.courier.read(move |tx| sign_in::judge(tx, &asked, &address, now)).await?;
    if verdict != Verdict::Try {
        return Ok(verdict);
    }
    let (asked, address) = (email.to_owned(), place.to_owned());
    let _turn = state.sign_ins.lock().await;
    let judged = state.courier.write(move |tx| {
        let verdict = sign_in::judge(tx, &asked, &address, now)?;
        if verdict == Verdict::Try {
            sign_in::failed(tx, &asked, &address, now)?;
        }
        Ok(verdict)
    });
    Ok(judged.await?)
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
