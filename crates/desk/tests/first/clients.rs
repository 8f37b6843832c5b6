//! A registration at a provider: what the authorization page may hold, and where its secret may go.
use super::mailboxes::{by, kinds, refused};
use desk::Refusal;
use desk::Result;
use desk::mailboxes::client::{self, Client, EnteredClient, Scheme};
use desk::mailboxes::mailbox::Completeness;
use desk::site::event::{self, Subject};
use desk::testing::TestDesk;
use secrecy::ExposeSecret as _;

pub const TENANT: &str = "11111111-2222-3333-4444-555555555555";

pub fn entered() -> EnteredClient {
    EnteredClient {
        name: "Postern".into(),
        active: true,
        tenant: TENANT.into(),
        client_id: "99999999-8888-7777-6666-555555555555".into(),
        client_secret: Some("8Q~the.value".to_owned().into()),
        scopes: mail::provider::MICROSOFT.scopes(),
        strict_matching: true,
        ..EnteredClient::default()
    }
}
pub fn create(desk: &TestDesk) -> i64 {
    desk.db.write(|tx| client::create(tx, &desk.providers, &by(), "microsoft", "unguessable")).unwrap()
}
pub fn change_with(desk: &TestDesk, id: i64, entered: &EnteredClient, scheme: Scheme) -> Result<Client> {
    desk.db.write(|tx| {
        client::change(
            tx,
            &client::Change {
                vault: &desk.vault,
                providers: &desk.providers,
                by: &by(),
                scheme,
                completeness: Completeness::Complete,
                nonces: [[4; 24], [8; 24]],
            },
            id,
            entered,
        )
    })
}
fn draft(desk: &TestDesk, id: i64, entered: &EnteredClient) -> Result<Client> {
    let (by, scheme) = (by(), Scheme::HttpsOnly);
    desk.db.write(|tx| {
        client::change(
            tx,
            &client::Change {
                vault: &desk.vault,
                providers: &desk.providers,
                by: &by,
                scheme,
                completeness: Completeness::Draft,
                nonces: [[5; 24], [8; 24]],
            },
            id,
            entered,
        )
    })
}
pub fn change(desk: &TestDesk, id: i64, entered: &EnteredClient) -> Result<Client> {
    change_with(desk, id, entered, Scheme::HttpsOnly)
}
/// The page as it is shown after saving: the secret masked.
pub fn shown(client: &Client) -> EnteredClient {
    EnteredClient {
        name: client.name.clone(),
        active: client.active,
        tenant: client.tenant.clone(),
        client_id: client.client_id.clone(),
        client_secret: None,
        flow: client.flow,
        authentication: client.authentication,
        secret_expires_at: client.secret_expires_at,
        entered_for: None,
        account_file: None,
        authorization_endpoint: client.authorization_endpoint.clone(),
        token_endpoint: client.token_endpoint.clone(),
        scopes: client.scopes.clone(),
        resource_details_endpoint: client.resource_details_endpoint.clone(),
        email_attribute: client.email_attribute.clone(),
        strict_matching: client.strict_matching,
        notes: client.notes.clone(),
    }
}
fn secret(desk: &TestDesk, id: i64) -> Option<String> {
    let secret = desk.db.read(|tx| client::secret_for_system(tx, &desk.vault, id)).unwrap();
    secret.map(|s| s.expose_secret().to_owned())
}

#[test]
fn the_callback_never_changes_whatever_is_saved() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let new = desk.db.read(|tx| client::find(tx, id)).unwrap().unwrap();
    assert_eq!(
        (new.public_id.as_str(), new.scopes.as_str()),
        ("unguessable", mail::provider::MICROSOFT.scopes().as_str())
    );
    assert_eq!(change(&desk, id, &entered()).unwrap().public_id, "unguessable");
    let found = desk.db.read(|tx| client::find_by_public_id(tx, "unguessable")).unwrap().unwrap();
    assert_eq!((found.id, found.has_secret), (id, true));
    assert!(desk.db.read(|tx| client::find_by_public_id(tx, "other")).unwrap().is_none());
}

#[test]
fn a_tenant_fills_both_endpoints_and_an_empty_secret_keeps_the_stored_one() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let saved = change(&desk, id, &entered()).unwrap();
    let base = format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0");
    assert_eq!(saved.authorization_endpoint, format!("{base}/authorize"));
    assert_eq!(saved.token_endpoint, format!("{base}/token"));
    let mut again = shown(&saved);
    again.notes = "Ask Kim.".into();
    change(&desk, id, &again).unwrap();
    assert_eq!(secret(&desk, id).as_deref(), Some("8Q~the.value"));
    change(&desk, id, &again).unwrap();
    change(&desk, id, &EnteredClient { client_secret: entered().client_secret, ..again }).unwrap();
    assert_eq!(
        kinds(&desk, Subject::Client(id)),
        ["created", "changed", "changed"],
        "the same again is no change"
    );
}

