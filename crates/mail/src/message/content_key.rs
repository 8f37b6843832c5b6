//! What makes two deliveries of one letter the same letter.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use sha2::{Digest, Sha256};

use super::raw::MARK;
use crate::header::{self, FIELDS_MAX, Field};

/// Fields that transport adds or rewrites, so that a second delivery of the same letter has others.
const TRACE: &[&str] = &[
    "received",
    "x-received",
    "return-path",
    "delivered-to",
    "x-delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-envelope-from",
    "delivery-date",
    "authentication-results",
    "x-authentication-results",
    "received-spf",
    "x-gm-message-state",
    "x-google-smtp-source",
    "x-google-dkim-signature",
    "x-forefront-antispam-report",
    "x-eopattributedmessage",
    "x-eoptenantattributedmessage",
    "x-ms-publictraffictype",
    "x-ms-traffictypediagnostic",
    "x-ms-office365-filtering-correlation-id",
    "x-virus-scanned",
    "x-virus-status",
    "x-sieve",
    "x-uid",
    "x-uidl",
    "x-keywords",
    "x-imapbase",
    "x-mozilla-status",
    "x-mozilla-status2",
    "x-mozilla-keys",
    "x-getmail-retrieved-from-mailbox",
    "x-evolution-source",
    "status",
    "x-status",
    "content-length",
    "lines",
];

/// Families of such fields: ARC seals, spam filters, Exchange's and other transports' stamps.
const TRACE_FAMILIES: &[&str] = &[
    "arc-",
    "x-arc-",
    "x-spam-",
    "x-rspamd-",
    "x-ms-exchange-",
    "x-microsoft-antispam",
    "x-exchange-antispam",
    "x-gmail-",
    "x-ham-report",
    "x-amavis-",
    "x-dovecot-",
];

fn is_trace(name: &str) -> bool {
    TRACE.contains(&name) || TRACE_FAMILIES.iter().any(|family| name.starts_with(family))
}

/// Bytes in which the header is looked for: no server passes on a hundredth of it. What is behind them counts as body, so
/// that a header without an end is never in memory as a whole.
const HEAD_BYTES_MAX: usize = 16 << 20;
/// Bytes that are read of a message at once.
const PIECE_BYTES: usize = 128 << 10;

/// The hash over the fields that stay (in their order, unfolded) and the body, line ends as LF. Of a letter whose Message-ID
/// says nothing the lowest `Received` counts too, which every copy of it has: a device that writes the same alarm on two days
/// has written two letters, whatever its clock says.
pub(crate) fn of(data: &[u8]) -> ContentKey {
    of_data(data, HEAD_BYTES_MAX)
}

/// What a letter is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentKey {
    /// SHA-256.
    pub key: [u8; 32],
    /// What it was known by under an earlier rule, where that is another: the lowest `Received` counted only where neither a
    /// Message-ID nor a Date field was there, and of the header the first 2,000 fields and 2 MB of each did. Letters that
    /// differ can have the same one.
    pub earlier: Option<[u8; 32]>,
}

/// The hash over the body alone.
pub(super) fn of_body(data: &[u8]) -> [u8; 32] {
    let head = data.get(..HEAD_BYTES_MAX).unwrap_or(data);
    let body_at = header::each_field(head, 0, &|_| false, &mut |_| {});
    let mut key = Key::default();
    key.body(data.get(body_at..).unwrap_or_default().trim_ascii_end());
    key.done().key
}

fn of_data(data: &[u8], head_bytes_max: usize) -> ContentKey {
    let (mut key, body_at) = Key::of_head(data.get(..head_bytes_max).unwrap_or(data));
    key.body(data.get(body_at..).unwrap_or_default().trim_ascii_end());
    key.done()
}

/// The same of what is not in memory.
pub(crate) fn of_source(source: &mut (impl Read + Seek)) -> io::Result<ContentKey> {
    of_source_within(source, HEAD_BYTES_MAX)
}

