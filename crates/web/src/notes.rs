//! A note among agents, from the form to the desk.
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::session::{Visit, Who};
use crate::tickets::typed::Writing;
use crate::written::Place;
use crate::{Error, State, error};
use axum::extract::State as Handle;
use axum::response::Response;
use desk::outgoing::reply::{self, NewNote};

/// `POST /tickets/{number}/notes`
pub async fn add(
    Handle(state): Handle<State>,
    who: Who,
    visit: Visit,
    Path(number): Path<String>,
    form: Form,
) -> Result<Response, Error> {
    let writing = Writing::Note;
    let place = Place { state: &state, who: &who, visit: &visit, number: &number, writing };
    let written = match place.take(&form).await? {
        Ok(written) => written,
        Err(page) => return Ok(page),
    };
    let new = NewNote {
        ticket_number: number.clone(),
        text: written.typed.text.clone(),
        attachments: written.files.clone(),
        draft_files: written.there.clone(),
        form_id: form.once(&who).map(|once| once.id),
    };
    let (viewer, by) = (who.viewer(), who.by());
    let noted = state.courier.write(move |tx| reply::note(tx, &viewer, &by, &new)).await;
    match error::refusal(noted)? {
        Ok(entry_id) => Ok(see_other(&format!("/tickets/{number}#entry-{entry_id}"))),
        Err(refusal) => place.refused(written, refusal.to_string()).await,
    }
}
