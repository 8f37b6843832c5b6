//! A server's responses as values (RFC 3501 §7, RFC 9051 §7). No reading: `session` hands in whole responses.
//!
//! What cannot be understood is [`Untagged::Other`], since one odd line must not stop a mailbox; what was asked
//! for and did not come is noticed by whoever asked.

use super::date;
use crate::error::clean;
use crate::letter::Letter;

/// One response: text up to its line end, with literals in between.
pub(super) enum Piece {
    Text(Vec<u8>),
    Literal(Literal),
}

#[derive(Debug)]
pub(super) enum Literal {
    Kept(Vec<u8>),
    /// One that was announced as a whole message.
    Message(Letter),
    /// Longer than allowed: read past. Holds its size.
    Drained(u64),
}

#[derive(Debug)]
pub(super) enum Response {
    Continuation(String),
    Tagged(Tagged),
    Untagged(Untagged),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Ok,
    No,
    Bad,
}

/// The answer that ends a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tagged {
    pub tag: String,
    pub condition: Condition,
    pub words: Words,
}

/// Response code (without brackets, its name in upper case) and text of a status response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub code: Option<(String, String)>,
    /// Everything, the code too: what a person should see.
    pub text: String,
}

#[derive(Debug)]
pub(super) enum Untagged {
    Status(Condition, Words),
    PreAuth,
    Bye(Words),
    Capability(Vec<String>),
    Exists(u32),
    Recent(u32),
    Expunge,
    /// RFC 7162 §3.2.10: first and last of each run of UIDs. Earlier: before the client opened the folder.
    Vanished {
        is_earlier: bool,
        runs: Vec<(u32, u32)>,
    },
    /// RFC 5161 §3.2, in upper case.
    Enabled(Vec<String>),
    Search(Vec<u32>),
    Fetch(FetchData),
    List {
        attributes: Vec<String>,
        delimiter: Option<char>,
        name: Vec<u8>,
    },
    MailboxStatus(Vec<(String, u32)>),
    /// RFC 4314 §3.8: the rights alone.
    MyRights(String),
    Other,
}

/// What a FETCH response told of one message.
#[derive(Debug, Default)]
pub(super) struct FetchData {
    pub uid: Option<u32>,
    pub internal_date_at: Option<i64>,
    pub body: Option<Literal>,
    /// It ends where it should. If not, the server's literal is longer or shorter than it announced, and nobody knows what
    /// of what follows is mail.
    pub is_whole: bool,
}

/// Whether a line may be followed by a literal: the text of status responses is free and may end in `{5}`.
pub(super) fn may_hold_literals(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"* ") else { return false };
    let word: Vec<u8> = rest.iter().take_while(|b| **b != b' ').map(u8::to_ascii_uppercase).collect();
    !matches!(word.as_slice(), b"OK" | b"NO" | b"BAD" | b"BYE" | b"PREAUTH")
}

/// The literal that a line announces at its end, and the length of the line without the announcement. `Err` for
/// a number beyond all reason.
pub(super) fn announced_literal(line: &[u8]) -> Result<Option<(usize, u64)>, ()> {
    let Some(inside) = line.strip_suffix(b"}") else { return Ok(None) };
    let inside = inside.strip_suffix(b"+").unwrap_or(inside);
    let Some(brace) = inside.iter().rposition(|byte| *byte == b'{') else { return Ok(None) };
    let digits = inside.get(brace + 1..).unwrap_or_default();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let size = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(())?;
    let end = line.get(..brace).map_or(0, |text| text.strip_suffix(b"~").unwrap_or(text).len());
    Ok(Some((end, size)))
}

/// Whether the text before a literal says that the literal is a whole message.
pub(super) fn announces_body(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    text.len() >= 6 && text.get(text.len() - 6..).is_some_and(|end| end.eq_ignore_ascii_case(b"BODY[]"))
}

