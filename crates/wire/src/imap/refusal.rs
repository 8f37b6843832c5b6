//! What NO, BAD and BYE mean for the caller: by response code (RFC 5530) where there is one, and by the texts of
//! servers that give none.

use super::response::{Condition, Words};
use crate::{Error, Kind};

/// The longest back-off that is believed: a day.
const RETRY_AFTER_MS_MAX: i64 = 24 * 60 * 60 * 1000;

pub(super) fn refusal(tried: &str, host: &str, condition: Condition, words: &Words) -> Error {
    let error = Error::rejected(tried, host).said(&words.text);
    if let Some(special) = by_text(&words.text) {
        return special.apply(error);
    }
    let code = words.code.as_ref().map(|(code, _)| code.as_str());
    match (code, condition) {
        (Some("UNAVAILABLE" | "INUSE" | "LIMIT" | "SERVERBUG" | "EXPUNGEISSUED"), _) => {
            error.with_kind(LATER)
        }
        (Some("AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "EXPIRED"), _) => {
            error.with_kind(Kind::Unauthorized)
        }
        (Some("TRYCREATE" | "NONEXISTENT"), _) => error.remedy("create the folder, or choose another"),
        (_, Condition::Bad) => error.with_kind(Kind::Broken),
        (_, Condition::Ok | Condition::No) => error,
    }
}

/// The words of BYE: the link is gone, so try later unless they say more.
pub(super) fn bye(tried: &str, host: &str, words: &Words) -> Error {
    let error = Error::transient(tried, host).said(&words.text);
    by_text(&words.text).map(|special| special.apply(error.clone())).unwrap_or(error)
}

pub(super) const LATER: Kind = Kind::Transient { retry_after_ms: None };

/// What some servers say only in words.
enum Special {
    /// Exchange: on any command, tagged NO or BAD, or as BYE.
    Throttled { after_ms: i64 },
    /// Exchange: the token is good, its owner may not open this mailbox (or IMAP is off for it).
    NotConnected,
    /// Gmail.
    TooManyConnections,
}

impl Special {
    fn apply(self, error: Error) -> Error {
        match self {
            Special::Throttled { after_ms } => error
                .with_kind(Kind::Transient { retry_after_ms: Some(after_ms) })
                .remedy("the server asks for a pause; it is not about the credential"),
            Special::NotConnected => error.with_kind(Kind::Unauthorized).remedy(
                "the sign-in was accepted but this account may not open this mailbox: check who authorized it, \
                 Full Access to it, its licence, and that IMAP is on for it",
            ),
            Special::TooManyConnections => error.with_kind(LATER),
        }
    }
}

fn by_text(text: &str) -> Option<Special> {
    let text = text.to_ascii_lowercase();
    if let Some((_, rest)) = text.split_once("suggested backoff time:") {
        let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
        let after_ms = digits.parse().unwrap_or(RETRY_AFTER_MS_MAX).min(RETRY_AFTER_MS_MAX);
        return Some(Special::Throttled { after_ms });
    }
    if text.contains("authenticated but not connected") {
        return Some(Special::NotConnected);
    }
    if text.contains("too many simultaneous connections") {
        return Some(Special::TooManyConnections);
    }
    None
}
