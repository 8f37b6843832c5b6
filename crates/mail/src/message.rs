//! One Internet message (RFC 5322, MIME) as a value: what a reader of the mail needs, and what was wrong.
//! Not for writing messages (`compose`) nor for deciding what to do with one.

mod arrival;
mod content_key;
mod raw;
mod said;
mod slim;
mod unpack;

pub use arrival::{HEAD_BYTES_MAX, arrived_at, head};
pub use content_key::ContentKey;
pub use said::{Added, Likeness, Said};
pub use slim::{Sink, Stopped, parse_stream};
pub use unpack::unpack;

use std::io::{self, Read, Seek};

use crate::address::{self, Address};
use crate::body;
use crate::date;
use crate::header::{self, Fields};
use crate::mime::{self, Parts};
use crate::nature::{self, AutoReply};
use crate::report::{self, Bounce};
use crate::word::{self, Trouble};

/// Bytes of a message that is read whole: what Exchange Online can be set to.
pub const SIZE_BYTES_MAX: usize = 160 << 20;
/// Characters of a subject.
const SUBJECT_CHARS_MAX: usize = 1_000;
/// Ids of In-Reply-To and References together.
const IDS_MAX: usize = 1_000;
/// Bytes of one decoded field kept in [`Message::headers`].
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Bytes of a message over the size limit of which the header is still read.
const HEAD_BYTES: usize = 1 << 20;

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
    /// Its content is not here: it is the how-manieth, from 0, that the sink of [`parse_stream`] has got.
    pub handed_over: Option<usize>,
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
    let too_big = raw.len() > SIZE_BYTES_MAX;
    let read = if too_big { raw.get(..HEAD_BYTES).unwrap_or_default() } else { raw };
    let (data, defects) = raw::prepare(read);
    let mut parts = mime::read(&data);
    if too_big {
        parts.over = Some(Limit::Size);
    }
    of_parts(&parts, defects, raw.len())
}

/// What the parts of a message of that size say; its bytes have these defects.
fn of_parts(parts: &Parts<'_>, mut defects: Vec<Defect>, size: usize) -> Message {
    defects.extend(&parts.defects);
    let mut trouble = Trouble::default();
    let body = body::read(parts, &mut trouble, &mut defects);
    let charset = root_charset(parts);
    let list = parts.list.first().map(|p| p.fields.as_slice()).unwrap_or_default();
    let fields = Fields { list, charset: charset.as_deref() };
    let mut message = Message {
        size,
        text: body.text,
        text_from: body.text_from,
        reply_text: body.reply_text,
        html: body.html,
        attachments: body.attachments,
        over_limit: parts.over,
        ..envelope(&fields, &mut trouble, &mut defects)
    };
    for (met, defect) in [
        (trouble.charset, Defect::BadCharset),
        (trouble.base64, Defect::BadBase64),
        (trouble.encoding, Defect::BadEncoding),
    ] {
        if met {
            defects.push(defect);
        }
    }
    message.bounces = report::read(parts, &message);
    message.auto_reply = nature::of(&message, parts);
    defects.sort_unstable();
    defects.dedup();
    message.defects = defects;
    message
}

/// SHA-256 of the message without its trace headers and whatever its line ends are.
///
/// Two deliveries of one letter give one key; the same Message-ID with other content gives another.
/// Left out are the fields that transport and mail clients add or rewrite: Received, Return-Path,
/// Delivered-To and their like, ARC, Authentication-Results, spam filters' and Exchange's stamps
/// (the list is in `message/content_key.rs`). A letter whose Message-ID says nothing is told from others by its lowest Received.
#[must_use]
pub fn content_key(raw: &[u8]) -> ContentKey {
    content_key::of(&raw::data(raw))
}

/// The same of a message that is not in memory: some hundred kilobytes are at a time, and its header. It is read from its
/// beginning to its end, and parts of it once more before.
///
/// # Errors
/// Those of the reader.
pub fn content_key_of(source: &mut (impl Read + Seek)) -> io::Result<ContentKey> {
    content_key::of_source(source)
}

