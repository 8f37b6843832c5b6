//! Postern's own clients get along with the practice provider, with its CA and its plain http as a demo has them.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use wire::imap::{Fetched, Idle, Removal};
use wire::letter::Room;
use wire::net::{Net, Policy};
use wire::oauth::{
    ClientAuthentication, Expected, Polled, TokenRequest, device_code, exchange_code, identify, poll_device,
    refresh,
};
use wire::smtp::{Envelope, Fate};
use wire::{Credential, Kind, Security, Server};

use super::sign_in::{VERIFIER, authorize, sign_in};
use super::{ANN, CALLBACK, NOON, SUPPORT, start};
use crate::{Fault, Practice, Times};

fn net(practice: &Practice) -> Net {
    let extra_ca_pem = Some(practice.ca_pem.clone().into_bytes());
    Net::new(Policy { extra_ca_pem, practice: true, ..Policy::default() }).unwrap()
}

fn server(port: u16, security: Security) -> Server {
    Server { host: "localhost".to_owned(), port, security }
}

fn bearer(practice: &Practice) -> Credential {
    Credential::Bearer {
        user: SUPPORT.to_owned(),
        token: practice.access_token("client", SUPPORT).into(),
        taken: wire::sasl::Taken::Announced,
    }
}

#[tokio::test]
async fn a_grant_is_made_identified_and_refreshed() {
    let (practice, _) = start().await;
    let net = net(&practice);
    let app = practice.register("Postern", CALLBACK);
    let endpoint = Url::parse(&practice.token_endpoint()).unwrap();
    let secret = SecretString::from(app.client_secret.clone());
    let request = TokenRequest {
        endpoint: &endpoint,
        client_id: &app.client_id,
        authentication: ClientAuthentication::Secret(&secret),
        scope: None,
        extra: &[],
    };
    let page = authorize(&practice, &app.tenant_id, &app.client_id, &[]).await;
    let code = sign_in(&practice, &page, SUPPORT).await.sent_back("code").unwrap();
    let tokens = exchange_code(&net, &request, &code.into(), CALLBACK, &VERIFIER.into()).await.unwrap();
    let expected = Expected { client_id: &app.client_id, nonce: Some("no-1"), issuer: None, now_at: NOON };
    let identity = identify(&net, &endpoint, None, &tokens.id_token.unwrap(), expected).await.unwrap();
    assert_eq!(identity.claims.get("preferred_username").map(String::as_str), Some(SUPPORT));
    let old = tokens.refresh_token.unwrap();
    let fresh = refresh(&net, &request, &old).await.unwrap();
    assert_ne!(fresh.refresh_token.unwrap().expose_secret(), old.expose_secret());

    practice.faults.arm(Fault::GrantRevoked, Times::Exactly(1));
    let error = refresh(&net, &request, &old).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized);
    practice.faults.arm(Fault::TokenDrops, Times::Exactly(1));
    let error = refresh(&net, &request, &old).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Transient { retry_after_ms: None });
    practice.faults.arm(Fault::TokenThrottled, Times::Exactly(1));
    let error = refresh(&net, &request, &old).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Transient { retry_after_ms: Some(7000) });
    assert!(refresh(&net, &request, &old).await.is_ok());
}

