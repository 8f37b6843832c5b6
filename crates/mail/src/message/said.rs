//! What a letter says, apart from how it is written: for a mailbox that moves to another server and comes back with a header
//! field more or less in each letter, or with its letters written anew (other boundaries, charsets, transfer encodings).
//!
//! A Message-ID alone says nothing: there are programs that give the same one, and the same Date, to all that they write, and
//! their letters differ in what is said. So all that is said is compared: text, the text of the HTML, where its links lead,
//! names and contents of files. Whatever cannot be read for certain counts as it stands in the mail, or not at all: of two
//! letters taken for one, one is lost.

mod words;

pub use words::Added;

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::slim::{self, Sink, Stopped};
use super::{Attachment, Message, content_key, envelope, raw, root_charset};
use crate::body::Leaves;
use crate::header::Fields;
use crate::mime::{self, Parts};
use crate::word::Trouble;
use crate::{Address, html};
use words::Words;

/// SHA-256.
type Hash = [u8; 32];

/// What a letter says, as hashes: it takes little memory, however large the letter is.
#[derive(Debug)]
pub struct Said {
    head: Head,
    /// Of the body as it stands in the mail, and of the fields that say how it is to be read; none of what came from a stream.
    body: Option<Hash>,
    /// All of it could be decoded.
    is_sure: bool,
    text: Words,
    html: Words,
    marks: Words,
    /// Names and contents, sorted.
    files: Vec<(String, Hash)>,
    /// The lowest `Received` field, unfolded.
    first_hop: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    message_id: Option<String>,
    /// Milliseconds UTC.
    date_at: Option<i64>,
    subject: String,
    sender: Option<String>,
}

/// How a letter is like an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Likeness {
    /// It is another letter, or that cannot be told.
    Other,
    /// It says the same.
    Same,
    /// It says the same save for these lines at the beginning or end of its text, its HTML or both. Whether the server has
    /// written them, or the sender, this letter alone does not tell.
    Save(Vec<Added>),
}

impl Said {
    /// Of a message that is in memory.
    #[must_use]
    pub fn of(raw: &[u8]) -> Said {
        let data = raw::data(raw);
        let read = Pieces::of(&mime::read(&data));
        let mut body = Sha256::new();
        body.update(content_key::of_body(&data));
        body.update(read.form.as_bytes());
        let hash = |file: &Attachment| Some(Sha256::digest(&file.content).into());
        read.said(Some(body.finalize().into()), hash)
    }

    /// Of one that is not: some megabytes of it are at a time.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of_stream(source: impl Read) -> io::Result<Said> {
        let mut hashes = Hashes::default();
        let read = slim::parts_stream(source, &mut hashes, |parts, _, _| Pieces::of(parts));
        let read = read.map_err(|(Stopped::Source(e) | Stopped::Sink(e))| e)?;
        Ok(read.said(None, |file| match file.handed_over {
            Some(index) => hashes.known.get(index).copied(),
            None => Some(Sha256::digest(&file.content).into()),
        }))
    }

    /// Its Message-ID and Date (milliseconds UTC), where it has both.
    #[must_use]
    pub fn id_and_date(&self) -> Option<(&str, i64)> {
        Some((self.head.message_id.as_deref()?, self.head.date_at?))
    }

    /// How a later letter is like this one. One without a Message-ID and a Date is like none.
    #[must_use]
    pub fn likeness(&self, later: &Said) -> Likeness {
        if self.id_and_date().is_none() || self.head != later.head {
            return Likeness::Other;
        }
        if self.body.is_some() && self.body == later.body {
            return Likeness::Same;
        }
        let are_sure = self.is_sure && later.is_sure;
        if !are_sure || self.files != later.files || (self.is_silent() && later.is_silent()) {
            return Likeness::Other;
        }
        let mut added = Vec::new();
        for (one, other, may_be_empty) in [
            (&self.text, &later.text, false),
            (&self.html, &later.html, false),
            // A line below has a link where the letter has none.
            (&self.marks, &later.marks, true),
        ] {
            match one.difference(other) {
                Some(None) => {}
                Some(Some(lines)) if may_be_empty || !(one.is_empty || other.is_empty) => added.push(lines),
                _ => return Likeness::Other,
            }
        }
        if added.is_empty() { Likeness::Same } else { Likeness::Save(added) }
    }

    /// Whether it is certain that two letters, of which one at most has a Message-ID, are two, whatever a server has written into one
    /// of them: their lowest `Received` fields differ, below which transport writes nothing (RFC 5321 §4.4); or both can be decoded
    /// for certain, and their senders differ, their texts by more than lines above or below, or their subjects by more than
    /// something before or behind.
    #[must_use]
    pub fn is_certainly_another(&self, later: &Said) -> bool {
        let (one, other) = (&self.head, &later.head);
        if one.message_id.is_some() && other.message_id.is_some() {
            return false;
        }
        let differ = |one: Option<&String>, other: Option<&String>| {
            one.zip(other).is_some_and(|(one, other)| one != other)
        };
        let is_part = |one: &str, other: &str| one.starts_with(other) || one.ends_with(other);
        let is_said_otherwise =
            |one: &Words, other: &Words| !one.is_empty && !other.is_empty && one.difference(other).is_none();
        let says_otherwise = || {
            differ(one.sender.as_ref(), other.sender.as_ref())
                || !(is_part(&one.subject, &other.subject) || is_part(&other.subject, &one.subject))
                || is_said_otherwise(&self.text, &later.text)
                || is_said_otherwise(&self.html, &later.html)
        };
        differ(self.first_hop.as_ref(), later.first_hop.as_ref())
            || (self.is_sure && later.is_sure && says_otherwise())
    }

    fn is_silent(&self) -> bool {
        self.text.is_empty && self.html.is_empty && self.marks.is_empty && self.files.is_empty()
    }
}