/// The label that raw 8-bit bytes of the header are tried with: that of the first text part.
fn root_charset(parts: &Parts<'_>) -> Option<String> {
    parts.list.iter().find_map(|part| part.content_type.parameter("charset").map(str::to_owned))
}

/// Everything that is read from the fields alone.
fn envelope(fields: &Fields<'_, '_>, trouble: &mut Trouble, defects: &mut Vec<Defect>) -> Message {
    let from = addresses(fields, "from", trouble, defects);
    if from.is_empty() {
        defects.push(Defect::MissingFrom);
    }
    if from.len() > 1 {
        defects.push(Defect::ManyFrom);
    }
    let written = fields.text("date", trouble).map(|text| date::parse(&text));
    if written == Some(None) {
        defects.push(Defect::BadDate);
    }
    let written = written.flatten();
    if is_doubled(fields) {
        defects.push(Defect::DuplicateHeader);
    }
    let (in_reply_to, references) = ids(fields);
    let headers = all_headers(fields);
    Message {
        size: 0,
        message_id: fields.raw("message-id").and_then(|value| header::id(&value)),
        sender: addresses(fields, "sender", trouble, defects).into_iter().next(),
        reply_to: addresses(fields, "reply-to", trouble, defects),
        to: addresses(fields, "to", trouble, defects),
        cc: addresses(fields, "cc", trouble, defects),
        from,
        subject: fields
            .text("subject", trouble)
            .map(|s| s.chars().take(SUBJECT_CHARS_MAX).collect::<String>().trim_end().to_owned())
            .unwrap_or_default(),
        date_at: written.map(|w| w.at),
        date: written.and_then(date::rfc3339),
        in_reply_to,
        references,
        text: String::new(),
        text_from: TextFrom::None,
        reply_text: String::new(),
        html: None,
        attachments: Vec::new(),
        auto_reply: AutoReply { kind: nature::Nature::None, by: None, may_answer: false },
        bounces: Vec::new(),
        defects: Vec::new(),
        over_limit: None,
        received: fields.all("received").count(),
        headers,
    }
}

/// All fields of that name together: a second `To` is a defect, its addresses are addresses.
fn addresses(
    fields: &Fields<'_, '_>,
    name: &'static str,
    trouble: &mut Trouble,
    defects: &mut Vec<Defect>,
) -> Vec<Address> {
    let list: Vec<Address> = fields
        .all(name)
        .flat_map(|value| address::parse(&word::raw_text(value, fields.charset), trouble))
        .collect();
    if list.iter().any(|a| a.address.is_none()) {
        defects.push(Defect::BadAddress);
    }
    list
}

/// Is a field there twice that may be there once (RFC 5322 3.6)?
fn is_doubled(fields: &Fields<'_, '_>) -> bool {
    const ONCE: [&str; 12] = [
        "from",
        "sender",
        "reply-to",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "in-reply-to",
        "references",
        "content-type",
        "mime-version",
    ];
    ONCE.iter().any(|name| fields.all(name).nth(1).is_some())
}

fn ids(fields: &Fields<'_, '_>) -> (Vec<String>, Vec<String>) {
    let read = |name| fields.raw(name).map(|value| header::ids(&value)).unwrap_or_default();
    let newest = |mut list: Vec<String>, count: usize| list.split_off(list.len().saturating_sub(count));
    let in_reply_to = newest(read("in-reply-to"), IDS_MAX);
    let references = newest(read("references"), IDS_MAX - in_reply_to.len());
    (in_reply_to, references)
}

fn all_headers(fields: &Fields<'_, '_>) -> Vec<(String, String)> {
    let mut ignored = Trouble::default();
    fields
        .list
        .iter()
        .map(|field| {
            let value = field.value.get(..HEADER_BYTES_MAX).unwrap_or(field.value);
            let name = String::from_utf8_lossy(field.name).into_owned();
            (name, word::decode(&word::raw_text(value, fields.charset), &mut ignored))
        })
        .collect()
}
