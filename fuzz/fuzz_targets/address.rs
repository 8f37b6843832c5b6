//! Typed addresses never break a line, and those that are valid are harmless in SMTP.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for address in mail::address::parse_list(text) {
        assert!(!address.to_string().contains(|c: char| c.is_control()));
        if let Some(bare) = address.address.filter(|a| mail::address::is_valid_mailbox(a)) {
            assert!(bare.is_ascii() && !bare.contains([' ', '<', '>', ',', '\r', '\n']));
        }
    }
});