#[tokio::test]
async fn a_code_for_another_device_is_polled_until_somebody_has_entered_it() {
    let (practice, clock) = start().await;
    let net = net(&practice);
    let app = practice.register("Postern", CALLBACK);
    let codes = format!("{}/{}/oauth2/v2.0/devicecode", practice.http_url, app.tenant_id);
    let (codes, endpoint) = (Url::parse(&codes).unwrap(), Url::parse(&practice.token_endpoint()).unwrap());
    let secret = SecretString::from(app.client_secret.clone());
    let request = TokenRequest {
        endpoint: &codes,
        client_id: &app.client_id,
        authentication: ClientAuthentication::Secret(&secret),
        scope: Some("openid offline_access https://outlook.office.com/IMAP.AccessAsUser.All"),
        extra: &[],
    };
    let given = device_code(&net, &request).await.unwrap();
    assert_eq!((given.expires_in_s, given.interval_s), (900, 5));
    let unknown =
        device_code(&net, &TokenRequest { client_id: "nobody", ..request.clone() }).await.unwrap_err();
    assert_eq!(unknown.kind(), Kind::Rejected, "{unknown}");

    let request = TokenRequest { endpoint: &endpoint, scope: None, ..request };
    let poll = async || poll_device(&net, &request, &given.device_code).await;
    assert!(matches!(poll().await, Ok(Polled::Pending)));
    assert!(matches!(poll().await, Ok(Polled::SlowDown { .. })));
    clock.fetch_add(10_000, std::sync::atomic::Ordering::SeqCst);
    super::device::approve(&practice, &serde_json::json!({ "user_code": given.user_code })).await;
    let Ok(Polled::Given(set)) = poll().await else { panic!("somebody has entered it") };
    assert!(set.refresh_token.is_some() && set.id_token.is_some());
    let error = poll().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.oauth().unwrap().codes.as_slice()),
        (Kind::Unauthorized, [54005].as_slice())
    );
    let told = format!("{error} {error:?}");
    assert!(
        !told.contains(given.device_code.expose_secret()) && !told.contains(secret.expose_secret()),
        "{told}"
    );
    practice.faults.arm(Fault::DeviceThrottled, Times::Exactly(1));
    let error = device_code(&net, &TokenRequest { endpoint: &codes, ..request.clone() }).await.unwrap_err();
    assert!(matches!(error.kind(), Kind::Transient { .. }), "{error}");
}

#[tokio::test]
async fn a_mailbox_is_read_waited_for_and_settled() {
    let (practice, _) = start().await;
    let net = net(&practice);
    let mut session =
        wire::imap::connect(&net, &server(practice.imap_addr.port(), Security::Tls)).await.unwrap();
    session.login(&bearer(&practice)).await.unwrap();
    assert!(
        session.has("MOVE") && session.list().await.unwrap().iter().any(|folder| folder.name == "Sent Items")
    );
    let selected = session.select("INBOX").await.unwrap();
    assert_eq!((selected.exists, selected.uid_next), (9, Some(10)));
    assert_eq!(session.uids_since(7).await.unwrap(), [8, 9]);
    assert!(session.uids_since(9).await.unwrap().is_empty());
    let letters = practice.letters(SUPPORT);
    let mut batch = session.fetch(&[1, 2, 99], &Room::in_memory(1 << 20)).await.unwrap();
    for uid in [1, 2] {
        let Some(Fetched::Message { uid: fetched, internal_date_at, letter: came }) =
            batch.next().await.unwrap()
        else {
            panic!("no message {uid}");
        };
        let letter = letters.iter().find(|letter| letter.uid == uid && letter.folder == "INBOX").unwrap();
        let (came, raw) = (came.bytes(), Some(letter.raw.as_slice()));
        assert_eq!((fetched, came, internal_date_at), (uid, raw, Some(letter.received_at)));
    }
    assert!(matches!(batch.next().await.unwrap(), Some(Fetched::Missing { uid: 99 })));
    assert!(batch.next().await.unwrap().is_none());

    practice.deliver(SUPPORT, b"Subject: News\r\n\r\n");
    assert_eq!(session.idle(Duration::from_secs(20)).await.unwrap(), Idle::News);
    assert_eq!(session.uids_since(9).await.unwrap(), [10]);
    session.create("Done").await.unwrap();
    session.mark_seen(&[10]).await.unwrap();
    assert_eq!(session.move_to(&[1, 10], "Done").await.unwrap(), Removal::Done);
    assert_eq!(session.delete(&[2]).await.unwrap(), Removal::Done);
    let folders: Vec<String> = practice.letters(SUPPORT).into_iter().map(|letter| letter.folder).collect();
    assert_eq!(
        (
            folders.iter().filter(|name| *name == "INBOX").count(),
            folders.iter().filter(|name| *name == "Done").count()
        ),
        (7, 2)
    );
    session.logout().await.unwrap();
}

