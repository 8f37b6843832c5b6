//! *Other ways to authorize* on the Config page, for a server that the browser cannot come back to.
use super::authorization::{self, Asked};
use super::banner::{self, Shown};
use super::side;
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::session::Visit;
use crate::{Error, State, Who, error};
use axum::response::Response;
use courier::authorize::{self, Action, Landing, Progress};
use desk::Refusal;
use desk::mailboxes::client::Client;
use desk::mailboxes::grant::{self, DeviceTry, Grant, State as GrantState};
use desk::mailboxes::mailbox::{Mailbox, Shape, Side};

/// What a code came to is shown this long.
const TOLD_MS: i64 = 15 * 60_000;

/// The part of the page below *Submit*.
pub struct Ways {
    pub is_open: bool,
    /// Why what was pasted does not count.
    pub not_pasted: Option<String>,
    /// Why there is no code.
    pub no_code: Option<Shown>,
    /// The provider is known to give codes.
    pub offers_codes: bool,
    pub code: Option<Waiting>,
    /// What the newest code came to.
    pub told: Option<Shown>,
    /// Somebody has signed in with it.
    pub is_being_proved: bool,
    /// With which account.
    pub signs_in: String,
}

/// A code that somebody may enter now.
pub struct Waiting {
    pub grant_id: i64,
    pub user_code: String,
    pub page: String,
    pub left_s: i64,
    /// Its time to be asked about has long passed.
    pub is_asked_by_nobody: bool,
}

impl Ways {
    pub async fn of(
        state: &State,
        mailbox: &Mailbox,
        client: &Client,
        side: Side,
        asked: &Asked,
        now: i64,
    ) -> Result<Ways, Error> {
        let id = mailbox.id;
        let newest = state.courier.read(move |tx| {
            let Some(newest) = grant::newest_device(tx, id, side)? else { return Ok(None) };
            Ok(grant::find(tx, newest)?.zip(grant::device_try(tx, newest)?))
        });
        let newest = newest.await?;
        let code = newest.as_ref().and_then(|(grant, device)| Waiting::of(grant, device, now));
        let told = newest.as_ref().and_then(|(grant, _)| told(mailbox, grant, now));
        let progress = newest.as_ref().map(|(grant, device)| authorize::progress(grant, device, now));
        let is_being_proved = progress == Some(Progress::Proving);
        let refused = asked.not_pasted.is_some() || asked.no_code.is_some();
        Ok(Ways {
            is_open: asked.ways.is_some() || refused || code.is_some() || is_being_proved,
            not_pasted: asked.not_pasted.clone(),
            no_code: asked.no_code.clone(),
            offers_codes: authorize::device_is_offered(&state.courier, client),
            code,
            told,
            is_being_proved,
            signs_in: match &mailbox.shape {
                Shape::Own => format!("as {}", mailbox.address),
                Shape::Alias { opens } => format!("as {opens}"),
                Shape::Shared => format!("with an account that may open {}", mailbox.address),
            },
        })
    }

    pub fn was_refused(&self) -> bool {
        self.not_pasted.is_some() || self.no_code.is_some()
    }
}

impl Waiting {
    fn of(grant: &Grant, device: &DeviceTry, now: i64) -> Option<Waiting> {
        let Progress::Waits { by_nobody } = authorize::progress(grant, device, now) else { return None };
        Some(Waiting {
            grant_id: grant.id,
            user_code: device.user_code.clone(),
            page: device.verification_uri.clone(),
            left_s: (device.until - now) / 1000,
            is_asked_by_nobody: by_nobody,
        })
    }
}

fn told(mailbox: &Mailbox, grant: &Grant, now: i64) -> Option<Shown> {
    if now >= grant.since.saturating_add(TOLD_MS) {
        return None;
    }
    let (good, action) = match grant.state {
        GrantState::Fulfilled => (true, None),
        GrantState::Pending if grant.reason.is_empty() => return None,
        GrantState::Unproved => (false, Some(Action::ProveAgain)),
        GrantState::Pending | GrantState::Failed => (false, None),
        GrantState::Lapsed | GrantState::Revoked => return None,
    };
    let sentence = match grant.state {
        GrantState::Fulfilled => format!("{} is authorized and works.", mailbox.address),
        GrantState::Unproved if grant.reason.is_empty() => "It is authorized, and not proved yet.".to_owned(),
        _ => grant.reason.clone(),
    };
    Some(Shown { good, sentence, detail: String::new(), remedy: grant.remedy.clone(), action })
}

/// The address that the browser ended on: it counts as if the browser had come back with it.
pub async fn paste(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
    form: Form,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let session = who.authorizing();
    let text = form.long_text("pasted_secret");
    let landed = authorize::pasted(&state.courier, &session, id, side, &text, None).await;
    let why = match error::refusal(landed)? {
        Ok(Landing::Tab { mailbox_id, side, banner }) => {
            return Ok(see_other(&banner::lead(&state, &who, mailbox_id, side, banner).await?));
        }
        Ok(Landing::Unknown { sentence }) => sentence,
        Err(Refusal::NotFound(_)) => return Err(Error::NotFound),
        Err(refusal) => refusal.to_string(),
    };
    let asked = Asked { not_pasted: Some(why), ..Asked::default() };
    authorization::show_tab(&state, &visit, id, side, &asked, None, None).await
}

/// *Get a code*.
pub async fn begin_device(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let session = who.authorizing();
    let began = authorize::begin_device(&state.courier, &session, id, side).await;
    let why = match error::refusal(began)? {
        Ok(_) => return Ok(see_other(&page(id, &word))),
        Err(Refusal::NotFound(_)) => return Err(Error::NotFound),
        Err(refusal) => Shown::refused("There is no code yet.", &refusal),
    };
    let asked = Asked { no_code: Some(why), ..Asked::default() };
    authorization::show_tab(&state, &visit, id, side, &asked, None, None).await
}

/// *Cancel*: the code counts no more.
pub async fn cancel_device(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path((id, word, grant_id)): Path<(i64, String, i64)>,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let by = who.by();
    state
        .courier
        .write(move |tx| {
            let found = grant::find(tx, grant_id)?;
            if found.is_none_or(|grant| grant.mailbox_id != id || grant.side != side) {
                return Err(Refusal::NotFound("code").into());
            }
            grant::cancel_device(tx, &by, grant_id)
        })
        .await?;
    Ok(see_other(&page(id, &word)))
}

/// A refused form was answered at the address that it was sent to: loading that again leads to the page itself.
pub async fn to_the_page(
    axum::extract::State(state): axum::extract::State<State>,
    Path((id, word)): Path<(i64, String)>,
) -> Result<Response, Error> {
    side(&word)?;
    super::find(&state, id).await?;
    Ok(see_other(&page(id, &word)))
}

fn page(id: i64, word: &str) -> String {
    format!("/mailboxes/{id}/{word}/authorization?ways=open#ways")
}
