//! Content-Transfer-Encoding (RFC 2045 6): base64 and quoted-printable → bytes, whatever is wrong with them.
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Value of a base64 letter, the URL alphabet included, since some senders use it.
fn sextet(byte: u8) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Decoded bytes, and whether something was wrong.
///
/// Letters outside the alphabet are skipped.  After padding, a line that is not base64 ends the text:
/// mailing lists append a plain footer to a base64 body.
pub(crate) fn base64(bytes: &[u8]) -> (Vec<u8>, bool) {
    match flawless(bytes) {
        Some(out) => (out, false),
        None => patched(bytes),
    }
}

/// As nearly all of it comes: the alphabet, line ends, padding at the end. `None`: something else is in it.
fn flawless(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut letters = Vec::with_capacity(bytes.len());
    for line in bytes.split(|b| *b == b'\n') {
        letters.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
    }
    STANDARD.decode(letters).ok()
}

fn patched(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 3);
    let mut bad = false;
    let mut padded = false;
    let mut buffer = 0u32;
    let mut held = 0u8;
    for line in bytes.split(|b| *b == b'\n') {
        if padded
            && !line.trim_ascii().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
        {
            return (out, true);
        }
        for &byte in line {
            if let Some(value) = sextet(byte) {
                buffer = (buffer << 6) | value;
                held += 1;
                if held == 4 {
                    out.extend_from_slice(&[(buffer >> 16) as u8, (buffer >> 8) as u8, buffer as u8]);
                    buffer = 0;
                    held = 0;
                }
            } else if byte == b'=' {
                padded = true;
                bad |= flush(&mut out, buffer, held);
                buffer = 0;
                held = 0;
            } else if !matches!(byte, b'\r' | b' ' | b'\t') {
                bad = true;
            }
        }
    }
    if held > 0 {
        flush(&mut out, buffer, held);
        bad = true;
    }
    (out, bad)
}

/// The bytes of an unfinished group of four; true when it holds less than one byte.
fn flush(out: &mut Vec<u8>, buffer: u32, held: u8) -> bool {
    match held {
        2 => out.push((buffer >> 4) as u8),
        3 => out.extend_from_slice(&[(buffer >> 10) as u8, (buffer >> 2) as u8]),
        1 => return true,
        _ => {}
    }
    false
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Decoded bytes, and whether something was wrong.  Blanks at line ends are transport padding and go.
pub(crate) fn quoted_printable(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(bytes.len());
    let mut bad = false;
    let mut lines = bytes.split(|b| *b == b'\n').peekable();
    while let Some(line) = lines.next() {
        let had_cr = line.last() == Some(&b'\r');
        let line = line.trim_ascii_end();
        let soft = line.last() == Some(&b'=');
        let line = if soft { line.get(..line.len() - 1).unwrap_or_default() } else { line };
        bad |= quoted_printable_line(line, &mut out);
        if !soft && lines.peek().is_some() {
            out.extend_from_slice(if had_cr { b"\r\n" } else { b"\n" });
        }
    }
    (out, bad)
}

fn quoted_printable_line(line: &[u8], out: &mut Vec<u8>) -> bool {
    let mut bad = false;
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        if byte == b'=' {
            if let (Some(high), Some(low)) = (hex(line.get(at + 1)), hex(line.get(at + 2))) {
                out.push(high << 4 | low);
                at += 3;
                continue;
            }
            bad = true;
        }
        out.push(byte);
        at += 1;
    }
    bad
}

/// The Q of RFC 2047: as quoted-printable on one line, and `_` is a blank.
pub(crate) fn q_word(bytes: &[u8]) -> (Vec<u8>, bool) {
    let spaced: Vec<u8> = bytes.iter().map(|b| if *b == b'_' { b' ' } else { *b }).collect();
    let mut out = Vec::with_capacity(spaced.len());
    let bad = quoted_printable_line(&spaced, &mut out);
    (out, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_survives_what_mailers_do_to_it() {
        assert_eq!(base64(b"SGVs\r\nbG8=\r\n"), (b"Hello".to_vec(), false));
        assert_eq!(base64(b"SGVsbG8"), (b"Hello".to_vec(), true));
        assert_eq!(base64(b"SGVs!bG8="), (b"Hello".to_vec(), true));
        assert_eq!(base64(b"SGVsbG8=\n____\nlist footer"), (b"Hello".to_vec(), true));
        assert_eq!(base64(b"SGVsbG8=SGVsbG8="), (b"HelloHello".to_vec(), false));
    }

    #[test]
    fn what_is_flawless_is_read_as_what_is_patched() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for length in 0..120 {
            let text = STANDARD.encode(&bytes[..length]);
            for end in ["\r\n", "\n", ""] {
                let lines: Vec<&str> =
                    text.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).unwrap()).collect();
                let text = lines.join(end) + end;
                let expected = (bytes[..length].to_vec(), false);
                assert_eq!(base64(text.as_bytes()), expected, "{text}");
                assert_eq!(patched(text.as_bytes()), expected, "{text}");
            }
        }
    }

    #[test]
    fn quoted_printable_keeps_what_it_cannot_decode() {
        assert_eq!(quoted_printable(b"a=3Db =\nc=fc  \r\nd"), (b"a=b c\xfc\r\nd".to_vec(), false));
        assert_eq!(quoted_printable(b"100 =ZZ"), (b"100 =ZZ".to_vec(), true));
    }
}
