//! When a certificate ends, read from its DER (RFC 5280 §4.1). It checks nothing: rustls did.

const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last moment of a certificate, in milliseconds UTC; `None` when it cannot be read.
pub(super) fn ends_at(der: &[u8]) -> Option<i64> {
    let (SEQUENCE, certificate, _) = element(der)? else { return None };
    let (SEQUENCE, mut rest, _) = element(certificate)? else { return None };
    if rest.first() == Some(&EXPLICIT_VERSION) {
        rest = element(rest)?.2;
    }
    // Serial number, signature algorithm and issuer come before.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (SEQUENCE, validity, _) = element(rest)? else { return None };
    let (_, _, after_the_begin) = element(validity)?;
    let (kind, text, _) = element(after_the_begin)?;
    moment(kind, std::str::from_utf8(text).ok()?)
}

/// Tag, content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(*short), rest),
        // The length of the length; certificates are shorter than 64 kB times 64 kB.
        count @ 0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(count - 0x80))?;
            (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ`, or with the whole year.
fn moment(kind: u8, text: &str) -> Option<i64> {
    let whole = match (kind, text.get(..2)?.parse::<u32>().ok()?) {
        (UTC_TIME, 50..) => format!("19{text}"),
        (UTC_TIME, _) => format!("20{text}"),
        (GENERALIZED_TIME, _) => text.to_owned(),
        _ => return None,
    };
    let at = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", &whole).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(at).ok()?.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A certificate as far as the end of its validity.
    fn certificate(begins: &[u8], ends: &[u8]) -> Vec<u8> {
        let element = |tag: u8, content: &[u8]| {
            [&[tag, 0x82, 0, u8::try_from(content.len()).unwrap()], content].concat()
        };
        let validity = element(SEQUENCE, &[begins, ends].concat());
        let number = element(0x02, &[7]);
        let empty = element(SEQUENCE, &[]);
        let version = element(EXPLICIT_VERSION, &element(0x02, &[2]));
        element(SEQUENCE, &element(SEQUENCE, &[version, number, empty.clone(), empty, validity].concat()))
    }
    fn time(tag: u8, text: &str) -> Vec<u8> {
        [&[tag, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_a_time() {
        let begins = time(UTC_TIME, "250101000000Z");
        let utc = certificate(&begins, &time(UTC_TIME, "261124120000Z"));
        assert_eq!(ends_at(&utc), Some(1_795_521_600_000));
        let general = certificate(&begins, &time(GENERALIZED_TIME, "20500101000000Z"));
        assert_eq!(ends_at(&general), Some(2_524_608_000_000));
    }

    #[test]
    fn whatever_is_no_certificate_has_no_end() {
        let whole = certificate(&time(UTC_TIME, "250101000000Z"), &time(GENERALIZED_TIME, "20500101000000Z"));
        for cut in 0..whole.len() {
            assert_eq!(ends_at(whole.get(..cut).unwrap()), None, "{cut}");
        }
        for odd in ["", "2611241200", "äää", "999999999999Z"] {
            assert_eq!(ends_at(&certificate(&time(UTC_TIME, "x"), &time(UTC_TIME, odd))), None, "{odd}");
        }
        assert_eq!(ends_at(&[SEQUENCE, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
