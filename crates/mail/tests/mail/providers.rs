//! The presets that are built in, and a file laid over them.

use mail::provider::{self, Book, Family, Password, Sasl, Security};

#[test]
fn what_is_built_in_is_whole() {
    let book = Book::builtin();
    let keys: Vec<&str> = book.presets().iter().map(|preset| preset.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "microsoft",
            "microsoft-personal",
            "microsoft-gcc-high",
            "microsoft-dod",
            "microsoft-china",
            "google",
            "yahoo",
            "aol",
            "fastmail",
            "yandex",
            "zoho"
        ]
    );
    let manual = include_str!("../../../../docs/manual/providers.md");
    for preset in book.presets() {
        let row = format!("| `{}` | {} |", preset.key, preset.label);
        assert!(manual.contains(&row), "{row}");
        for warning in preset.warnings.iter().chain(&preset.password_warning) {
            assert!(warning.starts_with(char::is_uppercase) && warning.ends_with('.'), "{warning}");
        }
        let word = preset.key.split('-').next().unwrap();
        let family = if ["microsoft", "google"].contains(&word) { word } else { "other" };
        assert_eq!(preset.family.word(), family, "{}", preset.key);
        assert_eq!(Family::of(&preset.key), preset.family);
        assert_eq!(preset.asks_for_tenant(), family == "microsoft" && preset.key != "microsoft-personal");
    }
}

#[test]
fn microsofts_global_cloud_asks_for_what_it_did() {
    let microsoft = provider::find("microsoft").unwrap();
    assert_eq!(
        microsoft.scopes(),
        "openid profile email offline_access https://outlook.office.com/IMAP.AccessAsUser.All \
         https://outlook.office.com/POP.AccessAsUser.All https://outlook.office.com/SMTP.Send"
    );
    assert_eq!((microsoft.imap.host.as_str(), microsoft.imap.port), ("outlook.office365.com", 993));
    assert_eq!(
        (microsoft.smtp.host.as_str(), microsoft.smtp.security),
        ("smtp.office365.com", Security::Starttls)
    );
    assert_eq!(microsoft.sends_a_minute_max, Some(25));
    assert!(microsoft.saves_sent && microsoft.password == Password::Refused);
}

/// Login host, resource, server for reading, server for sending.
#[test]
fn every_cloud_of_microsoft_keeps_to_itself() {
    for (key, login, resource, imap, smtp) in [
        (
            "microsoft",
            "login.microsoftonline.com",
            "outlook.office.com",
            "outlook.office365.com",
            "smtp.office365.com",
        ),
        (
            "microsoft-gcc-high",
            "login.microsoftonline.us",
            "outlook.office365.us",
            "outlook.office365.us",
            "smtp.office365.us",
        ),
        (
            "microsoft-dod",
            "login.microsoftonline.us",
            "outlook-dod.office365.us",
            "outlook-dod.office365.us",
            "outlook-dod.office365.us",
        ),
        (
            "microsoft-china",
            "login.partner.microsoftonline.cn",
            "partner.outlook.cn",
            "partner.outlook.cn",
            "partner.outlook.cn",
        ),
    ] {
        let preset = provider::find(key).unwrap();
        let oauth2 = preset.oauth2.as_ref().unwrap();
        let endpoints = preset.endpoints("contoso.example").unwrap();
        assert_eq!(endpoints.authorization, format!("https://{login}/contoso.example/oauth2/v2.0/authorize"));
        assert_eq!(endpoints.token, format!("https://{login}/contoso.example/oauth2/v2.0/token"));
        let (device, consent) =
            (oauth2.device_endpoint.as_ref().unwrap(), oauth2.admin_consent_endpoint.as_ref().unwrap());
        let (keys, issuer) = (oauth2.keys_endpoint.as_ref().unwrap(), oauth2.issuer.as_ref().unwrap());
        for address in [device, consent, keys, issuer, oauth2.discovery_endpoint.as_ref().unwrap()] {
            assert!(address.starts_with(&format!("https://{login}/")), "{key}: {address}");
        }
        assert_eq!(oauth2.resource.as_deref(), Some(format!("https://{resource}").as_str()));
        for scope in oauth2.scopes.imap.iter().chain(&oauth2.scopes.pop).chain(&oauth2.scopes.smtp) {
            assert!(scope.starts_with(&format!("https://{resource}/")), "{key}: {scope}");
        }
        assert_eq!((preset.imap.host.as_str(), preset.smtp.host.as_str()), (imap, smtp));
        assert!(oauth2.one_resource_per_token && oauth2.secret_is_no_guid && oauth2.certificate, "{key}");
        assert_eq!(oauth2.sasl, Sasl::Xoauth2);
    }
}

