//! System Emails: the three tabs, Config, the guide, Submit and the way back.
use crate::office::{Answer, Browser, Office};
use axum::http::StatusCode;

pub const MICROSOFT: [(&str, &str); 9] = [
    ("host", ""),
    ("port", ""),
    ("security", "tls"),
    ("authentication", "microsoft"),
    ("status", "disabled"),
    ("frequency", "60"),
    ("batch", "50"),
    ("fetched", "nothing"),
    ("start_from", "now"),
];
pub const TENANT: &str = "7d1a2c3e-4b5f-4a6d-8e7f-90a1b2c3d4e5";
const CLIENT_ID: &str = "5b1c1f0e-3a77-4c7e-9a55-0c2d3c1f7e11";
pub const SECRET: &str = "wX~8Q.very-secret_value";

pub async fn with_email(office: &Office) -> Browser {
    let mut maya = office.maya().await;
    maya.get("/mailboxes/new").await;
    let typed = [("address", "support@contoso.example"), ("name", "Contoso Support"), ("department", "1")];
    let answer = maya.post("/mailboxes", &typed).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote?done=made", "{}", answer.body);
    maya.follow(&answer).await;
    maya
}
pub async fn with_config(office: &Office) -> (Browser, Answer) {
    let mut maya = with_email(office).await;
    let answer = maya.post("/mailboxes/1/remote/config", &MICROSOFT).await;
    let page = maya.follow(&answer).await;
    (maya, page)
}
pub fn callback(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("id=\"callback\"").unwrap();
    rest.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned()
}
pub fn idp<'a>(endpoint: &'a str, token_endpoint: &'a str, tenant: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("status", "enabled"),
        ("name", "Contoso mail"),
        ("strict_matching", "1"),
        ("tenant", tenant),
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
        ("authorization_endpoint", endpoint),
        ("token_endpoint", token_endpoint),
        ("scopes", "openid profile email offline_access https://outlook.office.com/IMAP.AccessAsUser.All"),
    ]
}

#[tokio::test]
async fn the_tabs_carry_the_labels_of_the_guide() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    let page = maya.get("/mailboxes/1").await;
    for label in ["Account", "Remote Mailbox", "Outgoing (SMTP)", "Email Address", "Admin Panel"] {
        page.shows(label);
    }
    let page = maya.get("/mailboxes/1/remote").await;
    for label in [
        "Hostname",
        "Port Number",
        "Security",
        "SSL/TLS",
        "STARTTLS",
        "Mail Folder",
        "Protocol",
        "IMAP",
        "Authentication",
        "OAuth2 - Microsoft",
        "Basic Authentication (Legacy)",
        "Config",
        "Status",
        "Fetch Frequency",
        "Emails Per Fetch",
        "Fetched Emails",
        "Do Nothing",
        "Move to Folder",
        "Delete Emails",
        "Mark as Read",
        "Start From",
    ] {
        page.shows(label);
    }
    page.shows("OAuth2 - Google").shows("OAuth2 - Other Provider").shows("imap.gmail.com");
    let page = maya.get("/mailboxes/1/outgoing").await;
    for label in ["Same as Remote Mailbox", "None", "OAuth2 - Microsoft", "Header Spoofing"] {
        page.shows(label);
    }
}

#[tokio::test]
async fn config_saves_a_draft_and_allots_a_callback_that_never_changes() {
    let office = Office::staffed();
    let (mut maya, page) = with_config(&office).await;
    for label in [
        "Info",
        "IdP Config",
        "Callback Endpoint",
        "Client ID",
        "Client Secret",
        "Authorization Endpoint",
        "Token Endpoint",
        "Scopes",
        "Tenant",
        "Advanced",
        "Resource Details Endpoint",
        "Email Address Attribute",
        "Strict Matching",
        "Submit",
        "App registrations",
        "+ New registration",
        "Supported account types",
        "Redirect URI",
        "Web",
        "API permissions",
        "+ Add a permission",
        "Microsoft Graph",
        "Delegated permissions",
        "Grant admin consent for",
        "Certificates &amp; secrets",
        "+ New client secret",
        "Value",
        "Overview",
        "Application (client) ID",
        "Endpoints",
    ] {
        page.shows(label);
    }
    page.hides(">Token<");
    page.shows(&mail::provider::MICROSOFT.scopes());
    let first = callback(&page);
    assert!(first.starts_with("https://help.contoso.example/oauth/callback/"), "{first}");
    let public_id = first.rsplit('/').next().unwrap();
    assert!(public_id.len() >= 22, "{public_id} carries less than 128 bits");

    // The draft was kept, with what the preset knows.
    maya.get("/mailboxes/1/remote").await.shows("outlook.office365.com").shows("value=\"993\"");
    // Config again, a reload, and saving leave it as it is.
    let answer = maya.post("/mailboxes/1/remote/config", &MICROSOFT).await;
    assert_eq!(callback(&maya.follow(&answer).await), first);
    let mut typed = idp("", "", TENANT);
    typed.push(("do", "save"));
    let answer = maya.post("/mailboxes/1/remote/authorization", &typed).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote/authorization?done=saved", "{}", answer.body);
    assert_eq!(callback(&maya.follow(&answer).await), first);
}

