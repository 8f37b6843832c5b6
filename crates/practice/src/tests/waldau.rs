//! The plain OpenID provider: discovery, PKCE, `iss` in the answer, userinfo, refresh tokens that work once.

use serde_json::Value;

use super::client::{Answer, form, get, imap, post, request, xoauth2};
use super::sign_in::{CHALLENGE, VERIFIER};
use super::{CALLBACK, start};
use crate::{Fault, Practice, Registration, Times};

const HILFE: &str = "hilfe@waldau.example";

async fn discovered(practice: &Practice) -> Value {
    get(&format!("{}/.well-known/openid-configuration", practice.waldau_url())).await.json()
}

async fn authorize(practice: &Practice, app: &Registration, change: &[(&str, &str)]) -> Answer {
    let endpoint = discovered(practice).await["authorization_endpoint"].as_str().unwrap().to_owned();
    let mut fields = vec![
        ("client_id", app.client_id.as_str()),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid email offline_access mail"),
        ("state", "s"),
        ("nonce", "n"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in change {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    get(&format!("{endpoint}?{}", form(&fields))).await
}

async fn walk(practice: &Practice, app: &Registration) -> Answer {
    let page = authorize(practice, app, &[]).await;
    let fields = [("flow", page.field("flow")), ("account", HILFE.to_owned()), ("password", "x".to_owned())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = post(&format!("{}/login", practice.waldau_url()), &fields).await;
    if answer.status != 200 {
        return answer;
    }
    let fields = [("flow", answer.field("flow")), ("answer", "allow".to_owned())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    post(&format!("{}/consent", practice.waldau_url()), &fields).await
}

async fn token(practice: &Practice, app: &Registration, change: &[(&str, &str)]) -> Value {
    let mut fields = vec![
        ("client_id", app.client_id.as_str()),
        ("client_secret", app.client_secret.as_str()),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    fields.extend(change);
    post(discovered(practice).await["token_endpoint"].as_str().unwrap(), &fields).await.json()
}

async fn redeem(practice: &Practice, app: &Registration, back: &Answer) -> Value {
    let code = back.sent_back("code").unwrap();
    token(practice, app, &[("grant_type", "authorization_code"), ("code", &code)]).await
}

#[tokio::test]
async fn what_discovery_promises_is_there() {
    let (practice, _) = start().await;
    let app = practice.register_at_waldau("Postern", CALLBACK);
    let about = discovered(&practice).await;
    assert_eq!(about["authorization_response_iss_parameter_supported"], true);
    assert_eq!(about["issuer"], practice.waldau_url());
    let back = walk(&practice, &app).await;
    assert_eq!(back.sent_back("iss"), Some(practice.waldau_url()));
    let tokens = redeem(&practice, &app, &back).await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let userinfo = async |bearer: &str| {
        let url = about["userinfo_endpoint"].as_str().unwrap();
        request("GET", url, &[("authorization", bearer)], "").await.unwrap()
    };
    let said = userinfo(&bearer).await.json();
    let claims = super::token::claims(tokens["id_token"].as_str().unwrap());
    assert_eq!((&said["email"], &said["sub"]), (&HILFE.into(), &claims["sub"]));
    assert_eq!(claims["iss"], practice.waldau_url());
    let refused = userinfo("Bearer x").await;
    assert!(refused.status == 401 && refused.headers["www-authenticate"].contains("invalid_token"));
    assert!(get(about["jwks_uri"].as_str().unwrap()).await.json()["keys"][0]["kid"].is_string());
    let mut talk = imap(&practice).await;
    let access = tokens["access_token"].as_str().unwrap();
    assert!(talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(HILFE, access))).await.starts_with("t OK"));
    let revoke = about["revocation_endpoint"].as_str().unwrap();
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        assert_eq!(post(revoke, &[("token", refresh_token)]).await.status, 200);
    }
    assert_eq!(userinfo(&bearer).await.status, 401);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_second_use_ends_them_all() {
    let (practice, _) = start().await;
    let app = practice.register_at_waldau("Postern", CALLBACK);
    let back = walk(&practice, &app).await;
    let refresh = async |tokens: &Value| {
        let refresh_token = tokens["refresh_token"].as_str().unwrap().to_owned();
        token(&practice, &app, &[("grant_type", "refresh_token"), ("refresh_token", &refresh_token)]).await
    };
    let first = redeem(&practice, &app, &back).await;
    let second = refresh(&first).await;
    let third = refresh(&second).await;
    assert_ne!(second["refresh_token"], third["refresh_token"]);
    assert_eq!(refresh(&first).await["error"], "invalid_grant");
    assert_eq!(refresh(&third).await["error"], "invalid_grant", "the whole family is gone");
}

#[tokio::test]
async fn it_is_strict_about_requests_and_may_lie_about_itself() {
    let (practice, _) = start().await;
    let app = practice.register_at_waldau("Postern", CALLBACK);
    let back = authorize(&practice, &app, &[("code_challenge", "")]).await;
    assert_eq!(back.sent_back("error").as_deref(), Some("invalid_request"));
    assert_eq!(back.sent_back("iss"), Some(practice.waldau_url()), "errors carry it, too");
    let back = authorize(&practice, &app, &[("scope", "everything")]).await;
    assert_eq!(back.sent_back("error").as_deref(), Some("invalid_scope"));
    let back = walk(&practice, &app).await;
    let code = back.sent_back("code").unwrap();
    let other = practice.register_at_waldau("Other", CALLBACK);
    let stolen = token(&practice, &other, &[("grant_type", "authorization_code"), ("code", &code)]).await;
    assert_eq!(stolen["error"], "invalid_grant");
    practice.faults.arm(Fault::WrongIssuer, Times::Exactly(1));
    assert_eq!(walk(&practice, &app).await.sent_back("iss").as_deref(), Some("https://elsewhere.example"));
}
