//! Whose a letter is, of the mailboxes that lie in one folder: the one whose address it was sent to.
use crate::mailboxes::mailbox::{self, Mailbox};
use crate::{Refusal, Result, db::Tx};

/// Written by the servers on the way, the original recipient first. Exchange writes none of them.
const ENVELOPE: [&str; 3] = ["X-Original-To", "Envelope-To", "Delivered-To"];

fn envelope(message: &mail::Message) -> impl Iterator<Item = mail::Address> {
    ENVELOPE.iter().filter_map(|name| message.header(name)).flat_map(mail::address::parse_list)
}

/// The mailboxes that lie in the folder of this one.
pub(super) fn folder_of(tx: &mut Tx<'_>, fetched_by: i64) -> Result<Vec<Mailbox>> {
    let fetched_by = mailbox::get(tx, fetched_by)?;
    let mut there = mailbox::in_one_folder(tx, &fetched_by)?;
    if !there.iter().any(|mailbox| mailbox.id == fetched_by.id) {
        there.push(fetched_by); // a removed one, of which mail still waits
    }
    Ok(there)
}

/// Of the mailboxes of one folder the one that the letter was sent to; the one that fetched it where it names none of them. Servers that
/// resolve an alias write the opened mailbox into the envelope, so there only an alias counts.
pub(super) fn mailbox_of<'m>(
    there: &'m [Mailbox],
    fetched_by: i64,
    message: &mail::Message,
) -> Result<&'m Mailbox> {
    let fetched_by = there.iter().find(|mailbox| mailbox.id == fetched_by);
    let fetched_by = fetched_by.ok_or(Refusal::NotFound("mailbox"))?;
    if there.len() < 2 {
        return Ok(fetched_by);
    }
    let at = |address: &str| {
        let key = mail::address::key(address);
        there.iter().find(|mailbox| mail::address::key(&mailbox.address) == key)
    };
    let is_alias =
        |mailbox: &&Mailbox| mail::address::key(mailbox.opens()) != mail::address::key(&mailbox.address);
    let by_envelope = envelope(message).filter_map(|to| at(to.address.as_deref()?)).find(is_alias);
    let named = message.to.iter().chain(&message.cc).find_map(|to| at(to.address.as_deref()?));
    Ok(by_envelope.or(named).unwrap_or(fetched_by))
}

/// Whether the letter says that it was sent to this address, where [`mailbox_of`] looks for it.
pub fn is_sent_to(message: &mail::Message, address: &str) -> bool {
    let named = message.to.iter().chain(&message.cc).cloned().chain(envelope(message));
    let key = mail::address::key(address);
    named.filter_map(|one| one.key()).any(|one| one == key)
}

/// Whether two mailboxes lie in one folder, so that what one of them sent may come back to the other.
pub(super) fn live_together(tx: &mut Tx<'_>, one: i64, other: i64) -> Result<bool> {
    if one == other {
        return Ok(true);
    }
    let one = mailbox::get(tx, one)?;
    Ok(mailbox::in_one_folder(tx, &one)?.iter().any(|mailbox| mailbox.id == other))
}
