//! How much mail a mailbox usually gets, learned from its own history, and from when on a silence is unusual: the
//! dead man's switch for mail that stops although every sign-in works (a forwarding rule that is gone, an MX record
//! that leads elsewhere). The formula is in the manual under *Mailboxes*.
use super::mailbox::Mailbox;
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::site::event::{self, Subject};
use crate::{By, Result, params};
use serde_json::json;
use std::collections::BTreeMap;

const HOUR_MS: i64 = 3_600_000;
const WEEK_HOURS: i64 = 7 * 24;
/// No silence that is shorter is ever unusual.
pub const FLOOR_MS: i64 = 12 * HOUR_MS;
/// With a shorter history every weekday would be judged by a single one of its kind.
pub const WEEKS_MIN: i64 = 2;
/// What is older says little about now.
pub const WEEKS_MAX: i64 = 8;
/// One in a million, as a natural logarithm: a silence that chance would bring less often is unusual.
const SURPRISE: f64 = 13.815_510_557_964_274;
/// A mailbox that gets so little that a silence would have to be longer is not watched.
const AHEAD_WEEKS_MAX: i64 = 26;
/// Kept a little longer than it is looked at.
const KEPT_WEEKS: i64 = WEEKS_MAX + 2;

/// An hour with mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hour {
    /// Hours since 1970.
    pub hour: i64,
    pub messages: i64,
}
impl FromRow for Hour {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Hour { hour: row.get(0)?, messages: row.get(1)? })
    }
}

/// What is known about a mailbox's traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usual {
    /// Whether a silence is told; a person may switch it off.
    pub watched: bool,
    /// When its last mail came to the server.
    pub last_at: Option<i64>,
    /// Messages a week; `None` while the history is too short.
    pub a_week: Option<i64>,
    /// From when on a silence that began with its last mail is unusual; `None` where nothing can be said.
    pub unusual_at: Option<i64>,
}
impl Default for Usual {
    fn default() -> Usual {
        Usual { watched: true, last_at: None, a_week: None, unusual_at: None }
    }
}
impl FromRow for Usual {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Usual { watched: row.get(1)?, last_at: row.get(2)?, a_week: row.get(3)?, unusual_at: row.get(4)? })
    }
}

/// Counts mail by the hour in which it came to the server. A server whose clock is ahead says `now`.
pub fn note(
    tx: &mut Tx<'_>,
    mailbox_id: i64,
    received_at: impl IntoIterator<Item = i64>,
    now: i64,
) -> Result<()> {
    let mut hours: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    let oldest = now / HOUR_MS - KEPT_WEEKS * WEEK_HOURS;
    for at in received_at {
        let at = at.min(now);
        if at / HOUR_MS >= oldest {
            let (messages, last_at) = hours.entry(at / HOUR_MS).or_insert((0, at));
            *messages += 1;
            *last_at = at.max(*last_at);
        }
    }
    for (hour, (messages, last_at)) in hours {
        tx.execute(
            "INSERT INTO traffic (mailbox_id, hour, messages, last_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (mailbox_id, hour) DO UPDATE SET messages = traffic.messages + excluded.messages,
                 last_at = CASE WHEN traffic.last_at > excluded.last_at THEN traffic.last_at ELSE excluded.last_at END",
            params![mailbox_id, hour, messages, last_at],
        )?;
    }
    Ok(())
}

/// What is learned of hours with mail, in their order, by a mailbox that is known since `known_since`.
///
/// For each hour of the week: in how many of the last weeks there was mail in it. A week counts once, so that one
/// flood of mail teaches nothing; one more week than was seen stands below the line, so that what was never quiet may be
/// quiet once. A silence then has the chance `(1 - p1) (1 - p2) …` over its whole hours.
pub fn learn(hours: &[Hour], last_at: i64, known_since: i64) -> Usual {
    let last_hour = last_at / HOUR_MS;
    let nothing = Usual { last_at: Some(last_at), ..Usual::default() };
    let weeks = ((last_hour - known_since / HOUR_MS) / WEEK_HOURS).min(WEEKS_MAX);
    if weeks < WEEKS_MIN {
        return nothing;
    }
    let mut with_mail: BTreeMap<i64, i64> = BTreeMap::new();
    let mut messages = 0;
    let window = last_hour - weeks * WEEK_HOURS + 1..=last_hour;
    for hour in hours.iter().filter(|hour| window.contains(&hour.hour)) {
        *with_mail.entry(hour.hour.rem_euclid(WEEK_HOURS)).or_default() += 1;
        messages += hour.messages;
    }
    let surprise = |hour: i64| {
        let seen = with_mail.get(&hour.rem_euclid(WEEK_HOURS)).copied().unwrap_or(0);
        -(1.0 - seen as f64 / (weeks + 1) as f64).ln()
    };
    let mut sum = 0.0;
    let unusual_hour = (last_hour + 1..last_hour + AHEAD_WEEKS_MAX * WEEK_HOURS).find(|hour| {
        sum += surprise(*hour);
        sum >= SURPRISE
    });
    Usual {
        a_week: Some((messages + weeks / 2) / weeks),
        unusual_at: unusual_hour.map(|hour| ((hour + 1) * HOUR_MS).max(last_at + FLOOR_MS)),
        ..nothing
    }
}

