//! At the end of a round: the folder on the server against what is recorded of it. Each round compares numbers; the two
//! lists are compared when these differ or something has come, once an hour, and when a person asks. A server that counts its changes (CONDSTORE,
//! RFC 7162) spares itself the hourly listing of a folder in which there were none. What is found to be unaccounted is
//! fetched when a person asks for it, by the way of all mail, so that nothing is doubled.
use super::older::{Dated, older};
use super::shelf::{Shelf, Whole};
use super::work::Work;
use super::{BATCHES_PER_LEG, Broke, Tally, still_held};
use super::{listing, restored};
use crate::trouble::STORE_CODE;
use desk::intake::inbox;
use desk::intake::on_server::{self, Place};
use desk::mailboxes::balance::{self, Asked, Balance, Compared, Counts, Older};
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::{Mailbox, Protocol};
use desk::mailboxes::put_off::PutOff;
use desk::mailboxes::uid_set::UidSet;
use std::collections::BTreeMap;
use tokio::sync::watch;

/// What changes on the desk alone (a row that is lost, a cursor that is moved) shows by then.
const EVERY_MS: i64 = 60 * 60_000;
/// Between two comparisons, and besides for each message that the folder holds.
const PAUSE_MS: i64 = 60_000;
/// After a server has not listed a folder.
const UNCOUNTED_MS: i64 = 15 * 60_000;

/// Graph lists a thousand messages in several requests; the others list all in one.
fn pause_ms(protocol: Protocol, messages: i64) -> i64 {
    let each = match protocol {
        Protocol::Imap | Protocol::Pop3 => 1,
        Protocol::Graph => 36,
    };
    PAUSE_MS.saturating_add(messages.saturating_mul(each))
}

/// When the first folder whose figure is known to be behind may be compared again. One that may be now is left to the next round.
pub(super) fn compares_at(mailbox: &Mailbox, balances: &[Balance], now: i64) -> Option<i64> {
    let stale = balances.iter().filter(|balance| balance.is_stale && balance.uncounted_at.is_none());
    let at = stale.filter_map(|balance| {
        let pause = pause_ms(mailbox.protocol, balance.counts.on_server());
        Some(balance.compared_at?.saturating_add(pause))
            .filter(|at| (1..=pause).contains(&at.saturating_sub(now)))
    });
    at.min()
}

/// Compares, where that is due, and does what a person has asked for. The cursor, as far as it has come with that.
pub(super) async fn run(
    work: &mut Work<'_>,
    shelf: &mut Shelf,
    mut cursor: Cursor,
    stop: &watch::Receiver<bool>,
    tally: &mut Tally,
) -> Result<Cursor, Broke> {
    let (id, folder) = (work.mailbox.id, cursor.folder.clone());
    let before = work.courier.read(move |tx| balance::find(tx, id, &folder)).await?;
    let due = due(work, shelf, &cursor, before.as_ref());
    if due == Due::Soon && before.as_ref().is_some_and(|before| !before.is_stale) {
        note_stale(work, &cursor).await?;
    }
    if *stop.borrow() || matches!(due, Due::No | Due::Soon) {
        return Ok(cursor);
    }
    let is_well = before.as_ref().is_some_and(|before| before.counts.unaccounted == 0);
    if due == Due::ByTheHour
        && is_well
        && is_unchanged(work, shelf.standing(), &cursor, before.as_ref()).await?
    {
        return Ok(cursor);
    }
    let asked = before.map_or(Asked::Nothing, |before| before.asked);
    let Some((mut whole, mut sum)) = list(work, shelf, &cursor, asked).await? else { return Ok(cursor) };
    if sum.counts.waiting > 0 && shelf.waits_for_news() {
        // The server has told of it, and does not tell again.
        match work.stretch(shelf, cursor.clone(), &mut whole.names, stop, tally).await? {
            Some(further) => cursor = further,
            None => return Ok(cursor),
        }
        sum = compare(work, shelf, &whole, &cursor, asked).await?;
    }
    if restored::is_another_as_listed(work, shelf, &whole, &cursor).await? {
        return Ok(cursor); // the next round reads it anew
    }
    work.trials.keep_listed(&whole.uids);
    work.keep_put_off(&cursor).await?;
    let wanted = wanted(work, &sum, &cursor, asked);
    if !wanted.is_empty() {
        let known = tally.new;
        for leg in wanted.chunks(work.batch() * BATCHES_PER_LEG) {
            if asked == Asked::Fetch && !is_still_asked(work, &cursor).await? {
                break;
            }
            work.asks_again = true;
            let ended = work.leg(shelf, &mut cursor, leg, &mut whole.names, None, stop, tally).await;
            work.asks_again = false;
            ended?;
            if *stop.borrow() {
                return Ok(cursor); // it is still asked for
            }
        }
        if asked == Asked::Fetch {
            let (messages, now) = (i64::try_from(tally.new - known).unwrap_or(0), work.courier.now());
            work.courier.write_behind(move |tx| balance::fetched(tx, id, messages, now)).await?;
        }
        let Some(again) = list(work, shelf, &cursor, asked).await? else { return Ok(cursor) };
        (whole, sum) = again;
    }
    let standing = standing(work, shelf.standing(), &cursor).await?;
    keep(work, &cursor, whole, sum, asked, standing).await?;
    work.has_compared = true;
    Ok(cursor)
}

