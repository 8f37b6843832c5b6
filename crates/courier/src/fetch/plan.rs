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
    /// *Now*: what was there before is not looked at one by one.
    pub is_now: bool,
}

impl Rules {
    /// A folder that was chosen after fetching had begun has a beginning of its own. What another account or server held before
    /// the mailbox was led there is old mail: it is fetched as ever, since some of it may have come on the way from the one to
    /// the other, and nobody is told of it.
    pub(super) fn of(mailbox: &Mailbox, chosen_at: Option<i64>, now: i64) -> Rules {
        let activated_at = mailbox.activated_at.unwrap_or(now);
        let activated_at = second(activated_at.max(chosen_at.unwrap_or(activated_at)));
        let from_at = match &mailbox.start_from {
            StartFrom::Now => Some(activated_at),
            StartFrom::Everything => None,
            // A date that cannot be read must not lose mail.
            StartFrom::Date(date) => midnight(date),
        };
        let news_from_at = activated_at.max(mailbox.moved_at.map_or(activated_at, second));
        Rules { from_at, news_from_at, is_now: mailbox.start_from == StartFrom::Now }
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
    let last = last_listed(shelf, opened).await?;
    // What is there and not listed is old too, if it is listed one day.
    let before_next = opened.uid_next.map_or(0, |next| next.saturating_sub(1));
    let mut cursor = Cursor {
        folder: folder.to_owned(),
        uid_validity: opened.uid_validity,
        uid_last: 0,
        start_after_uid: last.max(before_next),
    };
    if first_sight && rules.is_now {
        cursor.uid_last = before_news(shelf, rules, last).await?;
    }
    Ok(cursor)
}

/// The highest UID that there is. UIDNEXT may be too low, and old mail would be news; or too high, and what comes would be behind
/// the cursor. A listing may name by mistake what is not there: the next one says so.
async fn last_listed(shelf: &mut Shelf, opened: &Opened) -> wire::Result<u32> {
    if let Some(next) = opened.uid_next.filter(|_| shelf.gives_numbers()) {
        return Ok(next.saturating_sub(1));
    }
    let Some(last) = shelf.uids_since(0).await?.last().copied() else { return Ok(0) };
    if is_there(shelf, last).await? {
        return Ok(last);
    }
    Ok(shelf.uids_since(0).await?.last().map_or(0, |again| last.min(*again)))
}

/// Whether it is listed, once more.
pub(super) async fn is_there(shelf: &mut Shelf, uid: u32) -> wire::Result<bool> {
    Ok(shelf.uids_since(uid.saturating_sub(1)).await?.contains(&uid))
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

/// What lies after the cursor.
pub(super) struct Listed {
    /// What is to be fetched, ascending.
    pub uids: Vec<u32>,
    /// The highest UID of what was there when reading began, wanted or not; 0: there is none after the cursor.
    pub old_to: u32,
}

pub(super) async fn listed(shelf: &mut Shelf, cursor: &Cursor, rules: &Rules) -> wire::Result<Listed> {
    let is_old = |uid: &u32| *uid > cursor.uid_last && *uid <= cursor.start_after_uid;
    let (mut uids, mut old_to) = (Vec::new(), 0);
    if cursor.uid_last < cursor.start_after_uid {
        // Before what is wanted of it: what comes between the two is not passed over.
        let mut old = shelf.uids_since(cursor.uid_last).await?;
        old.retain(is_old);
        old_to = match shelf.gives_numbers() {
            true => cursor.start_after_uid,
            false => old.last().copied().unwrap_or(0),
        };
        uids = match rules.from_at {
            Some(from_at) if !old.is_empty() => {
                shelf.uids_since_date(from_at.saturating_sub(SLACK_MS)).await?
            }
            Some(_) | None => old,
        };
        uids.retain(is_old);
    }
    uids.extend(shelf.uids_since(cursor.uid_last.max(cursor.start_after_uid)).await?);
    uids.sort_unstable();
    uids.dedup();
    Ok(Listed { uids, old_to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_decided_in_whole_seconds_and_nothing_unknown_is_left_out() {
        // Servers keep whole seconds: what came in the second of the switch is news.
        let rules = Rules { from_at: Some(second(10_900)), news_from_at: second(10_900), is_now: true };
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
