//! Dates of mail (RFC 5322 3.3 and 4.3), read liberally.

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// A moment and the offset it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Milliseconds UTC.
    pub at: i64,
    pub offset_s: i32,
}

/// Reads a `Date` value; `None` when it cannot be understood.
#[must_use]
pub fn parse(text: &str) -> Option<Written> {
    let bare = without_comments(text);
    let bare = bare.trim();
    rfc5322(bare).or_else(|| iso(bare))
}

fn without_comments(text: &str) -> String {
    let mut depth = 0u32;
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(200) {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

fn month(word: &str) -> Option<i8> {
    const NAMES: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let word = word.to_ascii_lowercase();
    let short = word.get(..3)?;
    NAMES.iter().position(|n| *n == short).and_then(|i| i8::try_from(i + 1).ok())
}

fn rfc5322(text: &str) -> Option<Written> {
    let spaced = text.replace([',', '-'], " ").replace(" +", "  +");
    let negative = text.rfind(" -").is_some_and(|at| text.get(at + 2..).is_some_and(|t| t.trim().len() >= 3));
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    if words.first().is_some_and(|w| w.starts_with(|c: char| c.is_ascii_alphabetic()) && month(w).is_none())
        || words.first().is_some_and(|w| is_weekday(w))
    {
        words.remove(0);
    }
    let (day, month_number, mut rest) = match words.as_slice() {
        [d, m, rest @ ..] if month(m).is_some() => (d.parse::<i8>().ok()?, month(m)?, rest.to_vec()),
        [m, d, rest @ ..] if month(m).is_some() => (d.parse::<i8>().ok()?, month(m)?, rest.to_vec()),
        _ => return None,
    };
    // asctime puts the year last: `Mar  4 09:00:00 2026`.
    let year = if rest.first().is_some_and(|w| w.contains(':')) {
        let at = rest.iter().position(|w| w.len() == 4 && w.chars().all(|c| c.is_ascii_digit()))?;
        rest.remove(at)
    } else if rest.is_empty() {
        return None;
    } else {
        rest.remove(0)
    };
    let year = match (year.len(), year.parse::<i16>().ok()?) {
        (2, y) if y < 50 => y + 2000,
        (2 | 3, y) => y + 1900,
        (4, y) => y,
        _ => return None,
    };
    let (hour, minute, second) = clock(rest.first()?)?;
    let zone = rest.get(1).copied().unwrap_or("");
    let offset_s = zone_seconds(zone, negative)?;
    moment(DateTime::new(year, month_number, day, hour, minute, second, 0).ok()?, offset_s)
}

fn is_weekday(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().any(|d| word.starts_with(d))
}

fn clock(text: &str) -> Option<(i8, i8, i8)> {
    let mut parts = text.split([':', '.']);
    let hour = parts.next()?.parse::<i8>().ok()?;
    let minute = parts.next()?.parse::<i8>().ok()?;
    let second = parts.next().map_or(Some(0), |s| s.parse::<i8>().ok())?;
    // A leap second is told as the second before it.
    Some((hour, minute, if second == 60 { 59 } else { second }))
}

fn zone_seconds(zone: &str, negative: bool) -> Option<i32> {
    let digits = zone.trim_start_matches(['+', '-']).replace(':', "");
    if digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()) {
        let number = digits.parse::<i32>().ok()?;
        let (hours, minutes) = (number / 100, number % 100);
        if hours > 23 || minutes > 59 {
            return None;
        }
        let seconds = hours * 3600 + minutes * 60;
        return Some(if negative && !zone.starts_with('+') { -seconds } else { seconds });
    }
    let hours = match zone.to_ascii_uppercase().as_str() {
        "EST" | "CDT" => -5,
        "EDT" | "AST" => -4,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        "CET" | "MEZ" | "BST" => 1,
        "CEST" | "MESZ" | "EET" => 2,
        "EEST" | "MSK" => 3,
        "JST" | "KST" => 9,
        word if word.is_empty() || word.bytes().all(|b| b.is_ascii_alphabetic()) => 0,
        _ => return None,
    };
    Some(hours * 3600)
}

fn iso(text: &str) -> Option<Written> {
    let text = text.replacen(' ', "T", 1).replace(' ', "");
    let (date, offset_s) = match text.strip_suffix(['Z', 'z']) {
        Some(date) => (date.to_owned(), 0),
        None => {
            let at = text.rfind(['+', '-']).filter(|at| *at > 10);
            match at.and_then(|at| text.split_at_checked(at)) {
                Some((date, zone)) => (date.to_owned(), zone_seconds(zone, zone.starts_with('-'))?),
                None => (text, 0),
            }
        }
    };
    moment(date.parse::<DateTime>().ok()?, offset_s)
}

fn moment(local: DateTime, offset_s: i32) -> Option<Written> {
    let timestamp = Offset::from_seconds(offset_s).ok()?.to_timestamp(local).ok()?;
    (local.year() >= 1970).then(|| Written { at: timestamp.as_millisecond(), offset_s })
}

/// RFC 3339 with its own offset: `2026-03-04T09:00:00+00:00`.
#[must_use]
pub fn rfc3339(written: Written) -> Option<String> {
    let local = local(written)?;
    let (sign, minutes) = offset(written);
    Some(format!("{}{sign}{:02}:{:02}", local.strftime("%Y-%m-%dT%H:%M:%S"), minutes / 60, minutes % 60))
}

/// As a `Date` field has it: `Wed, 04 Mar 2026 09:00:00 +0000`.
#[must_use]
pub fn rfc5322_of(written: Written) -> Option<String> {
    let local = local(written)?;
    let (sign, minutes) = offset(written);
    Some(format!("{} {sign}{:02}{:02}", local.strftime("%a, %d %b %Y %H:%M:%S"), minutes / 60, minutes % 60))
}

fn local(written: Written) -> Option<DateTime> {
    let timestamp = jiff::Timestamp::from_millisecond(written.at).ok()?;
    Some(Offset::from_seconds(written.offset_s).ok()?.to_datetime(timestamp))
}

fn offset(written: Written) -> (char, i32) {
    (if written.offset_s < 0 { '-' } else { '+' }, written.offset_s.abs() / 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>) {
        assert_eq!(parse(input).and_then(rfc3339).as_deref(), expected, "{input}");
    }

    #[test]
    fn dates_of_real_mailers_are_understood() {
        check("Wed, 4 Mar 2026 09:00:00 +0000", Some("2026-03-04T09:00:00+00:00"));
        check("Wed, 04 Mar 2026 09:00:00 -0800 (PST)", Some("2026-03-04T09:00:00-08:00"));
        check("4 Mar 26 09:00 EST", Some("2026-03-04T09:00:00-05:00"));
        check("Wed, 4 Mar 2026 09:00:00 GMT", Some("2026-03-04T09:00:00+00:00"));
        check("Wed,4 Mar 2026 09:00:60 +0530", Some("2026-03-04T09:00:59+05:30"));
        check("Wed Mar  4 09:00:00 2026", Some("2026-03-04T09:00:00+00:00"));
        check("2026-03-04T09:00:00+01:00", Some("2026-03-04T09:00:00+01:00"));
        check("2026-03-04 09:00:00 -0300", Some("2026-03-04T09:00:00-03:00"));
        check("04-Mar-2026 09:00:00 +0100", Some("2026-03-04T09:00:00+01:00"));
        check("Wed, 31 Feb 2026 09:00:00 +0000", None);
        check("Wed, 4 Mar 2026 25:00:00 +0000", None);
        check("yesterday", None);
        check("", None);
    }
}
