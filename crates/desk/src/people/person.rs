//! A person as a letter names one, and names as they are kept: on one line.
use serde::{Deserialize, Serialize};

/// Who is named on a letter; kept in JSON lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: Option<String>,
    pub address: String,
}

/// One line: control characters and line ends become one blank, and what hides or turns others round is taken out.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => {}
            c if mail::is_hidden(c) => {}
            c if c.is_control() || c == ' ' || c == '\u{2028}' || c == '\u{2029}' => {
                if !out.ends_with(' ') && !out.is_empty() {
                    out.push(' ');
                }
            }
            c => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// A person's name as it is kept and shown: mail may bring one of two million characters, which every list would repeat.
pub(crate) fn name(text: &str) -> String {
    let line = one_line(text);
    let Some((end, _)) = line.char_indices().nth(NAME_CHARS_MAX) else { return line };
    let kept: String = line.get(..end).unwrap_or_default().trim_end().to_owned();
    kept + "…"
}
/// The original has all of it.
const NAME_CHARS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_an_end() {
        let (fits, long) = ("é".repeat(200), "é".repeat(100_000));
        assert_eq!(name(&fits), fits);
        assert_eq!(name(&long), fits.clone() + "…");
        assert_eq!(name(" a\r\nBcc: x "), "a Bcc: x");
    }

    #[test]
    fn control_characters_leave_names() {
        assert_eq!(one_line("A\u{202e}nn\u{2066} \u{200b}\u{2069}P\u{200f}."), "Ann P.");
        assert_eq!(one_line("👩\u{200d}💻"), "👩\u{200d}💻", "a joiner is a part of what is seen");
        assert_eq!(one_line(" a\r\nBcc: x\0 \t b "), "a Bcc: x b");
    }
}
