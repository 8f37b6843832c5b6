//! Header fields (RFC 5322 2.2): splitting the block, reading values, ids and parameters.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::word::{self, Trouble};

/// One field as it stands in the message, folds included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
}

impl<'a> Field<'a> {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    pub(crate) fn is_too_long(&self) -> bool {
        self.value.len() > FIELD_BYTES_MAX
    }

    /// What is read of it.
    pub(crate) fn cut(self) -> Field<'a> {
        Field { value: self.value.get(..FIELD_BYTES_MAX).unwrap_or(self.value), ..self }
    }
}

/// Fields of one block that are read at most; a real letter has under two hundred.
pub(crate) const FIELDS_MAX: usize = 2_000;
/// Bytes of one field that are read at most; a field of 10,000 recipients has under one MB.
pub(crate) const FIELD_BYTES_MAX: usize = 2 << 20;
/// Lines looked ahead to tell a broken header line from the beginning of the body.
const LOOK_AHEAD_LINES: usize = 20;

/// The fields of a block, where its body begins, and the limits that were met.
#[derive(Debug, Default)]
pub(crate) struct Block<'a> {
    pub fields: Vec<Field<'a>>,
    pub body_at: usize,
    pub too_many: bool,
    pub too_long: bool,
}

/// The line at `at` without its end, and where the next one begins.
pub(crate) fn line_at(data: &[u8], at: usize) -> (&[u8], usize) {
    let rest = data.get(at..).unwrap_or_default();
    match memchr::memchr(b'\n', rest) {
        Some(end) => {
            let line = rest.get(..end).unwrap_or_default();
            (line.strip_suffix(b"\r").unwrap_or(line), at + end + 1)
        }
        None => (rest.strip_suffix(b"\r").unwrap_or(rest), data.len()),
    }
}

/// Reads the block that begins at `at`.  `is_end` says of a line whether it is a boundary of an open part.
pub(crate) fn block<'a>(data: &'a [u8], at: usize, is_end: &dyn Fn(&[u8]) -> bool) -> Block<'a> {
    let mut block = Block::default();
    block.body_at = each_field(data, at, is_end, &mut |field| push(&mut block, field));
    block
}

fn push<'a>(block: &mut Block<'a>, field: Field<'a>) {
    if block.fields.len() >= FIELDS_MAX {
        block.too_many = true;
        return;
    }
    block.too_long |= field.is_too_long();
    block.fields.push(field.cut());
}

/// Shows each field of the block that begins at `at`, whatever its length and their number, and says where its body begins.
pub(crate) fn each_field<'a>(
    data: &'a [u8],
    at: usize,
    is_end: &dyn Fn(&[u8]) -> bool,
    show: &mut dyn FnMut(Field<'a>),
) -> usize {
    let mut next = at;
    let mut open: Option<(&[u8], usize, usize)> = None;
    let mut close = |open: Option<(&'a [u8], usize, usize)>| {
        if let Some((name, start, end)) = open {
            show(Field { name, value: data.get(start..end.max(start)).unwrap_or_default() });
        }
    };
    let mut body_at = data.len();
    while next < data.len() {
        let start = next;
        let (line, after) = line_at(data, start);
        let is_fold =
            line.first().is_some_and(|b| matches!(b, b' ' | b'\t')) && !line.trim_ascii().is_empty();
        if let Some((_, _, end)) = open.as_mut().filter(|_| is_fold) {
            *end = start + line.len();
            next = after;
            continue;
        }
        if line.trim_ascii().is_empty() {
            // A line of blanks ends the header too, unless a field goes on after it.
            let goes_on =
                !line.is_empty() && line_at(data, after).0.first().is_some_and(|b| matches!(b, b' ' | b'\t'));
            if !goes_on {
                body_at = after;
                break;
            }
            next = after;
            continue;
        }
        if is_end(line) {
            body_at = start;
            break;
        }
        match field_name(line) {
            Some(name_length) => {
                close(open.take());
                let name = line.get(..name_length).unwrap_or_default().trim_ascii_end();
                open = Some((name, start + name_length + 1, start + line.len()));
            }
            None if line.starts_with(b"From ") || line.starts_with(b">From ") => {}
            None if header_goes_on(data, after) => {
                // A fold whose blank was lost: it belongs to the field above.
                if let Some((_, _, end)) = &mut open {
                    *end = start + line.len();
                }
            }
            None => {
                body_at = start;
                break;
            }
        }
        next = after;
    }
    close(open);
    body_at
}

