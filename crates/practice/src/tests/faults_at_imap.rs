//! Each IMAP fault does what its row says.

use super::client::{Talk, imap, imap_as, xoauth2};
use super::{SUPPORT, start};
use crate::{Fault, Practice, Times};

async fn authenticate(practice: &Practice, talk: &mut Talk) -> String {
    let token = practice.access_token("client", SUPPORT);
    talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(SUPPORT, &token))).await
}

#[tokio::test]
async fn sign_in_fails_as_exchange_and_as_google_do_it() {
    let (practice, _) = start().await;
    practice.faults.arm(Fault::ImapUnavailable, Times::Exactly(1));
    assert!(Talk::tls(practice.imap_addr, &practice.ca_pem).await.rest().await.starts_with("* BYE "));

    practice.faults.arm_for(Fault::ImapAuthenticateNo, Times::Exactly(1), SUPPORT);
    assert_eq!(authenticate(&practice, &mut imap(&practice).await).await, "t NO AUTHENTICATE failed.\n");

    practice.faults.arm(Fault::ImapAuthenticateJson, Times::Exactly(1));
    let mut talk = imap(&practice).await;
    let token = practice.access_token("client", SUPPORT);
    talk.send(&format!("t AUTHENTICATE XOAUTH2 {}\r\n", xoauth2(SUPPORT, &token))).await;
    assert!(talk.line().await.unwrap().starts_with("+ eyJ"));
    assert!(talk.is_silent().await);
    talk.send("\r\n").await;
    assert_eq!(talk.answer().await, "t NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)\n");

    practice.faults.arm(Fault::ImapNotConnected, Times::Exactly(1));
    let mut talk = imap(&practice).await;
    assert!(authenticate(&practice, &mut talk).await.starts_with("t OK"));
    assert_eq!(talk.ask("SELECT INBOX").await, "t BAD User is authenticated but not connected.\n");
    assert_eq!(talk.rest().await, "* BYE Connection closed. 14\n");
    assert!(authenticate(&practice, &mut imap(&practice).await).await.starts_with("t OK"));
}

#[tokio::test]
async fn commands_fail_and_work_again_afterwards() {
    let (practice, _) = start().await;
    practice.faults.arm(Fault::ImapThrottled, Times::Exactly(1));
    let mut talk = imap_as(&practice, SUPPORT).await;
    talk.send("t SELECT INBOX\r\n").await;
    assert_eq!(
        talk.rest().await,
        "t NO Request is throttled. Suggested Backoff Time: 299961 milliseconds\n* BYE Connection closed. 14\n"
    );

    let mut talk = imap_as(&practice, SUPPORT).await;
    practice.faults.arm(Fault::ImapSelectNo, Times::Exactly(1));
    assert_eq!(talk.ask("SELECT INBOX").await, "t NO Server Unavailable. 15\n");
    let honest = talk.ask("SELECT INBOX").await;
    practice.faults.arm(Fault::ImapUidValidity, Times::Exactly(1));
    let validity = |text: &str| text.lines().find(|line| line.contains("UIDVALIDITY")).unwrap().to_owned();
    assert_ne!(validity(&talk.ask("SELECT INBOX").await), validity(&honest));
    practice.faults.arm(Fault::ImapFetchNo, Times::Exactly(1));
    assert_eq!(talk.ask("UID FETCH 1:* BODY.PEEK[]").await, "t NO Server Unavailable. 15\n");
    assert!(talk.ask("UID FETCH 1:* BODY.PEEK[]").await.ends_with("t OK FETCH completed.\n"));
    practice.faults.arm(Fault::ImapMoveNo, Times::Exactly(1));
    assert_eq!(talk.ask("UID MOVE 1 Archive").await, "t NO Server Unavailable. 15\n");
    assert!(talk.ask("UID MOVE 1 Archive").await.contains("t OK MOVE completed."));
}

#[tokio::test]
async fn a_letter_breaks_off_in_the_middle() {
    let (practice, _) = start().await;
    let begin = async |fault| {
        let mut talk = imap_as(&practice, SUPPORT).await;
        talk.ask("SELECT INBOX").await;
        practice.faults.arm(fault, Times::Exactly(1));
        // Flags alone are no letter, so this is not yet the middle of one.
        assert!(talk.ask("UID FETCH 1 FLAGS").await.contains("t OK"));
        talk.send("t UID FETCH 1 (UID BODY.PEEK[])\r\n").await;
        talk
    };
    let bye = begin(Fault::ImapByeInFetch).await.rest().await;
    assert!(
        bye.contains("From: Ann Porter")
            && !bye.contains("Nordwind Logistics")
            && bye.ends_with("* BYE Connection closed. 14\n"),
        "{bye}"
    );
    let cut = begin(Fault::ImapDropInFetch).await.rest().await;
    assert!(cut.contains("From: Ann Porter") && !cut.contains("BYE") && !cut.contains("t OK"));
    let mut stalled = begin(Fault::ImapStalls).await;
    assert!(stalled.line().await.unwrap().starts_with("* 1 FETCH (UID 1 BODY[] {"));
    assert!(stalled.is_silent().await);
}

#[tokio::test]
async fn idle_can_stay_silent() {
    let (practice, _) = start().await;
    practice.faults.arm(Fault::ImapIdleSilent, Times::Exactly(1));
    let mut talk = imap_as(&practice, SUPPORT).await;
    talk.ask("SELECT INBOX").await;
    talk.send("t IDLE\r\n").await;
    talk.line().await;
    practice.deliver(SUPPORT, b"Subject: Unseen\r\n\r\n");
    assert!(talk.is_silent().await);
    talk.send("DONE\r\n").await;
    assert_eq!(talk.answer().await, "t OK IDLE completed.\n");
    assert!(talk.ask("NOOP").await.contains("* 10 EXISTS"));
}
