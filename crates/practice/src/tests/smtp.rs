//! Conversations with the submission server.

use super::client::{Talk, smtp, smtp_as, xoauth2};
use super::{ANN, SUPPORT, start};
use crate::Practice;

/// Sends one letter and returns the answer to the final dot.
pub(crate) async fn send(talk: &mut Talk, from: &str, to: &[&str], letter: &str) -> String {
    assert!(talk.say(&format!("MAIL FROM:<{from}>")).await.starts_with("250 "));
    for recipient in to {
        assert!(talk.say(&format!("RCPT TO:<{recipient}>")).await.starts_with("250 "));
    }
    assert!(talk.say("DATA").await.starts_with("354 "));
    talk.say(&format!("{letter}\r\n.")).await
}

pub(crate) fn letter(from: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <{ANN}>\r\nBcc: <secret@elsewhere.example>\r\nSubject: Re: Printer\r\nMessage-ID: <p1@contoso.example>\r\n\r\n..It works."
    )
}

fn folder(practice: &Practice, address: &str, folder: &str) -> Vec<String> {
    let letters = practice.letters(address).into_iter().filter(|letter| letter.folder == folder);
    letters.map(|letter| String::from_utf8_lossy(&letter.raw).into_owned()).collect()
}

#[tokio::test]
async fn a_letter_reaches_everyone_and_a_copy_stays_in_sent_items() {
    let (practice, _) = start().await;
    let mut talk = smtp_as(&practice, SUPPORT).await;
    let capabilities = talk.say("EHLO again").await;
    for capability in ["AUTH LOGIN XOAUTH2", "SIZE 157286400", "PIPELINING", "8BITMIME", "SMTPUTF8"] {
        assert!(capabilities.contains(capability), "{capability}");
    }
    let stranger = "someone@elsewhere.example";
    assert!(send(&mut talk, SUPPORT, &[ANN, stranger], &letter(SUPPORT)).await.starts_with("250 2.0.0 OK"));
    for reader in [ANN, stranger] {
        let inbox = folder(&practice, reader, "INBOX");
        assert_eq!(inbox.len(), 1);
        assert!(inbox[0].starts_with("Return-Path: <support@contoso.example>\r\nReceived: "));
        assert!(inbox[0].ends_with("\r\n\r\n.It works.\r\n") && !inbox[0].contains("Bcc"), "{}", inbox[0]);
    }
    assert!(folder(&practice, SUPPORT, "Sent Items")[0].contains("<p1@contoso.example>"));
    // The same link takes the next letter, in pieces this time.
    talk.send(&format!(
        "MAIL FROM:<{SUPPORT}>\r\nRCPT TO:<{ANN}>\r\nBDAT 16\r\nSubject: Two\r\n\r\nBDAT 5 LAST\r\nHi.\r\n"
    ))
    .await;
    for code in ["250 2.1.0", "250 2.1.5", "250 2.6.0", "250 2.0.0"] {
        assert!(talk.reply().await.starts_with(code), "{code}");
    }
    assert!(folder(&practice, ANN, "INBOX")[1].ends_with("Subject: Two\r\n\r\nHi.\r\n"));
    assert!(talk.say("QUIT").await.starts_with("221 "));
}

#[tokio::test]
async fn authentication_takes_one_step_or_two_and_refuses_what_is_not_a_token() {
    let (practice, _) = start().await;
    let token = practice.access_token("client", SUPPORT);
    let mut talk = smtp(&practice).await;
    assert!(talk.say(&format!("MAIL FROM:<{SUPPORT}>")).await.starts_with("530 5.7.57"));
    assert_eq!(talk.say("AUTH XOAUTH2").await, "334\n");
    assert!(talk.say("*").await.starts_with("535 "));
    assert_eq!(talk.say("AUTH XOAUTH2").await, "334\n");
    assert!(talk.say(&xoauth2(SUPPORT, &token)).await.starts_with("235 "));

    let refused = async |user: &str, token: &str| {
        smtp(&practice).await.say(&format!("AUTH XOAUTH2 {}", xoauth2(user, token))).await
    };
    assert!(refused(SUPPORT, "made-up").await.starts_with("535 5.7.3 "));
    let other = practice.access_token("client", "mia.holt@contoso.example");
    assert!(refused(SUPPORT, &other).await.starts_with("535 5.7.3 "));
    let imap_only =
        crate::permissions::Scope::parse_all("https://outlook.office.com/IMAP.AccessAsUser.All").unwrap();
    let imap_only = practice.world.issue_access_token("client", SUPPORT, &imap_only, 600);
    assert!(refused(SUPPORT, &imap_only).await.starts_with("535 5.7.3 "));
    let mut talk = smtp(&practice).await;
    talk.say("AUTH LOGIN").await;
    talk.say("c3VwcG9ydA==").await;
    assert!(talk.say("c2VjcmV0").await.starts_with("535 5.7.139 "));
    let mut plain = Talk::plain(practice.smtp_addr).await;
    plain.reply().await;
    plain.say("EHLO x").await;
    assert!(plain.say(&format!("AUTH XOAUTH2 {}", xoauth2(SUPPORT, &token))).await.starts_with("530 5.7.0"));
}

#[tokio::test]
async fn one_sends_as_the_mailbox_or_as_one_that_one_may_open() {
    let (practice, _) = start().await;
    let mut talk = smtp_as(&practice, SUPPORT).await;
    assert!(talk.say(&format!("MAIL FROM:<{ANN}>")).await.starts_with("550 5.7.60 "));
    assert!(
        send(&mut talk, SUPPORT, &[ANN], &letter("mia.holt@contoso.example"))
            .await
            .starts_with("550 5.7.60 ")
    );
    assert!(folder(&practice, ANN, "INBOX").is_empty());
    assert!(send(&mut talk, SUPPORT, &[ANN], &letter("billing@contoso.example")).await.starts_with("250 "));
    assert!(talk.say(&format!("MAIL FROM:<{SUPPORT}>")).await.starts_with("250 "));
    assert!(talk.say("RCPT TO:<nobody@contoso.example>").await.starts_with("550 5.1.1 "));
    assert!(talk.say("RCPT TO:<nobody@nordwind.example>").await.starts_with("550 5.1.1 "));
    assert!(talk.say("DATA").await.starts_with("503 "));
}
