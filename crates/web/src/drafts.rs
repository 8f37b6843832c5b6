//! What an agent has begun to write, saved by the script while it is written or by a button.
use crate::extract::Path;
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::moment::Moment;
use crate::page::{self, Page};
use crate::session::{Visit, Who};
use crate::tickets::composer::Again;
use crate::tickets::composer::{self, DraftFileView};
use crate::tickets::ticket as ticket_page;
use crate::tickets::typed::{Typed, Writing};
use crate::{Error, State, uploads};
use askama::Template;
use axum::extract::{OriginalUri, State as Handle};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use desk::files::attachment::NewAttachment;
use desk::people::{form_use, kept_form};
use desk::tickets::draft::{self, Draft, DraftFile};
use desk::tickets::ticket;

/// The answer to the script: the files that the draft has now, and when it was saved.
#[derive(Template)]
#[template(path = "tickets/draft.html")]
struct SavedPart {
    number: String,
    files: Vec<DraftFileView>,
    saved: Moment,
    too_much: Option<String>,
}

/// `POST /tickets/{number}/drafts`
pub async fn save(
    Handle(state): Handle<State>,
    who: Who,
    visit: Visit,
    headers: HeaderMap,
    Path(number): Path<String>,
    form: Form,
) -> Result<Response, Error> {
    let writing = Writing::of(form.get("kind"));
    let typed = Typed::read(&form);
    let there = files_of(&state, &who, &number, writing).await?;
    let taken = uploads::take(&state, form.files("files"), &there).await?;
    let remove = form.number("remove");
    let draft =
        write(&state, &who, &number, writing, &typed, &taken.files, remove, form.get("form_id")).await?;
    if headers.contains_key("x-live") {
        let Some(draft) = draft else { return Ok(StatusCode::NO_CONTENT.into_response()) };
        let saved = Page::bare(&state, &visit, "").clock().time(draft.saved_at);
        return page::show(&SavedPart {
            number,
            files: composer::files(&draft.files),
            saved,
            too_much: taken.too_much,
        });
    }
    if taken.too_much.is_some() {
        let again = Again { writing, typed, refusal: taken.too_much };
        return ticket_page::refused(&state, &who, &visit, &number, again).await;
    }
    let next = form.get("switch").map_or(writing, |to| Writing::of(Some(to)));
    Ok(see_other(&format!("/tickets/{number}?as={}#write", next.name())))
}

/// `GET` of an address that only takes a form: where a reload or the way back after signing in leads.
pub async fn to_the_ticket(
    Handle(state): Handle<State>,
    who: Who,
    Path(number): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Error> {
    let viewer = who.viewer();
    let found = state.courier.read(move |tx| ticket::find(tx, &viewer, &number)).await?;
    let ticket = found.ok_or(Error::NotFound)?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(see_other(&format!("/tickets/{}{query}#write", ticket.number)))
}

/// Files that this agent's draft holds. They are only ever taken from here: a form names none.
pub async fn files_of(
    state: &State,
    who: &Who,
    number: &str,
    writing: Writing,
) -> Result<Vec<DraftFile>, Error> {
    let (viewer, agent_id, number) = (who.viewer(), who.agent().id, number.to_owned());
    let files = state
        .courier
        .read(move |tx| {
            let Some(ticket) = ticket::find(tx, &viewer, &number)? else { return Ok(None) };
            let draft = draft::find(tx, agent_id, ticket.id, writing.kind())?;
            Ok(Some(draft.map(|draft| draft.files).unwrap_or_default()))
        })
        .await?;
    files.ok_or(Error::NotFound)
}

/// What was typed when the session had ended, once. Its files go into the draft, from where the next form takes them.
pub async fn given_back(
    state: &State,
    who: &Who,
    number: &str,
    kept: Option<&str>,
) -> Result<Option<Again>, Error> {
    let Some(id) = form::kept_id(kept) else { return Ok(None) };
    let (viewer, agent_id, at, number) = (who.viewer(), who.agent().id, who.now(), number.to_owned());
    let given = state.courier.write(move |tx| {
        let Some(kept) = kept_form::take(tx, &id, agent_id)? else { return Ok(None) };
        let form = Form::new(kept.fields);
        if form.get("text").is_none() {
            return Ok(None); // it was another form of this page, where nothing is written
        }
        let (writing, typed) = (Writing::of(form.get("kind")), Typed::read(&form));
        let mut too_much = form.get(form::LEFT_OUT).map(str::to_owned);
        if !kept.files.is_empty()
            && let Some(ticket) = ticket::find(tx, &viewer, &number)?
        {
            let before = draft::find(tx, agent_id, ticket.id, writing.kind())?;
            let mut files = before.map(|draft| draft.files).unwrap_or_default();
            let sentence = uploads::give_back(&mut files, kept.files);
            too_much = too_much.into_iter().chain(sentence).reduce(|one, two| format!("{one} {two}"));
            draft::save(tx, agent_id, ticket.id, writing.kind(), &typed.draft(files, at))?;
        }
        Ok(Some(Again { writing, typed, refusal: too_much }))
    });
    Ok(given.await?)
}

/// Keeps what a rule refused, with the files that came along.
pub async fn keep(
    state: &State,
    who: &Who,
    number: &str,
    writing: Writing,
    typed: &Typed,
    files: &[NewAttachment],
) -> Result<(), Error> {
    write(state, who, number, writing, typed, files, None, None).await.map(|_| ())
}

/// Text as typed; files added to those that are there, less the one taken out. `None`: the form this draft
/// was saved from has been sent in the meantime, so there is nothing to keep.
async fn write(
    state: &State,
    who: &Who,
    number: &str,
    writing: Writing,
    typed: &Typed,
    files: &[NewAttachment],
    remove: Option<i64>,
    form_id: Option<&str>,
) -> Result<Option<Draft>, Error> {
    let (viewer, agent_id, at) = (who.viewer(), who.agent().id, who.now());
    let (number, typed, files) = (number.to_owned(), typed.clone(), files.to_vec());
    let form_id = form_id.map(str::to_owned);
    let written = state
        .courier
        .write(move |tx| {
            let Some(ticket) = ticket::find(tx, &viewer, &number)? else { return Ok(None) };
            if let Some(form_id) = &form_id
                && form_use::find(tx, form_id, agent_id)?.is_some()
            {
                return Ok(Some(None));
            }
            let before = draft::find(tx, agent_id, ticket.id, writing.kind())?;
            let mut all = before.map(|draft| draft.files).unwrap_or_default();
            all.retain(|file| Some(file.blob_id) != remove);
            all.extend(uploads::keep(tx, &files)?);
            let draft = typed.draft(all, at);
            draft::save(tx, agent_id, ticket.id, writing.kind(), &draft)?;
            Ok(Some(Some(draft)))
        })
        .await?;
    written.ok_or(Error::NotFound)
}
