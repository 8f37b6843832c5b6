//! What is to be fetched: where reading begins (*Start From*), what lies after the cursor, and what is old mail.
//! When UIDVALIDITY changes every remembered UID is void (RFC 3501 §2.3.1.1): the folder is read again by the same
//! rules, and the desk knows by its content what it already has.
use super::shelf::{Opened, Shelf};
use crate::clock::DAY_MS;
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::{Mailbox, StartFrom};

/// Servers compare SINCE with dates in a time zone of their own.
pub(super) const SLACK_MS: i64 = DAY_MS;
/// How many messages, newest first, are looked at for where *Now* begins: mostly the newest one is older already,
/// and looking costs its whole body.
const LOOK_BACK: [usize; 3] = [1, 4, 20];

/// What counts as old, and whether old mail is wanted. Times are whole seconds, as servers keep them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// Mail that came before is not fetched; `None`: everything is.
    pub from_at: Option<i64>,
    /// Mail that came before is filed silently.
    pub news_from_at: i64,
}

impl Rules {
    /// A folder that was chosen after fetching had begun has a beginning of its own.
    pub(super) fn of(mailbox: &Mailbox, chosen_at: Option<i64>, now: i64) -> Rules {
        let activated_at = mailbox.activated_at.unwrap_or(now);
        let activated_at = second(activated_at.max(chosen_at.unwrap_or(activated_at)));
        let from_at = match &mailbox.start_from {
            StartFrom::Now => Some(activated_at),
            StartFrom::Everything => None,
            // A date that cannot be read must not lose mail.
            StartFrom::Date(date) => midnight(date),
        };
        Rules { from_at, news_from_at: activated_at }
    }

    /// What these rules make of a message that was there when reading began.
    pub(super) fn wants(&self, internal_date_at: Option<i64>) -> bool {
        match (self.from_at, internal_date_at) {
            (Some(from_at), Some(at)) => at >= from_at,
            (None, _) | (_, None) => true,
        }
    }

    pub(super) fn is_silent(&self, internal_date_at: Option<i64>) -> bool {
        internal_date_at.is_some_and(|at| at < self.news_from_at)
    }
}

fn second(at: i64) -> i64 {
    at - at.rem_euclid(1000)
}

fn midnight(date: &str) -> Option<i64> {
    let date: jiff::civil::Date = date.parse().ok()?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?.as_millisecond())
}

/// The cursor of a folder that is read for the first time, or again after its UIDVALIDITY changed. Up to
/// `start_after_uid` the rules decide; what comes later is news.
pub(super) async fn begin(
    shelf: &mut Shelf,
    folder: &str,
    opened: &Opened,
    rules: &Rules,
    first_sight: bool,
) -> wire::Result<Cursor> {
    let last = match opened.uid_next {
        Some(next) => next.saturating_sub(1),
        None => shelf.uids_since(0).await?.last().copied().unwrap_or(0),
    };
    let mut cursor = Cursor {
        folder: folder.to_owned(),
        uid_validity: opened.uid_validity,
        uid_last: 0,
        start_after_uid: last,
    };
    if first_sight && rules.from_at == Some(rules.news_from_at) {
        cursor.uid_last = before_news(shelf, rules, last).await?;
    }
    Ok(cursor)
}

/// *Now*: the last UID before the first message that came after fetching was switched on. Looked for from the
/// newest back, because a folder may hold years of mail and *Now* is a moment ago.
async fn before_news(shelf: &mut Shelf, rules: &Rules, last: u32) -> wire::Result<u32> {
    let Some(from_at) = rules.from_at else { return Ok(0) };
    let mut uids = shelf.uids_since_date(from_at.saturating_sub(SLACK_MS)).await?;
    uids.retain(|uid| *uid <= last);
    let mut begin = last;
    let mut sizes = LOOK_BACK.into_iter();
    let mut size = LOOK_BACK[0];
    while !uids.is_empty() {
        size = sizes.next().unwrap_or(size);
        let chunk = &uids.split_off(uids.len().saturating_sub(size));
        let dates = shelf.dates(chunk).await?;
        let found = dates.iter().filter(|(_, at)| rules.wants(**at)).map(|(uid, _)| *uid).min();
        let Some(uid) = found else { break };
        begin = uid.saturating_sub(1);
    }
    Ok(begin)
}

/// The UIDs after the cursor, ascending.
pub(super) async fn uids(shelf: &mut Shelf, cursor: &Cursor, rules: &Rules) -> wire::Result<Vec<u32>> {
    let mut uids = Vec::new();
    if cursor.uid_last < cursor.start_after_uid {
        uids = match rules.from_at {
            Some(from_at) => shelf.uids_since_date(from_at.saturating_sub(SLACK_MS)).await?,
            None => shelf.uids_since(cursor.uid_last).await?,
        };
        uids.retain(|uid| *uid > cursor.uid_last && *uid <= cursor.start_after_uid);
    }
    uids.extend(shelf.uids_since(cursor.uid_last.max(cursor.start_after_uid)).await?);
    uids.sort_unstable();
    uids.dedup();
    Ok(uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_decided_in_whole_seconds_and_nothing_unknown_is_left_out() {
        // Servers keep whole seconds: what came in the second of the switch is news.
        let rules = Rules { from_at: Some(second(10_900)), news_from_at: second(10_900) };
        for (at, wanted, silent) in [
            (Some(9_000), false, true),
            (Some(10_000), true, false),
            (Some(11_000), true, false),
            (None, true, false),
        ] {
            assert_eq!((rules.wants(at), rules.is_silent(at)), (wanted, silent), "{at:?}");
        }
        assert_eq!(midnight("2026-11-24"), Some(1_795_478_400_000));
        assert_eq!(midnight("24.11.2026"), None);
    }
}
