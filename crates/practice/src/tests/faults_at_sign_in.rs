//! Each fault of authorize and token does what its row says.

use super::client::{Talk, form, get, post, request};
use super::sign_in::{authorize, code, sign_in};
use super::token::{redeem, refresh};
use super::{CALLBACK, NOON, SUPPORT, start};
use crate::{Fault, Practice, Registration, Times};

#[tokio::test]
async fn authorize_comes_back_with_the_fault() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    for (fault, error, number) in [
        (Fault::AuthorizeServerError, "server_error", "AADSTS50000"),
        (Fault::AuthorizeUnavailable, "temporarily_unavailable", "AADSTS90033"),
    ] {
        practice.faults.arm(fault, Times::Exactly(1));
        let answer = authorize(&practice, &app.tenant_id, &app.client_id, &[]).await;
        assert_eq!(answer.sent_back("error").as_deref(), Some(error));
        assert!(answer.sent_back("error_description").unwrap().starts_with(number));
    }
    let signed_in = async |fault| {
        practice.faults.arm(fault, Times::Exactly(1));
        let page = authorize(&practice, &app.tenant_id, &app.client_id, &[]).await;
        sign_in(&practice, &page, SUPPORT).await
    };
    assert!(signed_in(Fault::AdminApproval).await.body.contains("AADSTS90094"));
    assert!(
        signed_in(Fault::ConditionalAccess)
            .await
            .sent_back("error_description")
            .unwrap()
            .starts_with("AADSTS53003")
    );
    let state = signed_in(Fault::WrongState).await.sent_back("state");
    assert!(state.is_some() && state.as_deref() != Some("st-1"));
    let other_nonce = signed_in(Fault::WrongNonce).await.sent_back("code").unwrap();
    let tokens = redeem(&practice, &app, &[("code", &other_nonce)]).await.json();
    let claims = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    use base64::Engine as _;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    assert!(!String::from_utf8(claims).unwrap().contains("\"no-1\""));
}

#[tokio::test]
async fn a_refresh_fails_in_the_providers_words() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let token = practice.grant(&app.client_id, SUPPORT);
    let rows = [
        (Fault::SecretExpired, 401, "invalid_client", 7000222),
        (Fault::SecretWrong, 401, "invalid_client", 7000215),
        (Fault::TokenUnavailable, 503, "temporarily_unavailable", 90033),
        (Fault::TokenThrottled, 429, "temporarily_unavailable", 90055),
        (Fault::LoopDetected, 400, "invalid_request", 50196),
        (Fault::AppMissing, 400, "unauthorized_client", 700016),
        (Fault::AppDisabled, 400, "unauthorized_client", 7000112),
        (Fault::ResourceUnknown, 400, "invalid_resource", 500011),
        (Fault::ScopeInvalid, 400, "invalid_scope", 70011),
        (Fault::RequestMalformed, 400, "invalid_request", 9002313),
        (Fault::TransientGrant, 400, "invalid_grant", 90033),
        (Fault::UnknownNumber, 400, "invalid_grant", 999999),
        (Fault::PasswordChanged, 400, "invalid_grant", 50133),
        (Fault::GrantRevoked, 400, "invalid_grant", 50173),
        (Fault::GrantExpired, 400, "invalid_grant", 70008),
        (Fault::GrantInactive, 400, "invalid_grant", 700082),
        (Fault::SignInFrequency, 400, "invalid_grant", 70043),
        (Fault::MfaRequired, 400, "invalid_grant", 50076),
        (Fault::AccountDisabled, 400, "invalid_grant", 50057),
        (Fault::BlockedByPolicy, 400, "invalid_grant", 53003),
        (Fault::ConsentRemoved, 400, "invalid_grant", 65001),
    ];
    for (fault, status, error, number) in rows {
        practice.faults.arm(fault, Times::Exactly(1));
        let answer = refresh(&practice, &app, &token, &[]).await;
        assert_eq!(answer.status, status, "{fault:?}");
        let body = answer.json();
        assert_eq!((&body["error"], &body["error_codes"][0]), (&error.into(), &number.into()), "{fault:?}");
        assert_eq!(practice.faults.struck(fault), 1);
        if fault == Fault::TokenThrottled {
            assert_eq!(answer.headers["retry-after"], "7");
        }
    }
    assert_eq!(refresh(&practice, &app, &token, &[]).await.status, 200);
}

/// The same request as [`refresh`], where no answer may come.
async fn raw_refresh(
    practice: &Practice,
    app: &Registration,
    token: &str,
) -> std::io::Result<super::client::Answer> {
    let body = form(&[
        ("client_id", &app.client_id),
        ("client_secret", &app.client_secret),
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
    ]);
    request(
        "POST",
        &practice.token_endpoint(),
        &[("content-type", "application/x-www-form-urlencoded")],
        &body,
    )
    .await
}

