//! Signed words in place of a secret: what stands in them, and that the certificate's key answers for them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use wire::oauth::{ClientAssertion, ServiceAccountAssertion, SigningKey};

const KEY: &str = include_str!("../../../practice/keys/practice-rsa.pem");
/// Of that key.
const CERTIFICATE: &[u8] = include_bytes!("../../../practice/src/tests/keys/first.cer");

fn key() -> SigningKey {
    SigningKey::from_pem(&SecretString::from(KEY)).unwrap()
}

/// Header and claims of a token that the key's public half, which the certificate holds, answers for.
fn checked(token: &SecretString, algorithm: &'static dyn VerificationAlgorithm) -> (Value, Value) {
    let key = key();
    let public = key.public_key();
    assert!(
        CERTIFICATE.windows(public.len()).any(|window| window == public),
        "the certificate holds the key"
    );
    let (signed, signature) = token.expose_secret().rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(algorithm, public).verify(signed.as_bytes(), &signature).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let part = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    (part(header), part(claims))
}

#[test]
fn a_client_with_a_certificate_signs_as_entra_wants_it() {
    let assertion = ClientAssertion {
        client_id: "8ad3f8a1",
        audience: "https://login.example/t/oauth2/v2.0/token",
        certificate: CERTIFICATE,
        jti: "once",
        now_at: 1_764_201_600_999,
    };
    let (header, claims) = checked(&assertion.signed_by(&key()).unwrap(), &RSA_PSS_2048_8192_SHA256);
    // openssl x509 -in first.cer -inform der -noout -fingerprint -sha256
    let thumbprint = "Se6YXzCKxalUnghA-IbgFvTv7Uu84Boq2Gdypp7WKwo";
    assert_eq!(header, json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }));
    assert_eq!(
        claims,
        json!({
            "aud": "https://login.example/t/oauth2/v2.0/token", "iss": "8ad3f8a1", "sub": "8ad3f8a1", "jti": "once",
            "iat": 1_764_201_300, "nbf": 1_764_201_300, "exp": 1_764_202_200,
        })
    );
}

/// What a service account signs at this time: its header and its claims.
fn of_a_service_account(now_at: i64) -> (Value, Value) {
    let assertion = ServiceAccountAssertion {
        issuer: "postern@project.iam.example",
        key_id: "k1",
        subject: "support@fabrikam.example",
        scope: "https://mail.google.com/",
        audience: "https://oauth2.example/token",
        now_at,
    };
    checked(&assertion.signed_by(&key()).unwrap(), &RSA_PKCS1_2048_8192_SHA256)
}

#[test]
fn a_service_account_signs_as_google_wants_it() {
    let (header, claims) = of_a_service_account(1_764_201_600_000);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    assert_eq!(
        claims,
        json!({
            "iss": "postern@project.iam.example", "sub": "support@fabrikam.example",
            "scope": "https://mail.google.com/", "aud": "https://oauth2.example/token",
            "iat": 1_764_200_700, "exp": 1_764_202_500,
        })
    );
}

/// Google: `iat` in the past and `exp` in the future, half a minute forgiven, an hour between them at most.
#[test]
fn a_service_accounts_words_count_while_the_clock_is_ten_minutes_wrong() {
    for wrong_s in [-600, 0, 600] {
        let there_s = 1_764_201_600;
        let (_, claims) = of_a_service_account((there_s + wrong_s) * 1000);
        let (made, ends) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
        assert!(made < there_s && there_s < ends, "{wrong_s}: {made} {ends}");
        assert!(ends - made <= 3600, "{wrong_s}: {made} {ends}");
    }
}

#[test]
fn what_is_no_rsa_key_signs_nothing_and_a_key_shows_nothing() {
    let cut = KEY.replacen("MII", "MI", 1);
    for pem in ["", "8Q~a.secret", cut.as_str(), &KEY.replace("PRIVATE", "PUBLIC")] {
        assert!(SigningKey::from_pem(&SecretString::from(pem)).is_none(), "{pem:.40}");
    }
    assert_eq!(format!("{:?}", key()), "SigningKey(..)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever is entered stands in the claims as it is, under a signature that holds; one letter changed, and it does not.
    #[test]
    fn what_is_signed_is_what_was_said(
        client_id in "\\PC{0,40}", audience in "\\PC{0,60}", jti in "[a-z0-9-]{1,40}", now_at in 0..4_102_444_800_000i64,
        at in 0usize..80,
    ) {
        let assertion =
            ClientAssertion { client_id: &client_id, audience: &audience, certificate: CERTIFICATE, jti: &jti, now_at };
        let token = assertion.signed_by(&key()).unwrap();
        let (_, claims) = checked(&token, &RSA_PSS_2048_8192_SHA256);
        prop_assert_eq!((&claims["iss"], &claims["sub"]), (&json!(client_id), &json!(client_id)));
        prop_assert_eq!((&claims["aud"], &claims["jti"]), (&json!(audience), &json!(jti)));
        let life = claims["exp"].as_i64().unwrap() - now_at / 1000;
        prop_assert!((300..=600).contains(&life));
        prop_assert_eq!(&claims["nbf"], now_at / 1000 - 300, "a clock that is fast by less is forgiven");

        let (signed, signature) = token.expose_secret().rsplit_once('.').unwrap();
        let mut other = signed.as_bytes().to_vec();
        let at = at % other.len();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let key = key();
        let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key());
        prop_assert!(public.verify(&other, &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_err());
    }
}
