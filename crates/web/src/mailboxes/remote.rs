//! The tab *Remote Mailbox*: where mail is fetched from, and how.
use super::preset::{Offer, Presets};
use super::server_form::ServerForm;
use super::server_tab::Sent;
use super::tab::{Around, TabForm};
use super::{Frame, Tab};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Page, show_as};
use crate::{Error, State, Who};
use askama::Template;
use axum::response::Response;
use courier::authorize::{self, About};
use desk::Refusal;
use desk::db::Tx;
use desk::mailboxes::choice;
use desk::mailboxes::grant::Whose;
use desk::mailboxes::mailbox::{
    self, Completeness, Fetched, Mailbox, Protocol, RemoteMailbox, Side, StartFrom,
};

/// The fields as shown: stored, or as typed.
#[derive(Clone, Debug)]
pub struct RemoteForm {
    pub protocol: String,
    pub server: ServerForm,
    /// One a line.
    pub folder: String,
    pub active: bool,
    pub frequency: String,
    pub batch: String,
    pub fetched: String,
    pub move_to: String,
    pub start_from: String,
    pub start_date: String,
    /// Change notifications of Microsoft Graph.
    pub notified: bool,
}

impl TabForm for RemoteForm {
    const TAB: Tab = Tab::Remote;
    fn stored(mailbox: &Mailbox) -> RemoteForm {
        let (fetched, move_to) = match &mailbox.fetched {
            Fetched::Nothing => ("nothing", ""),
            Fetched::Read => ("read", ""),
            Fetched::Move(folder) => ("move", folder.as_str()),
            Fetched::Delete => ("delete", ""),
        };
        let (start_from, start_date) = match &mailbox.start_from {
            StartFrom::Now => ("now", ""),
            StartFrom::Everything => ("everything", ""),
            StartFrom::Date(date) => ("date", date.as_str()),
        };
        RemoteForm {
            protocol: mailbox.protocol.word().to_owned(),
            server: ServerForm::stored(&mailbox.incoming),
            folder: match mailbox.more_folders.as_slice() {
                [] => mailbox.folder.clone(),
                _ => mailbox.folders().collect::<Vec<_>>().join("\n"),
            },
            active: mailbox.active,
            frequency: mailbox.frequency_s.to_string(),
            batch: mailbox.batch.to_string(),
            fetched: fetched.to_owned(),
            move_to: move_to.to_owned(),
            start_from: start_from.to_owned(),
            start_date: start_date.to_owned(),
            notified: mailbox.notified,
        }
    }
    fn typed(form: &Form, mailbox: &Mailbox, presets: &Presets) -> RemoteForm {
        let mut server = ServerForm::typed(form, mailbox.incoming.has_password);
        let protocol = form.text("protocol");
        if let Some(family) = choice::family(server.authentication()) {
            let preset = presets.for_mailbox(family, mailbox);
            let place = preset.of_protocol(Protocol::from_word(&protocol).unwrap_or(Protocol::Imap));
            server.fill_in(place);
            server.moves_to(place, &[&preset.imap, &preset.pop, &preset.graph]);
        }
        // The field is hidden with other protocols, and sent all the same.
        let notified = protocol == Protocol::Graph.word();
        RemoteForm {
            protocol,
            server,
            folder: form.long_text("folder"),
            active: form.text("status") == "enabled",
            frequency: form.text("frequency"),
            batch: form.text("batch"),
            fetched: form.text("fetched"),
            move_to: form.text("move_to"),
            start_from: form.text("start_from"),
            start_date: form.text("start_date"),
            notified: notified && form.is_on("notified"),
        }
    }
    async fn show(self, state: &State, around: Around) -> Result<Response, Error> {
        let practice = state.practice();
        let Around { status, page, frame, why } = around;
        let offers = state.presets.offers(&frame.mailbox);
        let password_warning = state.presets.password_warning(&frame.mailbox.address, &self.server.host);
        let form = self;
        let site = &state.site.url;
        let told_at = site.join(courier::NOTIFICATIONS_PATH).map(String::from).unwrap_or_default();
        let is_reachable = choice::may_be_told(site, practice);
        let of = frame.mailbox.clone();
        let fetched_by = state.courier.read(move |tx| mailbox::fetched_by(tx, &of)).await?;
        let page = RemotePage {
            page,
            frame,
            form,
            offers,
            practice,
            told_at,
            is_reachable,
            password_warning,
            fetched_by,
            why,
        };
        show_as(status, &page)
    }
}

