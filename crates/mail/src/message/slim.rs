//! A message that is too large to be in memory, read from a stream: the bodies of its large parts are handed over to a
//! sink, decoded, while they pass, and what is left is read as ever.
//!
//! Two readers of one message must never see two structures. So this one decides nothing by itself: header blocks,
//! boundaries, encodings and what is body text are told by the same functions as in `mime` and `body`, and where one of
//! those would look further than is seen here (a header without its empty line, a multipart that does not say its
//! boundary), nothing more is taken out. What was taken out is known to them by its place in what is left, which no letter
//! can forge.

mod leaf;
mod source;

use std::io::{self, Read};

use leaf::Leaf;
use source::Source;

use super::{Defect, HEAD_BYTES, Limit, Message, of_parts, raw};
use crate::mime::{self, Cut, Part, Parts};
use crate::{body, header, report};

/// Where the contents of large parts go, one after the other.
pub trait Sink {
    /// The next bytes of the content at hand.
    ///
    /// # Errors
    /// What stands in the way of keeping them; reading ends with it.
    fn write(&mut self, piece: &[u8]) -> io::Result<()>;

    /// That was all of it; what is written next is another one.
    ///
    /// # Errors
    /// As for [`Sink::write`].
    fn end(&mut self) -> io::Result<()>;
}

/// Why a message was not read to its end: never the message's own fault.
#[derive(Debug)]
pub enum Stopped {
    /// Its bytes did not come.
    Source(io::Error),
    /// What was taken out of it could not be kept.
    Sink(io::Error),
}

/// In bytes.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// A part that is longer as it stands in the mail is handed over.
    leaf: usize,
    /// So much of a returned letter stays where it is too, since its header tells whose it was.
    returned: usize,
    /// So much of a text that is read stays; `body` reads no more of it.
    text: usize,
    /// What all that is left may come to: headers, texts, small parts, a winmail.dat, and what no part is.
    left: usize,
    /// So much is looked through at once.
    window: usize,
}
const LIMITS: Limits = Limits {
    leaf: 16 << 10,
    returned: 1 << 20,
    text: body::ENCODED_TEXT_BYTES_MAX,
    left: 64 << 20,
    window: 256 << 10,
};

/// Reads a message as [`parse`](super::parse) does, with some megabytes of memory however large it is. An attachment of more
/// than 16 KB has no content afterwards: [`Attachment::handed_over`](super::Attachment::handed_over) says the how-manieth of
/// the sink it is. More than 64 MB that is no attachment (and a winmail.dat counts as none, since it is opened) is over the
/// limit of size: the message then ends behind its last large attachment.
///
/// # Errors
/// Those of the reader and of the sink.
pub fn parse_stream(source: impl Read, sink: &mut impl Sink) -> Result<Message, Stopped> {
    parse_within(source, sink, LIMITS)
}

fn parse_within(source: impl Read, sink: &mut impl Sink, limits: Limits) -> Result<Message, Stopped> {
    parts_within(source, sink, limits, |parts, defects, size| {
        let message = of_parts(parts, defects, size);
        debug_assert_eq!(
            message.attachments.iter().filter(|attachment| attachment.handed_over.is_some()).count(),
            parts.cuts.len(),
            "invariant: what was handed over is an attachment"
        );
        message
    })
}

/// The same, for another reader of the parts, of the defects of the bytes, and of their number.
pub(super) fn parts_stream<T>(
    source: impl Read,
    sink: &mut impl Sink,
    reader: impl FnOnce(&Parts<'_>, Vec<Defect>, usize) -> T,
) -> Result<T, Stopped> {
    parts_within(source, sink, LIMITS, reader)
}

fn parts_within<T>(
    source: impl Read,
    sink: &mut impl Sink,
    limits: Limits,
    reader: impl FnOnce(&Parts<'_>, Vec<Defect>, usize) -> T,
) -> Result<T, Stopped> {
    let mut slim = Slim {
        source: Source::new(source, limits.window),
        sink,
        limits,
        left: Vec::new(),
        cuts: Vec::new(),
        is_cut: false,
        open: Vec::new(),
        parts: 0,
    };
    let is_over = slim.run()? == Next::Full;
    slim.is_cut |= slim.source.drain().map_err(Stopped::Source)?;
    Ok(slim.read(is_over, reader))
}

struct Slim<'s, R, S> {
    source: Source<R>,
    sink: &'s mut S,
    limits: Limits,
    /// The message without what was taken out.
    left: Vec<u8>,
    cuts: Vec<Cut>,
    /// Anything is not in `left`.
    is_cut: bool,
    /// The multiparts that are open, as `mime` has them.
    open: Vec<Open>,
    /// How many have begun.
    parts: usize,
}

/// A multipart whose end was not yet seen.
struct Open {
    boundary: Vec<u8>,
    subtype: String,
    children: usize,
}

/// What follows in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The header of a part.
    Part,
    /// A line that delimits the open multipart of this level, with so many bytes; true: it closes it.
    Boundary(usize, bool, usize),
    /// What belongs to no part, or to a multipart before its first.
    Between,
    /// Nothing, or nothing that is read.
    Over,
    /// Something that may be seen in another way than `mime` sees it.
    Unsure,
    /// More is left than may be.
    Full,
}

