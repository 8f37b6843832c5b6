//! Dates on which something at a provider ends: entered and shown as days, kept as their first moment.
use desk::Refusal;
use desk::mailboxes::client::first_moment;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// As a date field has it.
pub fn date(at: i64) -> String {
    day(at).map(|day| day.to_string()).unwrap_or_default()
}

/// Empty: not known.
pub fn entered(text: &str) -> desk::Result<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let first = first_moment(text).ok_or_else(|| {
        Refusal::Other(format!("{text} is no date. Enter it as year, month and day, such as 2028-01-31."))
    })?;
    Ok(Some(first))
}

/// What the page suggests: as long as the provider lets a secret last, from today.
pub fn suggested(now: i64, months_max: u32) -> Option<String> {
    let span = Span::new().try_months(i64::from(months_max)).ok()?;
    day(now)?.checked_add(span).ok().map(|end| end.to_string())
}

fn day(at: i64) -> Option<Date> {
    Some(TimeZone::UTC.to_datetime(Timestamp::from_millisecond(at).ok()?).date())
}
