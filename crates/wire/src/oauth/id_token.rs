//! Who signed in: the id_token, checked (OpenID Connect Core §3.1.3.7).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::details::texts;
use super::discovery::{self, Discovery, Key, Keys};
use crate::net::{Net, host_of};
use crate::{Error, Kind, Result};

pub const ID_TOKEN_BYTES_MAX: usize = 64 * 1024;
/// Clocks differ; the usual allowance.
pub const CLOCK_SKEW_MS: i64 = 5 * 60 * 1000;

/// What the token must match.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub client_id: &'a str,
    /// The one sent with the authorization request; `None` after a refresh.
    pub nonce: Option<&'a str>,
    /// Who is known to be the issuer where no document says it; may hold the literal `{tenantid}`.
    pub issuer: Option<&'a str>,
    pub now_at: i64,
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
    /// Every text by its dotted path, for the *Email Address Attribute* of a provider form. What can change (address, name)
    /// is for display and comparison, never for authorization.
    pub claims: BTreeMap<String, String>,
}

/// Finds the provider's keys and checks the token with them: by the discovery document that is known of it, or by the
/// one that its token endpoint leads to. See [`identify_by`] for a provider with neither.
pub async fn identify(
    net: &Net,
    token_endpoint: &Url,
    discovery_endpoint: Option<&Url>,
    id_token: &SecretString,
    expected: Expected<'_>,
) -> Result<Identity> {
    let metadata = discovery::metadata(net, token_endpoint, discovery_endpoint).await?;
    identify_by(net, token_endpoint, metadata.as_ref(), id_token, expected).await
}

/// The same with the provider's description of itself at hand. Where it has none, its keys cannot be found, and the link
/// stands in for the signature: the token came straight from the token endpoint over a checked TLS link (OpenID Connect Core
/// §3.1.3.7 (6)). Everything else is checked all the same; the issuer, where it is known who that is.
pub async fn identify_by(
    net: &Net,
    token_endpoint: &Url,
    metadata: Option<&Discovery>,
    id_token: &SecretString,
    expected: Expected<'_>,
) -> Result<Identity> {
    let host = host_of(token_endpoint);
    let Some(metadata) = metadata else {
        return check_from_token_endpoint(id_token, expected).map_err(|flaw| flaw.into_error(&host));
    };
    let keys = discovery::keys(net, metadata).await?;
    check(id_token, metadata, &keys, expected).map_err(|flaw| flaw.into_error(&host))
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    Malformed,
    /// `none`, HMAC, or an algorithm we do not check.
    Algorithm,
    UnknownKey,
    /// The key is there, and vouches for another tenant's tokens.
    KeyOfAnother,
    Signature,
    Issuer,
    Audience,
    Expired,
    NotYet,
    Nonce,
}

impl Flaw {
    fn sentence(self) -> &'static str {
        match self {
            Flaw::Malformed => "the id_token cannot be read",
            Flaw::Algorithm => "the id_token is signed in a way that is not accepted (RS256 and ES256 are)",
            Flaw::UnknownKey => {
                "the id_token is signed with a key that the provider does not publish: try again"
            }
            Flaw::KeyOfAnother => {
                "the id_token is signed with a key that the provider publishes for another issuer: check the tenant of \
                 the endpoints"
            }
            Flaw::Signature => "the signature of the id_token is wrong",
            Flaw::Issuer => "the id_token comes from another issuer: check the tenant of the endpoints",
            Flaw::Audience => "the id_token is for another client: check the Client ID",
            Flaw::Expired => "the id_token has expired: check the clock of this machine",
            Flaw::NotYet => "the id_token is from the future: check the clock of this machine",
            Flaw::Nonce => "the id_token belongs to another sign-in: start again",
        }
    }

    fn into_error(self, host: &str) -> Error {
        Error::new(Kind::Rejected, "find out who signed in", host).remedy(self.sentence())
    }
}

/// Checks signature, issuer and claims against what the provider publishes.
pub fn check(
    id_token: &SecretString,
    discovery: &Discovery,
    keys: &Keys,
    expected: Expected<'_>,
) -> Result<Identity, Flaw> {
    let token = Token::parse(id_token.expose_secret())?;
    let issuer = with_tenant(&discovery.issuer, &token)?;
    let matching = keys.keys.iter().filter(|key| token.header.kid.is_none() || key.kid == token.header.kid);
    let mut found = Err(Flaw::UnknownKey);
    for key in matching.filter(|key| key.usage.as_deref().is_none_or(|usage| usage == "sig")) {
        let for_issuer = key.issuer.as_deref().map(|named| with_tenant(named, &token)).transpose()?;
        if for_issuer.is_some_and(|named| !is_same_issuer(&named, &issuer)) {
            if found == Err(Flaw::UnknownKey) {
                found = Err(Flaw::KeyOfAnother);
            }
            continue;
        }
        found = verify(&token, key);
        if found.is_ok() {
            break;
        }
    }
    found?;
    token.check_issuer(&issuer)?;
    token.check_claims(expected)?;
    token.identity()
}

