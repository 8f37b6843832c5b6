//! The Google-shaped provider: consent and its boxes, the rules of refresh tokens, service accounts, errors,
//! and Gmail's refusal at IMAP and SMTP.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::client::{Answer, form, get, imap, post, request, smtp, xoauth2};
use super::signing::sign;
use super::{CALLBACK, NOON, start};
use crate::{Fault, Practice, Registration, Times};

const CARE: &str = "care@fabrikam.example";
const LENA: &str = "lena.fox@gmail.example";
const MAIL: &str = "https://mail.google.com/";
const DAY_MS: i64 = 86_400_000;

async fn authorize(practice: &Practice, app: &Registration, change: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("client_id", app.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid email https://mail.google.com/"),
        ("state", "s"),
        ("nonce", "n"),
        ("access_type", "offline"),
        ("prompt", "consent"),
    ];
    for (name, value) in change {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    get(&format!("{}/google/o/oauth2/v2/auth?{}", practice.http_url, form(&fields))).await
}

async fn sign_in(practice: &Practice, page: &Answer, who: &str) -> Answer {
    let fields = [("flow", page.field("flow")), ("account", who.to_owned()), ("password", "x".to_owned())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    post(&format!("{}/google/login", practice.http_url), &fields).await
}

async fn consent(practice: &Practice, page: &Answer, ticked: &[&str]) -> Answer {
    let flow = page.field("flow");
    let mut fields = vec![("flow", flow.as_str()), ("answer", "allow")];
    if page.body.contains("name=\"boxes\"") {
        fields.push(("boxes", "yes"));
    }
    fields.extend(ticked.iter().map(|scope| ("scope", *scope)));
    post(&format!("{}/google/consent", practice.http_url), &fields).await
}

async fn token(practice: &Practice, app: &Registration, change: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("client_id", app.client_id.as_str()),
        ("client_secret", app.client_secret.as_str()),
        ("redirect_uri", CALLBACK),
    ];
    fields.extend(change);
    post(&format!("{}/google/token", practice.http_url), &fields).await
}

async fn redeem(practice: &Practice, app: &Registration, back: &Answer) -> Value {
    let code = back.sent_back("code").unwrap();
    token(practice, app, &[("grant_type", "authorization_code"), ("code", &code)]).await.json()
}

async fn refresh(practice: &Practice, app: &Registration, tokens: &Value) -> Value {
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    token(practice, app, &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]).await.json()
}

/// The whole walk, everything ticked.
async fn walk(practice: &Practice, app: &Registration, who: &str, change: &[(&str, &str)]) -> Value {
    let page = authorize(practice, app, change).await;
    let mut back = sign_in(practice, &page, who).await;
    if back.status == 200 {
        back = consent(practice, &back, &[MAIL]).await;
    }
    redeem(practice, app, &back).await
}

#[tokio::test]
async fn a_refresh_token_needs_offline_and_a_consent_of_this_moment() {
    let (practice, _) = start().await;
    let app = practice.register_at_google("Postern", CALLBACK);
    let first = walk(&practice, &app, CARE, &[("prompt", "")]).await;
    assert!(first["refresh_token"].is_string(), "{first}");
    assert!(walk(&practice, &app, CARE, &[("prompt", "")]).await.get("refresh_token").is_none());
    assert!(walk(&practice, &app, CARE, &[("access_type", "")]).await.get("refresh_token").is_none());
    let again = walk(&practice, &app, CARE, &[]).await;
    let refreshed = refresh(&practice, &app, &again).await;
    assert!(refreshed["access_token"].is_string() && refreshed.get("refresh_token").is_none(), "{refreshed}");
    let claims = super::token::claims(again["id_token"].as_str().unwrap());
    assert_eq!((&claims["email"], &claims["hd"]), (&CARE.into(), &"fabrikam.example".into()));
    assert_eq!((&claims["iss"], &claims["nonce"]), (&practice.google_url().into(), &"n".into()));
    let conflict = authorize(&practice, &app, &[("approval_prompt", "force")]).await;
    assert!(conflict.status == 400 && conflict.body.contains("Conflict params"));
}

#[tokio::test]
async fn the_person_can_untick_mail_beside_the_sign_in_and_not_alone() {
    let (practice, _) = start().await;
    let app = practice.register_at_google("Postern", CALLBACK);
    let page = authorize(&practice, &app, &[]).await;
    let page = sign_in(&practice, &page, CARE).await;
    let back = consent(&practice, &page, &[]).await;
    let narrowed = redeem(&practice, &app, &back).await;
    assert_eq!(narrowed["scope"], "openid email");
    let access = narrowed["access_token"].as_str().unwrap();
    let mut talk = imap(&practice).await;
    talk.send(&format!("t AUTHENTICATE XOAUTH2 {}\r\n", xoauth2(CARE, access))).await;
    assert!(talk.line().await.unwrap().starts_with("+ eyJ"), "Google explains before it refuses");
    talk.send("\r\n").await;
    assert!(talk.line().await.unwrap().starts_with("t NO [AUTHENTICATIONFAILED]"));
    let page = authorize(&practice, &app, &[("scope", MAIL)]).await;
    let page = sign_in(&practice, &page, LENA).await;
    assert!(!page.body.contains("name=\"boxes\""));
    let back = consent(&practice, &page, &[]).await;
    let tokens = redeem(&practice, &app, &back).await;
    assert_eq!(tokens["scope"], MAIL);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let profile = format!("{}/google/gmail/v1/users/me/profile", practice.http_url);
    let profile = request("GET", &profile, &[("authorization", &bearer)], "").await.unwrap();
    assert_eq!(profile.json()["emailAddress"], LENA);
}