#[tokio::test]
async fn the_token_endpoint_breaks_in_every_way_a_server_can() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let token = practice.grant(&app.client_id, SUPPORT);
    practice.faults.arm(Fault::TokenServerError, Times::Exactly(1));
    let page = raw_refresh(&practice, &app, &token).await.unwrap();
    assert!(page.status == 500 && page.body.starts_with("<html>"));
    practice.faults.arm(Fault::TokenDrops, Times::Exactly(1));
    assert!(raw_refresh(&practice, &app, &token).await.is_err());
    practice.faults.arm(Fault::TokenStalls, Times::Exactly(1));
    let mut talk = Talk::plain(practice.http_url.trim_start_matches("http://").parse().unwrap()).await;
    talk.send(&format!("POST /{}/oauth2/v2.0/token HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 3\r\n\r\na=b", app.tenant_id)).await;
    assert!(talk.is_silent().await);
    assert_eq!(get(&practice.portal_url()).await.status, 200);
    assert!(raw_refresh(&practice, &app, &token).await.unwrap().json()["access_token"].is_string());
}

#[tokio::test]
async fn tokens_can_be_short_lived_rotate_strictly_or_come_without_refresh_token() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let first = practice.grant(&app.client_id, SUPPORT);
    for (fault, seconds) in [(Fault::ShortTokens, 60), (Fault::BriefTokens, 32), (Fault::MomentaryTokens, 1)]
    {
        practice.faults.arm(fault, Times::Exactly(1));
        assert_eq!(refresh(&practice, &app, &first, &[]).await.json()["expires_in"], seconds);
    }
    practice.faults.arm(Fault::StrictRotation, Times::UntilCleared);
    let second =
        refresh(&practice, &app, &first, &[]).await.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(refresh(&practice, &app, &first, &[]).await.json()["error_codes"][0], 70000);
    assert_eq!(refresh(&practice, &app, &second, &[]).await.status, 200);
    practice.faults.arm(Fault::NoRefreshToken, Times::Exactly(1));
    let code = code(&practice, &app).await;
    assert!(redeem(&practice, &app, &[("code", &code)]).await.json().get("refresh_token").is_none());
}

#[tokio::test]
async fn a_mail_server_learns_whose_token_it_was_given_and_nothing_of_others() {
    let (practice, clock) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let about = async |token: &str| {
        let answer = post(&format!("{}/introspect", practice.http_url), &[("token", token)]).await;
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let token = practice.access_token(&app.client_id, SUPPORT);
    let said = about(&token).await;
    assert_eq!((&said["active"], &said["username"]), (&true.into(), &SUPPORT.into()), "{said}");
    assert!(said["scope"].as_str().unwrap().contains("IMAP.AccessAsUser.All"), "{said}");
    assert_eq!(said["exp"], NOON / 1000 + 3600, "{said}");
    assert_eq!(said["shared"], "billing@contoso.example", "{said}");
    let of_mia = about(&practice.access_token(&app.client_id, "mia.holt@contoso.example")).await;
    assert_eq!((&of_mia["active"], &of_mia["shared"]), (&true.into(), &"".into()), "{of_mia}");
    practice.faults.arm(Fault::LongTokens, Times::Exactly(1));
    let long = practice.access_token(&app.client_id, SUPPORT);
    assert!(token.len() < 1_000 && (2_500..3_000).contains(&long.len()), "{}, {}", token.len(), long.len());
    assert_eq!(about(&long).await["username"], SUPPORT);
    let nothing = serde_json::json!({ "active": false });
    assert_eq!(about("nonsense").await, nothing);
    assert_eq!(about(&format!("{token}x")).await, nothing);
    let refresh_token = practice.grant(&app.client_id, SUPPORT);
    assert_eq!(about(&refresh_token).await, nothing, "a refresh token is no access token");
    let graph = crate::permissions::Scope::parse_all("https://graph.microsoft.com/User.Read").unwrap();
    let graph = practice.world.issue_access_token(&app.client_id, SUPPORT, &graph, 3600);
    assert_eq!(about(&graph).await, nothing, "a token for Graph opens no mailbox");
    practice.faults.arm(Fault::IntrospectionInactive, Times::Exactly(1));
    assert_eq!(about(&token).await, nothing);
    assert_eq!(about(&token).await["active"], true);
    clock.store(NOON + 3_600_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(about(&token).await, nothing, "over");
}
