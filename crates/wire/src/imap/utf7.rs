//! Modified UTF-7, in which IMAP writes folder names (RFC 3501 §5.1.3).

use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD};

const ENCODING: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);
/// Some servers leave bits behind the last character.
const DECODING: GeneralPurpose = GeneralPurpose::new(
    &IMAP_MUTF7,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A name as a quoted string for a command. Control characters become part of the base64, so a name cannot end
/// the command line.
pub(super) fn quoted(name: &str) -> String {
    let mut quoted = String::from("\"");
    for c in encode(name).chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn encode(name: &str) -> String {
    let mut encoded = String::new();
    let mut shifted: Vec<u8> = Vec::new();
    for c in name.chars() {
        if !matches!(c, ' '..='~') {
            let mut units = [0; 2];
            shifted.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
            continue;
        }
        flush(&mut shifted, &mut encoded);
        encoded.push(c);
        if c == '&' {
            encoded.push('-');
        }
    }
    flush(&mut shifted, &mut encoded);
    encoded
}

fn flush(shifted: &mut Vec<u8>, encoded: &mut String) {
    if !shifted.is_empty() {
        encoded.push('&');
        encoded.push_str(&ENCODING.encode(&shifted));
        encoded.push('-');
        shifted.clear();
    }
}

/// A name as a person reads it; what is not modified UTF-7 stays as it came (as UTF-8 where it is that).
pub(super) fn decode(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name).into_owned();
    try_decode(&name).unwrap_or(name)
}

fn try_decode(name: &str) -> Option<String> {
    let mut decoded = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let (shifted, next) = after.split_once('-')?;
        if shifted.is_empty() {
            decoded.push('&');
        } else {
            let bytes = DECODING.decode(shifted).ok()?;
            let units = bytes.chunks_exact(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0,
            });
            for c in char::decode_utf16(units) {
                decoded.push(c.ok()?);
            }
        }
        rest = next;
    }
    decoded.push_str(rest);
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_rfc_and_of_mail_servers_go_both_ways() {
        for (name, encoded) in [
            ("INBOX", "INBOX"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("Q&A", "Q&-A"),
            ("☕😀", "&JhXYPd4A-"),
            ("a\r\nA2 LOGOUT", "a&AA0ACg-A2 LOGOUT"),
        ] {
            assert_eq!(encode(name), encoded);
            assert_eq!(decode(encoded.as_bytes()), name);
        }
        assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
    }

    #[test]
    fn what_is_no_modified_utf_7_stays_as_it_came() {
        for name in ["R&D", "a&", "&####-", "&2D0-", "Entwürfe"] {
            assert_eq!(decode(name.as_bytes()), name);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_name_survives(name: String) {
            proptest::prop_assert_eq!(decode(encode(&name).as_bytes()), name.clone());
            proptest::prop_assert!(quoted(&name).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
