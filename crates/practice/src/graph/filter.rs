//! `$filter` and `$orderby` as far as mail programs use them: comparisons joined by `and`.

use jiff::Timestamp;

use super::error::{Refusal, Result};
use crate::mailboxes::Stored;
use mail_parser::{Message, MessageParser};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    Equal,
    Not,
    Greater,
    AtLeast,
    Less,
    AtMost,
}

#[derive(Debug)]
enum Test {
    Received(Compare, i64),
    Flag(&'static str, bool),
    MessageId(Compare, String),
    From(String),
    Subject(String),
}

#[derive(Debug, Default)]
pub(super) struct Filter {
    tests: Vec<Test>,
    /// The properties compared, in their order.
    pub properties: Vec<String>,
}

fn invalid(what: &str) -> Refusal {
    Refusal::bad("BadRequest", format!("Invalid filter clause: {what}."))
}

pub(super) fn parse(text: &str) -> Result<Filter> {
    let mut filter = Filter::default();
    let words = words(text)?;
    let mut rest = words.as_slice();
    loop {
        let [property, how, value, after @ ..] = rest else { return Err(invalid(text)) };
        filter.tests.push(test(property, compare(how)?, value)?);
        filter.properties.push(property.clone());
        match after {
            [] => return Ok(filter),
            [and, after @ ..] if and.eq_ignore_ascii_case("and") => rest = after,
            [other, ..] => return Err(Refusal::not_offered(&format!("'{other}' in $filter"))),
        }
    }
}

fn compare(word: &str) -> Result<Compare> {
    Ok(match word {
        "eq" => Compare::Equal,
        "ne" => Compare::Not,
        "gt" => Compare::Greater,
        "ge" => Compare::AtLeast,
        "lt" => Compare::Less,
        "le" => Compare::AtMost,
        other => return Err(invalid(other)),
    })
}

fn test(property: &str, how: Compare, value: &str) -> Result<Test> {
    let text = || {
        let inside = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\''));
        inside.map(|inside| inside.replace("''", "'")).ok_or_else(|| invalid(value))
    };
    let yes = || match (value, how) {
        ("true", Compare::Equal) | ("false", Compare::Not) => Ok(true),
        ("false", Compare::Equal) | ("true", Compare::Not) => Ok(false),
        _ => Err(invalid(value)),
    };
    Ok(match property {
        "receivedDateTime" => {
            Test::Received(how, value.parse::<Timestamp>().map_err(|_| invalid(value))?.as_millisecond())
        }
        "isRead" => Test::Flag("\\Seen", yes()?),
        "isDraft" => Test::Flag("\\Draft", yes()?),
        "internetMessageId" if matches!(how, Compare::Equal | Compare::Not) => Test::MessageId(how, text()?),
        "from/emailAddress/address" if how == Compare::Equal => Test::From(text()?),
        "subject" if how == Compare::Equal => Test::Subject(text()?),
        other => return Err(Refusal::not_offered(&format!("'{other}' with this comparison in $filter"))),
    })
}

/// Words between blanks; what is quoted is one, with its quotes.
fn words(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        quoted ^= c == '\'';
        match c.is_whitespace() && !quoted {
            true if word.is_empty() => {}
            true => words.push(std::mem::take(&mut word)),
            false => word.push(c),
        }
    }
    if quoted {
        return Err(invalid("a quote is open"));
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

impl Filter {
    /// Of a delta query, which knows no other.
    pub fn received_since(&self) -> Option<i64> {
        match self.tests.as_slice() {
            [Test::Received(Compare::AtLeast, at)] => Some(*at),
            // Milliseconds are all that there is.
            [Test::Received(Compare::Greater, at)] => Some(*at + 1),
            _ => None,
        }
    }

    pub fn matches(&self, letter: &Stored) -> bool {
        let message = MessageParser::default().parse_headers(&letter.raw[..]).unwrap_or_default();
        self.tests.iter().all(|test| test.matches(letter, &message))
    }
}

impl Test {
    fn matches(&self, letter: &Stored, message: &Message<'_>) -> bool {
        match self {
            Test::Received(how, at) => match how {
                Compare::Equal => letter.received_at == *at,
                Compare::Not => letter.received_at != *at,
                Compare::Greater => letter.received_at > *at,
                Compare::AtLeast => letter.received_at >= *at,
                Compare::Less => letter.received_at < *at,
                Compare::AtMost => letter.received_at <= *at,
            },
            Test::Flag(flag, yes) => letter.flags.contains(*flag) == *yes,
            Test::MessageId(how, id) => {
                let same = message.message_id().is_some_and(|known| format!("<{known}>") == *id);
                same == (*how == Compare::Equal)
            }
            Test::From(wanted) => message.from().is_some_and(|from| {
                from.iter()
                    .filter_map(|address| address.address())
                    .any(|known| known.eq_ignore_ascii_case(wanted))
            }),
            Test::Subject(subject) => message.subject() == Some(subject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_are_joined_and_quotes_hold_words_together() {
        let letter = Stored {
            received_at: 1_790_000_000_500, // 2026-09-21T14:13:20.5Z
            flags: ["\\Seen".to_owned()].into(),
            raw: b"Message-ID: <a@x>\r\nSubject: Ann's printer\r\nFrom: Ann <Ann@x.example>\r\n\r\n"
                .as_slice()
                .into(),
            ..Stored::default()
        };
        let finds = |text: &str| parse(text).unwrap().matches(&letter);
        assert!(finds("receivedDateTime gt 2026-09-21T14:13:20Z"), "what is shown is cut to seconds");
        assert!(!finds("receivedDateTime ge 2026-09-21T14:13:21Z"));
        assert!(finds("isRead eq true and internetMessageId eq '<a@x>'") && !finds("isRead ne true"));
        assert!(
            finds("subject eq 'Ann''s printer'") && finds("from/emailAddress/address eq 'ann@x.example'")
        );
        for bad in [
            "",
            "isRead",
            "isRead eq",
            "isRead eq 'a",
            "isRead like true",
            "receivedDateTime ge soon",
            "isRead eq true or isRead eq false",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("isRead eq true").unwrap().received_since().is_none());
    }
}
