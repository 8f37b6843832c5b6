//! Who signed in: the id_token, checked (OpenID Connect Core §3.1.3.7).

use secrecy::SecretString;
use url::Url;

use crate::Result;
use crate::net::Net;

/// What the token must match.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub client_id: &'a str,
    /// The one sent with the authorization request; `None` after a refresh.
    pub nonce: Option<&'a str>,
    pub now_at: i64,
}

/// What makes the identity believable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Signed with one of the provider's published keys, for the provider's published issuer.
    Signature,
    /// It came from the token endpoint over a checked TLS link, which OpenID Connect Core §3.1.3.7 (6) accepts,
    /// from a provider whose keys cannot be discovered.
    TokenEndpoint,
}

/// The account that signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub issuer: String,
    /// Immutable, per application.
    pub subject: String,
    /// Entra's immutable pair: object id and tenant id.
    pub oid: Option<String>,
    pub tid: Option<String>,
    /// Mutable; for display and comparison, never for authorization.
    pub preferred_username: Option<String>,
    pub email: Option<String>,
    pub upn: Option<String>,
    pub name: Option<String>,
    pub proof: Proof,
    /// Every other string claim, for the *Email Address Attribute* of a provider form.
    pub claims: std::collections::BTreeMap<String, String>,
}

/// Finds the provider's keys from its token endpoint and checks the token with them. A provider without a
/// derivable discovery document gives [`Proof::TokenEndpoint`].
pub async fn identify(
    net: &Net,
    token_endpoint: &Url,
    id_token: &SecretString,
    expected: Expected<'_>,
) -> Result<Identity> {
    let _ = (net, token_endpoint, id_token, expected);
    todo!()
}
