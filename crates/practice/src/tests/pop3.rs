//! The POP3 server: getting in, and letters that go only with a good QUIT.

use super::app_only::token;
use super::client::{Talk, pop, pop_as, xoauth2};
use super::graph::BILLING;
use super::{CALLBACK, SUPPORT, start};
use crate::{MailSecurity, Options};

#[tokio::test]
async fn a_token_opens_the_mailbox_in_two_lines() {
    let (practice, _) = start().await;
    let mut talk = pop(&practice).await;
    assert_eq!(talk.several("CAPA").await, "+OK\nTOP\nUIDL\nSASL PLAIN XOAUTH2\nUSER\n.\n");
    let answer = xoauth2(SUPPORT, &practice.access_token("client", SUPPORT));
    assert!(talk.one(&format!("AUTH XOAUTH2 {answer}")).await.starts_with("-ERR Protocol error"), "one line");
    assert_eq!(talk.one("STAT").await, "-ERR Command is not valid in this state.");
    assert_eq!(talk.one("AUTH XOAUTH2").await, "+");
    assert_eq!(talk.one(&answer).await, "+OK User successfully authenticated.");
    assert!(talk.one("STAT").await.starts_with("+OK 9 "));
    assert_eq!(talk.one("QUIT").await, "+OK Microsoft Exchange Server POP3 server signing off.");

    let refused = "-ERR Authentication failure: unknown user name or bad password.";
    for wrong in [practice.graph_token("client", SUPPORT), "made up".to_owned()] {
        assert_eq!(super::client::pop_auth(&practice, SUPPORT, &wrong).await.1, refused);
    }
    let mut talk = pop(&practice).await;
    assert_eq!(talk.one("USER support@contoso.example").await, "+OK");
    assert!(talk.one("PASS secret").await.starts_with("-ERR Logon failure"), "no passwords here");
}

#[tokio::test]
async fn who_may_open_it_is_exchanges_business() {
    let (practice, _) = start().await;
    let open = async |mailbox: &str, token: &str| {
        let (mut talk, answer) = super::client::pop_auth(&practice, mailbox, token).await;
        if answer.starts_with("+OK") { talk.one("STAT").await } else { answer }
    };
    let person = practice.access_token("client", SUPPORT);
    assert!(open(BILLING, &person).await.starts_with("+OK 1 "));
    let not_connected = "-ERR User is authenticated but not connected.";
    assert_eq!(open("mia.holt@contoso.example", &person).await, not_connected);
    practice.powershell(&format!("Set-CASMailbox -Identity {SUPPORT} -PopEnabled $false")).unwrap();
    assert_eq!(open(SUPPORT, &person).await, not_connected);
    assert!(super::client::imap_as(&practice, SUPPORT).await.ask("SELECT INBOX").await.contains("t OK"));

    let app = practice.register("Postern", CALLBACK);
    practice.allow_app_only(&app.client_id);
    let id = practice.service_principal_id(&app.client_id);
    practice
        .powershell(&format!(
            "New-ServicePrincipal -AppId {} -ObjectId {id}\nAdd-MailboxPermission -Identity {BILLING} -User {id} -AccessRights FullAccess",
            app.client_id
        ))
        .unwrap();
    assert!(open(BILLING, &token(&practice, &app).await).await.starts_with("+OK 1 "));
    practice.world.directory.change(|records| {
        records.app_mut(&app.client_id).unwrap().app_consent.remove("POP.AccessAsApp");
    });
    assert!(open(BILLING, &token(&practice, &app).await).await.starts_with("-ERR Authentication failure"));
}