pub(super) fn parse(pieces: Vec<Piece>) -> Response {
    let first = match pieces.first() {
        Some(Piece::Text(first)) => String::from_utf8_lossy(first).into_owned(),
        _ => String::new(),
    };
    if let Some(text) = first.strip_prefix('+') {
        return Response::Continuation(text.strip_prefix(' ').unwrap_or(text).to_owned());
    }
    let (tag, rest) = split_word(&first);
    let (word, text) = split_word(rest);
    let word = word.to_ascii_uppercase();
    let condition = match word.as_str() {
        "OK" => Some(Condition::Ok),
        "NO" => Some(Condition::No),
        "BAD" => Some(Condition::Bad),
        _ => None,
    };
    match (tag, condition, word.as_str()) {
        ("*", Some(condition), _) => Response::Untagged(Untagged::Status(condition, words(text))),
        ("*", None, "BYE") => Response::Untagged(Untagged::Bye(words(text))),
        ("*", None, "PREAUTH") => Response::Untagged(Untagged::PreAuth),
        ("*", None, "CAPABILITY") => Response::Untagged(Untagged::Capability(capabilities(text))),
        ("*", None, "ENABLED") => Response::Untagged(Untagged::Enabled(capabilities(text))),
        ("*", None, "VANISHED") => Response::Untagged(vanished(text)),
        ("*", None, "SEARCH") => {
            Response::Untagged(Untagged::Search(text.split(' ').filter_map(|uid| uid.parse().ok()).collect()))
        }
        ("*", None, _) => Response::Untagged(data(&word, text, pieces).unwrap_or(Untagged::Other)),
        (_, Some(condition), _) => {
            Response::Tagged(Tagged { tag: tag.to_owned(), condition, words: words(text) })
        }
        _ => Response::Untagged(Untagged::Other),
    }
}

pub(super) fn capabilities(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().take(200).map(str::to_ascii_uppercase).collect()
}

fn vanished(text: &str) -> Untagged {
    let (word, rest) = split_word(text);
    let is_earlier = word.eq_ignore_ascii_case("(EARLIER)");
    let run = |run: &str| {
        let (first, last) = run.split_once(':').unwrap_or((run, run));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        Some((first.min(last), first.max(last)))
    };
    let set = if is_earlier { rest } else { text };
    Untagged::Vanished { is_earlier, runs: set.trim().split(',').filter_map(run).collect() }
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

fn words(text: &str) -> Words {
    let code = text.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(code, _)| {
        let (name, value) = split_word(code);
        (name.to_ascii_uppercase(), value.to_owned())
    });
    Words { code, text: clean(text) }
}

/// The responses that carry data: `n EXISTS`, `n FETCH (…)`, LIST, STATUS.
fn data(word: &str, text: &str, pieces: Vec<Piece>) -> Option<Untagged> {
    if let Ok(number) = word.parse::<u32>() {
        let (kind, _) = split_word(text);
        return match kind.to_ascii_uppercase().as_str() {
            "EXISTS" => Some(Untagged::Exists(number)),
            "RECENT" => Some(Untagged::Recent(number)),
            "EXPUNGE" => Some(Untagged::Expunge),
            "FETCH" => Some(Untagged::Fetch(fetch(pieces))),
            _ => None,
        };
    }
    match word {
        "LIST" | "XLIST" => list(tokens(pieces)),
        "MYRIGHTS" => {
            let rights = tokens(pieces).into_iter().filter_map(Token::into_bytes).next_back()?;
            Some(Untagged::MyRights(String::from_utf8_lossy(&rights).into_owned()))
        }
        "STATUS" => Some(Untagged::MailboxStatus(status(tokens(pieces)))),
        _ => None,
    }
}

#[derive(Debug)]
enum Token {
    Open,
    Close,
    Atom(String),
    Quoted(Vec<u8>),
    Literal(Literal),
}

impl Token {
    fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Token::Atom(atom) => Some(atom.into_bytes()),
            Token::Quoted(bytes) | Token::Literal(Literal::Kept(bytes)) => Some(bytes),
            Token::Literal(Literal::Message(letter)) => letter.into_bytes(),
            Token::Open | Token::Close | Token::Literal(Literal::Drained(_)) => None,
        }
    }
}

fn tokens(pieces: Vec<Piece>) -> Vec<Token> {
    let mut found = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(literal) => found.push(Token::Literal(literal)),
            Piece::Text(text) => tokens_of_text(&text, &mut found),
        }
    }
    found
}

