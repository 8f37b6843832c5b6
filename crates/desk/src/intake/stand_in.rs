//! A message that cannot be read, and of which a person wants a ticket all the same: a letter that says so, from whom it is as
//! far as its head tells, with the message itself attached as it came.
use mail::Message;
use mail::message::{self, Attachment};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// `raw`: the message, where there is one here.
pub fn letter(raw: Option<Vec<u8>>, reason: &str) -> Message {
    let head = raw.as_deref().map(message::head).unwrap_or_default().to_vec();
    // What the parser fails on may stand in the head.
    let read = |head: &[u8]| message::parse(&[head, b"\r\n".as_slice()].concat());
    let mut letter =
        catch_unwind(AssertUnwindSafe(|| read(&head))).unwrap_or_else(|_| message::parse(b"\r\n"));
    let there = if raw.is_some() { " It is attached as it came." } else { "" };
    letter.text =
        format!("This message could not be read, and somebody wanted a ticket of it.{there} {reason}");
    letter.reply_text.clone_from(&letter.text);
    letter.html = None;
    letter.bounces.clear();
    if letter.subject.is_empty() {
        "A message that could not be read".clone_into(&mut letter.subject);
    }
    letter.attachments = raw.map(attached).into_iter().collect();
    letter
}

fn attached(raw: Vec<u8>) -> Attachment {
    Attachment {
        name: "message.eml".to_owned(),
        declared_name: None,
        media_type: "application/octet-stream".to_owned(),
        content: raw,
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
        let letter = letter(Some(raw.to_vec()), "It was too much.");
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
        assert_eq!(letter.attachments[0].content, raw);
        let without = super::letter(None, "It has 80 MB.");
        assert_eq!(
            (without.attachments.len(), without.subject.as_str()),
            (0, "A message that could not be read")
        );
    }
}