fn of_source_within(source: &mut (impl Read + Seek), head_bytes_max: usize) -> io::Result<ContentKey> {
    let end = source.seek(SeekFrom::End(0))?;
    source.rewind()?;
    let mut mark = Vec::new();
    source.by_ref().take(MARK.len() as u64).read_to_end(&mut mark)?;
    let begin = if mark == MARK { MARK.len() as u64 } else { 0 };
    source.seek(SeekFrom::Start(begin))?;
    // Where no line ends otherwise, CR ends it. Without any CR either it makes no difference.
    let cr_ends_lines = !has_line_feed(source)?;

    source.seek(SeekFrom::Start(begin))?;
    let mut data = BufReader::with_capacity(PIECE_BYTES, Lines { source: &mut *source, cr_ends_lines });
    let (skipped, mut head) = behind_start(&mut data)?;
    let mut rest = data.take(head_bytes_max.saturating_sub(head.len()) as u64);
    loop {
        let line_at = memchr::memrchr(b'\n', &head).map_or(0, |end| end + 1);
        let bytes = rest.read_until(b'\n', &mut head)?;
        // What a header block is does not depend on what follows its empty line.
        if bytes == 0 || matches!(head.get(line_at..), Some(b"\n" | b"\r\n")) {
            break;
        }
    }
    let (mut key, body_at) = Key::of_head(head.get(..head_bytes_max).unwrap_or(&head));
    drop(head);

    let body_at = begin + skipped + body_at as u64;
    let end = without_blanks(source, body_at, end)?;
    source.seek(SeekFrom::Start(body_at))?;
    let mut body = Lines { source, cr_ends_lines }.take(end.saturating_sub(body_at));
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match body.read(&mut piece)? {
            0 => return Ok(key.done()),
            bytes => key.body(piece.get(..bytes).unwrap_or_default()),
        }
    }
}

fn has_line_feed(source: &mut impl Read) -> io::Result<bool> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let bytes = source.read(&mut piece)?;
        let read = piece.get(..bytes).unwrap_or_default();
        if read.is_empty() || memchr::memchr(b'\n', read).is_some() {
            return Ok(!read.is_empty());
        }
    }
}

/// How many bytes are skipped as `raw::data` does it, empty lines and the `From ` line of an mbox; and what was read behind them.
fn behind_start(data: &mut impl BufRead) -> io::Result<(u64, Vec<u8>)> {
    let mut skipped = 0;
    loop {
        let read = data.fill_buf()?;
        let blank = read.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let (goes_on, is_end) = (blank == read.len(), read.is_empty());
        data.consume(blank);
        skipped += blank as u64;
        if is_end || !goes_on {
            break;
        }
    }
    let mut head = Vec::new();
    data.by_ref().take(5).read_to_end(&mut head)?;
    if head == b"From " {
        skipped += 5 + data.skip_until(b'\n')? as u64;
        head.clear();
    }
    Ok((skipped, head))
}

/// Where what is between these places ends without the blanks behind it; looked for from its end.
fn without_blanks(source: &mut (impl Read + Seek), begin: u64, mut end: u64) -> io::Result<u64> {
    let mut piece = vec![0; PIECE_BYTES];
    while end > begin {
        let bytes = usize::try_from(end - begin).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let Some(read) = piece.get_mut(..bytes) else { break };
        source.seek(SeekFrom::Start(end - bytes as u64))?;
        source.read_exact(read)?;
        end -= (bytes - read.trim_ascii_end().len()) as u64;
        if !read.trim_ascii_end().is_empty() {
            break;
        }
    }
    Ok(end)
}

/// A message whose lines end with LF or CRLF.
struct Lines<S> {
    source: S,
    cr_ends_lines: bool,
}
impl<S: Read> Read for Lines<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        if self.cr_ends_lines {
            buffer.iter_mut().take(bytes).filter(|b| **b == b'\r').for_each(|b| *b = b'\n');
        }
        Ok(bytes)
    }
}