/// What is asked for now of what is unaccounted: all that reading has gone past, where a person wants it, and else what the
/// server has put off, when its time has come. (What is put off and not gone past yet is asked for by the way of new mail.)
fn wanted(work: &Work<'_>, sum: &Sum, cursor: &Cursor, asked: Asked) -> Vec<u32> {
    let put_off = work.trials.all();
    if asked == Asked::Fetch {
        let is_new = |uid: &u32| *uid > cursor.uid_last && put_off.contains_key(uid);
        return sum.unaccounted.iter().copied().filter(|uid| !is_new(uid)).collect();
    }
    let mut due = work.trials.due_before(cursor.uid_last, work.courier.now());
    due.retain(|uid| sum.unaccounted.binary_search(uid).is_ok());
    due
}

/// All that a comparison comes from, where the server has a number for its side of it: rows of the desk are counted, of which
/// none is taken away but when the folder is to be compared anew. While it is the same, so is what the comparison came to. Empty: the server has none.
async fn standing(work: &Work<'_>, server: Option<String>, cursor: &Cursor) -> Result<String, Broke> {
    let Some(server) = server else { return Ok(String::new()) };
    let (id, folder, validity) = (work.mailbox.id, cursor.folder.clone(), cursor.uid_validity);
    let rows = work.courier.read(move |tx| inbox::recorded(tx, id, &folder, validity)).await?;
    let from_at = work.rules.from_at.unwrap_or(i64::MIN);
    let put_off = work.trials.all().len();
    Ok(format!("{server} {rows} {} {} {from_at} {put_off}", cursor.uid_last, cursor.start_after_uid))
}

/// Neither here nor there, so that the hour begins anew.
async fn is_unchanged(
    work: &Work<'_>,
    server: Option<String>,
    cursor: &Cursor,
    before: Option<&Balance>,
) -> Result<bool, Broke> {
    let standing = standing(work, server, cursor).await?;
    if standing.is_empty() || before.is_none_or(|before| before.standing != standing) {
        return Ok(false);
    }
    let (claim, folder, now) = (work.claim.clone(), cursor.folder.clone(), work.courier.now());
    let noted = work.courier.write_behind(move |tx| {
        still_held(tx, &claim, now)?;
        balance::note_unchanged(tx, claim.mailbox_id, &folder, now)
    });
    noted.await?;
    Ok(true)
}

async fn note_stale(work: &Work<'_>, cursor: &Cursor) -> Result<(), Broke> {
    let (claim, folder, now) = (work.claim.clone(), cursor.folder.clone(), work.courier.now());
    let noted = work.courier.write_behind(move |tx| {
        still_held(tx, &claim, now)?;
        balance::note_stale(tx, claim.mailbox_id, &folder)
    });
    Ok(noted.await?)
}