/// A message as it was read, before the contents of its files are known.
struct Pieces {
    head: Head,
    first_hop: Option<String>,
    /// What its header says of its body.
    form: String,
    leaves: Leaves,
    trouble: Trouble,
}

impl Pieces {
    fn of(parts: &Parts<'_>) -> Pieces {
        let mut trouble = Trouble::default();
        let charset = root_charset(parts);
        let list = parts.list.first().map(|part| part.fields.as_slice()).unwrap_or_default();
        let fields = Fields { list, charset: charset.as_deref() };
        let head = Head::of(envelope(&fields, &mut trouble, &mut Vec::new()));
        let form =
            ["content-type", "content-transfer-encoding"].map(|name| fields.raw(name).unwrap_or_default());
        let first_hop = fields.all("received").last().map(String::from_utf8_lossy);
        let first_hop = first_hop.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "));
        let leaves = Leaves::of(parts, &mut trouble);
        Pieces { head, first_hop, form: form.join("\n").split_whitespace().collect(), leaves, trouble }
    }

    fn said(self, body: Option<Hash>, content: impl Fn(&Attachment) -> Option<Hash>) -> Said {
        let Trouble { charset, base64, encoding } = self.trouble;
        let mut is_sure = !(charset || base64 || encoding || self.leaves.is_cut);
        let mut files = Vec::with_capacity(self.leaves.files.len());
        for file in self.leaves.files {
            match content(&file) {
                Some(hash) => files.push((file.declared_name.unwrap_or_default(), hash)),
                None => is_sure = false,
            }
        }
        files.sort_unstable();
        let (mut html, mut marks) = (String::new(), String::new());
        for part in self.leaves.htmls {
            let said = html::Said::of(&part);
            html.extend([&said.text, "\n"]);
            for mark in said.marks {
                marks.extend(mark.split_whitespace().flat_map(|word| [word, " "]));
                marks.push('\n');
            }
        }
        let text = Words::of(&self.leaves.texts.join("\n"));
        let (html, marks) = (Words::of(&html), Words::of(&marks));
        Said { head: self.head, body, is_sure, text, html, marks, files, first_hop: self.first_hop }
    }
}

impl Head {
    fn of(message: Message) -> Head {
        let sender = message.author().and_then(Address::key);
        let Message { message_id, date_at, subject, .. } = message;
        Head { message_id, date_at, subject, sender }
    }
}

/// Takes contents for their hashes.
#[derive(Default)]
struct Hashes {
    open: Sha256,
    known: Vec<Hash>,
}
impl Sink for Hashes {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.open.update(piece);
        Ok(())
    }
    fn end(&mut self) -> io::Result<()> {
        self.known.push(std::mem::take(&mut self.open).finalize().into());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