#[tokio::test]
async fn gmail_opens_the_own_mailbox_and_answers_a_bad_token_with_json() {
    let (practice, _) = start().await;
    let app = practice.register_at_google("Postern", CALLBACK);
    let tokens = walk(&practice, &app, CARE, &[]).await;
    let access = tokens["access_token"].as_str().unwrap();
    let mut talk = imap(&practice).await;
    let answer = talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(CARE, access))).await;
    assert!(answer.starts_with("t OK"), "{answer}");
    let mut talk = smtp(&practice).await;
    assert!(talk.say(&format!("AUTH XOAUTH2 {}", xoauth2(LENA, access))).await.starts_with("334 eyJ"));
    let refused = talk.say("").await;
    assert!(refused.starts_with("535-5.7.8 ") && refused.contains("535 5.7.8 "), "{refused}");
    assert!(talk.say(&format!("AUTH XOAUTH2 {}", xoauth2(CARE, access))).await.starts_with("235 "));
    let revoke = format!("{}/google/revoke", practice.http_url);
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(post(&revoke, &[("token", refresh_token)]).await.status, 200);
    assert_eq!(post(&revoke, &[("token", refresh_token)]).await.json()["error"], "invalid_token");
    assert_eq!(
        refresh(&practice, &app, &tokens).await["error_description"],
        "Token has been expired or revoked."
    );
    let mut talk = imap(&practice).await;
    talk.send(&format!("t AUTHENTICATE XOAUTH2 {}\r\n", xoauth2(CARE, access))).await;
    assert!(talk.line().await.unwrap().starts_with("+ "), "the access token ended with the grant");
}

#[tokio::test]
async fn refresh_tokens_end_in_every_way_that_googles_do() {
    let (practice, clock) = start().await;
    let app = practice.register_at_google("Postern", CALLBACK);
    let change = format!("{}/google/clients/change", practice.http_url);
    let set = async |what: &str| {
        post(&change, &[("client", &app.client_id), ("what", what), ("test_user", CARE)]).await
    };
    set("testing").await;
    let page = authorize(&practice, &app, &[]).await;
    assert!(sign_in(&practice, &page, LENA).await.body.contains("developer-approved testers"));
    set("test_user").await;
    let testing = walk(&practice, &app, CARE, &[]).await;
    assert_eq!(testing["refresh_token_expires_in"], 7 * 86_400);
    set("production").await;
    let lasting = walk(&practice, &app, CARE, &[]).await;
    assert!(lasting.get("refresh_token_expires_in").is_none());
    clock.fetch_add(7 * DAY_MS, Ordering::SeqCst);
    let over = "Token has been expired or revoked.";
    assert_eq!(refresh(&practice, &app, &testing).await["error_description"], over);
    assert!(refresh(&practice, &app, &lasting).await["access_token"].is_string());
    clock.fetch_add(182 * DAY_MS, Ordering::SeqCst);
    assert_eq!(refresh(&practice, &app, &lasting).await["error_description"], over);
    let first = walk(&practice, &app, CARE, &[]).await;
    practice.faults.arm(Fault::ReauthenticationDemanded, Times::Exactly(1));
    assert_eq!(refresh(&practice, &app, &first).await["error_subtype"], "invalid_rapt");
    practice.faults.arm(Fault::GrantRevoked, Times::Exactly(1));
    assert_eq!(refresh(&practice, &app, &first).await["error_description"], over);
    practice.faults.arm(Fault::NarrowedScope, Times::Exactly(1));
    assert_eq!(refresh(&practice, &app, &first).await["scope"], "openid email");
    for _ in 0..100 {
        walk(&practice, &app, CARE, &[]).await;
    }
    assert_eq!(refresh(&practice, &app, &first).await["error_description"], over, "the oldest of a hundred");
}

