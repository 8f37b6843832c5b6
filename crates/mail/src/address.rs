//! Mail addresses (RFC 5322 3.4, read liberally): parse, normalise, compare, show.

use crate::hidden::{is_hidden, one_line};
use crate::word::{self, Trouble};

/// Addresses read of one field.
const ADDRESSES_MAX: usize = 5_000;

/// A mailbox of a header: what it is called and where it is.  Either may be missing in real mail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, serde::Serialize)]
pub struct Address {
    /// Decoded, one line.
    pub name: Option<String>,
    /// As written, domain in lower case; `None` when nothing with an `@` was there.
    pub address: Option<String>,
}

impl Address {
    /// An address without a name.
    #[must_use]
    pub fn bare(address: &str) -> Address {
        Address { name: None, address: Some(address.to_owned()) }
    }

    /// What two addresses are compared by: lower case.  Not for sending to.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.address.as_deref().map(key)
    }
}

/// The look-up key of an address given as text: trimmed, lower case.
///
/// A letter that only looks like one of ASCII stays itself: the Kelvin sign's lower case is `k`, and who has an
/// address with it must not pass for who has the one without.
#[must_use]
pub fn key(address: &str) -> String {
    let lower = |c: char| {
        let becomes_ascii = !c.is_ascii() && c.to_lowercase().any(|small| small.is_ascii());
        let (kept, lowered) = if becomes_ascii { (Some(c), None) } else { (None, Some(c.to_lowercase())) };
        kept.into_iter().chain(lowered.into_iter().flatten())
    };
    address.trim().chars().flat_map(lower).collect()
}

/// What a person types into To or Cc: addresses separated by comma, semicolon or new line.
#[must_use]
pub fn parse_list(text: &str) -> Vec<Address> {
    parse(&text.replace(['\n', '\r'], ","), &mut Trouble::default())
}

/// The address of one mailbox with a name before it, as mail programs copy it: `"Ann Lee" <ann@example.org>` (RFC 5322 §3.4,
/// name-addr). `None`: it is something else, such as a Message-ID.
#[must_use]
pub fn in_brackets(text: &str) -> Option<&str> {
    let (name, address) = text.trim().strip_suffix('>')?.rsplit_once('<')?;
    let address = address.trim();
    (!name.trim().is_empty() && is_valid_mailbox(address)).then_some(address)
}

/// Is this one bare `local@domain` that may be put into an SMTP command and a header?
///
/// ASCII only (SMTPUTF8 is not spoken), no quoted local part, no address literal.
#[must_use]
pub fn is_valid_mailbox(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atext = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b);
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    !local.is_empty()
        && local.len() <= 64
        && local.bytes().all(atext)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && domain.len() <= 253
        && domain.split('.').all(label)
}

/// What an address has on a line: nothing that is not seen, and nothing that ends it.
fn is_of_address(c: char) -> bool {
    !c.is_control() && !is_hidden(c) && !matches!(c, '<' | '>')
}

/// `Name <address>` on one line: no control character can come out of it.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.name.as_deref().map(one_line).filter(|n| !n.is_empty());
        let address: Option<String> = self
            .address
            .as_deref()
            .map(|a| a.chars().filter(|c| is_of_address(*c) && !c.is_whitespace()).collect());
        match (name, address) {
            (Some(name), Some(address)) => write!(f, "{} <{address}>", phrase(&name)),
            (Some(name), None) => f.write_str(&phrase(&name)),
            (None, Some(address)) => f.write_str(&address),
            (None, None) => Ok(()),
        }
    }
}

/// A name, in quotes when it holds what has a meaning in an address list.
pub(crate) fn phrase(name: &str) -> String {
    if name.contains(|c: char| "()<>[]:;@\\,.\"".contains(c)) {
        format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        name.to_owned()
    }
}

/// The addresses of a raw field value.  Structure first, decoding after: an encoded word can hide a comma.
pub(crate) fn parse(text: &str, trouble: &mut Trouble) -> Vec<Address> {
    let mut reader = Reader {
        last_quote: text.rfind('"'),
        last_comment_end: text.rfind(')'),
        last_angle_end: text.rfind('>'),
        ..Reader::default()
    };
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if reader.out.len() >= ADDRESSES_MAX {
            return reader.out;
        }
        match c {
            '"' if reader.last_quote.is_some_and(|last| last > at) => reader.quoted(&mut chars),
            '(' if reader.last_comment_end.is_some_and(|last| last > at) => reader.commented(&mut chars),
            '<' if reader.angle.is_none() => reader.in_angles(at, &mut chars),
            // A quote that nothing closes says nothing.
            '"' => {}
            ',' | ';' => reader.finish(trouble),
            ':' if reader.angle.is_none() && !reader.raw.contains('@') && !is_scheme(&reader.raw) => {
                // The name of a group.
                reader.forget();
            }
            _ => {
                reader.raw.push(c);
                reader.phrase.push(c);
            }
        }
    }
    reader.finish(trouble);
    reader.out
}

