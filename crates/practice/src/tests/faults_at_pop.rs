//! Each POP3 fault does what its row says.

use super::client::{Talk, pop, pop_as, pop_auth};
use super::{SUPPORT, start};
use crate::{Fault, Practice, Times};

async fn sign_in(practice: &Practice, fault: Fault) -> (Talk, String) {
    practice.faults.arm_for(fault, Times::Exactly(1), SUPPORT);
    pop_auth(practice, SUPPORT, &practice.access_token("client", SUPPORT)).await
}

#[tokio::test]
async fn sign_in_fails_as_exchange_and_as_google_do_it() {
    let (practice, _) = start().await;
    practice.faults.arm(Fault::PopUnavailable, Times::Exactly(1));
    let greeting = Talk::tls(practice.pop_addr, &practice.ca_pem).await.rest().await;
    assert_eq!(greeting, "-ERR [SYS/TEMP] Server Unavailable. 21\n");
    let refused = sign_in(&practice, Fault::PopAuthFails).await.1;
    assert_eq!(refused, "-ERR Authentication failure: unknown user name or bad password.");
    assert!(sign_in(&practice, Fault::PopInUse).await.1.starts_with("-ERR [IN-USE] "));
    let (mut talk, answer) = sign_in(&practice, Fault::PopAuthJson).await;
    assert!(answer.starts_with("+ eyJ") && talk.is_silent().await);
    assert!(talk.one("").await.starts_with("-ERR [AUTH] "));
    let (mut talk, answer) = sign_in(&practice, Fault::PopNotConnected).await;
    assert!(answer.starts_with("+OK"));
    assert!(talk.several("CAPA").await.starts_with("+OK"));
    assert_eq!(talk.one("STAT").await, "-ERR User is authenticated but not connected.");
    assert_eq!(talk.rest().await, "");
}

#[tokio::test]
async fn commands_fail_and_work_again_afterwards() {
    let (practice, _) = start().await;
    let arm = |fault| practice.faults.arm_for(fault, Times::Exactly(1), SUPPORT);
    let mut talk = pop_as(&practice, SUPPORT).await;
    arm(Fault::PopSystemTemporary);
    assert_eq!(talk.one("STAT").await, "-ERR [SYS/TEMP] Server Unavailable. 21");
    assert!(talk.one("STAT").await.starts_with("+OK"));
    arm(Fault::PopRetrieveNo);
    assert_eq!(talk.one("RETR 1").await, "-ERR Server Unavailable. 21");
    let whole = talk.several("RETR 1").await;
    practice.faults.arm(Fault::PopNoUidl, Times::UntilCleared);
    assert!(!talk.several("CAPA").await.contains("UIDL") && talk.one("UIDL").await.starts_with("-ERR"));
    practice.faults.clear_all();
    let honest = talk.several("UIDL").await;
    arm(Fault::PopThrottled);
    assert!(talk.one("NOOP").await.ends_with("Suggested Backoff Time: 299961 milliseconds"));
    assert_eq!(talk.rest().await, "");

    let mut talk = pop_as(&practice, SUPPORT).await;
    arm(Fault::PopDropInLetter);
    talk.send("RETR 1\r\n").await;
    let half = talk.rest().await;
    assert!(half.starts_with("+OK\n") && half.len() < whole.len() && !half.ends_with(".\n"), "{half}");
    let mut talk = pop_as(&practice, SUPPORT).await;
    arm(Fault::PopStalls);
    talk.send("RETR 1\r\n").await;
    assert_eq!(talk.line().await.unwrap(), "+OK");
    assert!(talk.is_silent().await);

    // The first letter goes, and its name is the second's from now on.
    let mut talk = pop_as(&practice, SUPPORT).await;
    talk.one("DELE 1").await;
    talk.one("QUIT").await;
    arm(Fault::PopUidlReused);
    let reused = pop_as(&practice, SUPPORT).await.several("UIDL").await;
    assert_eq!(reused.lines().nth(1), honest.lines().nth(1));
    assert!(pop_as(&practice, SUPPORT).await.several("UIDL").await.lines().nth(1) != honest.lines().nth(1));
}

#[tokio::test]
async fn quit_is_not_heard_or_not_answered() {
    let (practice, _) = start().await;
    let ended = async |fault| {
        let mut talk = pop_as(&practice, SUPPORT).await;
        practice.faults.arm_for(fault, Times::Exactly(1), SUPPORT);
        talk.one("DELE 1").await;
        talk.send("QUIT\r\n").await;
        assert_eq!(talk.rest().await, "");
        practice.letters(SUPPORT).len()
    };
    assert_eq!(ended(Fault::PopDropAtQuit).await, 9);
    assert_eq!(ended(Fault::PopDropAfterQuit).await, 8);
    let stalled = async |fault| {
        let mut talk = pop_as(&practice, SUPPORT).await;
        practice.faults.arm_for(fault, Times::Exactly(1), SUPPORT);
        talk.one("DELE 1").await;
        talk.send("QUIT\r\n").await;
        assert!(talk.is_silent().await);
        practice.letters(SUPPORT).len()
    };
    assert_eq!(stalled(Fault::PopStallAtQuit).await, 8);
    assert_eq!(stalled(Fault::PopStallAfterQuit).await, 7);
    assert_eq!(
        pop(&practice).await.one("QUIT").await,
        "+OK Microsoft Exchange Server POP3 server signing off."
    );
}