#[tokio::test]
async fn letters_are_named_handed_out_and_deleted_at_quit() {
    let (practice, _) = start().await;
    practice.deliver(BILLING, b"Subject: Dots\r\n\r\n.first\r\n..second\r\nthird");
    let mut talk = pop_as(&practice, BILLING).await;
    let names = talk.several("UIDL").await;
    let names: Vec<&str> = names.lines().collect();
    assert!(
        names.len() == 4 && names[1].starts_with("1 UID1-") && names[2].starts_with("2 UID2-"),
        "{names:?}"
    );
    assert_eq!(talk.one("UIDL 2").await, format!("+OK {}", names[2]));
    assert!(talk.one("LIST 2").await.starts_with("+OK 2 "));
    assert_eq!(talk.several("RETR 2").await, "+OK\nSubject: Dots\n\n..first\n...second\nthird\n.\n");
    assert_eq!(talk.several("TOP 2 1").await, "+OK\nSubject: Dots\n\n..first\n.\n");
    assert_eq!(talk.several("TOP 2 0").await, "+OK\nSubject: Dots\n\n.\n");
    for beyond in ["RETR 3", "DELE 0", "LIST x", "TOP 2", "UIDL 9"] {
        assert_eq!(talk.one(beyond).await, "-ERR The specified message is out of range.", "{beyond}");
    }
    assert_eq!((talk.one("DELE 1").await, talk.one("NOOP").await), ("+OK".to_owned(), "+OK".to_owned()));
    assert!(talk.one("STAT").await.starts_with("+OK 1 ") && talk.one("RETR 1").await.starts_with("-ERR"));
    assert_eq!(talk.one("RSET").await, "+OK");
    assert!(talk.one("STAT").await.starts_with("+OK 2 "));
    talk.one("DELE 1").await;
    drop(talk);
    // Without QUIT nothing is deleted, and what comes meanwhile is seen by the next session.
    let mut talk = pop_as(&practice, BILLING).await;
    practice.deliver(BILLING, b"Subject: Later\r\n\r\n");
    assert!(talk.one("STAT").await.starts_with("+OK 2 "));
    talk.one("DELE 1").await;
    assert!(talk.one("QUIT").await.starts_with("+OK"));
    let left = practice.letters(BILLING);
    assert_eq!(left.iter().map(|letter| letter.uid).collect::<Vec<_>>(), [2, 3]);
}

#[tokio::test]
async fn stls_comes_before_sign_in_where_it_is_chosen() {
    let options = Options { pop_security: MailSecurity::Starttls, ..Options::loopback([4; 32]) };
    let practice = crate::start(options).await.unwrap();
    let mut talk = Talk::plain(practice.pop_addr).await;
    talk.line().await;
    assert!(
        talk.several("CAPA").await.contains("STLS") && talk.one("AUTH XOAUTH2").await.starts_with("-ERR")
    );
    assert!(talk.one("STLS").await.starts_with("+OK"));
    let mut talk = talk.secure(&practice.ca_pem).await;
    talk.one("AUTH XOAUTH2").await;
    let answer = xoauth2(SUPPORT, &practice.access_token("client", SUPPORT));
    assert!(talk.one(&answer).await.starts_with("+OK"));
}

/// Python's own client, where there is a Python.
#[tokio::test(flavor = "multi_thread")]
async fn poplib_reads_and_deletes() {
    let options = Options { pop_security: MailSecurity::Starttls, ..Options::loopback([4; 32]) };
    let practice = crate::start(options).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (ca, script) = (folder.path().join("ca.pem"), folder.path().join("reads.py"));
    std::fs::write(&ca, &practice.ca_pem).unwrap();
    std::fs::write(&script, include_str!("poplib_reads.py")).unwrap();
    let token = xoauth2(SUPPORT, &practice.access_token("client", SUPPORT));
    let ran = tokio::process::Command::new("python3")
        .arg(script)
        .args([practice.pop_addr.port().to_string(), ca.display().to_string(), token])
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let ran = match tokio::time::timeout(std::time::Duration::from_secs(60), ran).await.unwrap() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("left out: there is no python3");
            return;
        }
        ran => ran.unwrap(),
    };
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}{err}");
    assert_eq!(out.lines().collect::<Vec<_>>(), ["9 letters", "9 names", "same bytes"], "{err}");
    assert_eq!(practice.letters(SUPPORT).len(), 8);
}
