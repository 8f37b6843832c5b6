//! A draft → the bytes of a message (RFC 5322, MIME): CRLF line ends, ASCII headers, no line over 998
//! bytes, nothing of what was typed can become a header of its own or end the DATA of SMTP.
//!
//! Written by hand and not with a builder: the bytes must depend on the draft alone (no clock, no host name,
//! no random boundary), because a second attempt sends the same bytes.

mod field;
mod part;

use sha2::{Digest, Sha256};

use crate::address::Address;
use crate::date;
use crate::word;

/// A file that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub name: String,
    pub media_type: String,
    pub content: Vec<u8>,
    /// Shown inside the HTML by this `cid:`; else a plain attachment.
    pub content_id: Option<String>,
}

/// A message to be written.  There is no Bcc: blind recipients are in the envelope alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Without `<>`; see [`message_id`].
    pub message_id: String,
    /// Milliseconds UTC.
    pub date_at: i64,
    pub from: Address,
    pub sender: Option<Address>,
    pub reply_to: Vec<Address>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    pub subject: String,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    pub text: String,
    pub html: Option<String>,
    pub attachments: Vec<File>,
    /// Further fields, such as `Auto-Submitted`; a name that the draft itself sets is left out.
    pub headers: Vec<(String, String)>,
}

/// Ids written into References: RFC 5322 sets no bound, servers refuse headers of some ten kB.
const REFERENCES_MAX: usize = 50;

/// Fields that the draft sets itself, or that must not be written.
const OWN_FIELDS: &[&str] = &[
    "bcc",
    "cc",
    "content-disposition",
    "content-id",
    "content-transfer-encoding",
    "content-type",
    "date",
    "from",
    "in-reply-to",
    "message-id",
    "mime-version",
    "received",
    "references",
    "reply-to",
    "resent-bcc",
    "return-path",
    "sender",
    "subject",
    "to",
];

/// The bytes to send; the same draft gives the same bytes.
#[must_use]
pub fn compose(draft: &Draft) -> Vec<u8> {
    let mut head = String::new();
    let written = date::Written { at: draft.date_at, offset_s: 0 };
    if let Some(date) = date::rfc5322_of(written) {
        head.push_str(&format!("Date: {date}\r\n"));
    }
    field::addresses(&mut head, "From", std::slice::from_ref(&draft.from));
    field::addresses(&mut head, "Sender", draft.sender.as_slice());
    field::addresses(&mut head, "Reply-To", &draft.reply_to);
    field::addresses(&mut head, "To", &draft.to);
    field::addresses(&mut head, "Cc", &draft.cc);
    let has_recipient = |list: &[Address]| list.iter().any(field::is_writable);
    if !has_recipient(&draft.to) && !has_recipient(&draft.cc) {
        head.push_str("To: undisclosed-recipients:;\r\n");
    }
    field::text(&mut head, "Subject", &draft.subject);
    field::ids(&mut head, "Message-ID", std::slice::from_ref(&draft.message_id));
    field::ids(&mut head, "In-Reply-To", &draft.in_reply_to);
    let skip = draft.references.len().saturating_sub(REFERENCES_MAX);
    // The first id names the thread; what is left out is in the middle.
    let first = draft.references.iter().take(usize::from(skip > 0));
    let references: Vec<String> = first.chain(draft.references.iter().skip(skip)).cloned().collect();
    field::ids(&mut head, "References", &references);
    for (name, value) in &draft.headers {
        let is_own = OWN_FIELDS.iter().any(|own| name.eq_ignore_ascii_case(own));
        let is_name =
            !name.is_empty() && name.len() <= 76 && name.bytes().all(|b| b.is_ascii_graphic() && b != b':');
        if is_name && !is_own {
            field::text(&mut head, name, value);
        }
    }
    head.push_str("MIME-Version: 1.0\r\n");
    let mut out = head.into_bytes();
    part::write(&mut out, &body(draft), &boundary_seed(draft));
    out
}

/// The tree of parts: text, beside it HTML, in it pictures, after it files.
fn body(draft: &Draft) -> part::Part<'_> {
    let plain = part::Part::Text { subtype: "plain", text: &draft.text };
    let (pictures, files): (Vec<&File>, Vec<&File>) =
        draft.attachments.iter().partition(|f| f.content_id.is_some() && draft.html.is_some());
    let mut content = match &draft.html {
        None => plain,
        Some(html) => {
            let html = part::Part::Text { subtype: "html", text: html };
            let html = if pictures.is_empty() {
                html
            } else {
                let pictures = pictures.into_iter().map(part::Part::File);
                part::Part::Multi {
                    subtype: "related",
                    parts: std::iter::once(html).chain(pictures).collect(),
                }
            };
            part::Part::Multi { subtype: "alternative", parts: vec![plain, html] }
        }
    };
    if !files.is_empty() {
        let files = files.into_iter().map(part::Part::File);
        content =
            part::Part::Multi { subtype: "mixed", parts: std::iter::once(content).chain(files).collect() };
    }
    content
}

/// Boundaries come from the draft, so that the same draft gives the same bytes.
fn boundary_seed(draft: &Draft) -> String {
    let mut hash = Sha256::new();
    hash.update(draft.message_id.as_bytes());
    hash.update(draft.text.as_bytes());
    hash.update(draft.html.as_deref().unwrap_or("").as_bytes());
    hash.finalize().iter().take(12).map(|b| format!("{b:02x}")).collect()
}

