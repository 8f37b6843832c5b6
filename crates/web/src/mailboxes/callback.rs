//! Where the provider sends the administrator back to. The answer is a 303 to a clean address: what stood
//! in the query is shown nowhere, logged nowhere, and not in the history.
use super::banner::{self, Shown};
use crate::extract::Path;
use crate::gate::see_other;
use crate::page::{Here, Page, show_as};
use crate::session::Visit;
use crate::{Error, State};
use askama::Template;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;
use courier::authorize::{self, Banner, CallbackQuery, Landing};

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
    let session = authorize::Session { session_id: who.session.id, by: who.by() };
    match authorize::callback(&state.courier, &session, &public_id, read(query.as_deref())).await? {
        // The same address without its query says it: an unused code stays in no history.
        Landing::Unknown { .. } if asked => Ok(see_other(&visit.path)),
        Landing::Unknown { sentence } => {
            plain(&state, &visit, "This sign-in does not count", &sentence).await
        }
        // The tab itself asks, as long as there is something to answer.
        Landing::Tab { mailbox_id, side, banner: Banner::Asks { .. } } => {
            Ok(see_other(&format!("/mailboxes/{mailbox_id}/{}", super::side_word(side))))
        }
        Landing::Tab { mailbox_id, side, banner } => {
            let to = banner::keep(&state, who, mailbox_id, side, Shown::from(banner)).await?;
            Ok(see_other(&to))
        }
    }
}

/// The first of each parameter; an address with two codes is not read more kindly than one with one.
fn read(query: Option<&str>) -> CallbackQuery {
    let mut read = CallbackQuery::default();
    for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let field = match &*name {
            "code" => &mut read.code,
            "state" => &mut read.state,
            "error" => &mut read.error,
            "iss" => &mut read.iss,
            "error_description" => &mut read.error_description,
            _ => continue,
        };
        field.get_or_insert_with(|| value.into_owned());
    }
    read
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
