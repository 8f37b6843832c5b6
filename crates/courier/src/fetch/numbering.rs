//! What a server says of the numbers and names of its messages, where it is not to be believed the first time.
use super::memory::Place;
use crate::Courier;
use crate::connect::explained;
use crate::trouble::Trouble;
use desk::intake::inbox;
use desk::mailboxes::mailbox::{Mailbox, Side};
use desk::mailboxes::{cursor, named, numbering};
use mail::explain::Class;
use std::collections::HashSet;
use wire::imap;

/// A server that numbers its messages anew each time would have all of them fetched each time.
pub(super) fn renumbered(
    courier: &Courier,
    mailbox: &Mailbox,
    selected: &imap::Selected,
) -> Result<(), Trouble> {
    let (place, now) = (place(mailbox), courier.now());
    if !courier.inside.fetched.is_renumbered_again(&place, selected.uid_validity, now) {
        return Ok(());
    }
    let reason = format!(
        "The server has numbered the messages of “{}” anew (UIDVALIDITY) for the second time within an hour, so that all of \
         them would be fetched again; nothing was fetched, and nothing was lost.",
        place.folder
    );
    let remedy = "Postern tries again by itself, and reads the folder anew when the server gives the same number twice. If it \
                  lasts, the mail server's index of this mailbox is to be repaired.";
    Err(Trouble::new(Class::Retry, "renumbered", reason, remedy))
}

/// What stands for UIDVALIDITY here, which is the same for many accounts. A folder whose next UID was given already is not the
/// one that was read, whatever it says (RFC 3501 §2.3.1.1: UIDs rise).
pub(super) async fn whose(
    courier: &Courier,
    mailbox: &Mailbox,
    session: &mut imap::Session,
    selected: &imap::Selected,
) -> Result<u32, Trouble> {
    let (of, folder, given) = (mailbox.clone(), mailbox.folder_or_inbox().to_owned(), selected.uid_validity);
    let read = courier.read(move |tx| {
        let Some(known) = numbering::find(tx, &of)? else { return Ok(None) };
        let validity = known.validity(given);
        let cursor = cursor::find(tx, of.id, &folder)?.filter(|cursor| cursor.uid_validity == validity);
        let Some(cursor) = cursor else { return Ok(Some((validity, 0))) };
        // Reading stands before what is put off, and mail behind that may be recorded.
        let newest = inbox::newest(tx, of.id, &folder, validity, 1)?;
        Ok(Some((validity, newest.iter().fold(cursor.uid_last, |last, one| last.max(one.uid)))))
    });
    if let Some((validity, highest)) = read.await? {
        let goes_back = |next: &u32| *next <= highest;
        let Some(next) = selected.uid_next.filter(goes_back) else { return Ok(validity) };
        let beyond = session.uids_since(next.saturating_sub(1)).await;
        if !explained(courier, mailbox, Side::Incoming, beyond).await?.is_empty() {
            return Ok(validity); // it only counts badly
        }
    }
    let of = mailbox.clone();
    let begun = courier.write_behind(move |tx| numbering::begin(tx, &of)).await?;
    Ok(begun.validity(selected.uid_validity))
}

/// Of the names that POP3 does not list any more, those that it may give to another message. A listing that is empty, or lacks
/// mail that was passed over, may be a bad one: what comes back then is not news, so that the next one is to confirm it.
pub(super) async fn forgettable(
    courier: &Courier,
    mailbox: &Mailbox,
    gone: Vec<u32>,
    is_empty: bool,
) -> desk::Result<Vec<u32>> {
    let place = place(mailbox);
    let seen = courier.inside.fetched.gone_again(&place, &gone, is_empty);
    if gone.is_empty() || seen.is_surprising {
        return Ok(Vec::new());
    }
    let asked = gone.clone();
    let Place { mailbox_id, folder, uid_validity } = place;
    let read = courier.read(move |tx| inbox::missing(tx, mailbox_id, &folder, uid_validity, &asked));
    let passed_over: HashSet<u32> = read.await?.into_iter().collect();
    let is_sure = |uid: &u32| !passed_over.contains(uid) || seen.again.contains(uid);
    Ok(gone.into_iter().filter(is_sure).collect())
}

/// The folder at this account and server.
fn place(mailbox: &Mailbox) -> Place {
    Place::of(mailbox, named::validity(mailbox))
}