fn tokens_of_text(text: &[u8], found: &mut Vec<Token>) {
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b' ' => {}
            b'(' => found.push(Token::Open),
            b')' => found.push(Token::Close),
            b'"' => {
                let mut quoted = Vec::new();
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => quoted.extend(bytes.next()),
                        _ => quoted.push(byte),
                    }
                }
                found.push(Token::Quoted(quoted));
            }
            _ => {
                let mut atom = vec![byte];
                let mut in_brackets = byte == b'[';
                while let Some(next) =
                    bytes.next_if(|next| in_brackets || !matches!(next, b' ' | b'(' | b')'))
                {
                    in_brackets = (in_brackets || next == b'[') && next != b']';
                    atom.push(next);
                }
                found.push(Token::Atom(String::from_utf8_lossy(&atom).into_owned()));
            }
        }
    }
}

/// `* n FETCH (name value name value …)`; values that nobody asked for are stepped over, however nested.
fn fetch(pieces: Vec<Piece>) -> FetchData {
    let mut data = FetchData { is_whole: literals_end_as_announced(&pieces), ..FetchData::default() };
    let mut tokens = tokens(pieces).into_iter().skip_while(|token| !matches!(token, Token::Open)).skip(1);
    loop {
        let name = match tokens.next() {
            Some(Token::Atom(name)) => name,
            Some(Token::Close) if tokens.next().is_none() => return data,
            _ => break,
        };
        let Some(value) = tokens.next() else { break };
        match (name.to_ascii_uppercase().as_str(), value) {
            (_, Token::Close) => break,
            ("UID", Token::Atom(uid)) => data.uid = uid.parse().ok().filter(|uid| *uid > 0),
            ("INTERNALDATE", Token::Quoted(text)) => data.internal_date_at = date::parse(&text),
            ("BODY[]", Token::Literal(literal)) => data.body = Some(literal),
            ("BODY[]", Token::Quoted(bytes)) => data.body = Some(Literal::Message(bytes.into())),
            (_, Token::Open) => step_over(&mut tokens),
            _ => {}
        }
    }
    FetchData { is_whole: false, ..data }
}

/// After each literal comes the next name, or the end.
fn literals_end_as_announced(pieces: &[Piece]) -> bool {
    pieces.windows(2).all(|pair| match pair {
        [Piece::Literal(_), Piece::Text(text)] => matches!(text.first(), Some(b' ' | b')')),
        _ => true,
    })
}

fn step_over(tokens: &mut impl Iterator<Item = Token>) {
    let mut depth = 1;
    for token in tokens {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth -= 1,
            Token::Atom(_) | Token::Quoted(_) | Token::Literal(_) => {}
        }
        if depth == 0 {
            break;
        }
    }
}

/// `* LIST (\HasNoChildren) "/" name`
fn list(tokens: Vec<Token>) -> Option<Untagged> {
    let mut tokens = tokens.into_iter().skip_while(|token| !matches!(token, Token::Open)).skip(1);
    let mut attributes = Vec::new();
    loop {
        match tokens.next()? {
            Token::Close => break,
            Token::Atom(attribute) => {
                attributes.push(attribute.trim_start_matches('\\').to_ascii_lowercase());
            }
            Token::Open | Token::Quoted(_) | Token::Literal(_) => return None,
        }
    }
    let delimiter = match tokens.next()? {
        Token::Quoted(quoted) => quoted.first().map(|byte| char::from(*byte)),
        Token::Atom(_) => None,
        Token::Open | Token::Close | Token::Literal(_) => return None,
    };
    Some(Untagged::List { attributes, delimiter, name: tokens.next()?.into_bytes()? })
}

/// `* STATUS name (MESSAGES 3 UIDNEXT 9)`
fn status(tokens: Vec<Token>) -> Vec<(String, u32)> {
    let mut items = Vec::new();
    let mut tokens = tokens.into_iter().skip_while(|token| !matches!(token, Token::Open)).skip(1);
    while let (Some(Token::Atom(name)), Some(Token::Atom(value))) = (tokens.next(), tokens.next()) {
        items.extend(value.parse().ok().map(|value| (name.to_ascii_uppercase(), value)));
    }
    items
}

#[cfg(test)]
mod tests;
