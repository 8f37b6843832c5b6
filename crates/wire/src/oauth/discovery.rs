//! A provider's own description of itself (OpenID Connect Discovery) and its signing keys (RFC 7517).

use url::Url;

use crate::Result;
use crate::net::Net;

/// The parts of a discovery document that are used.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// May hold the literal `{tenantid}` (Entra's `common` and `organizations`).
    pub issuer: String,
    pub authorization_endpoint: Option<Url>,
    pub token_endpoint: Option<Url>,
    pub jwks_uri: Option<Url>,
    /// RFC 9207: answers without `iss` are to be refused.
    pub iss_parameter_supported: bool,
}

/// The signing keys of a provider.
#[derive(Clone, Debug)]
pub struct Keys {
    pub(crate) keys: Vec<()>,
}

/// Where the discovery document of a Microsoft-shaped token endpoint is
/// (`/{tenant}/oauth2/v2.0/token` → `/{tenant}/v2.0/.well-known/openid-configuration`).
pub fn discovery_url(token_endpoint: &Url) -> Option<Url> {
    let _ = token_endpoint;
    todo!()
}

pub async fn discover(net: &Net, url: &Url) -> Result<Discovery> {
    let _ = (net, url);
    todo!()
}

pub async fn keys(net: &Net, discovery: &Discovery) -> Result<Keys> {
    let _ = (net, discovery);
    todo!()
}
