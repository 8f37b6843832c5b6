//! Any bytes are a message, and its JSON is a line without control characters.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let line = mail::inspect::line(&mail::inspect::inspect("fuzz", raw));
    assert!(!line.contains(|c: char| c.is_control()));
    let _ = mail::message::content_key(raw);
    let mut message = mail::message::parse(raw);
    mail::message::unpack(&mut message);
});
