//! Who signed in, as an id_token says it, and every flaw that one may have.
use super::{Provider, http, net};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use wire::oauth::{self, Expected};

const NOW_AT: i64 = 1_795_521_600_000;

/// An identity provider with one P-256 key.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Signer {
        let random = ring::rand::SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Signer(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap())
    }

    fn keys(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [
            {"kty": "oct", "k": 7},
            {"kty": "EC", "use": "enc", "kid": "k1", "crv": "P-256", "x": "AA", "y": "AA"},
            {"kty": "EC", "use": "sig", "kid": "k1", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..])},
        ]})
    }

    fn sign(&self, header: &Value, claims: &Value) -> SecretString {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(&ring::rand::SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into()
    }
}

fn claims(origin: &str) -> Value {
    json!({
        "iss": format!("{origin}/11-22/v2.0"), "aud": "client", "sub": "subject", "tid": "11-22", "oid": "object",
        "exp": NOW_AT / 1000 + 3600, "iat": NOW_AT / 1000, "nonce": "n0nce",
        "preferred_username": "ann@contoso.example", "email": "ann@contoso.example", "login": "ann",
    })
}

const EXPECTED: Expected<'_> =
    Expected { client_id: "client", nonce: Some("n0nce"), issuer: None, now_at: NOW_AT };

/// A provider shaped like Entra's `common`: the issuer in the document holds `{tenantid}`.
async fn entra(signer: &Signer) -> Provider {
    let provider = Provider::start().await;
    let discovery = json!({
        "issuer": format!("{}/{{tenantid}}/v2.0", provider.origin), "jwks_uri": format!("{}/keys", provider.origin),
        "token_endpoint": format!("{}/common/oauth2/v2.0/token", provider.origin), "more": [1, {"a": null}],
    });
    provider.answers("/common/v2.0/.well-known/openid-configuration", http(200, "", &discovery.to_string()));
    provider.answers("/keys", http(200, "", &signer.keys().to_string()));
    provider
}

#[tokio::test]
async fn the_id_token_says_who_signed_in() {
    let signer = Signer::new();
    let provider = entra(&signer).await;
    let token = signer.sign(&json!({"alg": "ES256", "kid": "k1"}), &claims(&provider.origin));
    let endpoint = provider.url("/common/oauth2/v2.0/token");
    let identity = oauth::identify(&net(), &endpoint, None, &token, EXPECTED).await.unwrap();
    assert_eq!(identity.issuer, format!("{}/11-22/v2.0", provider.origin));
    assert_eq!((identity.oid.as_deref(), identity.tid.as_deref()), (Some("object"), Some("11-22")));
    let claim = |name: &str| identity.claims.get(name).map(String::as_str);
    assert_eq!((claim("preferred_username"), claim("login")), (Some("ann@contoso.example"), Some("ann")));
    // After a refresh there is no nonce to compare.
    oauth::identify(&net(), &endpoint, None, &token, Expected { nonce: None, ..EXPECTED }).await.unwrap();
}

