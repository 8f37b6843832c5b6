//! Whether two letters with other bytes are one. A mailbox that moves to another server comes back with a header field more
//! or less in each letter, or with its letters written anew: other boundaries, other transfer encodings, a line below.
//!
//! One is what has the same Message-ID, Date, sender and subject, and the same body; or a body that says the same once it is
//! decoded, save for lines above or below it. A Message-ID alone says nothing: there are programs that give the same one to
//! all that they write, and their letters differ in what is said.

use super::{Message, content_key, head, parse, raw};

/// Whether both are one letter. Without a Message-ID and a Date they are not.
#[must_use]
pub fn is_same_letter(one: &[u8], other: &[u8]) -> bool {
    let (first, second) = (head(one), head(other));
    if !is_same_head(&parse(first), &parse(second)) {
        return false;
    }
    content_key::of_body(&raw::data(one)) == content_key::of_body(&raw::data(other))
        || says_the_same(&parse(one), &parse(other))
}

/// The same of letters that were read, as far as their contents are in memory (`Attachment::handed_over`): the others are
/// for the caller to compare.
#[must_use]
pub fn says_one_letter(one: &Message, other: &Message) -> bool {
    is_same_head(one, other) && says_the_same(one, other)
}

fn is_same_head(one: &Message, other: &Message) -> bool {
    let sender = |message: &Message| message.author().and_then(crate::Address::key);
    one.message_id.is_some()
        && one.date_at.is_some()
        && (&one.message_id, one.date_at, &one.subject) == (&other.message_id, other.date_at, &other.subject)
        && sender(one) == sender(other)
}

fn says_the_same(one: &Message, other: &Message) -> bool {
    if files(one) != files(other) {
        return false;
    }
    if one.text.split_whitespace().eq(other.text.split_whitespace()) {
        return !one.text.trim().is_empty() || !one.attachments.is_empty();
    }
    let (first, second) = (lines(one), lines(other));
    let (short, long) = if first.len() < second.len() { (first, second) } else { (second, first) };
    !short.is_empty() && (long.starts_with(&short) || long.ends_with(&short))
}

/// The contents of what hangs on it, in an order of their own.
fn files(message: &Message) -> Vec<&[u8]> {
    let mut files: Vec<&[u8]> = message.attachments.iter().map(|file| file.content.as_slice()).collect();
    files.sort_unstable();
    files
}

/// Of its text, those that are not blank, each with one blank between its words.
fn lines(message: &Message) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    message.text.lines().map(words).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(fields: &str, body: &str) -> String {
        format!(
            "From: Ann <ann@example.com>\r\nTo: help@example.org\r\nSubject: Broken\r\n\
             Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <one@example.com>\r\n{fields}\r\n{body}"
        )
    }
    fn same(one: &str, other: &str) -> bool {
        let both = is_same_letter(one.as_bytes(), other.as_bytes());
        assert_eq!(is_same_letter(other.as_bytes(), one.as_bytes()), both, "either way");
        both
    }

    #[test]
    fn a_field_more_is_the_same_letter() {
        let (old, new) = (letter("", "It broke.\r\n"), letter("X-Whatever: 7\r\n", "It broke.\n\n"));
        assert!(same(&old, &new));
        assert!(same(
            &old,
            &new.replace("Tue, 24 Nov 2026 10:00", "Tue, 24 Nov 2026 11:00").replace("+0000", "+0100")
        ));
        let nothing = letter("X-Whatever: 7\r\n", "");
        assert!(same(&letter("", ""), &nothing) && !same(&old, &nothing));
    }

    #[test]
    fn what_a_person_would_read_makes_another_letter() {
        let old = letter("", "It broke.\r\n");
        for (of_it, instead) in [
            ("It broke.", "It works."),
            ("It broke.", "It broke. Not."),
            ("Subject: Broken", "Subject: Broken again"),
            ("ann@example.com>\r\nTo", "ben@example.com>\r\nTo"),
            ("10:00:00", "10:00:01"),
            ("<one@", "<two@"),
        ] {
            assert!(!same(&old, &old.replacen(of_it, instead, 1)), "{instead}");
        }
        for gone in ["Message-ID: <one@example.com>\r\n", "Date: Tue, 24 Nov 2026 10:00:00 +0000\r\n"] {
            let without = old.replacen(gone, "", 1);
            assert!(!same(&without, &without.replace("To:", "X: y\r\nTo:")), "{gone}");
        }
    }

    #[test]
    fn a_body_that_was_written_anew_is_the_same_while_it_says_the_same() {
        let plain = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: ";
        let eight = letter(&format!("{plain}8bit\r\n"), "Grüße\r\nAnn\r\n");
        assert!(same(&eight, &letter(&format!("{plain}quoted-printable\r\n"), "Gr=C3=BC=C3=9Fe\r\nAnn\r\n")));
        assert!(same(
            &eight,
            &letter(&format!("{plain}8bit\r\n"), "Grüße\r\nAnn\r\n--\r\nScanned by Box\r\n")
        ));
        assert!(same(&eight, &letter(&format!("{plain}8bit\r\n"), "[External]\r\nGrüße\r\nAnn\r\n")));
        assert!(!same(&eight, &letter(&format!("{plain}8bit\r\n"), "Grüße\r\n[cut]\r\nAnn\r\n")));
        let mixed = |boundary: &str, file: &str| {
            letter(
                &format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n"),
                &format!(
                    "--{boundary}\r\n\r\nSee there.\r\n--{boundary}\r\nContent-Type: application/pdf\r\n\
                     Content-Transfer-Encoding: base64\r\n\r\n{file}\r\n--{boundary}--\r\n"
                ),
            )
        };
        assert!(same(&mixed("a", "AAEC"), &mixed("b", "AA\r\nEC")));
        assert!(!same(&mixed("a", "AAEC"), &mixed("b", "AAED")));
    }
}
