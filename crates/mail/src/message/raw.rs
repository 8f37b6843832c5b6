//! The bytes of a message before anything is read of them: line ends, NUL, long lines, the mbox line.

use std::borrow::Cow;

use crate::message::Defect;

/// Octets of a line that RFC 5322 2.1.1 allows.
pub(crate) const LINE_BYTES_MAX: usize = 998;

/// What some programs begin a file in UTF-8 with.
pub(crate) const MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes to read, and the defects that can be seen in them.
pub(crate) fn prepare(raw: &[u8]) -> (Cow<'_, [u8]>, Vec<Defect>) {
    let mut defects = Vec::new();
    let out = lines(raw);
    if matches!(out, Cow::Owned(_))
        || memchr::memchr_iter(b'\r', &out).any(|at| out.get(at + 1) != Some(&b'\n'))
    {
        defects.push(Defect::BareCr);
    }
    if memchr::memchr(0, &out).is_some() {
        defects.push(Defect::NulByte);
    }
    if has_long_line(&out) {
        defects.push(Defect::LongLine);
    }
    (without_start(out), defects)
}
/// The same, and nothing is looked for.
pub(crate) fn data(raw: &[u8]) -> Cow<'_, [u8]> {
    without_start(lines(raw))
}

/// Where no line ends otherwise, CR ends it.
fn lines(raw: &[u8]) -> Cow<'_, [u8]> {
    let data = raw.strip_prefix(MARK).unwrap_or(raw);
    if memchr::memchr(b'\n', data).is_some() || memchr::memchr(b'\r', data).is_none() {
        return Cow::Borrowed(data);
    }
    Cow::Owned(data.iter().map(|b| if *b == b'\r' { b'\n' } else { *b }).collect())
}

fn has_long_line(data: &[u8]) -> bool {
    let mut begin = 0;
    memchr::memchr_iter(b'\n', data).chain([data.len()]).any(|end| {
        let line = data.get(begin..end).unwrap_or_default();
        begin = end + 1;
        // The line's CR is not of it.
        line.len() > LINE_BYTES_MAX && line.strip_suffix(b"\r").unwrap_or(line).len() > LINE_BYTES_MAX
    })
}

fn without_start(data: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match (start(&data), data) {
        (0, data) => data,
        (skip, Cow::Borrowed(bytes)) => Cow::Borrowed(bytes.get(skip..).unwrap_or_default()),
        (skip, Cow::Owned(mut bytes)) => {
            bytes.drain(..skip.min(bytes.len()));
            Cow::Owned(bytes)
        }
    }
}

/// Behind empty lines at the start and the `From ` line of an mbox.
fn start(data: &[u8]) -> usize {
    let blank = data.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let rest = data.get(blank..).unwrap_or_default();
    if rest.starts_with(b"From ") { blank + crate::header::line_at(rest, 0).1 } else { blank }
}
