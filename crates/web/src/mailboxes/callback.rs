//! Where the provider sends the administrator back to. The answer is a 303 to a clean address: what stood
//! in the query is shown nowhere, logged nowhere, and not in the history.
use super::banner;
use crate::extract::Path;
use crate::gate::see_other;
use crate::page::{Here, Page, show_as};
use crate::session::Visit;
use crate::{Error, State};
use askama::Template;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use courier::authorize::{self, CallbackQuery, Landing};

#[derive(Template)]
#[template(path = "mailboxes/callback.html")]
struct CallbackPage {
    page: Page,
    heading: &'static str,
    sentence: String,
}

pub async fn land(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(public_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Error> {
    let asked = query.as_ref().is_some_and(|query| !query.is_empty());
    let answer = CallbackQuery::parse(query.as_deref().unwrap_or_default());
    if let Some(said) = authorize::admin_consented(&state.courier, &public_id, &answer).await? {
        let page = Page::new(&state, &visit, said.heading, Here::Nowhere).await?;
        let status = if said.good { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        return show_as(status, &CallbackPage { page, heading: said.heading, sentence: said.sentence });
    }
    let begun_elsewhere = match &visit.who {
        Some(who) if who.is_administrator() => false,
        Some(_) | None => {
            authorize::awaits_paste(&state.courier, &public_id, answer.state.as_deref()).await?
        }
    };
    if begun_elsewhere {
        return copy_it(&state, &visit).await;
    }
    let Some(who) = &visit.who else {
        if asked {
            return Ok(see_other(&visit.path));
        }
        let sentence = "Your session ended meanwhile, so nothing was saved. Sign in, open the email's Config, and choose Submit again.";
        return plain(&state, &visit, "Sign in again", sentence).await;
    };
    if !who.is_administrator() {
        return Err(Error::NotAllowed);
    }
    let session = who.authorizing();
    let asked_by = answer.state.clone();
    match authorize::callback(&state.courier, &session, &public_id, answer).await? {
        Landing::Unknown { .. }
            if authorize::awaits_paste(&state.courier, &public_id, asked_by.as_deref()).await? =>
        {
            copy_it(&state, &visit).await
        }
        // The same address without its query says it: an unused code stays in no history.
        Landing::Unknown { .. } if asked => Ok(see_other(&visit.path)),
        Landing::Unknown { sentence } => {
            plain(&state, &visit, "This sign-in does not count", &sentence).await
        }
        Landing::Tab { mailbox_id, side, banner } => {
            Ok(see_other(&banner::lead(&state, who, mailbox_id, side, banner).await?))
        }
    }
}

/// The address has to stay where it can be copied from: nothing was used up.
async fn copy_it(state: &State, visit: &Visit) -> Result<Response, Error> {
    let page = Page::new(state, visit, "Copy this address", Here::Nowhere).await?;
    let sentence = "You have signed in. Copy the whole address of this page from the address bar, and paste it where the \
                    command waits.";
    show_as(
        StatusCode::OK,
        &CallbackPage { page, heading: "Copy this address", sentence: sentence.to_owned() },
    )
}

async fn plain(
    state: &State,
    visit: &Visit,
    heading: &'static str,
    sentence: &str,
) -> Result<Response, Error> {
    let page = Page::new(state, visit, heading, Here::Nowhere).await?;
    show_as(StatusCode::BAD_REQUEST, &CallbackPage { page, heading, sentence: sentence.to_owned() })
}
