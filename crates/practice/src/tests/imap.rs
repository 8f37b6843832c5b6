//! Conversations with the IMAP server.

use std::sync::atomic::Ordering;

use super::client::{Talk, imap, imap_as, post_json, xoauth2};
use super::{ANN, NOON, SUPPORT, start};
use crate::{MailSecurity, Options};

#[tokio::test]
async fn a_token_for_the_right_resource_person_and_hour_opens_the_mailbox() {
    let (practice, hand) = start().await;
    let token = practice.access_token("client", SUPPORT);
    let before = imap(&practice).await.ask("CAPABILITY").await;
    assert!(before.contains("AUTH=XOAUTH2") && before.contains("SASL-IR") && !before.contains("MOVE"));

    // In two steps, then by SASL-IR, then the shared mailbox with its delegate's token.
    let mut talk = imap(&practice).await;
    talk.send("t AUTHENTICATE XOAUTH2\r\n").await;
    assert_eq!(talk.line().await.as_deref(), Some("+"));
    talk.send(&format!("{}\r\n", xoauth2(SUPPORT, &token))).await;
    assert_eq!(talk.answer().await, "t OK AUTHENTICATE completed.\n");
    assert!(talk.ask("CAPABILITY").await.contains(" MOVE "));
    assert!(talk.ask("SELECT INBOX").await.contains("* 9 EXISTS"));
    let mut shared = imap(&practice).await;
    shared.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2("billing@contoso.example", &token))).await;
    assert!(shared.ask("SELECT INBOX").await.contains("* 1 EXISTS"));

    let refused = async |user: &str, token: &str| {
        imap(&practice).await.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(user, token))).await
    };
    assert_eq!(refused(SUPPORT, "made-up").await, "t NO AUTHENTICATE failed.\n");
    let graph = crate::permissions::Scope::parse_all("IMAP.AccessAsUser.All").unwrap();
    let graph = practice.world.issue_access_token("client", SUPPORT, &graph, 600);
    assert_eq!(refused(SUPPORT, &graph).await, "t NO AUTHENTICATE failed.\n");
    let smtp_only = crate::permissions::Scope::parse_all("https://outlook.office.com/SMTP.Send").unwrap();
    let smtp_only = practice.world.issue_access_token("client", SUPPORT, &smtp_only, 600);
    assert_eq!(refused(SUPPORT, &smtp_only).await, "t NO AUTHENTICATE failed.\n");
    hand.store(NOON + 3_600_000, Ordering::SeqCst);
    assert_eq!(refused(SUPPORT, &token).await, "t NO AUTHENTICATE failed.\n");
    assert_eq!(
        imap(&practice).await.ask("LOGIN support@contoso.example secret").await,
        "t NO LOGIN failed.\n"
    );
}

#[tokio::test]
async fn another_persons_token_is_authenticated_but_not_connected() {
    let (practice, _) = start().await;
    let token = practice.access_token("client", "mia.holt@contoso.example");
    let mut talk = imap(&practice).await;
    let answer = talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(SUPPORT, &token))).await;
    assert_eq!(answer, "t OK AUTHENTICATE completed.\n");
    talk.send("t SELECT INBOX\r\n").await;
    assert_eq!(
        talk.rest().await,
        "t BAD User is authenticated but not connected.\n* BYE Connection closed. 14\n"
    );
}

#[tokio::test]
async fn letters_are_listed_fetched_flagged_moved_and_deleted_by_uid() {
    let (practice, _) = start().await;
    let mut talk = imap_as(&practice, SUPPORT).await;
    let list = talk.ask("LIST \"\" *").await;
    assert!(
        list.contains("* LIST (\\Marked \\HasNoChildren) \"/\" INBOX\n") && list.contains("\"Sent Items\"")
    );
    assert!(
        talk.ask("STATUS INBOX (MESSAGES UNSEEN UIDNEXT)")
            .await
            .starts_with("* STATUS INBOX (MESSAGES 9 UNSEEN 9 UIDNEXT 10)\n")
    );
    let selected = talk.ask("SELECT inbox").await;
    assert!(
        selected.contains("[UIDVALIDITY ")
            && selected.contains("[UIDNEXT 10]")
            && selected.ends_with("t OK [READ-WRITE] SELECT completed.\n")
    );
    assert!(talk.ask("UID SEARCH UID 8:*").await.starts_with("* SEARCH 8 9\n"));
    // The trap of the standard: the last letter answers although its UID is below.
    assert!(talk.ask("UID SEARCH UID 400:*").await.starts_with("* SEARCH 9\n"));
    assert!(talk.ask("UID SEARCH SINCE 24-Nov-2026 UNSEEN").await.starts_with("* SEARCH 7 8 9\n"));

    let fetched = talk.ask("UID FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])").await;
    assert!(
        fetched.contains("Subject: Label printer prints every second label blank")
            && fetched.contains("FLAGS ()")
    );
    assert!(fetched.contains("INTERNALDATE \"22-Nov-2026 08:00:00 +0000\""), "{fetched}");
    assert!(talk.ask("UID FETCH 1 FLAGS").await.contains("FLAGS ()"));
    talk.ask("UID FETCH 2 BODY[]").await;
    assert!(talk.ask("UID FETCH 2 FLAGS").await.contains("FLAGS (\\Seen)"));
    assert!(talk.ask("UID STORE 1 +FLAGS.SILENT (\\seen)").await.starts_with("t OK"));
    assert!(talk.ask("UID SEARCH SEEN").await.starts_with("* SEARCH 1 2\n"));
    assert!(talk.ask("UID FETCH 1 ENVELOPE").await.starts_with("t BAD"));

    assert!(talk.ask("CREATE Done").await.starts_with("t OK"));
    assert!(talk.ask("CREATE done").await.starts_with("t NO"));
    let moved = talk.ask("UID MOVE 1:2 Done").await;
    assert!(
        moved.contains("[COPYUID ")
            && moved.contains(" 1,2 1,2]")
            && moved.contains("* 2 EXPUNGE\n* 1 EXPUNGE\n"),
        "{moved}"
    );
    assert!(talk.ask("UID MOVE 3 Nowhere").await.contains("t NO [TRYCREATE]"));
    assert!(talk.ask("UID COPY 3 Done").await.contains(" 3 3]"));
    talk.ask("UID STORE 3:4 +FLAGS (\\Deleted)").await;
    assert!(talk.ask("UID EXPUNGE 3").await.starts_with("* 1 EXPUNGE\nt OK"));
    assert!(talk.ask("UID SEARCH ALL").await.starts_with("* SEARCH 4 5 6 7 8 9\n"));
    assert!(talk.ask("EXAMINE Done").await.contains("* 3 EXISTS"));
    assert!(talk.ask("UID STORE 1 +FLAGS (\\Deleted)").await.starts_with("t NO [READ-ONLY]"));
    assert!(talk.ask("LOGOUT").await.starts_with("* BYE"));
}

