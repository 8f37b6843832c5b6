//! What an agent does to a ticket with one click: assignment, closure, reopening, join, and dealing with what
//! was not sent. Each is a form of its own; whether it may be is the desk's to say.
use super::ticket as ticket_page;
use crate::extract::Path;
use crate::form::{self, Form};
use crate::gate::see_other;
use crate::session::{Visit, Who};
use crate::{Error, State, error};
use axum::extract::{FromRequestParts, State as Handle};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use desk::db::Tx;
use desk::intake::joining;
use desk::outgoing::{delivery, outbox};
use desk::tickets::seen;
use desk::tickets::ticket::{self, Ticket};
use desk::{By, Refusal};
use serde::Deserialize;

/// What every handler here is given: who clicked, on which ticket, with what.
pub struct Click {
    state: State,
    who: Who,
    visit: Visit,
    number: String,
    form: Form,
}
impl FromRequestParts<State> for Click {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let said = IntoResponse::into_response;
        let who = Who::from_request_parts(parts, state).await.map_err(said)?;
        let visit = Visit::from_request_parts(parts, state).await.map_err(said)?;
        let Path(InPath { number }) =
            Path::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let form = Form::from_request_parts(parts, state).await.map_err(said)?;
        Ok(Click { state: state.clone(), who, visit, number, form })
    }
}
#[derive(Deserialize)]
struct InPath {
    number: String,
}

/// `POST /tickets/{number}/assignment`: `agent` is an id, or empty for nobody.
pub async fn assign(click: Click) -> Result<Response, Error> {
    let agent_id = click.form.number("agent");
    click.change(move |tx, by, ticket| ticket::assign(tx, by, ticket.id, agent_id)).await
}

/// `POST /tickets/{number}/closure`
pub async fn close(click: Click) -> Result<Response, Error> {
    click.change(|tx, by, ticket| ticket::close(tx, by, ticket.id)).await
}

/// `POST /tickets/{number}/reopening`
pub async fn reopen(click: Click) -> Result<Response, Error> {
    click.change(|tx, by, ticket| ticket::reopen(tx, by, ticket.id)).await
}

/// `POST /tickets/{number}/join`: into the ticket that this one refers to, and no other.
pub async fn join(click: Click) -> Result<Response, Error> {
    let viewer = click.who.viewer();
    click
        .change_and_show(move |tx, by, ticket| {
            let Some(into) = &ticket.refers_to else {
                return Err(Refusal::NotFound("ticket to join").into());
            };
            let into = ticket::find(tx, &viewer, into)?.ok_or(Refusal::NotFound("ticket"))?;
            joining::join(tx, by, ticket.id, into.id)?;
            Ok(into.number)
        })
        .await
}

/// `POST /tickets/{number}/outbox/{id}/retry`
pub async fn retry(Path((_, id)): Path<(String, i64)>, click: Click) -> Result<Response, Error> {
    click.change(move |tx, by, ticket| own(tx, ticket, id).and_then(|()| outbox::retry(tx, by, id))).await
}

/// `POST /tickets/{number}/outbox/{id}/cancellation`
pub async fn cancel(Path((_, id)): Path<(String, i64)>, click: Click) -> Result<Response, Error> {
    click.change(move |tx, by, ticket| own(tx, ticket, id).and_then(|()| outbox::cancel(tx, by, id))).await
}

/// `POST /tickets/{number}/dismissal`: what failed has been dealt with.
pub async fn dismiss(click: Click) -> Result<Response, Error> {
    click.change(|tx, by, ticket| delivery::dismiss_unsent(tx, by, ticket.id)).await
}

/// `POST /tickets/{number}/look`: the script says that what came in meanwhile was on the screen.
pub async fn look(
    Handle(state): Handle<State>,
    who: Who,
    Path(number): Path<String>,
    form: Form,
) -> Result<Response, Error> {
    let (viewer, agent_id, at) = (who.viewer(), who.agent().id, who.now());
    let seen_entry_id = form.number("seen").unwrap_or(0);
    let found = state
        .courier
        .write(move |tx| {
            let Some(ticket) = ticket::find(tx, &viewer, &number)? else { return Ok(None) };
            // Never further than the ticket goes: what comes later must be bold.
            let entry_id = seen_entry_id.min(ticket.last_entry_id.unwrap_or(0));
            seen::look(tx, agent_id, ticket.id, entry_id, at).map(Some)
        })
        .await?;
    found.ok_or(Error::NotFound)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// An outbox row of another ticket is not there.
fn own(tx: &mut Tx<'_>, ticket: &Ticket, outbox_id: i64) -> desk::Result<()> {
    let row = outbox::find(tx, outbox_id)?;
    if row.and_then(|row| row.ticket_number).as_deref() == Some(ticket.number.as_str()) {
        Ok(())
    } else {
        Err(Refusal::NotFound("message").into())
    }
}

impl Click {
    /// A change after which the same ticket is shown.
    async fn change<F>(self, change: F) -> Result<Response, Error>
    where
        F: Fn(&mut Tx<'_>, &By, &Ticket) -> desk::Result<()> + Send + 'static,
    {
        self.change_and_show(move |tx, by, ticket| change(tx, by, ticket).map(|()| ticket.number.clone()))
            .await
    }

    /// One transaction: the ticket within what this agent may see, the change, and the use of the form.
    /// `change` gives the number of the ticket to show.
    async fn change_and_show<F>(self, change: F) -> Result<Response, Error>
    where
        F: Fn(&mut Tx<'_>, &By, &Ticket) -> desk::Result<String> + Send + 'static,
    {
        let (viewer, by, once, number) =
            (self.who.viewer(), self.who.by(), self.form.once(&self.who), self.number.clone());
        let done = self
            .state
            .courier
            .write(move |tx| {
                let ticket = ticket::find(tx, &viewer, &number)?.ok_or(Refusal::NotFound("ticket"))?;
                let answer = format!("/tickets/{}", change(tx, &by, &ticket)?);
                form::record(once.as_ref(), tx, &answer, by.at)?;
                Ok(answer)
            })
            .await;
        match error::refusal(done)? {
            Ok(answer) => Ok(see_other(&answer)),
            Err(refusal) => {
                ticket_page::not_done(&self.state, &self.who, &self.visit, &self.number, refusal.to_string())
                    .await
            }
        }
    }
}
