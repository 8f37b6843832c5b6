//! Every line is in exactly one piece, of text and of HTML.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let pieces = mail::quote::split(text);
    assert_eq!(pieces.iter().map(|p| p.text.as_str()).collect::<String>(), text);
    let _ = mail::quote::reply_text(&pieces);
    let pieces = mail::quote::split_html(text);
    assert_eq!(pieces.into_iter().map(|p| p.text).collect::<String>(), mail::html::text(text));
});
