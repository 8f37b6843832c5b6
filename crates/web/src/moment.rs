//! Dates said as people say them, exact on hover.
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use std::fmt;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A point in time, for one reader. Shown in a template it is a whole `<time>` element.
#[derive(Clone, Debug)]
pub struct Moment {
    words: String,
    exact: String,
    machine: String,
}
// Made of digits, fixed words and the names of time zones of the tz database.
impl askama::filters::HtmlSafe for Moment {}

/// The reader's time zone; UTC when the name is unknown.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}
/// Whether the time-zone database knows this name.
pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// Every name the time-zone database of this machine knows, for choosing from.
pub fn zones() -> Vec<String> {
    let mut zones: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    if zones.is_empty() {
        zones.push("UTC".to_owned());
    }
    zones.sort_unstable();
    zones
}

impl Moment {
    pub fn new(at: i64, now: i64, zone: &TimeZone) -> Moment {
        let local = |ms| Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned_datetime(zone.clone());
        let then = local(at);
        Moment {
            words: words(at, now, &then, &local(now)),
            exact: then.strftime("%A, %-d %B %Y, %H:%M:%S %Z").to_string(),
            machine: then.timestamp().to_string(),
        }
    }
    /// Without markup, for sentences: `4 min ago`.
    pub fn words(&self) -> &str {
        &self.words
    }
}

fn words(at: i64, now: i64, then: &ZonedDateTime, today: &ZonedDateTime) -> String {
    let past = now - at;
    if past < 0 {
        return coming(-past, then, today);
    }
    if past < MINUTE_MS {
        return "just now".to_owned();
    }
    if past < HOUR_MS {
        return format!("{} min ago", past / MINUTE_MS);
    }
    if then.date() == today.date() {
        return then.strftime("Today %H:%M").to_string();
    }
    if today.date().yesterday().is_ok_and(|yesterday| then.date() == yesterday) {
        return then.strftime("Yesterday %H:%M").to_string();
    }
    if past < 6 * DAY_MS {
        return then.strftime("%a %H:%M").to_string();
    }
    let format = if then.year() == today.year() { "%-d %b" } else { "%-d %b %Y" };
    then.strftime(format).to_string()
}

fn coming(ahead: i64, then: &ZonedDateTime, today: &ZonedDateTime) -> String {
    if ahead < MINUTE_MS {
        return "in a moment".to_owned();
    }
    if ahead < HOUR_MS {
        return format!("in {} min", ahead / MINUTE_MS);
    }
    if then.date() == today.date() {
        return then.strftime("today at %H:%M").to_string();
    }
    if ahead < 6 * DAY_MS {
        return then.strftime("%a at %H:%M").to_string();
    }
    then.strftime("on %-d %b %Y").to_string()
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<time datetime="{}" title="{}">{}</time>"#, self.machine, self.exact, self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_said_as_people_say_them() {
        let zone = zone("Europe/Berlin");
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let now = at("2026-11-24T12:00:00Z");
        let said = |text: &str| Moment::new(at(text), now, &zone).words().to_owned();
        for (text, expected) in [
            ("2026-11-24T11:59:30Z", "just now"),
            ("2026-11-24T11:56:00Z", "4 min ago"),
            ("2026-11-24T07:41:00Z", "Today 08:41"),
            ("2026-11-23T22:59:00Z", "Yesterday 23:59"),
            ("2026-11-20T10:00:00Z", "Fri 11:00"),
            ("2026-03-02T10:00:00Z", "2 Mar"),
            ("2025-03-02T10:00:00Z", "2 Mar 2025"),
            ("2026-11-24T12:05:00Z", "in 5 min"),
            ("2026-11-24T15:05:00Z", "today at 16:05"),
            ("2027-05-24T12:00:00Z", "on 24 May 2027"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