fn is_scheme(raw: &str) -> bool {
    raw.trim().eq_ignore_ascii_case("mailto")
}

#[derive(Default)]
struct Reader {
    out: Vec<Address>,
    last_quote: Option<usize>,
    last_comment_end: Option<usize>,
    last_angle_end: Option<usize>,
    /// What is being read, quotes kept.
    raw: String,
    /// The same without quotes.
    phrase: String,
    comment: String,
    angle: Option<String>,
}

type Chars<'t> = std::iter::Peekable<std::str::CharIndices<'t>>;

impl Reader {
    /// To the closing quote; the opening one is read.
    fn quoted(&mut self, chars: &mut Chars<'_>) {
        self.raw.push('"');
        while let Some((_, c)) = chars.next() {
            match c {
                '\\' => {
                    if let Some((_, escaped)) = chars.next() {
                        self.raw.push('\\');
                        self.raw.push(escaped);
                        self.phrase.push(escaped);
                    }
                }
                '"' => break,
                _ => {
                    self.raw.push(c);
                    self.phrase.push(c);
                }
            }
        }
        self.raw.push('"');
    }

    /// To the end of the comment, others in it counted.
    fn commented(&mut self, chars: &mut Chars<'_>) {
        let mut depth = 1u32;
        while let Some((_, c)) = chars.next() {
            match c {
                '\\' => self.comment.extend(chars.next().map(|(_, c)| c)),
                '(' => depth += 1,
                ')' if depth == 1 => break,
                ')' => depth -= 1,
                _ => self.comment.push(c),
            }
        }
    }

    /// To the closing bracket, or to the end of the item where none closes it.
    fn in_angles(&mut self, at: usize, chars: &mut Chars<'_>) {
        let mut inner = String::new();
        let bounded = self.last_angle_end.is_some_and(|last| last > at);
        while let Some((_, c)) = chars.next_if(|(_, c)| bounded || !matches!(c, ',' | ';')) {
            if c == '>' {
                break;
            }
            inner.push(c);
        }
        self.angle = Some(inner);
    }

    fn forget(&mut self) {
        self.raw.clear();
        self.phrase.clear();
        self.comment.clear();
        self.angle = None;
    }

    fn finish(&mut self, trouble: &mut Trouble) {
        let from_angle = self.angle.as_deref().and_then(spec);
        let (address, phrase) = match from_angle {
            Some(address) => (Some(address), self.phrase.clone()),
            None => bare(&self.raw, &self.phrase),
        };
        let name = [phrase, std::mem::take(&mut self.comment)]
            .iter()
            .map(|words| word::decode(words, trouble))
            .find(|name| !name.is_empty());
        if name.is_some() || address.is_some() {
            self.out.push(Address { name, address });
        }
        self.forget();
    }
}

/// An address outside brackets: alone, or the one word with an `@` among others.
fn bare(raw: &str, phrase: &str) -> (Option<String>, String) {
    let quoted_local =
        raw.trim().strip_prefix('"').and_then(|r| r.split_once('"')).is_some_and(|(_, r)| r.starts_with('@'));
    let alone = quoted_local || raw.split_whitespace().count() == 1 || raw.contains(" @");
    if let Some(address) = spec(raw).filter(|_| alone) {
        return (Some(address), String::new());
    }
    let Some(found) = raw.split_whitespace().find_map(spec) else { return (None, phrase.to_owned()) };
    let rest: Vec<&str> = phrase.split_whitespace().filter(|w| spec(w).is_none()).collect();
    (Some(found), rest.join(" "))
}

