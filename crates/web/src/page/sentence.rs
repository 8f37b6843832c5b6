//! The first sentence of a reason, for the slim strip.

/// Mostly Postern's own words: what else the provider said, its numbers and the remedy stand on the mailbox's page. What stands
/// in “…” is whole: a part of it would end in the next sentence's words.
pub(super) fn first_sentence(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        let ends = match c {
            '“' => {
                depth += 1;
                false
            }
            '”' => {
                let was = depth;
                depth = depth.saturating_sub(1);
                let ended = text.get(..at).is_some_and(|said| said.ends_with(['.', '!', '?']));
                let begins = rest.strip_prefix(' ').and_then(|next| next.chars().next());
                was == 1 && ended && begins.is_some_and(char::is_uppercase)
            }
            '.' => depth == 0 && rest.starts_with(' '),
            _ => false,
        };
        if ends {
            return text.get(..at + c.len_utf8()).unwrap_or(text).trim();
        }
    }
    text.trim()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_sentence_is_never_cut_within_what_somebody_said() {
        for (text, first) in [
            ("It is closed. Open it.", "It is closed."),
            ("It is closed", "It is closed"),
            ("It answered “Error: one. Two. Three.” Try again.", "It answered “Error: one. Two. Three.”"),
            ("It answered “One. Two”. Try again.", "It answered “One. Two”."),
            ("“No. Not now.” is what it said. Wait.", "“No. Not now.” is what it said."),
            (
                "It said “He said “No. No.” And left. ” once. Wait.",
                "It said “He said “No. No.” And left. ” once.",
            ),
            ("It said “never ends. Really", "It said “never ends. Really"),
        ] {
            assert_eq!(super::first_sentence(text), first);
        }
    }
}