#[test]
fn what_is_wrong_with_a_registration_is_said() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let said = |edit: fn(&mut EnteredClient)| {
        let mut entered = entered();
        edit(&mut entered);
        refused(change(&desk, id, &entered)).to_string()
    };
    for (edit, sentence) in [
        ((|e| e.client_id = " ".into()) as fn(&mut EnteredClient), "Client ID is needed."),
        (|e| e.client_id = "a b".into(), "Client ID: "),
        (|e| e.client_secret = None, "Client Secret is needed."),
        (|e| e.client_secret = Some("  ".to_owned().into()), "Client Secret is needed."),
        (
            |e| e.client_secret = Some(" 0a1B2c3d-1111-2222-3333-444444444444 ".to_owned().into()),
            "This looks like the Secret ID.",
        ),
        (|e| e.tenant = String::new(), "Tenant is needed."),
        (|e| e.scopes = " ".into(), "Scopes is needed."),
        (
            |e| e.resource_details_endpoint = "http://graph.example/me".into(),
            "Resource Details Endpoint: the address must begin with https://",
        ),
        (|e| e.token_endpoint = "http://login.example/token".into(), "must begin with https://"),
        (|e| e.token_endpoint = "https://kim:pw@login.example/token".into(), "without a user name"),
        (
            |e| {
                e.tenant = String::new();
                e.authorization_endpoint =
                    "https://login.microsoftonline.com/one/oauth2/v2.0/authorize".into();
                e.token_endpoint = "https://login.microsoftonline.com/two/oauth2/v2.0/token".into();
            },
            "The endpoints name two tenants, one and two.",
        ),
    ] {
        let said = said(edit);
        assert!(said.contains(sentence), "{said:?} should say {sentence:?}");
    }
    assert_eq!(kinds(&desk, Subject::Client(id)), ["created"]);
}

#[test]
fn a_half_filled_registration_is_saved_as_a_draft_and_only_whole_ones_go_on() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let example = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token";
    let half = EnteredClient {
        name: "Postern".into(),
        client_secret: Some("8Q~the.value".to_owned().into()),
        token_endpoint: example.into(),
        ..EnteredClient::default()
    };
    let saved = draft(&desk, id, &half).unwrap();
    assert_eq!((saved.name.as_str(), saved.token_endpoint.as_str()), ("Postern", example));
    assert_eq!(refused(change(&desk, id, &shown(&saved))), Refusal::Required("Client ID"));
    // What a draft holds is checked, and its secret is bound to the origin it was typed beside.
    let bad = EnteredClient { client_id: "a b".into(), ..shown(&saved) };
    assert!(matches!(refused(draft(&desk, id, &bad)), Refusal::BadEndpoint { field: "Client ID", .. }));
    let elsewhere =
        EnteredClient { token_endpoint: "https://login.evil.example/token".into(), ..shown(&saved) };
    assert!(matches!(refused(draft(&desk, id, &elsewhere)), Refusal::SecretAgain { .. }));
    let nowhere = EnteredClient { token_endpoint: String::new(), ..shown(&saved) };
    assert_eq!(refused(draft(&desk, id, &nowhere)), Refusal::Required("Token Endpoint"));

    let whole = EnteredClient { client_secret: None, name: "Postern".into(), ..entered() };
    assert!(change(&desk, id, &whole).unwrap().token_endpoint.contains(TENANT));
    assert_eq!(secret(&desk, id).as_deref(), Some("8Q~the.value"));
    let emptied = EnteredClient { client_id: String::new(), ..whole };
    assert_eq!(refused(draft(&desk, id, &emptied)), Refusal::Required("Client ID"), "it is in use by now");
}

#[test]
fn plain_http_is_for_practice_on_loopback_alone() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let at = |host: &str| EnteredClient {
        authorization_endpoint: format!("http://{host}/{TENANT}/oauth2/v2.0/authorize"),
        token_endpoint: format!("http://{host}/{TENANT}/oauth2/v2.0/token"),
        ..entered()
    };
    assert!(change(&desk, id, &at("127.0.0.1:4000")).is_err());
    assert!(change_with(&desk, id, &at("10.0.0.1:4000"), Scheme::Practice).is_err());
    assert!(change_with(&desk, id, &at("localhost.evil.example"), Scheme::Practice).is_err());
    change_with(&desk, id, &at("127.0.0.1:4000"), Scheme::Practice).unwrap();
}

