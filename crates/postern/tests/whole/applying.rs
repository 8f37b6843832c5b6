//! `mailbox apply` over what is there already: what the file says counts, what it does not say stays.
use crate::applying_clients::SHARED;
use crate::program::Program;
use desk::db::Tx;
use desk::mailboxes::mailbox::{self, Side};
use desk::mailboxes::{client, client::EnteredClient, grant};
use desk::site::vault::Vault;
use desk::{Actor, By, params};
use serde_json::Value;

pub const PASSWORD_BOX: &str = r#"
[[mailbox]]
address = "support@contoso.example"
name = "Support"

[mailbox.incoming]
host = "localhost"
port = 1993
authentication = "password"
password_file = "secret"
"#;

pub const MICROSOFT_BOX: &str = r#"
[[mailbox]]
address = "billing@contoso.example"

[mailbox.incoming]
authentication = "microsoft"

[mailbox.outgoing]
same = true

[mailbox.client]
client_id = "5b1c1f0e-3a77-4c7e-9a55-0c2d3c1f7e11"
client_secret_file = "value"
authorization_endpoint = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize"
token_endpoint = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
"#;

pub fn program() -> Program {
    let program = Program::new();
    program.file("secret", "rehearsal\n");
    program.file("value", "a~secret.Value_of+40-characters\n");
    program
}

/// What was done to the one mailbox of the file.
pub fn applied(program: &Program, text: &str) -> Value {
    let file = program.file("fleet.toml", text);
    program.run(&["mailbox", "apply", file.to_str().unwrap(), "--json"]).fine().json()["items"][0].clone()
}
pub fn done(program: &Program, text: &str) -> String {
    applied(program, text)["done"].as_str().unwrap().to_owned()
}
pub fn shown(program: &Program, address: &str) -> Value {
    program.run(&["mailbox", "show", address, "--json"]).fine().json()
}

