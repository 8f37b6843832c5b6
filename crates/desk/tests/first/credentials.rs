//! What a registration shows at its provider: a secret that can be changed, certificates that follow each other, the key of
//! a service account; and who shares it.
use super::clients::{change, create, entered, shown};
use super::mailboxes::{NOW, by, kinds, mailbox, refused};
use desk::By;
use desk::mailboxes::choice;
use desk::mailboxes::client::certificate::{self, NewCertificate, State};
use desk::mailboxes::client::{self, Authentication, EnteredClient, Flow};
use desk::mailboxes::grant::{self, NewTokens, Owner};
use desk::mailboxes::mailbox::{self, Side};
use desk::params;
use desk::site::event::Subject;
use desk::testing::TestDesk;
use secrecy::ExposeSecret as _;

const YEAR: i64 = 365 * 86_400_000;

fn certificate(letter: u8, not_after: i64) -> NewCertificate {
    NewCertificate { der: vec![letter; 40], private_key: format!("the key of {letter}").into(), not_after }
}
fn add(desk: &TestDesk, id: i64, new: &NewCertificate) -> desk::Result<i64> {
    let after = desk.db.read(|tx| certificate::newest(tx, id))?;
    add_after(desk, id, new, after)
}
fn add_after(desk: &TestDesk, client_id: i64, new: &NewCertificate, after: i64) -> desk::Result<i64> {
    let asked = certificate::For { client_id, mailbox_id: None, after };
    desk.db.write(|tx| certificate::add(tx, &desk.vault, &by(), asked, new, [7; 24]))
}
fn states(desk: &TestDesk, id: i64) -> Vec<(State, u8)> {
    let there = desk.db.read(|tx| certificate::list(tx, id)).unwrap();
    there.iter().map(|one| (one.state, one.der[0])).collect()
}
fn signs(desk: &TestDesk, id: i64) -> Option<String> {
    let found = desk.db.read(|tx| certificate::in_use_for_system(tx, &desk.vault, id)).unwrap();
    found.map(|(_, key)| key.expose_secret().to_owned())
}

/// A mailbox whose incoming side lives on a proved consent of that registration.
fn authorized(desk: &TestDesk, client_id: i64, address: &str, refresh: Option<&str>) -> (i64, i64) {
    let mailbox_id = mailbox(desk, address);
    let tokens = NewTokens {
        resource: "https://outlook.office.com".into(),
        access_token: "access".to_owned().into(),
        access_expires_at: NOW + 3_600_000,
        scopes: "IMAP".into(),
        refresh_token: refresh.map(|token| token.to_owned().into()),
        refresh_due_at: NOW + 1_800_000,
    };
    let owner = Owner { subject: "oid".into(), address: None };
    let grant_id = desk
        .db
        .write(|tx| {
            mailbox::set_client(tx, &by(), mailbox_id, Side::Incoming, client_id)?;
            let begun =
                grant::begin_unattended(tx, &by(), client_id, mailbox_id, Side::Incoming, 90_000, "me")?;
            let id = begun.grant_id;
            grant::store_tokens(tx, &desk.vault, &by(), id, &owner, &tokens, [[5; 24], [6; 24]])?;
            grant::fulfil(tx, &by(), id)?;
            Ok::<_, desk::Error>(id)
        })
        .unwrap();
    (mailbox_id, grant_id)
}

#[test]
fn a_new_secret_serves_every_mailbox_and_ends_no_consent() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let saved = change(&desk, id, &entered()).unwrap();
    let both = ["support@contoso.example", "billing@contoso.example"]
        .map(|address| authorized(&desk, id, address, Some("refresh")));
    let used = desk.db.read(|tx| client::uses(tx, id)).unwrap();
    let addresses: Vec<&str> = used.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(addresses, ["billing@contoso.example", "support@contoso.example"]);
    assert!(used.iter().all(|one| one.side == Side::Incoming));

    let expires = Some(NOW + YEAR);
    let new = EnteredClient {
        client_secret: Some("9Z~another.value".to_owned().into()),
        secret_expires_at: expires,
        ..shown(&saved)
    };
    assert_eq!(change(&desk, id, &new).unwrap().secret_expires_at, expires);
    for (mailbox_id, grant_id) in both {
        let grant = desk.db.read(|tx| grant::find(tx, grant_id)).unwrap().unwrap();
        assert!(grant.state == grant::State::Fulfilled && grant.has_refresh_token, "{grant:?}");
        let mailbox = desk.db.read(|tx| mailbox::get(tx, mailbox_id)).unwrap();
        assert_eq!(mailbox.incoming.grant_id, Some(grant_id));
    }
    let secret = desk.db.read(|tx| client::secret_for_system(tx, &desk.vault, id)).unwrap().unwrap();
    assert_eq!(secret.expose_secret(), "9Z~another.value");
}

