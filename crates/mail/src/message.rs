//! One Internet message (RFC 5322, MIME) as a value: what a reader of the mail needs, and what was wrong.
//! Not for writing messages (`compose`) nor for deciding what to do with one.

use crate::address::Address;
use crate::nature::AutoReply;
use crate::report::Bounce;

/// What is wrong with a message; it was read all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Defect {
    DuplicateHeader,
    MissingFrom,
    ManyFrom,
    BadDate,
    BadEncoding,
    BadCharset,
    BadBase64,
    NulByte,
    BareCr,
    NoBoundary,
    UnclosedPart,
    /// Something was left out because it was too long (text, HTML, header strings).
    Cut,
    LongLine,
    BadAddress,
}

/// The limit that a message went over; what was read till then is in the [`Message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    Depth,
    Parts,
    Headers,
    Line,
    Size,
    Time,
}

/// Where `text` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFrom {
    Plain,
    Html,
    None,
}

/// A part that is not body text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Safe to save and to show; see [`crate::file_name::safe`].
    pub name: String,
    /// As the mail has it, decoded.
    pub declared_name: Option<String>,
    /// `type/subtype` in lower case, as declared: never to be believed.
    pub media_type: String,
    pub content: Vec<u8>,
    pub sha256: [u8; 32],
    /// Disposition inline, or referred to by a `cid:` of the HTML.
    pub inline: bool,
    /// Without `<>`.
    pub content_id: Option<String>,
}

/// A message and its defects.
#[derive(Debug, Clone)]
pub struct Message {
    /// Of the raw bytes.
    pub size: usize,
    /// Of the raw bytes.
    pub sha256: [u8; 32],
    /// Without `<>`.
    pub message_id: Option<String>,
    pub from: Vec<Address>,
    pub sender: Option<Address>,
    pub reply_to: Vec<Address>,
    pub to: Vec<Address>,
    pub cc: Vec<Address>,
    /// Decoded, one line, at most 1,000 characters; empty when absent.
    pub subject: String,
    /// Milliseconds UTC, as the mail claims.
    pub date_at: Option<i64>,
    /// RFC 3339 with the mail's own offset.
    pub date: Option<String>,
    /// Ids without `<>`.
    pub in_reply_to: Vec<String>,
    /// Ids without `<>`, oldest first.
    pub references: Vec<String>,
    /// The plain text a person reads, LF line ends.
    pub text: String,
    pub text_from: TextFrom,
    /// `text` without quoted mail, attribution lines and signature.
    pub reply_text: String,
    /// The HTML body as it came, decoded: hostile until `sanitize::sanitize` has seen it.
    pub html: Option<String>,
    pub attachments: Vec<Attachment>,
    pub auto_reply: AutoReply,
    pub bounces: Vec<Bounce>,
    /// Sorted, each once.
    pub defects: Vec<Defect>,
    pub over_limit: Option<Limit>,
    /// Number of `Received` fields.
    pub received: usize,
    /// Every header field of the message in order: name as written, value decoded to one line.
    pub headers: Vec<(String, String)>,
}

impl Message {
    /// The first field of that name (case does not matter).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The address that wrote it: the first usable one of From, else Sender.
    #[must_use]
    pub fn author(&self) -> Option<&Address> {
        self.from.iter().chain(self.sender.iter()).find(|a| a.address.is_some())
    }
}

/// Reads a message: never fails, never panics.  Line ends may be CRLF, LF or bare CR.
#[must_use]
pub fn parse(raw: &[u8]) -> Message {
    let _ = raw;
    todo!()
}

/// SHA-256 of the message without its trace headers and whatever its line ends are.
///
/// Two deliveries of one letter give one key; the same Message-ID with other content gives another.
#[must_use]
pub fn content_key(raw: &[u8]) -> [u8; 32] {
    let _ = raw;
    todo!()
}
