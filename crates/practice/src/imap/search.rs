//! SEARCH: the keys a fetcher uses (RFC 3501 §6.4.4), over one letter at a time. Not BODY and TEXT.

use jiff::civil::Date;

use crate::clock::moment;
use crate::imap::command::{NumberSet, Token};
use crate::imap::fetch::split;
use crate::mailboxes::Stored;

#[derive(Debug)]
pub(crate) enum Key {
    All,
    Numbers(NumberSet),
    Uids(NumberSet),
    Flag(&'static str),
    NoFlag(&'static str),
    Since(Date),
    Before(Date),
    On(Date),
    Header(String, String),
    Not(Box<Key>),
    Or(Box<Key>, Box<Key>),
    And(Vec<Key>),
}

/// How the numbers in a search end: `*` is the last sequence number or the last UID.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Last {
    pub number: u32,
    pub uid: u32,
}

pub(crate) fn parse(tokens: &[Token], last: Last) -> Option<Key> {
    let mut rest = tokens.iter();
    let mut keys = Vec::new();
    while !rest.as_slice().is_empty() {
        keys.push(key(&mut rest, last, 0)?);
    }
    (!keys.is_empty()).then_some(Key::And(keys))
}

fn key(rest: &mut std::slice::Iter<'_, Token>, last: Last, depth: usize) -> Option<Key> {
    if depth > 20 {
        return None;
    }
    let word = match rest.next()? {
        Token::Text(word) => word,
        Token::Open => {
            let mut keys = Vec::new();
            while !matches!(rest.as_slice().first()?, Token::Close) {
                keys.push(key(rest, last, depth + 1)?);
            }
            rest.next();
            return Some(Key::And(keys));
        }
        Token::Close | Token::Bytes(_) => return None,
    };
    let mut text = || match rest.next() {
        Some(Token::Text(text)) => Some(text.clone()),
        _ => None,
    };
    Some(match word.to_ascii_uppercase().as_str() {
        "ALL" => Key::All,
        "UID" => Key::Uids(NumberSet::parse(&text()?, last.uid)?),
        "SEEN" => Key::Flag("\\Seen"),
        "UNSEEN" | "NEW" | "RECENT" => Key::NoFlag("\\Seen"),
        "DELETED" => Key::Flag("\\Deleted"),
        "UNDELETED" => Key::NoFlag("\\Deleted"),
        "ANSWERED" => Key::Flag("\\Answered"),
        "UNANSWERED" => Key::NoFlag("\\Answered"),
        "FLAGGED" => Key::Flag("\\Flagged"),
        "UNFLAGGED" => Key::NoFlag("\\Flagged"),
        "SINCE" => Key::Since(date(&text()?)?),
        "BEFORE" => Key::Before(date(&text()?)?),
        "ON" => Key::On(date(&text()?)?),
        "HEADER" => Key::Header(text()?, text()?),
        name @ ("SUBJECT" | "FROM" | "TO" | "CC") => Key::Header(name.to_owned(), text()?),
        // UTF-8 and US-ASCII are what anyone names; the names are compared as bytes either way.
        "CHARSET" => {
            text()?;
            key(rest, last, depth + 1)?
        }
        "NOT" => Key::Not(Box::new(key(rest, last, depth + 1)?)),
        "OR" => Key::Or(Box::new(key(rest, last, depth + 1)?), Box::new(key(rest, last, depth + 1)?)),
        other => Key::Numbers(NumberSet::parse(other, last.number)?),
    })
}

/// `1-Feb-2026`
fn date(text: &str) -> Option<Date> {
    Date::strptime("%d-%b-%Y", text).ok()
}

impl Key {
    pub fn matches(&self, number: u32, letter: &Stored) -> bool {
        let day = || jiff::tz::TimeZone::UTC.to_datetime(moment(letter.received_at)).date();
        match self {
            Key::All => true,
            Key::Numbers(set) => set.contains(number),
            Key::Uids(set) => set.contains(letter.uid),
            Key::Flag(flag) => letter.flags.contains(*flag),
            Key::NoFlag(flag) => !letter.flags.contains(*flag),
            Key::Since(date) => day() >= *date,
            Key::Before(date) => day() < *date,
            Key::On(date) => day() == *date,
            Key::Header(name, value) => header_contains(&letter.raw, name, value),
            Key::Not(key) => !key.matches(number, letter),
            Key::Or(one, other) => one.matches(number, letter) || other.matches(number, letter),
            Key::And(keys) => keys.iter().all(|key| key.matches(number, letter)),
        }
    }
}

fn header_contains(raw: &[u8], name: &str, value: &str) -> bool {
    let header = String::from_utf8_lossy(split(raw).0).replace("\r\n ", " ").replace("\r\n\t", " ");
    header.lines().any(|line| {
        line.split_once(':').is_some_and(|(found, text)| {
            found.trim().eq_ignore_ascii_case(name) && text.to_lowercase().contains(&value.to_lowercase())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_finds_by_uid_date_flag_and_header() {
        let letter = Stored {
            uid: 12,
            flags: ["\\Seen".to_owned()].into(),
            received_at: 1_790_000_000_000, // 21 September 2026
            raw: b"Message-ID: <a@x>\r\nSubject: The\r\n Printer\r\n\r\n".as_slice().into(),
            ..Stored::default()
        };
        let finds = |text: &str| {
            let tokens: Vec<Token> = text.split(' ').map(|word| Token::Text(word.to_owned())).collect();
            parse(&tokens, Last { number: 3, uid: 12 }).unwrap().matches(3, &letter)
        };
        assert!(finds("ALL") && finds("UID 9:*") && finds("SEEN") && finds("3"));
        assert!(finds("SINCE 21-Sep-2026") && finds("ON 21-Sep-2026") && !finds("BEFORE 21-Sep-2026"));
        assert!(finds("NOT UNSEEN UID 13:*") && !finds("UNSEEN") && finds("OR UNSEEN ALL"));
        assert!(finds("HEADER Message-ID <a@x>") && finds("SUBJECT printer") && !finds("SUBJECT fire"));
    }
}
