//! Characters that show nothing and change how others are shown.

/// Of text that a stranger chose and that is shown on one line: those that turn the direction of what stands around them
/// (UAX #9, 2: embeddings, overrides, isolates and marks; and the deprecated ones of Unicode 23.3), and those without a width.
/// The joiners U+200C and U+200D are none: languages and emoji are written with them.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'
        | '\u{2066}'..='\u{206f}' | '\u{feff}')
}

/// Text as one line shows it: each run of control characters is one blank, nothing of [`is_hidden`], trimmed.
#[must_use]
pub fn one_line(text: &str) -> String {
    let seen: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    crate::word::one_line(&seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_on_one_line_turns_nothing_round_and_keeps_what_is_seen() {
        assert_eq!(one_line(" A\u{202e}b\u{2066}\r\n c\u{200b}\u{2069}d\u{61c}\0"), "Ab cd");
        assert_eq!(crate::inspect::line(&"a\u{202e}b".into()), "\"a\\u202eb\"", "JSON says which they are");
        assert_eq!(one_line("👩\u{200d}💻 שלום می\u{200c}خواهم"), "👩\u{200d}💻 שלום می\u{200c}خواهم");
    }
}
