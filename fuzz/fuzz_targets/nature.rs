//! A machine is never answered: whatever is no letter of a person may not be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::nature::Nature;

fuzz_target!(|raw: &[u8]| {
    let found = mail::message::parse(raw).auto_reply;
    assert!(found.kind == Nature::None || !found.may_answer);
    assert!(found.may_answer == found.by.is_none());
});
