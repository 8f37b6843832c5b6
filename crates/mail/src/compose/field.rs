//! Header fields: encoded (RFC 2047), folded, one line of meaning each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::tidy;
use crate::address::{self, Address};

/// Where a line is folded (RFC 5322 2.1.1 asks for 78).
const LINE_CHARS: usize = 76;
/// Bytes of text in one encoded word: with charset and padding at most 75 characters (RFC 2047 2).
const WORD_BYTES: usize = 39;

/// Words of a field, folded between them.
fn folded(out: &mut String, name: &str, words: impl Iterator<Item = String>) {
    out.push_str(name);
    out.push(':');
    let mut column = name.len() + 1;
    let mut first = true;
    for word in words {
        if !first && column + 1 + word.len() > LINE_CHARS {
            out.push_str("\r\n");
            column = 0;
        }
        out.push(' ');
        out.push_str(&word);
        column += 1 + word.len();
        first = false;
    }
    out.push_str("\r\n");
}

/// Can this stand as it is?  Words longer than a line can not, nor what looks encoded already.
fn is_plain(text: &str) -> bool {
    text.is_ascii()
        && !text.contains("=?")
        && !text.contains("  ")
        && text.split(' ').all(|w| w.len() < LINE_CHARS - 16)
}

/// Encoded words of a text; cut between characters.
fn encoded(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chunk = String::new();
    for c in text.chars() {
        if chunk.len() + c.len_utf8() > WORD_BYTES {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    words.push(chunk);
    words.into_iter().map(|w| format!("=?utf-8?B?{}?=", STANDARD.encode(w))).collect()
}

/// An unstructured field.
pub(super) fn text(out: &mut String, name: &str, value: &str) {
    let value = tidy(value);
    if is_plain(&value) {
        folded(out, name, value.split(' ').map(str::to_owned));
    } else {
        folded(out, name, encoded(&value).into_iter());
    }
}

/// May this address stand in a header?
pub(super) fn is_writable(address: &Address) -> bool {
    address.address.as_deref().is_some_and(address::is_valid_mailbox)
}

/// A field of addresses; those that are no valid mailbox are left out, since they could break the line.
pub(super) fn addresses(out: &mut String, name: &str, list: &[Address]) {
    let valid: Vec<&Address> = list.iter().filter(|a| is_writable(a)).collect();
    if valid.is_empty() {
        return;
    }
    let last = valid.len() - 1;
    let words = valid.iter().enumerate().flat_map(|(index, address)| {
        let comma = if index == last { "" } else { "," };
        let bare = address.address.as_deref().unwrap_or_default();
        match address.name.as_deref().map(tidy).filter(|n| !n.is_empty()) {
            None => vec![format!("{bare}{comma}")],
            Some(name) => {
                let mut words = phrase(&name);
                words.push(format!("<{bare}>{comma}"));
                words
            }
        }
    });
    folded(out, name, words);
}

/// The words of a display name.
fn phrase(name: &str) -> Vec<String> {
    if !is_plain(name) {
        return encoded(name);
    }
    let quoted = address::phrase(name);
    if quoted.len() > LINE_CHARS - 16 { encoded(name) } else { vec![quoted] }
}

/// A field of ids in `<>`.
pub(super) fn ids(out: &mut String, name: &str, list: &[String]) {
    let usable = |id: &String| {
        let id: String = id.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>')).collect();
        (!id.is_empty() && id.len() <= 900).then(|| format!("<{id}>"))
    };
    let words: Vec<String> = list.iter().filter_map(usable).collect();
    if !words.is_empty() {
        folded(out, name, words.into_iter());
    }
}

/// A parameter: quoted when it is ASCII, else in the pieces of RFC 2231.
pub(super) fn parameter(name: &str, value: &str) -> String {
    let value = tidy(value);
    if value.is_ascii() && value.len() <= 60 {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        return format!(";\r\n {name}=\"{quoted}\"");
    }
    let mut pieces: Vec<String> = vec![String::new()];
    for c in value.chars() {
        let mut buffer = [0; 4];
        let coded: String = c.encode_utf8(&mut buffer).bytes().map(percent).collect();
        let room = pieces.last().is_some_and(|p| p.len() + coded.len() <= 50);
        match pieces.last_mut().filter(|_| room) {
            Some(last) => last.push_str(&coded),
            None => pieces.push(coded),
        }
    }
    let piece = |(index, piece): (usize, &String)| {
        let charset = if index == 0 { "utf-8''" } else { "" };
        format!(";\r\n {name}*{index}*={charset}{piece}")
    };
    pieces.iter().enumerate().map(piece).collect()
}

fn percent(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
