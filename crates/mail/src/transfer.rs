//! Content-Transfer-Encoding (RFC 2045 6): base64 and quoted-printable → bytes, whatever is wrong with them.
use crate::word::Trouble;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Value of a base64 letter, the URL alphabet included, since some senders use it.
fn sextet(byte: u8) -> Option<u32> {
    match byte {
        b'A'..=b'Z' => Some(u32::from(byte - b'A')),
        b'a'..=b'z' => Some(u32::from(byte - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(byte - b'0') + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

/// Bytes that are decoded at once, of a body that is in memory.
const PIECE_BYTES: usize = 64 << 10;
/// So much of a line, or of blanks in a row, is waited for before it is decided about.
const WAIT_BYTES_MAX: usize = 64 << 10;

/// Decoded bytes, and whether something was wrong.
///
/// Letters outside the alphabet are skipped.  After padding, a line that is not base64 (judged by its first 64 KB) ends the
/// text: mailing lists append a plain footer to a base64 body.
pub(crate) fn base64(bytes: &[u8]) -> (Vec<u8>, bool) {
    let (decoded, trouble) = Decoder::Base64(Base64::default()).all(bytes);
    (decoded, trouble.base64)
}

/// A body decoded piece by piece: wherever it is cut, the same comes out.
#[derive(Debug)]
pub(crate) enum Decoder {
    Base64(Base64),
    Quoted(Quoted),
    /// As it is, also where nobody knows what it is.
    Plain {
        is_unknown: bool,
    },
}
impl Decoder {
    /// Appends what the piece gives.
    pub(crate) fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        match self {
            Decoder::Base64(base64) => base64.feed(piece, out),
            Decoder::Quoted(quoted) => quoted.feed(piece, out),
            Decoder::Plain { .. } => out.extend_from_slice(piece),
        }
    }

    /// Appends what was waited with, and says what was wrong with all of it.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) -> Trouble {
        match self {
            Decoder::Base64(base64) => Trouble { base64: base64.end(out), ..Trouble::default() },
            Decoder::Quoted(quoted) => Trouble { encoding: quoted.end(out), ..Trouble::default() },
            Decoder::Plain { is_unknown } => Trouble { encoding: *is_unknown, ..Trouble::default() },
        }
    }

    /// A body that is in memory.
    pub(crate) fn all(mut self, bytes: &[u8]) -> (Vec<u8>, Trouble) {
        let room = if let Decoder::Base64(_) = self { bytes.len() / 4 * 3 + 3 } else { bytes.len() };
        let mut out = Vec::with_capacity(room);
        for piece in bytes.chunks(PIECE_BYTES) {
            self.feed(piece, &mut out);
        }
        let trouble = self.end(&mut out);
        (out, trouble)
    }
}

/// See [`base64`].
#[derive(Debug, Default)]
pub(crate) struct Base64 {
    buffer: u32,
    /// Letters in the buffer, of the four that make three bytes.
    held: u8,
    is_padded: bool,
    /// The line that padding was on goes on, or one that was found to be base64.
    is_within_line: bool,
    /// The beginning of a line behind padding.
    line: Vec<u8>,
    is_over: bool,
    bad: bool,
    /// Kept for its room.
    letters: Vec<u8>,
}
impl Base64 {
    fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() && !self.is_over {
            let taken = if !self.is_padded {
                let padding = memchr::memchr(b'=', bytes);
                self.groups(bytes.get(..padding.unwrap_or(bytes.len())).unwrap_or_default(), out);
                if padding.is_some() {
                    self.letter(b'=', out);
                    (self.is_padded, self.is_within_line) = (true, true);
                }
                padding.map_or(bytes.len(), |at| at + 1)
            } else {
                self.behind_padding(bytes, out)
            };
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    /// A line or a piece of one; how many bytes of these were taken.
    fn behind_padding(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let end = memchr::memchr(b'\n', bytes);
        let line = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
        if self.is_within_line {
            line.iter().for_each(|byte| self.letter(*byte, out));
            self.is_within_line = end.is_none();
            return line.len() + usize::from(end.is_some());
        }
        let room = WAIT_BYTES_MAX - self.line.len();
        let is_whole = end.is_some() && line.len() <= room;
        let line = line.get(..room).unwrap_or(line);
        self.line.extend_from_slice(line);
        if is_whole || self.line.len() == WAIT_BYTES_MAX {
            self.judge(out);
            self.is_within_line = !is_whole;
        }
        line.len() + usize::from(is_whole)
    }

    /// Is what was waited for base64?
    fn judge(&mut self, out: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.line);
        let is_letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        if line.trim_ascii().iter().all(is_letter) {
            line.iter().for_each(|byte| self.letter(*byte, out));
        } else {
            (self.is_over, self.bad) = (true, true);
        }
    }

    /// As nearly all of it comes: the alphabet and line ends, four letters and four letters. No padding is among it.
    fn groups(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while self.held != 0 {
            let Some((byte, behind)) = rest.split_first() else { return };
            self.letter(*byte, out);
            rest = behind;
        }
        let mut letters = std::mem::take(&mut self.letters);
        letters.clear();
        for line in rest.split(|b| *b == b'\n') {
            letters.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        }
        let (groups, behind) = letters.split_at(letters.len() / 4 * 4);
        let before = out.len();
        if STANDARD.decode_vec(groups, out).is_ok() {
            behind.iter().for_each(|byte| self.letter(*byte, out));
        } else {
            // Something else is in it.
            out.truncate(before);
            rest.iter().for_each(|byte| self.letter(*byte, out));
        }
        self.letters = letters;
    }

    fn letter(&mut self, byte: u8, out: &mut Vec<u8>) {
        if let Some(value) = sextet(byte) {
            self.buffer = (self.buffer << 6) | value;
            self.held += 1;
            if self.held == 4 {
                let buffer = self.buffer;
                out.extend_from_slice(&[(buffer >> 16) as u8, (buffer >> 8) as u8, buffer as u8]);
                (self.buffer, self.held) = (0, 0);
            }
        } else if byte == b'=' {
            self.bad |= flush(out, self.buffer, self.held);
            (self.buffer, self.held) = (0, 0);
        } else if !matches!(byte, b'\r' | b'\n' | b' ' | b'\t') {
            self.bad = true;
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) -> bool {
        if !self.is_over {
            self.judge(out);
        }
        if !self.is_over && self.held > 0 {
            flush(out, self.buffer, self.held);
            self.bad = true;
        }
        self.bad
    }
}

/// The bytes of an unfinished group of four; true when it holds less than one byte.
fn flush(out: &mut Vec<u8>, buffer: u32, held: u8) -> bool {
    match held {
        2 => out.push((buffer >> 4) as u8),
        3 => out.extend_from_slice(&[(buffer >> 10) as u8, (buffer >> 2) as u8]),
        1 => return true,
        _ => {}
    }
    false
}

fn hex(byte: Option<&u8>) -> Option<u8> {
    char::from(*byte?).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Quoted-printable.  Blanks at line ends are transport padding and go; of more than 64 KB in a row nobody would say that.
#[derive(Debug, Default)]
pub(crate) struct Quoted {
    /// `=`, or that and one digit.
    escape: Vec<u8>,
    /// Blanks of which is not known yet whether the line ends behind them.
    blanks: Vec<u8>,
    /// Too many of them stand in a row: they are no padding.
    keeps_blanks: bool,
    ends_with_cr: bool,
    bad: bool,
}
impl Quoted {
    fn feed(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let Some((first, rest)) = bytes.split_first() {
            if self.escape.is_empty() && self.blanks.is_empty() && !self.keeps_blanks {
                let special = |b: &u8| *b == b'=' || b.is_ascii_whitespace();
                let plain = bytes.iter().position(special).unwrap_or(bytes.len());
                if let Some((run, behind)) = bytes.split_at_checked(plain).filter(|(run, _)| !run.is_empty())
                {
                    out.extend_from_slice(run);
                    self.ends_with_cr = false;
                    bytes = behind;
                    continue;
                }
            }
            match first {
                b'\n' => self.line_end(out),
                blank if blank.is_ascii_whitespace() => self.blank(*blank, out),
                _ => self.letter(*first, out),
            }
            bytes = rest;
        }
    }

    fn blank(&mut self, blank: u8, out: &mut Vec<u8>) {
        self.ends_with_cr = blank == b'\r';
        if self.keeps_blanks {
            out.push(blank);
            return;
        }
        self.blanks.push(blank);
        if self.blanks.len() > WAIT_BYTES_MAX {
            self.give_up(out);
            self.keeps_blanks = true;
        }
    }

    fn letter(&mut self, byte: u8, out: &mut Vec<u8>) {
        if !self.blanks.is_empty() {
            self.give_up(out);
        }
        (self.keeps_blanks, self.ends_with_cr) = (false, false);
        let (high, low) = (hex(self.escape.get(1)), hex(Some(&byte)));
        match (self.escape.len(), high, low) {
            (1, _, Some(_)) => self.escape.push(byte),
            (2, Some(high), Some(low)) => {
                out.push(high << 4 | low);
                self.escape.clear();
            }
            _ => {
                self.give_up(out);
                if byte == b'=' { self.escape.push(byte) } else { out.push(byte) }
            }
        }
    }

    /// An escape that is none, and blanks that are no padding, stay as they are.
    fn give_up(&mut self, out: &mut Vec<u8>) {
        self.bad |= !self.escape.is_empty();
        out.append(&mut self.escape);
        out.append(&mut self.blanks);
    }

    fn line_end(&mut self, out: &mut Vec<u8>) {
        let line_end: &[u8] = if self.ends_with_cr { b"\r\n" } else { b"\n" };
        if !self.ends_softly(out) {
            out.extend_from_slice(line_end);
        }
        (self.keeps_blanks, self.ends_with_cr) = (false, false);
    }

    /// Does the line go on in the next one?
    fn ends_softly(&mut self, out: &mut Vec<u8>) -> bool {
        self.blanks.clear();
        let is_soft = self.escape == b"=";
        if is_soft {
            self.escape.clear();
        }
        self.give_up(out);
        is_soft
    }

    fn end(&mut self, out: &mut Vec<u8>) -> bool {
        self.ends_softly(out);
        self.bad
    }
}

fn quoted_printable_line(line: &[u8], out: &mut Vec<u8>) -> bool {
    let mut bad = false;
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        if byte == b'=' {
            if let (Some(high), Some(low)) = (hex(line.get(at + 1)), hex(line.get(at + 2))) {
                out.push(high << 4 | low);
                at += 3;
                continue;
            }
            bad = true;
        }
        out.push(byte);
        at += 1;
    }
    bad
}

/// The Q of RFC 2047: as quoted-printable on one line, and `_` is a blank.
pub(crate) fn q_word(bytes: &[u8]) -> (Vec<u8>, bool) {
    let spaced: Vec<u8> = bytes.iter().map(|b| if *b == b'_' { b' ' } else { *b }).collect();
    let mut out = Vec::with_capacity(spaced.len());
    let bad = quoted_printable_line(&spaced, &mut out);
    (out, bad)
}

#[cfg(test)]
mod tests;
