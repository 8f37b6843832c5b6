//! Config at other providers than Microsoft 365: what is filled in, and what is chosen.
use crate::office::{Answer, Browser, Office};

/// Config of a new email with that authentication.
async fn config(office: &Office, address: &str, authentication: &str) -> (Browser, Answer) {
    let mut maya = office.maya().await;
    maya.get("/mailboxes/new").await;
    let typed = [("address", address), ("name", "Support"), ("department", "1")];
    let answer = maya.post("/mailboxes", &typed).await;
    maya.follow(&answer).await;
    let tab = [
        ("host", ""),
        ("port", ""),
        ("security", "tls"),
        ("authentication", authentication),
        ("status", "disabled"),
        ("frequency", "60"),
        ("batch", "50"),
        ("fetched", "nothing"),
        ("start_from", "now"),
    ];
    let answer = maya.post("/mailboxes/1/remote/config", &tab).await;
    assert_eq!(answer.location(), "/mailboxes/1/remote/authorization", "{}", answer.body);
    let page = maya.follow(&answer).await;
    (maya, page)
}

#[tokio::test]
async fn google_has_its_own_guide_and_everything_filled_in() {
    let office = Office::staffed();
    let (mut maya, page) = config(&office, "support@contoso.example", "google").await;
    page.shows("OAuth2 - Google").shows("In the Google Cloud console").shows("Authorized redirect URIs");
    page.shows("https://accounts.google.com/o/oauth2/v2/auth").shows("https://oauth2.googleapis.com/token");
    page.shows("openid email https://mail.google.com/").shows("every authorization ends after seven days");
    page.hides("Microsoft").hides("id=\"tenant\"").hides("name=\"provider\"");
    maya.get("/mailboxes/1/remote").await.shows("value=\"imap.gmail.com\"").shows("value=\"993\"");

    let typed = [
        ("status", "enabled"),
        ("strict_matching", "1"),
        ("client_id", "an-id.apps.googleusercontent.com"),
        ("client_secret", "GOCSPX-secret"),
        ("authorization_endpoint", "https://accounts.google.com/o/oauth2/v2/auth"),
        ("token_endpoint", "https://oauth2.googleapis.com/token"),
        ("scopes", "openid email https://mail.google.com/"),
        ("do", "submit"),
    ];
    let answer = maya.post("/mailboxes/1/remote/authorization", &typed).await;
    let to = answer.location();
    assert!(to.starts_with("https://accounts.google.com/o/oauth2/v2/auth?"), "{to}");
    assert!(to.contains("access_type=offline") && to.contains("prompt=consent"), "{to}");
}

/// The text between two marks.
fn between(page: &Answer, from: &str, to: &str) -> String {
    let (_, rest) = page.body.split_once(from).unwrap_or_else(|| panic!("{from}: {}", page.body));
    rest.split_once(to).unwrap().0.to_owned()
}

#[tokio::test]
async fn the_guide_for_microsoft_has_scripts_with_this_sites_values_and_ticks_what_the_doctor_proves() {
    let office = Office::staffed();
    let (mut maya, page) = config(&office, "support@contoso.example", "microsoft").await;
    let callback = between(&page, "id=\"guide-callback\">", "<");
    for script in ["script-az", "script-graph", "script-manifest"] {
        let text = between(&page, &format!("id=\"{script}\""), "</span>");
        assert!(text.contains(&callback) && text.contains("mail"), "{script}: {text}");
        page.shows(&format!("data-copy=\"#{script}\""));
    }
    page.shows("0 of 10").hides("It works");
    let typed = [
        ("status", "enabled"),
        ("tenant", "contoso.example"),
        ("client_id", "an-id"),
        ("client_secret", "a~secret.value"),
        ("authorization_endpoint", "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize"),
        ("token_endpoint", "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"),
        ("scopes", "openid offline_access https://outlook.office.com/IMAP.AccessAsUser.All"),
        ("do", "save"),
    ];
    let answer = maya.post("/mailboxes/1/remote/authorization", &typed).await;
    maya.follow(&answer).await;
    let page = maya.get("/mailboxes/1/remote/authorization").await;
    // Nothing has proved its permissions, nor that anybody has consented to them.
    page.shows("4 of 10")
        .shows("ticked when Submit has proved it")
        .shows("tenant=&#39;contoso.example&#39;")
        .hides("a~secret.value");
    // Somebody has signed in, and the mail server did not let them in.
    office.write(|tx| {
        let sql = "INSERT INTO consent (client_id, mailbox_id, side, state, state_since, created_at)
                   VALUES (1, 1, 'incoming', 'unproved', 0, 0) RETURNING id";
        Ok(tx.insert(sql, desk::params![])?)
    });
    maya.get("/mailboxes/1/remote/authorization").await.shows("8 of 10").shows("It works");
}