/// A mailbox, the hour of its last mail, that mail's time, and since when it is fetched.
type Stale = (i64, i64, i64, Option<i64>);

/// Those with mail of a later hour than is learned.
fn stale(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<Stale>> {
    Ok(tx.all(
        "SELECT m.id, t.hour, t.last_at, m.activated_at
         FROM mailbox m JOIN traffic t ON t.mailbox_id = m.id
              AND t.hour = (SELECT max(hour) FROM traffic WHERE mailbox_id = m.id)
         LEFT JOIN usual u ON u.mailbox_id = m.id
         WHERE m.removed_at IS NULL AND (u.last_hour IS NULL OR u.last_hour <> t.hour) LIMIT $1",
        params![limit],
    )?)
}
/// There is something to learn.
pub fn is_stale(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(!stale(tx, 1)?.is_empty())
}

/// Learns anew what mail of a later hour than before makes different. How many mailboxes that were.
pub fn learn_all(tx: &mut Tx<'_>, now: i64) -> Result<usize> {
    let stale = stale(tx, 1_000)?;
    for (mailbox_id, last_hour, last_at, activated_at) in &stale {
        let hours: Vec<Hour> = tx.all(
            "SELECT hour, messages FROM traffic WHERE mailbox_id = $1 AND hour > $2 ORDER BY hour",
            params![*mailbox_id, *last_hour - KEPT_WEEKS * WEEK_HOURS],
        )?;
        tx.execute(
            "DELETE FROM traffic WHERE mailbox_id = $1 AND hour <= $2",
            params![*mailbox_id, *last_hour - KEPT_WEEKS * WEEK_HOURS],
        )?;
        let first = hours.first().map(|hour| hour.hour * HOUR_MS);
        let known_since = first.into_iter().chain(*activated_at).min().unwrap_or(now);
        let learned = learn(&hours, *last_at, known_since);
        tx.execute(
            "INSERT INTO usual (mailbox_id, last_hour, last_at, a_week, unusual_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (mailbox_id) DO UPDATE SET last_hour = excluded.last_hour, last_at = excluded.last_at,
                 a_week = excluded.a_week, unusual_at = excluded.unusual_at",
            params![*mailbox_id, *last_hour, *last_at, learned.a_week, learned.unusual_at],
        )?;
    }
    Ok(stale.len())
}

pub fn find(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<Usual> {
    let found: Option<Usual> = tx.maybe(
        "SELECT mailbox_id, watched, last_at, a_week, unusual_at FROM usual WHERE mailbox_id = $1",
        params![mailbox_id],
    )?;
    Ok(found.unwrap_or_default())
}
/// Of several mailboxes, by their ids.
pub fn of(tx: &mut Tx<'_>, mailbox_ids: &[i64]) -> Result<BTreeMap<i64, Usual>> {
    let mut all = BTreeMap::new();
    for some in mailbox_ids.chunks(500) {
        let mut query = Query::new(
            "SELECT mailbox_id, watched, last_at, a_week, unusual_at FROM usual WHERE mailbox_id IN ",
        );
        query.bind_list(some.iter().copied());
        all.extend(
            tx.all::<Known>(query.sql(), query.params())?.into_iter().map(|Known(id, usual)| (id, usual)),
        );
    }
    Ok(all)
}
struct Known(i64, Usual);
impl FromRow for Known {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        Ok(Known(row.get(0)?, Usual::from_row(row)?))
    }
}

/// Whether a silence of this mailbox is told.
pub fn watch(tx: &mut Tx<'_>, by: &By, mailbox: &Mailbox, watched: bool) -> Result<()> {
    if find(tx, mailbox.id)?.watched == watched {
        return Ok(());
    }
    tx.execute(
        "INSERT INTO usual (mailbox_id, watched) VALUES ($1, $2)
         ON CONFLICT (mailbox_id) DO UPDATE SET watched = excluded.watched",
        params![mailbox.id, watched],
    )?;
    let kind = if watched { "silence_watched" } else { "silence_not_watched" };
    event::append(tx, by, Subject::Mailbox(mailbox.id), kind, json!({}))?;
    tx.wake("mailbox");
    Ok(())
}

/// Mailboxes that are silent for unusually long although their fetching works, each with its last mail and the time from
/// which on that is unusual.
pub fn silent(tx: &mut Tx<'_>, now: i64) -> Result<Vec<(i64, i64, i64)>> {
    // A fetch since then found nothing, and the side has been well long enough for a backlog to have come.
    Ok(tx.all(
        "SELECT m.id, u.last_at, u.unusual_at FROM mailbox m JOIN usual u ON u.mailbox_id = m.id
         WHERE m.removed_at IS NULL AND m.active = 1 AND m.state = 'ok' AND m.state_since <= $2
           AND u.watched = 1 AND u.unusual_at <= $1 AND m.last_fetch_at >= u.unusual_at AND m.last_fetch_at <= $1
           AND NOT EXISTS (SELECT 1 FROM traffic t WHERE t.mailbox_id = m.id AND t.hour > u.last_hour)
         ORDER BY m.id LIMIT 1000",
        params![now, now - HOUR_MS],
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 5 October 2026, 00:00 UTC.
    const MONDAY: i64 = 1_791_158_400_000;
    const DAY: i64 = 24 * HOUR_MS;

    /// Every hour of these weeks for which `messages` says how many.
    fn history(weeks: i64, messages: impl Fn(i64, i64, i64) -> i64) -> (Vec<Hour>, i64) {
        let mut hours = Vec::new();
        for hour in 0..weeks * WEEK_HOURS {
            let count = messages(hour / WEEK_HOURS, hour / 24 % 7, hour % 24);
            if count > 0 {
                hours.push(Hour { hour: MONDAY / HOUR_MS + hour, messages: count });
            }
        }
        let last = hours.last().unwrap().hour * HOUR_MS + 30 * 60_000;
        (hours, last)
    }
    /// Mondays to Fridays, eight to six.
    fn office(_week: i64, day: i64, hour: i64) -> i64 {
        if day < 5 && (8..18).contains(&hour) { 2 } else { 0 }
    }

    #[test]
    fn an_offices_weekend_is_nothing_unusual_and_its_silent_monday_is() {
        let (hours, last) = history(6, office); // the last mail came on a Friday at half past five
        let learned = learn(&hours, last, MONDAY);
        assert_eq!(learned.a_week, Some(100));
        let monday = MONDAY + 6 * 7 * DAY;
        let unusual = learned.unusual_at.unwrap();
        assert!(unusual > monday + 12 * HOUR_MS, "not before Monday noon: {}", unusual - monday);
        assert!(unusual <= monday + 18 * HOUR_MS, "on Monday before the office closes: {}", unusual - monday);
    }

    #[test]
    fn a_silence_that_begins_on_a_tuesday_is_told_within_a_day_and_never_within_twelve_hours() {
        let (mut hours, _) = history(8, office);
        let tuesday = MONDAY + 7 * 7 * DAY + DAY;
        let last = tuesday + 10 * HOUR_MS + 5 * 60_000;
        hours.retain(|hour| hour.hour <= last / HOUR_MS);
        let unusual = learn(&hours, last, MONDAY).unusual_at.unwrap();
        assert!(unusual >= last + FLOOR_MS && unusual <= last + DAY, "{}", (unusual - last) / HOUR_MS);
        // Round the clock in a busy place: the floor alone.
        let (hours, last) = history(4, |_, _, _| 9);
        assert_eq!(learn(&hours, last, MONDAY).unusual_at, Some(last + FLOOR_MS));
    }

    #[test]
    fn one_flood_teaches_nothing_a_short_history_nothing_and_a_trickle_little() {
        let flood = |week, day, hour| {
            if week == 3 && day == 6 && hour == 3 { 9_000 } else { office(week, day, hour) }
        };
        let ((with, last), (without, _)) = (history(6, flood), history(6, office));
        let (with, without) =
            (learn(&with, last, MONDAY).unusual_at, learn(&without, last, MONDAY).unusual_at);
        assert_eq!(with, without);
        let (hours, last) = history(2, office);
        let young = learn(&hours, last, MONDAY + 4 * DAY);
        assert_eq!((young.a_week, young.unusual_at), (None, None), "ten days are no history");
        let (hours, last) = history(8, |week, day, hour| i64::from((day, hour) == (week % 5, 9)));
        let unusual = learn(&hours, last, MONDAY).unusual_at;
        assert!(unusual.is_some_and(|at| at > last + 8 * 7 * DAY), "one a week: not told for months");
    }
}