/// What of a header decides which of its fields count.
#[derive(Default)]
struct Head {
    fields: usize,
    /// Its Message-ID names it.
    has_id: bool,
    /// The place of the lowest `Received`.
    first_hop: Option<usize>,
    earlier: EarlierHead,
}
/// The same as it was seen earlier ([`ContentKey::earlier`]).
#[derive(Default)]
struct EarlierHead {
    is_cut: bool,
    has_id_or_date: bool,
    first_hop: Option<usize>,
}
impl Head {
    fn see(&mut self, field: Field<'_>) {
        let place = self.fields;
        self.fields += 1;
        let (is_id, is_hop) = (field.is("message-id"), field.is("received"));
        self.has_id |= is_id && header::id(&String::from_utf8_lossy(field.cut().value)).is_some();
        self.first_hop = if is_hop { Some(place) } else { self.first_hop };
        let earlier = &mut self.earlier;
        earlier.is_cut |= place >= FIELDS_MAX || field.is_too_long();
        if place < FIELDS_MAX {
            earlier.has_id_or_date |= is_id || field.is("date");
            earlier.first_hop = self.first_hop;
        }
    }

    fn hop_that_counts(&self) -> Option<usize> {
        self.first_hop.filter(|_| !self.has_id)
    }

    fn hop_that_counted(&self) -> Option<usize> {
        self.earlier.first_hop.filter(|_| !self.earlier.has_id_or_date)
    }

    fn has_earlier(&self) -> bool {
        self.earlier.is_cut || self.hop_that_counts() != self.hop_that_counted()
    }
}

/// The hash while it is made.
#[derive(Default)]
struct Key {
    hash: Sha256,
    earlier: Option<Sha256>,
    /// The body read so far ends with a CR, which only counts when no LF follows.
    ends_with_cr: bool,
}
impl Key {
    /// Over the header, and where in these bytes the body begins.
    fn of_head(data: &[u8]) -> (Key, usize) {
        let mut head = Head::default();
        header::each_field(data, 0, &|_| false, &mut |field| head.see(field));
        let mut hash = Sha256::new();
        let mut earlier = head.has_earlier().then(Sha256::new);
        let (hop, earlier_hop) = (head.hop_that_counts(), head.hop_that_counted());
        let mut place = 0;
        let body_at = header::each_field(data, 0, &|_| false, &mut |field| {
            let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
            let stays = !is_trace(&name);
            if stays || hop == Some(place) {
                add_field(&mut hash, &name, field.value);
            }
            if let Some(earlier) = &mut earlier
                && place < FIELDS_MAX
                && (stays || earlier_hop == Some(place))
            {
                add_field(earlier, &name, field.cut().value);
            }
            place += 1;
        });
        let mut key = Key { hash, earlier, ends_with_cr: false };
        key.add(b"\n");
        (key, body_at)
    }

    fn add(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        if let Some(earlier) = &mut self.earlier {
            earlier.update(bytes);
        }
    }

    /// The next piece of the body, which does not end in blanks.
    fn body(&mut self, piece: &[u8]) {
        if self.ends_with_cr && piece.first().is_some_and(|b| *b != b'\n') {
            self.add(b"\r");
        }
        self.ends_with_cr &= piece.is_empty();
        // Up to each CR that ends a line, and on behind it: hashing short pieces costs more than hashing long ones.
        let mut begin = 0;
        for at in memchr::memchr_iter(b'\r', piece) {
            let next = piece.get(at + 1);
            self.ends_with_cr |= next.is_none();
            if next.is_none_or(|b| *b == b'\n') {
                self.add(piece.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
        }
        self.add(piece.get(begin..).unwrap_or_default());
    }

    fn done(mut self) -> ContentKey {
        if self.ends_with_cr {
            self.add(b"\r");
        }
        self.add(b"\n");
        ContentKey {
            key: self.hash.finalize().into(),
            earlier: self.earlier.map(|earlier| earlier.finalize().into()),
        }
    }
}

fn add_field(hash: &mut Sha256, name: &str, value: &[u8]) {
    hash.update(name.as_bytes());
    hash.update(b":");
    // Transports fold anew: blanks count as one.
    for piece in value.split(u8::is_ascii_whitespace).filter(|p| !p.is_empty()) {
        hash.update(b" ");
        hash.update(piece);
    }
    hash.update(b"\n");
}

#[cfg(test)]
mod tests;