#[tokio::test]
async fn a_letter_appended_has_its_uid_in_the_answer() {
    let (practice, _) = start().await;
    let mut talk = imap_as(&practice, SUPPORT).await;
    talk.send("t APPEND Drafts (\\Seen) {21}\r\n").await;
    assert!(talk.line().await.unwrap().starts_with('+'));
    talk.send("Subject: Hi\r\n\r\nHello.\r\n").await;
    let answer = talk.answer().await;
    assert!(answer.starts_with("t OK [APPENDUID ") && answer.contains(" 1] "), "{answer}");
    let letter = practice.letters(SUPPORT).into_iter().find(|letter| letter.folder == "Drafts").unwrap();
    assert_eq!((letter.raw.len(), letter.flags), (21, vec!["\\Seen".to_owned()]));
}

#[tokio::test]
async fn idle_tells_of_a_letter_that_a_customer_writes() {
    let (practice, _) = start().await;
    let mut talk = imap_as(&practice, SUPPORT).await;
    talk.ask("SELECT INBOX").await;
    talk.send("t IDLE\r\n").await;
    assert!(talk.line().await.unwrap().starts_with('+'));
    let sent = post_json(
        &format!("{}/mail/send", practice.http_url),
        &serde_json::json!({ "from": ANN, "to": SUPPORT, "subject": "Grüße", "text": "Hello" }),
    )
    .await;
    assert_eq!(sent.json()["delivered"][0]["uid"], 10);
    assert_eq!(talk.line().await.as_deref(), Some("* 10 EXISTS"));
    assert_eq!(talk.line().await.as_deref(), Some("* 0 RECENT"));
    talk.send("DONE\r\n").await;
    assert_eq!(talk.answer().await, "t OK IDLE completed.\n");
}

#[tokio::test]
async fn new_letters_show_without_a_noop_and_numbers_stay_true_between() {
    let (practice, _) = start().await;
    let (mut one, mut other) = (imap_as(&practice, SUPPORT).await, imap_as(&practice, SUPPORT).await);
    one.ask("SELECT INBOX").await;
    other.ask("SELECT INBOX").await;
    one.ask("UID STORE 1 +FLAGS (\\Deleted)").await;
    one.ask("UID EXPUNGE 1").await;
    // Number 2 is still UID 2 for the other client, until it may be told.
    assert!(other.ask("FETCH 2 UID").await.starts_with("* 2 FETCH (UID 2)\n"));
    practice.deliver(SUPPORT, b"Subject: New\r\n\r\n");
    let answer = other.ask("UID SEARCH UID 10:*").await;
    assert_eq!(answer, "* 1 EXPUNGE\n* 9 EXISTS\n* 0 RECENT\n* SEARCH 10\nt OK SEARCH completed.\n");
}

#[tokio::test]
async fn starttls_comes_before_sign_in_where_it_is_chosen() {
    let options = Options { imap_security: MailSecurity::Starttls, ..Options::loopback([4; 32]) };
    let practice = crate::start(options).await.unwrap();
    let token = practice.access_token("client", SUPPORT);
    let mut talk = Talk::plain(practice.imap_addr).await;
    talk.line().await;
    assert!(talk.ask("CAPABILITY").await.contains("STARTTLS LOGINDISABLED"));
    assert!(
        talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(SUPPORT, &token))).await.starts_with("t BAD")
    );
    assert!(talk.ask("STARTTLS").await.starts_with("t OK"));
    let mut talk = talk.secure(&practice.ca_pem).await;
    assert!(
        talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(SUPPORT, &token))).await.starts_with("t OK")
    );
}

#[tokio::test]
async fn ten_failed_commands_end_the_connection() {
    let (practice, _) = start().await;
    let mut talk = imap(&practice).await;
    for _ in 0..10 {
        assert!(talk.ask("NONSENSE").await.starts_with("t BAD"));
    }
    assert_eq!(talk.rest().await, "* BYE Connection closed. 14\n");
}