/// A Message-ID (without `<>`) that nobody can guess and that names no host.
#[must_use]
pub fn message_id(random: [u8; 16], domain: &str) -> String {
    let unique: String = random.iter().map(|b| format!("{b:02x}")).collect();
    let domain: String =
        domain.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')).collect::<String>();
    let domain = if domain.is_empty() { "postern.invalid" } else { domain.as_str() };
    format!("{unique}@{domain}")
}

/// A value on one line, as a header of ours may hold it.
fn tidy(value: &str) -> String {
    word::one_line(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> Draft {
        Draft {
            message_id: message_id([7; 16], "x.org"),
            date_at: 1_772_614_800_000,
            from: Address { name: Some("Änne, Support".into()), address: Some("s@x.org".into()) },
            sender: None,
            reply_to: vec![],
            to: vec![Address::bare("a@b.org")],
            cc: vec![],
            subject: "Re: Prüfung [#123456]".into(),
            in_reply_to: vec!["1@b.org".into()],
            references: vec!["0@b.org".into(), "1@b.org".into()],
            text: "Grüße\n.\nFrom here\n".into(),
            html: None,
            attachments: vec![],
            headers: vec![],
        }
    }

    #[test]
    fn a_composed_message_reads_back_as_it_was_set() {
        let mut draft = draft();
        draft.html = Some("<p>Grüße <img src=\"cid:logo@x\"></p>".into());
        draft.attachments = vec![
            File {
                name: "Rechnung März.pdf".into(),
                media_type: "application/pdf".into(),
                content: vec![0, 1, 255],
                content_id: None,
            },
            File {
                name: "logo.png".into(),
                media_type: "image/png".into(),
                content: vec![9; 100],
                content_id: Some("logo@x".into()),
            },
        ];
        let bytes = compose(&draft);
        assert_eq!(bytes, compose(&draft));
        let message = crate::message::parse(&bytes);
        assert_eq!(message.defects, []);
        assert_eq!(message.message_id.as_deref(), Some(draft.message_id.as_str()));
        assert_eq!((message.date_at, &message.subject), (Some(draft.date_at), &draft.subject));
        assert_eq!((&message.from[0], &message.to), (&draft.from, &draft.to));
        assert_eq!((&message.in_reply_to, &message.references), (&draft.in_reply_to, &draft.references));
        assert_eq!(message.text, draft.text);
        assert_eq!(message.html.as_deref().map(str::trim_end), draft.html.as_deref());
        let names: Vec<_> = message.attachments.iter().map(|a| (a.name.as_str(), a.inline)).collect();
        assert_eq!(names, [("logo.png", true), ("Rechnung März.pdf", false)]);
        assert_eq!(message.attachments[1].content, [0, 1, 255]);
    }

    #[test]
    fn nothing_typed_becomes_a_header_or_ends_the_data() {
        let evil = "x\r\nBcc: victim@y.org\n\rX-Evil: 1\0\r.\r\n";
        let mut draft = draft();
        draft.subject = evil.into();
        draft.from.name = Some(evil.into());
        draft.to = vec![Address { name: Some(evil.into()), address: Some("a@b.org\r\nBcc: v@y.org".into()) }];
        draft.in_reply_to = vec![evil.into()];
        draft.message_id = "a\r\nBcc: v@x".into();
        draft.text = "a\n.\n\r.\rb\r\n.\r\n".into();
        draft.headers = vec![
            ("X-Ok".into(), evil.into()),
            ("Bcc".into(), "v@y.org".into()),
            ("A:\r\nB".into(), "c".into()),
        ];
        draft.attachments = vec![File {
            name: "a\"\r\nX-Evil: 1.txt".into(),
            media_type: "text/plain\r\nX-Evil: 1".into(),
            content: b"a\n.\nb".to_vec(),
            content_id: None,
        }];
        let bytes = compose(&draft);
        let text = String::from_utf8(bytes.clone()).expect("ASCII");
        assert!(text.is_ascii() && !text.contains('\0'));
        for line in text.split("\r\n") {
            assert!(!line.contains(['\r', '\n']) && line.len() <= 998, "{line}");
            assert!(
                line != "." && !line.to_lowercase().starts_with("bcc:") && !line.starts_with("X-Evil"),
                "{line}"
            );
        }
        // An independent parser sees our fields and no others.
        let parsed = mail_parser::MessageParser::default().parse(&bytes).expect("a message");
        let names: Vec<&str> = parsed.headers().iter().map(|h| h.name()).collect();
        assert_eq!(
            names,
            [
                "Date",
                "From",
                "To",
                "Subject",
                "Message-ID",
                "In-Reply-To",
                "References",
                "X-Ok",
                "MIME-Version",
                "Content-Type"
            ]
        );
        assert!(parsed.bcc().is_none());
    }

    #[test]
    fn a_long_subject_and_many_ids_stay_within_the_line_limits() {
        let mut draft = draft();
        draft.subject = "ü".repeat(900);
        draft.references = (0..500).map(|i| format!("{i}-{}@b.org", "x".repeat(60))).collect();
        draft.to = (0..200)
            .map(|i| Address { name: Some(format!("Nämé {i}")), address: Some(format!("a{i}@b.org")) })
            .collect();
        let bytes = compose(&draft);
        let text = String::from_utf8(bytes.clone()).expect("ASCII");
        assert!(text.lines().all(|l| l.len() <= 100));
        let message = crate::message::parse(&bytes);
        assert_eq!((message.subject, message.to), (draft.subject, draft.to));
        assert_eq!(message.references.first(), draft.references.first());
        assert_eq!(message.references.last(), draft.references.last());
    }
}
