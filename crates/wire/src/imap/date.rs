//! Dates as IMAP writes them (RFC 3501 §9: date-time, date).

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::Offset;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// ` 7-Feb-1994 21:52:25 -0800` in milliseconds UTC.
pub(super) fn parse(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.split_ascii_whitespace();
    let (date, time, zone) = (parts.next()?, parts.next()?, parts.next()?);
    let mut date = date.split('-');
    let (day, month, year) = (date.next()?.parse().ok()?, date.next()?, date.next()?.parse().ok()?);
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
    let mut time = time.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    // A leap second is written as 60.
    let local =
        civil::DateTime::new(year, i8::try_from(month).ok()? + 1, day, hour, minute, second.min(59), 0)
            .ok()?;
    let zone: i32 = zone.parse().ok()?;
    let offset = Offset::from_seconds((zone / 100) * 3600 + (zone % 100) * 60).ok()?;
    Some(offset.to_timestamp(local).ok()?.as_millisecond())
}

/// The day before `at` as SEARCH SINCE wants it: servers compare dates in their own time zone, so the day itself
/// could leave out what came in its first hours.
pub(super) fn day_before(at: i64) -> Option<String> {
    let at = Timestamp::from_millisecond(at).ok()?;
    let day = Offset::UTC.to_datetime(at).date().yesterday().ok()?;
    let month = MONTHS.get(usize::try_from(day.month() - 1).ok()?)?;
    Some(format!("{}-{month}-{}", day.day(), day.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_dates_are_read_with_their_offset() {
        assert_eq!(parse(b"24-Nov-2026 12:00:00 +0000"), Some(1_795_521_600_000));
        assert_eq!(parse(b" 1-Jan-1970 05:30:00 +0530"), Some(0));
        assert_eq!(parse(b"31-Dec-1969 16:00:60 -0800"), Some(59_000));
        for odd in [
            "",
            "NIL",
            "1-Foo-2026 00:00:00 +0000",
            "32-Jan-2026 00:00:00 +0000",
            "1-Jan-2026 00:00:00 +9999999",
        ] {
            assert_eq!(parse(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn a_search_begins_a_day_early() {
        assert_eq!(day_before(1_795_521_600_000).as_deref(), Some("23-Nov-2026"));
        assert_eq!(day_before(1_772_323_200_000).as_deref(), Some("28-Feb-2026"));
        assert_eq!(day_before(i64::MAX), None);
    }
}
