//! A message that stays on the server (too large, or not delivered) has a row in the inbox all the same. Its bytes
//! are this note, which the filer knows again: it is never taken for a letter.

const MARK: &str = "X-Postern-Left-On-Server: ";

/// The note. It names the source, so that no two are the same content.
pub(crate) fn write(mailbox_id: i64, folder: &str, uid_validity: u32, uid: u32, reason: &str) -> Vec<u8> {
    let line = |text: &str| text.replace(['\r', '\n'], " ");
    let source = format!("{mailbox_id}/{}/{uid_validity}/{uid}", line(folder));
    format!("{MARK}{}\r\nX-Postern-Source: {source}\r\n\r\n", line(reason)).into_bytes()
}

/// The reason, when these bytes are such a note and nothing else.
pub(crate) fn read(raw: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(raw).ok()?.strip_prefix(MARK)?;
    let (reason, rest) = text.split_once("\r\n")?;
    let source = rest.strip_prefix("X-Postern-Source: ")?.strip_suffix("\r\n\r\n")?;
    (!source.contains('\n')).then(|| reason.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_note_is_read_again_and_a_letter_is_not_taken_for_one() {
        let note = super::write(3, "IN\r\nBOX", 7, 9, "It has 80 MB.");
        assert_eq!(super::read(&note).as_deref(), Some("It has 80 MB."));
        let mut letter = note;
        letter.extend_from_slice(b"Hello\r\n");
        assert_eq!(super::read(&letter), None);
        assert_eq!(super::read(b"From: ann@example.com\r\n\r\nHello"), None);
    }
}
