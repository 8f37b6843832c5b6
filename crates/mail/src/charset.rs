//! Bytes and a character set label → text.  What cannot be decoded is U+FFFD; NUL never comes out.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, WINDOWS_1252};

/// Labels that mailers use and the WHATWG table does not know.
fn alias(label: &str) -> &str {
    match label {
        "cp949" | "uhc" | "ks_c_5601" | "x-windows-949" => "euc-kr",
        "cp932" | "windows-932" | "iso-2022-jp-ms" if label != "iso-2022-jp-ms" => "shift_jis",
        "iso-2022-jp-ms" | "iso-2022-jp-1" | "iso-2022-jp-2" | "cp50220" | "cp50221" => "iso-2022-jp",
        "cp936" | "x-gbk" | "gb_2312-80" | "euc-cn" => "gb18030",
        "gb2312" | "gbk" => "gb18030",
        "cp950" | "big5-hkscs:2004" => "big5",
        "cp65001" | "utf8mb4" | "utf_8" | "x-utf-8" | "utf-8n" => "utf-8",
        "cp1250" | "cp-1250" => "windows-1250",
        "cp-1251" | "win-1251" | "win1251" => "windows-1251",
        "cp-1252" | "ansi" | "iso-8859-1-windows-3.1-latin-1" => "windows-1252",
        "iso8859_1" | "iso_8859_1" | "latin-1" => "iso-8859-1",
        "iso8859_15" | "latin-9" | "latin9" => "iso-8859-15",
        "macroman" => "macintosh",
        "us-ascii-8bit" | "7bit" | "8bit" => "us-ascii",
        other => other,
    }
}

/// A label without quotes, blanks and the language tag of RFC 2231.
fn tidy(label: &str) -> String {
    let label = label.split('*').next().unwrap_or_default();
    label.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).to_ascii_lowercase()
}

/// Text, and whether the label was unknown or the bytes did not fit it.
///
/// Without a label, or with plain ASCII that is none: UTF-8 if it is, else windows-1252.
pub(crate) fn decode(bytes: &[u8], label: Option<&str>) -> (String, bool) {
    let label = label.map(tidy).filter(|l| !l.is_empty());
    let (text, bad) = match label.as_deref().map(alias) {
        None => guess(bytes),
        Some("us-ascii" | "ascii" | "ansi_x3.4-1968" | "unknown-8bit" | "x-unknown" | "default") => {
            let (text, _) = guess(bytes);
            let known = matches!(label.as_deref(), Some("us-ascii" | "ascii" | "ansi_x3.4-1968"));
            (text, !known || !bytes.is_ascii())
        }
        Some("utf-7" | "unicode-1-1-utf-7" | "csunicode11utf7" | "x-unicode-1-1-utf-7") => utf7(bytes),
        Some(label) => match Encoding::for_label(label.as_bytes()) {
            Some(encoding) if encoding != REPLACEMENT => {
                let bytes = if encoding == ISO_2022_JP { join_shifts(bytes) } else { Cow::Borrowed(bytes) };
                let (text, _, bad) = encoding.decode(&bytes);
                (text.into_owned(), bad)
            }
            _ => rare(bytes, label),
        },
    };
    (without_nul(text), bad)
}

/// Old code pages that `encoding_rs` leaves out (DOS 437 and 850, for instance).
fn rare(bytes: &[u8], label: &str) -> (String, bool) {
    if matches!(label, "hz-gb-2312" | "iso-2022-kr" | "iso-2022-cn" | "iso-2022-cn-ext") {
        return (guess(bytes).0, true);
    }
    match mail_parser::decoders::charsets::map::charset_decoder(label.as_bytes()) {
        Some(decoder) => (decoder(bytes), false),
        None => (guess(bytes).0, true),
    }
}

/// Without the shift to ASCII and back at once, as words side by side have it: the WHATWG decoder takes
/// an empty stretch for an attack.
fn join_shifts(bytes: &[u8]) -> Cow<'_, [u8]> {
    const BACK: &[u8] = b"\x1b(B\x1b$";
    if memchr::memmem::find(bytes, BACK).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, BACK) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

fn guess(bytes: &[u8]) -> (String, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(), false),
        Err(error) if error.error_len().is_none() && error.valid_up_to() + 4 > bytes.len() => {
            // Cut in the middle of a character, UTF-8 till then.
            let cut = String::from_utf8_lossy(bytes).into_owned();
            if bytes.get(..error.valid_up_to()).is_some_and(|b| !b.is_ascii()) {
                (cut, true)
            } else {
                latin(bytes)
            }
        }
        Err(_) => latin(bytes),
    }
}

fn latin(bytes: &[u8]) -> (String, bool) {
    (WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(), true)
}

fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "") } else { text }
}

/// Is this label one that 8-bit header bytes may be tried with?
pub(crate) fn is_known_multibyte(label: &str) -> bool {
    Encoding::for_label(alias(&tidy(label)).as_bytes()).is_some_and(|e| e != UTF_8 && e != REPLACEMENT)
}

/// UTF-7 (RFC 2152): what follows `+` is UTF-16 in base64 without padding.
fn utf7(bytes: &[u8]) -> (String, bool) {
    let mut out = String::with_capacity(bytes.len());
    let mut bad = !bytes.is_ascii();
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'+' {
            out.push(char::from(byte));
            continue;
        }
        let length = rest
            .iter()
            .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/')))
            .unwrap_or(rest.len());
        let (coded, tail) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = tail.strip_prefix(b"-").unwrap_or(tail);
        if coded.is_empty() {
            out.push('+');
            continue;
        }
        let (raw, _) = crate::transfer::base64(coded);
        let units = raw.chunks_exact(2).filter_map(|pair| match pair {
            [high, low] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        });
        for unit in char::decode_utf16(units) {
            bad |= unit.is_err();
            out.push(unit.unwrap_or('\u{fffd}'));
        }
    }
    (out, bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_real_mailers_are_understood() {
        assert_eq!(decode(b"\xb0\xa1", Some("ks_c_5601-1987")), ("가".into(), false));
        assert_eq!(decode(b"\xd6\xd0\x81\x30\x81\x30", Some("GB2312")).0, "中\u{80}");
        assert_eq!(decode(b"+AOQ-h +- x", Some("unicode-1-1-utf-7")), ("äh + x".into(), false));
        assert_eq!(decode(b"M\x81ller", Some("cp850")), ("Müller".into(), false));
        assert_eq!(decode(b"Gr\xfc\xdfe", None), ("Grüße".into(), true));
        assert_eq!(decode("Grüße".as_bytes(), Some("us-ascii")), ("Grüße".into(), true));
        assert_eq!(decode(b"\xff", Some("utf-8")), ("\u{fffd}".into(), true));
        assert_eq!(decode(b"a\0b", Some("no-such-set")), ("ab".into(), true));
    }
}
