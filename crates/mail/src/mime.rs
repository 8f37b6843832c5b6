//! The parts of a message (RFC 2046), found in one pass over its lines, with a bound on depth and number.
//! What is too large to be in memory was taken out before (`message/slim`), which asks here what a boundary is.

use crate::header::{self, Field, Structured};
use crate::message::{Defect, Limit};
use crate::word::{self, Trouble};

/// Nesting of multiparts that is followed; a real letter has under ten.
pub(crate) const DEPTH_MAX: usize = 32;
/// Parts that are read.
pub(crate) const PARTS_MAX: usize = 2_000;
/// Bytes of a line that delimits a part: a boundary has 70 characters, and blanks may follow.
pub(crate) const BOUNDARY_LINE_BYTES_MAX: usize = 64 << 10;
/// Bytes of a boundary.
const BOUNDARY_BYTES_MAX: usize = 500;
/// Bytes in which a missing `boundary` is looked for.
const GUESS_BYTES: usize = 64 << 10;

/// A part: its fields, where its body is, and its children.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub fields: Vec<Field<'a>>,
    pub content_type: Structured,
    pub disposition: Structured,
    pub body: &'a [u8],
    pub body_at: usize,
    pub children: Vec<usize>,
    pub is_multipart: bool,
    /// A multipart beyond the depth that is followed: kept as it is.
    pub is_too_deep: bool,
}

impl<'a> Part<'a> {
    /// A part with these fields, of which nothing else is known yet.
    pub(crate) fn of(fields: Vec<Field<'a>>) -> Part<'a> {
        let structured = |name: &[u8]| {
            let value = fields.iter().find(|f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value);
            Structured::parse(&word::raw_text(value.unwrap_or_default(), None))
        };
        Part {
            content_type: structured(b"content-type"),
            disposition: structured(b"content-disposition"),
            fields,
            body: &[],
            body_at: 0,
            children: vec![],
            is_multipart: false,
            is_too_deep: false,
        }
    }

    /// Of a multipart.
    pub(crate) fn subtype(&self) -> &str {
        self.content_type.value.strip_prefix("multipart/").unwrap_or("mixed")
    }
}

/// What of a part was taken out of the message before it was read; see `message/slim`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    /// Where its body would begin.
    pub at: usize,
    /// What decoding it met.
    pub trouble: Trouble,
}

/// All parts; the first is the message itself.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    pub list: Vec<Part<'a>>,
    /// In the order of their places.
    pub cuts: Vec<Cut>,
    pub defects: Vec<Defect>,
    pub over: Option<Limit>,
}

/// A multipart whose end was not yet seen.
struct Open {
    part: usize,
    boundary: Vec<u8>,
    body_at: usize,
}

struct Reader<'a> {
    data: &'a [u8],
    parts: Parts<'a>,
    open: Vec<Open>,
    /// The leaf being read, and where its body began.
    leaf: Option<(usize, usize)>,
    at: usize,
}

/// Reads the parts of `data`, whose line ends are CRLF or LF.
pub(crate) fn read(data: &[u8]) -> Parts<'_> {
    let mut reader = Reader { data, parts: Parts::default(), open: Vec::new(), leaf: None, at: 0 };
    reader.begin_part();
    while reader.next_boundary_line() {
        if reader.parts.over == Some(Limit::Parts) {
            break;
        }
    }
    reader.finish(data.len());
    reader.parts
}

impl Parts<'_> {
    /// The how-manieth of what was taken out is the body of this part, if it was.
    pub(crate) fn cut_of(&self, part: &Part<'_>) -> Option<(usize, Cut)> {
        let index = self.cuts.binary_search_by_key(&part.body_at, |cut| cut.at).ok()?;
        Some((index, *self.cuts.get(index)?))
    }
}

/// The boundary that a multipart says it has.
pub(crate) fn boundary(content_type: &Structured) -> Option<Vec<u8>> {
    let declared = content_type.parameter("boundary").map(|b| b.trim_end().as_bytes().to_vec());
    declared.filter(|b| !b.is_empty() && b.len() <= BOUNDARY_BYTES_MAX)
}

/// Does this line delimit any of them?
pub(crate) fn delimits_any<'b>(line: &[u8], mut boundaries: impl Iterator<Item = &'b [u8]>) -> bool {
    line.starts_with(b"--") && boundaries.any(|boundary| delimits(line, boundary).is_some())
}

