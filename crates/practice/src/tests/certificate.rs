//! private_key_jwt: certificates in place of a secret, several at once, and each way an assertion is refused.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::client::{Answer, get, post, request};
use super::signing::{FIRST, OTHER, SECOND, header, sign};
use super::{CALLBACK, NOON, start};
use crate::{Fault, Practice, Registration, Times};

fn claims(practice: &Practice, app: &Registration) -> Value {
    let now = NOON / 1000;
    json!({ "aud": practice.token_endpoint(), "iss": app.client_id, "sub": app.client_id, "jti": "1", "nbf": now, "iat": now, "exp": now + 600 })
}

async fn ask(practice: &Practice, app: &Registration, assertion: &str) -> Answer {
    let fields = [
        ("client_id", app.client_id.as_str()),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("grant_type", "client_credentials"),
        ("scope", "https://outlook.office365.com/.default"),
    ];
    post(&practice.token_endpoint(), &fields).await
}

#[tokio::test]
async fn one_certificate_can_follow_another() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let first = sign(&header("PS256", FIRST), &claims(&practice, &app));
    let second = sign(&header("RS256", SECOND), &claims(&practice, &app));
    assert_eq!(ask(&practice, &app, &first).await.json()["error_codes"][0], 700027);
    practice.upload_certificate(&app.client_id, FIRST).unwrap();
    assert!(practice.upload_certificate(&app.client_id, FIRST).is_err());
    assert_eq!(ask(&practice, &app, &first).await.status, 200);
    assert_eq!(ask(&practice, &app, &second).await.json()["error_codes"][0], 700027);
    practice.upload_certificate(&app.client_id, SECOND).unwrap();
    assert_eq!(ask(&practice, &app, &first).await.status, 200);
    assert_eq!(ask(&practice, &app, &second).await.status, 200);
    let page = get(&format!("{}/portal/apps/{}/certificates", practice.http_url, app.client_id)).await;
    let id = page.field("certificate");
    let delete = format!("{}/portal/apps/{}/certificates/delete", practice.http_url, app.client_id);
    assert_eq!(post(&delete, &[("certificate", &id)]).await.status, 303);
    assert_eq!(ask(&practice, &app, &first).await.json()["error_codes"][0], 700027);
    assert_eq!(ask(&practice, &app, &second).await.status, 200);
}

#[tokio::test]
async fn an_assertion_is_refused_in_entras_numbers() {
    let (practice, clock) = start().await;
    let app = practice.register("Postern", CALLBACK);
    practice.upload_certificate(&app.client_id, FIRST).unwrap();
    practice.upload_certificate(&app.client_id, OTHER).unwrap();
    let good = claims(&practice, &app);
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        sign(&header("PS256", FIRST), &claims)
    };
    let now = NOON / 1000;
    let rows = [
        (700027, sign(&header("PS256", OTHER), &good)),
        (700027, sign(&header("none", FIRST), &good)),
        (50012, with("aud", json!("https://elsewhere.example/token"))),
        (50048, with("iss", json!("somebody"))),
        (700024, with("exp", json!(now - 301))),
        (700024, with("nbf", json!(now + 301))),
        (50027, "no.jwt".to_owned()),
    ];
    for (number, assertion) in rows {
        let answer = ask(&practice, &app, &assertion).await;
        assert_eq!(answer.json()["error_codes"][0], number, "{}", answer.body);
    }
    let assertion = sign(&header("PS256", FIRST), &good);
    for (fault, number) in [
        (Fault::AssertionUnknownKey, 700027),
        (Fault::AssertionOutOfTime, 700024),
        (Fault::AssertionRejected, 50012),
        (Fault::ClockAhead, 700024),
        (Fault::ClockBehind, 700024),
    ] {
        practice.faults.arm(fault, Times::Exactly(1));
        // Ten minutes are more than what is left of the assertion's life, and than the skew before it.
        let assertion =
            if fault == Fault::ClockAhead { with("exp", json!(now + 60)) } else { assertion.clone() };
        assert_eq!(ask(&practice, &app, &assertion).await.json()["error_codes"][0], number, "{fault:?}");
        assert_eq!(practice.faults.struck(fault), 1);
    }
    assert_eq!(ask(&practice, &app, &assertion).await.status, 200);
    clock.fetch_add(7310 * 86_400_000, Ordering::SeqCst);
    let expired = ask(&practice, &app, &assertion).await.json();
    assert!(expired["error_description"].as_str().unwrap().contains("The key used is expired"), "{expired}");
}

#[tokio::test]
async fn the_portal_takes_a_certificate_file_and_refuses_others() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let url = format!("{}/portal/apps/{}/certificates", practice.http_url, app.client_id);
    let upload = async |content: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"description\"\r\n\r\nPostern\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.cer\"\r\n\r\n{content}\r\n--b--\r\n"
        );
        request("POST", &url, &[("content-type", "multipart/form-data; boundary=b")], &body).await.unwrap()
    };
    assert_eq!(upload("no certificate").await.status, 422);
    use base64::Engine as _;
    let pem = base64::engine::general_purpose::STANDARD.encode(FIRST);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n");
    assert_eq!(upload(&pem).await.status, 303);
    let page = get(&url).await.body;
    assert!(page.contains("Certificates (1)") && page.contains("Postern"), "{page}");
}
