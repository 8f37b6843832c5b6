//! The second leg: a code or a refresh token is exchanged for a token set (RFC 6749 §4.1.3, §5, §6).

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::OAuthError;
use crate::net::{HttpAnswer, Net, host_of};
use crate::{Error, Kind, Result};

/// An answer of the token endpoint; id_tokens with many groups reach some ten kilobytes.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Where the server does not say how long a token lives (RFC 6749 §5.1 lets it).
pub const EXPIRES_IN_S_DEFAULT: i64 = 3600;
/// Longest life that is believed.
pub const EXPIRES_IN_S_MAX: i64 = 366 * 24 * 3600;

/// How a client shows that it is the one that was registered; it travels in the form (RFC 6749 §2.3.1, RFC 7523 §2.2).
#[derive(Clone, Copy, Debug)]
pub enum ClientAuthentication<'a> {
    /// A public client, or a grant that says by itself who asks.
    None,
    Secret(&'a SecretString),
    /// Signed for this request: see [`crate::oauth::ClientAssertion`].
    Assertion(&'a SecretString),
}

impl<'a> ClientAuthentication<'a> {
    pub(super) fn secret(self) -> Option<&'a str> {
        match self {
            ClientAuthentication::None => None,
            ClientAuthentication::Secret(secret) | ClientAuthentication::Assertion(secret) => {
                Some(secret.expose_secret())
            }
        }
    }

    pub(super) fn parameters(self) -> Vec<(&'static str, &'a str)> {
        const JWT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        match self {
            ClientAuthentication::None => Vec::new(),
            ClientAuthentication::Secret(secret) => vec![("client_secret", secret.expose_secret())],
            ClientAuthentication::Assertion(assertion) => {
                vec![("client_assertion_type", JWT), ("client_assertion", assertion.expose_secret())]
            }
        }
    }
}

/// What every token request has in common.
#[derive(Clone, Debug)]
pub struct TokenRequest<'a> {
    pub endpoint: &'a Url,
    /// Empty where the grant names who asks (a service account's).
    pub client_id: &'a str,
    pub authentication: ClientAuthentication<'a>,
    /// One resource only, plus OpenID scopes: see [`crate::oauth::scope::narrow`].
    pub scope: Option<&'a str>,
    /// What a provider wants besides (21Vianet's `resource`). May not set a parameter of ours again.
    pub extra: &'a [(String, String)],
}

/// What the token endpoint gave (RFC 6749 §5.1). Store a new refresh token before using the access token.
#[derive(Clone, Debug)]
pub struct TokenSet {
    pub access_token: SecretString,
    /// `None`: the old one stays in use.
    pub refresh_token: Option<SecretString>,
    /// [`EXPIRES_IN_S_DEFAULT`] where the server does not say.
    pub expires_in_s: i64,
    /// What was granted, where the server says; check it, Entra narrows in silence.
    pub scope: Option<String>,
    pub id_token: Option<SecretString>,
}

/// Exchanges the code of a callback. `redirect_uri` and `verifier` are those of the authorization request.
pub async fn exchange_code(
    net: &Net,
    request: &TokenRequest<'_>,
    code: &SecretString,
    redirect_uri: &str,
    verifier: &SecretString,
) -> Result<TokenSet> {
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code.expose_secret()),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier.expose_secret()),
    ];
    let secrets = [code.expose_secret(), verifier.expose_secret()];
    post(net, "exchange the code for a token", request, &grant, &secrets).await
}

/// Gets a fresh access token, and with most providers a new refresh token. One at a time per grant: some
/// providers end the grant when an old refresh token is used twice.
pub async fn refresh(
    net: &Net,
    request: &TokenRequest<'_>,
    refresh_token: &SecretString,
) -> Result<TokenSet> {
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
    post(net, "refresh the token", request, &grant, &[refresh_token.expose_secret()]).await
}

/// Gets a token for the application itself (RFC 6749 §4.4). There is no refresh token: one asks again.
pub async fn client_credentials(net: &Net, request: &TokenRequest<'_>) -> Result<TokenSet> {
    let grant = [("grant_type", "client_credentials")];
    post(net, "ask for a token of the application", request, &grant, &[]).await
}

/// Gets a token for whom a signed assertion speaks of (RFC 7523 §2.1). There is no refresh token: one signs again.
pub async fn jwt_bearer(net: &Net, request: &TokenRequest<'_>, assertion: &SecretString) -> Result<TokenSet> {
    let grant = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.expose_secret()),
    ];
    post(net, "ask for a token of the service account", request, &grant, &[assertion.expose_secret()]).await
}

