//! Dates on which something at a provider ends: entered and shown as days, kept as their first moment, so that a warning
//! never comes too late.
use desk::Refusal;
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
    let day = text.parse::<Date>().ok();
    let first = day.and_then(|day| format!("{day}T00:00:00Z").parse::<Timestamp>().ok());
    let first = first.ok_or_else(|| {
        Refusal::Other(format!("{text} is no date. Enter it as year, month and day, such as 2028-01-31."))
    })?;
    Ok(Some(first.as_millisecond()))
}

/// What the page suggests: as long as the provider lets a secret last, from today.
pub fn suggested(now: i64, months_max: u32) -> Option<String> {
    let span = Span::new().try_months(i64::from(months_max)).ok()?;
    day(now)?.checked_add(span).ok().map(|end| end.to_string())
}

fn day(at: i64) -> Option<Date> {
    Some(TimeZone::UTC.to_datetime(Timestamp::from_millisecond(at).ok()?).date())
}
