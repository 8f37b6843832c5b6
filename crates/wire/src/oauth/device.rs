//! Sign-in by a code that is typed in elsewhere (RFC 8628): for a server that no browser is sent back to.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::token::{self, TokenRequest, TokenSet};
use crate::net::{Net, host_of};
use crate::oauth::OAuthError;
use crate::{Error, Kind, Result};

const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Where the server names no interval (RFC 8628 §3.2).
const INTERVAL_S_DEFAULT: i64 = 5;
/// Longest wait between two polls that is believed, and longest life of a code.
const INTERVAL_S_MAX: i64 = 120;
const EXPIRES_IN_S_MAX: i64 = 3600;
/// What `slow_down` adds to the interval (RFC 8628 §3.5).
pub const SLOWER_S: i64 = 5;

/// What a person is to type in, and where (RFC 8628 §3.2).
#[derive(Clone, Debug)]
pub struct DeviceCode {
    pub device_code: SecretString,
    pub user_code: String,
    pub verification_uri: Url,
    pub expires_in_s: i64,
    pub interval_s: i64,
}

/// What a poll came to; what ended the try is an error with the server's OAuth error.
#[derive(Clone, Debug)]
pub enum Polled {
    Pending,
    /// The interval is to be longer by [`SLOWER_S`] from now on.
    SlowDown,
    Given(Box<TokenSet>),
}

#[derive(Deserialize)]
struct Body {
    device_code: SecretString,
    user_code: String,
    /// Google's older name for it.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    expires_in: i64,
    interval: Option<i64>,
}

/// Asks for a code. No secret of the client goes along: it is asked for where the token is.
pub async fn device_code(net: &Net, endpoint: &Url, client_id: &str, scope: &str) -> Result<DeviceCode> {
    const TRIED: &str = "ask for a device code";
    let form = [("client_id", client_id), ("scope", scope)];
    let answer = net.post_form(TRIED, endpoint, &form, ANSWER_BYTES_MAX).await?;
    let host = host_of(endpoint);
    if answer.status != 200 {
        let later = Kind::Transient { retry_after_ms: answer.retry_after_ms };
        return Err(match OAuthError::from_body(&answer.body) {
            Some(oauth) if matches!(answer.status, 400 | 401) => {
                let kind = oauth.kind();
                let text = oauth.first_line().map_or_else(|| oauth.error.clone(), str::to_owned);
                Error::new(kind, TRIED, host).said(&text).with_oauth(oauth)
            }
            Some(_) | None => Error::new(later, TRIED, host).said(&format!("HTTP status {}", answer.status)),
        });
    }
    let unusable = |why: &'static str| Error::new(Kind::Broken, TRIED, host.clone()).remedy(why);
    let body: Body = serde_json::from_slice(&answer.body)
        .map_err(|_| unusable("the answer holds no device code: check the device endpoint"))?;
    let typed =
        |code: &str| !code.is_empty() && code.len() <= 64 && code.chars().all(|c| c.is_ascii_graphic());
    if !typed(&body.user_code) || body.device_code.expose_secret().is_empty() {
        return Err(unusable("the answer holds no code that a person could type"));
    }
    let verification_uri = Url::parse(&body.verification_uri)
        .ok()
        .filter(|url| url.scheme() == "https" || (url.scheme() == "http" && endpoint.scheme() == "http"))
        .ok_or_else(|| unusable("the answer names no page where the code is typed in"))?;
    Ok(DeviceCode {
        device_code: body.device_code,
        user_code: body.user_code,
        verification_uri,
        expires_in_s: body.expires_in.clamp(1, EXPIRES_IN_S_MAX),
        interval_s: body.interval.unwrap_or(INTERVAL_S_DEFAULT).clamp(1, INTERVAL_S_MAX),
    })
}

/// Whether somebody has signed in meanwhile. Not before the interval is over.
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
        Err(error) => match error.oauth().map(|oauth| oauth.error.as_str()) {
            Some("authorization_pending") => Ok(Polled::Pending),
            Some("slow_down") => Ok(Polled::SlowDown),
            Some(_) | None => Err(error),
        },
    }
}