impl<'a> TokenRequest<'a> {
    /// What stands in no error: what a request of its own holds, and what the client shows itself with.
    pub(super) fn secrets<'b>(&self, own: &[&'b str]) -> Vec<&'b str>
    where
        'a: 'b,
    {
        own.iter().copied().chain(self.authentication.secret()).collect()
    }
}

pub(super) async fn post(
    net: &Net,
    tried: &str,
    request: &TokenRequest<'_>,
    grant: &[(&str, &str)],
    secrets: &[&str],
) -> Result<TokenSet> {
    let answer = ask(net, tried, request, grant).await;
    let host = host_of(request.endpoint);
    let token_set = answer.and_then(|answer| read(tried, &host, &answer));
    token_set.map_err(|error| error.hiding(&request.secrets(secrets)))
}

/// The form with the client's own parameters, and whatever is answered to it.
pub(super) async fn ask(
    net: &Net,
    tried: &str,
    request: &TokenRequest<'_>,
    grant: &[(&str, &str)],
) -> Result<HttpAnswer> {
    let mut form: Vec<(&str, &str)> = grant.to_vec();
    form.extend(Some(("client_id", request.client_id)).filter(|(_, id)| !id.is_empty()));
    form.extend(request.authentication.parameters());
    form.extend(request.scope.map(|scope| ("scope", scope)));
    for (name, value) in request.extra {
        if !form.iter().any(|(ours, _)| ours == name) {
            form.push((name, value));
        }
    }
    net.post_form(tried, request.endpoint, &form, ANSWER_BYTES_MAX).await
}

#[derive(Deserialize)]
struct Body {
    access_token: Option<SecretString>,
    refresh_token: Option<SecretString>,
    expires_in: Option<serde_json::Value>,
    scope: Option<serde_json::Value>,
    id_token: Option<SecretString>,
    token_type: Option<String>,
}

fn read(tried: &str, host: &str, answer: &HttpAnswer) -> Result<TokenSet> {
    let later = Kind::Transient { retry_after_ms: answer.retry_after_ms };
    token_set(accepted(tried, host, answer)?).map_err(|why| Error::new(later, tried, host).remedy(why))
}

/// What an answer means. Only 400 and 401 with an OAuth error may ask for a person: everything else may be a
/// proxy's page or a bad hour.
pub(super) fn accepted<'a>(tried: &str, host: &str, answer: &'a HttpAnswer) -> Result<&'a [u8]> {
    let later = Kind::Transient { retry_after_ms: answer.retry_after_ms };
    if answer.status == 200 {
        return Ok(&answer.body);
    }
    let Some(oauth) = OAuthError::from_body(&answer.body) else {
        let remedy = match answer.status {
            300..400 => {
                "the address answers with a redirect, which is not followed: check the token endpoint"
            }
            _ => "the answer is no OAuth error, so it may come from something on the way: try again later",
        };
        return Err(Error::new(later, tried, host)
            .said(&format!("HTTP status {}", answer.status))
            .remedy(remedy));
    };
    let kind = match (answer.status, oauth.kind()) {
        (400 | 401, Kind::Transient { .. }) => later,
        (400 | 401, kind) => kind,
        _ => later,
    };
    let text = match oauth.first_line() {
        Some(line) => format!("{}: {line}", oauth.error),
        None => oauth.error.clone(),
    };
    Err(Error::new(kind, tried, host).said(&text).with_oauth(oauth))
}

fn token_set(body: &[u8]) -> Result<TokenSet, &'static str> {
    let body: Body = serde_json::from_slice(body).map_err(
        |_| "the answer is no token answer, so it may come from something on the way: try again later",
    )?;
    let filled = |secret: &SecretString| !secret.expose_secret().is_empty();
    let access_token = body.access_token.filter(filled).ok_or("the answer holds no access_token")?;
    if !body.token_type.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err("the answer holds a token that is no bearer token, which no mail server takes");
    }
    let scope = match body.scope {
        Some(serde_json::Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
        Some(serde_json::Value::Array(scopes)) => {
            Some(scopes.iter().filter_map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    };
    Ok(TokenSet {
        access_token,
        refresh_token: body.refresh_token.filter(filled),
        expires_in_s: body
            .expires_in
            .as_ref()
            .and_then(seconds)
            .unwrap_or(EXPIRES_IN_S_DEFAULT)
            .min(EXPIRES_IN_S_MAX),
        scope,
        id_token: body.id_token.filter(filled),
    })
}

/// Some servers write the number as a string, or as a fraction.
pub(super) fn seconds(value: &serde_json::Value) -> Option<i64> {
    let seconds = match value {
        serde_json::Value::String(text) => text.trim().parse::<i64>().ok(),
        value => value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64)),
    };
    seconds.filter(|seconds| *seconds > 0)
}
