//! An agent's reply or note, in one transaction with everything it causes.
use crate::files::attachment::NewAttachment;
use crate::tickets::draft::DraftFile;
use crate::{By, Result, db::Tx, people::viewer::Viewer};

#[derive(Clone, Debug)]
pub struct NewReply {
    pub ticket_number: String,
    pub text: String,
    /// As typed; `None`: the requester and the ticked participants.
    pub to: Option<String>,
    pub cc: Option<String>,
    pub attachments: Vec<NewAttachment>,
    /// Files that the draft already holds.
    pub draft_files: Vec<DraftFile>,
    /// The newest entry on the page that was answered; `None` skips the check (command line).
    pub seen_entry_id: Option<i64>,
    /// The form's one-use id.
    pub form_id: Option<String>,
    /// For the Message-ID: 128 random bits.
    pub random: [u8; 16],
    pub then: Then,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Nothing,
    Close,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub entry_id: i64,
    pub outbox_id: i64,
}
/// May this agent? Has anyone written since the page was opened? Was this form already sent? Then
/// entry, status, assignee (unassigned: whoever answers takes it), Message-ID, reference, outbox row
/// with a delivery per recipient, participants, draft removed.
pub fn send(tx: &mut Tx<'_>, viewer: &Viewer, by: &By, new: &NewReply) -> Result<Placed> {
    let _ = (tx, viewer, by, new);
    todo!()
}
#[derive(Clone, Debug)]
pub struct NewNote {
    pub ticket_number: String,
    pub text: String,
    pub attachments: Vec<NewAttachment>,
    pub draft_files: Vec<DraftFile>,
    pub form_id: Option<String>,
}
/// Its entry id.
pub fn note(tx: &mut Tx<'_>, viewer: &Viewer, by: &By, new: &NewNote) -> Result<i64> {
    let _ = (tx, viewer, by, new);
    todo!()
}
/// The lines To and Cc as the composer shows them at first: the requester; the ticked participants; and
/// those who are only offered.
#[derive(Clone, Debug, Default)]
pub struct Recipients {
    pub to: String,
    pub cc: String,
    pub offered: Vec<crate::tickets::entry::Person>,
}
pub fn recipients(tx: &mut Tx<'_>, ticket_id: i64) -> Result<Recipients> {
    let _ = (tx, ticket_id);
    todo!()
}
