//! The plain text of an entry as a page shows it: new words, folded history, links to click.
//! Decides nothing about what is history: that is `mail::quote`'s.
use mail::html::piece::Kind;
use mail::quote;

/// A run of text, or an address to open.
#[derive(Debug, PartialEq, Eq)]
pub enum Span<'a> {
    Text(&'a str),
    Link(&'a str),
}

/// More than a person reads in a page; the whole letter is one click away as a file.
const SHOWN_CHARS_MAX: usize = 60_000;
/// Links beyond this many stay text: no page is made of links.
const LINKS_MAX: usize = 200;

/// What is shown of a text, and whether something was left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub text: String,
    pub cut: bool,
}

impl Words {
    pub fn new(text: &str) -> Words {
        let text = text.trim_matches(['\n', '\r']).trim_end();
        match text.char_indices().nth(SHOWN_CHARS_MAX) {
            Some((end, _)) => Words { text: text.get(..end).unwrap_or_default().to_owned(), cut: true },
            None => Words { text: text.to_owned(), cut: false },
        }
    }

    pub fn spans(&self) -> Vec<Span<'_>> {
        spans(&self.text)
    }
}

/// What is folded below the new words.
#[derive(Debug, PartialEq, Eq)]
pub struct Folded {
    pub label: &'static str,
    pub words: Words,
}

/// New words, and what is left of the letter below them.
pub fn split(text: &str, reply_text: &str) -> (Words, Option<Folded>) {
    let new = Words::new(reply_text);
    if text.trim() == reply_text.trim() || text.trim().is_empty() {
        return (new, None);
    }
    let folded = if text.len() <= SHOWN_CHARS_MAX { rest(text, reply_text) } else { None };
    let folded = folded.unwrap_or_else(|| Folded { label: "whole text", words: Words::new(text) });
    (new, Some(folded))
}

/// What is not new, where the text's own lines tell it; the history of an HTML letter may not.
fn rest(text: &str, reply_text: &str) -> Option<Folded> {
    let pieces = quote::split(text);
    if quote::reply_text(&pieces).trim() != reply_text.trim() {
        return None;
    }
    let quoted = pieces.iter().any(|piece| piece.kind == Kind::Quoted);
    let old: Vec<&str> = pieces
        .iter()
        .filter(|piece| piece.kind != Kind::New)
        .map(|piece| piece.text.trim_matches('\n'))
        .collect();
    let words = Words::new(&old.join("\n"));
    (!words.text.is_empty())
        .then_some(Folded { label: if quoted { "quoted history" } else { "signature" }, words })
}

fn spans(text: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut rest = text;
    let mut links = 0;
    while links < LINKS_MAX
        && let Some(start) = next_link(rest)
    {
        let (before, from) = rest.split_at(start);
        let end = from
            .find(|c: char| c.is_whitespace() || c.is_control() || "<>\"`\\^{|}".contains(c))
            .unwrap_or(from.len());
        let (candidate, _) = from.split_at(end);
        let link = trim_end(candidate);
        if !before.is_empty() {
            spans.push(Span::Text(before));
        }
        let host = link.split_once("://").is_some_and(|(_, host)| host.starts_with(char::is_alphanumeric));
        spans.push(if host { Span::Link(link) } else { Span::Text(link) });
        links += 1;
        rest = from.split_at(link.len()).1;
    }
    if !rest.is_empty() {
        spans.push(Span::Text(rest));
    }
    spans
}

/// Only these two schemes ever become links: `javascript:` and its kin stay text.
fn next_link(text: &str) -> Option<usize> {
    [text.find("https://"), text.find("http://")].into_iter().flatten().min()
}

/// The full stop of the sentence is not of the link; nor is the bracket around it.
fn trim_end(link: &str) -> &str {
    let mut link = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']);
    while (link.ends_with(')') && !link.contains('(')) || (link.ends_with(']') && !link.contains('[')) {
        link = link.split_at(link.len() - 1).0.trim_end_matches(['.', ',', ';', ':', '!', '?']);
    }
    link
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_become_links_and_nothing_else_does() {
        assert_eq!(
            spans("See https://a.example/x?y=1 (http://b.example/z). javascript:alert(1)"),
            [
                Span::Text("See "),
                Span::Link("https://a.example/x?y=1"),
                Span::Text(" ("),
                Span::Link("http://b.example/z"),
                Span::Text("). javascript:alert(1)"),
            ]
        );
        assert_eq!(spans("https://"), [Span::Text("https://")]);
        assert_eq!(spans("http://x\"onclick=1"), [Span::Link("http://x"), Span::Text("\"onclick=1")]);
    }

    #[test]
    fn every_character_is_in_one_span() {
        let text = "é https://ü.example/ä). x http://!!! https://x.example))) https://(";
        let joined: String = spans(text)
            .iter()
            .map(|span| match span {
                Span::Text(t) | Span::Link(t) => *t,
            })
            .collect();
        assert_eq!(joined, text);
    }

    #[test]
    fn a_very_long_text_is_cut_and_says_so() {
        let words = Words::new(&"ä".repeat(SHOWN_CHARS_MAX + 5));
        assert!(words.cut);
        assert_eq!(words.text.chars().count(), SHOWN_CHARS_MAX);
        assert!(!Words::new("short").cut);
    }

    #[test]
    fn a_letter_that_is_all_new_has_nothing_to_fold() {
        assert_eq!(split("Hello\n", "Hello").1, None);
    }

    #[test]
    fn what_the_lines_do_not_tell_is_folded_whole() {
        // The history was told by the HTML: the lines of the text have no quoting.
        let (new, folded) = split("Hello\n\nOld words here", "Hello");
        assert_eq!(new.text, "Hello");
        let folded = folded.unwrap();
        assert!(folded.words.text.contains("Old words here"));
    }
}
