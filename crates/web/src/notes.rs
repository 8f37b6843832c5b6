//! A note among agents, from the form to the desk.
use crate::form::Form;
use crate::gate::see_other;
use crate::session::{Visit, Who};
use crate::tickets::composer::Again;
use crate::tickets::typed::{Typed, Writing};
use crate::{Error, State, drafts, error, replies, uploads};
use axum::extract::{Path, State as Handle};
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
    let typed = Typed::read(&form);
    let there = drafts::files_of(&state, &who, &number, Writing::Note).await?;
    let taken = uploads::take(&state, form.files("files"), &there).await?;
    if let Some(sentence) = taken.too_much {
        let again = Again { writing: Writing::Note, typed, refusal: Some(sentence) };
        return replies::refused(&state, &who, &visit, &number, again, &taken.files).await;
    }
    let new = NewNote {
        ticket_number: number.clone(),
        text: typed.text.clone(),
        attachments: taken.files.clone(),
        draft_files: there,
        form_id: form.once(&who).map(|once| once.id),
    };
    let (viewer, by) = (who.viewer(), who.by());
    let noted = state.courier.write(move |tx| reply::note(tx, &viewer, &by, &new)).await;
    match error::refusal(noted)? {
        Ok(entry_id) => Ok(see_other(&format!("/tickets/{number}#entry-{entry_id}"))),
        Err(refusal) => {
            let again = Again { writing: Writing::Note, typed, refusal: Some(refusal.to_string()) };
            replies::refused(&state, &who, &visit, &number, again, &taken.files).await
        }
    }
}
