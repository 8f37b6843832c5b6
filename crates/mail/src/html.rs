//! HTML of mail as a tree: built once a part, read by `quote` for the text and by `sanitize` for the page.
//!
//! Not html5ever's tree builder: its time grows with the square of attributes in a tag and of open elements,
//! and a letter of 40 MB must not take more than seconds.  This tree is cut at a depth and at a number of
//! nodes, and its result goes through ammonia (which is html5ever) before anybody sees it.

mod entity;
mod marks;
pub mod piece;
mod said;
mod token;
mod tree;
pub(crate) mod write;

pub(crate) use said::Said;
pub(crate) use tree::{NODES_MAX, Node, Tree, is_void};

/// The text that the HTML reads as.
#[must_use]
pub fn text(html: &str) -> String {
    write::pieces(&Tree::parse(html, NODES_MAX)).into_iter().map(|piece| piece.text).collect()
}

/// Text as HTML: lines become `<br>`.
#[must_use]
pub fn from_text(text: &str) -> String {
    let lines: Vec<String> = text.replace("\r\n", "\n").split('\n').map(escape).collect();
    format!("<div>{}</div>", lines.join("<br>\n"))
}

/// Text in which no markup is left.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// The charset that the HTML itself declares in its first bytes.
pub(crate) fn declared_charset(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(b"\xff\xfe") {
        return Some("utf-16le".into());
    }
    if bytes.starts_with(b"\xfe\xff") {
        return Some("utf-16be".into());
    }
    let head: String =
        bytes.get(..1_024.min(bytes.len()))?.iter().map(|b| char::from(*b).to_ascii_lowercase()).collect();
    let meta = head.split("<meta").skip(1).find_map(|m| m.split_once("charset=").map(|(_, rest)| rest))?;
    let label: String = meta
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.'))
        .collect();
    // Whoever could write `<meta` in single bytes did not write UTF-16.
    (!label.is_empty() && !label.starts_with("utf-16")).then_some(label)
}