#[tokio::test]
async fn another_provider_is_chosen_from_the_list_or_typed() {
    let office = Office::staffed();
    let (mut maya, page) = config(&office, "support@contoso.example", "other").await;
    page.shows("OAuth2 - Other Provider").shows("At the provider").shows("id=\"issuer\"").hides("Microsoft");
    page.shows("and <b>Client Secret</b>");
    for provider in ["Yahoo Mail", "Fastmail", "Yandex Mail"] {
        page.shows(provider);
    }
    page.hides("Zoho");
    let choice = [("provider", "yandex"), ("do", "provider")];
    let answer = maya.post("/mailboxes/1/remote/authorization", &choice).await;
    let page = maya.follow(&answer).await;
    page.shows("https://oauth.yandex.com/token").shows("mail:imap_full mail:smtp").hides("id=\"issuer\"");
    page.shows("IMAP may have to be allowed");
    maya.get("/mailboxes/1/remote").await.shows("value=\"imap.yandex.com\"");
    let choice = [("provider", "fastmail"), ("do", "provider")];
    maya.post("/mailboxes/1/remote/authorization", &choice).await;
    maya.get("/mailboxes/1/remote").await.shows("value=\"imap.fastmail.com\"");

    let wrong = maya.post("/mailboxes/1/remote/authorization", &[("provider", "zoho"), ("do", "provider")]);
    wrong.await.shows("zoho");
    let plain = [("issuer", "http://id.contoso.example"), ("do", "discover")];
    maya.post("/mailboxes/1/remote/authorization", &plain).await.shows("https://");
}

#[tokio::test]
async fn an_address_says_which_microsoft_it_is_and_the_list_has_the_other_clouds() {
    let office = Office::staffed();
    let (mut maya, page) = config(&office, "support@outlook.com", "microsoft").await;
    page.shows("https://login.microsoftonline.com/consumers/oauth2/v2.0/token").hides("id=\"tenant\"");
    page.shows("IMAP and POP are off until");
    let choice = [("provider", "microsoft-gcc-high"), ("do", "provider")];
    let answer = maya.post("/mailboxes/1/remote/authorization", &choice).await;
    let page = maya.follow(&answer).await;
    page.shows("https://login.microsoftonline.us/{tenant}/oauth2/v2.0/token").shows("id=\"tenant\"");
    maya.get("/mailboxes/1/remote").await.shows("value=\"outlook.office365.us\"");
}

#[tokio::test]
async fn another_family_is_another_registration() {
    let office = Office::staffed();
    let (mut maya, first) = config(&office, "support@contoso.example", "microsoft").await;
    let tab = [
        ("host", "imap.gmail.com"),
        ("port", "993"),
        ("security", "tls"),
        ("authentication", "google"),
        ("status", "disabled"),
        ("frequency", "60"),
        ("batch", "50"),
        ("fetched", "nothing"),
        ("start_from", "now"),
    ];
    let answer = maya.post("/mailboxes/1/remote/config", &tab).await;
    let page = maya.follow(&answer).await;
    page.shows("https://oauth2.googleapis.com/token").hides("Microsoft");
    let callback = |page: &Answer| {
        let (_, rest) = page.body.split_once("id=\"callback\"").unwrap();
        rest.split_once('>').unwrap().1.split_once('<').unwrap().0.to_owned()
    };
    assert_ne!(callback(&page), callback(&first), "one callback for each provider");
}

