//! A provider's own description of itself (OpenID Connect Discovery) and its signing keys (RFC 7517).

use serde::Deserialize;
use url::Url;

use crate::net::{Net, host_of};
use crate::{Error, Kind, Result};

/// Entra's document has 2 kB, its keys 20 kB.
pub const DOCUMENT_BYTES_MAX: usize = 512 * 1024;
pub const KEYS_MAX: usize = 200;

/// The parts of a discovery document that are used.
#[derive(Clone, Debug, Deserialize)]
pub struct Discovery {
    /// May hold the literal `{tenantid}` (Entra's `common` and `organizations`).
    pub issuer: String,
    pub authorization_endpoint: Option<Url>,
    pub token_endpoint: Option<Url>,
    pub jwks_uri: Option<Url>,
    pub userinfo_endpoint: Option<Url>,
    #[serde(default)]
    pub scopes_supported: Vec<String>,
    /// RFC 9207: answers without `iss` are to be refused.
    #[serde(default, rename = "authorization_response_iss_parameter_supported")]
    pub iss_parameter_supported: bool,
}

/// The signing keys of a provider.
#[derive(Clone, Debug)]
pub struct Keys {
    pub(super) keys: Vec<Key>,
}

/// One key as published; values in base64url.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Key {
    pub kty: String,
    pub kid: Option<String>,
    #[serde(rename = "use")]
    pub usage: Option<String>,
    pub n: Option<String>,
    pub e: Option<String>,
    pub crv: Option<String>,
    pub x: Option<String>,
    pub y: Option<String>,
    /// Entra says for which issuer a key signs.
    pub issuer: Option<String>,
}

/// Where the discovery document of a Microsoft-shaped token endpoint is
/// (`/{tenant}/oauth2/v2.0/token` → `/{tenant}/v2.0/.well-known/openid-configuration`).
pub fn discovery_url(token_endpoint: &Url) -> Option<Url> {
    let tenant = token_endpoint.path().strip_suffix("/oauth2/v2.0/token")?;
    if tenant.is_empty() || tenant == "/" {
        return None;
    }
    let mut url = token_endpoint.clone();
    url.set_path(&format!("{tenant}/v2.0/.well-known/openid-configuration"));
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

/// What a provider says of itself, by the document that is known of it or the one that its token endpoint leads to.
/// `None`: neither is known.
pub async fn metadata(
    net: &Net,
    token_endpoint: &Url,
    discovery_endpoint: Option<&Url>,
) -> Result<Option<Discovery>> {
    match discovery_endpoint.cloned().or_else(|| discovery_url(token_endpoint)) {
        Some(url) => discover(net, &url).await.map(Some),
        None => Ok(None),
    }
}

/// The document of an issuer (OpenID Connect Discovery §4): the issuer in it must be the one asked for.
pub async fn discover_issuer(net: &Net, issuer: &Url) -> Result<Discovery> {
    const DOCUMENT: &str = "/.well-known/openid-configuration";
    // People paste the document's own address as well.
    let mut issuer = issuer.clone();
    let path = issuer.path().trim_end_matches('/').trim_end_matches(DOCUMENT).to_owned();
    issuer.set_path(&path);
    let mut url = issuer.clone();
    url.set_path(&format!("{}{DOCUMENT}", path.trim_end_matches('/')));
    let found = discover(net, &url).await?;
    if found.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
        let remedy =
            format!("the document names another issuer, {}: enter that one if it is right", found.issuer);
        return Err(Error::rejected("learn about the provider", host_of(&issuer)).remedy(remedy));
    }
    Ok(found)
}

pub async fn discover(net: &Net, url: &Url) -> Result<Discovery> {
    document(net, "learn about the provider", url).await
}

pub async fn keys(net: &Net, discovery: &Discovery) -> Result<Keys> {
    #[derive(Deserialize)]
    struct Document {
        keys: Vec<serde_json::Value>,
    }
    let tried = "get the provider's signing keys";
    let Some(url) = &discovery.jwks_uri else {
        return Err(Error::rejected(tried, "").remedy("its discovery document names no jwks_uri"));
    };
    let document: Document = document(net, tried, url).await?;
    // A key of an unknown shape is none of ours.
    let keys = document.keys.into_iter().take(KEYS_MAX).filter_map(|key| serde_json::from_value(key).ok());
    Ok(Keys { keys: keys.collect() })
}

async fn document<T: for<'de> Deserialize<'de>>(net: &Net, tried: &str, url: &Url) -> Result<T> {
    let answer = net.get(tried, url, DOCUMENT_BYTES_MAX).await?;
    let host = host_of(url);
    if answer.status != 200 {
        let kind = match answer.status {
            400..=428 => Kind::Rejected,
            _ => Kind::Transient { retry_after_ms: answer.retry_after_ms },
        };
        return Err(Error::new(kind, tried, host).said(&format!("HTTP status {}", answer.status)));
    }
    // Where it is wrong, and not the parser's words, which quote what stands there.
    serde_json::from_slice(&answer.body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let remedy = format!("its document cannot be read (line {line}, column {column})");
        Error::transient(tried, host).remedy(remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_discovery_document_of_a_microsoft_shaped_endpoint_is_found() {
        let found = |text: &str| discovery_url(&Url::parse(text).unwrap()).map(String::from);
        assert_eq!(
            found("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token?x=y").as_deref(),
            Some("https://login.microsoftonline.com/contoso.example/v2.0/.well-known/openid-configuration")
        );
        for other in ["https://oauth2.googleapis.com/token", "https://x.example/oauth2/v2.0/token"] {
            assert_eq!(found(other), None);
        }
    }
}
