//! Signs JSON Web Tokens with the practice RSA key, as a client with a certificate or a service account does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

pub(crate) const FIRST: &[u8] = include_bytes!("keys/first.cer");
pub(crate) const SECOND: &[u8] = include_bytes!("keys/second.cer");
/// Of another key than the one that signs here.
pub(crate) const OTHER: &[u8] = include_bytes!("keys/other.cer");
const KEY: &[u8] = include_bytes!("../../keys/practice-rsa.pem");

pub(crate) fn sign(header: &Value, claims: &Value) -> String {
    let key = PrivatePkcs8KeyDer::from_pem_slice(KEY).unwrap();
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let encoding: &dyn RsaEncoding =
        if header["alg"] == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(encoding, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The header of an assertion signed with a certificate's key.
pub(crate) fn header(alg: &str, certificate: &[u8]) -> Value {
    let sha256 = ring::digest::digest(&ring::digest::SHA256, certificate);
    json!({ "alg": alg, "typ": "JWT", "x5t#S256": URL_SAFE_NO_PAD.encode(sha256) })
}
