//! What an authorization server answers when it says no (RFC 6749 §4.1.2.1 and §5.2, with Entra's fields).

use mail::explain::{self, Class, Fault};
use serde::Deserialize;

use crate::Kind;
use crate::error::clean;
use crate::hidden::hide;

/// An OAuth error as it came, at the token endpoint or at the callback. Texts are bounded and free of control
/// characters; they are the provider's words and are to be escaped when shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OAuthError {
    /// `invalid_grant` and the like: what decides.
    pub error: String,
    pub description: Option<String>,
    /// Entra's numbers (`AADSTS…`), the first one first. They choose the help text, they do not decide, save
    /// those that say "temporary".
    pub codes: Vec<u64>,
    pub suberror: Option<String>,
    /// What an Entra administrator needs to find the sign-in log entry.
    pub correlation_id: Option<String>,
    pub timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Body {
    error: String,
    error_description: Option<String>,
    #[serde(default)]
    error_codes: Vec<u64>,
    suberror: Option<String>,
    /// Google's name for it.
    error_subtype: Option<String>,
    correlation_id: Option<String>,
    timestamp: Option<String>,
}

impl OAuthError {
    /// From the body of a token endpoint's answer; `None` when it is no OAuth error.
    pub fn from_body(body: &[u8]) -> Option<OAuthError> {
        let body: Body = serde_json::from_slice(body).ok()?;
        let mut error = OAuthError::from_callback(&body.error, body.error_description.as_deref());
        if !body.error_codes.is_empty() {
            error.codes = body.error_codes.into_iter().take(16).collect();
        }
        let text = |given: Option<String>, found: Option<String>| given.map(|text| clean(&text)).or(found);
        error.suberror = text(body.suberror.or(body.error_subtype), None);
        error.correlation_id = text(body.correlation_id, error.correlation_id);
        error.timestamp = text(body.timestamp, error.timestamp);
        Some(error)
    }

    /// From the `error` and `error_description` of a callback. Entra puts number, correlation id and timestamp
    /// into the description: they are read from there.
    pub fn from_callback(error: &str, description: Option<&str>) -> OAuthError {
        let after = |label: &str| {
            let rest = description?.split_once(label)?.1.trim_start();
            let end = rest.find(|c: char| c.is_whitespace() && c != ' ').unwrap_or(rest.len());
            let value = rest.get(..end)?;
            // The timestamp has a space inside; the ids end at one.
            let value = if label.starts_with("Time") { value } else { value.split(' ').next()? };
            Some(clean(value)).filter(|value| !value.is_empty())
        };
        let codes = description
            .and_then(|text| text.split_once("AADSTS"))
            .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        OAuthError {
            error: clean(error),
            description: description.map(clean).filter(|text| !text.is_empty()),
            codes: codes.into_iter().collect(),
            suberror: None,
            correlation_id: after("Correlation ID:"),
            timestamp: after("Timestamp:"),
        }
    }

    /// The description up to Entra's `Trace ID`: the sentence a person reads.
    pub fn first_line(&self) -> Option<&str> {
        let description = self.description.as_deref()?;
        Some(description.split("Trace ID:").next().unwrap_or(description).trim())
    }

    /// Which branch a caller takes: by `error`, refined only by numbers that say "temporary".
    pub fn kind(&self) -> Kind {
        if self.number_says_temporary() {
            return Kind::Transient { retry_after_ms: None };
        }
        match self.error.as_str() {
            "temporarily_unavailable" | "server_error" | "slow_down" | "authorization_pending" => {
                Kind::Transient { retry_after_ms: None }
            }
            "invalid_grant"
            | "interaction_required"
            | "consent_required"
            | "login_required"
            | "access_denied" => Kind::Unauthorized,
            _ => Kind::Rejected,
        }
    }

    /// Numbers are Entra's; what they mean is a table of `mail`.
    fn number_says_temporary(&self) -> bool {
        let Some(number) = self.codes.first().and_then(|code| u32::try_from(*code).ok()) else {
            return false;
        };
        let fault = Fault { error: self.error.clone(), codes: vec![number], ..Fault::default() };
        explain::oauth(mail::provider::Family::Microsoft.word(), &fault).class == Class::Retry
    }

    pub(crate) fn hide(&mut self, secrets: &[&str]) {
        let texts =
            [&mut self.description, &mut self.suberror, &mut self.correlation_id, &mut self.timestamp];
        for text in texts.into_iter().flatten() {
            *text = hide(text, secrets);
        }
        self.error = hide(&self.error, secrets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finer_reason_is_read_under_either_name() {
        for body in [
            r#"{"error":"invalid_grant","error_subtype":"invalid_rapt"}"#,
            r#"{"error":"invalid_grant","suberror":"invalid_rapt"}"#,
            r#"{"error":"invalid_grant","suberror":"invalid_rapt","error_subtype":"other"}"#,
        ] {
            let error = OAuthError::from_body(body.as_bytes()).unwrap();
            assert_eq!(error.suberror.as_deref(), Some("invalid_rapt"), "{body}");
        }
    }
}