#[tokio::test]
async fn an_application_shows_its_certificate_and_the_powershell_with_this_sites_own_values() {
    let office = Office::staffed();
    let (mut maya, page) = config(&office, "support@contoso.example", "microsoft").await;
    page.shows("The application itself (app-only)").shows("Make a certificate").hides("A service account");
    let tenant = "11111111-2222-3333-4444-555555555555";
    let id = "99999999-8888-7777-6666-555555555555";
    let typed = |button: &'static str| {
        [
            ("status", "enabled"),
            ("flow", "app_only"),
            ("client_authentication", "certificate"),
            ("tenant", tenant),
            ("client_id", id),
            ("expires_on", ""),
            ("do", button),
        ]
    };
    let at = "/mailboxes/1/remote/authorization";
    maya.post(at, &typed("submit")).await.shows("There is no certificate yet");
    let made = maya.post(at, &typed("certificate_make:0")).await;
    let page = maya.follow(&made).await;
    page.shows("in use").shows("Make the next one").shows("Download .cer").hides("PRIVATE KEY");
    page.shows(&format!("Connect-ExchangeOnline -Organization &#39;{tenant}&#39;"));
    page.shows(&format!("-AppId &#39;{id}&#39;"))
        .shows("Add-MailboxPermission -Identity &#39;support@contoso.example&#39;");
    page.shows("up to two hours").shows("Enterprise applications");
    // The registration is known. That its certificate was uploaded is to be proved, as is the rest.
    page.shows("app-only · 1 of 8")
        .hides("app-only · 2 of 8")
        .shows("id=\"guide-app-certificate-permissions\">IMAP.AccessAsApp\nSMTP.SendAsApp<");
    // Every guide that can be chosen is there, and the style sheet shows the chosen one.
    for (flow, shows) in
        [("code", "secret"), ("code", "certificate"), ("app_only", "secret"), ("app_only", "certificate")]
    {
        page.shows(&format!("data-flow=\"{flow}\" data-shows=\"{shows}\""));
    }
    page.shows("5e5addcd-3e8d-4e90-baf5-964efab2b20a").hides("cb842b43-da6e-4506-86fe-bb12199c656d");
    page.shows("Entered for").shows("outlook.office365.com");
    // A second click makes no second one.
    let page = maya.post(at, &typed("certificate_make:0")).await;
    maya.follow(&page).await.shows("Make the next one");
    let page = maya.post(at, &typed("certificate_make:1")).await;
    maya.follow(&page).await.shows("Use the one that waits").shows("certificate_use:2");
    for _ in 0..2 {
        let page = maya.post(at, &typed("certificate_use:2")).await;
        maya.follow(&page).await.shows("certificate_retire:1").hides("certificate_retire:2");
    }
    maya.post(at, &typed("certificate_retire:2")).await.shows("is in use by now");
    for _ in 0..2 {
        let page = maya.post(at, &typed("certificate_retire:1")).await;
        maya.follow(&page).await.shows("certificate_make:2");
    }
    // Nor does the button of a page from before the whole roll-over.
    let page = maya.post(at, &typed("certificate_make:1")).await;
    maya.follow(&page).await.shows("Make the next one").hides("Use the one that waits");
    // What somebody chose as a name is one word of the commands that are copied from here.
    let hostile = "x';iex(1);\"$(2)`";
    let named: Vec<_> = typed("save")
        .into_iter()
        .map(|(name, value)| (name, if name == "client_id" { hostile } else { value }))
        .collect();
    let saved = maya.post(at, &named).await;
    maya.follow(&saved).await.shows("-AppId &#39;x&#39;&#39;;iex(1);&#34;$(2)`&#39;");
    let bad = [("client_id", id), ("tenant", tenant), ("expires_on", "next year"), ("do", "save")];
    maya.post(at, &bad).await.shows("next year is no date");
    let file = maya.get("/mailboxes/1/remote/certificates/2").await;
    assert_eq!(file.headers["content-type"], "application/pkix-cert");
    for nowhere in ["/mailboxes/1/outgoing/certificates/2", "/mailboxes/1/remote/certificates/3"] {
        assert_eq!(maya.get(nowhere).await.status, 404, "{nowhere}");
    }
}

