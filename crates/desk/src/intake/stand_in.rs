//! A message that cannot be read, and of which a person wants a ticket all the same: a letter that says so, from whom it is as
//! far as its head tells, with the message itself attached as it came.
use super::prepare::Parsed;
use crate::files::store::Stored;
use mail::message::{self, Attachment};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of a message that are looked at for its head.
pub const BEGINNING_BYTES: u64 = 256 * 1024;

/// `raw`: how the message begins, and where it is; where there is one here.
pub fn letter(raw: Option<(&[u8], Stored)>, reason: &str) -> Parsed {
    let head = raw.as_ref().map(|(beginning, _)| message::head(beginning)).unwrap_or_default();
    // What the parser fails on may stand in the head.
    let read = |head: &[u8]| message::parse(&[head, b"\r\n".as_slice()].concat());
    let mut letter =
        catch_unwind(AssertUnwindSafe(|| read(head))).unwrap_or_else(|_| message::parse(b"\r\n"));
    let there = if raw.is_some() { " It is attached as it came." } else { "" };
    letter.text =
        format!("This message could not be read, and somebody wanted a ticket of it.{there} {reason}");
    letter.reply_text.clone_from(&letter.text);
    letter.html = None;
    letter.bounces.clear();
    if letter.subject.is_empty() {
        "A message that could not be read".clone_into(&mut letter.subject);
    }
    let handed_over: Vec<Stored> = raw.into_iter().map(|(_, stored)| stored).collect();
    letter.attachments = handed_over.iter().map(|_| attached()).collect();
    Parsed { message: letter, handed_over }
}

/// The message itself, which is in the store.
fn attached() -> Attachment {
    Attachment {
        name: "message.eml".to_owned(),
        declared_name: None,
        media_type: "application/octet-stream".to_owned(),
        content: Vec::new(),
        handed_over: Some(0),
        inline: false,
        content_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_from_whom_it_is_and_holds_the_message_as_it_came() {
        let raw = b"From: Ann <ann@customer.example>\r\nSubject: Figures\r\nMessage-ID: <1@customer.example>\r\n\r\nHello\r\n";
        let parsed = letter(Some((raw, Stored::nowhere(raw))), "It was too much.");
        let letter = parsed.message;
        assert_eq!(letter.subject, "Figures");
        assert_eq!(letter.message_id.as_deref(), Some("1@customer.example"));
        assert_eq!(
            letter.author().and_then(|author| author.address.as_deref()),
            Some("ann@customer.example")
        );
        assert!(
            letter.text.contains("attached as it came. It was too much.") && !letter.text.contains("Hello")
        );
        assert_eq!(letter.attachments.len(), 1);
        assert_eq!(letter.attachments[0].handed_over, Some(0));
        assert_eq!(parsed.handed_over, [Stored::nowhere(raw)]);
        let without = super::letter(None, "It has 80 MB.").message;
        assert_eq!(
            (without.attachments.len(), without.subject.as_str()),
            (0, "A message that could not be read")
        );
    }
}
