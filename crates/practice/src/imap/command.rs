//! What an IMAP client says: one command with its literals as tokens, sets of numbers, dates (RFC 3501 §9).
//! Not what is answered.

use std::io::{Error, ErrorKind, Result};

use crate::link::Link;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An atom, a quoted string or a literal that is text; `BODY[…]<…>` is one atom.
    Text(String),
    Bytes(Vec<u8>),
    Open,
    Close,
}

#[derive(Debug)]
pub(crate) struct Command {
    pub tag: String,
    /// In capitals; `UID` commands as `UID FETCH`.
    pub verb: String,
    pub arguments: Vec<Token>,
}

/// Reads a command; `None` when the client has gone.
pub(crate) async fn read(link: &mut Link) -> Result<Option<Command>> {
    let mut tokens = Vec::new();
    loop {
        let Some(line) = link.line().await? else { return Ok(None) };
        let (line, literal) = literal_at_end(&line);
        tokenize(line, &mut tokens);
        let Some((bytes, waits)) = literal else { break };
        if waits {
            link.send("+ Ready for additional command text.\r\n").await?;
        }
        let bytes = link.exactly(bytes).await?;
        tokens.push(
            String::from_utf8(bytes).map_or_else(|error| Token::Bytes(error.into_bytes()), Token::Text),
        );
        if tokens.len() > 10_000 {
            return Err(Error::new(ErrorKind::InvalidData, "a command is too long"));
        }
    }
    let mut tokens = tokens.into_iter();
    let tag = text_of(tokens.next());
    let mut verb = text_of(tokens.next()).to_ascii_uppercase();
    if verb == "UID" {
        verb = format!("UID {}", text_of(tokens.next()).to_ascii_uppercase());
    }
    Ok(Some(Command { tag, verb, arguments: tokens.collect() }))
}

impl Command {
    pub fn text(&self, at: usize) -> Option<&str> {
        match self.arguments.get(at) {
            Some(Token::Text(text)) => Some(text),
            _ => None,
        }
    }
}

fn text_of(token: Option<Token>) -> String {
    match token {
        Some(Token::Text(text)) => text,
        _ => String::new(),
    }
}

/// `… {310}` or `… {310+}` (LITERAL+): the line before it, how many bytes follow, whether the client waits.
fn literal_at_end(line: &[u8]) -> (&[u8], Option<(usize, bool)>) {
    let found = || {
        let open = line.iter().rposition(|byte| *byte == b'{')?;
        let inside = std::str::from_utf8(line.get(open + 1..)?.strip_suffix(b"}")?).ok()?;
        let (digits, waits) = inside.strip_suffix('+').map_or((inside, true), |digits| (digits, false));
        Some((line.get(..open)?, (digits.parse().ok()?, waits)))
    };
    found().map_or((line, None), |(line, literal)| (line, Some(literal)))
}

fn tokenize(line: &[u8], tokens: &mut Vec<Token>) {
    let text = String::from_utf8_lossy(line);
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            ' ' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '"' => {
                let mut quoted = String::new();
                while let Some(next) = rest.next() {
                    match next {
                        '"' => break,
                        '\\' => quoted.extend(rest.next()),
                        other => quoted.push(other),
                    }
                }
                tokens.push(Token::Text(quoted));
            }
            first => {
                let mut atom = String::from(first);
                let mut inside = first == '[';
                while let Some(next) = rest.next_if(|next| inside || !matches!(next, ' ' | '(' | ')')) {
                    inside = (inside || next == '[') && next != ']';
                    atom.push(next);
                }
                tokens.push(Token::Text(atom));
            }
        }
    }
}

/// A set such as `1:4,7,9:*`. Ends may come in either order; `*` is the last number there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NumberSet(Vec<(u32, u32)>);

impl NumberSet {
    pub fn parse(text: &str, last: u32) -> Option<NumberSet> {
        let number = |text: &str| if text == "*" { Some(last) } else { text.parse().ok().filter(|n| *n > 0) };
        let ranges = text.split(',').map(|part| {
            let (from, to) = part.split_once(':').unwrap_or((part, part));
            let (from, to) = (number(from)?, number(to)?);
            Some((from.min(to), from.max(to)))
        });
        ranges.collect::<Option<Vec<_>>>().map(NumberSet)
    }

    pub fn contains(&self, number: u32) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_from_beyond_the_last_letter_still_names_the_last() {
        let set = NumberSet::parse("12:*", 9).unwrap();
        assert!(set.contains(9) && set.contains(12) && !set.contains(8));
        assert_eq!(NumberSet::parse("1,,2", 9), None);
        assert_eq!(NumberSet::parse("0", 9), None);
    }

    #[test]
    fn a_body_section_is_one_word_and_quotes_are_undone() {
        let mut tokens = Vec::new();
        tokenize(b"(UID BODY.PEEK[HEADER.FIELDS (From To)]<0.9>) \"a \\\"b\\\"\"", &mut tokens);
        let text = |t: &str| Token::Text(t.to_owned());
        let section = text("BODY.PEEK[HEADER.FIELDS (From To)]<0.9>");
        assert_eq!(tokens, [Token::Open, text("UID"), section, Token::Close, text("a \"b\"")]);
        assert_eq!(literal_at_end(b"a1 LOGIN {3+}"), (&b"a1 LOGIN "[..], Some((3, false))));
        assert_eq!(literal_at_end(b"a1 NOOP"), (&b"a1 NOOP"[..], None));
    }
}