#[tokio::test]
async fn each_refusal_of_the_sign_in_has_its_name() {
    let (practice, _) = start().await;
    let app = practice.register_at_google("Postern", CALLBACK);
    let change = format!("{}/google/clients/change", practice.http_url);
    let set = async |what: &str| post(&change, &[("client", &app.client_id), ("what", what)]).await;
    let at_once = async |change: &[(&str, &str)]| authorize(&practice, &app, change).await.body;
    assert!(at_once(&[("redirect_uri", "https://a.example/")]).await.contains("redirect_uri_mismatch"));
    assert!(at_once(&[("client_id", "x")]).await.contains("invalid_client"));
    assert!(at_once(&[("scope", "mail")]).await.contains("invalid_scope"));
    set("disable").await;
    assert!(at_once(&[]).await.contains("disabled_client"));
    set("delete").await;
    assert!(at_once(&[]).await.contains("deleted_client"));
    set("enable").await;
    let page = authorize(&practice, &app, &[]).await;
    set("internal").await;
    assert!(sign_in(&practice, &page, LENA).await.body.contains("org_internal"));
    set("block").await;
    assert!(sign_in(&practice, &page, CARE).await.body.contains("admin_policy_enforced"));
    set("allow").await;
    let asked = sign_in(&practice, &page, CARE).await;
    let deny = [("flow", asked.field("flow")), ("answer", "deny".to_owned())];
    let deny: Vec<_> = deny.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let back = post(&format!("{}/google/consent", practice.http_url), &deny).await;
    assert_eq!(
        (back.sent_back("error").as_deref(), back.sent_back("state").as_deref()),
        (Some("access_denied"), Some("s"))
    );
    let wrong = Registration { client_secret: "x".to_owned(), ..app.clone() };
    assert_eq!(token(&practice, &wrong, &[("grant_type", "refresh_token")]).await.status, 401);
    let twice = walk(&practice, &app, CARE, &[]).await;
    assert!(twice["access_token"].is_string());
    let bad = token(&practice, &app, &[("grant_type", "authorization_code"), ("code", "4/x")]).await.json();
    assert_eq!(bad, json!({ "error": "invalid_grant", "error_description": "Bad Request" }));
}

#[tokio::test]
async fn a_service_account_opens_what_was_delegated_to_it() {
    let (practice, _) = start().await;
    let accounts = format!("{}/google/accounts", practice.http_url);
    post(&accounts, &[("name", "postern-mail")]).await;
    let email = "postern-mail@practice.iam.gserviceaccount.example";
    let page = post(&format!("{accounts}/key"), &[("account", email)]).await;
    let file = page.body.split("readonly>").nth(1).unwrap().split("</textarea>").next().unwrap();
    let file: Value = serde_json::from_str(&file.replace("&#34;", "\"")).unwrap();
    let now = NOON / 1000;
    let claims = json!({ "iss": email, "sub": CARE, "scope": MAIL, "aud": file["token_uri"], "iat": now, "exp": now + 3600 });
    let ask = async |claims: &Value, kid: &Value| {
        let assertion = sign(&json!({ "alg": "RS256", "typ": "JWT", "kid": kid }), claims);
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let fields = [("grant_type", grant), ("assertion", assertion.as_str())];
        post(&format!("{}/google/token", practice.http_url), &fields).await.json()
    };
    let kid = &file["private_key_id"];
    assert_eq!(ask(&claims, kid).await["error"], "unauthorized_client");
    let delegate = format!("{accounts}/delegate");
    let wrong = post(&delegate, &[("account", ""), ("client_id", email), ("scopes", MAIL)]).await;
    assert!(wrong.body.contains("numeric"), "{}", wrong.body);
    let unique_id = file["client_id"].as_str().unwrap();
    post(&delegate, &[("account", ""), ("client_id", unique_id), ("scopes", MAIL)]).await;
    let tokens = ask(&claims, kid).await;
    assert!(tokens.get("refresh_token").is_none());
    let access = tokens["access_token"].as_str().unwrap();
    let mut talk = imap(&practice).await;
    assert!(talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(CARE, access))).await.starts_with("t OK"));
    let rows = [
        ("exp", json!(now + 3601), "Invalid JWT: Token must be"),
        ("iat", json!(now + 301), "Invalid JWT: Token must be"),
        ("aud", json!("https://elsewhere.example"), "Invalid JWT: Failed audience"),
        ("iss", json!("nobody@x"), "Invalid grant: account not found"),
        ("sub", json!(LENA), "Invalid email or User ID"),
        ("scope", json!("https://x/"), "Invalid OAuth scope"),
    ];
    for (name, value, text) in rows {
        let mut changed = claims.clone();
        changed[name] = value;
        let said = ask(&changed, kid).await;
        assert!(said["error_description"].as_str().unwrap().starts_with(text), "{name}: {said}");
    }
    assert_eq!(ask(&claims, &json!("x")).await["error_description"], "Invalid JWT Signature.");
    let made: Value =
        serde_json::from_str(&practice.service_account_file("second-account").unwrap()).unwrap();
    let mut second = claims.clone();
    second["iss"] = made["client_email"].clone();
    assert!(ask(&second, &made["private_key_id"]).await["access_token"].is_string());
}