#[tokio::test]
async fn a_tenant_fills_both_endpoints_and_the_secret_is_never_shown_again() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let mut typed = idp("", "", TENANT);
    typed.push(("do", "save"));
    let answer = maya.post("/mailboxes/1/remote/authorization", &typed).await;
    let page = maya.follow(&answer).await;
    page.shows(&format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/authorize"))
        .shows(&format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"))
        .shows("stored; leave empty to keep it")
        .hides(SECRET);
    for path in ["/mailboxes", "/mailboxes/1", "/mailboxes/1/remote", "/mailboxes/1/outgoing"] {
        maya.get(path).await.hides(SECRET).hides("very-secret");
    }
}

#[tokio::test]
async fn a_half_filled_page_is_saved_and_submit_asks_for_the_rest() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let half =
        [("name", "Support mail"), ("authorization_endpoint", ""), ("token_endpoint", ""), ("scopes", "")];
    let save = [&half[..], &[("do", "save")]].concat();
    let answer = maya.post("/mailboxes/1/remote/authorization", &save).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote/authorization?done=saved", "{}", answer.body);
    maya.follow(&answer).await.shows("Support mail").shows("/{tenant}/oauth2/v2.0/token");
    let answer = maya.post("/mailboxes/1/remote/authorization", &half).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("Client ID is needed.").shows("Support mail");
}

#[tokio::test]
async fn two_tenants_are_refused_on_the_same_form() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let one = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize";
    let other = "https://login.microsoftonline.com/fabrikam.example/oauth2/v2.0/token";
    let answer = maya.post("/mailboxes/1/remote/authorization", &idp(one, other, "")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("two tenants").shows(one).shows(other).shows(CLIENT_ID).hides(SECRET);
}

#[tokio::test]
async fn submit_leaves_for_the_provider_and_the_page_lets_it() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let typed = idp("", "", TENANT);
    let page = maya.get("/mailboxes/1/remote/authorization").await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' https:;"), "{policy}");
    let tab = maya.get("/mailboxes/1/remote").await; // it offers to authorize
    assert!(tab.header("content-security-policy").contains("form-action 'self' https:;"));
    let other = maya.get("/mailboxes").await;
    assert!(other.header("content-security-policy").contains("form-action 'self';"), "other pages stay");
    let answer = maya.post("/mailboxes/1/remote/authorization", &typed).await;
    answer.hides(SECRET);
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let to: url::Url = answer.location().parse().unwrap();
    assert_eq!(to.path(), format!("/{TENANT}/oauth2/v2.0/authorize"));
    let asked: std::collections::BTreeMap<String, String> = to.query_pairs().into_owned().collect();
    assert_eq!(asked["client_id"], CLIENT_ID);
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["login_hint"], "support@contoso.example");
    assert_eq!(asked["redirect_uri"], callback(&page));
    // Once saved, every tab leads there.
    maya.get("/mailboxes/1").await.shows("nobody yet").shows(">Authorize<");
    let answer = maya.post("/mailboxes/1/remote/authorize", &[]).await;
    assert!(answer.location().starts_with(&format!("https://{}/{TENANT}/", to.host_str().unwrap())));
}

