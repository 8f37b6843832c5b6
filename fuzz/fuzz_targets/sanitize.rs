//! What is clean stays as it is, and loads nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|html: &str| {
    let once = mail::sanitize::sanitize(html, &|_| None);
    let twice = mail::sanitize::sanitize(&once.html, &|_| None);
    assert_eq!(once.html, twice.html);
    assert_eq!(twice.remote_images, 0);
    assert!(!once.html.contains("<script") && !once.html.contains("<style"));
});
