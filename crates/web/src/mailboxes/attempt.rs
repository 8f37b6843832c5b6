//! A try to authorize, from any tab: begun anew, and what is asked when somebody else than expected has signed in.
use super::banner::{self, Shown};
use super::{Frame, Tab, side, side_word};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Page, show, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use courier::authorize::{self, About, Answer, Banner, Landing};
use desk::mailboxes::grant::{self, DeviceTry, Grant, State as GrantState};
use desk::mailboxes::mailbox::{Shape, Side};

/// Where a try goes on.
pub enum Next {
    To(String),
    /// The page where the address is pasted, with the way to the provider.
    Paste(url::Url),
    /// Nobody signs in: it was asked and proved at once.
    Proved(Banner),
    /// What an administrator of the tenant is to be sent.
    AdminConsent(Vec<url::Url>),
}

/// Begins a try in the way that a form names: the browser comes back, or else its address is pasted, or a code is typed in
/// elsewhere.
pub async fn next(state: &State, who: &Who, id: i64, side: Side, way: Option<&str>) -> desk::Result<Next> {
    let session = authorize::Session { session_id: who.session.id, by: who.by() };
    let courier = &state.courier;
    // Nobody signs in here by this, so it goes before what needs nobody.
    if way == Some("admin-consent") {
        let links = authorize::begin_admin_consent(courier, &session.by, id, side).await?;
        return Ok(Next::AdminConsent(links));
    }
    if authorize::needs_nobody(courier, id, side).await? {
        return authorize::ask_now(courier, &who.by(), id, side).await.map(Next::Proved);
    }
    match way {
        Some("paste") => authorize::begin_paste(courier, &session, id, side).await.map(Next::Paste),
        Some("device") => {
            let device = authorize::begin_device(courier, &session, id, side).await?;
            Ok(Next::To(format!("/mailboxes/{id}/{}/tries/{}", side_word(side), device.grant_id)))
        }
        _ => authorize::begin(courier, &session, id, side).await.map(|to| Next::To(to.into())),
    }
}

/// *Authorize again*, *Sign in again*: to the provider with what is saved. What is in use stays so meanwhile.
pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
    form: Form,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    match error::refusal(next(&state, &who, id, side, form.get("way")).await)? {
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
        Next::Proved(banner) => {
            Ok(see_other(&banner::keep(state, who, id, side, Shown::from(banner)).await?))
        }
        Next::To(to) => Ok(see_other(&to)),
        Next::Paste(to) => {
            let (page, frame) =
                super::frame(state, visit, id, tab_of(side), &super::Asked::default()).await?;
            let side = side_word(side);
            show(&PastePage { page, frame, side, to: Some(to.into()), why: None })
        }
        Next::AdminConsent(links) => {
            let (page, frame) =
                super::frame(state, visit, id, tab_of(side), &super::Asked::default()).await?;
            let links = links.into_iter().map(String::from).collect();
            show(&AdminConsentPage { page, frame, side: side_word(side), links })
        }
    }
}

fn tab_of(side: Side) -> Tab {
    match side {
        Side::Incoming => Tab::Remote,
        Side::Outgoing => Tab::Outgoing,
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

#[derive(Template)]
#[template(path = "mailboxes/paste.html")]
struct PastePage {
    page: Page,
    frame: Frame,
    side: &'static str,
    /// The provider's page; it is shown once.
    to: Option<String>,
    why: Option<String>,
}

/// The address that the browser ended at.
pub async fn paste(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
    form: Form,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let session = authorize::Session { session_id: who.session.id, by: who.by() };
    let typed = form.long_text("pasted_secret");
    let landed = authorize::pasted(&state.courier, &session, id, side, &typed, None).await;
    let why = match error::refusal(landed)? {
        Ok(Landing::Tab { banner: Banner::Asks { .. }, .. }) => {
            return Ok(see_other(&format!("/mailboxes/{id}/{word}")));
        }
        Ok(Landing::Tab { banner, .. }) => {
            return Ok(see_other(&banner::keep(&state, &who, id, side, Shown::from(banner)).await?));
        }
        Ok(Landing::Unknown { sentence }) => sentence,
        Err(refusal) => refusal.to_string(),
    };
    let (page, frame) = super::frame(&state, &visit, id, tab_of(side), &super::Asked::default()).await?;
    let (side, why) = (side_word(side), Some(why));
    // What was pasted holds a code: it is not written into the page.
    let shown = PastePage { page, frame, side, to: None, why };
    show_as(StatusCode::UNPROCESSABLE_ENTITY, &shown)
}

#[derive(Template)]
#[template(path = "mailboxes/device.html")]
struct DevicePage {
    page: Page,
    frame: Frame,
    side: &'static str,
    device: DeviceTry,
    grant: Grant,
}

/// A try by a code: what to type in and where, and then what came of it. It goes on whether or not this is open.
pub async fn show_device(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path((id, word, grant_id)): Path<(i64, String, i64)>,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let found = state.courier.read(move |tx| {
        let grant = grant::find(tx, grant_id)?.filter(|grant| grant.mailbox_id == id && grant.side == side);
        Ok(grant.zip(grant::device_try(tx, grant_id)?))
    });
    let (grant, device) = found.await?.ok_or(Error::NotFound)?;
    let (page, frame) = super::frame(&state, &visit, id, tab_of(side), &super::Asked::default()).await?;
    let shown = show(&DevicePage { page, frame, side: side_word(side), device, grant })?;
    Ok(super::leaving(&state, shown))
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
    let shown = match error::refusal(answered)? {
        Ok(Banner::Asks { .. }) => return Ok(see_other(&format!("/mailboxes/{id}/{}", side_word(side)))),
        Ok(banner) => Shown::from(banner),
        Err(refusal) => Shown::refused("Nothing was changed.", &refusal),
    };
    Ok(see_other(&banner::keep(&state, &who, id, side, shown).await?))
}
