//! The second leg: a code or a refresh token is exchanged for a token set (RFC 6749 §4.1.3, §6).

use secrecy::SecretString;
use url::Url;

use crate::Result;
use crate::net::Net;

/// What every token request has in common. The client secret travels in the form.
#[derive(Clone, Debug)]
pub struct TokenRequest<'a> {
    pub endpoint: &'a Url,
    pub client_id: &'a str,
    pub client_secret: Option<&'a SecretString>,
    /// One resource only, plus OpenID scopes: see [`crate::oauth::scope::narrow`].
    pub scope: Option<&'a str>,
    /// What a provider wants besides (21Vianet's `resource`).
    pub extra: &'a [(String, String)],
}

/// What the token endpoint gave (RFC 6749 §5.1). Store a new refresh token before using the access token.
#[derive(Clone, Debug)]
pub struct TokenSet {
    pub access_token: SecretString,
    /// `None`: the old one stays in use.
    pub refresh_token: Option<SecretString>,
    /// 3600 where the server does not say.
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
    let _ = (net, request, code, redirect_uri, verifier);
    todo!()
}

/// Gets a fresh access token, and with most providers a new refresh token. One at a time per grant: some
/// providers end the grant when an old refresh token is used twice.
pub async fn refresh(
    net: &Net,
    request: &TokenRequest<'_>,
    refresh_token: &SecretString,
) -> Result<TokenSet> {
    let _ = (net, request, refresh_token);
    todo!()
}
