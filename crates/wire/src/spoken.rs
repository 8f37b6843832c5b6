//! What some servers say only in words, in IMAP and in POP3 alike, where no code tells it.

use crate::{Error, Kind};

/// The longest back-off that is believed: a day.
const RETRY_AFTER_MS_MAX: i64 = 24 * 60 * 60 * 1000;

pub(crate) const LATER: Kind = Kind::Transient { retry_after_ms: None };

/// The error with what these words mean, or as it was (`Err`) where they mean nothing special.
pub(crate) fn spoken(text: &str, error: Error) -> Result<Error, Error> {
    match by_text(text) {
        Some(special) => Ok(special.apply(error)),
        None => Err(error),
    }
}

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
                .passing()
                .remedy("the server asks for a pause; it is not about the credential"),
            Special::NotConnected => error.with_kind(Kind::Unauthorized).remedy(
                "the sign-in was accepted but this account may not open this mailbox: check who authorized it, \
                 Full Access to it, its licence, and that IMAP or POP is on for it",
            ),
            Special::TooManyConnections => error.with_kind(LATER).passing(),
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