#[tokio::test]
async fn a_reply_is_sent_and_a_lost_answer_is_known_as_one() {
    let (practice, _) = start().await;
    let net = net(&practice);
    let server = server(practice.smtp_addr.port(), Security::StartTls);
    let mut session = wire::smtp::connect(&net, &server).await.unwrap();
    session.login(&bearer(&practice)).await.unwrap();
    let envelope = Envelope {
        from: SUPPORT.to_owned(),
        recipients: vec![ANN.to_owned(), "nobody@nordwind.example".to_owned()],
    };
    let letter = b"From: support@contoso.example\r\nSubject: Re: Printer\r\n\r\n.Dots stay.\r\n";
    let sent = session.send(&envelope, letter).await.unwrap();
    assert!(matches!(sent.fates[0].1, Fate::Accepted { .. }), "{sent:?}");
    assert!(matches!(sent.fates[1].1, Fate::Refused { code: 550, .. }), "{sent:?}");
    assert!(practice.letters(ANN)[0].raw.ends_with(letter));

    practice.faults.arm(Fault::SmtpDropAfterDot, Times::Exactly(1));
    let error =
        session.send(&Envelope { recipients: vec![ANN.to_owned()], ..envelope }, letter).await.unwrap_err();
    assert!(error.may_have_been_sent());
}

#[tokio::test]
async fn faults_are_told_apart_by_what_must_be_done() {
    let (practice, _) = start().await;
    let net = net(&practice);
    let imap = server(practice.imap_addr.port(), Security::Tls);
    let opened = async |fault| {
        practice.faults.arm(fault, Times::Exactly(1));
        let mut session = wire::imap::connect(&net, &imap).await?;
        session.login(&bearer(&practice)).await?;
        session.select("INBOX").await
    };
    for (fault, kind) in [
        (Fault::ImapAuthenticateNo, Kind::Unauthorized),
        (Fault::ImapAuthenticateJson, Kind::Unauthorized),
        (Fault::ImapUnavailable, Kind::Transient { retry_after_ms: None }),
        (Fault::ImapThrottled, Kind::Transient { retry_after_ms: Some(299_961) }),
    ] {
        assert_eq!(opened(fault).await.unwrap_err().kind(), kind, "{fault:?}");
    }
    let error = opened(Fault::ImapNotConnected).await.unwrap_err();
    assert!(error.to_string().contains("User is authenticated but not connected"), "{error}");
    let smtp = server(practice.smtp_addr.port(), Security::StartTls);
    practice.faults.arm(Fault::SmtpAuthDisabled, Times::Exactly(1));
    let mut session = wire::smtp::connect(&net, &smtp).await.unwrap();
    assert_eq!(session.login(&bearer(&practice)).await.unwrap_err().smtp_code(), Some(535));
}

#[tokio::test]
async fn letters_are_read_by_pop3_and_deleted() {
    let (practice, _) = start().await;
    let (net, server) = (net(&practice), server(practice.pop_addr.port(), Security::Tls));
    let open = async || {
        let mut session = wire::pop3::connect(&net, &server).await?;
        session.login(&bearer(&practice)).await?;
        session.totals().await.map(|totals| (session, totals))
    };
    let (mut session, totals) = open().await.unwrap();
    assert_eq!(totals.messages, 9);
    let listed = session.list().await.unwrap();
    let mut letters = session.retrieve(&[1], &Room::in_memory(1 << 20)).await.unwrap();
    let wire::pop3::Retrieved::Message { letter: came, .. } = letters.next().await.unwrap().unwrap() else {
        panic!("the first letter is there")
    };
    let first = practice.letters(SUPPORT).into_iter().find(|letter| letter.uid == 1).unwrap().raw;
    assert_eq!(came.bytes(), Some(first.as_slice()));
    assert!(letters.next().await.unwrap().is_none());
    session.delete(listed[0].number).await.unwrap();
    session.quit().await.unwrap();
    assert_eq!(practice.letters(SUPPORT).len(), 8);
    for (fault, kind) in [
        (Fault::PopAuthFails, Kind::Unauthorized),
        (Fault::PopAuthJson, Kind::Unauthorized),
        (Fault::PopUnavailable, Kind::Transient { retry_after_ms: None }),
        (Fault::PopInUse, Kind::Transient { retry_after_ms: None }),
        (Fault::PopSystemTemporary, Kind::Transient { retry_after_ms: None }),
        (Fault::PopThrottled, Kind::Transient { retry_after_ms: Some(299_961) }),
    ] {
        practice.faults.arm(fault, Times::Exactly(1));
        assert_eq!(open().await.unwrap_err().kind(), kind, "{fault:?}");
    }
    practice.faults.arm(Fault::PopNotConnected, Times::Exactly(1));
    let error = open().await.unwrap_err();
    assert!(error.to_string().contains("User is authenticated but not connected"), "{error}");
}

