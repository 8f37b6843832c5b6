//! Tokens are taken back (RFC 7009).

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::token::ClientAuthentication;
use crate::net::{Net, host_of};
use crate::oauth::OAuthError;
use crate::{Error, Kind, Result};

const ANSWER_BYTES_MAX: usize = 64 * 1024;
const TRIED: &str = "take the token back";

/// Ends a refresh token, and with it the access tokens that were made from it. A token that is unknown there is as good
/// as taken back (RFC 7009 §2.2).
pub async fn revoke(
    net: &Net,
    endpoint: &Url,
    client_id: &str,
    authentication: ClientAuthentication<'_>,
    token: &SecretString,
) -> Result<()> {
    let mut form = vec![("token", token.expose_secret()), ("token_type_hint", "refresh_token")];
    form.extend(Some(("client_id", client_id)).filter(|(_, id)| !id.is_empty()));
    form.extend(authentication.parameters());
    let answer = net.post_form(TRIED, endpoint, &form, ANSWER_BYTES_MAX).await?;
    if answer.status == 200 {
        return Ok(());
    }
    let oauth = OAuthError::from_body(&answer.body);
    if oauth.as_ref().is_some_and(|oauth| oauth.error == "invalid_token") {
        return Ok(()); // Google says so of one that was ended already
    }
    let said = oauth.map_or_else(|| format!("HTTP status {}", answer.status), |oauth| oauth.error);
    // With 503 the token is to be taken as alive, and told again after the time that the server names (RFC 7009 §2.2.1).
    let kind = match answer.status {
        429 | 500..600 => Kind::Transient { retry_after_ms: answer.retry_after_ms },
        _ => Kind::Rejected,
    };
    let error = Error::new(kind, TRIED, host_of(endpoint)).said(&said);
    let secrets: Vec<&str> = authentication.secret().into_iter().chain([token.expose_secret()]).collect();
    Err(error.hiding(&secrets))
}