#[tokio::test]
async fn an_application_that_uses_graph_is_shown_its_permissions_its_scripts_and_the_roles_of_its_mailbox_alone()
 {
    let office = Office::staffed();
    let (mut maya, _) = config(&office, "support@contoso.example", "microsoft").await;
    office.write(|tx| {
        let set = "UPDATE mailbox SET in_protocol = 'graph', out_protocol = 'graph', shape = 'alias', opened_address = 'o''hara@contoso.example'
            WHERE id = 1";
        Ok(tx.execute(set, desk::params![])?)
    });
    let page = maya.get("/mailboxes/1/remote/authorization").await;
    page.shows("id=\"guide-app-graph-permissions\">Mail.ReadWrite\nMail.Send<");
    // The mailbox behind the alias, by its first address, in a name and in a filter that nobody else has.
    page.shows("New-ManagementScope -Name &#39;Postern o&#39;&#39;hara@contoso.example&#39;").shows(
        "-RecipientRestrictionFilter &#39;PrimarySmtpAddress -eq &#39;&#39;o&#39;&#39;&#39;&#39;hara@contoso.example&#39;&#39;&#39;",
    );
    let part = |id: &str, end: &str| {
        let (_, rest) = page.body.split_once(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("{id}"));
        rest.split_once(end).unwrap().0.to_owned()
    };
    for script in ["script-app-az", "script-app-graph"] {
        let script = part(script, "</span>");
        assert!(
            script.contains("Mail.ReadWrite Mail.Send") && !script.contains("IMAP.AccessAsApp"),
            "{script}"
        );
    }
    let manifest = part("script-app-manifest", "</span>");
    for id in ["00000003-0000-0000-c000-000000000000", "e2a3a72e-5f79-4c64-b1b1-878b674786c9"] {
        assert!(manifest.contains(id), "{manifest}");
    }
    // A person's permissions are of the same interface.
    page.shows("id=\"guide-permissions\">User.Read\noffline_access\nMail.ReadWrite\nMail.Send<");
}

#[tokio::test]
async fn the_guide_ticks_no_upload_of_a_certificate_that_was_only_made() {
    let office = Office::staffed();
    let (mut maya, _) = config(&office, "support@contoso.example", "microsoft").await;
    let at = "/mailboxes/1/remote/authorization";
    let typed = [
        ("status", "enabled"),
        ("client_authentication", "certificate"),
        ("tenant", "contoso.example"),
        ("client_id", "an-id"),
        ("authorization_endpoint", "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize"),
        ("token_endpoint", "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"),
        ("scopes", "openid offline_access https://outlook.office.com/IMAP.AccessAsUser.All"),
        ("do", "certificate_make:0"),
    ];
    let made = maya.post(at, &typed).await;
    maya.follow(&made).await.shows("Download .cer").shows("3 of 10").hides("4 of 10");
}

#[tokio::test]
async fn the_guide_of_a_shared_mailbox_says_how_its_service_account_is_let_in() {
    let office = Office::staffed();
    let (mut maya, page) = config(&office, "billing@contoso.example", "microsoft").await;
    page.hides("Read and manage (Full Access)");
    let typed = [
        ("address", "billing@contoso.example"),
        ("name", "Billing"),
        ("department", "1"),
        ("shape", "shared"),
    ];
    maya.get("/mailboxes/1").await;
    maya.post("/mailboxes/1", &typed).await;
    let page = maya.get("/mailboxes/1/remote/authorization").await;
    page.shows("Read and manage (Full Access)").shows("Send as");
}
