//! Access tokens, opaque to clients and readable here, and id_tokens (ES256). An access token needs no
//! record: its signature comes from the seed, so a restart still knows it. Not refresh tokens (directory).

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::chance::{Chance, Seed};
use crate::directory::Directory;

/// What an access token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Access {
    /// The resource it is for.
    pub aud: String,
    /// Permissions, separated by spaces.
    pub scp: String,
    /// Who signed in; empty when an application did by itself.
    pub upn: String,
    /// Application permissions, separated by spaces.
    #[serde(default)]
    pub roles: String,
    pub appid: String,
    /// Which provider gave it (empty: Entra), and the grant that it ends with.
    #[serde(default)]
    pub house: String,
    #[serde(default)]
    pub grant: String,
    /// Seconds.
    pub exp: i64,
    /// Makes two tokens of one second different.
    pub jti: String,
}

impl Access {
    pub fn permits(&self, permission: &str) -> bool {
        self.scp.split(' ').any(|granted| granted == permission)
    }

    pub fn is_app_only(&self) -> bool {
        self.upn.is_empty()
    }

    pub fn has_role(&self, role: &str) -> bool {
        self.roles.split(' ').any(|granted| granted == role)
    }
}

pub(crate) struct Tokens {
    access_key: hmac::Key,
    chance: Chance,
    signing: EcdsaKeyPair,
    key_id: String,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    pub fn open(chance: Chance, seed: &Seed, directory: &Directory) -> Result<Tokens> {
        let kept = directory.read(|records| records.signing_key.clone());
        let pkcs8 = if kept.is_empty() {
            let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, chance.source())
                .map_err(|_| anyhow!("no key for id_tokens could be made"))?;
            directory.change(|records| records.signing_key = STANDARD.encode(made.as_ref()));
            made.as_ref().to_vec()
        } else {
            STANDARD.decode(&kept).context("the practice signing key is damaged")?
        };
        let signing = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, chance.source())
            .map_err(|_| anyhow!("the practice signing key is damaged"))?;
        let digest = ring::digest::digest(&ring::digest::SHA256, signing.public_key().as_ref());
        let key_id = URL_SAFE_NO_PAD.encode(digest.as_ref().get(..20).unwrap_or_default());
        Ok(Tokens { access_key: seed.key("access tokens"), chance, signing, key_id })
    }

    pub fn seal(&self, access: &Access) -> String {
        let body =
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(access).expect("invariant: a token is plain data"));
        let tag = hmac::sign(&self.access_key, body.as_bytes());
        format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// What a token says, if it is ours and not over.
    pub fn open_access(&self, token: &str, now_at: i64) -> Option<Access> {
        let (body, tag) = token.split_once('.')?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.access_key, body.as_bytes(), &tag).ok()?;
        let access: Access = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        (access.exp > now_at / 1000).then_some(access)
    }

    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": self.key_id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = self
            .signing
            .sign(self.chance.source(), signed.as_bytes())
            .expect("invariant: the system has randomness");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// The published keys (RFC 7517).
    pub fn key_set(&self, issuer: &str) -> Value {
        // The public key is 0x04, then x and y of 32 bytes each.
        let point = self.signing.public_key().as_ref();
        let coordinate =
            |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(range).unwrap_or_default());
        json!({ "keys": [{
            "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": self.key_id,
            "x": coordinate(1..33), "y": coordinate(33..65), "issuer": issuer,
        }]})
    }
}