#[tokio::test]
async fn letters_are_read_moved_and_sent_by_graph() {
    use wire::graph::{Gate, Next, Raw, Session, Start};
    let (practice, _) = start().await;
    let port = practice.http_url.rsplit_once(':').unwrap().1.parse().unwrap();
    let session = || {
        let token = practice.graph_token("client", SUPPORT).into();
        let server = server(port, Security::Plain);
        Session::new(&net(&practice), &server, SUPPORT, token, &Gate::default()).unwrap()
    };
    let graph = session();
    let inbox = graph.folder("INBOX").await.unwrap().unwrap();
    assert_eq!(inbox.total, 9);
    let first = graph.page(Start::Folder(&inbox.id)).await.unwrap().unwrap();
    let Next::Later(later) = first.next else { panic!("nine fit on a page") };
    let id = first.listed[0].id.as_str();
    let raw = graph.raw(id, &Room::in_memory(1 << 20)).await.unwrap();
    let Raw::Message(came) = raw else { panic!("it is there") };
    assert!(practice.letters(SUPPORT).iter().any(|letter| Some(letter.raw.as_slice()) == came.bytes()));
    assert!(graph.mark_read(id).await.unwrap());
    let done = graph.folder_or_new("INBOX/Done").await.unwrap();
    assert!(graph.move_to(id, &done.id).await.unwrap());
    assert_eq!(graph.place(id).await.unwrap(), Some(done.id));
    practice.deliver(SUPPORT, &super::graph::letter("new"));
    let page = graph.page(Start::Link(&later)).await.unwrap().unwrap();
    assert_eq!((page.listed.len(), page.removed.as_slice()), (1, [id.to_owned()].as_slice()));
    assert!(graph.delete(id).await.unwrap());
    practice.faults.arm(Fault::GraphSyncLost, Times::Exactly(1));
    assert_eq!(graph.page(Start::Link(&later)).await.unwrap(), None);
    practice.faults.arm(Fault::GraphForeignNext, Times::Exactly(1));
    assert_eq!(graph.page(Start::Folder(&inbox.id)).await.unwrap_err().kind(), Kind::Broken);

    graph.probe_send().await.unwrap();
    let envelope = Envelope { from: SUPPORT.to_owned(), recipients: vec![ANN.to_owned()] };
    let letter =
        b"From: support@contoso.example\r\nTo: ann.porter@nordwind.example\r\nSubject: Re\r\n\r\nMended.\r\n";
    let sent = graph.send(&envelope, letter).await.unwrap();
    assert!(matches!(sent.fates[0].1, Fate::Accepted { .. }), "{sent:?}");
    assert!(practice.letters(ANN)[0].raw.ends_with(b"\r\n\r\nMended.\r\n"));
    practice.faults.arm(Fault::GraphDropAfterSend, Times::Exactly(1));
    assert!(graph.send(&envelope, letter).await.unwrap_err().may_have_been_sent());
    for (fault, kind) in [
        (Fault::GraphThrottled, Kind::Transient { retry_after_ms: Some(7_000) }),
        (Fault::GraphUnavailable, Kind::Transient { retry_after_ms: None }),
        (Fault::GraphTokenRefused, Kind::Unauthorized),
    ] {
        practice.faults.arm(fault, Times::Exactly(1));
        assert_eq!(session().folder("INBOX").await.unwrap_err().kind(), kind, "{fault:?}");
    }
}