/// The folder listed and compared. `None`: the server does not list it, which stops no mail from coming in and is a note
/// beside what was counted last.
async fn list(
    work: &Work<'_>,
    shelf: &mut Shelf,
    cursor: &Cursor,
    asked: Asked,
) -> Result<Option<(Whole, Sum)>, Broke> {
    let compared = async {
        let whole = listing::whole(work, shelf, cursor, asked != Asked::Nothing).await?;
        let sum = compare(work, shelf, &whole, cursor, asked).await?;
        Ok((whole, sum))
    };
    let trouble = match compared.await {
        // It asks to be left alone, which is to be obeyed.
        Err(Broke::Trouble(trouble)) if trouble.retry_after_ms.is_none() && trouble.code != STORE_CODE => {
            trouble
        }
        listed => return listed.map(Some),
    };
    let (claim, now, why) = (work.claim.clone(), work.courier.now(), trouble.whole_reason());
    tracing::info!(mailbox = work.mailbox.address, folder = cursor.folder, "it could not be counted: {why}");
    let (folder, validity) = (cursor.folder.clone(), cursor.uid_validity);
    let noted = work.courier.write_behind(move |tx| {
        still_held(tx, &claim, now)?;
        balance::note_uncounted(tx, claim.mailbox_id, (&folder, validity), &why, now)
    });
    noted.await?;
    Ok(None)
}

/// Nobody has cancelled it meanwhile.
async fn is_still_asked(work: &Work<'_>, cursor: &Cursor) -> Result<bool, Broke> {
    let (id, folder) = (work.mailbox.id, cursor.folder.clone());
    let balance = work.courier.read(move |tx| balance::find(tx, id, &folder)).await?;
    Ok(balance.is_some_and(|balance| balance.asked == Asked::Fetch))
}

/// Whether to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    No,
    /// Something says that the outcome is another one now, and it is not long since the last time: later, whatever is
    /// said then.
    Soon,
    /// Something says that the outcome is another one now.
    Yes,
    /// Nothing does, and it is long ago.
    ByTheHour,
}

fn due(work: &Work<'_>, shelf: &Shelf, cursor: &Cursor, before: Option<&Balance>) -> Due {
    let Some(before) = before else { return Due::Yes };
    let failed = before.uncounted_at.map(|at| work.courier.now().saturating_sub(at));
    if before.asked != Asked::Nothing {
        return Due::Yes;
    }
    if failed.is_some_and(|age| (0..UNCOUNTED_MS).contains(&age)) {
        return Due::No;
    }
    let Some(compared_at) = before.compared_at else { return Due::Yes };
    if failed.is_some() || before.uid_validity != cursor.uid_validity {
        return Due::Yes;
    }
    let age = work.courier.now().saturating_sub(compared_at);
    let on_server = before.counts.on_server();
    let pause = pause_ms(work.mailbox.protocol, on_server);
    let asks_again = !work.trials.due_before(cursor.uid_last, work.courier.now()).is_empty();
    let is_another = before.is_stale || work.has_fetched || shelf.has_changed(on_server) || asks_again;
    match (is_another, (0..pause).contains(&age)) {
        (true, true) => return Due::Soon,
        (false, true) => return Due::No,
        (true, false) => return Due::Yes,
        (false, false) => {}
    }
    if (0..EVERY_MS.max(pause)).contains(&age) { Due::No } else { Due::ByTheHour }
}

/// What a comparison comes to.
struct Sum {
    counts: Counts,
    older: UidSet,
    /// Ascending.
    unaccounted: Vec<u32>,
}

