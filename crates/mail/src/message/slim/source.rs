//! The bytes of a message that is not in memory: a window that goes on over them, and what is wrong with them as bytes.

use std::io::{self, ErrorKind, Read};

use crate::message::Defect;
use crate::message::raw::{LINE_BYTES_MAX, MARK};

#[derive(Debug)]
pub(super) struct Source<R> {
    reader: R,
    window: Vec<u8>,
    window_bytes: usize,
    /// What of the window is behind us.
    at: usize,
    is_at_end: bool,
    /// Bytes read so far.
    pub(super) size: usize,
    pub(super) flaws: Flaws,
}

/// Of a body.
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    /// The line end that follows, where two dashes follow that.
    pub(super) line_end: &'static [u8],
}

impl<R: Read> Source<R> {
    pub(super) fn new(reader: R, window_bytes: usize) -> Source<R> {
        let window = Vec::with_capacity(window_bytes);
        Source { reader, window, window_bytes, at: 0, is_at_end: false, size: 0, flaws: Flaws::default() }
    }

    /// What comes next: as much as the window holds, and less than so many bytes only at the end.
    pub(super) fn next(&mut self, bytes: usize) -> io::Result<&[u8]> {
        if self.window.len() - self.at < bytes.min(self.window_bytes) && !self.is_at_end {
            self.window.drain(..self.at);
            self.at = 0;
            self.fill()?;
        }
        Ok(self.window.get(self.at..).unwrap_or_default())
    }

    /// As much as is worth looking through: at least half a window, or all that comes.
    pub(super) fn whole(&mut self) -> io::Result<&[u8]> {
        self.next(self.window_bytes / 2)
    }

    /// What comes next of a body, up to where a line begins with two dashes. Nothing comes at the end.
    pub(super) fn piece(&mut self) -> io::Result<Piece<'_>> {
        let is_at_end = self.whole()?.is_empty() || self.is_at_end;
        let window = self.window.get(self.at..).unwrap_or_default();
        let Some(dashes) = memchr::memmem::find(window, b"\n--") else {
            // A line end and one of the dashes may be here already.
            let bytes = if is_at_end { window.len() } else { window.len().saturating_sub(4) };
            return Ok(Piece { bytes: window.get(..bytes).unwrap_or_default(), line_end: b"" });
        };
        let line = window.get(..dashes).unwrap_or_default();
        Ok(match line.strip_suffix(b"\r") {
            Some(line) => Piece { bytes: line, line_end: b"\r\n" },
            None => Piece { bytes: line, line_end: b"\n" },
        })
    }

    /// So many bytes are behind us now.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.window.len());
    }

    /// Goes to the end, since what is wrong with the rest is to be known too. Was there anything?
    pub(super) fn drain(&mut self) -> io::Result<bool> {
        let mut is_more = false;
        while !self.whole()?.is_empty() {
            (self.at, is_more) = (self.window.len(), true);
        }
        Ok(is_more)
    }

    fn fill(&mut self) -> io::Result<()> {
        let there = self.window.len();
        let mut filled = there;
        self.window.resize(self.window_bytes, 0);
        while filled < self.window_bytes && !self.is_at_end {
            match self.reader.read(self.window.get_mut(filled..).unwrap_or_default()) {
                Ok(bytes) => (self.is_at_end, filled) = (bytes == 0, filled + bytes),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.window.truncate(filled);
        let read = self.window.get(there..).unwrap_or_default();
        let mark = if self.size == 0 { read.strip_prefix(MARK) } else { None };
        self.flaws.see(mark.unwrap_or(read));
        self.size += filled - there;
        Ok(())
    }
}

/// What `raw::prepare` looks for, where lines end with LF.
#[derive(Debug, Default)]
pub(super) struct Flaws {
    ends_with_cr: bool,
    /// Of the last line, its CR included.
    line_bytes: usize,
    bare_cr: bool,
    nul: bool,
    long_line: bool,
}
impl Flaws {
    /// The next piece.
    fn see(&mut self, piece: &[u8]) {
        self.nul = self.nul || memchr::memchr(0, piece).is_some();
        if let Some(first) = piece.first() {
            self.bare_cr |= self.ends_with_cr && *first != b'\n';
        }
        if !self.bare_cr {
            let bare = |at: usize| piece.get(at + 1).is_some_and(|next| *next != b'\n');
            self.bare_cr = memchr::memchr_iter(b'\r', piece).any(bare);
        }
        if !self.long_line {
            self.lines(piece);
        }
        self.ends_with_cr = piece.last().map_or(self.ends_with_cr, |last| *last == b'\r');
    }

    fn lines(&mut self, piece: &[u8]) {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', piece) {
            let before = if end == 0 { self.ends_with_cr } else { piece.get(end - 1) == Some(&b'\r') };
            let bytes = self.line_bytes + end - begin;
            self.long_line |= bytes - usize::from(before && bytes > 0) > LINE_BYTES_MAX;
            (self.line_bytes, begin) = (0, end + 1);
        }
        self.line_bytes += piece.len() - begin;
    }

    /// All of it was seen.
    pub(super) fn found(&self) -> Vec<Defect> {
        let last = self.line_bytes - usize::from(self.ends_with_cr && self.line_bytes > 0);
        let met = [
            (self.bare_cr || self.ends_with_cr, Defect::BareCr),
            (self.nul, Defect::NulByte),
            (self.long_line || last > LINE_BYTES_MAX, Defect::LongLine),
        ];
        met.into_iter().filter(|(met, _)| *met).map(|(_, defect)| defect).collect()
    }
}
