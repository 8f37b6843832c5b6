//! Encoded words of header fields (RFC 2047) and parameters (RFC 2231) → text on one line.

use std::borrow::Cow;

use crate::{charset, transfer};

/// What decoding met.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Trouble {
    pub charset: bool,
    pub base64: bool,
    pub encoding: bool,
}

impl Trouble {
    pub(crate) fn add(&mut self, other: Trouble) {
        self.charset |= other.charset;
        self.base64 |= other.base64;
        self.encoding |= other.encoding;
    }
}

/// Raw header bytes as text: UTF-8 if they are, else the label given, else windows-1252.
pub(crate) fn raw_text<'a>(bytes: &'a [u8], label: Option<&str>) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let label = label.filter(|l| charset::is_known_multibyte(l));
            Cow::Owned(charset::decode(bytes, label).0)
        }
    }
}

/// Without the line ends of folding; each run of control characters is one blank; trimmed.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut in_run = false;
    while let Some(c) = chars.next() {
        if (c == '\r' || c == '\n') && !in_run {
            while chars.next_if(|n| *n == '\r' || *n == '\n').is_some() {}
            match chars.peek() {
                // A fold: the blank that follows is the blank that was meant.
                Some(' ') => continue,
                _ => {
                    out.push(' ');
                    in_run = true;
                    continue;
                }
            }
        }
        if c.is_control() || c == '\u{2028}' || c == '\u{2029}' {
            if !in_run {
                out.push(' ');
            }
            in_run = true;
        } else {
            out.push(c);
            in_run = false;
        }
    }
    out.trim().to_owned()
}

/// One encoded word: charset, bytes.
struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
}

/// Reads `=?charset?B|Q?text?=` at the start of `text`; gives the word and the rest.
fn encoded_word<'a>(text: &'a str, trouble: &mut Trouble) -> Option<(Word<'a>, &'a str)> {
    let rest = text.strip_prefix("=?")?;
    let (charset, rest) = rest.split_once('?')?;
    if charset.is_empty() || charset.len() > 60 || charset.contains(|c: char| c.is_whitespace() || c == '=') {
        return None;
    }
    let (encoding, rest) = rest.split_once('?')?;
    // Asked before the end is looked for: a look to the end of the field for each bad word would be quadratic.
    if !matches!(encoding, "B" | "b" | "Q" | "q") {
        return None;
    }
    // RFC 2047 ends a word at `?=`; a Q text may itself end in an encoded `=3F`, never in a raw `?`.
    let (coded, rest) = rest.split_once("?=")?;
    let (bytes, bad) = match encoding {
        "B" | "b" => {
            let (bytes, bad) = transfer::base64(coded.as_bytes());
            // Words without padding are common and unambiguous.
            let bad = bad && coded.bytes().any(|b| !(b.is_ascii_alphanumeric() || b"+/=_- ".contains(&b)));
            trouble.base64 |= bad;
            (bytes, bad)
        }
        _ => transfer::q_word(coded.as_bytes()),
    };
    trouble.encoding |= bad && matches!(encoding, "Q" | "q");
    Some((Word { charset, bytes }, rest))
}

/// Decodes all encoded words of a text.  Words of one charset that stand side by side are decoded together,
/// because many mailers cut in the middle of a character.
pub(crate) fn decode(text: &str, trouble: &mut Trouble) -> String {
    if !text.contains("=?") {
        return one_line(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut pending: Option<Word<'_>> = None;
    let mut rest = text;
    // A word that does not end makes every later `=?` look for its end in vain: look once.
    let mut searchable = text.rfind("?=").map_or(0, |end| end + 2);
    while !rest.is_empty() {
        let consumed = text.len() - rest.len();
        let start = if consumed < searchable { rest.find("=?") } else { None };
        let Some(start) = start else { break };
        let (gap, from_word) = rest.split_at_checked(start).unwrap_or((rest, ""));
        let only_blanks = gap.chars().all(char::is_whitespace);
        if !(only_blanks && pending.is_some()) {
            flush(&mut pending, &mut out, trouble);
            out.push_str(gap);
        }
        match encoded_word(from_word, trouble) {
            Some((word, after)) => {
                rest = after;
                match &mut pending {
                    Some(open) if open.charset.eq_ignore_ascii_case(word.charset) => {
                        open.bytes.extend_from_slice(&word.bytes);
                    }
                    _ => {
                        flush(&mut pending, &mut out, trouble);
                        pending = Some(word);
                    }
                }
            }
            None => {
                if only_blanks && pending.is_some() {
                    flush(&mut pending, &mut out, trouble);
                    out.push_str(gap);
                }
                out.push_str("=?");
                rest = from_word.get(2..).unwrap_or_default();
                if !from_word.get(2..).is_some_and(|r| r.contains('?')) {
                    searchable = 0;
                }
            }
        }
    }
    flush(&mut pending, &mut out, trouble);
    out.push_str(rest);
    one_line(&out)
}

fn flush(pending: &mut Option<Word<'_>>, out: &mut String, trouble: &mut Trouble) {
    if let Some(word) = pending.take() {
        let (text, bad) = charset::decode(&word.bytes, Some(word.charset));
        trouble.charset |= bad;
        out.push_str(&text);
    }
}

/// `%41` of RFC 2231.
pub(crate) fn percent(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|p| std::str::from_utf8(p).ok());
        match pair.and_then(|p| u8::from_str_radix(p, 16).ok()) {
            Some(value) if byte == b'%' => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        assert_eq!(decode(input, &mut Trouble::default()), expected);
    }

    #[test]
    fn encoded_words_are_read_as_mailers_write_them() {
        check("=?utf-8?Q?caf=C3=A9?= au lait", "café au lait");
        check("=?utf-8?B?w?= =?utf-8?B?6Q==?=", "�");
        check("=?utf-8?Q?a=C3?=\r\n =?utf-8?Q?=A9b?=", "aéb");
        check("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=", "日本語");
        check("=?utf-8?Q?hello world?=", "hello world");
        check("=?utf-8*en?q?tagged?=", "tagged");
        check("=?broken", "=?broken");
        check("a =?x?y?z?= b", "a =?x?y?z?= b");
        check("=?utf-8?Q?one?= two =?utf-8?Q?three?=", "one two three");
        check("=?utf-8?Q?a=0D=0ABcc:_x?=", "a Bcc: x");
        check("A\r\n B\tC", "A B C");
        check("A\r\n\tB", "A B");
    }
}