#[test]
fn a_personal_account_has_no_tenant_to_ask_for_and_no_access_without_a_person() {
    let personal = provider::find("microsoft-personal").unwrap();
    let oauth2 = personal.oauth2.as_ref().unwrap();
    assert_eq!(
        personal.endpoints("contoso.example").unwrap().token,
        "https://login.microsoftonline.com/consumers/oauth2/v2.0/token"
    );
    assert_eq!((&oauth2.app_only_scope, &oauth2.admin_consent_endpoint), (&None, &None));
    assert!(oauth2.app_only_consent_scopes.is_empty());
    assert_eq!(personal.smtp.host, "smtp-mail.outlook.com");
    assert_eq!(Book::builtin().of_address("ann@Hotmail.com").unwrap().key, "microsoft-personal");
    assert_eq!(Book::builtin().of_address("ann@example.org"), None);
}

#[test]
fn google_asks_so_that_a_refresh_token_comes_and_checks_what_was_granted() {
    let google = provider::find("google").unwrap();
    let oauth2 = google.oauth2.as_ref().unwrap();
    assert_eq!(google.scopes(), "openid email https://mail.google.com/");
    let said: Vec<(&str, &str)> = oauth2.authorize.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(said, [("access_type", "offline"), ("prompt", "consent")]);
    assert!(oauth2.granted_scope_checked && oauth2.refresh_token_stays && oauth2.callback_needs_public_name);
    assert!(google.saves_sent && google.warnings.iter().any(|warning| warning.contains("seven days")));
    assert_eq!(google.endpoints("ignored").unwrap().token, "https://oauth2.googleapis.com/token");
}

#[test]
fn the_example_of_the_manual_is_read() {
    let manual = include_str!("../../../../docs/manual/providers.md");
    let example = manual.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let book = Book::with_file(example).unwrap();
    assert_eq!(book.presets().len(), Book::builtin().presets().len() + 2);
    let contoso = book.find("contoso").unwrap();
    assert_eq!(contoso.family, Family::Other);
    assert_eq!(contoso.scopes(), "openid email offline_access mail");
    // What the file does not say stays.
    let china = book.find("microsoft-china").unwrap();
    let builtin = provider::find("microsoft-china").unwrap();
    assert_eq!(china.smtp.host, "smtp.partner.outlook.cn");
    assert_eq!(
        (&china.label, &china.warnings, &china.oauth2),
        (&builtin.label, &builtin.warnings, &builtin.oauth2)
    );
    let zoho = book.find("zoho-eu").unwrap();
    assert_eq!((zoho.imap.host.as_str(), zoho.password), ("imap.zoho.eu", Password::AppPassword));
    assert!(zoho.domains.is_empty() && zoho.warnings.is_empty() && zoho.oauth2.is_none());
    assert!(book.is_pair("imap.zoho.eu", "smtp.zoho.eu") && !book.is_pair("imap.zoho.eu", "smtp.zoho.com"));
    // Every setting that there is stands in the manual.
    let wrong = Book::with_file("[[provider]]\nkey = \"x\"\nnope = 1\n[provider.oauth2]\n").unwrap_err();
    let nested = Book::with_file("[[provider]]\nkey = \"x\"\n[provider.oauth2]\nnope = 1\n").unwrap_err();
    for list in [wrong, nested] {
        let (_, settings) = list.split_once("there are ").unwrap();
        for setting in settings.trim_end_matches('.').split(", ") {
            assert!(setting == "oauth2" || manual.contains(&format!("`{setting}`")), "{setting}");
        }
    }
}

