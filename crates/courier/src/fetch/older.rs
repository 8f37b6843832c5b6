//! Which messages of a folder are older than *Start From* says. Each is asked for its date once, and the newest of them at each comparison
//! again: a server that was restored from its backup gives their UIDs to other letters, and of mail that was never fetched nothing else
//! shows that.
use super::shelf::Shelf;
use super::work::Work;
use super::{Broke, plan};
use crate::trouble::Trouble;
use desk::mailboxes::balance;
use desk::mailboxes::cursor::Cursor;
use std::collections::HashSet;

/// Messages that are older than *Start From* says.
#[derive(Default)]
pub(super) struct Dated {
    pub older: HashSet<u32>,
    /// Those of them of which the server has said when they came. Of the others it was searched by date, and did not name them.
    pub proved: HashSet<u32>,
}

/// Dates that are asked for in one comparison of what a search by date has left out: it is believed as far as that once, and
/// the next comparison asks for more.
const DATES_MAX: usize = 100_000;
/// Of the newest that were found to be older; UIDs that are given a second time are the last ones that were given once.
const NEWEST: usize = 10;

/// Of messages that were there when reading began, ascending, those that are older than *Start From* says now. One whose date is not
/// known is not. `anew`: all are asked for it, also those that were found to be older.
pub(super) async fn older(
    work: &Work<'_>,
    shelf: &mut Shelf,
    cursor: &Cursor,
    uids: Vec<u32>,
    anew: bool,
) -> Result<Dated, Broke> {
    let Some(from_at) = work.rules.from_at else { return Ok(Dated::default()) };
    let (id, folder, validity) = (work.mailbox.id, cursor.folder.clone(), cursor.uid_validity);
    let read = work.courier.read(move |tx| balance::older(tx, id, &folder, validity, Some(from_at)));
    let known = read.await?;
    let said = |error: wire::Error| -> Trouble { work.said(&error) };
    let mut newest: Vec<u32> =
        uids.iter().rev().copied().filter(|uid| known.contains(*uid)).take(NEWEST).collect();
    newest.reverse();
    // The names of POP3 and the ids of Graph are given once.
    let is_anew = match shelf {
        Shelf::Imap(_) if !newest.is_empty() && !anew => {
            let dates = shelf.dates(&newest).await.map_err(said)?;
            dates.values().flatten().any(|at| work.rules.wants(Some(*at)))
        }
        Shelf::Imap(_) => anew,
        Shelf::Pop3(_) | Shelf::Graph(_) => false,
    };
    let unsure: Vec<u32> = uids.iter().copied().filter(|uid| is_anew || !known.contains(*uid)).collect();
    let mut older: HashSet<u32> = uids.into_iter().collect();
    if unsure.is_empty() {
        return Ok(Dated { proved: older.clone(), older });
    }
    let near = shelf.perhaps_since(&unsure, from_at.saturating_sub(plan::SLACK_MS)).await.map_err(said)?;
    let near: HashSet<u32> = near.into_iter().collect();
    // The newest first: they are the ones that may be wanted.
    let mut left_out: Vec<u32> = unsure.iter().rev().copied().filter(|uid| !near.contains(uid)).collect();
    let believed = left_out.split_off(left_out.len().min(DATES_MAX));
    let mut asked: Vec<u32> = near.into_iter().chain(left_out).collect();
    asked.sort_unstable();
    let dates = shelf.dates(&asked).await.map_err(said)?;
    for uid in asked {
        let at = dates.get(&uid).copied().flatten();
        // What is not told of one now, was told before.
        if work.rules.wants(at) && (at.is_some() || !known.contains(uid)) {
            older.remove(&uid);
        }
    }
    let mut proved = older.clone();
    believed.iter().filter(|uid| !known.contains(**uid)).for_each(|uid| {
        proved.remove(uid);
    });
    Ok(Dated { older, proved })
}