impl RemoteForm {
    fn lines(&self) -> usize {
        self.folder.lines().count().clamp(1, 8)
    }
    pub(super) fn remote(&self, form: &Form) -> desk::Result<RemoteMailbox> {
        let protocol = Protocol::from_word(&self.protocol).unwrap_or(Protocol::Imap);
        let mut server = self.server.entered(form, protocol.port())?;
        server.port = protocol.port_instead_of(server.port);
        Ok(RemoteMailbox {
            protocol,
            server,
            // POP3 has one, and the field is not shown.
            folders: match protocol {
                Protocol::Pop3 => Vec::new(),
                Protocol::Imap | Protocol::Graph => self.folder.lines().map(str::to_owned).collect(),
            },
            active: self.active,
            frequency_s: number("Fetch Frequency", &self.frequency, 10, 86_400)?,
            batch: number("Emails Per Fetch", &self.batch, 1, 1_000)?,
            fetched: match self.fetched.as_str() {
                "read" => Fetched::Read,
                "move" if self.move_to.is_empty() => {
                    return Err(Refusal::Required("Move to Folder: the folder's name").into());
                }
                "move" => Fetched::Move(self.move_to.clone()),
                "delete" => Fetched::Delete,
                _ => Fetched::Nothing,
            },
            start_from: match self.start_from.as_str() {
                "everything" => StartFrom::Everything,
                "date" => StartFrom::Date(date(&self.start_date)?),
                _ => StartFrom::Now,
            },
            notified: self.notified,
        })
    }
}

fn number(field: &str, text: &str, least: i64, most: i64) -> desk::Result<i64> {
    let fits = text.parse().ok().filter(|number| (least..=most).contains(number));
    Ok(fits.ok_or_else(|| Refusal::Other(format!("{field}: a number from {least} to {most} is needed.")))?)
}
fn date(text: &str) -> desk::Result<String> {
    let date = text.parse::<jiff::civil::Date>().ok();
    let date =
        date.ok_or_else(|| Refusal::Other("Start From: a date such as 2026-01-31 is needed.".to_owned()))?;
    Ok(date.to_string())
}

#[derive(Template)]
#[template(path = "mailboxes/remote.html")]
struct RemotePage {
    page: Page,
    frame: Frame,
    form: RemoteForm,
    offers: Vec<Offer>,
    practice: bool,
    /// The address that Microsoft tells of new mail, and whether it has a name that Microsoft could know.
    told_at: String,
    is_reachable: bool,
    /// What to know before a password is entered here.
    password_warning: Option<String>,
    /// Whose round fetches this one's mail, where that is another one's.
    fetched_by: Option<Mailbox>,
    why: Option<String>,
}

pub async fn change(sent: Sent) -> Result<Response, Error> {
    sent.change(Side::Incoming).await
}

pub async fn config(sent: Sent) -> Result<Response, Error> {
    sent.config(Side::Incoming).await
}

pub async fn folders(sent: Sent) -> Result<Response, Error> {
    sent.folders().await
}

/// Where a reload leads.
pub async fn to_the_page(
    axum::extract::State(state): axum::extract::State<State>,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    Ok(see_other(&format!("/mailboxes/{id}/remote")))
}

pub(super) async fn save(
    state: &State,
    who: &Who,
    id: i64,
    form: &Form,
    completeness: Completeness,
) -> desk::Result<()> {
    let mailbox = super::stored(state, id).await?;
    let remote = RemoteForm::typed(form, &mailbox, &state.presets).remote(form)?;
    authorize::before_moving(&state.courier, id, &remote).await?;
    let (by, vault, nonce) = (who.by(), state.courier.desk().vault.clone(), state.courier.random());
    let change =
        move |tx: &mut Tx<'_>| mailbox::change_remote(tx, &vault, &by, id, &remote, completeness, nonce);
    authorize::change(&state.courier, &who.by(), vec![Whose::Mailbox(id)], change).await
}
