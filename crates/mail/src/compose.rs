//! A draft → the bytes of a message (RFC 5322, MIME): CRLF line ends, ASCII headers, no line over 998
//! bytes, nothing of what was typed can become a header of its own or end the DATA of SMTP.

use crate::address::Address;

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

/// The bytes to send; the same draft gives the same bytes.
#[must_use]
pub fn compose(draft: &Draft) -> Vec<u8> {
    let _ = draft;
    todo!()
}

/// A Message-ID (without `<>`) that nobody can guess and that names no host.
#[must_use]
pub fn message_id(random: [u8; 16], domain: &str) -> String {
    let _ = (random, domain);
    todo!()
}