/// Length of the name when the line is `name:`.
fn field_name(line: &[u8]) -> Option<usize> {
    let colon = line.iter().take(200).position(|b| *b == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(colon)
}

/// Is there another field of a well-known name before the next empty line?
fn header_goes_on(data: &[u8], at: usize) -> bool {
    const KNOWN: [&[u8]; 9] = [
        b"from",
        b"to",
        b"cc",
        b"subject",
        b"date",
        b"message-id",
        b"mime-version",
        b"content-type",
        b"received",
    ];
    let mut next = at;
    for _ in 0..LOOK_AHEAD_LINES {
        let (line, after) = line_at(data, next);
        if line.is_empty() || after <= next {
            return false;
        }
        let known = field_name(line)
            .and_then(|n| line.get(..n))
            .is_some_and(|n| KNOWN.iter().any(|k| n.trim_ascii_end().eq_ignore_ascii_case(k)));
        if known {
            return true;
        }
        next = after;
    }
    false
}

/// The fields of one entity with the label that its raw 8-bit bytes are tried with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'m, 'a> {
    pub list: &'m [Field<'a>],
    pub charset: Option<&'m str>,
}

impl<'a> Fields<'_, 'a> {
    pub(crate) fn all(&self, name: &'static str) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.list.iter().filter(move |field| field.is(name)).map(|field| field.value)
    }

    pub(crate) fn first(&self, name: &'static str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Raw text of the first field of that name, not yet decoded.
    pub(crate) fn raw(&self, name: &'static str) -> Option<Cow<'a, str>> {
        self.first(name).map(|value| word::raw_text(value, self.charset))
    }

    pub(crate) fn text(&self, name: &'static str, trouble: &mut Trouble) -> Option<String> {
        self.raw(name).map(|raw| word::decode(&raw, trouble))
    }
}

/// Characters of an id that is used.
const ID_CHARS_MAX: usize = 998;

fn usable_id(id: &str) -> Option<String> {
    let id: String =
        id.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '<' | '>')).collect();
    (!id.is_empty() && id.chars().count() <= ID_CHARS_MAX).then_some(id)
}

/// The id of a `Message-ID` or `Content-ID` field, without `<>`.
#[must_use]
pub fn id(value: &str) -> Option<String> {
    let value = value.trim();
    if let Some((_, rest)) = value.split_once('<') {
        return usable_id(rest.split_once('>').map_or(rest, |(id, _)| id));
    }
    let bare = value.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default();
    usable_id(bare.trim_end_matches(['>', ',', ';']))
}

/// The ids of `References` or `In-Reply-To`: those in `<>`, or bare words with an `@`; each once, in order.
#[must_use]
pub fn ids(value: &str) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    let mut add = |id: Option<String>| {
        if let Some(id) = id
            && seen.insert(id.clone())
        {
            out.push(id);
        }
    };
    if value.contains('<') {
        for piece in value.split('<').skip(1) {
            let inner = piece.split_once('>').map_or(piece, |(id, _)| id);
            add(usable_id(inner).filter(|_| piece.contains('>') || inner.contains('@')));
        }
    } else {
        for bare in value.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"')) {
            add(usable_id(bare).filter(|id| id.contains('@')));
        }
    }
    out
}

/// A structured value such as `text/plain; charset=utf-8`: the value in lower case, and its parameters.
#[derive(Debug, Default, Clone)]
pub(crate) struct Structured {
    pub value: String,
    parameters: Vec<(String, String)>,
}

/// Parameters read at most.
const PARAMETERS_MAX: usize = 200;

impl Structured {
    pub(crate) fn parse(text: &str) -> Structured {
        let mut pieces = Pieces { rest: text };
        let value = pieces.next().unwrap_or_default();
        let value: String = value
            .chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect::<String>()
            .to_lowercase();
        let parameters = pieces
            .take(PARAMETERS_MAX)
            .filter_map(|piece| {
                let (name, value) = piece.split_once('=')?;
                Some((name.trim().to_ascii_lowercase(), unquote(value.trim())))
            })
            .collect();
        Structured { value, parameters }
    }

    /// A plain parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// A parameter of words: RFC 2231 first, then RFC 2047, then as it stands.
    pub(crate) fn text(&self, name: &str, trouble: &mut Trouble) -> Option<String> {
        self.extended(name, trouble)
            .or_else(|| self.parameter(name).map(|raw| word::decode(raw, trouble)))
            .filter(|text| !text.is_empty())
    }