#[test]
fn a_changed_registration_mends_a_refused_sign_in_and_no_missing_permission_to_send() {
    for (state, code, is_mended) in [
        ("needs_person", "550", false),
        ("needs_person", "553", false),
        ("needs_person", "rejected", false),
        ("needs_person", "535", true),
        ("needs_person", "AADSTS7000215", true),
        ("needs_person", "unauthorized", true),
        ("waiting", "550", true),
    ] {
        let desk = TestDesk::new();
        let id = create(&desk);
        let saved = change(&desk, id, &entered()).unwrap();
        let (mailbox_id, _) = authorized(&desk, id, "support@contoso.example", Some("refresh"));
        desk.db
            .write(|tx| {
                let sql = "UPDATE mailbox SET out_authentication = 'same', out_state = $2, out_reason_code = $3 WHERE id = $1";
                Ok::<_, desk::Error>(tx.execute(sql, params![mailbox_id, state, code])?)
            })
            .unwrap();
        let secret = Some("9Z~another.value".to_owned().into());
        change(&desk, id, &EnteredClient { client_secret: secret, ..shown(&saved) }).unwrap();
        let health = desk.db.read(|tx| mailbox::get(tx, mailbox_id)).unwrap().outgoing_health;
        assert_eq!(health.state == mailbox::State::New, is_mended, "{state} {code}: {health:?}");
    }
}

#[test]
fn what_needs_nobody_is_tried_by_one_at_a_time_for_a_day() {
    let desk = TestDesk::new();
    let client_id = create(&desk);
    change(&desk, client_id, &entered()).unwrap();
    let mailbox_id = mailbox(&desk, "support@contoso.example");
    desk.db.write(|tx| mailbox::set_client(tx, &by(), mailbox_id, Side::Incoming, client_id)).unwrap();
    let begin = || {
        let (side, lease) = (Side::Incoming, 90_000);
        desk.db
            .write(|tx| grant::begin_unattended(tx, &by(), client_id, mailbox_id, side, lease, "one"))
            .unwrap()
    };
    let claim = |at: i64| desk.db.write(|tx| grant::claim_unattended(tx, at, 90_000, "two")).unwrap();
    let waits = |tried: &grant::UnattendedTry, at: i64| {
        let why = ("refresh_retry", "It is busy.", "Nothing to do.");
        desk.db.write(|tx| grant::unattended_waits(tx, &By::system(NOW), tried, why, at)).unwrap()
    };
    let next = || desk.db.read(|tx| grant::tried_again(tx, mailbox_id, Side::Incoming)).unwrap();
    let first = begin();
    assert!(claim(NOW + 60_000).is_none(), "whoever began it is at it");
    assert!(next().is_none(), "there is nothing to tell yet");
    assert!(waits(&first, NOW + 60_000));
    let (told, at) = next().unwrap();
    assert_eq!((told.id, told.reason.as_str(), at), (first.grant_id, "It is busy.", NOW + 60_000));
    assert!(claim(NOW + 59_999).is_none());
    let again = claim(NOW + 60_000).unwrap();
    assert!(again.grant_id == first.grant_id && !again.has_tokens);
    assert!(claim(NOW + 60_000).is_none(), "one at a time");
    assert!(!waits(&first, NOW), "a late answer is dropped");
    // Its process ended: somebody else takes it up.
    let taken_up = claim(NOW + 150_000).unwrap();
    assert!(!waits(&again, NOW) && waits(&taken_up, NOW + 300_000));
    // A person presses Submit again.
    let second = begin();
    assert_eq!(
        desk.db.read(|tx| grant::find(tx, first.grant_id)).unwrap().unwrap().state,
        grant::State::Failed
    );
    assert!(waits(&second, NOW + 60_000));
    assert!(!second.is_over(NOW + grant::TRYING_MS - 1) && second.is_over(NOW + grant::TRYING_MS));
    desk.db.write(|tx| grant::unattended_over(tx, &By::system(NOW), &second)).unwrap();
    let ended = desk.db.read(|tx| grant::find(tx, second.grant_id)).unwrap().unwrap();
    assert!(
        ended.state == grant::State::Failed && ended.reason.contains("for a day. It is busy."),
        "{ended:?}"
    );
    assert!(next().is_none());
}

