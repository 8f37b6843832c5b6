//! What an answer that is not a good one means, by its status and by the code in it.

use serde::Deserialize;

use crate::net::HttpAnswer;
use crate::{Error, Kind};

#[derive(Deserialize)]
struct Body {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Codes of a server that is busy or ill, whatever the status beside them.
const PASSING: [&str; 9] = [
    "ApplicationThrottled",
    "ErrorServerBusy",
    "ErrorTimeoutExpired",
    "ErrorMailboxStoreUnavailable",
    "ErrorMailboxMoveInProgress",
    "ErrorInternalServerTransientError",
    "ErrorTooManyObjectsOpened",
    "ErrorExceededConnectionCount",
    "ServiceUnavailable",
];

/// Codes that say: the state that a link holds is not there any more.
const STATE_LOST: [&str; 4] =
    ["SyncStateNotFound", "SyncStateInvalid", "ErrorInvalidSyncStateData", "resyncRequired"];

/// Where a pause is asked for and no time is named.
const PAUSE_MS: i64 = 60_000;

fn said(answer: &HttpAnswer) -> Option<Said> {
    serde_json::from_slice::<Body>(&answer.body).ok().map(|body| body.error)
}

/// The code of an answer that has one.
pub(super) fn code(answer: &HttpAnswer) -> Option<String> {
    said(answer).map(|said| said.code)
}

/// For a record: what an error says; nothing of a good answer, which is somebody's mail.
pub(super) fn words(answer: &HttpAnswer) -> String {
    let said = if answer.status < 400 { None } else { said(answer) };
    said.map(|said| format!(" {}: {}", said.code, said.message)).unwrap_or_default()
}

/// What it says of itself, whatever the status.
pub(super) fn is_a(answer: &HttpAnswer, media_types: &[&str]) -> bool {
    let said =
        answer.media_type.as_deref().and_then(|said| said.split(';').next()).unwrap_or_default().trim();
    media_types.iter().any(|media_type| media_type.eq_ignore_ascii_case(said))
}

/// The listing must begin again.
pub(super) fn is_state_lost(answer: &HttpAnswer) -> bool {
    answer.status == 410
        || (answer.status >= 400
            && code(answer)
                .is_some_and(|code| STATE_LOST.iter().any(|lost| lost.eq_ignore_ascii_case(&code))))
}

/// The message that was asked for is not there any more.
pub(super) fn is_gone(answer: &HttpAnswer) -> bool {
    let is_one =
        |code: String| matches!(code.as_str(), "ErrorItemNotFound" | "ErrorFolderNotFound" | "itemNotFound");
    answer.status == 404 && code(answer).is_some_and(is_one)
}

/// Only what Graph itself says may ask for a person: everything else may be a proxy's page or a bad hour.
pub(super) fn refusal(tried: &str, host: &str, answer: &HttpAnswer) -> Error {
    let status = answer.status;
    // A limit that is reached is not reached less by asking at once again.
    let pause = answer.retry_after_ms.or((status == 429).then_some(PAUSE_MS));
    let later = Kind::Transient { retry_after_ms: pause };
    let Some(said) = said(answer) else {
        let remedy = match status {
            200..300 => return unreadable(tried, host),
            300..400 => "it answers with a redirect, which is not followed",
            429 | 500.. => "try again later",
            _ => {
                "the answer is none of Microsoft Graph, so it may come from something on the way: try again later"
            }
        };
        let error = Error::new(later, tried, host).said(&format!("HTTP status {status}")).remedy(remedy);
        return if matches!(status, 408 | 429 | 500..) { error.passing() } else { error };
    };
    let passes = PASSING.iter().any(|passing| passing.eq_ignore_ascii_case(&said.code));
    let kind = match status {
        _ if passes => later,
        401 => Kind::Unauthorized,
        408 | 409 | 423 | 429 | 500.. => later,
        _ => Kind::Rejected,
    };
    let text = match (said.code.as_str(), said.message.as_str()) {
        ("", "") => format!("HTTP status {status}"),
        ("", message) => message.to_owned(),
        (code, "") => code.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    let error = Error::new(kind, tried, host).said(&text);
    if kind == later { error.passing() } else { error }
}

pub(super) fn unreadable(tried: &str, host: &str) -> Error {
    Error::broken(tried, host).remedy("the answer is none of Microsoft Graph: check the Hostname")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> HttpAnswer {
        HttpAnswer {
            status,
            retry_after_ms: Some(7_000),
            location: None,
            media_type: None,
            body: body.as_bytes().to_vec(),
        }
    }

    fn coded(status: u16, code: &str) -> HttpAnswer {
        answer(status, &format!(r#"{{"error":{{"code":"{code}","message":"Words.","innerError":{{}}}}}}"#))
    }

    #[test]
    fn graph_alone_asks_for_a_person_and_a_busy_server_for_time() {
        let later = Kind::Transient { retry_after_ms: Some(7_000) };
        for (answer, kind) in [
            (coded(401, "InvalidAuthenticationToken"), Kind::Unauthorized),
            (answer(401, "<html>sign in to the hotel</html>"), later),
            (coded(403, "ErrorAccessDenied"), Kind::Rejected),
            (answer(403, ""), later),
            (coded(404, "MailboxNotEnabledForRESTAPI"), Kind::Rejected),
            (coded(429, "ApplicationThrottled"), later),
            (answer(429, ""), later),
            (coded(503, "x"), later),
            (coded(504, "x"), later),
            (coded(400, "ErrorServerBusy"), later),
            (coded(400, "ErrorInvalidIdMalformed"), Kind::Rejected),
            (answer(302, ""), later),
            (answer(200, "[]"), Kind::Broken),
            (answer(500, r#"{"error":"text"}"#), later),
        ] {
            assert_eq!(refusal("x", "h", &answer).kind(), kind, "{answer:?}");
        }
        assert_eq!(
            refusal("x", "h", &coded(403, "ErrorAccessDenied")).server_text(),
            Some("ErrorAccessDenied: Words.")
        );
    }

    #[test]
    fn a_lost_state_and_a_lost_message_are_told_apart_from_a_lost_mailbox() {
        assert!(is_state_lost(&answer(410, "")) && is_state_lost(&coded(400, "SyncStateNotFound")));
        assert!(!is_state_lost(&coded(404, "ErrorItemNotFound")) && !is_state_lost(&answer(200, "{}")));
        assert!(is_gone(&coded(404, "ErrorItemNotFound")));
        for other in [coded(404, "ErrorInvalidUser"), answer(404, "nginx"), coded(410, "ErrorItemNotFound")] {
            assert!(!is_gone(&other), "{other:?}");
        }
    }
}
