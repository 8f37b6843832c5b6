//! The token endpoint: what a good request gets, and the error of every bad one.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use super::client::{Answer, Fields, get, post, request};
use super::sign_in::{VERIFIER, authorize, code, sign_in};
use super::{CALLBACK, NOON, SUPPORT, start};
use crate::{Practice, Registration};

pub(crate) async fn ask(practice: &Practice, app: &Registration, fields: &[(&str, &str)]) -> Answer {
    let mut all = vec![("client_id", app.client_id.as_str()), ("client_secret", app.client_secret.as_str())];
    for (name, value) in fields {
        all.retain(|(known, _)| known != name);
        all.push((name, value));
    }
    post(&practice.token_endpoint(), &all).await
}

pub(crate) async fn redeem(practice: &Practice, app: &Registration, change: &[(&str, &str)]) -> Answer {
    let mut fields =
        vec![("grant_type", "authorization_code"), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    fields.extend(change);
    ask(practice, app, &fields).await
}

pub(crate) async fn refresh(
    practice: &Practice,
    app: &Registration,
    token: &str,
    change: &[(&str, &str)],
) -> Answer {
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    fields.extend(change);
    ask(practice, app, &fields).await
}

/// What an id_token says, unchecked.
pub(crate) fn claims(id_token: &str) -> Value {
    let part = id_token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn number(answer: &Answer) -> u64 {
    answer.json()["error_codes"][0].as_u64().unwrap_or_else(|| panic!("no error in {}", answer.body))
}

/// Checks the signature with the published key, as a client should, and gives the claims.
async fn verified(practice: &Practice, id_token: &str) -> Value {
    let discovery =
        get(&format!("{}/{}/v2.0/.well-known/openid-configuration", practice.http_url, practice.tenant_id()))
            .await
            .json();
    let keys = get(discovery["jwks_uri"].as_str().unwrap()).await.json();
    let part = |name: &str| URL_SAFE_NO_PAD.decode(keys["keys"][0][name].as_str().unwrap()).unwrap();
    let point = [&[4][..], &part("x"), &part("y")].concat();
    let (signed, signature) = id_token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed.as_bytes(), &signature).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    assert_eq!(read(header)["kid"], keys["keys"][0]["kid"]);
    let claims = read(claims);
    assert_eq!(claims["iss"], discovery["issuer"]);
    claims
}

#[tokio::test]
async fn a_code_becomes_tokens_and_an_id_token_that_verifies() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let code = code(&practice, &app).await;
    let answer = redeem(&practice, &app, &[("code", &code)]).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let tokens = answer.json();
    assert_eq!(tokens["token_type"], "Bearer");
    let seconds = tokens["expires_in"].as_i64().unwrap();
    assert!((3600..=5400).contains(&seconds));
    let scope = tokens["scope"].as_str().unwrap();
    assert!(
        scope.contains("https://outlook.office.com/IMAP.AccessAsUser.All")
            && !scope.contains("offline_access")
    );
    let claims = verified(&practice, tokens["id_token"].as_str().unwrap()).await;
    assert_eq!(claims["aud"], app.client_id.as_str());
    assert_eq!(claims["nonce"], "no-1");
    assert_eq!(claims["preferred_username"], SUPPORT);
    assert_eq!(claims["email"], SUPPORT);
    assert_eq!(claims["tid"], practice.tenant_id());
    assert!(claims["oid"].is_string() && claims["exp"].as_i64().unwrap() > NOON / 1000);

    let again = redeem(&practice, &app, &[("code", &code)]).await;
    assert_eq!((again.status, number(&again)), (400, 54005));
}

#[tokio::test]
async fn every_wrong_redemption_has_its_number() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let graph_too = "https://outlook.office.com/SMTP.Send https://graph.microsoft.com/User.Read";
    let cases: [(Fields<'_>, u16, u64, &str); 10] = [
        (&[("client_secret", "x8Q~wrong")], 401, 7000215, "invalid_client"),
        (&[("client_secret", "")], 401, 7000218, "invalid_client"),
        (&[("client_id", "00000000-0000-4000-8000-000000000000")], 400, 700016, "unauthorized_client"),
        (
            &[("code_verifier", "another-verifier-that-is-long-enough-to-be-one")],
            400,
            501481,
            "invalid_grant",
        ),
        (&[("code_verifier", "")], 400, 501481, "invalid_grant"),
        (&[("redirect_uri", "http://localhost:8080/other")], 401, 500112, "invalid_client"),
        (&[("scope", graph_too)], 400, 700022, "invalid_scope"),
        (&[("scope", "Mail.Read")], 400, 65001, "invalid_grant"),
        (&[("code", "1.never-issued")], 400, 70000, "invalid_grant"),
        (&[("grant_type", "password")], 400, 70003, "unsupported_grant_type"),
    ];
    for (change, status, expected, error) in cases {
        let code = code(&practice, &app).await;
        let mut fields = vec![("code", code.as_str())];
        fields.extend(change);
        let answer = redeem(&practice, &app, &fields).await;
        assert_eq!((answer.status, number(&answer)), (status, expected), "{}", answer.body);
        let body = answer.json();
        assert_eq!(body["error"], error);
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{expected}: ")));
        for words in ["Trace ID: ", "Correlation ID: ", "Timestamp: 2026-11-24 12:00:00Z"] {
            assert!(description.contains(words), "{description}");
        }
        assert!(
            body["trace_id"].is_string()
                && body["correlation_id"].is_string()
                && body["timestamp"].is_string()
        );
    }
    let elsewhere =
        post(&format!("{}/common/oauth2/v2.0/token", practice.http_url), &[("client_id", &app.client_id)])
            .await;
    assert_eq!(number(&elsewhere), 50194);
    assert_eq!(number(&get(&practice.token_endpoint()).await), 900561);
}

