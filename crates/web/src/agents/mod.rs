//! Admin Panel › Agents: who works here, in which role, and a new password for who has lost theirs.
mod entered;
pub use entered::AgentForm;

use crate::extract::{Path, Query};
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::page::{Here, Page, show, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error, password};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use desk::people::agent::{self, Agent, NewAgent, Role};
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    done: Option<String>,
    kept: Option<String>,
}

#[derive(Template)]
#[template(path = "agents/list.html")]
struct ListPage {
    page: Page,
    agents: Vec<Agent>,
}

#[derive(Template)]
#[template(path = "agents/new.html")]
struct NewPage {
    page: Page,
    form: AgentForm,
    why: Option<String>,
}

#[derive(Template)]
#[template(path = "agents/show.html")]
struct ShowPage {
    page: Page,
    agent: Agent,
    form: AgentForm,
    is_self: bool,
    why: Option<String>,
    why_password: Option<String>,
}

pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let agents = state.courier.read(agent::list).await?;
    let mut page = Page::new(&state, &visit, "Agents", Here::Agents).await?;
    page.done = done_sentence(asked.done.as_deref());
    show(&ListPage { page, agents })
}

fn done_sentence(code: Option<&str>) -> Option<String> {
    let sentence = match code? {
        "made" => "The agent can sign in now. Hand over the password in person, or by phone.",
        "saved" => "Saved.",
        "password" => "The new password is set, and the agent's sessions have ended.",
        _ => return None,
    };
    Some(sentence.to_owned())
}

pub async fn show_new(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    new_page(&state, &visit, kept.as_ref().map(AgentForm::typed), None).await
}

async fn new_page(
    state: &State,
    visit: &Visit,
    typed: Option<AgentForm>,
    why: Option<String>,
) -> Result<Response, Error> {
    let mut page = Page::new(state, visit, "Add New Agent", Here::Agents).await?;
    page.given_back = typed.is_some() && why.is_none();
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    show_as(status, &NewPage { page, form: typed.unwrap_or_default(), why })
}

pub async fn create(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    let typed = AgentForm::typed(&form);
    match error::refusal(make(&state, &who, &typed, &form).await)? {
        Ok(()) => Ok(see_other("/agents?done=made")),
        Err(refusal) => new_page(&state, &visit, Some(typed), Some(refusal.to_string())).await,
    }
}

async fn make(state: &State, who: &Who, typed: &AgentForm, form: &Form) -> desk::Result<()> {
    typed.check()?;
    let password_hash = password::hash(state, form, "password").await?;
    let new =
        NewAgent { email: typed.email.clone(), name: typed.name.clone(), role: typed.role, password_hash };
    let (by, once) = (who.by(), form.once(who));
    state
        .courier
        .write(move |tx| {
            agent::create(tx, &by, &new)?;
            form::record(once.as_ref(), tx, "/agents?done=made", by.at)
        })
        .await
}

async fn find(state: &State, id: i64) -> Result<Agent, Error> {
    state.courier.read(move |tx| agent::find(tx, id)).await?.ok_or(Error::NotFound)
}

/// What stands on one agent's page beside what is stored.
#[derive(Default)]
struct Typed {
    form: Option<AgentForm>,
    why: Option<String>,
    why_password: Option<String>,
}

pub async fn show_one(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    // Only what the upper form holds can come back; a password never does.
    let form = kept.filter(|kept| kept.get("name").is_some()).as_ref().map(AgentForm::typed);
    show_page(&state, &visit, &who, id, Typed { form, ..Typed::default() }, asked.done.as_deref()).await
}

async fn show_page(
    state: &State,
    visit: &Visit,
    who: &Who,
    id: i64,
    typed: Typed,
    done: Option<&str>,
) -> Result<Response, Error> {
    let agent = find(state, id).await?;
    let mut page = Page::new(state, visit, &agent.name, Here::Agents).await?;
    page.done = done_sentence(done);
    let refused = typed.why.is_some() || typed.why_password.is_some();
    page.given_back = typed.form.is_some() && !refused;
    let status = if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let form = typed.form.unwrap_or_else(|| AgentForm::stored(&agent));
    let is_self = who.agent().id == id;
    let (why, why_password) = (typed.why, typed.why_password);
    show_as(status, &ShowPage { page, agent, form, is_self, why, why_password })
}

pub async fn change(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    let agent = find(&state, id).await?;
    let typed = AgentForm::typed(&form);
    let changed = async {
        typed.check_name()?;
        let changed = Agent { name: typed.name.clone(), role: typed.role, active: typed.active, ..agent };
        let by = who.by();
        state.courier.write(move |tx| agent::change(tx, &by, &changed)).await
    };
    match error::refusal(changed.await)? {
        Ok(()) => Ok(see_other(&format!("/agents/{id}?done=saved"))),
        Err(refusal) => {
            let typed = Typed { form: Some(typed), why: Some(refusal.to_string()), ..Typed::default() };
            show_page(&state, &visit, &who, id, typed, None).await
        }
    }
}

pub async fn set_password(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    find(&state, id).await?;
    // Setting one's own here keeps the session that does it.
    let keep = (who.agent().id == id).then_some(who.session.id);
    match error::refusal(password::set(&state, &who, id, &form, keep).await)? {
        Ok(()) => Ok(see_other(&format!("/agents/{id}?done=password"))),
        Err(refusal) => {
            let typed = Typed { why_password: Some(refusal.to_string()), ..Typed::default() };
            show_page(&state, &visit, &who, id, typed, None).await
        }
    }
}

/// How a role is called on pages.
pub fn role_word(role: &Role) -> &'static str {
    match role {
        Role::Agent => "Agent",
        Role::Administrator => "Administrator",
    }
}
