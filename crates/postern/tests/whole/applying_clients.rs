//! `mailbox apply` of registrations that several mailboxes share: `[[client]]` of the file.
use crate::applying::{change, done, id_of, on_the_page, program, registration, shown};
use desk::db::Tx;
use desk::mailboxes::client::{self, EnteredClient};
use desk::mailboxes::mailbox;
use desk::site::vault::Vault;
use secrecy::ExposeSecret as _;

pub const SHARED: &str = r#"
[[client]]
name = "Contoso"
provider = "microsoft"
client_id = "5b1c1f0e-3a77-4c7e-9a55-0c2d3c1f7e11"
client_secret_file = "value"
client_secret_expires = "2028-01-31"
tenant = "contoso.example"

[[mailbox]]
address = "billing@contoso.example"
client = "Contoso"
[mailbox.incoming]
authentication = "microsoft"
[mailbox.outgoing]
authentication = "google"
[mailbox.outgoing.client]
client_id = "an-id.apps.googleusercontent.com"
client_secret_file = "value"

[[mailbox]]
address = "support@contoso.example"
client = "Contoso"
[mailbox.incoming]
authentication = "microsoft"
"#;

#[test]
fn one_registration_serves_several_mailboxes_and_another_provider_sends() {
    let program = program();
    let file = program.file("fleet.toml", SHARED);
    let apply = || program.run(&["mailbox", "apply", file.to_str().unwrap(), "--json"]).fine().json();
    let first = apply();
    let items = first["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["done"] == "created"), "{first}");
    assert_eq!(items[0]["callback"], items[1]["callback"], "one callback to register");
    let again = apply();
    assert!(again["items"].as_array().unwrap().iter().all(|item| item["done"] == "unchanged"), "{again}");
    let billing = shown(&program, "billing@contoso.example");
    assert_eq!(billing["client"]["name"], "Contoso");
    assert_eq!(billing["client"]["secret_expires_at"], "2028-01-31T00:00:00.000Z");
    assert_eq!(billing["outgoing"]["host"], "smtp.gmail.com");
    let (registrations, sends) = on_the_page(&program, |tx, _, _| {
        let id = id_of(tx, "billing@contoso.example")?;
        Ok((client::list(tx, 9)?.len(), mailbox::get(tx, id)?.outgoing.client_id))
    });
    assert_eq!(registrations, 2, "the shared one, and one for sending");
    assert!(sends.is_some());

    for (wrong, words) in [
        (SHARED.replace("client = \"Contoso\"", "client = \"Fabrikam\""), "no client “Fabrikam”"),
        (SHARED.replace("2028-01-31", "next year"), "is no date"),
        (SHARED.replace("tenant =", "tennant ="), "tennant"),
        (SHARED.replace("provider = \"microsoft\"\n", ""), "provider is needed"),
    ] {
        let file = program.file("wrong.toml", &wrong);
        let ran = program.run(&["mailbox", "apply", file.to_str().unwrap()]);
        assert!(ran.status != 0 && ran.err.contains(words), "{words}: {}", ran.err);
    }
}

/// Another administrator may have typed another endpoint since the file was written.
#[test]
fn a_secret_of_the_file_is_not_entered_for_an_endpoint_that_the_file_does_not_name() {
    let program = program();
    done(&program, SHARED);
    let secret = |tx: &mut Tx<'_>, vault: &Vault| {
        let id = registration(tx)?.id;
        let kept = client::secret_for_system(tx, vault, id)?;
        Ok(kept.map(|kept| kept.expose_secret().to_owned()))
    };
    on_the_page(&program, |tx, vault, by| {
        let found = registration(tx)?;
        let entered = EnteredClient {
            name: found.name.clone(),
            active: true,
            tenant: found.tenant.clone(),
            client_id: found.client_id.clone(),
            client_secret: Some("anything".to_owned().into()),
            authorization_endpoint: found.authorization_endpoint.clone(),
            token_endpoint: "https://login.evil.example/contoso.example/oauth2/v2.0/token".into(),
            scopes: found.scopes.clone(),
            ..EnteredClient::default()
        };
        change(tx, vault, by, found.id, &entered)
    });
    let file = program.file("fleet.toml", SHARED);
    let words = ["the client Contoso was not applied", "login.evil.example", "Name token_endpoint"];
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fails(1, &words);
    assert_eq!(on_the_page(&program, |tx, vault, _| secret(tx, vault)).as_deref(), Some("anything"));
    // Named, it counts.
    let named = SHARED.replace(
        "tenant = \"contoso.example\"",
        "tenant = \"contoso.example\"\ntoken_endpoint = \"https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token\"",
    );
    done(&program, &named);
    let kept = on_the_page(&program, |tx, vault, _| secret(tx, vault));
    assert_eq!(kept.as_deref(), Some("a~secret.Value_of+40-characters"));
    assert_eq!(done(&program, SHARED), "unchanged", "it is the provider's own again");
}

const OTHERS: &str = r#"
[[client]]
name = "Of nobody"
provider = "other"
flow = "app_only"
client_id = "an-id"
client_secret_file = "value"
token_endpoint = "https://id.contoso.example/token"
scopes = "mail"

[[mailbox]]
address = "billing@contoso.example"
client = "Of nobody"
[mailbox.incoming]
host = "imap.contoso.example"
authentication = "other"
"#;

#[test]
fn a_shared_registration_whose_token_may_not_go_to_the_server_is_refused_before_anything_ends() {
    let program = program();
    assert_eq!(done(&program, OTHERS), "created");
    let (_, mailbox) = OTHERS.split_once("[[mailbox]]").unwrap();
    let elsewhere = format!("[[mailbox]]{mailbox}")
        .replace("billing@", "support@")
        .replace("imap.contoso.example", "imap.evil.example");
    let file = program.file("fleet.toml", &elsewhere);
    let words = ["was entered for imap.contoso.example", "imap.evil.example"];
    program.run(&["mailbox", "apply", file.to_str().unwrap()]).fails(1, &words);
    program.run(&["mailbox", "show", "support@contoso.example"]).fails(3, &["no mailbox"]);
    // Whose file holds the secret may name another server, and what is there already is no question.
    assert_eq!(done(&program, &OTHERS.replace("billing@", "support@").replace("imap.", "mail.")), "created");
    assert_eq!(done(&program, &format!("[[mailbox]]{mailbox}")), "unchanged");
}

#[test]
fn another_secret_of_a_shared_registration_is_a_change_of_the_mailboxes_that_use_it() {
    let program = program();
    let file = program.file("fleet.toml", SHARED);
    let apply = || {
        let applied = program.run(&["mailbox", "apply", file.to_str().unwrap(), "--json"]).fine().json();
        applied["items"].as_array().unwrap().iter().map(|item| item["done"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(apply(), ["created", "created"]);
    program.file("value", "b~another.Value_of+40-characters\n");
    assert_eq!(apply(), ["changed", "changed"]);
    assert_eq!(apply(), ["unchanged", "unchanged"]);
    program.file("fleet.toml", &SHARED.replace("2028-01-31", "2028-02-29"));
    assert_eq!(apply(), ["changed", "changed"]);
}