/// Does this line (without its end) delimit the boundary?  `Some(true)`: it closes it.
pub(crate) fn delimits(line: &[u8], boundary: &[u8]) -> Option<bool> {
    if line.len() > BOUNDARY_LINE_BYTES_MAX {
        return None;
    }
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    let rest = rest.trim_ascii_end();
    match rest {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

impl<'a> Reader<'a> {
    /// Reads the fields at `self.at` and opens the part that they describe.
    fn begin_part(&mut self) {
        let open = &self.open;
        let block = header::block(self.data, self.at, &|line| {
            delimits_any(line, open.iter().map(|o| o.boundary.as_slice()))
        });
        if block.too_long {
            self.parts.over.get_or_insert(Limit::Line);
        }
        if block.too_many {
            self.parts.over.get_or_insert(Limit::Headers);
        }
        let mut begun = Part::of(block.fields);
        let index = self.parts.list.len();
        let boundary = self.boundary(&begun.content_type, block.body_at);
        begun.is_multipart = boundary.is_some();
        begun.is_too_deep =
            begun.content_type.value.starts_with("multipart/") && self.open.len() >= DEPTH_MAX;
        if let Some(parent) = self.open.last() {
            let parent = parent.part;
            if let Some(part) = self.parts.list.get_mut(parent) {
                part.children.push(index);
            }
        }
        self.parts.list.push(begun);
        self.at = block.body_at;
        match boundary {
            Some(boundary) => self.open.push(Open { part: index, boundary, body_at: block.body_at }),
            None => self.leaf = Some((index, block.body_at)),
        }
    }

    /// The boundary of a multipart that is to be entered.
    fn boundary(&mut self, content_type: &Structured, body_at: usize) -> Option<Vec<u8>> {
        if !content_type.value.starts_with("multipart/") {
            return None;
        }
        if self.open.len() >= DEPTH_MAX {
            self.parts.over.get_or_insert(Limit::Depth);
            return None;
        }
        boundary(content_type).or_else(|| {
            self.parts.defects.push(Defect::NoBoundary);
            guess(self.data, body_at)
        })
    }

    /// Goes to the next line that delimits an open multipart and acts on it; false at the end.
    fn next_boundary_line(&mut self) -> bool {
        while !self.open.is_empty() {
            let Some(start) = self.next_dashes() else { return false };
            let (line, after) = header::line_at(self.data, start);
            let found = self
                .open
                .iter()
                .enumerate()
                .rev()
                .find_map(|(level, open)| delimits(line, &open.boundary).map(|closes| (level, closes)));
            self.at = after;
            let Some((level, closes)) = found else { continue };
            self.end_leaf(start);
            while self.open.len() > level + 1 {
                self.parts.defects.push(Defect::UnclosedPart);
                self.close(start);
            }
            if closes {
                self.close(start);
            } else if self.parts.list.len() >= PARTS_MAX {
                self.parts.over.get_or_insert(Limit::Parts);
            } else {
                self.begin_part();
            }
            return true;
        }
        false
    }

    /// Where the next line begins, from `self.at` on, that starts with two dashes.
    fn next_dashes(&self) -> Option<usize> {
        let rest = self.data.get(self.at..)?;
        let at_line_start = self.at == 0 || self.data.get(self.at - 1) == Some(&b'\n');
        if at_line_start && rest.starts_with(b"--") {
            return Some(self.at);
        }
        memchr::memmem::find(rest, b"\n--").map(|found| self.at + found + 1)
    }

    /// The line end before a boundary belongs to the boundary.
    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        let body = self.data.get(start..end.max(start)).unwrap_or_default();
        let body = body.strip_suffix(b"\n").filter(|_| end < self.data.len()).unwrap_or(body);
        if end < self.data.len() { body.strip_suffix(b"\r").unwrap_or(body) } else { body }
    }

    fn end_leaf(&mut self, end: usize) {
        if let Some((index, start)) = self.leaf.take() {
            let body = self.slice(start, end);
            if let Some(part) = self.parts.list.get_mut(index) {
                (part.body, part.body_at) = (body, start);
            }
        }
    }

    /// Closes the innermost multipart.  One without children was none: its body is what it holds.
    fn close(&mut self, end: usize) {
        let Some(open) = self.open.pop() else { return };
        let body = self.slice(open.body_at, end);
        let childless = self.parts.list.get(open.part).is_some_and(|p| p.children.is_empty());
        if childless {
            self.parts.defects.push(Defect::NoBoundary);
        }
        if let Some(part) = self.parts.list.get_mut(open.part).filter(|_| childless) {
            part.body = body;
            part.is_multipart = false;
        }
    }

    fn finish(&mut self, end: usize) {
        self.end_leaf(end);
        let root_had_parts = self.parts.list.first().is_some_and(|p| !p.children.is_empty());
        if !self.open.is_empty() && root_had_parts && self.parts.over.is_none() {
            self.parts.defects.push(Defect::UnclosedPart);
        }
        while !self.open.is_empty() {
            self.close(end);
        }
    }
}

/// A boundary that the header does not name: the first line `--x` that `Content-…:` follows.
fn guess(data: &[u8], body_at: usize) -> Option<Vec<u8>> {
    let end = (body_at + GUESS_BYTES).min(data.len());
    let window = data.get(body_at..end)?;
    let mut at = 0;
    while at < window.len() {
        let (line, after) = header::line_at(window, at);
        if let Some(boundary) = line.strip_prefix(b"--").map(<[u8]>::trim_ascii_end).filter(|b| !b.is_empty())
        {
            let next = header::line_at(window, after).0;
            if next.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"content-")) {
                return Some(boundary.to_vec());
            }
        }
        at = after;
    }
    None
}
