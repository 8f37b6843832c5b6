//! When a message came, by its own header fields: for servers that do not tell (POP3).

use super::parse;
use crate::date;

/// Header fields are looked for in this much of a message.
pub const HEAD_BYTES_MAX: usize = 256 * 1024;

/// The header fields, without what follows the first empty line.
#[must_use]
pub fn head(raw: &[u8]) -> &[u8] {
    let raw = raw.get(..HEAD_BYTES_MAX).unwrap_or(raw);
    let line_ends = raw.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut after_ends = line_ends.map(|(at, _)| at + 1);
    let empty =
        |at: &usize| raw.get(*at..).is_some_and(|rest| rest.starts_with(b"\n") || rest.starts_with(b"\r\n"));
    after_ends.find(empty).and_then(|end| raw.get(..end)).unwrap_or(raw)
}

/// Milliseconds UTC: what the last server wrote in its `Received` field (RFC 5321 4.4), the topmost one; without one,
/// the `Date` that the writer claims.
#[must_use]
pub fn arrived_at(raw: &[u8]) -> Option<i64> {
    let message = parse(head(raw));
    let received = message.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("received"));
    let at = received.and_then(|(_, value)| date::parse(value.rsplit_once(';')?.1));
    at.map(|written| written.at).or(message.date_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_at_the_first_empty_line_whatever_the_line_ends_are() {
        for (raw, head) in [
            ("A: b\r\nC: d\r\n\r\nbody\n\nmore", "A: b\r\nC: d\r\n"),
            ("A: b\n\nbody\r\n\r\n", "A: b\n"),
            ("A: b\r\n", "A: b\r\n"),
            ("", ""),
        ] {
            assert_eq!(super::head(raw.as_bytes()), head.as_bytes(), "{raw:?}");
        }
    }

    #[test]
    fn the_topmost_received_field_tells_when_it_came() {
        let day = 1_795_478_400_000; // 2026-11-24
        for (raw, at) in [
            (
                "Received: from a by b;\r\n Tue, 24 Nov 2026 00:00:00 +0000 (UTC)\r\n\
                 Received: from c by a; Mon, 23 Nov 2026 00:00:00 +0000\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\n\r\n\
                 Received: x; Wed, 25 Nov 2026 00:00:00 +0000\r\n",
                Some(day),
            ),
            ("Received: nonsense\r\nDate: Tue, 24 Nov 2026 00:00:00 +0000\r\n\r\n", Some(day)),
            ("Subject: x\r\n\r\n", None),
        ] {
            assert_eq!(arrived_at(raw.as_bytes()), at, "{raw}");
        }
    }
}