#[test]
fn one_certificate_follows_another_and_the_way_back_is_open() {
    let desk = TestDesk::new();
    let id = create(&desk);
    add(&desk, id, &certificate(1, NOW + YEAR)).unwrap();
    assert_eq!(states(&desk, id), [(State::InUse, 1)]);
    assert_eq!(signs(&desk, id).as_deref(), Some("the key of 1"));
    let used = |desk: &TestDesk| {
        desk.db.write(|tx| {
            let next = certificate::waiting(tx, id)?.unwrap();
            certificate::put_in_use(tx, &by(), id, next.id)
        })
    };
    let waits = desk.db.read(|tx| certificate::waiting(tx, id)).unwrap();
    assert!(waits.is_none(), "there is nothing to use yet");

    add(&desk, id, &certificate(2, NOW + 2 * YEAR)).unwrap();
    assert_eq!(states(&desk, id), [(State::InUse, 1), (State::Waiting, 2)]);
    assert!(refused(add(&desk, id, &certificate(3, NOW + YEAR))).to_string().contains("second certificate"));
    for (letter, other) in [(2, 1), (1, 2), (2, 1)] {
        used(&desk).unwrap();
        assert_eq!(states(&desk, id), [(State::InUse, letter), (State::Waiting, other)]);
        assert_eq!(signs(&desk, id), Some(format!("the key of {letter}")));
    }
    desk.db
        .write(|tx| {
            let old = certificate::waiting(tx, id)?.unwrap();
            certificate::retire_waiting(tx, &by(), id, old.id)
        })
        .unwrap();
    assert_eq!(states(&desk, id), [(State::InUse, 2)]);
    let (left,): (i64,) = desk
        .db
        .read(|tx| tx.one("SELECT count(*) FROM client_certificate WHERE private_key IS NOT NULL", params![]))
        .unwrap();
    assert_eq!(left, 1, "the key of what is retired is destroyed");

    add(&desk, id, &certificate(4, NOW)).unwrap();
    assert!(refused(used(&desk)).to_string().contains("has ended"));
    assert_eq!(signs(&desk, id).as_deref(), Some("the key of 2"));
    desk.db.write(|tx| choice::choose(tx, &desk.providers, &by(), id, "google")).unwrap();
    assert!(states(&desk, id).is_empty(), "another provider: nothing of the old one's signs there");
    let kinds = kinds(&desk, Subject::Client(id));
    for (kind, times) in [("certificate_made", 3), ("certificate_used", 3), ("certificate_retired", 3)] {
        assert_eq!(kinds.iter().filter(|one| *one == kind).count(), times, "{kind}: {kinds:?}");
    }
}