async fn compare(
    work: &Work<'_>,
    shelf: &mut Shelf,
    whole: &Whole,
    cursor: &Cursor,
    asked: Asked,
) -> Result<Sum, Broke> {
    let (id, folder, validity) = (work.mailbox.id, cursor.folder.clone(), cursor.uid_validity);
    let uids = whole.uids.clone();
    let read = work.courier.read(move |tx| {
        let place = Place { mailbox_id: id, folder: &folder, uid_validity: validity };
        Ok((inbox::missing(tx, id, &folder, validity, &uids)?, on_server::staying(tx, place)?))
    });
    let (missing, staying) = read.await?;
    let left = staying.iter().filter(|uid| whole.uids.binary_search(uid).is_ok()).count();
    let held = count((whole.uids.len() - missing.len()).saturating_sub(left));
    let put_off = work.trials.all();
    let is_passed =
        |uid: &u32| *uid <= cursor.uid_last || whole.untold.contains(uid) || put_off.contains_key(uid);
    let (passed, waiting): (Vec<u32>, Vec<u32>) = missing.into_iter().partition(is_passed);
    let was_there: Vec<u32> = passed.iter().copied().filter(|uid| *uid <= cursor.start_after_uid).collect();
    let Dated { older, proved } = older(work, shelf, cursor, was_there, asked == Asked::Fetch).await?;
    let unaccounted: Vec<u32> = passed.iter().copied().filter(|uid| !older.contains(uid)).collect();
    let counts = Counts {
        held,
        left: count(left),
        older: count(passed.len() - unaccounted.len()),
        waiting: count(waiting.len() + whole.to_be_told),
        unaccounted: count(unaccounted.len() + whole.unlisted),
    };
    let older = UidSet::among(&whole.uids, |uid| proved.contains(&uid));
    Ok(Sum { counts, older, unaccounted })
}

async fn keep(
    work: &Work<'_>,
    cursor: &Cursor,
    whole: Whole,
    sum: Sum,
    asked: Asked,
    standing: String,
) -> Result<(), Broke> {
    let compared = Compared {
        folder: cursor.folder.clone(),
        uid_validity: cursor.uid_validity,
        counts: sum.counts,
        reason: reason(&sum, &whole, work.trials.all()),
        older: Older { than: work.rules.from_at, uids: sum.older },
        asked,
        standing,
        listing: whole.listing,
    };
    let (claim, now) = (work.claim.clone(), work.courier.now());
    let kept = work.courier.write_behind(move |tx| {
        still_held(tx, &claim, now)?;
        balance::keep(tx, claim.mailbox_id, &compared, now)
    });
    Ok(kept.await?)
}

/// What may have led to it: the desk alone cannot tell, save of what the server puts off.
fn reason(sum: &Sum, whole: &Whole, put_off: &BTreeMap<u32, PutOff>) -> String {
    let (late, lost): (Vec<u32>, Vec<u32>) =
        sum.unaccounted.iter().copied().partition(|uid| put_off.contains_key(uid));
    let said = late.first().and_then(|uid| put_off.get(uid)).map_or("", |first| first.said.as_str());
    let late = match late.len() {
        0 => String::new(),
        1 => format!("One is asked for again by itself. {said} "),
        many => format!("{many} are asked for again by themselves. Of the first: {said} "),
    };
    let lost = match lost.as_slice() {
        [] => "",
        all if all.iter().all(|uid| whole.untold.contains(uid)) => {
            "The server lists what is missing, and did not tell of it when it was asked for what is new."
        }
        _ => {
            "Reading has gone past what is missing: Start From was changed after reading began, the mail server was restored from its backup, the server left it out when it \
             was searched by date or did not give it out when it was asked for, the desk was restored from an older backup, or rows of the database were lost."
        }
    };
    let unlisted = match whole.unlisted {
        0 => String::new(),
        some => format!(
            " The server counts {} messages in the folder and lists {}: {some} of them cannot be asked for. A look at the folder with \
             a mail program, or a repair of its index on the server, may show them.",
            whole.uids.len() + some,
            whole.uids.len()
        ),
    };
    format!("{late}{lost}{unlisted}").trim().to_owned()
}

fn count(messages: usize) -> i64 {
    i64::try_from(messages).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_folder_is_listed_less_often() {
        let minutes = |protocol, messages| pause_ms(protocol, messages) / 60_000;
        assert_eq!(minutes(Protocol::Imap, 0), 1);
        assert_eq!(minutes(Protocol::Imap, 100_000), 2);
        assert_eq!(minutes(Protocol::Graph, 1_000), 1);
        assert_eq!(minutes(Protocol::Graph, 100_000), 61);
    }
}
