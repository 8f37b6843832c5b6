//! What NO, BAD and BYE mean for the caller: by response code (RFC 5530) where there is one, and by the texts of
//! servers that give none.

use super::response::{Condition, Words};
use crate::spoken::{LATER, spoken};
use crate::{Error, Kind};

pub(super) fn refusal(tried: &str, host: &str, condition: Condition, words: &Words) -> Error {
    let error = Error::rejected(tried, host).said(&words.text);
    let error = match spoken(&words.text, error) {
        Ok(told) => return told,
        Err(error) => error,
    };
    let code = words.code.as_ref().map(|(code, _)| code.as_str());
    match (code, condition) {
        (Some("UNAVAILABLE" | "INUSE" | "LIMIT" | "SERVERBUG" | "EXPUNGEISSUED"), _) => {
            error.with_kind(LATER).passing()
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
    spoken(&words.text, error).unwrap_or_else(|error| error)
}
