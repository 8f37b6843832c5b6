//! What a message may belong to: by Message-ID, by tokens of ours, by a number in its subject.
//! Never decides who may write where; that is the desk's.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use regex::Regex;

use crate::message::Message;

/// How a candidate was found, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CandidateKind {
    MessageId,
    AddressToken,
    SubjectToken,
    SubjectNumber,
}

/// Something that names an earlier message or ticket; a claim of the sender, no proof.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Candidate {
    pub kind: CandidateKind,
    pub value: String,
}

/// `[#123456]`, also with a word before it, as other desks write: `[Ticket #123456]`.
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[[^\[\]#]{0,20}#\s?(\d{1,12})\]"));
/// `[#1234-ab12cd34]`.
static TOKEN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"\[[^\[\]#]{0,20}#\s?(\d{1,12}-[A-Za-z0-9]{4,64})\]"));
/// `help+t-ab12cd34@`: the tag of our reply addresses.
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[^@]*\+(t-[A-Za-z0-9._-]{4,128})@"));

/// Tokens and numbers taken of one subject.
const MARKS_MAX: usize = 10;

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("invariant: the pattern compiles")
}

/// All candidates, best first: In-Reply-To, References from the newest, tokens, the number (digits only).
#[must_use]
pub fn candidates(message: &Message) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    let ids = message.in_reply_to.iter().chain(message.references.iter().rev());
    let mut out: Vec<Candidate> = ids
        .filter(|id| seen.insert(id.as_str()))
        .map(|id| Candidate { kind: CandidateKind::MessageId, value: id.clone() })
        .collect();
    let mut add = |kind: CandidateKind, value: &str| {
        let candidate = Candidate { kind, value: value.to_owned() };
        if !out.contains(&candidate) {
            out.push(candidate);
        }
    };
    let delivered: Vec<String> = message
        .headers
        .iter()
        .filter(|(name, _)| {
            ["delivered-to", "x-original-to", "envelope-to"].iter().any(|n| name.eq_ignore_ascii_case(n))
        })
        .map(|(_, value)| value.trim().trim_matches(['<', '>']).to_owned())
        .take(MARKS_MAX)
        .collect();
    let addressed = message.to.iter().chain(&message.cc).filter_map(|a| a.address.as_deref()).take(1_000);
    for address in addressed.chain(delivered.iter().map(String::as_str)) {
        if let Some(token) = TAG.captures(address).and_then(|c| c.get(1)) {
            add(CandidateKind::AddressToken, token.as_str());
        }
    }
    for (kind, pattern) in [(CandidateKind::SubjectToken, &TOKEN), (CandidateKind::SubjectNumber, &NUMBER)] {
        for found in pattern.captures_iter(&message.subject).filter_map(|c| c.get(1)).take(MARKS_MAX) {
            add(kind, found.as_str());
        }
    }
    out
}

/// What of a message joins it to others: its ids, and what tells two letters of one id apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub message_id: Option<String>,
    pub in_reply_to: Vec<String>,
    pub references: Vec<String>,
    /// The same for two deliveries of one letter: [`crate::message::content_key`].
    pub content_key: [u8; 32],
}

impl Link {
    /// The link of raw bytes; their bodies need not be kept.
    #[must_use]
    pub fn read(raw: &[u8]) -> Link {
        let message = crate::message::parse(raw);
        Link {
            content_key: crate::message::content_key(raw).key,
            message_id: message.message_id,
            in_reply_to: message.in_reply_to,
            references: message.references,
        }
    }
}

