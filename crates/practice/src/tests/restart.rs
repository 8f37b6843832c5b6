//! What a client remembers is true after a restart.

use std::os::unix::fs::PermissionsExt as _;

use super::client::{imap_as, post};
use super::token::refresh;
use super::{ANN, CALLBACK, SUPPORT};
use crate::{Options, start};

#[tokio::test]
async fn apps_secrets_consents_refresh_tokens_mailboxes_and_the_ca_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let state_dir = dir.path().join("practice");
    let options = || Options { state_dir: Some(state_dir.clone()), ..Options::loopback([5; 32]) };
    let before = start(options()).await.unwrap();
    let app = before.register("Postern", CALLBACK);
    let token = before.grant(&app.client_id, SUPPORT);
    let rotated =
        refresh(&before, &app, &token, &[]).await.json()["refresh_token"].as_str().unwrap().to_owned();
    let access = before.access_token(&app.client_id, SUPPORT);
    post(
        &format!("{}/mail/send", before.http_url),
        &[("from", ANN), ("to", SUPPORT), ("subject", "One more"), ("text", "Hello")],
    )
    .await;
    let mut talk = imap_as(&before, SUPPORT).await;
    let selected = talk.ask("SELECT INBOX").await;
    assert!(selected.contains("* 10 EXISTS"));
    talk.ask("UID STORE 3 +FLAGS (\\Seen)").await;
    let letters = before.letters(SUPPORT);
    let ca_pem = before.ca_pem.clone();
    before.shutdown().await;
    assert!(talk.rest().await.is_empty());

    let after = start(options()).await.unwrap();
    assert_eq!(after.ca_pem, ca_pem);
    assert_eq!(after.letters(SUPPORT), letters);
    assert_eq!(after.tenant_id(), app.tenant_id);
    assert_eq!(refresh(&after, &app, &rotated, &[]).await.status, 200);
    assert!(after.world.tokens.open_access(&access, after.world.clock.now_at()).is_some());
    // The kept CA still signs: this connection checks the new server certificate with it.
    let again = imap_as(&after, SUPPORT).await.ask("SELECT INBOX").await;
    let validity = |text: &str| {
        text.split("[UIDVALIDITY ").nth(1).and_then(|rest| rest.split(']').next().map(str::to_owned)).unwrap()
    };
    assert_eq!(validity(&again), validity(&selected));
    assert!(again.contains("[UIDNEXT 11]"));

    for entry in std::fs::read_dir(&state_dir).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        let text = std::fs::read_to_string(entry.path()).unwrap();
        assert!(
            !text.contains(&app.client_secret) && !text.contains(&rotated),
            "{:?} holds a secret in the clear",
            entry.path()
        );
    }
    after.shutdown().await;
    let foreign = Options { seed: [6; 32], ..options() };
    assert!(start(foreign).await.unwrap_err().to_string().contains("another seed"));
}

#[tokio::test]
async fn an_address_that_is_not_loopback_is_refused() {
    for change in [
        |options: &mut Options, any| options.listen_http = any,
        |options: &mut Options, any| options.listen_imap = any,
        |options: &mut Options, any| options.listen_smtp = any,
    ] {
        let mut options = Options::loopback([5; 32]);
        change(&mut options, "0.0.0.0:0".parse().unwrap());
        assert!(start(options).await.unwrap_err().to_string().contains("loopback only"));
    }
}

#[tokio::test]
async fn a_port_in_use_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = Options { listen_imap: taken.local_addr().unwrap(), ..Options::loopback([5; 32]) };
    let error = start(options).await.unwrap_err().to_string();
    assert!(error.contains("IMAP") && error.contains("another program may use the port"), "{error}");
}
