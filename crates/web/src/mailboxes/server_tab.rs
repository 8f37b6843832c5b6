//! What the tabs *Remote Mailbox* and *Outgoing (SMTP)* do with a form that was sent.
use super::outgoing::{self, OutgoingForm};
use super::remote::{self, RemoteForm};
use super::{authorization, side_word, tab};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::session::{Visit, Who};
use crate::{Error, State, error};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use desk::mailboxes::mailbox::{Completeness, Mailbox, Protocol, Side};

/// It signs in by a consent that it does not have.
fn needs_authorizing(mailbox: &Mailbox, side: Side) -> bool {
    mailbox.server(side).authentication.is_oauth() && mailbox.grant_id(side).is_none()
}

/// Who sent a tab's form, for which mailbox.
pub struct Sent {
    state: State,
    visit: Visit,
    who: Who,
    id: i64,
    form: Form,
}

impl FromRequestParts<State> for Sent {
    type Rejection = Response;
    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Response> {
        let said = IntoResponse::into_response;
        let visit = Visit::from_request_parts(parts, state).await.map_err(said)?;
        let who = Who::from_request_parts(parts, state).await.map_err(said)?;
        let Path(id) = Path::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let form = Form::from_request_parts(parts, state).await.map_err(said)?;
        Ok(Sent { state: state.clone(), visit, who, id, form })
    }
}

impl Sent {
    /// *Save Changes*: complete, so that Status can be on.
    pub async fn change(self, side: Side) -> Result<Response, Error> {
        let before = super::find(&self.state, self.id).await?;
        let saved = self.save(side, Completeness::Complete).await;
        let after = super::find(&self.state, self.id).await?;
        let mut then = "?done=saved".to_owned();
        if before.grant_id(side).is_some() && needs_authorizing(&after, side) {
            then += ".ended";
        }
        if before.protocol != after.protocol
            && after.protocol == Protocol::Pop3
            && before.folders().any(|folder| !folder.eq_ignore_ascii_case("INBOX"))
        {
            then += ".emptied";
        }
        self.answer(side, saved, &then).await
    }

    /// *Choose from the server…*: saves the tab as a draft, and opens the page of the folders.
    pub async fn folders(self) -> Result<Response, Error> {
        let saved = self.save(Side::Incoming, Completeness::Draft).await;
        match error::refusal(saved)? {
            Ok(()) => Ok(see_other(&format!("/mailboxes/{}/folders", self.id))),
            Err(refusal) => {
                let (state, visit, why) = (&self.state, &self.visit, refusal.to_string());
                tab::refused::<RemoteForm>(state, visit, self.id, &self.form, why).await
            }
        }
    }

    /// *Config*: saves the tab as a draft, allots the client's id, and opens the authorization page.
    pub async fn config(self, side: Side) -> Result<Response, Error> {
        let saved = async {
            self.save(side, Completeness::Draft).await?;
            authorization::allot(&self.state, &self.who, self.id, side).await
        };
        let saved = saved.await;
        self.answer(side, saved, "/authorization").await
    }

    async fn save(&self, side: Side, completeness: Completeness) -> desk::Result<()> {
        match side {
            Side::Incoming => remote::save(&self.state, &self.who, self.id, &self.form, completeness).await,
            Side::Outgoing => outgoing::save(&self.state, &self.who, self.id, &self.form, completeness).await,
        }
    }

    /// On, or the tab again with what was typed and why it was refused.
    async fn answer(self, side: Side, saved: desk::Result<()>, then: &str) -> Result<Response, Error> {
        let Err(refusal) = error::refusal(saved)? else {
            return Ok(see_other(&format!("/mailboxes/{}/{}{then}", self.id, side_word(side))));
        };
        let why = refusal.to_string();
        match side {
            Side::Incoming => {
                tab::refused::<RemoteForm>(&self.state, &self.visit, self.id, &self.form, why).await
            }
            Side::Outgoing => {
                tab::refused::<OutgoingForm>(&self.state, &self.visit, self.id, &self.form, why).await
            }
        }
    }
}
