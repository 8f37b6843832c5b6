//! An agent's reply, from the form to the desk. Whether it may go out, and what it causes, the desk says.
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::session::{Visit, Who};
use crate::tickets::typed::Writing;
use crate::written::Place;
use crate::{Error, State, error};
use axum::extract::State as Handle;
use axum::response::Response;
use desk::outgoing::reply::{self, NewReply, Then};

/// `POST /tickets/{number}/replies`
pub async fn send(
    Handle(state): Handle<State>,
    who: Who,
    visit: Visit,
    Path(number): Path<String>,
    form: Form,
) -> Result<Response, Error> {
    let writing = Writing::Reply;
    let place = Place { state: &state, who: &who, visit: &visit, number: &number, writing };
    let written = match place.take(&form).await? {
        Ok(written) => written,
        Err(page) => return Ok(page),
    };
    let new = NewReply {
        ticket_number: number.clone(),
        text: written.typed.text.clone(),
        to: Some(written.typed.to.clone()),
        cc: Some(written.typed.cc.clone()),
        attachments: written.files.clone(),
        draft_files: written.there.clone(),
        // A page always says what it showed; one that does not has shown nothing.
        seen_entry_id: Some(written.typed.seen_entry_id.unwrap_or(0)),
        form_id: form.once(&who).map(|once| once.id),
        random: state.courier.random(),
        then: if form.get("then") == Some("close") { Then::Close } else { Then::Nothing },
    };
    let (viewer, by) = (who.viewer(), who.by());
    let sent = state.courier.write(move |tx| reply::send(tx, &viewer, &by, &new)).await;
    match error::refusal(sent)? {
        Ok(placed) => Ok(see_other(&format!("/tickets/{number}#entry-{}", placed.entry_id))),
        Err(refusal) => place.refused(written, refusal.to_string()).await,
    }
}
