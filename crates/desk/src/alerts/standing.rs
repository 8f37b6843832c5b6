//! Filing that stands: mail is stored here, it is time to file it, and nothing of it becomes a ticket. That is not trouble of
//! one message, which is put off or kept for a person, but of the database, the files, or of who files.
use crate::db::Tx;
use crate::site::setting;
use crate::{Result, params};
use std::collections::BTreeMap;

/// Mail that waits for so long while nothing is filed is told: with the looks and the gathering of alerts before a quarter of an
/// hour is over.
pub(super) const STANDS_MS: i64 = 10 * 60 * 1000;
/// What waits for the files was tried this often after twelve minutes (`courier/src/file/read.rs`).
const TRIES: i64 = 5;
/// The oldest rows that wait are looked at, and no more: where filing stands, they are it.
const OLDEST: i64 = 1000;

/// How the last turn of the filing round failed.
const TROUBLE: &str = "filing_trouble";

/// Keeps why filing has just failed; `None`: something was filed.
pub fn note(tx: &mut Tx<'_>, why: Option<&str>) -> Result<()> {
    let known = setting::find(tx, TROUBLE)?;
    match why {
        None if known.is_none() => return Ok(()),
        None => setting::forget(tx, TROUBLE)?,
        Some(why) if known.as_deref() == Some(why) => return Ok(()),
        Some(why) => setting::set(tx, TROUBLE, why)?,
    }
    tx.wake("mailbox");
    Ok(())
}

const DAMAGED: &str = "Run `postern check` first: it reads the database and says what of it is damaged and what to do. Often it \
     is one page, and the rest is whole. What the database said:";

/// Of one mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub since: i64,
    /// Sentences.
    pub reason: String,
}

/// By the mailbox's id.
pub(super) fn find(tx: &mut Tx<'_>, now: i64) -> Result<BTreeMap<i64, Standing>> {
    let mut standing = waiting_for_files(tx, now)?;
    let due: Vec<(i64, i64)> = tx.all(
        "SELECT mailbox_id, min(due_at) FROM
             (SELECT mailbox_id, due_at FROM inbox WHERE state = 'new' ORDER BY id LIMIT $2) AS oldest
         WHERE due_at <= $1 GROUP BY mailbox_id ORDER BY mailbox_id",
        params![now.saturating_sub(STANDS_MS), OLDEST],
    )?;
    // A backlog that is being filed may be long.
    if due.is_empty() || goes_on(tx, now)? {
        return Ok(standing);
    }
    let reason = match setting::find(tx, TROUBLE)? {
        // To whoever reads this alone it says that the database is lost, which a page of it seldom is.
        Some(why) if why.contains("malformed") => format!("{DAMAGED} {}", sentence(&why)),
        Some(why) => sentence(&why),
        None => "No error is known: nobody files, or has not come to an end with it.".to_owned(),
    };
    for (mailbox_id, since) in due {
        standing.entry(mailbox_id).or_insert(Standing { since, reason: reason.clone() });
    }
    Ok(standing)
}

/// Whether something was filed lately. It goes by age, so what was filed last is among the newest.
fn goes_on(tx: &mut Tx<'_>, now: i64) -> Result<bool> {
    for state in ["filed", "ignored", "held"] {
        let last: Option<(i64,)> = tx.maybe(
            "SELECT due_at FROM inbox WHERE state = $1 ORDER BY id DESC LIMIT 1", // when it was settled
            params![state],
        )?;
        if last.is_some_and(|(at,)| at > now.saturating_sub(STANDS_MS)) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn waiting_for_files(tx: &mut Tx<'_>, now: i64) -> Result<BTreeMap<i64, Standing>> {
    let rows: Vec<(i64, String)> = tx.all(
        "SELECT mailbox_id, min(reason) FROM
             (SELECT mailbox_id, reason, reason_code, attempts FROM inbox
              WHERE state = 'new' AND reason_code <> '' ORDER BY due_at, id LIMIT $2) AS put_off
         WHERE reason_code = 'store' AND attempts >= $1 GROUP BY mailbox_id ORDER BY mailbox_id",
        params![TRIES, OLDEST],
    )?;
    let since = now.saturating_sub(STANDS_MS);
    Ok(rows.into_iter().map(|(id, why)| (id, Standing { since, reason: sentence(&why) })).collect())
}

fn sentence(why: &str) -> String {
    let why: String = why.chars().take(500).collect();
    let mut letters = why.trim().trim_end_matches('.').chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).chain(['.']).collect()
}
