//! Tags and text of HTML, in time that grows with its length alone (WHATWG HTML 13.2.5, without scripting).

use super::entity;

/// Attributes of one tag that are kept.
const ATTRIBUTES_MAX: usize = 64;
/// Bytes of an attribute's value that is kept: longer ones hold data, not words.
const VALUE_BYTES_MAX: usize = 16 << 10;

#[derive(Debug)]
pub(crate) enum Token {
    Text(String),
    Start { name: String, attributes: Vec<(String, String)>, closed: bool },
    End(String),
}

pub(crate) struct Tokens<'a> {
    html: &'a str,
    at: usize,
    /// The element whose text is read without tags till its end tag.
    raw: Option<&'static str>,
    /// An attribute was left out, since there were too many or it was too long.
    pub(crate) has_dropped: bool,
}

/// Elements whose content is text, whatever it looks like.
fn raw_element(name: &str) -> Option<&'static str> {
    const RAW: [&str; 8] = ["script", "style", "xmp", "iframe", "noembed", "noframes", "textarea", "title"];
    RAW.into_iter().find(|r| *r == name)
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(html: &'a str) -> Tokens<'a> {
        Tokens { html, at: 0, raw: None, has_dropped: false }
    }

    fn rest(&self) -> &'a str {
        self.html.get(self.at..).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.html.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.byte().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    /// The text from `start` to where we are.
    fn since(&self, start: usize) -> &'a str {
        self.html.get(start..self.at).unwrap_or_default()
    }

    fn skip_past(&mut self, end: &str) {
        self.at = match memchr::memmem::find(self.rest().as_bytes(), end.as_bytes()) {
            Some(found) => self.at + found + end.len(),
            None => self.html.len(),
        };
    }

    /// The content of a raw element, and past its end tag.
    fn raw_text(&mut self, name: &'static str) -> Token {
        let start = self.at;
        let bytes = self.html.as_bytes();
        let end = memchr::memchr_iter(b'<', self.rest().as_bytes()).map(|i| start + i).find(|at| {
            bytes.get(at + 1) == Some(&b'/')
                && bytes
                    .get(at + 2..at + 2 + name.len())
                    .is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
                && bytes.get(at + 2 + name.len()).is_none_or(|b| !b.is_ascii_alphanumeric())
        });
        self.at = end.unwrap_or(self.html.len());
        let content = self.since(start);
        Token::Text(if matches!(name, "textarea" | "title") {
            entity::decode(content)
        } else {
            content.to_owned()
        })
    }

    /// What begins with `<`; `None` when it is no tag (a comment, or nothing).
    fn tag(&mut self) -> Option<Token> {
        let rest = self.rest();
        if let Some(comment) = rest.strip_prefix("<!--") {
            if comment.starts_with('>') || comment.starts_with("->") {
                self.skip_past(">");
            } else {
                self.at += 4;
                self.skip_past("-->");
            }
            return None;
        }
        if rest.starts_with("<!") || rest.starts_with("<?") {
            self.skip_past(">");
            return None;
        }
        if let Some(name) = rest.strip_prefix("</") {
            if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                self.skip_past(">");
                return None;
            }
            self.at += 2;
            let name = self.name();
            self.attributes();
            return Some(Token::End(name));
        }
        self.at += 1;
        let name = self.name();
        let (attributes, closed) = self.attributes();
        self.raw = raw_element(&name);
        Some(Token::Start { name, attributes, closed })
    }

    fn name(&mut self) -> String {
        let start = self.at;
        self.skip(|b| !(b.is_ascii_whitespace() || matches!(b, b'/' | b'>')));
        self.since(start).chars().take(64).collect::<String>().to_ascii_lowercase()
    }

    /// Attributes up to and past `>`; whether the tag closes itself.
    fn attributes(&mut self) -> (Vec<(String, String)>, bool) {
        let mut list: Vec<(String, String)> = Vec::new();
        loop {
            let slash = self.at;
            self.skip(|b| b.is_ascii_whitespace() || b == b'/');
            let closed = self.since(slash).ends_with('/');
            match self.byte() {
                None => return (list, false),
                Some(b'>') => {
                    self.at += 1;
                    return (list, closed);
                }
                Some(_) => {}
            }
            let start = self.at;
            self.at += 1;
            self.skip(|b| !(b.is_ascii_whitespace() || matches!(b, b'/' | b'>' | b'=')));
            let name = self.since(start).chars().take(64).collect::<String>().to_ascii_lowercase();
            self.skip(|b| b.is_ascii_whitespace());
            let value = if self.byte() == Some(b'=') { self.value() } else { "" };
            let wanted = list.len() < ATTRIBUTES_MAX && value.len() <= VALUE_BYTES_MAX;
            self.has_dropped |= !wanted;
            if wanted && list.iter().all(|(n, _)| *n != name) {
                list.push((name, entity::decode(value)));
            }
        }
    }

    fn value(&mut self) -> &'a str {
        self.at += 1;
        self.skip(|b| b.is_ascii_whitespace());
        match self.byte() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                let start = self.at;
                self.at =
                    memchr::memchr(quote, self.rest().as_bytes()).map_or(self.html.len(), |i| start + i);
                let value = self.since(start);
                self.at = (self.at + 1).min(self.html.len());
                value
            }
            Some(b'>') | None => "",
            Some(_) => {
                let start = self.at;
                self.skip(|b| !(b.is_ascii_whitespace() || b == b'>'));
                self.since(start)
            }
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        if let Some(name) = self.raw.take() {
            return Some(self.raw_text(name));
        }
        while self.at < self.html.len() {
            let start = self.at;
            // Text goes on over a `<` that begins no tag.
            loop {
                self.at =
                    memchr::memchr(b'<', self.rest().as_bytes()).map_or(self.html.len(), |i| self.at + i);
                let next = self.html.as_bytes().get(self.at + 1);
                if self.at >= self.html.len()
                    || next.is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'!' | b'?'))
                {
                    break;
                }
                self.at += 1;
            }
            if self.at > start {
                return Some(Token::Text(entity::decode(self.since(start))));
            }
            if let Some(token) = self.tag() {
                return Some(token);
            }
        }
        None
    }
}
