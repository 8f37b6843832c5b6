//! Device code: the codes, the person's page, and every answer that polling can get.

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::client::{Answer, get, post};
use super::{CALLBACK, SUPPORT, start};
use crate::permissions::SCOPES_OF_THE_GUIDE;
use crate::{Fault, Practice, Registration, Times};

async fn begin(practice: &Practice, app: &Registration) -> Value {
    let url = format!("{}/{}/oauth2/v2.0/devicecode", practice.http_url, app.tenant_id);
    post(&url, &[("client_id", &app.client_id), ("scope", SCOPES_OF_THE_GUIDE)]).await.json()
}

async fn poll(practice: &Practice, app: &Registration, codes: &Value) -> Answer {
    let fields = [
        ("client_id", app.client_id.as_str()),
        ("client_secret", app.client_secret.as_str()),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", codes["device_code"].as_str().unwrap()),
    ];
    post(&practice.token_endpoint(), &fields).await
}

async fn enter(practice: &Practice, typed: &str) -> Answer {
    post(&format!("{}/devicelogin", practice.http_url), &[("otc", typed)]).await
}

pub(super) async fn approve(practice: &Practice, codes: &Value) -> Answer {
    let page = enter(practice, codes["user_code"].as_str().unwrap()).await;
    let url = format!("{}/{}/login", practice.http_url, practice.tenant_id());
    post(&url, &[("flow", &page.field("flow")), ("account", SUPPORT), ("password", "x")]).await
}

async fn error(practice: &Practice, app: &Registration, codes: &Value) -> (String, u64) {
    let said = poll(practice, app, codes).await.json();
    (said["error"].as_str().unwrap_or("none").to_owned(), said["error_codes"][0].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn a_person_enters_the_code_and_the_poll_is_answered() {
    let (practice, clock) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let codes = begin(&practice, &app).await;
    assert_eq!((&codes["expires_in"], &codes["interval"]), (&900.into(), &5.into()));
    assert!(codes.get("verification_uri_complete").is_none());
    assert!(get(codes["verification_uri"].as_str().unwrap()).await.body.contains("Enter code"));
    let pending = ("authorization_pending".to_owned(), 70016);
    assert_eq!(error(&practice, &app, &codes).await, pending);
    assert_eq!(error(&practice, &app, &codes).await.0, "slow_down");
    clock.fetch_add(5_000, Ordering::SeqCst);
    assert_eq!(error(&practice, &app, &codes).await.0, "slow_down", "the interval is ten seconds now");
    clock.fetch_add(15_000, Ordering::SeqCst);
    assert_eq!(error(&practice, &app, &codes).await, pending);
    assert!(enter(&practice, "NOTACODE1").await.body.contains("AADSTS70018"));
    assert!(approve(&practice, &codes).await.body.contains("You may now close this window"));
    let tokens = poll(&practice, &app, &codes).await.json();
    for name in ["access_token", "refresh_token", "id_token"] {
        assert!(tokens[name].is_string(), "{tokens}");
    }
    assert_eq!(error(&practice, &app, &codes).await, ("invalid_grant".to_owned(), 54005));
    assert!(enter(&practice, codes["user_code"].as_str().unwrap()).await.body.contains("AADSTS90120"));
}

#[tokio::test]
async fn a_code_ends_declined_or_too_old_or_is_nobodys() {
    let (practice, clock) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let unknown = serde_json::json!({ "device_code": "x" });
    assert_eq!(error(&practice, &app, &unknown).await, ("bad_verification_code".to_owned(), 70018));
    let codes = begin(&practice, &app).await;
    let other = practice.register("Other", CALLBACK);
    assert_eq!(error(&practice, &other, &codes).await.0, "bad_verification_code");
    clock.fetch_add(900_000, Ordering::SeqCst);
    assert_eq!(error(&practice, &app, &codes).await, ("expired_token".to_owned(), 70019));
    assert!(enter(&practice, codes["user_code"].as_str().unwrap()).await.body.contains("AADSTS70019"));

    let rows = [
        (Fault::DeviceSlowDown, "slow_down"),
        (Fault::DeviceExpired, "expired_token"),
        (Fault::DeviceDeclined, "authorization_declined"),
    ];
    for (fault, expected) in rows {
        let codes = begin(&practice, &app).await;
        practice.faults.arm(fault, Times::Exactly(1));
        assert_eq!(error(&practice, &app, &codes).await.0, expected);
    }
    practice.faults.arm(Fault::DeviceBlocked, Times::Exactly(1));
    let codes = begin(&practice, &app).await;
    assert!(approve(&practice, &codes).await.body.contains("AADSTS530035"));
}

#[tokio::test]
async fn a_public_client_needs_no_secret_and_may_not_send_one() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let codes = begin(&practice, &app).await;
    approve(&practice, &codes).await;
    let fields = [
        ("client_id", app.client_id.as_str()),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", codes["device_code"].as_str().unwrap()),
    ];
    let without = async || post(&practice.token_endpoint(), &fields).await;
    assert_eq!(without().await.json()["error_codes"][0], 7000218);
    practice.allow_public_client(&app.client_id);
    assert_eq!(without().await.status, 200);
    practice.world.directory.change(|records| records.app_mut(&app.client_id).unwrap().redirect_uris.clear());
    assert_eq!(error(&practice, &app, &begin(&practice, &app).await).await.1, 700025);
}
