//! Each SMTP fault does what its row says.

use super::client::{Talk, smtp, smtp_as, xoauth2};
use super::smtp::{letter, send};
use super::{ANN, SUPPORT, start};
use crate::{Fault, Practice, Times};

fn letters_of_ann(practice: &Practice) -> usize {
    practice.letters(ANN).iter().filter(|letter| letter.folder == "INBOX").count()
}

#[tokio::test]
async fn refusals_come_at_their_step_and_nothing_is_delivered() {
    let (practice, _) = start().await;
    practice.faults.arm(Fault::SmtpUnavailable, Times::Exactly(1));
    assert!(Talk::plain(practice.smtp_addr).await.rest().await.starts_with("421 4.3.2 "));
    let token = practice.access_token("client", SUPPORT);
    for (fault, reply) in [(Fault::SmtpAuthDisabled, "535 5.7.139 "), (Fault::SmtpAuthFails, "535 5.7.3 ")] {
        practice.faults.arm(fault, Times::Exactly(1));
        let mut talk = smtp(&practice).await;
        assert!(
            talk.say(&format!("AUTH XOAUTH2 {}", xoauth2(SUPPORT, &token))).await.starts_with(reply),
            "{fault:?}"
        );
    }
    let mut talk = smtp_as(&practice, SUPPORT).await;
    practice.faults.arm(Fault::SmtpTooMany, Times::Exactly(1));
    assert!(talk.say(&format!("MAIL FROM:<{SUPPORT}>")).await.starts_with("432 4.3.2 "));
    talk.say(&format!("MAIL FROM:<{SUPPORT}>")).await;
    practice.faults.arm_for(Fault::SmtpRecipientRefused, Times::UntilCleared, ANN);
    practice.faults.arm_for(Fault::SmtpRecipientDeferred, Times::Exactly(1), "slow@elsewhere.example");
    assert!(talk.say(&format!("RCPT TO:<{ANN}>")).await.starts_with("550 5.1.1 "));
    assert!(talk.say("RCPT TO:<slow@elsewhere.example>").await.starts_with("450 4.2.1 "));
    assert!(talk.say("RCPT TO:<slow@elsewhere.example>").await.starts_with("250 "));
    talk.say("RSET").await;
    practice.faults.clear_all();
    for (fault, reply) in [
        (Fault::SmtpSenderRefused, "550 5.7.60 "),
        (Fault::SmtpDeferred, "451 4.7.0 "),
        (Fault::SmtpLetterRefused, "554 5.2.0 "),
        (Fault::SmtpMailboxFull, "554 5.2.2 "),
    ] {
        practice.faults.arm(fault, Times::Exactly(1));
        assert!(send(&mut talk, SUPPORT, &[ANN], &letter(SUPPORT)).await.starts_with(reply), "{fault:?}");
    }
    assert_eq!(letters_of_ann(&practice), 0);
    assert!(send(&mut talk, SUPPORT, &[ANN], &letter(SUPPORT)).await.starts_with("250 "));
    assert_eq!(letters_of_ann(&practice), 1);
}

#[tokio::test]
async fn the_link_drops_at_every_step() {
    let (practice, _) = start().await;
    let token = practice.access_token("client", SUPPORT);
    practice.faults.arm(Fault::SmtpDropAtConnect, Times::Exactly(1));
    assert_eq!(Talk::plain(practice.smtp_addr).await.rest().await, "");

    let ehlo = "EHLO x".to_owned();
    let mail = format!("MAIL FROM:<{SUPPORT}>");
    let rcpt = format!("RCPT TO:<{ANN}>");
    for (fault, steps) in [
        (Fault::SmtpDropAtEhlo, vec![&ehlo]),
        (Fault::SmtpDropAtMail, vec![&mail]),
        (Fault::SmtpDropAtRcpt, vec![&mail, &rcpt]),
        (Fault::SmtpDropAtData, vec![&mail, &rcpt, &"DATA".to_owned()]),
        (Fault::SmtpDropAtQuit, vec![&"QUIT".to_owned()]),
    ] {
        let mut talk = smtp_as(&practice, SUPPORT).await;
        practice.faults.arm(fault, Times::Exactly(1));
        let (last, before) = steps.split_last().unwrap();
        for step in before {
            assert!(talk.say(step).await.starts_with("250 "), "{fault:?}");
        }
        assert_eq!(talk.say(last).await, "", "{fault:?}");
    }
    practice.faults.arm(Fault::SmtpDropAtStarttls, Times::Exactly(1));
    let mut talk = Talk::plain(practice.smtp_addr).await;
    talk.reply().await;
    talk.say(&ehlo).await;
    assert_eq!(talk.say("STARTTLS").await, "");
    practice.faults.arm(Fault::SmtpDropAtAuth, Times::Exactly(1));
    assert_eq!(smtp(&practice).await.say(&format!("AUTH XOAUTH2 {}", xoauth2(SUPPORT, &token))).await, "");
    assert_eq!(letters_of_ann(&practice), 0);
}

#[tokio::test]
async fn around_the_final_dot_the_link_drops_before_or_after_delivery() {
    let (practice, _) = start().await;
    for (fault, delivered) in [(Fault::SmtpDropInLetter, 0), (Fault::SmtpDropAfterDot, 1)] {
        let mut talk = smtp_as(&practice, SUPPORT).await;
        practice.faults.arm(fault, Times::Exactly(1));
        assert_eq!(send(&mut talk, SUPPORT, &[ANN], &letter(SUPPORT)).await, "", "{fault:?}");
        assert_eq!(letters_of_ann(&practice), delivered, "{fault:?}");
    }
    let mut talk = smtp_as(&practice, SUPPORT).await;
    practice.faults.arm(Fault::SmtpStallAfterDot, Times::Exactly(1));
    for line in [format!("MAIL FROM:<{SUPPORT}>"), format!("RCPT TO:<{ANN}>"), "DATA".to_owned()] {
        talk.say(&line).await;
    }
    talk.send(&format!("{}\r\n.\r\n", letter(SUPPORT))).await;
    assert!(talk.is_silent().await);
    assert_eq!(letters_of_ann(&practice), 2);
}

#[tokio::test]
async fn a_recipient_is_accepted_and_bounces_later() {
    let (practice, _) = start().await;
    practice.faults.arm_for(Fault::SmtpBounces, Times::Exactly(1), ANN);
    let mut talk = smtp_as(&practice, SUPPORT).await;
    assert!(send(&mut talk, SUPPORT, &[ANN], &letter(SUPPORT)).await.starts_with("250 "));
    assert_eq!(letters_of_ann(&practice), 0);
    let letters = practice.letters(SUPPORT);
    let bounce = letters.iter().rfind(|letter| letter.folder == "INBOX").unwrap();
    let text = String::from_utf8_lossy(&bounce.raw);
    for words in [
        "report-type=delivery-status",
        "Final-Recipient: rfc822; ann.porter@nordwind.example",
        "Action: failed",
        "Status: 5.1.10",
        "In-Reply-To: <p1@contoso.example>",
        "Auto-Submitted: auto-replied",
    ] {
        assert!(text.contains(words), "{words}");
    }
}