#[test]
fn each_flow_needs_its_own_and_says_what() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let with = |flow, authentication| EnteredClient { flow, authentication, ..entered() };
    let certified = with(Flow::Code, Authentication::Certificate);
    assert!(refused(change(&desk, id, &certified)).to_string().contains("There is no certificate yet"));
    for tenant in ["common", "consumers"] {
        let asked = EnteredClient { tenant: tenant.into(), ..with(Flow::AppOnly, Authentication::Secret) };
        let said = refused(change(&desk, id, &asked)).to_string();
        assert!(said.contains(&format!("gets no token at {tenant}")), "{said}");
    }
    let account = with(Flow::ServiceAccount, Authentication::Secret);
    assert!(refused(change(&desk, id, &account)).to_string().contains("not known to have service accounts"));
    let no_secret = EnteredClient { client_secret: None, ..with(Flow::AppOnly, Authentication::Secret) };
    assert_eq!(refused(change(&desk, id, &no_secret)).to_string(), "Client Secret is needed.");

    add(&desk, id, &certificate(1, NOW + YEAR)).unwrap();
    let certified = EnteredClient { client_secret: None, ..with(Flow::AppOnly, Authentication::Certificate) };
    let saved = change(&desk, id, &certified).unwrap();
    assert!(!saved.has_secret && saved.has_certificate && saved.flow == Flow::AppOnly, "{saved:?}");
    let personal = desk.db.write(|tx| choice::choose(tx, &desk.providers, &by(), id, "microsoft-personal"));
    assert_eq!(personal.unwrap().flow, Flow::Code, "what a person of the other provider has to choose anew");
    let asked = EnteredClient { tenant: String::new(), ..with(Flow::AppOnly, Authentication::Secret) };
    assert!(refused(change(&desk, id, &asked)).to_string().contains("no access without a person"));
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIprivate\n-----END PRIVATE KEY-----\n";

fn key_file(edit: impl Fn(&mut serde_json::Value)) -> String {
    let mut file = serde_json::json!({
        "type": "service_account", "client_email": "postern@project.iam.example", "client_id": "1075",
        "private_key_id": "kid-1", "private_key": KEY, "token_uri": "https://elsewhere.example/token",
    });
    edit(&mut file);
    file.to_string()
}

#[test]
fn a_key_file_is_taken_apart_and_its_key_sealed() {
    let desk = TestDesk::new();
    let id = desk.db.write(|tx| client::create(tx, &desk.providers, &by(), "google", "unguessable")).unwrap();
    let scopes = desk.providers.find("google").unwrap().scopes();
    let asked = |file: Option<String>| EnteredClient {
        name: "Mail".into(),
        active: true,
        flow: Flow::ServiceAccount,
        account_file: file.map(Into::into),
        scopes: scopes.clone(),
        ..EnteredClient::default()
    };
    assert!(refused(change(&desk, id, &asked(None))).to_string().contains("is needed"));
    for wrong in [
        "no json".to_owned(),
        key_file(|file| file["type"] = "authorized_user".into()),
        key_file(|file| file["private_key"] = "8Q~secret".into()),
        key_file(|file| file["client_email"] = "two words".into()),
        key_file(|file| drop(file.as_object_mut().unwrap().remove("private_key_id"))),
    ] {
        let said = refused(change(&desk, id, &asked(Some(wrong.clone())))).to_string();
        assert!(said.contains("no key file of a service account") && !said.contains("8Q~"), "{said}");
    }
    let saved = change(&desk, id, &asked(Some(key_file(|_| {})))).unwrap();
    assert_eq!(
        (saved.account_address.as_str(), saved.account_key_id.as_str(), saved.client_id.as_str()),
        ("postern@project.iam.example", "kid-1", "1075")
    );
    assert_eq!(
        saved.token_endpoint, "https://oauth2.googleapis.com/token",
        "the file does not lead elsewhere"
    );
    let key = desk.db.read(|tx| client::account_key_for_system(tx, &desk.vault, id)).unwrap().unwrap();
    assert_eq!(key.expose_secret(), KEY);
    let told =
        format!("{:?}", desk.db.read(|tx| desk::site::event::list(tx, Subject::Client(id), 9)).unwrap());
    assert!(
        told.contains("account_key") && !told.contains("MIIprivate") && !format!("{saved:?}").contains("MII")
    );
    let before = kinds(&desk, Subject::Client(id)).len();
    change(&desk, id, &EnteredClient { account_file: Some(key_file(|_| {}).into()), ..shown(&saved) })
        .unwrap();
    assert_eq!(kinds(&desk, Subject::Client(id)).len(), before, "the same again is no change");
}

