//! What the bytes of an outbox row are made from. The bytes themselves are made by `mail::compose`, outside
//! the transaction, and fixed before the first attempt.
use super::letter;
use crate::db::{self, FromRow, Row};
use crate::files::blob::{self, Blob};
use crate::mailboxes::mailbox::{self, Mailbox, Side};
use crate::people::person::Person;
use crate::tickets::reference;
use crate::{Result, db::Tx, params};
use anyhow::Context as _;
use mail::Address;

/// What the bytes are made from, and who still waits for them.
#[derive(Clone, Debug)]
pub struct Material {
    pub draft: mail::compose::Draft,
    /// Read from the store outside the transaction.
    pub files: Vec<MaterialFile>,
    /// The fixed bytes, when they exist already.
    pub fixed: Option<Blob>,
    pub envelope_from: String,
    /// Recipients that are not settled.
    pub recipients: Vec<String>,
}

struct Written {
    ticket_id: i64,
    number: String,
    entry_id: i64,
    message_id: String,
    at: i64,
    to: Vec<Person>,
    cc: Vec<Person>,
    subject: String,
    text: String,
}
impl FromRow for Written {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let people = |text: &str| serde_json::from_str(text).map_err(|e| db::Error::Decode(e.to_string()));
        Ok(Written {
            ticket_id: row.get(0)?,
            number: row.get(1)?,
            entry_id: row.get(2)?,
            message_id: row.get(3)?,
            at: row.get(4)?,
            to: people(row.get(5)?)?,
            cc: people(row.get(6)?)?,
            subject: row.get(7)?,
            text: row.get(8)?,
        })
    }
}
/// A file that goes along.
#[derive(Clone, Debug)]
pub struct MaterialFile {
    pub blob: Blob,
    pub name: String,
    pub media_type: String,
}
impl FromRow for MaterialFile {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let blob = Blob { id: row.get(0)?, hash: row.get(1)?, size_bytes: row.get(2)?, place: row.get(3)? };
        Ok(MaterialFile { blob, name: row.get(4)?, media_type: row.get(5)? })
    }
}

pub fn material(tx: &mut Tx<'_>, outbox_id: i64) -> Result<Material> {
    let (mailbox_id, blob_id): (i64, Option<i64>) =
        tx.one("SELECT mailbox_id, blob_id FROM outbox WHERE id = $1", params![outbox_id])?;
    let mailbox = mailbox::find(tx, mailbox_id)?
        .with_context(|| format!("outbox row {outbox_id} belongs to a mailbox that is not there"))?;
    let recipients = tx.all::<(String,)>(
        "SELECT recipient FROM delivery WHERE outbox_id = $1 AND state IN ('queued', 'deferred') ORDER BY id",
        params![outbox_id],
    )?;
    let fixed = match blob_id {
        Some(id) => Some(blob::get(tx, id)?),
        None => None,
    };
    let (draft, files) = match letter::draft(tx, outbox_id, &mailbox)? {
        Some(draft) => (draft, Vec::new()),
        None => of_entry(tx, outbox_id, &mailbox)?,
    };
    Ok(Material {
        draft,
        files,
        fixed,
        envelope_from: mailbox.address,
        recipients: recipients.into_iter().map(|(recipient,)| recipient).collect(),
    })
}
fn of_entry(
    tx: &mut Tx<'_>,
    outbox_id: i64,
    mailbox: &Mailbox,
) -> Result<(mail::compose::Draft, Vec<MaterialFile>)> {
    let written: Written = tx
        .maybe(
            "SELECT t.id, t.number, e.id, o.message_id, e.at, e.to_list, e.cc_list, e.subject, e.text
             FROM outbox o JOIN entry e ON e.id = o.entry_id JOIN ticket t ON t.id = e.ticket_id WHERE o.id = $1",
            params![outbox_id],
        )?
        .with_context(|| format!("outbox row {outbox_id} has no entry to be made from"))?;
    let files = tx.all(
        "SELECT b.id, b.hash, b.size_bytes, b.place, a.name, a.media_type
         FROM attachment a JOIN blob b ON b.id = a.blob_id WHERE a.entry_id = $1 ORDER BY a.position, a.id",
        params![written.entry_id],
    )?;
    let references = reference::chain_before(tx, written.ticket_id, written.entry_id)?;
    Ok((draft(mailbox, written, references), files))
}
fn draft(mailbox: &Mailbox, written: Written, references: Vec<String>) -> mail::compose::Draft {
    let address = |person: Person| Address { name: person.name, address: Some(person.address) };
    mail::compose::Draft {
        message_id: written.message_id,
        date_at: written.at,
        from: Address {
            // A mailbox without a name of its own is called by its address, which stands here once.
            name: Some(mailbox.name.clone()).filter(|name| !name.is_empty() && *name != mailbox.address),
            address: Some(mailbox.address.clone()),
        },
        sender: sender(mailbox),
        reply_to: Vec::new(),
        to: written.to.into_iter().map(address).collect(),
        cc: written.cc.into_iter().map(address).collect(),
        subject: written.subject,
        in_reply_to: references.last().cloned().into_iter().collect(),
        references,
        text: written.text,
        html: None,
        attachments: Vec::new(),
        // Comes back in the headers that a bounce returns; no rule here believes it.
        headers: vec![("X-Postern-Ticket".to_owned(), written.number)],
    }
}
/// With *Header Spoofing* off a letter that is sent through somebody else's sign-in says so.
pub(super) fn sender(mailbox: &Mailbox) -> Option<Address> {
    use crate::mailboxes::mailbox::{Authentication, Shape};
    let side = match mailbox.outgoing.authentication {
        Authentication::Same => Side::Incoming,
        Authentication::None => return None,
        Authentication::Microsoft
        | Authentication::Google
        | Authentication::Other
        | Authentication::Password => Side::Outgoing,
    };
    // Who opens a shared mailbox, or the one behind an alias, sends as it and not on its behalf.
    match mailbox.shape {
        Shape::Own => {}
        Shape::Shared | Shape::Alias { .. } => return None,
    }
    let user = mailbox.user(side);
    let other = mail::address::is_valid_mailbox(user)
        && mail::address::key(user) != mail::address::key(&mailbox.address);
    (other && !mailbox.header_spoofing).then(|| Address { name: None, address: Some(user.to_owned()) })
}
