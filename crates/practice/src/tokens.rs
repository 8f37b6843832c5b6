//! Access tokens, opaque to clients and readable here, and id_tokens (ES256). An access token needs no
//! record: its signature comes from the seed, so a restart still knows it. Not refresh tokens (directory).

use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// A key that signs id_tokens.
struct SigningKey {
    pair: EcdsaKeyPair,
    id: String,
}

impl SigningKey {
    /// A new key, and how it is kept (PKCS #8).
    fn make(chance: &Chance) -> Result<(SigningKey, Vec<u8>)> {
        let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, chance.source())
            .map_err(|_| anyhow!("no key for id_tokens could be made"))?;
        Ok((SigningKey::open(made.as_ref(), chance)?, made.as_ref().to_vec()))
    }

    fn open(pkcs8: &[u8], chance: &Chance) -> Result<SigningKey> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, chance.source())
            .map_err(|_| anyhow!("the practice signing key is damaged"))?;
        let digest = ring::digest::digest(&ring::digest::SHA256, pair.public_key().as_ref());
        let id = URL_SAFE_NO_PAD.encode(digest.as_ref().get(..20).unwrap_or_default());
        Ok(SigningKey { pair, id })
    }

    fn sign(&self, claims: &Value, chance: &Chance) -> String {
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": self.id });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature =
            self.pair.sign(chance.source(), signed.as_bytes()).expect("invariant: the system has randomness");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn published(&self, issuer: &str) -> Value {
        // The public key is 0x04, then x and y of 32 bytes each.
        let point = self.pair.public_key().as_ref();
        let coordinate =
            |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(range).unwrap_or_default());
        json!({
            "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": self.id,
            "x": coordinate(1..33), "y": coordinate(33..65), "issuer": issuer,
        })
    }
}

pub(crate) struct Tokens {
    access_key: hmac::Key,
    chance: Chance,
    /// The newest signs; those before it stay published.
    signing: Mutex<Vec<SigningKey>>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    pub fn open(chance: Chance, seed: &Seed, directory: &Directory) -> Result<Tokens> {
        let kept = directory.read(|records| records.signing_key.clone());
        let key = if kept.is_empty() {
            let (key, pkcs8) = SigningKey::make(&chance)?;
            directory.change(|records| records.signing_key = STANDARD.encode(pkcs8));
            key
        } else {
            SigningKey::open(
                &STANDARD.decode(&kept).context("the practice signing key is damaged")?,
                &chance,
            )?
        };
        Ok(Tokens { access_key: seed.key("access tokens"), chance, signing: Mutex::new(vec![key]) })
    }

    /// From now on a new key signs; it is kept in place of the old one.
    pub fn roll_over(&self, directory: &Directory) {
        match SigningKey::make(&self.chance) {
            Ok((key, pkcs8)) => {
                directory.change(|records| records.signing_key = STANDARD.encode(pkcs8));
                self.keys().push(key);
            }
            Err(error) => tracing::error!("the practice keys could not roll over: {error:#}"),
        }
    }

    fn keys(&self) -> MutexGuard<'_, Vec<SigningKey>> {
        self.signing.lock().unwrap_or_else(PoisonError::into_inner)
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
        let keys = self.keys();
        keys.last().expect("invariant: there is a signing key").sign(claims, &self.chance)
    }

    /// With a key that nobody can look up.
    pub fn sign_unpublished(&self, claims: &Value) -> Result<String> {
        Ok(SigningKey::make(&self.chance)?.0.sign(claims, &self.chance))
    }

    /// The published keys (RFC 7517).
    pub fn key_set(&self, issuer: &str) -> Value {
        let keys: Vec<Value> = self.keys().iter().rev().map(|key| key.published(issuer)).collect();
        json!({ "keys": keys })
    }
}
