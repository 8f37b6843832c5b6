//! The tab *Outgoing (SMTP)*: where answers leave from.
use super::preset::Preset;
use super::server_form::{ServerForm, authentication_word};
use super::server_tab::Sent;
use super::{Asked, Frame, Tab, frame};
use crate::form::{self, Form};
use crate::page::{Page, show_as};
use crate::session::Visit;
use crate::{Error, State, Who};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use desk::mailboxes::mailbox::{self, Authentication, Completeness, Mailbox, OutgoingMailbox, Side};

/// The fields as shown: stored, or as typed.
#[derive(Clone, Debug)]
pub struct OutgoingForm {
    pub server: ServerForm,
    pub active: bool,
    pub header_spoofing: bool,
}
impl OutgoingForm {
    fn stored(mailbox: &Mailbox) -> OutgoingForm {
        OutgoingForm {
            server: ServerForm::stored(&mailbox.outgoing),
            active: mailbox.outgoing_active,
            header_spoofing: mailbox.header_spoofing,
        }
    }
    fn typed(form: &Form, mailbox: &Mailbox, preset: &Preset) -> OutgoingForm {
        let mut server = ServerForm::typed(form, mailbox.outgoing.has_password);
        let like_incoming =
            server.authentication == "same" && mailbox.incoming.authentication == Authentication::Microsoft;
        if server.authentication == "microsoft" || like_incoming {
            server.fill_in(&preset.smtp);
        }
        OutgoingForm {
            server,
            active: form.text("status") == "enabled",
            header_spoofing: form.is_on("header_spoofing"),
        }
    }
    fn outgoing(&self, form: &Form) -> desk::Result<OutgoingMailbox> {
        let port_usual = if self.server.security == "tls" { 465 } else { 587 };
        Ok(OutgoingMailbox {
            server: self.server.entered(form, port_usual)?,
            active: self.active,
            header_spoofing: self.header_spoofing,
        })
    }
}

#[derive(Template)]
#[template(path = "mailboxes/outgoing.html")]
struct OutgoingPage {
    page: Page,
    frame: Frame,
    form: OutgoingForm,
    /// How the incoming side signs in, for *Same as Remote Mailbox*.
    incoming: &'static str,
    preset: std::sync::Arc<Preset>,
    practice: bool,
    why: Option<String>,
}

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let kept = form::given_back(&state, &who, asked.kept.as_deref()).await?;
    show_tab(&state, &visit, id, &asked, kept.as_ref(), None).await
}

pub(super) async fn show_tab(
    state: &State,
    visit: &Visit,
    id: i64,
    asked: &Asked,
    typed: Option<&Form>,
    why: Option<String>,
) -> Result<Response, Error> {
    let (mut page, frame) = frame(state, visit, id, Tab::Outgoing, asked).await?;
    page.given_back = typed.is_some() && why.is_none();
    let status = if why.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let form = match typed {
        Some(typed) => OutgoingForm::typed(typed, &frame.mailbox, &state.preset),
        None => OutgoingForm::stored(&frame.mailbox),
    };
    let incoming = authentication_word(frame.mailbox.incoming.authentication);
    let practice = state.practice();
    show_as(
        status,
        &OutgoingPage { page, frame, form, incoming, preset: state.preset.clone(), practice, why },
    )
}

pub async fn change(sent: Sent) -> Result<Response, Error> {
    sent.change(Side::Outgoing).await
}

pub async fn config(sent: Sent) -> Result<Response, Error> {
    sent.config(Side::Outgoing).await
}

pub(super) async fn save(
    state: &State,
    who: &Who,
    id: i64,
    form: &Form,
    completeness: Completeness,
) -> desk::Result<()> {
    let mailbox = super::stored(state, id).await?;
    let outgoing = OutgoingForm::typed(form, &mailbox, &state.preset).outgoing(form)?;
    let (by, vault, nonce) = (who.by(), state.courier.desk().vault.clone(), state.courier.random());
    state
        .courier
        .write(move |tx| mailbox::change_outgoing(tx, &vault, &by, id, &outgoing, completeness, nonce))
        .await
}