#[test]
fn another_origin_asks_for_the_secret_again_and_is_told() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let saved = change(&desk, id, &entered()).unwrap();
    let mut elsewhere = shown(&saved);
    elsewhere.authorization_endpoint = format!("https://login.evil.example/{TENANT}/oauth2/v2.0/authorize");
    elsewhere.token_endpoint = format!("https://login.evil.example/{TENANT}/oauth2/v2.0/token");
    let again = Refusal::SecretAgain {
        field: "Client Secret",
        from: "https://login.microsoftonline.com".into(),
        to: "https://login.evil.example".into(),
    };
    assert_eq!(refused(change(&desk, id, &elsewhere)), again);
    // Another tenant is the same origin: nothing is asked.
    change(&desk, id, &EnteredClient { tenant: "contoso.com".into(), ..shown(&saved) }).unwrap();
    assert_eq!(secret(&desk, id).as_deref(), Some("8Q~the.value"));
    elsewhere.client_secret = Some("another".to_owned().into());
    change(&desk, id, &elsewhere).unwrap();
    let told = desk.db.read(|tx| event::list(tx, Subject::Client(id), 99)).unwrap();
    let moved: Vec<_> =
        told.iter().filter(|e| e.kind == "origin_changed").map(|e| e.data["field"].as_str()).collect();
    assert_eq!(moved, [Some("Authorization Endpoint"), Some("Token Endpoint")]);
    assert!(
        !told.iter().any(|e| e.data.to_string().contains("another") || e.data.to_string().contains("8Q~"))
    );
}

#[test]
fn fresh_tokens_are_led_to_another_place_by_who_knows_the_secret_alone() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let mut saved = change(&desk, id, &entered()).unwrap();
    let to = |saved: &Client, details: &str, secret: Option<&str>| EnteredClient {
        resource_details_endpoint: details.into(),
        client_secret: secret.map(|secret| secret.to_owned().into()),
        ..shown(saved)
    };
    for elsewhere in ["https://evil.example/me", "https://login.microsoftonline.com.evil.example/me"] {
        let said = refused(change(&desk, id, &to(&saved, elsewhere, None))).to_string();
        assert!(said.contains("evil.example") && said.contains("Enter the Client Secret again"), "{said}");
    }
    saved = change(&desk, id, &to(&saved, "https://login.microsoftonline.com/me", None)).unwrap();
    saved = change(&desk, id, &to(&saved, "https://graph.example/me", Some("8Q~the.value"))).unwrap();
    saved = change(&desk, id, &to(&saved, "https://graph.example/users", None)).unwrap();
    saved = change(&desk, id, &to(&saved, "", None)).unwrap();
    assert!(change(&desk, id, &to(&saved, "https://graph.example/me", None)).is_err(), "it was taken away");
}

#[test]
fn another_provider_brings_its_own_endpoints_and_takes_the_secret_away() {
    let desk = TestDesk::new();
    let id = create(&desk);
    change(&desk, id, &entered()).unwrap();
    let choose = |key: &'static str| {
        desk.db.write(|tx| desk::mailboxes::choice::choose(tx, &desk.providers, &by(), id, key))
    };
    let google = choose("google").unwrap();
    assert_eq!(
        (google.token_endpoint.as_str(), google.tenant.as_str(), google.has_secret),
        ("https://oauth2.googleapis.com/token", "", false),
        "the secret was entered for Microsoft"
    );
    assert!(google.scopes.contains("https://mail.google.com/"), "{}", google.scopes);
    assert_eq!(secret(&desk, id), None);

    let personal = choose("microsoft-personal").unwrap();
    assert!(personal.token_endpoint.contains("/consumers/"), "{}", personal.token_endpoint);
    assert_eq!(choose("microsoft").unwrap().token_endpoint, "", "its tenant is asked for");
    assert!(refused(choose("nobody")).to_string().contains("“nobody”"));
    // There is no OAuth2 at Zoho.
    assert!(refused(choose("zoho")).to_string().contains("“zoho”"));
}

#[test]
fn what_a_registration_needs_depends_on_its_provider() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let choose = |key: &'static str| {
        desk.db.write(|tx| desk::mailboxes::choice::choose(tx, &desk.providers, &by(), id, key)).unwrap()
    };
    let guid = "99999999-8888-7777-6666-555555555555";
    let with = |client: &Client, secret: Option<&str>| EnteredClient {
        client_id: "an-id".into(),
        client_secret: secret.map(|secret| secret.to_owned().into()),
        ..shown(client)
    };
    let fastmail = choose("fastmail");
    assert!(!change(&desk, id, &with(&fastmail, None)).unwrap().has_secret, "Fastmail gives none");
    let yandex = choose("yandex");
    let missing = refused(change(&desk, id, &with(&yandex, None))).to_string();
    assert_eq!(missing, "Client Secret is needed.");
    assert!(
        change(&desk, id, &with(&yandex, Some(guid))).unwrap().has_secret,
        "a GUID is a secret elsewhere"
    );
}
