//! Signed words in place of a secret (RFC 7523): `private_key_jwt` of a client with a certificate (§2.2, and Entra's
//! *certificate credentials*), and the grant of a service account that acts for a mailbox (§2.1, Google's *domain-wide
//! delegation*). Who may sign what, and when a key is changed, is the caller's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// How long a client's assertion is good: Entra advises five to ten minutes, which is also room for two clocks to differ.
pub const CLIENT_ASSERTION_S: i64 = 10 * 60;
/// Assertions begin this long before they are made: a clock that is fast by less would have them begin in the other side's
/// future, which is refused. Entra forgives five minutes of its own.
pub const FAST_CLOCK_S: i64 = 5 * 60;
/// The same of a service account's, and how long it is good: a clock of ours that is ten minutes wrong, to either side, is
/// to cost no mail. Google wants the time of making in the past and that of ending in the future, forgives half a minute, and
/// takes an hour between them at most.
pub const SERVICE_ACCOUNT_EARLY_S: i64 = 15 * 60;
pub const SERVICE_ACCOUNT_S: i64 = 15 * 60;

/// An RSA key that signs. It shows nothing of itself.
pub struct SigningKey(RsaKeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

impl SigningKey {
    /// From PKCS#8 as PEM (`-----BEGIN PRIVATE KEY-----`), which is what Google's key files hold. `None`: it is none, or
    /// no RSA key of 2048 to 4096 bits.
    pub fn from_pem(pem: &SecretString) -> Option<SigningKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose_secret().as_bytes()).ok()?;
        RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok().map(SigningKey)
    }

    /// The public half as DER (`RSAPublicKey`, RFC 8017 §A.1.1).
    pub fn public_key(&self) -> &[u8] {
        self.0.public().as_ref()
    }

    /// In JWS compact form (RFC 7515 §7.1).
    #[expect(
        clippy::disallowed_methods,
        reason = "ring takes the salt of a signature from its own source alone"
    )]
    fn sign(
        &self,
        encoding: &'static dyn RsaEncoding,
        header: &Value,
        claims: &Value,
    ) -> Option<SecretString> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// What a client with a certificate says of itself.
#[derive(Clone, Copy, Debug)]
pub struct ClientAssertion<'a> {
    pub client_id: &'a str,
    /// The token endpoint, as it is asked.
    pub audience: &'a str,
    /// DER, as it is registered at the provider.
    pub certificate: &'a [u8],
    /// Never used before.
    pub jti: &'a str,
    pub now_at: i64,
}

impl ClientAssertion<'_> {
    /// PS256 (RFC 7518 §3.5) with the certificate's SHA-256 thumbprint in the header (`x5t#S256`, RFC 7515 §4.1.8). `None`: ring could not
    /// draw a salt.
    pub fn signed_by(&self, key: &SigningKey) -> Option<SecretString> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint(self.certificate) });
        let now_s = self.now_at.div_euclid(1000);
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": self.jti,
            "iat": now_s.saturating_sub(FAST_CLOCK_S),
            "nbf": now_s.saturating_sub(FAST_CLOCK_S),
            "exp": now_s.saturating_add(CLIENT_ASSERTION_S),
        });
        key.sign(&RSA_PSS_SHA256, &header, &claims)
    }
}

/// What a service account asks for.
#[derive(Clone, Copy, Debug)]
pub struct ServiceAccountAssertion<'a> {
    /// The service account's own address.
    pub issuer: &'a str,
    /// Which of its keys signs (`private_key_id`).
    pub key_id: &'a str,
    /// The mailbox that it acts for.
    pub subject: &'a str,
    pub scope: &'a str,
    /// The token endpoint, as it is asked.
    pub audience: &'a str,
    pub now_at: i64,
}

impl ServiceAccountAssertion<'_> {
    /// RS256, the only one that Google takes. `None`: ring could not sign.
    pub fn signed_by(&self, key: &SigningKey) -> Option<SecretString> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key_id });
        let now_s = self.now_at.div_euclid(1000);
        let claims = json!({
            "iss": self.issuer,
            "sub": self.subject,
            "scope": self.scope,
            "aud": self.audience,
            "iat": now_s.saturating_sub(SERVICE_ACCOUNT_EARLY_S),
            "exp": now_s.saturating_add(SERVICE_ACCOUNT_S),
        });
        key.sign(&RSA_PKCS1_SHA256, &header, &claims)
    }
}

/// SHA-1 of a certificate's DER, by which Entra's list of certificates names it: to be compared by a person, never trusted.
pub fn thumbprint_sha1(certificate: &[u8]) -> String {
    let sha1 = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    sha1.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

/// SHA-256 of a certificate's DER as a JOSE header has it.
pub fn thumbprint(certificate: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(certificate))
}