#[tokio::test]
async fn the_page_of_an_alias_says_by_whose_settings_its_mail_is_fetched() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    maya.get("/mailboxes/1/remote").await.hides("is fetched with");
    office.write(|tx| {
        let by = desk::By::system(0);
        let help = desk::mailboxes::mailbox::create(tx, &by, "help@contoso.example", "Help", 1)?;
        let set = "UPDATE mailbox SET shape = 'alias', opened_address = 'support@contoso.example', in_protocol = 'graph', in_host = 'graph.example'
             WHERE id = $1";
        tx.execute(set, desk::params![help])?;
        Ok(tx.execute("UPDATE mailbox SET active = 1 WHERE id = 1", desk::params![])?)
    });
    let page = maya.get("/mailboxes/2/remote").await;
    page.shows("is fetched with <a href=\"/mailboxes/1/remote\">support@contoso.example</a>");
}

#[tokio::test]
async fn the_account_says_whose_mailbox_it_is() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let account = |shape, opens| {
        [
            ("address", "support@contoso.example"),
            ("name", "Support"),
            ("department", "1"),
            ("shape", shape),
            ("opens", opens),
        ]
    };
    let answer = maya.post("/mailboxes/1", &account("alias", "")).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("Opened mailbox is needed.").shows("value=\"alias\" checked");
    let answer = maya.post("/mailboxes/1", &account("alias", "team@contoso.example")).await;
    assert_eq!(answer.location(), "/mailboxes/1?done=saved", "{}", answer.body);
    maya.follow(&answer).await.shows("team@contoso.example").shows("the mailbox behind the alias");
    maya.get("/mailboxes/1/remote/authorization").await.shows("sign in there as team@contoso.example");
    maya.post("/mailboxes/1", &account("shared", "")).await;
    let page = maya.get("/mailboxes/1/remote/authorization").await;
    page.shows("Whoever signed in first to open this shared mailbox");

    // Who signs in to send, and as whom, are two settings.
    let page = maya.get("/mailboxes/1/outgoing").await;
    page.shows("two ways to sign in for sending").shows("550 5.7.60").shows("Send As");
    let sent = [
        ("status", "enabled"),
        ("host", "smtp.office365.com"),
        ("port", "587"),
        ("security", "starttls"),
        ("authentication", "microsoft"),
        ("user", "robot@contoso.example"),
        ("config", "1"),
    ];
    maya.post("/mailboxes/1/outgoing/config", &sent).await;
    maya.get("/mailboxes/1/outgoing").await.shows("value=\"robot@contoso.example\"");
    maya.post("/mailboxes/1", &account("own", "")).await;
    maya.get("/mailboxes/1/outgoing").await.hides("550 5.7.60").shows("Who signs in to send");
}

#[tokio::test]
async fn a_callback_that_nobody_waits_for_shows_nothing_of_its_query() {
    let office = Office::staffed();
    let (mut maya, page) = with_config(&office).await;
    let path = callback(&page).replace("https://help.contoso.example", "");
    let query = "?code=c0de-of-somebody&state=forged&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    for path in
        [format!("{path}{query}"), format!("/oauth/callback/unknown{query}"), format!("{path}?code=a&code=b")]
    {
        let answer = maya.get(&path).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.body);
        assert_eq!(Some(answer.location()), path.split('?').next(), "the same address without its query");
        answer.hides("c0de").hides("forged");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
        let answer = maya.follow(&answer).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}: {}", answer.body);
        answer.hides("c0de").hides("forged").hides("alert").hides("access_denied");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let mut nobody = office.browser();
    let answer = nobody.get(&format!("{path}{query}")).await;
    nobody
        .follow(&answer)
        .await
        .shows("Sign in, open the email's Config".replace('\'', "&#39;").as_str())
        .hides("c0de");
    let mut leo = office.leo().await;
    assert_eq!(leo.get(&format!("{path}{query}")).await.status, StatusCode::FORBIDDEN);
}

/// Submits the registration; the path that the provider would lead back to, with the state it was given.
async fn submitted(maya: &mut Browser) -> String {
    let mut typed = idp("", "", TENANT);
    typed.push(("do", "save"));
    maya.post("/mailboxes/1/remote/authorization", &typed).await;
    maya.get("/mailboxes/1/remote/authorization").await;
    typed.retain(|(name, _)| !name.ends_with("_endpoint") && !["client_secret", "do"].contains(name));
    let answer = maya.post("/mailboxes/1/remote/authorization", &typed).await;
    let to: url::Url = answer.location().parse().unwrap();
    let asked: std::collections::BTreeMap<String, String> = to.query_pairs().into_owned().collect();
    let back: url::Url = asked["redirect_uri"].parse().unwrap();
    format!("{}?state={}", back.path(), asked["state"])
}