#[test]
fn of_two_certificates_made_at_once_one_is_in_use_and_the_other_is_none() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let (desk, together) = (&desk, std::sync::Barrier::new(2));
    let done = std::thread::scope(|scope| {
        let make = |letter: u8| {
            let (new, together) = (certificate(letter, NOW + YEAR), &together);
            scope.spawn(move || {
                together.wait();
                add_after(desk, id, &new, 0)
            })
        };
        [make(1), make(2)].map(|making| making.join().unwrap())
    });
    let (made, lost): (Vec<_>, Vec<_>) = done.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), lost.len()), (1, 1));
    for lost in lost {
        let said = refused(lost).to_string();
        assert!(said.contains("Another certificate was made meanwhile"), "{said}");
    }
    assert_eq!(states(desk, id).len(), 1);
    // The database says no itself.
    let twice = desk.db.write(|tx| {
        tx.execute(
            "INSERT INTO client_certificate (client_id, state, der, thumbprint, not_after, created_at)
             VALUES ($1, 'in_use', $2, 'ab', 1, 1)",
            params![id, vec![1_u8]],
        )?;
        Ok::<_, desk::Error>(())
    });
    assert!(twice.is_err());
}

#[test]
fn asked_again_after_a_whole_roll_over_no_further_certificate_is_made() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let first = add(&desk, id, &certificate(1, NOW + YEAR)).unwrap();
    let next = add_after(&desk, id, &certificate(2, NOW + YEAR), first).unwrap();
    desk.db
        .write(|tx| {
            certificate::put_in_use(tx, &by(), id, next)?;
            certificate::retire_waiting(tx, &by(), id, first)
        })
        .unwrap();
    refused(add_after(&desk, id, &certificate(3, NOW + YEAR), first));
    assert_eq!(states(&desk, id), [(State::InUse, 2)]);
}

#[test]
fn a_key_file_that_comes_with_another_flow_changes_nothing() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let saved = change(&desk, id, &entered()).unwrap();
    let file = Some(key_file(|_| {}).into());
    let after = change(&desk, id, &EnteredClient { account_file: file, ..shown(&saved) }).unwrap();
    assert_eq!((after.client_id, after.account_address.as_str()), (saved.client_id, ""));
    let key = desk.db.read(|tx| client::account_key_for_system(tx, &desk.vault, id)).unwrap();
    assert!(key.is_none());
}

#[test]
fn a_token_that_needs_nobody_goes_to_the_servers_of_its_provider() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let person = change(&desk, id, &entered()).unwrap();
    let check = |client: &client::Client, host: &str| {
        desk.db.read(|tx| client::hosts::check(tx, &desk.providers, client, host))
    };
    check(&person, "imap.evil.example").unwrap(); // a person's consent is bound to its mailbox
    let nobody = change(&desk, id, &EnteredClient { flow: Flow::AppOnly, ..shown(&person) }).unwrap();
    for own in ["outlook.office365.com", "smtp.office365.com", "Outlook.Office365.com", "graph.microsoft.com"]
    {
        check(&nobody, own).unwrap();
    }
    let said = refused(check(&nobody, "imap.evil.example")).to_string();
    assert!(
        said.contains("goes to outlook.office365.com or smtp.office365.com or graph.microsoft.com alone"),
        "{said}"
    );

    // Where the endpoint was typed, what is known of the provider says nothing.
    let typed = EnteredClient {
        client_secret: entered().client_secret,
        tenant: String::new(),
        authorization_endpoint: "https://id.contoso.example/authorize".into(),
        token_endpoint: "https://id.contoso.example/token".into(),
        ..shown(&nobody)
    };
    let other =
        desk.db.write(|tx| client::create(tx, &desk.providers, &by(), client::OTHER, "another")).unwrap();
    let mailbox_id = mailbox(&desk, "support@contoso.example");
    let at = |host: &str| {
        let remote = super::mailboxes::remote(host, None);
        let draft = mailbox::Completeness::Draft;
        desk.db
            .write(|tx| mailbox::change_remote(tx, &desk.vault, &by(), mailbox_id, &remote, draft, [1; 24]))
            .unwrap();
    };
    at("imap.contoso.example");
    let of_typed = change(&desk, other, &typed).unwrap();
    let said = refused(check(&of_typed, "imap.contoso.example")).to_string();
    assert!(said.contains("no mail server yet") && said.contains("Enter it again"), "{said}");
    change(&desk, other, &EnteredClient { entered_for: Some(mailbox_id), ..typed.clone() }).unwrap();
    check(&of_typed, "imap.contoso.example").unwrap();
    at("imap.evil.example");
    // Without the secret nothing is added, and another secret is not for the servers of the one before.
    let silent = EnteredClient { client_secret: None, entered_for: Some(mailbox_id), ..typed.clone() };
    change(&desk, other, &silent).unwrap();
    refused(check(&of_typed, "imap.evil.example"));
    let another = Some("another one".to_owned().into());
    change(&desk, other, &EnteredClient { client_secret: another, ..silent }).unwrap();
    check(&of_typed, "imap.evil.example").unwrap();
    refused(check(&of_typed, "imap.contoso.example"));
}

