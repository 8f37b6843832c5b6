//! Oneself: name, looks, time zone, password.
use crate::extract::{Path, Query};
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::page::{Here, Page, show_as};
use crate::password::Checked;
use crate::session::Visit;
use crate::{Error, State, Who, error, moment, password};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use desk::Refusal;
use desk::people::agent::{self, Agent};
use desk::people::session::{self, Open};
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    done: Option<String>,
    kept: Option<String>,
}

/// The fields as shown: stored, or as typed.
#[derive(Clone, Debug)]
pub struct ProfileForm {
    pub name: String,
    pub theme: String,
    pub time_zone: String,
}
impl ProfileForm {
    fn stored(agent: &Agent) -> ProfileForm {
        ProfileForm {
            name: agent.name.clone(),
            theme: agent.theme.clone(),
            time_zone: agent.time_zone.clone(),
        }
    }
    fn typed(form: &Form) -> ProfileForm {
        ProfileForm { name: form.text("name"), theme: form.text("theme"), time_zone: form.text("time_zone") }
    }
    fn changed(&self, agent: &Agent) -> desk::Result<Agent> {
        if self.name.is_empty() {
            return Err(Refusal::Required("Name").into());
        }
        if !moment::is_zone(&self.time_zone) {
            let sentence = format!(
                "“{}” is not a time zone. Choose one from the list, such as Europe/Berlin.",
                self.time_zone
            );
            return Err(Refusal::Other(sentence).into());
        }
        let theme = match self.theme.as_str() {
            theme @ ("light" | "dark") => theme,
            _ => "auto",
        };
        Ok(Agent {
            name: self.name.clone(),
            theme: theme.to_owned(),
            time_zone: self.time_zone.clone(),
            ..agent.clone()
        })
    }
}

#[derive(Template)]
#[template(path = "profile/show.html")]
struct ProfilePage {
    page: Page,
    email: String,
    form: ProfileForm,
    zones: Vec<String>,
    sessions: Vec<Open>,
    /// The session that looks at this page.
    session_id: i64,
    why: Option<String>,
    why_password: Option<String>,
}

/// What stands on the page beside what is stored.
#[derive(Default)]
struct Typed {
    form: Option<ProfileForm>,
    why: Option<String>,
    why_password: Option<String>,
}

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    let form = kept.filter(|kept| kept.get("name").is_some()).as_ref().map(ProfileForm::typed);
    show_page(&state, &visit, &who, Typed { form, ..Typed::default() }, asked.done.as_deref()).await
}

async fn show_page(
    state: &State,
    visit: &Visit,
    who: &Who,
    typed: Typed,
    done: Option<&str>,
) -> Result<Response, Error> {
    let mut page = Page::new(state, visit, "Your profile", Here::Profile).await?;
    page.done = match done {
        Some("saved") => Some("Saved.".to_owned()),
        Some("ended") => Some("That session has ended.".to_owned()),
        Some("password") => Some("Your new password is set. Your other sessions have ended.".to_owned()),
        _ => None,
    };
    let refused = typed.why.is_some() || typed.why_password.is_some();
    page.given_back = typed.form.is_some() && !refused;
    let status = if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (why, why_password) = (typed.why, typed.why_password);
    let form = typed.form.unwrap_or_else(|| ProfileForm::stored(who.agent()));
    let (email, zones, session_id) = (who.agent().email.clone(), moment::zones(), who.session.id);
    let (agent_id, now) = (who.agent().id, who.now());
    let sessions = state.courier.read(move |tx| session::list(tx, agent_id, now)).await?;
    show_as(status, &ProfilePage { page, email, form, zones, sessions, session_id, why, why_password })
}

pub async fn change(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    let typed = ProfileForm::typed(&form);
    let changed = async {
        let (changed, by) = (typed.changed(who.agent())?, who.by());
        state.courier.write(move |tx| agent::change_own(tx, &by, &changed)).await
    };
    match error::refusal(changed.await)? {
        Ok(()) => Ok(see_other("/profile?done=saved")),
        Err(refusal) => {
            let typed = Typed { form: Some(typed), why: Some(refusal.to_string()), ..Typed::default() };
            show_page(&state, &visit, &who, typed, None).await
        }
    }
}

/// A new password needs the current one, and ends every other session. Who has got hold of a session guesses no
/// faster here than at the sign-in.
pub async fn set_password(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    form: Form,
) -> Result<Response, Error> {
    let set = async {
        let (agent, current) = (who.agent(), form.secret("current_password"));
        let why = match password::check(&state, &agent.email, current, &visit.address, visit.now).await? {
            Checked::Right(_) => {
                let set = password::set(&state, &who, agent.id, &form, Some(who.session.id)).await;
                return error::refusal(set);
            }
            Checked::Wrong => "The current password is not right.".to_owned(),
            Checked::TooMany(sentence) => sentence,
        };
        Ok(Err(Refusal::Other(why)))
    };
    match set.await? {
        Ok(()) => Ok(see_other("/profile?done=password")),
        Err(refusal) => {
            let typed = Typed { why_password: Some(refusal.to_string()), ..Typed::default() };
            show_page(&state, &visit, &who, typed, None).await
        }
    }
}

/// Signs another of one's own browsers out.
pub async fn end_session(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let (agent_id, now) = (who.agent().id, who.now());
    state.courier.write(move |tx| session::end_own(tx, agent_id, id, now)).await?;
    Ok(see_other("/profile?done=ended"))
}
