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
        let then = local(at, zone);
        Moment::said(words(at, now, &then, &local(now, zone)), &then)
    }
    fn said(words: String, then: &ZonedDateTime) -> Moment {
        Moment {
            words,
            exact: then.strftime("%A, %-d %B %Y, %H:%M:%S %Z").to_string(),
            machine: then.timestamp().to_string(),
        }
    }
    /// A beginning, as it follows *since*: `09:12`, `yesterday 23:59`.
    pub fn since(at: i64, now: i64, zone: &TimeZone) -> Moment {
        let moment = Moment::new(at, now, zone);
        let local = |ms| Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned_datetime(zone.clone());
        let (then, today) = (local(at), local(now));
        let words = if then.date() == today.date() {
            then.strftime("%H:%M").to_string()
        } else {
            moment.words.replace("Yesterday", "yesterday")
        };
        Moment { words, ..moment }
    }
    /// Without markup, for sentences: `4 min ago`.
    pub fn words(&self) -> &str {
        &self.words
    }
}

/// The reader's now and here, for pages that say many times.
#[derive(Clone, Debug)]
pub struct Clock {
    now: i64,
    zone: TimeZone,
}
impl Clock {
    pub fn new(now: i64, zone: TimeZone) -> Clock {
        Clock { now, zone }
    }
    /// In a list, as short as it goes: `2 min`, `08:41`, `Mon`, `12 Mar`.
    pub fn ago(&self, at: i64) -> Moment {
        let (then, today) = (local(at, &self.zone), local(self.now, &self.zone));
        let past = self.now - at;
        let words = if past < MINUTE_MS && past > -DAY_MS {
            "now".to_owned()
        } else if (0..HOUR_MS).contains(&past) {
            format!("{} min", past / MINUTE_MS)
        } else if then.date() == today.date() {
            then.strftime("%H:%M").to_string()
        } else {
            day(&then, &today)
        };
        Moment::said(words, &then)
    }
    /// In a thread, which may be read for hours: day and time, never how long ago.
    pub fn in_thread(&self, at: i64) -> Moment {
        let (then, today) = (local(at, &self.zone), local(self.now, &self.zone));
        let words = format!("{} {}", day(&then, &today), then.strftime("%H:%M"));
        Moment::said(words, &then)
    }
    /// The time of day alone.
    pub fn time(&self, at: i64) -> Moment {
        let then = local(at, &self.zone);
        Moment::said(then.strftime("%H:%M").to_string(), &then)
    }
}

fn local(at: i64, zone: &TimeZone) -> ZonedDateTime {
    Timestamp::from_millisecond(at).unwrap_or_default().to_zoned_datetime(zone.clone())
}

/// `Today`, `Yesterday`, `Mon` within the last six days, `12 Mar` within this year, `12 Mar 2024`.
fn day(then: &ZonedDateTime, today: &ZonedDateTime) -> String {
    let days = then.date().until(today.date()).map_or(i32::MAX, |span| span.get_days());
    let format = match days {
        0 => "Today",
        1 => "Yesterday",
        2..=6 => "%a",
        _ if then.year() == today.year() => "%-d %b",
        _ => "%-d %b %Y",
    };
    then.strftime(format).to_string()
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
    fn a_beginning_is_said_as_a_time_of_day() {
        let zone = zone("UTC");
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let now = at("2026-11-24T12:00:00Z");
        let said = |text: &str| Moment::since(at(text), now, &zone).words().to_owned();
        assert_eq!(said("2026-11-24T11:59:50Z"), "11:59");
        assert_eq!(said("2026-11-23T23:59:00Z"), "yesterday 23:59");
        assert_eq!(said("2026-03-02T10:00:00Z"), "2 Mar");
    }

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

    #[test]
    fn a_list_says_it_shorter_and_a_thread_says_the_time() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let clock = Clock::new(at("2026-11-24T12:00:00Z"), zone("Europe/Berlin"));
        for (text, in_list, in_thread) in [
            ("2026-11-24T11:59:30Z", "now", "Today 12:59"),
            ("2026-11-24T11:58:00Z", "2 min", "Today 12:58"),
            ("2026-11-24T07:41:00Z", "08:41", "Today 08:41"),
            ("2026-11-23T22:59:00Z", "Yesterday", "Yesterday 23:59"),
            ("2026-11-20T10:00:00Z", "Fri", "Fri 11:00"),
            ("2026-03-12T10:00:00Z", "12 Mar", "12 Mar 11:00"),
            ("2024-03-12T10:00:00Z", "12 Mar 2024", "12 Mar 2024 11:00"),
            ("2026-11-24T12:00:09Z", "now", "Today 13:00"),
        ] {
            assert_eq!(clock.ago(at(text)).words(), in_list, "{text}");
            assert_eq!(clock.in_thread(at(text)).words(), in_thread, "{text}");
        }
        assert_eq!(clock.time(at("2026-11-24T07:41:00Z")).words(), "08:41");
    }

    #[test]
    fn midnight_is_that_of_the_reader() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let said = |name: &str| {
            let clock = Clock::new(at("2026-11-24T08:00:00Z"), zone(name));
            clock.in_thread(at("2026-11-23T23:30:00Z")).words().to_owned()
        };
        assert_eq!(said("Europe/Berlin"), "Today 00:30");
        assert_eq!(said("America/New_York"), "Yesterday 18:30");
        assert_eq!(said("Nowhere/Else"), "Yesterday 23:30");
    }

    #[test]
    fn a_time_that_cannot_be_is_still_said() {
        assert_eq!(Clock::new(0, TimeZone::UTC).in_thread(i64::MAX).words(), "Today 00:00");
    }
}
