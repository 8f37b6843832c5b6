//! An agent's reply, from the form to the desk. Whether it may go out, and what it causes, the desk says.
use crate::form::Form;
use crate::gate::see_other;
use crate::session::{Visit, Who};
use crate::tickets::composer::Again;
use crate::tickets::ticket as ticket_page;
use crate::tickets::typed::{Typed, Writing};
use crate::{Error, State, drafts, error, uploads};
use axum::extract::{Path, State as Handle};
use axum::response::Response;
use desk::files::attachment::NewAttachment;
use desk::outgoing::reply::{self, NewReply, Then};

/// `POST /tickets/{number}/replies`
pub async fn send(
    Handle(state): Handle<State>,
    who: Who,
    visit: Visit,
    Path(number): Path<String>,
    form: Form,
) -> Result<Response, Error> {
    let typed = Typed::read(&form);
    let there = drafts::files_of(&state, &who, &number, Writing::Reply).await?;
    let taken = uploads::take(&state, form.files("files"), &there).await?;
    if let Some(sentence) = taken.too_much {
        let again = Again { writing: Writing::Reply, typed, refusal: Some(sentence) };
        return refused(&state, &who, &visit, &number, again, &taken.files).await;
    }
    let new = NewReply {
        ticket_number: number.clone(),
        text: typed.text.clone(),
        to: Some(typed.to.clone()),
        cc: Some(typed.cc.clone()),
        attachments: taken.files.clone(),
        draft_files: there,
        // A page always says what it showed; one that does not has shown nothing.
        seen_entry_id: Some(typed.seen_entry_id.unwrap_or(0)),
        form_id: form.once(&who).map(|once| once.id),
        random: state.courier.random(),
        then: if form.get("then") == Some("close") { Then::Close } else { Then::Nothing },
    };
    let (viewer, by) = (who.viewer(), who.by());
    let sent = state.courier.write(move |tx| reply::send(tx, &viewer, &by, &new)).await;
    match error::refusal(sent)? {
        Ok(placed) => Ok(see_other(&format!("/tickets/{number}#entry-{}", placed.entry_id))),
        Err(refusal) => {
            let again = Again { writing: Writing::Reply, typed, refusal: Some(refusal.to_string()) };
            refused(&state, &who, &visit, &number, again, &taken.files).await
        }
    }
}

/// The page again: the sentence, the text, and the files, which the draft holds from now on.
pub async fn refused(
    state: &State,
    who: &Who,
    visit: &Visit,
    number: &str,
    again: Again,
    files: &[NewAttachment],
) -> Result<Response, Error> {
    drafts::keep(state, who, number, again.writing, &again.typed, files).await?;
    ticket_page::refused(state, who, visit, number, again).await
}