    /// `name*=utf-8''…`, `name*0*=…; name*1=…` (RFC 2231 3 and 4).
    fn extended(&self, name: &str, trouble: &mut Trouble) -> Option<String> {
        let mut pieces: Vec<(u32, bool, &str)> = Vec::new();
        for (parameter, value) in &self.parameters {
            let Some(suffix) = parameter.strip_prefix(name).and_then(|s| s.strip_prefix('*')) else {
                continue;
            };
            let coded = suffix.is_empty() || suffix.ends_with('*');
            let number = suffix.trim_end_matches('*');
            let number = if number.is_empty() { 0 } else { number.parse().ok()? };
            pieces.push((number, coded, value));
        }
        pieces.sort_by_key(|p| p.0);
        let (_, first_coded, first) = *pieces.first()?;
        let mut label = None;
        let mut bytes = Vec::new();
        let mut head = first;
        if first_coded && first.matches('\'').count() >= 2 {
            let mut parts = first.splitn(3, '\'');
            label = parts.next();
            head = parts.nth(1).unwrap_or_default();
        }
        for (index, (_, coded, value)) in pieces.iter().enumerate() {
            let value = if index == 0 { head } else { value };
            if *coded {
                bytes.extend_from_slice(&word::percent(value));
            } else {
                bytes.extend_from_slice(value.as_bytes());
            }
        }
        if label.is_none() && !first_coded {
            // Split by RFC 2231, coded by RFC 2047: a mix that real mailers write.
            return Some(word::decode(&String::from_utf8_lossy(&bytes), trouble));
        }
        let (text, bad) = crate::charset::decode(&bytes, label);
        trouble.charset |= bad;
        Some(word::one_line(&text))
    }
}

/// The pieces between semicolons outside quotes and comments.
struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut quoted = false;
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ';' if !quoted => {
                    let (piece, rest) = self.rest.split_at_checked(at).unwrap_or((self.rest, ""));
                    self.rest = rest.strip_prefix(';').unwrap_or(rest);
                    return Some(piece);
                }
                _ => {}
            }
        }
        Some(std::mem::take(&mut self.rest))
    }
}

/// The text of a quoted string, or a token.
fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else {
        // Unquoted file names with blanks are common: only a comment is cut off.
        return text.split('(').next().unwrap_or_default().trim().to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            // A path of Windows (`C:\file`) was never escaped: only quotes and backslashes are.
            '\\' if chars.peek().is_some_and(|n| matches!(n, '"' | '\\')) => out.extend(chars.next()),
            '"' => break,
            '\r' | '\n' => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(text: &str) -> Option<String> {
        Structured::parse(text).text("filename", &mut Trouble::default())
    }

    #[test]
    fn file_names_are_read_as_mailers_write_them() {
        let check =
            |input: &str, expected: &str| assert_eq!(parameter(input).as_deref(), Some(expected), "{input}");
        check("attachment; filename=a.pdf", "a.pdf");
        check("attachment; filename=\"a; \\\"b\\\".pdf\"", "a; \"b\".pdf");
        check("attachment; filename*=utf-8''%e2%82%ac.txt; filename=x.txt", "€.txt");
        check("attachment; filename*0*=utf-8''%e2%82; filename*1*=%ac; filename*2=\".txt\"", "€.txt");
        check("attachment; filename*1=b.txt; filename*0=a", "ab.txt");
        check("attachment; filename=\"=?utf-8?Q?caf=C3=A9.txt?=\"", "café.txt");
        check("attachment; filename==?utf-8?Q?caf=C3=A9_x.txt?=", "café x.txt");
        check("attachment; filename=my file.txt", "my file.txt");
        check("attachment; filename=\"C:\\tmp\\x.txt\"", "C:\\tmp\\x.txt");
    }

    #[test]
    fn ids_lose_brackets_blanks_and_doubles() {
        assert_eq!(ids("<a@x> <b\r\n @y> <a@x>"), ["a@x", "b@y"]);
        assert_eq!(ids("Your message of Monday <a@x>"), ["a@x"]);
        assert_eq!(ids("a@x b@y"), ["a@x", "b@y"]);
        assert_eq!(id(" <a@x> "), Some("a@x".into()));
        assert_eq!(id("<>"), None);
        assert_eq!(id("a@x"), Some("a@x".into()));
        assert_eq!(id(""), None);
    }

    #[test]
    fn a_header_without_its_empty_line_still_gives_a_body() {
        let data = b"Subject: x\nThis is the body.\nStill.\n";
        let block = block(data, 0, &|_| false);
        assert_eq!((block.fields.len(), block.body_at), (1, 11));
        let data = b"Subject: x\nlost fold\nFrom: a@b\n\nbody";
        let block = super::block(data, 0, &|_| false);
        assert_eq!((block.fields.len(), block.body_at), (2, 32));
    }
}
