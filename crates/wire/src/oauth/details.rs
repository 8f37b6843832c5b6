//! Who signed in, asked from the provider's own page about the account (OpenID Connect Core §5.3, or one like
//! Microsoft Graph's `/me`), for providers whose id_token does not say it.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use url::Url;

use crate::net::{HttpAnswer, Net, host_of};
use crate::{Error, Kind, Result};

/// Graph's `/me` has under 1 kB; a userinfo answer with groups some more.
pub const DETAILS_BYTES_MAX: usize = 256 * 1024;
pub const CLAIMS_MAX: usize = 1_000;

/// Asks `url` with a fresh access token. What it says by dotted paths, as [`texts`] has them.
pub async fn resource_details(
    net: &Net,
    url: &Url,
    access_token: &SecretString,
) -> Result<BTreeMap<String, String>> {
    let tried = "read who signed in";
    let answer = net.get_with_token(tried, url, access_token, DETAILS_BYTES_MAX).await;
    let details = answer.and_then(|answer| read(tried, &host_of(url), &answer));
    details.map_err(|error| error.hiding(&[access_token.expose_secret()]))
}

fn read(tried: &str, host: &str, answer: &HttpAnswer) -> Result<BTreeMap<String, String>> {
    let body = serde_json::from_slice::<Value>(&answer.body).ok();
    let words = || match body.as_ref().and_then(reason) {
        Some(reason) => format!("HTTP status {}: {reason}", answer.status),
        None => format!("HTTP status {}", answer.status),
    };
    match (answer.status, &body) {
        (200, Some(Value::Object(claims))) => Ok(texts(claims)),
        (200, _) => Err(Error::rejected(tried, host).remedy("its answer is no JSON object")),
        (300..400, _) => Err(Error::rejected(tried, host)
            .said(&words())
            .remedy("a redirect is not followed, because the token would go with it")),
        (408 | 425 | 429 | 500.., _) => {
            let later = Kind::Transient { retry_after_ms: answer.retry_after_ms };
            Err(Error::new(later, tried, host).said(&words()))
        }
        _ => Err(Error::rejected(tried, host).said(&words())),
    }
}

/// Graph says `{"error": {"code", "message"}}`, OpenID providers `{"error", "error_description"}`.
fn reason(body: &Value) -> Option<String> {
    let error = body.get("error")?;
    let (code, message) = match error {
        Value::String(_) => (Some(error), body.get("error_description")),
        error => (error.get("code"), error.get("message")),
    };
    let texts = code.into_iter().chain(message).filter_map(Value::as_str);
    let both: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
    (!both.is_empty()).then(|| both.join(": "))
}

/// Every text of an object by its dotted path: `email`, `user.mail`, `emails.0.value`. A name that has a dot
/// itself comes before a path that reads the same.
pub(super) fn texts(claims: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut level: Vec<(String, &Value)> = claims.iter().map(|(name, value)| (name.clone(), value)).collect();
    // One level after the other, so that the limit cuts off what lies deep.
    while !level.is_empty() {
        let mut below = Vec::new();
        for (path, value) in level {
            if found.len() + below.len() >= CLAIMS_MAX {
                break;
            }
            match value {
                Value::String(text) => {
                    found.entry(path).or_insert_with(|| text.clone());
                }
                Value::Object(inside) => {
                    below.extend(inside.iter().map(|(name, value)| (format!("{path}.{name}"), value)));
                }
                Value::Array(inside) => {
                    below
                        .extend(inside.iter().enumerate().map(|(at, value)| (format!("{path}.{at}"), value)));
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
        level = below;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> BTreeMap<String, String> {
        texts(serde_json::from_str::<Value>(json).unwrap().as_object().unwrap())
    }

    #[test]
    fn a_dotted_path_reaches_into_objects_and_lists() {
        let found = found(
            r#"{"mail": null, "n": 1, "user": {"mail": "a@b.example"}, "emails": [{"value": "c@d.example"}],
                "https://x.example/email": "e@f.example", "a.b": "name", "a": {"b": "path"}}"#,
        );
        for (path, text) in [
            ("user.mail", "a@b.example"),
            ("emails.0.value", "c@d.example"),
            ("https://x.example/email", "e@f.example"),
            ("a.b", "name"),
        ] {
            assert_eq!(found.get(path).map(String::as_str), Some(text), "{path}");
        }
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_flood_of_claims_is_cut_off() {
        let many: Vec<String> = (0..5 * CLAIMS_MAX).map(|n| format!("\"{n}\"")).collect();
        assert!(found(&format!("{{\"email\": \"a\", \"x\": [{}]}}", many.join(","))).len() <= CLAIMS_MAX);
    }
}