#[tokio::test]
async fn a_refused_consent_comes_back_in_the_providers_words_once() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let back = submitted(&mut maya).await;
    let refused = format!(
        "{back}&error=access_denied&error_description=AADSTS65004%3A+User+%3Cb%3Edeclined%3C%2Fb%3E+to+consent"
    );

    let answer = maya.get(&refused).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    assert!(answer.location().starts_with("/mailboxes/1/remote?banner="), "{}", answer.location());
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    let page = maya.follow(&answer).await;
    page.shows("banner bad").shows("AADSTS65004").hides("<b>declined").hides("state=");
    // Said once; and the state was used up.
    maya.get(answer.location()).await.hides("AADSTS65004");
    let again = maya.get(&refused).await;
    let again = maya.follow(&again).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    again.hides("AADSTS65004").hides("declined");
}

#[tokio::test]
async fn the_right_state_counts_only_in_its_session_and_in_time() {
    let office = Office::staffed();
    let (mut maya, _) = with_config(&office).await;
    let back = format!("{}&error=access_denied&error_description=no", submitted(&mut maya).await);
    let mut elsewhere = office.maya().await;
    let answer = elsewhere.get(&back).await;
    assert_eq!(elsewhere.follow(&answer).await.status, StatusCode::BAD_REQUEST);
    office.clock.advance(desk::mailboxes::grant::PENDING_MS + 1);
    let answer = maya.get(&back).await;
    assert_eq!(maya.follow(&answer).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn fetching_does_not_start_before_its_mailbox_can_be_opened() {
    let office = Office::staffed();
    // Microsoft was chosen and nobody has consented: there is nothing to start.
    let (mut maya, _) = with_config(&office).await;
    maya.get("/mailboxes/1/remote").await.hides("Start fetching");
    let mut typed = MICROSOFT.to_vec();
    (typed[0].1, typed[3].1) = ("imap.contoso.example", "none");
    maya.post("/mailboxes/1/remote", &typed).await;
    maya.get("/mailboxes/1/remote").await.shows("Start fetching");
    let answer = maya.post("/mailboxes/1/resume", &[]).await;
    maya.follow(&answer).await.shows("Fetching cannot begin yet").shows("banner bad");
}

#[tokio::test]
async fn a_password_mailbox_keeps_its_password_to_itself() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    let typed = [
        ("host", "imap.contoso.example"),
        ("port", "993"),
        ("security", "tls"),
        ("authentication", "password"),
        ("password", "imap-passw0rd"),
        ("status", "enabled"),
        ("frequency", "60"),
        ("batch", "50"),
        ("fetched", "move"),
        ("move_to", "Done"),
        ("start_from", "date"),
        ("start_date", "2026-01-31"),
    ];
    let answer = maya.post("/mailboxes/1/remote", &typed).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote?done=saved", "{}", answer.body);
    maya.follow(&answer)
        .await
        .shows("imap.contoso.example")
        .shows("value=\"Done\"")
        .shows("value=\"2026-01-31\"")
        .hides("imap-passw0rd");

    // Another host does not get the password that was entered for the first one.
    let mut elsewhere = typed.to_vec();
    elsewhere.retain(|(name, _)| *name != "password");
    elsewhere[0].1 = "imap.evil.example";
    let answer = maya.post("/mailboxes/1/remote", &elsewhere).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    answer.shows("imap.evil.example").shows("Enter it again");
}

#[tokio::test]
async fn a_refused_tab_says_why_and_keeps_what_was_typed() {
    let office = Office::staffed();
    let mut maya = with_email(&office).await;
    let cases: [(&str, &str, &str); 6] = [
        ("port", "99999", "Port Number"),
        ("frequency", "soon", "Fetch Frequency"),
        ("batch", "0", "Emails Per Fetch"),
        ("fetched", "move", "Move to Folder"),
        ("start_from", "date", "Start From"),
        ("security", "plain", "Without encryption"),
    ];
    for (field, value, why) in cases {
        let mut typed = MICROSOFT.to_vec();
        typed[0].1 = "mail.somewhere.example";
        typed.iter_mut().filter(|(name, _)| *name == field).for_each(|(_, typed)| *typed = value);
        let answer = maya.post("/mailboxes/1/remote", &typed).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}={value}: {}", answer.location());
        answer.shows(why).shows("mail.somewhere.example");
    }
}
