//! The tab *Outgoing (SMTP)*: where answers leave from.
use super::preset::{Offer, Place, Presets};
use super::server_form::ServerForm;
use super::server_tab::Sent;
use super::tab::{Around, TabForm};
use super::{Frame, Tab};
use crate::form::Form;
use crate::page::{Page, show_as};
use crate::{Error, State, Who};
use askama::Template;
use axum::response::Response;
use courier::authorize::{self, About};
use desk::db::Tx;
use desk::mailboxes::choice;
use desk::mailboxes::grant::Whose;
use desk::mailboxes::mailbox::{
    self, Authentication, Completeness, Mailbox, OutgoingMailbox, Shape, Side, Submission,
};

/// The fields as shown: stored, or as typed.
#[derive(Clone, Debug)]
pub struct OutgoingForm {
    pub protocol: String,
    pub server: ServerForm,
    pub active: bool,
    pub header_spoofing: bool,
}
impl TabForm for OutgoingForm {
    const TAB: Tab = Tab::Outgoing;
    fn stored(mailbox: &Mailbox) -> OutgoingForm {
        OutgoingForm {
            protocol: match mailbox.is_by_graph(Side::Outgoing) {
                true => Submission::Graph.word().to_owned(),
                false => mailbox.submission.word().to_owned(),
            },
            server: ServerForm::stored(&mailbox.outgoing),
            active: mailbox.outgoing_active,
            header_spoofing: mailbox.header_spoofing,
        }
    }
    fn typed(form: &Form, mailbox: &Mailbox, presets: &Presets) -> OutgoingForm {
        let mut server = ServerForm::typed(form, mailbox.outgoing.has_password);
        let protocol = form.text("protocol");
        let like = match server.authentication() {
            Authentication::Same => mailbox.incoming.authentication,
            own => own,
        };
        if let Some(family) = choice::family(like) {
            let preset = presets.for_mailbox(family, mailbox);
            let place = preset.of_submission(Submission::from_word(&protocol).unwrap_or(Submission::Smtp));
            server.fill_in(place);
            server.moves_to(place, &[&preset.smtp, &preset.graph]);
        }
        OutgoingForm {
            protocol,
            server,
            active: form.text("status") == "enabled",
            header_spoofing: form.is_on("header_spoofing"),
        }
    }
    async fn show(self, state: &State, around: Around) -> Result<Response, Error> {
        let practice = state.practice();
        let Around { status, page, frame, why } = around;
        let offers = state.presets.offers(&frame.mailbox);
        let shared = choice::family(frame.mailbox.incoming.authentication)
            .map(|family| state.presets.for_mailbox(family, &frame.mailbox).smtp);
        let is_shared = frame.mailbox.shape == Shape::Shared;
        let password_warning = state.presets.password_warning(&frame.mailbox.address, &self.server.host);
        let own = choice::family(self.server.authentication());
        let shares = choice::family(frame.mailbox.incoming.authentication);
        let offers_graph = [own, shares].contains(&Some(mail::provider::Family::Microsoft));
        let graph_kilobytes = courier::GRAPH_MESSAGE_BYTES_MAX / 1000;
        let form = self;
        let around = OutgoingPage {
            page,
            frame,
            form,
            shared,
            offers,
            offers_graph,
            graph_kilobytes,
            practice,
            is_shared,
            password_warning,
            why,
        };
        show_as(status, &around)
    }
}

impl OutgoingForm {
    pub(super) fn outgoing(&self, form: &Form) -> desk::Result<OutgoingMailbox> {
        let port_usual = if self.server.security == "tls" { 465 } else { 587 };
        Ok(OutgoingMailbox {
            submission: Submission::from_word(&self.protocol).unwrap_or(Submission::Smtp),
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
    /// The incoming side's consent is what *Same as Remote Mailbox* shares, with this server of its provider.
    shared: Option<Place>,
    offers: Vec<Offer>,
    /// The side may be Microsoft's.
    offers_graph: bool,
    graph_kilobytes: usize,
    practice: bool,
    /// Who signs in and whose address it is are two.
    is_shared: bool,
    /// What to know before a password is entered here.
    password_warning: Option<String>,
    why: Option<String>,
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
    let outgoing = OutgoingForm::typed(form, &mailbox, &state.presets).outgoing(form)?;
    let (by, desk, nonce) = (who.by(), state.courier.desk().clone(), state.courier.random());
    let change = move |tx: &mut Tx<'_>| {
        let (vault, providers) = (&desk.vault, &desk.providers);
        mailbox::change_outgoing(tx, vault, providers, &by, id, &outgoing, completeness, nonce)
    };
    authorize::change(&state.courier, &who.by(), vec![Whose::Mailbox(id)], change).await
}
