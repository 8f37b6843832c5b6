//! A mail server that was restored from its backup gives UIDs a second time, for other letters (RFC 3501 §2.3.1.1 forbids it, and
//! says that UIDVALIDITY changes; a copied index keeps it). Where its next UID has caught up with what was read, nothing but
//! the letters themselves shows that. The newest recorded ones that are listed are asked for their internal dates when the
//! folder is compared, once an hour; where some differ, which may also be a server that keeps no dates, their Message-IDs decide.
use super::shelf::{Shelf, Whole};
use super::work::Work;
use super::{Broke, take};
use crate::letter;
use desk::intake::inbox::{self, Newest};
use desk::intake::on_server::{self, Place};
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::Fetched as Settings;
use desk::mailboxes::numbering;
use mail::message::HEAD_BYTES_MAX;
use wire::imap::Fetched;

/// Looked at. More would tell no more: a server that gives UIDs anew gives the last ones anew.
const NEWEST: i64 = 3;

/// Whether the folder is another than the one that was read, under the same numbers. It is read from its beginning then, by the
/// next round.
pub(super) async fn is_another(
    work: &Work<'_>,
    shelf: &mut Shelf,
    whole: &Whole,
    cursor: &Cursor,
) -> Result<bool, Broke> {
    if !matches!(shelf, Shelf::Imap(_)) {
        return Ok(false); // names and ids are given once
    }
    let mut newest = newest(work, cursor).await?;
    newest.retain(|one| whole.uids.binary_search(&one.uid).is_ok());
    let memory = &work.courier.inside.fetched;
    if newest.is_empty() || !memory.looks_at_newest(work.mailbox.id, &cursor.folder, work.courier.now()) {
        return Ok(false);
    }
    begins_anew(work, shelf, newest, cursor).await
}

/// The same before what an earlier round left over is moved or deleted: under its UIDs there may be letters that nobody has
/// read. Asked whenever something is left over, which is seldom.
pub(super) async fn are_leftovers_others(
    work: &Work<'_>,
    shelf: &mut Shelf,
    cursor: &Cursor,
) -> Result<bool, Broke> {
    let takes_away = matches!(work.mailbox.fetched, Settings::Delete | Settings::Move(_));
    let says_nothing = work.courier.inside.fetched.never_looks(work.mailbox.id, &cursor.folder);
    if !takes_away || says_nothing || !matches!(shelf, Shelf::Imap(_)) {
        return Ok(false);
    }
    let (id, folder, validity) = (work.mailbox.id, cursor.folder.clone(), cursor.uid_validity);
    let read = work.courier.read(move |tx| {
        on_server::unsettled(tx, Place { mailbox_id: id, folder: &folder, uid_validity: validity }, 1)
    });
    if read.await?.is_empty() {
        return Ok(false);
    }
    let newest = newest(work, cursor).await?;
    begins_anew(work, shelf, newest, cursor).await
}

async fn newest(work: &Work<'_>, cursor: &Cursor) -> desk::Result<Vec<Newest>> {
    let (id, folder, validity) = (work.mailbox.id, cursor.folder.clone(), cursor.uid_validity);
    work.courier.read(move |tx| inbox::newest(tx, id, &folder, validity, NEWEST)).await
}

async fn begins_anew(
    work: &Work<'_>,
    shelf: &mut Shelf,
    mut newest: Vec<Newest>,
    cursor: &Cursor,
) -> Result<bool, Broke> {
    let (id, memory) = (work.mailbox.id, &work.courier.inside.fetched);
    let uids: Vec<u32> = newest.iter().map(|one| one.uid).collect();
    // What cannot be asked now is asked the next time.
    let Ok(dates) = shelf.dates(&uids).await else { return Ok(false) };
    newest.retain(|one| dates.get(&one.uid).copied().flatten().is_some_and(|at| at != one.received_at));
    if newest.is_empty() {
        return Ok(false);
    }
    if !are_others(work, shelf, &newest).await {
        memory.looks_no_more(id, &cursor.folder);
        return Ok(false);
    }
    tracing::warn!(
        mailbox = work.mailbox.address,
        folder = cursor.folder,
        "the server has given UIDs to other letters, as one does that was restored from a backup: the folder is read anew"
    );
    let of = work.mailbox.clone();
    work.courier.write_behind(move |tx| numbering::begin(tx, &of).map(drop)).await?;
    Ok(true)
}

/// None of these, of which some come, is the letter that was recorded.
async fn are_others(work: &Work<'_>, shelf: &mut Shelf, newest: &[Newest]) -> bool {
    let room = letter::room(&work.courier.desk().store);
    let mut others = 0;
    for one in newest {
        let Some(known) = &one.message_id else { continue };
        let Ok(Fetched::Message { letter, .. }) = take::one(shelf, one.uid, &room).await else { continue };
        let Ok(start) = letter.start(HEAD_BYTES_MAX) else { continue };
        match mail::message::parse(mail::message::head(&start)).message_id {
            Some(found) if found == *known => return false,
            Some(_) => others += 1,
            None => {}
        }
    }
    others > 0
}
