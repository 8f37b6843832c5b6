//! Device authorization (RFC 8628): a code that a person enters on a page of the provider, in a browser anywhere,
//! while the token endpoint is asked again and again.
//!
//! The page is shown to the person and never opened from here.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::token::{self, TokenRequest, TokenSet};
use crate::net::{Net, host_of};
use crate::{Error, Kind, Result};

/// Where the server does not say how often it may be asked (RFC 8628 §3.2).
pub const INTERVAL_S_DEFAULT: i64 = 5;
/// Longest wait between two polls, whatever the server says: a person waits.
pub const INTERVAL_S_MAX: i64 = 120;
/// What `slow_down` adds for good (RFC 8628 §3.5).
pub const SLOWER_S: i64 = 5;
/// Where the server does not say how long its code counts, which it must.
pub const CODE_EXPIRES_IN_S_DEFAULT: i64 = 15 * 60;
/// Longest life that is believed.
pub const CODE_EXPIRES_IN_S_MAX: i64 = 60 * 60;
const USER_CODE_CHARS_MAX: usize = 64;

/// What the device authorization endpoint gave (RFC 8628 §3.2).
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// What is polled with.
    pub device_code: SecretString,
    /// What the person enters.
    pub user_code: String,
    /// Where; https, unless the endpoint itself is not.
    pub verification_uri: Url,
    pub expires_in_s: i64,
    pub interval_s: i64,
}

/// What a poll found out.
#[derive(Clone, Debug)]
pub enum Polled {
    /// Nobody has entered the code, or not to the end.
    Pending,
    /// Asked too often: [`SLOWER_S`] more between two polls from now on, and none before the time that the server names.
    SlowDown {
        retry_after_ms: Option<i64>,
    },
    Given(Box<TokenSet>),
}

/// Asks for a code. `request` is a token request whose endpoint is the device authorization endpoint.
pub async fn device_code(net: &Net, request: &TokenRequest<'_>) -> Result<DeviceCode> {
    const TRIED: &str = "ask for a device code";
    let read = |answer| {
        let host = host_of(request.endpoint);
        let body = token::accepted(TRIED, &host, &answer)?;
        let later = Kind::Transient { retry_after_ms: None };
        code(body, request.endpoint.scheme()).map_err(|why| Error::new(later, TRIED, host).remedy(why))
    };
    let answer = token::ask(net, TRIED, request, &[]).await;
    answer.and_then(read).map_err(|error| error.hiding(&request.secrets(&[])))
}

/// Asks once whether the person has signed in. Not more often than the interval; one poller per code.
pub async fn poll_device(
    net: &Net,
    request: &TokenRequest<'_>,
    device_code: &SecretString,
) -> Result<Polled> {
    let grant = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", device_code.expose_secret()),
    ];
    let tried = "ask whether the device code was used";
    match token::post(net, tried, request, &grant, &[device_code.expose_secret()]).await {
        Ok(set) => Ok(Polled::Given(Box::new(set))),
        Err(error) => match error.oauth().map(|answer| answer.error.as_str()) {
            Some("authorization_pending") => Ok(Polled::Pending),
            Some("slow_down") => Ok(Polled::SlowDown { retry_after_ms: error.retry_after_ms() }),
            Some(_) | None => Err(error),
        },
    }
}

#[derive(Deserialize)]
struct Body {
    device_code: Option<SecretString>,
    user_code: Option<String>,
    /// Google says `verification_url`.
    #[serde(alias = "verification_url")]
    verification_uri: Option<String>,
    expires_in: Option<serde_json::Value>,
    interval: Option<serde_json::Value>,
}

fn code(body: &[u8], scheme: &str) -> Result<DeviceCode, &'static str> {
    let body: Body = serde_json::from_slice(body).map_err(
        |_| "the answer is no device code, so it may come from something on the way: try again later",
    )?;
    let device_code = body.device_code.filter(|code| !code.expose_secret().is_empty());
    let user_code = body.user_code.map(|code| code.trim().to_owned());
    let user_code = user_code.filter(|code| {
        let printable = code.chars().all(|c| c.is_ascii_graphic() || c == ' ');
        !code.is_empty() && code.len() <= USER_CODE_CHARS_MAX && printable
    });
    let page = body.verification_uri.and_then(|text| Url::parse(text.trim()).ok());
    let page = page.filter(|url| url.scheme() == "https" || (url.scheme() == "http" && scheme == "http"));
    let page = page.filter(Url::has_host);
    let seconds = |value: &Option<serde_json::Value>| value.as_ref().and_then(token::seconds);
    Ok(DeviceCode {
        device_code: device_code.ok_or("the answer holds no device_code")?,
        user_code: user_code.ok_or("the answer holds no user_code that a person could enter")?,
        verification_uri: page
            .ok_or("the answer holds no verification_uri that is a safe address of the web")?,
        expires_in_s: seconds(&body.expires_in)
            .unwrap_or(CODE_EXPIRES_IN_S_DEFAULT)
            .min(CODE_EXPIRES_IN_S_MAX),
        interval_s: seconds(&body.interval).unwrap_or(INTERVAL_S_DEFAULT).min(INTERVAL_S_MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_has_its_default_and_what_is_too_long_its_limit() {
        let read = |more: &str| {
            code(format!(r#"{{"device_code":"d","user_code":"ABC","verification_uri":"https://p.example/d"{more}}}"#).as_bytes(), "https")
                .map(|code| (code.expires_in_s, code.interval_s))
        };
        assert_eq!(read(""), Ok((900, 5)));
        assert_eq!(read(r#","expires_in":"600","interval":"2""#), Ok((600, 2)));
        assert_eq!(read(r#","expires_in":0,"interval":0"#), Ok((900, 5)));
        assert_eq!(read(r#","expires_in":999999,"interval":86400"#), Ok((3600, 120)));
    }

    #[test]
    fn a_code_that_nobody_could_enter_is_none() {
        for body in [
            r#"{"device_code":"","user_code":"ABC","verification_uri":"https://p.example/d"}"#,
            r#"{"device_code":"d","user_code":" ","verification_uri":"https://p.example/d"}"#,
            r#"{"device_code":"d","user_code":"A\u001b[31mB","verification_uri":"https://p.example/d"}"#,
            r#"{"device_code":"d","user_code":"ABC","verification_uri":"javascript:alert(1)"}"#,
            r#"{"device_code":"d","user_code":"ABC","verification_uri":"http://p.example/d"}"#,
            r#"{"device_code":"d","user_code":"ABC"}"#,
            "<html>",
        ] {
            assert!(code(body.as_bytes(), "https").is_err(), "{body}");
        }
        let google = r#"{"device_code":"d","user_code":"ABC 123","verification_url":"https://p.example/d"}"#;
        assert_eq!(code(google.as_bytes(), "https").unwrap().user_code, "ABC 123");
        let here = r#"{"device_code":"d","user_code":"ABC","verification_uri":"http://localhost/d"}"#;
        assert!(code(here.as_bytes(), "http").is_ok());
    }
}
