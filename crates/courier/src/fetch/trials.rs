//! Messages that a server lists and does not deliver.
use crate::trouble::sentence;
use std::collections::BTreeMap;
use wire::imap::Fetched;
use wire::letter::Letter;

/// Messages that a server lists and does not deliver are passed over, but not more of them in one round: then it
/// is the server that is ill.
const SKIPS_MAX: usize = 10;
/// So long a message that does not come for now is asked for again: less than what the desk takes for lasting.
pub(super) const PUT_OFF_MS: i64 = 14 * 60_000;
/// The same where the server delivers no other by which it shows that it works.
pub(super) const PUT_OFF_ALONE_MS: i64 = 24 * 60 * 60_000;

/// What does not come in a round, and how much of that is borne.
#[derive(Debug)]
pub(super) struct Trials {
    /// How many more messages may be passed over.
    pub spare: usize,
    /// Those that do not come for now, and why: reading stands before the first of them, while what is behind it is fetched.
    pub put_off: BTreeMap<u32, String>,
}
impl Trials {
    pub(super) fn new() -> Trials {
        Trials { spare: SKIPS_MAX, put_off: BTreeMap::new() }
    }
    /// How far reading may have come, when it has come to this UID.
    pub(super) fn as_far(&self, uid: u32) -> u32 {
        self.put_off.first_key_value().map_or(uid, |(first, _)| uid.min(first.saturating_sub(1)))
    }
}

/// There is nothing in it. Some servers list a message before they have its bytes, and two such would be one by their content.
/// What is large enough to lie on the disk is not looked through.
pub(super) fn is_blank(fetched: &Fetched) -> bool {
    let is_white = |letter: &Letter| letter.bytes().is_some() && letter.is_blank().is_ok_and(|blank| blank);
    matches!(fetched, Fetched::Message { letter, .. } if is_white(letter))
}

/// What is said of one that does not come.
pub(super) fn undelivered(last: Option<&wire::Error>, is_blank: bool) -> String {
    let said = match last.map(|error| (error.server_text(), error)) {
        None if is_blank => " What it gives for it is empty.".to_owned(),
        None => String::new(),
        Some((Some(text), _)) => format!(" It answers “{text}”."),
        Some((None, error)) => format!(" {}", sentence(&error.to_string())),
    };
    format!("The server lists it but does not deliver it.{said}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_stands_before_the_first_that_is_put_off() {
        let mut trials = Trials::new();
        assert_eq!(trials.as_far(9), 9);
        trials.put_off.extend([(7, String::new()), (5, String::new())]);
        assert_eq!((trials.as_far(9), trials.as_far(3)), (4, 3));
    }

    #[test]
    fn one_of_nothing_but_white_space_is_none() {
        let of =
            |bytes: &[u8]| Fetched::Message { uid: 1, internal_date_at: None, letter: bytes.to_vec().into() };
        assert!(is_blank(&of(b"")) && is_blank(&of(b"\r\n \t\r\n")));
        assert!(!is_blank(&of(b"\r\nHello")) && !is_blank(&Fetched::Missing { uid: 1 }));
    }
}