#[test]
fn who_needs_nobody_is_asked_for_anew_and_a_person_s_consent_never_without_its_refresh_token() {
    let desk = TestDesk::new();
    let id = create(&desk);
    let saved = change(&desk, id, &entered()).unwrap();
    let (_, grant_id) = authorized(&desk, id, "support@contoso.example", None);
    let at = NOW + 1_800_000;
    let due = |desk: &TestDesk| desk.db.read(|tx| grant::refresh_due(tx, at + 8 * 86_400_000, 9)).unwrap();
    let claim = |desk: &TestDesk, at: i64| {
        desk.db.write(|tx| grant::claim_refresh(tx, &desk.vault, grant_id, at, 1000, "test")).unwrap()
    };
    assert!(due(&desk).is_empty() && claim(&desk, at).is_none(), "it has nothing to be refreshed with");
    change(&desk, id, &EnteredClient { flow: Flow::AppOnly, ..shown(&saved) }).unwrap();
    assert_eq!(due(&desk), [grant_id]);
    let lease = claim(&desk, at).unwrap();
    assert!(lease.refresh_token.is_none() && claim(&desk, at).is_none(), "one at a time");
    desk.db.write(|tx| grant::delete_tokens(tx, &By::system(at), grant_id)).unwrap();
    assert!(claim(&desk, at + 10_000).is_none(), "deleted stays deleted");
}

#[test]
fn another_flow_is_saved_before_what_it_needs_is_there() {
    let desk = TestDesk::new();
    let id = desk.db.write(|tx| client::create(tx, &desk.providers, &by(), "google", "unguessable")).unwrap();
    let by_person = EnteredClient {
        name: "Mail".into(),
        active: true,
        client_id: "an-id".into(),
        client_secret: Some("a-secret".to_owned().into()),
        scopes: desk.providers.find("google").unwrap().scopes(),
        ..EnteredClient::default()
    };
    let saved = change(&desk, id, &by_person).unwrap();
    let other = EnteredClient { flow: Flow::ServiceAccount, ..shown(&saved) };
    let draft = |asked: &EnteredClient| {
        let with = client::Change {
            vault: &desk.vault,
            providers: &desk.providers,
            by: &by(),
            scheme: client::Scheme::HttpsOnly,
            completeness: mailbox::Completeness::Draft,
            nonces: [[5; 24], [6; 24]],
        };
        desk.db.write(|tx| client::change(tx, &with, id, asked))
    };
    assert_eq!(draft(&other).unwrap().flow, Flow::ServiceAccount, "the steps say how to come by its key");
    assert!(refused(change(&desk, id, &other)).to_string().contains("is needed"), "and Submit needs it");
    // What was complete stays so.
    let saved = change(&desk, id, &EnteredClient { flow: Flow::Code, ..shown(&saved) }).unwrap();
    let without = EnteredClient { client_id: String::new(), ..shown(&saved) };
    assert!(refused(draft(&without)).to_string().contains("Client ID is needed"));
}
