//! A person as a letter names one, and names as they are kept: on one line.
use serde::{Deserialize, Serialize};

/// Who is named on a letter; kept in JSON lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: Option<String>,
    pub address: String,
}

/// One line: control characters and line ends become one blank.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_leave_names() {
        assert_eq!(one_line(" a\r\nBcc: x\0 \t b "), "a Bcc: x b");
    }
}