/// `local@domain` out of what stood in the brackets; the domain in lower case.
fn spec(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text
        .get(..7)
        .filter(|s| s.eq_ignore_ascii_case("mailto:"))
        .map_or(text, |s| text.strip_prefix(s).unwrap_or(text));
    // A source route (RFC 5322 4.4): `@a,@b:user@host`.
    let text = if text.starts_with('@') { text.split_once(':').map_or(text, |(_, rest)| rest) } else { text };
    let (local, domain) = text.rsplit_once('@')?;
    let tidy = |part: &str| -> String { part.chars().filter(|c| is_of_address(*c)).collect::<String>() };
    let local = tidy(local);
    let local = if local.starts_with('"') { local } else { local.split_whitespace().collect() };
    let domain: String = tidy(domain).split_whitespace().collect::<String>().to_lowercase();
    let domain = domain.trim_matches(['.', ',', ';', '\'', '"']);
    (!local.is_empty() && !domain.is_empty()).then(|| format!("{local}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_direction_and_nothing_invisible_comes_out_of_a_name_or_an_address() {
        let said = parse(
            "\"Ann\u{202e} \u{2066}P\" <a\u{200b}nn\u{202e}@ex\u{2069}ample.org>",
            &mut Trouble::default(),
        );
        assert_eq!(said[0].address.as_deref(), Some("ann@example.org"));
        assert_eq!(said[0].to_string(), "Ann P <ann@example.org>");
    }

    #[test]
    fn the_address_behind_a_name_is_found_and_a_message_id_is_none() {
        for (text, address) in [
            (" \"Ann Lee\" <ann@example.org> ", Some("ann@example.org")),
            ("Ann <Lee> < ann@example.org >", Some("ann@example.org")),
            ("<1@example.org>", None),
            ("ann@example.org", None),
            ("Re: <printer>", None),
        ] {
            assert_eq!(in_brackets(text), address, "{text}");
        }
    }

    fn check(input: &str, expected: &[(&str, &str)]) {
        let found: Vec<(String, String)> = parse(input, &mut Trouble::default())
            .into_iter()
            .map(|a| (a.name.unwrap_or_default(), a.address.unwrap_or_default()))
            .collect();
        let expected: Vec<(String, String)> =
            expected.iter().map(|(n, a)| ((*n).to_owned(), (*a).to_owned())).collect();
        assert_eq!(found, expected, "{input}");
    }

    #[test]
    fn a_letter_that_only_looks_like_another_is_no_other_address() {
        assert_eq!(key(" Jake@Example.ORG "), "jake@example.org");
        assert_eq!(key("J\u{c4}GER@example.org"), "j\u{e4}ger@example.org");
        for homograph in ["ja\u{212a}e@example.org", "j\u{430}ke@example.org", "jake@example.org\u{130}"] {
            assert_ne!(key(homograph), "jake@example.org");
            assert!(!key(homograph).is_ascii(), "{homograph}");
        }
    }

    #[test]
    fn address_lists_are_read_as_mailers_write_them() {
        check("ann@Example.ORG", &[("", "ann@example.org")]);
        check("Ann <Ann.B@example.org>", &[("Ann", "Ann.B@example.org")]);
        check("\"Berg, Ann\" <a@x.org>, b@x.org", &[("Berg, Ann", "a@x.org"), ("", "b@x.org")]);
        check("a@x.org (Ann (the) Boss)", &[("Ann the Boss", "a@x.org")]);
        check("=?utf-8?Q?Berg=2C_Ann?= <a@x.org>", &[("Berg, Ann", "a@x.org")]);
        check("=?utf-8?Q?evil=40bank.example?= <a@x.org>", &[("evil@bank.example", "a@x.org")]);
        check("team: a@x.org, B <b@x.org>;, c@x.org", &[("", "a@x.org"), ("B", "b@x.org"), ("", "c@x.org")]);
        check("undisclosed-recipients:;", &[]);
        check("<@a.org,@b.org:c@d.org>", &[("", "c@d.org")]);
        check("Ann", &[("Ann", "")]);
        check("\"Ann <a@x.org>", &[("Ann", "a@x.org")]);
        check("Ann <a@x.org", &[("Ann", "a@x.org")]);
        check("Ann a@x.org", &[("Ann", "a@x.org")]);
        check("\"john doe\"@x.org", &[("", "\"john doe\"@x.org")]);
        check("john @ x . org", &[("", "john@x.org")]);
        check("mailto:a@x.org", &[("", "a@x.org")]);
        check("\"a@b.org\" <c@d.org>", &[("a@b.org", "c@d.org")]);
        check("<>", &[]);
        check(",,;", &[]);
    }

    #[test]
    fn an_agent_may_separate_addresses_as_she_likes() {
        let keys: Vec<_> =
            parse_list("A@x.org; b@x.org\nBo <c@x.org>").iter().filter_map(Address::key).collect();
        assert_eq!(keys, ["a@x.org", "b@x.org", "c@x.org"]);
    }

    #[test]
    fn only_harmless_mailboxes_are_valid() {
        for good in ["a@b.org", "a.b+c@d-e.org", "root@localhost", "o'neil@x.ie"] {
            assert!(is_valid_mailbox(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a b@c.org",
            "a@b\r\n.org",
            "a@b..org",
            "<a@b.org>",
            "a@b.org>",
            "ä@b.org",
            "a@-b.org",
            "\"a\"@b.org",
            "a@b,c",
        ] {
            assert!(!is_valid_mailbox(bad), "{bad}");
        }
    }

    #[test]
    fn a_shown_address_is_one_line() {
        let hostile =
            Address { name: Some("A\r\nBcc: x, \"y\"".into()), address: Some("a@b\r\n\0.org".into()) };
        assert_eq!(hostile.to_string(), "\"A Bcc: x, \\\"y\\\"\" <a@b.org>");
    }
}