impl<R: Read, S: Sink> Slim<'_, R, S> {
    fn run(&mut self) -> Result<Next, Stopped> {
        let mut next = self.start()?;
        loop {
            next = match next {
                Next::Part => self.part()?,
                Next::Boundary(level, closes, bytes) => self.cross(level, closes, bytes)?,
                Next::Between => self.leaf(Leaf::kept(self.left.len()))?,
                Next::Unsure => self.rest()?,
                Next::Over | Next::Full => return Ok(next),
            };
        }
    }

    /// Behind what `raw` skips. A message without LF in sight may be one whose lines end with CR.
    fn start(&mut self) -> Result<Next, Stopped> {
        let window = self.source.whole().map_err(Stopped::Source)?;
        let begin = window.len() - raw::data(window).len();
        let is_clear = memchr::memchr(b'\n', window).is_some() && begin < window.len();
        self.keep(begin)?;
        Ok(if is_clear { Next::Part } else { Next::Unsure })
    }

    /// Takes over the next bytes as they are.
    fn keep(&mut self, mut bytes: usize) -> Result<(), Stopped> {
        while bytes > 0 {
            let window = self.source.next(1).map_err(Stopped::Source)?;
            let piece = window.get(..bytes).unwrap_or(window);
            if piece.is_empty() {
                break;
            }
            self.left.extend_from_slice(piece);
            bytes -= piece.len();
            let passed = piece.len();
            self.source.pass(passed);
        }
        Ok(())
    }

    /// Takes over all that follows.
    fn rest(&mut self) -> Result<Next, Stopped> {
        loop {
            let bytes = self.source.whole().map_err(Stopped::Source)?.len();
            self.keep(bytes)?;
            if bytes == 0 {
                return Ok(Next::Over);
            }
            if self.left.len() > self.limits.left {
                return Ok(Next::Full);
            }
        }
    }

    /// A header, and then its body.
    fn part(&mut self) -> Result<Next, Stopped> {
        let position = self.open.last_mut().map_or(0, |parent| {
            parent.children += 1;
            parent.children - 1
        });
        self.parts += 1;
        let header_at = self.left.len();
        let end = self.header()?;
        if let Some(Next::Full) = end {
            return Ok(Next::Full);
        }
        let block = header::block(&self.left, header_at, &|line| mime::delimits_any(line, self.boundaries()));
        // The body began earlier where a line is no field; what that is can depend on lines which were not seen yet.
        let is_clear = block.body_at == self.left.len();
        if !is_clear && end.is_some() {
            return Ok(Next::Unsure);
        }
        let part = Part::of(block.fields);
        let body_at = self.left.len();
        if part.content_type.value.starts_with("multipart/") {
            let boundary = mime::boundary(&part.content_type);
            return match boundary.filter(|_| is_clear) {
                // Too deep to be followed.
                Some(_) if self.open.len() >= mime::DEPTH_MAX => self.leaf(Leaf::kept(body_at)),
                Some(boundary) => {
                    let subtype = part.subtype().to_owned();
                    self.open.push(Open { boundary, subtype, children: 0 });
                    Ok(Next::Between)
                }
                None => Ok(Next::Unsure),
            };
        }
        let leaf = if is_clear && end.is_none() {
            self.what_of(&part, position, body_at)
        } else {
            Leaf::kept(body_at)
        };
        self.leaf(leaf)
    }

    fn boundaries(&self) -> impl Iterator<Item = &[u8]> {
        self.open.iter().map(|open| open.boundary.as_slice())
    }

    /// What is to become of the body of a part.
    fn what_of(&self, part: &Part<'_>, position: usize, body_at: usize) -> Leaf {
        let multipart = self.open.last().map_or("mixed", |parent| parent.subtype.as_str());
        let decoder = body::decoder(part);
        if report::is_status(part) {
            Leaf::kept(body_at)
        } else if body::is_body(part, self.parts == 1, multipart, position) {
            Leaf::shortened(body_at, self.limits.text)
        } else if report::is_returned(part) {
            Leaf::handed_over(body_at, self.limits.returned, decoder).beginning_kept()
        } else {
            Leaf::handed_over(body_at, self.limits.leaf, decoder)
        }
    }

    /// Takes over the lines of a header. `None`: it ends as a header does, with an empty line.
    fn header(&mut self) -> Result<Option<Next>, Stopped> {
        loop {
            if let Some(boundary) = self.boundary()? {
                return Ok(Some(boundary));
            }
            let window = self.source.next(2).map_err(Stopped::Source)?;
            let empty = [b"\n".as_slice(), b"\r\n"].into_iter().find(|empty| window.starts_with(empty));
            if let Some(empty) = empty {
                self.keep(empty.len())?;
                return Ok(None);
            }
            loop {
                let window = self.source.next(1).map_err(Stopped::Source)?;
                if window.is_empty() {
                    return Ok(Some(Next::Over));
                }
                let end = memchr::memchr(b'\n', window);
                let bytes = end.map_or(window.len(), |end| end + 1);
                self.keep(bytes)?;
                if self.left.len() > self.limits.left {
                    return Ok(Some(Next::Full));
                }
                if end.is_some() {
                    break;
                }
            }
        }
    }

    /// The line that begins here, if it delimits an open multipart: the innermost whose boundary it is.
    fn boundary(&mut self) -> Result<Option<Next>, Stopped> {
        if self.open.is_empty() || !self.source.next(2).map_err(Stopped::Source)?.starts_with(b"--") {
            return Ok(None);
        }
        let window = self.source.next(mime::BOUNDARY_LINE_BYTES_MAX + 2).map_err(Stopped::Source)?;
        let (line, after) = header::line_at(window, 0);
        let found = self.open.iter().enumerate().rev();
        let found =
            found.filter_map(|(level, open)| Some((level, mime::delimits(line, &open.boundary)?))).next();
        Ok(found.map(|(level, closes)| Next::Boundary(level, closes, after)))
    }

    /// Acts on such a line as `mime` does.
    fn cross(&mut self, level: usize, closes: bool, bytes: usize) -> Result<Next, Stopped> {
        self.keep(bytes)?;
        self.open.truncate(level + 1);
        let is_childless = self.open.last().is_some_and(|open| open.children == 0);
        if closes {
            self.open.pop();
            return Ok(if self.open.is_empty() { Next::Over } else { Next::Between });
        }
        if self.parts < mime::PARTS_MAX {
            return Ok(Next::Part);
        }
        // That is the last that is read, save that one without parts is read as a text to the end.
        Ok(if is_childless { Next::Unsure } else { Next::Over })
    }

    /// A body, up to the next boundary.
    fn leaf(&mut self, mut leaf: Leaf) -> Result<Next, Stopped> {
        // The line end before a boundary belongs to the boundary, and whether it is one is known behind it.
        let mut line_end: &[u8] = b"";
        let mut is_dashed = self.source.next(2).map_err(Stopped::Source)?.starts_with(b"--");
        loop {
            if is_dashed && let Some(boundary) = self.boundary()? {
                self.end(leaf)?;
                self.left.extend_from_slice(line_end);
                return Ok(boundary);
            }
            leaf.pass(line_end, &mut self.left, self.sink).map_err(Stopped::Sink)?;
            let piece = self.source.piece().map_err(Stopped::Source)?;
            let taken = piece.bytes.len() + piece.line_end.len();
            leaf.pass(piece.bytes, &mut self.left, self.sink).map_err(Stopped::Sink)?;
            (line_end, is_dashed) = (piece.line_end, !piece.line_end.is_empty());
            if taken == 0 {
                self.end(leaf)?;
                return Ok(Next::Over);
            }
            self.source.pass(taken);
            if self.left.len() > self.limits.left && !leaf.is_away() {
                return Ok(Next::Full);
            }
        }
    }

    fn end(&mut self, leaf: Leaf) -> Result<(), Stopped> {
        self.is_cut |= leaf.is_away();
        self.cuts.extend(leaf.end(self.sink).map_err(Stopped::Sink)?);
        Ok(())
    }

    /// What is left, read as ever.
    fn read<T>(mut self, is_over: bool, reader: impl FnOnce(&Parts<'_>, Vec<Defect>, usize) -> T) -> T {
        if is_over {
            self.left.truncate(self.cuts.last().map_or(0, |cut| cut.at).max(HEAD_BYTES));
        }
        let (data, defects) = if self.is_cut {
            (raw::data(&self.left), self.source.flaws.found())
        } else {
            raw::prepare(&self.left)
        };
        let mut parts = mime::read(&data);
        let skipped = self.left.len() - data.len();
        self.cuts.iter_mut().for_each(|cut| cut.at -= skipped);
        parts.cuts = self.cuts;
        if is_over {
            parts.over = Some(Limit::Size);
        }
        reader(&parts, defects, self.source.size)
    }
}

#[cfg(test)]
mod tests;
