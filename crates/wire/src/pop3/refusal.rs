//! What `-ERR` means for the caller: by its code (RFC 2449 §8, RFC 3206) where there is one, and by the texts of
//! servers that give none.

use crate::spoken::{LATER, spoken};
use crate::{Error, Kind};

pub(super) fn refusal(tried: &str, host: &str, text: &str) -> Error {
    let error = match spoken(text, Error::rejected(tried, host).said(text)) {
        Ok(told) => return told,
        Err(error) => error,
    };
    match code(text).as_deref() {
        Some("IN-USE") => error.with_kind(LATER).passing().in_use(),
        Some("LOGIN-DELAY" | "SYS/TEMP") => error.with_kind(LATER).passing(),
        Some("AUTH") => error.with_kind(Kind::Unauthorized),
        _ => error,
    }
}

/// A plain `-ERR` to a sign-in is about the credential; a pause or a server in trouble is not.
pub(super) fn signed_out(error: Error) -> Error {
    let coded = error.server_text().and_then(code);
    match (error.kind(), coded.as_deref()) {
        (Kind::Rejected, None) => error.with_kind(Kind::Unauthorized),
        _ => error,
    }
}

/// `[SYS/TEMP] …` → `SYS/TEMP`
pub(super) fn code(text: &str) -> Option<String> {
    let (code, _) = text.trim_start().strip_prefix('[')?.split_once(']')?;
    let code = code.split(' ').next().unwrap_or(code);
    (!code.is_empty()).then(|| code.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_and_a_bare_refusal_of_a_sign_in_is_about_the_credential() {
        let later = Kind::Transient { retry_after_ms: None };
        for (text, any, sign_in) in [
            ("[IN-USE] locked", later, later),
            ("[LOGIN-DELAY] wait", later, later),
            ("[SYS/TEMP] database down", later, later),
            ("[SYS/PERM] no such mailbox", Kind::Rejected, Kind::Rejected),
            ("[AUTH] bad password", Kind::Unauthorized, Kind::Unauthorized),
            ("[PRIVACYREQUIRED] use TLS", Kind::Rejected, Kind::Rejected),
            ("Logon failure: unknown user name or bad password.", Kind::Rejected, Kind::Unauthorized),
            (
                "User is authenticated but not connected. Suggested Backoff Time: 8500 milliseconds",
                Kind::Transient { retry_after_ms: Some(8500) },
                Kind::Transient { retry_after_ms: Some(8500) },
            ),
        ] {
            let error = refusal("x", "h", text);
            assert_eq!(error.kind(), any, "{text}");
            assert_eq!(error.is_in_use(), text.starts_with("[IN-USE]"), "{text}");
            assert_eq!(signed_out(error).kind(), sign_in, "{text}");
        }
    }
}