#[tokio::test]
async fn the_secret_may_come_by_basic_authentication() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let token = practice.grant(&app.client_id, SUPPORT);
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = STANDARD.encode(format!("{}:{}", encoded(&app.client_id), encoded(&app.client_secret)));
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("authorization", &format!("Basic {basic}"))];
    let body = super::client::form(&[("grant_type", "refresh_token"), ("refresh_token", &token)]);
    assert_eq!(request("POST", &practice.token_endpoint(), &headers, &body).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_secret_expires_on_its_day_and_a_refresh_token_ninety_days_after_its_last_use() {
    let (practice, hand) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let token = practice.grant(&app.client_id, SUPPORT);
    let days = |days: i64| hand.fetch_add(days * 86_400_000, Ordering::SeqCst);
    days(89);
    assert_eq!(refresh(&practice, &app, &token, &[]).await.status, 200);
    days(89);
    assert_eq!(refresh(&practice, &app, &token, &[]).await.status, 200);
    days(90);
    assert_eq!(number(&refresh(&practice, &app, &token, &[]).await), 700082);
    days(500);
    assert_eq!(number(&refresh(&practice, &app, &token, &[]).await), 7000222);
}

#[tokio::test]
async fn a_refresh_gives_a_new_refresh_token_and_keeps_the_old_one() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let first = practice.grant(&app.client_id, SUPPORT);
    let answer = refresh(&practice, &app, &first, &[]).await.json();
    let second = answer["refresh_token"].as_str().unwrap();
    assert_ne!(second, first);
    assert_eq!(refresh(&practice, &app, second, &[]).await.status, 200);
    assert_eq!(refresh(&practice, &app, &first, &[]).await.status, 200);
    let other = practice.register("Another app", CALLBACK);
    assert_eq!(number(&refresh(&practice, &other, &first, &[]).await), 70000);
}

#[tokio::test]
async fn a_refresh_narrows_takes_the_first_of_two_resources_and_never_widens() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let token = practice.grant(&app.client_id, SUPPORT);
    let scope = async |wanted: &str| refresh(&practice, &app, &token, &[("scope", wanted)]).await;
    let narrow = scope("https://outlook.office.com/SMTP.Send").await.json();
    assert_eq!(narrow["scope"], "https://outlook.office.com/SMTP.Send");
    assert!(narrow.get("id_token").is_none());
    let two =
        scope("https://outlook.office.com/SMTP.Send https://graph.microsoft.com/Mail.Read").await.json();
    assert_eq!(two["scope"], "https://outlook.office.com/SMTP.Send");
    let wide = scope("https://graph.microsoft.com/Mail.Read").await;
    assert_eq!((number(&wide), wide.json()["suberror"].as_str()), (65001, Some("consent_required")));
}

#[tokio::test]
async fn consent_taken_back_in_the_portal_ends_the_refresh() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let token = practice.grant(&app.client_id, SUPPORT);
    let url = format!("{}/portal/apps/{}/permissions/remove", practice.http_url, app.client_id);
    post(&url, &[("permission", "IMAP.AccessAsUser.All")]).await;
    assert_eq!(number(&refresh(&practice, &app, &token, &[]).await), 65001);
}

#[tokio::test]
async fn a_multi_tenant_app_may_come_by_the_shared_endpoints_and_must_stay_there() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    practice.world.directory.change(|records| {
        records.app_mut(&app.client_id).unwrap().audience = crate::directory::Audience::MultiTenant;
    });
    let page = authorize(&practice, "organizations", &app.client_id, &[]).await;
    let url = format!("{}/organizations/login", practice.http_url);
    let signed_in =
        post(&url, &[("flow", &page.field("flow")), ("account", SUPPORT), ("password", "x")]).await;
    let code = signed_in.sent_back("code").unwrap();
    let elsewhere = redeem(&practice, &app, &[("code", &code)]).await;
    assert_eq!(number(&elsewhere), 700005);
    // The domain and the id are one tenant.
    let page = authorize(&practice, "contoso.example", &app.client_id, &[]).await;
    let url = format!("{}/contoso.example/login", practice.http_url);
    let code = post(&url, &[("flow", &page.field("flow")), ("account", SUPPORT), ("password", "x")])
        .await
        .sent_back("code")
        .unwrap();
    assert_eq!(redeem(&practice, &app, &[("code", &code)]).await.status, 200);
    // A page of one tenant cannot be continued at another.
    let page = authorize(&practice, "organizations", &app.client_id, &[]).await;
    assert!(sign_in(&practice, &page, SUPPORT).await.body.contains("AADSTS90014"));
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let page = authorize(
        &practice,
        &app.tenant_id,
        &app.client_id,
        &[("scope", "https://outlook.office.com/SMTP.Send")],
    )
    .await;
    let code = sign_in(&practice, &page, SUPPORT).await.sent_back("code").unwrap();
    let tokens = redeem(&practice, &app, &[("code", &code)]).await.json();
    assert!(
        tokens["access_token"].is_string()
            && tokens.get("refresh_token").is_none()
            && tokens.get("id_token").is_none()
    );
}
