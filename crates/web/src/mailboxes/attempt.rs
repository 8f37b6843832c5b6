//! A try to authorize, from any tab: begun anew, and what is asked when somebody else than expected has signed in.
use super::banner::{self, Shown};
use super::{side, side_word};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::{Error, State, Who, error};
use axum::response::Response;
use courier::authorize::{self, Answer, Banner};

/// *Authorize again*, *Sign in again*: to the provider with what is saved. What is in use stays so meanwhile.
pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    Path((id, word)): Path<(i64, String)>,
) -> Result<Response, Error> {
    let side = side(&word)?;
    super::find(&state, id).await?;
    let session = authorize::Session { session_id: who.session.id, by: who.by() };
    match error::refusal(authorize::begin(&state.courier, &session, id, side).await)? {
        Ok(to) => Ok(see_other(to.as_str())),
        Err(refusal) => {
            let shown = Shown::refused("It cannot be authorized yet.", &refusal);
            Ok(see_other(&banner::keep(&state, &who, id, side, shown).await?))
        }
    }
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
    let answered = authorize::answer(&state.courier, &who.by(), id, side, grant_id, answer).await;
    let shown = match error::refusal(answered)? {
        Ok(Banner::Asks { .. }) => return Ok(see_other(&format!("/mailboxes/{id}/{}", side_word(side)))),
        Ok(banner) => Shown::from(banner),
        Err(refusal) => Shown::refused("Nothing was changed.", &refusal),
    };
    Ok(see_other(&banner::keep(&state, &who, id, side, shown).await?))
}