/// What the pages do to the desk of the program.
pub fn on_the_page<T>(program: &Program, act: impl Fn(&mut Tx<'_>, &Vault, &By) -> desk::Result<T>) -> T {
    let db = program.database();
    let vault = Vault::open(&program.data().join("postern.key")).unwrap();
    let by = By { actor: Actor::System, at: 1_795_521_600_000 };
    db.write(|tx| act(tx, &vault, &by)).unwrap()
}
/// As the page Config does.
pub fn change(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    client_id: i64,
    entered: &EnteredClient,
) -> desk::Result<client::Client> {
    let change = client::Change {
        vault,
        providers: mail::provider::Book::builtin(),
        by,
        scheme: client::Scheme::HttpsOnly,
        completeness: mailbox::Completeness::Complete,
        nonces: [[9; 24], [8; 24]],
    };
    client::change(tx, &change, client_id, entered)
}
pub fn registration(tx: &mut Tx<'_>) -> desk::Result<client::Client> {
    let id = id_of(tx, "billing@contoso.example")?;
    let id = mailbox::get(tx, id)?.incoming.client_id.unwrap();
    Ok(client::find(tx, id)?.unwrap())
}
pub fn id_of(tx: &mut Tx<'_>, address: &str) -> desk::Result<i64> {
    Ok(mailbox::find_by_address(tx, address)?.unwrap().id)
}

#[test]
fn a_removed_mailbox_is_added_again_and_continues() {
    for (text, address) in
        [(PASSWORD_BOX, "support@contoso.example"), (MICROSOFT_BOX, "billing@contoso.example")]
    {
        let program = program();
        let callback = applied(&program, text)["callback"].clone();
        let id = on_the_page(&program, |tx, _, by| {
            let id = id_of(tx, address)?;
            mailbox::remove(tx, by, id)?;
            Ok(id)
        });
        program.run(&["mailbox", "show", address]).fails(3, &["no mailbox"]);
        let again = applied(&program, text);
        assert_eq!(again["done"], "created");
        assert_eq!(again["callback"], callback, "what is registered at the provider stays right");
        let mailbox = shown(&program, address);
        assert_eq!(mailbox["active"], true);
        assert_eq!(on_the_page(&program, |tx, _, _| id_of(tx, address)), id, "the same one continues");
        assert_eq!(done(&program, text), "unchanged");
    }
}

#[test]
fn a_file_with_endpoints_and_no_tenant_changes_nothing_the_second_time() {
    let program = program();
    assert_eq!(done(&program, MICROSOFT_BOX), "created");
    assert_eq!(done(&program, MICROSOFT_BOX), "unchanged");
    let other = MICROSOFT_BOX.replace("/contoso.example/", "/fabrikam.example/");
    assert_eq!(done(&program, &other), "changed");
    assert_eq!(done(&program, &other), "unchanged");
}

#[test]
fn what_the_file_does_not_say_stays_as_it_is() {
    let program = program();
    let full = PASSWORD_BOX.replace(
        "name = \"Support\"",
        "name = \"Support\"\nactive = false\nstart_from = \"everything\"\nfetched = \"read\"\nfrequency_s = 120\nbatch = 7",
    ) + "folder = \"Tickets\"\nuser = \"desk\"\n[mailbox.outgoing]\nhost = \"localhost\"\nauthentication = \"same\"\nheader_spoofing = true\n";
    assert_eq!(done(&program, &full), "created");
    let before = shown(&program, "support@contoso.example");
    let stored = |program: &Program| {
        let m = on_the_page(program, |tx, _, _| {
            Ok(mailbox::find_by_address(tx, "support@contoso.example")?.unwrap())
        });
        (m.header_spoofing, m.fetched, m.frequency_s, m.batch, m.start_from, m.outgoing_active)
    };
    let kept = stored(&program);
    assert!(kept.0 && kept.5, "{kept:?}");
    assert_eq!(done(&program, PASSWORD_BOX), "unchanged");
    assert_eq!(shown(&program, "support@contoso.example"), before);
    assert_eq!(stored(&program), kept);
    assert_eq!((&before["active"], &before["incoming"]["folder"]), (&false.into(), &"Tickets".into()));
    // One word more changes one thing.
    assert_eq!(done(&program, &PASSWORD_BOX.replace("port = 1993", "port = 1994")), "changed");
    let after = shown(&program, "support@contoso.example");
    assert_eq!((&after["incoming"]["port"], &after["incoming"]["user"]), (&1994.into(), &"desk".into()));
    assert_eq!((&after["active"], &after["outgoing"]), (&false.into(), &before["outgoing"]));
}

#[test]
fn without_a_sign_in_a_named_server_is_a_relay_and_none_sends_nothing() {
    let program = program();
    let relay =
        format!("{PASSWORD_BOX}[mailbox.outgoing]\nhost = \"localhost\"\nauthentication = \"none\"\n");
    assert_eq!(done(&program, &relay), "created");
    assert_eq!(done(&program, &relay), "unchanged");
    let sends = |program: &Program| {
        let found = on_the_page(program, |tx, _, _| {
            Ok(mailbox::find_by_address(tx, "support@contoso.example")?.unwrap())
        });
        (found.outgoing_active, found.sends_nothing())
    };
    assert_eq!(sends(&program), (true, false));
    let told = program.run(&["mailbox", "show", "support@contoso.example"]).fine().out;
    assert!(told.contains("without a sign-in"), "{told}");
    let nothing = format!("{PASSWORD_BOX}[mailbox.outgoing]\nnone = true\n");
    assert_eq!(done(&program, &nothing), "changed");
    assert_eq!((sends(&program), done(&program, &nothing)), ((false, true), "unchanged".into()));
    let both = nothing + "host = \"localhost\"\n";
    let file = program.file("both.toml", &both);
    program
        .run(&["mailbox", "apply", file.to_str().unwrap()])
        .fails(2, &["none = true", "authentication = \"none\""]);
}

#[test]
fn a_password_of_a_file_goes_to_the_server_that_the_file_names_alone() {
    let program = program();
    done(&program, PASSWORD_BOX);
    let without: String = PASSWORD_BOX
        .lines()
        .filter(|line| !line.starts_with("host ="))
        .map(|line| format!("{line}\n"))
        .collect();
    let file = program.file("fleet.toml", &without);
    let words = ["Name incoming.host in the file", "localhost"];
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fails(1, &words);
}

#[test]
fn what_the_authorization_page_holds_beyond_the_file_stays() {
    let program = program();
    let text = MICROSOFT_BOX.to_owned() + "strict_matching = false\nscopes = \"openid offline_access\"\n";
    done(&program, &text);
    on_the_page(&program, |tx, vault, by| {
        let found = registration(tx)?;
        let entered = EnteredClient {
            name: "The desk's".into(),
            active: false,
            tenant: found.tenant.clone(),
            client_id: found.client_id.clone(),
            // Tokens are led to Graph with it, so it is entered again.
            client_secret: Some("a~secret.Value_of+40-characters".to_owned().into()),
            flow: found.flow,
            authentication: found.authentication,
            secret_expires_at: found.secret_expires_at,
            entered_for: None,
            account_file: None,
            authorization_endpoint: found.authorization_endpoint.clone(),
            token_endpoint: found.token_endpoint.clone(),
            scopes: found.scopes.clone(),
            resource_details_endpoint: "https://graph.microsoft.com/v1.0/me".into(),
            email_attribute: "mail".into(),
            strict_matching: found.strict_matching,
            notes: "ask Maya".into(),
        };
        change(tx, vault, by, found.id, &entered)
    });
    let before = format!("{:?}", on_the_page(&program, |tx, _, _| registration(tx)));
    assert_eq!(done(&program, MICROSOFT_BOX), "unchanged");
    assert_eq!(format!("{:?}", on_the_page(&program, |tx, _, _| registration(tx))), before);
    assert!(before.contains("v1.0/me") && before.contains("active: false"), "{before}");
}

#[test]
fn a_newer_consent_that_is_not_proved_does_not_hide_the_one_in_use() {
    let program = program();
    assert!(applied(&program, MICROSOFT_BOX)["authorize_at"].is_string(), "nobody has consented yet");
    on_the_page(&program, |tx, vault, by| {
        let id = id_of(tx, "billing@contoso.example")?;
        let client_id = mailbox::get(tx, id)?.incoming.client_id.unwrap();
        for (state, proved) in [("first", true), ("second", false)] {
            let new = grant::NewTry {
                client_id,
                mailbox_id: id,
                side: Side::Incoming,
                session_id: 1,
                way: grant::Way::Callback,
                state: state.into(),
                verifier: "the verifier".to_owned().into(),
                nonce: "n".into(),
            };
            let grant_id = grant::begin(tx, vault, by, &new, [1; 24])?;
            grant::take_pending(tx, vault, client_id, state, 1, by.at)?.unwrap();
            let owner =
                grant::Owner { subject: "oid".into(), address: Some(format!("{state}@contoso.example")) };
            let tokens = grant::NewTokens {
                resource: "https://outlook.office.com".into(),
                access_token: "access".to_owned().into(),
                access_expires_at: by.at + 3_600_000,
                scopes: "IMAP".into(),
                refresh_token: Some("refresh".to_owned().into()),
                refresh_due_at: by.at + 1_800_000,
            };
            grant::store_tokens(tx, vault, by, grant_id, &owner, &tokens, [[2; 24], [3; 24]])?;
            if proved {
                grant::fulfil(tx, by, grant_id)?;
            }
        }
        Ok(())
    });
    let grant = &shown(&program, "billing@contoso.example")["grant"];
    assert_eq!((&grant["state"], &grant["owner"]), (&"fulfilled".into(), &"first@contoso.example".into()));
    let again = applied(&program, MICROSOFT_BOX);
    assert_eq!((&again["done"], &again["authorize_at"]), (&"unchanged".into(), &Value::Null));
    assert_eq!(again["consent_ended"], false);
    // Another registration ends the consent at once, and that is said.
    let elsewhere = applied(&program, SHARED);
    assert_eq!((&elsewhere["done"], &elsewhere["consent_ended"]), (&"changed".into(), &true.into()));
    let said = elsewhere["provider_said"].as_str().unwrap();
    assert!(said.contains("Microsoft has no way to be told"), "{said}");
    assert_eq!(again["provider_said"], Value::Null);
    assert_eq!(applied(&program, SHARED)["consent_ended"], false, "once");
}

#[test]
fn every_provider_is_set_up_from_a_file() {
    let program = program();
    let text = |authentication: &str, client: &str| {
        MICROSOFT_BOX
            .split("authorization_endpoint")
            .next()
            .unwrap()
            .replace("\"microsoft\"", &format!("\"{authentication}\""))
            + client
    };
    for (file, provider, imap, smtp, token) in [
        (
            text("google", ""),
            "google",
            "imap.gmail.com",
            "smtp.gmail.com",
            "https://oauth2.googleapis.com/token",
        ),
        (
            text("other", "provider = \"yandex\"\n"),
            "yandex",
            "imap.yandex.com",
            "smtp.yandex.com",
            "https://oauth.yandex.com/token",
        ),
        (
            text("microsoft", "provider = \"microsoft-personal\"\n"),
            "microsoft-personal",
            "outlook.office365.com",
            "smtp-mail.outlook.com",
            "https://login.microsoftonline.com/consumers/oauth2/v2.0/token",
        ),
    ] {
        let program = self::program();
        assert_eq!(done(&program, &file), "created", "{provider}");
        assert_eq!(done(&program, &file), "unchanged", "{provider}");
        let mailbox = shown(&program, "billing@contoso.example");
        assert_eq!(mailbox["incoming"]["host"], imap);
        assert_eq!(mailbox["outgoing"]["host"], smtp, "{provider}");
        let client = on_the_page(&program, |tx, _, _| registration(tx));
        assert_eq!((client.provider.as_str(), client.token_endpoint.as_str()), (provider, token));
    }
    let file = program.file("fleet.toml", &text("google", "provider = \"yandex\"\n"));
    program
        .run(&["mailbox", "apply", file.to_str().unwrap()])
        .fails(1, &["client.provider is “yandex”", "it is one of google"]);
}

/// A certificate that is asked for is made, its public half printed, and nothing secret of it ever.
#[test]
fn a_certificate_is_made_once_and_only_its_public_half_is_printed() {
    let program = program();
    let text = MICROSOFT_BOX
        .replace("client_secret_file = \"value\"", "flow = \"app_only\"\nauthentication = \"certificate\"");
    assert_eq!(done(&program, &text), "created");
    let file = program.file("fleet.toml", &text);
    let said = program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine().out;
    assert!(said.contains("postern mailbox authorize billing@contoso.example"), "{said}");
    assert!(!said.contains("/oauth/callback/"), "nobody comes back to it: {said}");
    let certificate = |words: &[&str]| {
        let words: Vec<&str> =
            ["mailbox", "certificate", "billing@contoso.example"].iter().chain(words).copied().collect();
        program.run(&words).fine().out
    };
    let pem = certificate(&[]);
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && !pem.contains("PRIVATE"), "{pem}");
    assert_eq!(done(&program, &text), "unchanged");
    assert_eq!(certificate(&[]), pem, "the same one");
    let shown = shown(&program, "billing@contoso.example");
    assert_eq!(
        (&shown["client"]["flow"], &shown["client"]["authentication"]),
        (&"app_only".into(), &"certificate".into())
    );
    assert!(shown["client"]["certificate_expires_at"].is_string(), "{shown}");

    // Where a command was run no button is to be pressed.
    on_the_page(&program, |tx, _, _| Ok(tx.execute("UPDATE client SET active = 0", params![])?));
    let off = program.run(&["mailbox", "authorize", "billing@contoso.example"]);
    let off = off.fails(1, &["switched off", "Switch it on in the tab Info, then authorize it again."]);
    assert!(!off.err.contains("Submit"), "{off:?}");
    on_the_page(&program, |tx, _, _| Ok(tx.execute("UPDATE client SET active = 1", params![])?));

    let next = certificate(&["make"]);
    assert!(next != pem && certificate(&[]) == pem && certificate(&["--waiting"]) == next);
    for step in ["use", "use", "back", "back", "use"] {
        let shown = if step == "use" { &next } else { &pem };
        assert_eq!(&certificate(&[step]), shown, "{step}, which nothing turns round when it is said twice");
    }
    let retired = certificate(&["retire"]);
    assert!(retired.contains("is retired: its key is destroyed") && !retired.contains("BEGIN"), "{retired}");
    assert_eq!(certificate(&["use"]), next);
    for (step, said) in
        [("retire", "no second certificate to retire"), ("back", "no second certificate to go back")]
    {
        program.run(&["mailbox", "certificate", "billing@contoso.example", step]).fails(1, &[said]);
    }
    program
        .run(&["mailbox", "certificate", "billing@contoso.example", "--waiting"])
        .fails(3, &["no such certificate"]);
    assert_eq!(done(&program, &text), "unchanged", "the roll-over is not undone");
}

#[test]
fn a_password_that_the_provider_will_not_take_is_told() {
    let program = program();
    let there = PASSWORD_BOX.replace("localhost", "outlook.office365.com").replace("1993", "993");
    let warnings = applied(&program, &there)["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("takes no passwords for reading mail"), "{warnings}");
    assert_eq!(
        applied(&program, &PASSWORD_BOX.replace("support@", "own@"))["warnings"],
        serde_json::json!([])
    );
    let file = program.file("fleet.toml", &there);
    let said = program.run(&["mailbox", "apply", file.to_str().unwrap()]).fine();
    assert!(said.out.contains("takes no passwords"), "{}", said.out);
}
