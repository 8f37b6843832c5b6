//! The bytes of a message before anything is read of them: line ends, NUL, long lines, the mbox line.

use std::borrow::Cow;

use crate::message::Defect;

/// Octets of a line that RFC 5322 2.1.1 allows.
const LINE_BYTES_MAX: usize = 998;

/// The bytes to read, and the defects that can be seen in them.
pub(crate) fn prepare(raw: &[u8]) -> (Cow<'_, [u8]>, Vec<Defect>) {
    let mut defects = Vec::new();
    let mut data = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let has_lf = memchr::memchr(b'\n', data).is_some();
    let mut out = Cow::Borrowed(data);
    if !has_lf && memchr::memchr(b'\r', data).is_some() {
        defects.push(Defect::BareCr);
        out = Cow::Owned(data.iter().map(|b| if *b == b'\r' { b'\n' } else { *b }).collect());
    } else if memchr::memchr_iter(b'\r', data).any(|at| data.get(at + 1) != Some(&b'\n')) {
        defects.push(Defect::BareCr);
    }
    if memchr::memchr(0, data).is_some() {
        defects.push(Defect::NulByte);
    }
    if out.split(|b| *b == b'\n').any(|line| line.strip_suffix(b"\r").unwrap_or(line).len() > LINE_BYTES_MAX)
    {
        defects.push(Defect::LongLine);
    }
    let skip = start(&out);
    if skip > 0 {
        out = match out {
            Cow::Borrowed(bytes) => {
                data = bytes.get(skip..).unwrap_or_default();
                Cow::Borrowed(data)
            }
            Cow::Owned(mut bytes) => {
                bytes.drain(..skip.min(bytes.len()));
                Cow::Owned(bytes)
            }
        };
    }
    (out, defects)
}

/// Behind empty lines at the start and the `From ` line of an mbox.
fn start(data: &[u8]) -> usize {
    let blank = data.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let rest = data.get(blank..).unwrap_or_default();
    if rest.starts_with(b"From ") { blank + crate::header::line_at(rest, 0).1 } else { blank }
}
