//! What FETCH asks for, and a letter's answer to it (RFC 3501 §6.4.5). ENVELOPE and BODYSTRUCTURE are left
//! out: a fetcher should not trust any server with them, so this one does not offer them.

use crate::clock::moment;
use crate::imap::command::Token;
use crate::mailboxes::Stored;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Uid,
    Flags,
    InternalDate,
    Size,
    Body { label: String, section: Section, from: usize, bytes: usize, sets_seen: bool },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Section {
    Whole,
    Header,
    Fields(Vec<String>),
    Text,
}

/// Reads `UID`, `(UID FLAGS BODY.PEEK[])`, `FAST`; `None` for what is not offered.
pub(crate) fn parse(tokens: &[Token]) -> Option<Vec<Item>> {
    let mut items = Vec::new();
    for token in tokens {
        match token {
            Token::Open | Token::Close => {}
            Token::Bytes(_) => return None,
            Token::Text(text) => match text.to_ascii_uppercase().as_str() {
                "UID" => items.push(Item::Uid),
                "FLAGS" => items.push(Item::Flags),
                "INTERNALDATE" => items.push(Item::InternalDate),
                "RFC822.SIZE" => items.push(Item::Size),
                "FAST" => items.extend([Item::Flags, Item::InternalDate, Item::Size]),
                "RFC822" => items.push(body("RFC822", Section::Whole, true)),
                "RFC822.HEADER" => items.push(body("RFC822.HEADER", Section::Header, false)),
                _ => items.push(parse_body(text)?),
            },
        }
    }
    (!items.is_empty()).then_some(items)
}

fn body(label: &str, section: Section, sets_seen: bool) -> Item {
    Item::Body { label: label.to_owned(), section, from: 0, bytes: usize::MAX, sets_seen }
}

fn parse_body(text: &str) -> Option<Item> {
    let (name, rest) = text.split_once('[')?;
    let (inside, after) = rest.split_once(']')?;
    let sets_seen = match name.to_ascii_uppercase().as_str() {
        "BODY" => true,
        "BODY.PEEK" => false,
        _ => return None,
    };
    let section = parse_section(inside)?;
    if after.is_empty() {
        return Some(body(&format!("BODY[{inside}]"), section, sets_seen));
    }
    let (from, bytes) = after.strip_prefix('<')?.strip_suffix('>')?.split_once('.')?;
    let label = format!("BODY[{inside}]<{from}>");
    Some(Item::Body { label, section, from: from.parse().ok()?, bytes: bytes.parse().ok()?, sets_seen })
}

fn parse_section(inside: &str) -> Option<Section> {
    let upper = inside.to_ascii_uppercase();
    match upper.as_str() {
        "" => Some(Section::Whole),
        "HEADER" => Some(Section::Header),
        "TEXT" => Some(Section::Text),
        _ => {
            let names = upper.strip_prefix("HEADER.FIELDS (")?.strip_suffix(')')?;
            Some(Section::Fields(names.split(' ').map(str::to_owned).collect()))
        }
    }
}

/// `* n FETCH (…)` for one letter.
pub(crate) fn answer(number: usize, letter: &Stored, items: &[Item]) -> Vec<u8> {
    let mut out = format!("* {number} FETCH (").into_bytes();
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b' ');
        }
        match item {
            Item::Uid => out.extend(format!("UID {}", letter.uid).bytes()),
            Item::Flags => out.extend(format!("FLAGS ({})", flags(letter)).bytes()),
            Item::InternalDate => {
                out.extend(format!("INTERNALDATE \"{}\"", date(letter.received_at)).bytes())
            }
            // Exchange's sizes are estimates, so nobody may rely on them.
            Item::Size => {
                out.extend(format!("RFC822.SIZE {}", letter.raw.len() + letter.raw.len() / 50).bytes())
            }
            Item::Body { label, section, from, bytes, .. } => {
                let part = section.of(&letter.raw);
                let part = part.get((*from).min(part.len())..).unwrap_or_default();
                let part = part.get(..(*bytes).min(part.len())).unwrap_or_default();
                out.extend(format!("{label} {{{}}}\r\n", part.len()).bytes());
                out.extend(part);
            }
        }
    }
    out.extend(b")\r\n");
    out
}

pub(crate) fn flags(letter: &Stored) -> String {
    letter.flags.iter().cloned().collect::<Vec<_>>().join(" ")
}

fn date(at: i64) -> String {
    moment(at).strftime("%d-%b-%Y %H:%M:%S +0000").to_string()
}

impl Section {
    fn of(&self, raw: &[u8]) -> Vec<u8> {
        let (header, text) = split(raw);
        match self {
            Section::Whole => raw.to_vec(),
            Section::Header => header.to_vec(),
            Section::Text => text.to_vec(),
            Section::Fields(names) => fields(header, names),
        }
    }
}

/// Header with its empty line, and what follows.
pub(crate) fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").map_or(raw.len(), |at| at + 4);
    raw.split_at(end)
}

fn fields(header: &[u8], names: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut taking = false;
    for line in header.split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            taking = names.iter().any(|wanted| wanted.as_bytes().eq_ignore_ascii_case(name.trim_ascii()));
        }
        if taking {
            out.extend(line);
        }
    }
    out.extend(b"\r\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_header_and_a_range_of_the_body_are_cut_out() {
        let raw: &[u8] = b"From: a@x\r\nSubject: long\r\n line\r\nTo: b@x\r\n\r\nHello";
        let letter = Stored { uid: 7, raw: raw.into(), ..Stored::default() };
        let ask = |text: &str| {
            let items = parse(&[Token::Text(text.to_owned())]).unwrap();
            String::from_utf8(answer(3, &letter, &items)).unwrap()
        };
        let subject = "* 3 FETCH (BODY[HEADER.FIELDS (Subject)] {24}\r\nSubject: long\r\n line\r\n\r\n)\r\n";
        assert_eq!(ask("BODY.PEEK[HEADER.FIELDS (Subject)]"), subject);
        assert_eq!(ask("BODY[TEXT]<1.3>"), "* 3 FETCH (BODY[TEXT]<1> {3}\r\nell)\r\n");
        assert_eq!(ask("INTERNALDATE"), "* 3 FETCH (INTERNALDATE \"01-Jan-1970 00:00:00 +0000\")\r\n");
        assert_eq!(parse(&[Token::Text("ENVELOPE".to_owned())]), None);
    }
}
