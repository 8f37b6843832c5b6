//! Secrets taken out of texts, in every form in which a server may write one back: as it is, escaped for a URL or JSON,
//! in base64 by itself or in the middle of something else.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

const HIDDEN: &str = "[hidden]";
/// Shorter ones stand in every text by chance.
const SECRET_CHARS_MIN: usize = 4;
/// What is left of a short secret in base64 when the letters that it shares with its neighbours are taken off may be
/// too little to tell anything.
const CORE_CHARS_MIN: usize = 5;
/// A server may echo only the beginning of a long line, and it may have been cut here: as many letters are known for a
/// piece. In base64 no word is written by chance.
const PIECE_CHARS: usize = 16;
const PIECE_CHARS_IN_BASE64: usize = 8;

struct Form {
    text: String,
    /// A beginning of so many letters is hidden too.
    piece: usize,
}

/// Replaces each secret, and what looks like a cut-off piece of one, by `[hidden]`.
pub(crate) fn hide(text: &str, secrets: &[&str]) -> String {
    let secrets = secrets.iter().filter(|secret| secret.chars().count() >= SECRET_CHARS_MIN);
    let mut forms: Vec<Form> = secrets.flat_map(|secret| forms(secret)).collect();
    // A whole line before the token in it, or its other half would stay.
    forms.sort_by_key(|form| std::cmp::Reverse(form.text.len()));
    let mut hidden = text.to_owned();
    for form in &forms {
        hidden = hidden.replace(form.text.as_str(), HIDDEN);
    }
    for form in &forms {
        hidden = without_pieces(&hidden, form);
    }
    let words: Vec<&str> = hidden.split(' ').collect();
    let shown = words.iter().map(|word| {
        let bare = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let beginning: String = bare.chars().take(PIECE_CHARS).collect();
        let is_piece = beginning.chars().count() == PIECE_CHARS
            && forms.iter().any(|form| form.text.contains(&beginning));
        if is_piece { HIDDEN } else { word }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Each run that begins as the form does is hidden as far as it goes on so.
fn without_pieces(text: &str, form: &Form) -> String {
    let beginning: String = form.text.chars().take(form.piece).collect();
    if beginning.chars().count() < form.piece {
        return text.to_owned();
    }
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, _)) = rest.split_once(beginning.as_str()) {
        let run = rest.get(before.len()..).unwrap_or_default();
        let same = run.chars().zip(form.text.chars()).take_while(|(ours, theirs)| ours == theirs);
        let length: usize = same.map(|(c, _)| c.len_utf8()).sum();
        shown.push_str(before);
        shown.push_str(HIDDEN);
        rest = run.get(length..).unwrap_or_default();
    }
    shown + rest
}

fn forms(secret: &str) -> Vec<Form> {
    let mut texts = vec![secret.to_owned(), secret.replace('\\', "\\\\").replace('"', "\\\"")];
    let form_encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = form_encoded.replace('+', "%20");
    texts.extend([form_encoded, percent].into_iter().flat_map(|form| [with_small_digits(&form), form]));
    let mut forms: Vec<Form> = texts.into_iter().map(|text| Form { text, piece: PIECE_CHARS }).collect();
    for before in 0..3 {
        // The bytes before it are unknown, and so are the letters of base64 that hold some of them.
        let mut bytes = vec![0; before];
        bytes.extend_from_slice(secret.as_bytes());
        let whole = bytes.len() * 8 / 6;
        let known = if before == 0 { 0 } else { before + 1 };
        for encoded in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let core = encoded.get(known..whole).map(str::to_owned);
            forms.extend(core.map(|text| Form { text, piece: PIECE_CHARS_IN_BASE64 }));
        }
    }
    forms.retain(|form| form.text == secret || form.text.len() >= CORE_CHARS_MIN);
    forms
}

/// `%2F` as `%2f`.
fn with_small_digits(encoded: &str) -> String {
    let mut left = 0;
    let small = |c: char| {
        left = match (c, left) {
            ('%', _) => 2,
            (_, 0) => return c,
            (_, left) => left - 1,
        };
        c.to_ascii_lowercase()
    };
    encoded.chars().map(small).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn a_secret_is_hidden_in_every_form_and_wherever_it_stands_in_base64() {
        for secret in
            ["Gh7~x+/=Qz.9_k-pä", "correct horse \"battery\"", "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA"]
        {
            let urlencoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
            let mut texts = vec![
                secret.to_owned(),
                urlencoded.replace('+', "%20"),
                with_small_digits(&urlencoded),
                urlencoded,
                serde_json::to_string(secret).unwrap(),
            ];
            for before in 0..7 {
                for after in 0..4 {
                    let around = format!("{}{secret}{}", "u".repeat(before), "\u{1}".repeat(after));
                    texts.push(STANDARD.encode(&around));
                    texts.push(URL_SAFE_NO_PAD.encode(&around));
                }
            }
            for text in texts {
                let hidden = hide(&format!("no: {text}, said it"), &[secret]);
                // All that may stay are the few letters that hold a part of its neighbours.
                let left = hidden.replace("no: ", "").replace(", said it", "").replace(HIDDEN, "");
                assert!(hidden.contains(HIDDEN) && left.len() < 20, "{text}: {hidden}");
            }
        }
    }

    #[test]
    fn a_piece_that_was_cut_off_is_hidden_as_far_as_it_goes() {
        let secret = "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA";
        let line = STANDARD.encode(format!("user=ann\u{1}auth=Bearer {secret}\u{1}\u{1}"));
        for cut in 50..line.len() {
            let hidden = hide(&format!("said {}…", &line[..cut]), &[secret]);
            let shown = hidden.trim_start_matches("said ").split('[').next().unwrap();
            assert!(line.starts_with(shown) && shown.len() < 36, "{hidden}");
        }
        assert_eq!(hide(&format!("x={}, y", &secret[..20]), &[secret]), "x=[hidden], y");
    }

    #[test]
    fn what_is_no_secret_stays() {
        assert_eq!(hide("OK signed in as ann", &["t0ken-of-ann", "abc", ""]), "OK signed in as ann");
        assert_eq!(hide("a b", &[]), "a b");
    }

    #[test]
    fn the_digits_of_an_escape_may_be_small() {
        assert_eq!(with_small_digits("A%2FB%C3%A4"), "A%2fB%c3%a4");
    }
}