/// Indices of messages, in their order of arrival, that end on one ticket; never by subject.
///
/// As the desk files them: a message goes where the first known id of its candidates is, every id it names
/// is then known there; one that names two tickets merges nothing.  A letter that arrives after its answer
/// is known by its own Message-ID, unless that is the own id of a letter with other content.
#[must_use]
pub fn group(links: &[Link]) -> Vec<Vec<usize>> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut owner: HashMap<&str, [u8; 32]> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, link) in links.iter().enumerate() {
        let named = link.in_reply_to.iter().chain(link.references.iter().rev()).map(String::as_str);
        let is_own = |id: &&str| owner.get(id).is_none_or(|key| *key == link.content_key);
        let own = link.message_id.as_deref().filter(is_own);
        let place = named.clone().chain(own).find_map(|id| known.get(id).copied()).unwrap_or(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(index),
            None => groups.push(vec![index]),
        }
        for id in named.chain(own) {
            known.entry(id).or_insert(place);
        }
        if let Some(id) = own {
            owner.entry(id).or_insert(link.content_key);
        }
    }
    groups
}

static PREFIX: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^\s*(re|fw|fwd|aw|wg|sv|vs|vb|antw|doorst|rif|i|r|enc|res|tr|rv|odp|pd|ynt|ilt|i̇lt|ref|vá|továbbítás|atb|回复|答复|转发|返信|回覆|轉寄|답장|전달|отв|пересл)\s*(\[\d{1,3}\]|\(\d{1,3}\)|\*\d{1,3})?\s*[:：]",
    )
});

/// The subject without `Re:`, `AW:`, `Fwd:` and the like.
#[must_use]
pub fn base_subject(subject: &str) -> String {
    let mut rest = subject.trim();
    for _ in 0..20 {
        match PREFIX.find(rest).and_then(|m| rest.get(m.end()..)) {
            Some(after) => rest = after.trim(),
            None => break,
        }
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::parse;

    #[test]
    fn candidates_come_strongest_first() {
        let message = parse(
            b"From: a@b.org\nTo: help+t-ab12CD34@x.org\nSubject: Re: [#123456] x [#12-abcd]\n\
              In-Reply-To: <2@x>\nReferences: <1@x> <2@x>\n\n.",
        );
        let found: Vec<_> = candidates(&message).into_iter().map(|c| (c.kind, c.value)).collect();
        let expected = [
            (CandidateKind::MessageId, "2@x"),
            (CandidateKind::MessageId, "1@x"),
            (CandidateKind::AddressToken, "t-ab12CD34"),
            (CandidateKind::SubjectToken, "12-abcd"),
            (CandidateKind::SubjectNumber, "123456"),
        ];
        assert_eq!(found, expected.map(|(k, v)| (k, v.to_owned())));
        let plain = parse(b"From: a@b.org\nSubject: order #1234 and [12]\n\n.");
        assert!(candidates(&plain).is_empty());
    }

    #[test]
    fn letters_hang_together_by_ids_alone() {
        let messages = [
            Link::read(b"Message-ID: <1@x>\nSubject: s\n\n."),
            Link::read(b"Message-ID: <2@x>\nSubject: s\n\n."),
            Link::read(b"Message-ID: <3@x>\nReferences: <0@x> <1@x>\nSubject: t\n\n."),
            Link::read(b"Message-ID: <4@x>\nIn-Reply-To: <0@x>\nSubject: s\n\n."),
            Link::read(b"Subject: s\n\n."),
            Link::read(b"Subject: s\n\n."),
        ];
        assert_eq!(group(&messages), [vec![0, 2, 3], vec![1], vec![4], vec![5]]);
        let late = [
            Link::read(b"Message-ID: <2@x>\nIn-Reply-To: <1@x>\n\nanswer"),
            Link::read(b"Message-ID: <1@x>\n\nquestion"),
            Link::read(b"Message-ID: <1@x>\n\nanother letter"),
            Link::read(b"Message-ID: <1@x>\n\nquestion"),
        ];
        assert_eq!(group(&late), [vec![0, 1, 3], vec![2]]);
    }

    #[test]
    fn prefixes_of_many_programs_go() {
        for subject in ["Re: x", "AW: WG: x", "RE[2]: x", "Fwd: Re: x", "回复：x", "SV: x", "Antw.: x"] {
            let expected = if subject.starts_with("Antw.") { subject } else { "x" };
            assert_eq!(base_subject(subject), expected);
        }
        assert_eq!(base_subject("Rechnung: x"), "Rechnung: x");
    }
}
