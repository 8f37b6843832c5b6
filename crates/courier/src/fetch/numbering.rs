//! What a server says of the numbers and names of its messages, where it is not to be believed the first time.
use super::memory::Place;
use super::{Broke, still_held};
use crate::Courier;
use crate::connect::explained;
use crate::trouble::Trouble;
use desk::intake::inbox;
use desk::mailboxes::mailbox::{Claim, Mailbox, Side};
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

/// The folder holds other letters under UIDs that were given before: from here on it is another one. A server that shows now
/// the one and now the other would have all of them fetched each time.
pub(super) async fn given_again(courier: &Courier, claim: &Claim, mailbox: &Mailbox) -> Result<(), Broke> {
    let (folder, now) = (mailbox.folder_or_inbox(), courier.now());
    if courier.inside.fetched.was_given_again(mailbox, now) {
        let reason = format!(
            "The server has given UIDs of “{folder}” to other letters for the second time within an hour, so that all of them \
             would be fetched again; nothing was fetched, and nothing was lost."
        );
        let remedy = "Postern reads the folder anew when the hour is over. If it lasts, the mail server shows one mailbox in two \
                      states, as replicas do that differ: its replication is to be repaired.";
        return Err(Trouble::new(Class::Retry, "given_again", reason, remedy).into());
    }
    tracing::warn!(
        mailbox = mailbox.address,
        folder,
        "the server has given UIDs to other letters, as one does that was restored from a backup: the folder is read anew"
    );
    let (of, claim) = (mailbox.clone(), claim.clone());
    let begun = courier.write_behind(move |tx| {
        still_held(tx, &claim, now)?;
        numbering::begin(tx, &of).map(drop)
    });
    begun.await?;
    // Only now: on a full disk, say, the next round is to find the same and to read the folder anew.
    courier.inside.fetched.note_given_again(mailbox, now);
    Ok(())
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
        if cursor.is_none() {
            return Ok(Some((validity, 0)));
        }
        // Reading stands before what is put off, and mail behind that may be recorded.
        Ok(Some((validity, cursor::last_given(tx, of.id, &folder, validity)?)))
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
