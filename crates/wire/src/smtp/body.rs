//! A message as DATA carries it: lines end in CRLF, a leading dot is doubled (RFC 5321 §4.5.2), nothing in it can
//! end it early.

/// The bytes between `354` and the final dot. A bare CR or LF becomes CRLF: servers disagree about what they end,
/// and a message that ends early for one of them smuggles what follows as commands.
pub(super) fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len() + message.len() / 64 + 2);
    let mut bytes = message.iter().copied().peekable();
    let mut at_line_begin = true;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' | b'\n' => {
                if byte == b'\r' {
                    bytes.next_if_eq(&b'\n');
                }
                stuffed.extend_from_slice(b"\r\n");
                at_line_begin = true;
                continue;
            }
            b'.' if at_line_begin => stuffed.extend_from_slice(b".."),
            _ => stuffed.push(byte),
        }
        at_line_begin = false;
    }
    if !at_line_begin {
        stuffed.extend_from_slice(b"\r\n");
    }
    stuffed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_and_line_ends_made_whole() {
        for (message, expected) in [
            ("a\r\n.b\r\n..c\r\n", "a\r\n..b\r\n...c\r\n"),
            (".", "..\r\n"),
            ("a.b\r\n", "a.b\r\n"),
            ("", ""),
            ("a\n.\nMAIL FROM:<x@y>\n", "a\r\n..\r\nMAIL FROM:<x@y>\r\n"),
            ("a\r.\rb", "a\r\n..\r\nb\r\n"),
            ("a\r\r\n.\r\n", "a\r\n\r\n..\r\n"),
            ("a\n.\r\nb", "a\r\n..\r\nb\r\n"),
            ("\r\n.\n", "\r\n..\r\n"),
        ] {
            assert_eq!(String::from_utf8(stuffed(message.as_bytes())).unwrap(), expected, "{message:?}");
        }
    }

    /// What a server takes out again.
    fn unstuffed(bytes: &[u8]) -> Vec<u8> {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line).to_vec()).collect()
    }

    proptest::proptest! {
        #[test]
        fn nothing_ends_a_message_early_and_a_proper_one_arrives_unchanged(
            lines in proptest::collection::vec("[.a-c\r\n]{0,4}", 0..12)
        ) {
            let wild = lines.concat();
            let out = stuffed(wild.as_bytes());
            let text = String::from_utf8(out.clone()).unwrap();
            let bare = text.replace("\r\n", "");
            proptest::prop_assert!(!bare.contains(['\r', '\n']), "only whole line ends");
            proptest::prop_assert!(!text.split("\r\n").any(|line| line == "."));

            let proper: String = lines.iter().map(|line| line.replace(['\r', '\n'], "") + "\r\n").collect();
            proptest::prop_assert_eq!(unstuffed(&stuffed(proper.as_bytes())), proper.as_bytes());
        }
    }
}