#[tokio::test]
async fn an_id_token_with_any_flaw_is_refused_with_that_flaw() {
    let (signer, stranger) = (Signer::new(), Signer::new());
    let provider = entra(&signer).await;
    let endpoint = provider.url("/common/oauth2/v2.0/token");
    let good = json!({"alg": "ES256", "kid": "k1"});
    let with = |name: &str, value: Value| {
        let mut claims = claims(&provider.origin);
        claims[name] = value;
        signer.sign(&good, &claims)
    };
    let claims = claims(&provider.origin);
    let unsigned = signer.sign(&json!({"alg": "none"}), &claims).expose_secret().to_owned();
    let unsigned = format!("{}.", unsigned.rsplit_once('.').unwrap().0);
    for (token, expected) in [
        (stranger.sign(&good, &claims), "the signature of the id_token is wrong"),
        (signer.sign(&json!({"alg": "ES256", "kid": "k2"}), &claims), "does not publish"),
        (signer.sign(&json!({"alg": "RS256", "kid": "k1"}), &claims), "does not publish"),
        (signer.sign(&json!({"alg": "HS256", "kid": "k1"}), &claims), "not accepted"),
        (unsigned.into(), "not accepted"),
        (with("iss", json!("https://evil.example/11-22/v2.0")), "another issuer"),
        (with("tid", json!("33-44")), "another issuer"),
        (with("tid", json!("../evil")), "another issuer"),
        (with("aud", json!("other")), "another client"),
        (with("aud", json!(["other"])), "another client"),
        (with("azp", json!("other")), "another client"),
        (with("exp", json!(NOW_AT / 1000 - 301)), "has expired"),
        (with("exp", Value::Null), "cannot be read"),
        (with("nbf", json!(NOW_AT / 1000 + 301)), "from the future"),
        (with("nonce", json!("other")), "another sign-in"),
        (with("nonce", Value::Null), "another sign-in"),
        (with("sub", Value::Null), "cannot be read"),
        ("rubbish".into(), "cannot be read"),
        ("a.b.c".into(), "cannot be read"),
        ("x".repeat(100_000).into(), "cannot be read"),
    ] {
        let error = oauth::identify(&net(), &endpoint, None, &token, EXPECTED).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn a_known_document_proves_a_token_and_an_issuer_may_leave_out_its_scheme() {
    let signer = Signer::new();
    let provider = Provider::start().await;
    let discovery =
        json!({"issuer": "https://accounts.example", "jwks_uri": format!("{}/keys", provider.origin)});
    provider.answers("/.well-known/openid-configuration", http(200, "", &discovery.to_string()));
    provider.answers("/keys", http(200, "", &signer.keys().to_string()));
    let (endpoint, document) = (provider.url("/token"), provider.url("/.well-known/openid-configuration"));
    for (issuer, fine) in [
        ("https://accounts.example", true),
        ("accounts.example", true),
        ("http://accounts.example", false),
        ("accounts.example.evil", false),
    ] {
        let mut claims = claims(&provider.origin);
        claims["iss"] = json!(issuer);
        let token = signer.sign(&json!({"alg": "ES256", "kid": "k1"}), &claims);
        let identity = oauth::identify(&net(), &endpoint, Some(&document), &token, EXPECTED).await;
        assert_eq!(identity.is_ok(), fine, "{issuer}");
    }
}

#[tokio::test]
async fn an_rs256_token_is_checked_with_its_key() {
    // RFC 7515 A.2: key and signature of the standard's own example.
    let key = json!({"keys": [{"kty": "RSA", "e": "AQAB", "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}]});
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let provider = Provider::start().await;
    let origin = &provider.origin;
    let discovery = json!({"issuer": "joe", "jwks_uri": format!("{origin}/keys")});
    provider.answers("/t/v2.0/.well-known/openid-configuration", http(200, "", &discovery.to_string()));
    provider.answers("/keys", http(200, "", &key.to_string()));
    let endpoint = provider.url("/t/oauth2/v2.0/token");
    // Past the signature and the issuer it fails for want of an audience, and with a bit turned before it.
    let error = oauth::identify(&net(), &endpoint, None, &token.into(), EXPECTED).await.unwrap_err();
    assert!(error.to_string().contains("another client"), "{error}");
    let error = oauth::identify(&net(), &endpoint, None, &token.replace("cC4h", "cC5h").into(), EXPECTED)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("signature"), "{error}");
}

#[tokio::test]
async fn a_provider_without_a_known_document_is_believed_for_its_token_endpoint() {
    let provider = Provider::start().await;
    let token = Signer::new().sign(&json!({"alg": "ES256"}), &claims(&provider.origin));
    let endpoint = provider.url("/token");
    let identity = oauth::identify(&net(), &endpoint, None, &token, EXPECTED).await.unwrap();
    assert_eq!(identity.subject, "subject");
    let late = Expected { now_at: NOW_AT + 4_000_000, ..EXPECTED };
    assert!(oauth::identify(&net(), &endpoint, None, &token, late).await.is_err());
    // Whose token it has to be is compared where it is known without a document.
    let known = format!("{}/{{tenantid}}/v2.0", provider.origin);
    for (issuer, fine) in [(known.as_str(), true), ("https://accounts.example", false)] {
        let expected = Expected { issuer: Some(issuer), ..EXPECTED };
        let identity = oauth::identify(&net(), &endpoint, None, &token, expected).await;
        assert_eq!(identity.is_ok(), fine, "{issuer}: {identity:?}");
    }
    assert!(provider.asked().is_empty());
}

#[tokio::test]
async fn an_issuer_that_names_another_in_its_document_is_refused() {
    let provider = Provider::start().await;
    let path = "/realms/r/.well-known/openid-configuration";
    let document = |issuer: String| http(200, "", &json!({"issuer": issuer}).to_string());
    provider.answers(path, document(format!("{}/realms/r", provider.origin)));
    let issuer = provider.url("/realms/r/");
    oauth::discover_issuer(&net(), &issuer).await.unwrap();
    provider.answers(path, document("https://evil.example".into()));
    let error = oauth::discover_issuer(&net(), &issuer).await.unwrap_err();
    assert!(error.to_string().contains("names another issuer, https://evil.example"), "{error}");
}

#[tokio::test]
async fn a_key_that_is_published_for_another_tenant_is_told_apart_from_none() {
    let signer = Signer::new();
    let provider = entra(&signer).await;
    let mut keys = signer.keys();
    keys["keys"][2]["issuer"] = json!(format!("{}/another/v2.0", provider.origin));
    provider.answers("/keys", http(200, "", &keys.to_string()));
    let token = signer.sign(&json!({"alg": "ES256", "kid": "k1"}), &claims(&provider.origin));
    let endpoint = provider.url("/common/oauth2/v2.0/token");
    let error = oauth::identify(&net(), &endpoint, None, &token, EXPECTED).await.unwrap_err();
    assert!(error.to_string().contains("publishes for another issuer"), "{error}");
}
