//! A try to authorize, from any tab: begun anew, and what is asked when somebody else than expected has signed in.
use super::banner::{self, Shown};
use super::{Frame, Tab, side, side_word};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Page, show};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::response::Response;
use courier::authorize::{self, About, Answer, Banner};
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::Side;

/// Where a try goes on.
pub enum Next {
    /// A person signs in there.
    To(url::Url),
    /// Nobody signs in: it was asked and proved at once.
    Proved(Banner),
    /// What an administrator of the tenant is to be sent.
    AdminConsent(Vec<url::Url>),
}

/// Begins a try, or what a button of the form names instead.
pub async fn next(state: &State, who: &Who, id: i64, side: Side, way: Option<&str>) -> desk::Result<Next> {
    let courier = &state.courier;
    // Nobody signs in here by this, so it goes before what needs nobody.
    if way == Some("admin-consent") {
        let links = authorize::begin_admin_consent(courier, &who.by(), id, side).await?;
        return Ok(Next::AdminConsent(links));
    }
    if authorize::needs_nobody(courier, id, side).await? {
        return authorize::ask_now(courier, &who.by(), id, side).await.map(Next::Proved);
    }
    let session = who.authorizing();
    authorize::begin(courier, &session, id, side).await.map(Next::To)
}

/// *Authorize again*, *Sign in again*: to the provider with what is saved. What is in use stays so meanwhile.
pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    match error::refusal(next(&state, &who, id, side, None).await)? {
        Ok(next) => go(&state, &visit, &who, id, side, next).await,
        Err(refusal) => {
            let shown = Shown::refused("It cannot be authorized yet.", &refusal);
            Ok(see_other(&banner::keep(&state, &who, id, side, shown).await?))
        }
    }
}

pub async fn go(
    state: &State,
    visit: &Visit,
    who: &Who,
    id: i64,
    side: Side,
    next: Next,
) -> Result<Response, Error> {
    match next {
        Next::Proved(banner) => Ok(see_other(&banner::lead(state, who, id, side, banner).await?)),
        Next::To(to) => Ok(see_other(to.as_str())),
        Next::AdminConsent(links) => {
            let tab = if side == Side::Incoming { Tab::Remote } else { Tab::Outgoing };
            let (page, frame) = super::frame(state, visit, id, tab, &super::Asked::default()).await?;
            let links = links.into_iter().map(String::from).collect();
            show(&AdminConsentPage { page, frame, side: side_word(side), links })
        }
    }
}

#[derive(Template)]
#[template(path = "mailboxes/admin_consent.html")]
struct AdminConsentPage {
    page: Page,
    frame: Frame,
    side: &'static str,
    links: Vec<String>,
}

/// The answer to who has signed in: the tokens that waited are proved.
pub async fn answer(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path((id, word, grant_id)): Path<(i64, String, i64)>,
    form: Form,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let answer = match form.get("answer") {
        Some("shared") => Answer::Shared,
        Some("alias") => Answer::Alias,
        Some("person") => Answer::Person,
        _ => return Err(Error::NotFound),
    };
    let asked = state.courier.read(move |tx| grant::find(tx, grant_id)).await?;
    if asked.is_none_or(|grant| grant.mailbox_id != id || grant.side != side) {
        return Err(Error::NotFound);
    }
    let answered = authorize::answer(&state.courier, &who.by(), id, side, grant_id, answer).await;
    let to = match error::refusal(answered)? {
        Ok(banner) => banner::lead(&state, &who, id, side, banner).await?,
        Err(refusal) => {
            let shown = Shown::refused("Nothing was changed.", &refusal);
            banner::keep(&state, &who, id, side, shown).await?
        }
    };
    Ok(see_other(&to))
}