#[test]
fn a_wrong_file_is_a_sentence_with_the_line() {
    let good = "[[provider]]\nkey = \"x\"\nlike = \"fastmail\"\nlabel = \"X\"\n";
    assert!(Book::with_file(good).is_ok());
    for (more, line, word) in [
        ("nope = 1\n", 5, "there is no setting “nope” here"),
        ("[provider.oauth2]\nauthorise_endpoint = \"https://x.example\"\n", 6, "authorise_endpoint"),
        ("[provider.oauth2]\ntoken_endpoint = \"http://x.example/token\"\n", 6, "must begin with https://"),
        ("[provider.oauth2]\n\ntoken_endpoint = \"https://{tenant}.example/token\"\n", 7, "in its host"),
        ("[provider.oauth2]\ntoken_endpoint = \"https://a@x.example/token\"\n", 6, "no user name"),
        ("[provider.oauth2]\ntoken_endpoint = \"x.example\"\n", 6, "begins with https://"),
        ("[provider.oauth2]\nissuer = \"https://x.example/{realm}\"\n", 6, "placeholder"),
        ("[provider.oauth2]\nauthorize = { state = \"1\" }\n", 6, "“state” is Postern's own"),
        ("[provider.oauth2]\nscopes = { imap = [\"a b\"], smtp = [\"c\"] }\n", 6, "not one scope"),
        ("[provider.oauth2]\nsasl = \"plain\"\n", 6, "“plain” is none of auto, xoauth2, oauthbearer"),
        ("[provider.oauth2]\ntenant = \"a/b\"\n", 6, "not a tenant"),
        (
            "imap = { host = \"imap.x.example:993\", port = 993, security = \"tls\" }\n",
            5,
            "the name of a server",
        ),
        ("imap = { host = \"imap.x.example\", port = 0, security = \"tls\" }\n", 5, "between 1 and 65535"),
        (
            "imap = { host = \"imap.x.example\", port = 993, security = \"none\" }\n",
            5,
            "none of tls, starttls",
        ),
        ("family = \"yahoo\"\n", 5, "“yahoo” is none of microsoft, google, other"),
        ("label = \"Y\"\n", 5, "“label” stands here twice"),
        ("warnings = [\"\"]\n", 5, "400 characters"),
        ("domains = [\"x y\"]\n", 5, "the name of a server"),
        ("\n[[provider]]\nkey = \"x\"\nlabel = \"Z\"\n", 6, "stands in the file twice"),
        ("\n[[provider]]\nkey = \"y\"\nlabel = \"Y\"\n", 6, "has no imap"),
        ("\n[[provider]]\nkey = \"y\"\nlike = \"fastmail\"\n", 6, "has no label"),
        ("\n[[provider]]\nkey = \"y\"\nlike = \"later\"\n", 6, "neither built in nor above"),
        ("\n[[provider]]\nkey = \"Y\"\n", 7, "is not a key"),
        ("key\n", 5, ""),
    ] {
        let said = Book::with_file(&format!("{good}{more}")).unwrap_err();
        assert!(said.starts_with(&format!("Line {line}: ")), "{more}: {said}");
        assert!(said.contains(word) && said.ends_with('.') && !said.contains('\n'), "{more}: {said}");
    }
    let long = format!("# {}\n", "x".repeat(300_000));
    assert!(Book::with_file(&long).unwrap_err().contains("at most"));
}

#[test]
fn tokens_of_another_token_endpoint_go_nowhere_that_the_other_provider_vouches_for() {
    let of = |token: &str, more: &str| {
        let text = format!(
            "[[provider]]\nkey = \"mine\"\nlabel = \"Mine\"\nlike = \"google\"\n[provider.oauth2]\n\
             revocation_endpoint = \"\"\n{token}{more}"
        );
        let book = Book::with_file(&text).unwrap();
        let oauth2 = book.find("mine").unwrap().oauth2.clone().unwrap();
        (oauth2.userinfo_endpoint, oauth2.profile.map(|profile| profile.endpoint))
    };
    let elsewhere = "token_endpoint = \"https://id.contoso.example/token\"\n";
    assert_eq!(of(elsewhere, ""), (None, None));
    let own = "userinfo_endpoint = \"https://id.contoso.example/userinfo\"\n";
    assert_eq!(of(elsewhere, own), (Some("https://id.contoso.example/userinfo".to_owned()), None));
    let same = of("token_endpoint = \"https://oauth2.googleapis.com/another\"\n", "");
    assert!(same.0.is_some() && same.1.is_some(), "{same:?}");
}

#[test]
fn what_is_shown_the_secret_is_where_the_token_endpoint_is() {
    let moved = |more: &str| {
        Book::with_file(&format!(
            "[[provider]]\nkey = \"mine\"\nlabel = \"Mine\"\nlike = \"google\"\n[provider.oauth2]\n\
             token_endpoint = \"https://id.contoso.example/token\"\n{more}"
        ))
    };
    for elsewhere in [
        "",
        "revocation_endpoint = \"https://id.contoso.example.evil.example/revoke\"",
        "revocation_endpoint = \"https://id.contoso.example:8443/revoke\"",
    ] {
        let said = moved(elsewhere).unwrap_err();
        assert!(said.contains("the revocation_endpoint of “mine” is at another address"), "{said}");
    }
    let device = "revocation_endpoint = \"\"\ndevice_endpoint = \"https://login.evil.example/device\"";
    assert!(moved(device).unwrap_err().contains("the device_endpoint of “mine”"));
    for fine in ["revocation_endpoint = \"\"", "revocation_endpoint = \"https://id.contoso.example/revoke\""]
    {
        moved(fine).unwrap();
    }
}
