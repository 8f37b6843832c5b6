//! All that a folder holds: listed from end to end, or what it held when it was compared last and what its server tells of
//! changes since (QRESYNC, RFC 7162), which costs as much as has changed.
use super::shelf::{Shelf, Whole};
use super::work::Work;
use crate::connect::explained;
use crate::trouble::Trouble;
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::listing::{self, Listing};
use desk::mailboxes::mailbox::Side;
use desk::mailboxes::uid_set::UidSet;
use wire::imap;

/// What is only told of is listed so often all the same: no server is believed for ever.
const LISTED_ANEW_MS: i64 = 24 * 60 * 60_000;

/// After all that is new was recorded. A person who asks gets a list.
pub(super) async fn whole(
    work: &Work<'_>,
    shelf: &mut Shelf,
    cursor: &Cursor,
    is_asked: bool,
) -> Result<Whole, Trouble> {
    let told = if is_asked { None } else { told(work, shelf, cursor).await? };
    let (mut whole, listed_at) = match told {
        Some((uids, listed_at)) => (Whole { uids, ..Whole::default() }, listed_at),
        None => (shelf.whole(work.courier, work.mailbox).await?, work.courier.now()),
    };
    let mod_seq = match shelf {
        Shelf::Imap(session) if session.tells_changes() => highest(session),
        Shelf::Imap(_) | Shelf::Pop3(_) | Shelf::Graph(_) => None,
    };
    whole.listing = mod_seq.map(|mod_seq| Listing { listed_at, mod_seq, uids: UidSet::of(&whole.uids) });
    Ok(whole)
}

/// Its UIDs and when it was listed as a whole. `None`: the server does not tell, or what it tells does not come to as many
/// messages as it counts.
async fn told(
    work: &Work<'_>,
    shelf: &mut Shelf,
    cursor: &Cursor,
) -> Result<Option<(Vec<u32>, i64)>, Trouble> {
    let Shelf::Imap(session) = shelf else { return Ok(None) };
    let (id, folder, validity) = (work.mailbox.id, cursor.folder.clone(), cursor.uid_validity);
    let Some(before) = work.courier.read(move |tx| listing::find(tx, id, &folder, validity)).await? else {
        return Ok(None);
    };
    let age = work.courier.now().saturating_sub(before.listed_at);
    // A number that has gone back counts something else.
    if !(0..LISTED_ANEW_MS).contains(&age) || highest(session).is_none_or(|now| now < before.mod_seq) {
        return Ok(None);
    }
    let changes = session.changes_since(before.mod_seq.unsigned_abs()).await;
    let changes = explained(work.courier, work.mailbox, Side::Incoming, changes).await?;
    let uids = changes.map(|changes| {
        let held: Vec<u32> = before.uids.uids().take(imap::UIDS_MAX).collect();
        changes.applied_to(&held)
    });
    let uids = uids.filter(|uids| u32::try_from(uids.len()) == Ok(session.exists()));
    Ok(uids.map(|uids| (uids, before.listed_at)))
}

/// HIGHESTMODSEQ as the folder was opened: what has changed since then is told again, which does no harm.
fn highest(session: &imap::Session) -> Option<i64> {
    session.highest_mod_seq().and_then(|highest| i64::try_from(highest).ok())
}
