//! The walk of the guide: portal, authorize, sign-in, consent, code, token, refresh; and how each can fail.

use super::client::{Answer, Fields, get, post};
use super::token::redeem;
use super::{ANN, CALLBACK, SUPPORT, start};
use crate::identity::flow::CODE_MS;
use crate::permissions::SCOPES_OF_THE_GUIDE;
use crate::{Practice, Registration};

/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) async fn authorize(
    practice: &Practice,
    tenant: &str,
    client_id: &str,
    change: &[(&str, &str)],
) -> Answer {
    let mut fields = vec![
        ("client_id", client_id),
        ("response_type", "code"),
        ("redirect_uri", CALLBACK),
        ("response_mode", "query"),
        ("scope", SCOPES_OF_THE_GUIDE),
        ("state", "st-1"),
        ("nonce", "no-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("login_hint", SUPPORT),
    ];
    for (name, value) in change {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    get(&format!("{}/{tenant}/oauth2/v2.0/authorize?{}", practice.http_url, super::client::form(&fields)))
        .await
}

/// Signs in on the page that `authorize` gave.
pub(crate) async fn sign_in(practice: &Practice, page: &Answer, account: &str) -> Answer {
    let url = format!("{}/{}/login", practice.http_url, practice.tenant_id());
    post(&url, &[("flow", &page.field("flow")), ("account", account), ("password", "whatever")]).await
}

/// A code for support@ at an app that has consent.
pub(crate) async fn code(practice: &Practice, app: &Registration) -> String {
    let page = authorize(practice, &app.tenant_id, &app.client_id, &[]).await;
    sign_in(practice, &page, SUPPORT).await.sent_back("code").unwrap()
}

#[tokio::test]
async fn the_guide_can_be_followed_word_by_word() {
    let (practice, _) = start().await;
    let portal = format!("{}/portal", practice.http_url);
    let page = get(&format!("{portal}/apps/new")).await;
    for label in [
        "Name",
        "Supported account types",
        "Accounts in this organizational directory only (Contoso only - Single tenant)",
        "Redirect URI",
        ">Web<",
        ">Register<",
    ] {
        assert!(page.body.contains(label), "{label}");
    }
    let registered = post(
        &format!("{portal}/apps"),
        &[
            ("name", "Postern <b>"),
            ("audience", "single_tenant"),
            ("platform", "web"),
            ("redirect_uri", CALLBACK),
        ],
    )
    .await;
    let app = format!("{}{}", practice.http_url, registered.location());
    let overview = get(&app).await;
    assert!(overview.body.contains("Postern &#60;b&#62;") && !overview.body.contains("Postern <b>"));
    for label in [
        "Application (client) ID",
        "Directory (tenant) ID",
        "Endpoints",
        "Authentication",
        "Certificates &#38; secrets",
        "API permissions",
    ] {
        assert!(overview.body.contains(label), "{label}");
    }
    let client_id = overview.element("client-id");
    assert_eq!(overview.element("tenant-id"), practice.tenant_id());

    assert!(get(&format!("{app}/permissions/add")).await.body.contains("Microsoft Graph"));
    assert!(get(&format!("{app}/permissions/add?api=graph")).await.body.contains("Delegated permissions"));
    let found = get(&format!(
        "{app}/permissions/add?api=graph&kind=delegated&q=smtp&permission=IMAP.AccessAsUser.All"
    ))
    .await;
    assert!(
        found.body.contains("SMTP.Send")
            && found.body.contains("value=\"IMAP.AccessAsUser.All\" checked")
            && !found.body.contains("Mail.Read")
    );
    let ticked =
        ["User.Read", "offline_access", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"]
            .map(|name| ("permission", name));
    post(&format!("{app}/permissions/add"), &ticked).await;
    assert!(!get(&format!("{app}/permissions")).await.body.contains("Granted for Contoso"));
    assert!(get(&format!("{app}/permissions/consent")).await.body.contains(">Yes<"));
    post(&format!("{app}/permissions/consent"), &[]).await;
    assert!(get(&format!("{app}/permissions")).await.body.contains("Granted for Contoso"));

    let added = post(&format!("{app}/secrets"), &[("description", "Postern"), ("expires", "180")]).await;
    let shown = get(&format!("{}{}", practice.http_url, added.location())).await;
    let secret = shown.element("secret-value");
    assert!(!get(&format!("{}{}", practice.http_url, added.location())).await.body.contains(&secret));

    let app = Registration { client_id, client_secret: secret, tenant_id: practice.tenant_id() };
    let page = authorize(&practice, &app.tenant_id, &app.client_id, &[("prompt", "select_account")]).await;
    assert!(page.body.contains("Pick an account") && page.body.contains(SUPPORT));
    let back = sign_in(&practice, &page, SUPPORT).await;
    assert!(back.location().starts_with(CALLBACK));
    assert_eq!(back.sent_back("state").as_deref(), Some("st-1"));
    let tokens = redeem(&practice, &app, &[("code", &back.sent_back("code").unwrap())]).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    assert!(tokens.json()["refresh_token"].is_string());
}

#[tokio::test]
async fn consent_is_asked_once_and_may_be_given_for_everyone() {
    let (practice, _) = start().await;
    let client_id = practice.world.register(
        "Postern",
        crate::directory::Audience::SingleTenant,
        Some(CALLBACK.to_owned()),
    );
    let tenant = practice.tenant_id();
    let consent = format!("{}/{tenant}/consent", practice.http_url);
    let asked = async |account| {
        let page = authorize(&practice, &tenant, &client_id, &[]).await;
        let answer = sign_in(&practice, &page, account).await;
        answer.body.contains("Permissions requested").then_some(answer)
    };
    let page = asked("mia.holt@contoso.example").await.unwrap();
    assert!(page.body.contains("IMAP.AccessAsUser.All") && page.body.contains(">Accept<"));
    assert!(!page.body.contains("Consent on behalf of your organization"));
    let declined = post(&consent, &[("flow", &page.field("flow")), ("answer", "cancel")]).await;
    assert_eq!(declined.sent_back("error").as_deref(), Some("access_denied"));
    assert!(declined.sent_back("error_description").unwrap().starts_with("AADSTS65004: "));
    assert_eq!(declined.sent_back("state").as_deref(), Some("st-1"));

    let page = asked("mia.holt@contoso.example").await.unwrap();
    let accepted =
        post(&consent, &[("flow", &page.field("flow")), ("answer", "accept"), ("everyone", "yes")]).await;
    assert!(accepted.sent_back("code").is_some());
    assert!(asked("mia.holt@contoso.example").await.is_none());
    // A member's tick for everyone, forged into the form, counts for herself only.
    let page = asked(SUPPORT).await.unwrap();
    assert!(page.body.contains("Consent on behalf of your organization"));
    post(&consent, &[("flow", &page.field("flow")), ("answer", "accept"), ("everyone", "yes")]).await;
    assert!(asked("admin@contoso.example").await.is_none());
}

#[tokio::test]
async fn a_request_that_cannot_be_trusted_is_answered_on_a_page_and_not_redirected() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let own = app.tenant_id.as_str();
    let cases: [(&str, &str, Fields<'_>, &str); 7] = [
        (own, "00000000-0000-4000-8000-000000000000", &[], "AADSTS700016"),
        (own, &app.client_id, &[("redirect_uri", "http://localhost:8080/oauth/callback/7F")], "AADSTS50011"),
        (own, &app.client_id, &[("redirect_uri", "")], "AADSTS900971"),
        (own, "", &[], "AADSTS900144"),
        ("common", &app.client_id, &[], "AADSTS50194"),
        ("consumers", &app.client_id, &[], "AADSTS9002332"),
        ("fabrikam.example", &app.client_id, &[], "AADSTS90002"),
    ];
    for (tenant, client_id, change, number) in cases {
        let answer = authorize(&practice, tenant, client_id, change).await;
        assert_eq!(answer.status, 400, "{number}");
        assert!(answer.body.contains(&format!("{number}: ")), "{number} in {}", answer.body);
        assert!(!answer.headers.contains_key("location"));
    }
    let hostile = authorize(&practice, own, "<script>alert(1)</script>", &[]).await;
    assert!(!hostile.body.contains("<script>alert"));
}

#[tokio::test]
async fn other_mistakes_come_back_to_the_client() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let cases: [(Fields<'_>, &str, &str); 6] = [
        (&[("response_type", "id_token")], "unsupported_response_type", "AADSTS700054"),
        (&[("scope", "https://outlook.office.com/IMAP.Everything")], "invalid_client", "AADSTS650053"),
        (&[("scope", "https://mail.example.org/IMAP")], "invalid_resource", "AADSTS500011"),
        (&[("scope", "")], "invalid_request", "AADSTS900144"),
        (&[("code_challenge", "short")], "invalid_request", "AADSTS501491"),
        (&[("prompt", "none")], "login_required", "AADSTS50058"),
    ];
    for (change, error, number) in cases {
        let answer = authorize(&practice, &app.tenant_id, &app.client_id, change).await;
        assert_eq!(answer.sent_back("error").as_deref(), Some(error));
        let description = answer.sent_back("error_description").unwrap();
        assert!(
            description.starts_with(&format!("{number}: ")) && description.contains("Correlation ID: "),
            "{description}"
        );
        assert_eq!(answer.sent_back("state").as_deref(), Some("st-1"));
    }
}

#[tokio::test]
async fn who_may_not_sign_in_is_told_why() {
    let (practice, _) = start().await;
    let app = practice.register("Postern", CALLBACK);
    for (account, words) in [
        (ANN, "AADSTS50020"),
        ("billing@contoso.example", "AADSTS50057"),
        ("nobody@contoso.example", "AADSTS50034"),
    ] {
        let page = authorize(&practice, &app.tenant_id, &app.client_id, &[]).await;
        let answer = sign_in(&practice, &page, account).await;
        assert!(answer.body.contains(words), "{words} in {}", answer.body);
    }
    let page = authorize(&practice, &app.tenant_id, &app.client_id, &[]).await;
    let url = format!("{}/{}/login", practice.http_url, app.tenant_id);
    let empty = post(&url, &[("flow", &page.field("flow")), ("account", SUPPORT), ("password", "")]).await;
    assert!(empty.body.contains("AADSTS50126"));
}

#[tokio::test]
async fn a_code_dies_after_ten_minutes() {
    let (practice, hand) = start().await;
    let app = practice.register("Postern", CALLBACK);
    let code = code(&practice, &app).await;
    hand.fetch_add(CODE_MS, std::sync::atomic::Ordering::SeqCst);
    let answer = redeem(&practice, &app, &[("code", &code)]).await;
    assert_eq!(answer.json()["error_codes"][0], 70008);
}