/// Checks the claims of a token that came straight from the token endpoint over a checked TLS link.
pub fn check_from_token_endpoint(id_token: &SecretString, expected: Expected<'_>) -> Result<Identity, Flaw> {
    let token = Token::parse(id_token.expose_secret())?;
    if let Some(known) = expected.issuer {
        token.check_issuer(&with_tenant(known, &token)?)?;
    }
    token.check_claims(expected)?;
    token.identity()
}

/// Google writes its own with and without `https://`.
pub fn is_same_issuer(one: &str, other: &str) -> bool {
    let bare = |issuer: &str| issuer.strip_prefix("https://").unwrap_or(issuer).to_owned();
    bare(one) == bare(other)
}

struct Token<'a> {
    header: Header,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
}

impl<'a> Token<'a> {
    fn parse(text: &'a str) -> Result<Token<'a>, Flaw> {
        if text.len() > ID_TOKEN_BYTES_MAX {
            return Err(Flaw::Malformed);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Flaw::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Flaw::Malformed)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw::Malformed);
        let header = serde_json::from_slice(&decode(header)?).map_err(|_| Flaw::Malformed)?;
        let claims = serde_json::from_slice(&decode(claims)?).map_err(|_| Flaw::Malformed)?;
        Ok(Token { header, claims, signed, signature: decode(signature)? })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// A NumericDate (RFC 7519 §2), which may have a fraction, in milliseconds.
    fn time(&self, claim: &str) -> Option<i64> {
        let value = self.claims.get(claim)?;
        let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
        seconds.checked_mul(1000)
    }

    fn check_issuer(&self, issuer: &str) -> Result<(), Flaw> {
        let is_named = self.text("iss").is_some_and(|named| is_same_issuer(named, issuer));
        if is_named { Ok(()) } else { Err(Flaw::Issuer) }
    }

    fn check_claims(&self, expected: Expected<'_>) -> Result<(), Flaw> {
        let audiences: Vec<&str> = match self.claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let authorized = self.text("azp").is_none_or(|party| party == expected.client_id);
        if !audiences.contains(&expected.client_id) || !authorized {
            return Err(Flaw::Audience);
        }
        let expires_at = self.time("exp").ok_or(Flaw::Malformed)?;
        if expires_at.saturating_add(CLOCK_SKEW_MS) < expected.now_at {
            return Err(Flaw::Expired);
        }
        let begins_at = self.time("nbf").or_else(|| self.time("iat"));
        if begins_at.is_some_and(|at| at.saturating_sub(CLOCK_SKEW_MS) > expected.now_at) {
            return Err(Flaw::NotYet);
        }
        if expected.nonce.is_some_and(|nonce| self.text("nonce") != Some(nonce)) {
            return Err(Flaw::Nonce);
        }
        Ok(())
    }

    fn identity(&self) -> Result<Identity, Flaw> {
        let filled = |claim: &str| self.text(claim).filter(|text| !text.is_empty()).map(str::to_owned);
        let mut claims = texts(&self.claims);
        claims.remove("nonce");
        Ok(Identity {
            issuer: filled("iss").ok_or(Flaw::Malformed)?,
            subject: filled("sub").ok_or(Flaw::Malformed)?,
            oid: filled("oid"),
            tid: filled("tid"),
            claims,
        })
    }
}

/// Entra publishes `…/{tenantid}/v2.0` for several tenants: the token's own tenant stands for it, if it looks like
/// one.
fn with_tenant(issuer: &str, token: &Token<'_>) -> Result<String, Flaw> {
    if !issuer.contains("{tenantid}") {
        return Ok(issuer.to_owned());
    }
    let tenant = token.text("tid").ok_or(Flaw::Issuer)?;
    let is_id = tenant.len() <= 64 && tenant.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_id { Ok(issuer.replace("{tenantid}", tenant)) } else { Err(Flaw::Issuer) }
}

/// The algorithm is ours to choose by the type of the key, never the token's.
fn verify(token: &Token<'_>, key: &Key) -> Result<(), Flaw> {
    let decode = |value: &Option<String>| {
        let text = value.as_deref().unwrap_or_default().trim_end_matches('=');
        URL_SAFE_NO_PAD.decode(text).map_err(|_| Flaw::UnknownKey)
    };
    let message = token.signed.as_bytes();
    match (token.header.alg.as_str(), key.kty.as_str()) {
        ("RS256", "RSA") => {
            let key = ring::signature::RsaPublicKeyComponents { n: decode(&key.n)?, e: decode(&key.e)? };
            let algorithm = &ring::signature::RSA_PKCS1_2048_8192_SHA256;
            key.verify(algorithm, message, &token.signature).map_err(|_| Flaw::Signature)
        }
        ("ES256", "EC") if key.crv.as_deref() == Some("P-256") => {
            let point = [vec![4], decode(&key.x)?, decode(&key.y)?].concat();
            let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED;
            let key = ring::signature::UnparsedPublicKey::new(algorithm, point);
            key.verify(message, &token.signature).map_err(|_| Flaw::Signature)
        }
        ("RS256" | "ES256", _) => Err(Flaw::UnknownKey),
        _ => Err(Flaw::Algorithm),
    }
}
