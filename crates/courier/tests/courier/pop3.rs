//! Mailboxes that are fetched by POP3: each message once by its name (UIDL), nothing deleted before the commit.
use crate::fetch::on_server as done_on_server;
use crate::odd::Odd;
use crate::pretend_pop3::{CANNOT_READ, PretendPop3, received};
use crate::stage::{NOON, Stage, apart, dropped_after, letter, names};
use courier::fetch;
use desk::intake::inbox::State;
use desk::mailboxes::balance;
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use std::sync::Arc;
use std::time::Duration;

const HOUR: i64 = 3_600_000;

async fn stage(start_from: StartFrom, fetched: Fetched) -> (Stage, PretendPop3) {
    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, start_from, fetched);
    (stage, pop3)
}

async fn fetch(stage: &Stage) -> fetch::Summary {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_becomes_a_ticket_once_and_is_left_on_the_server() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 25) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    let first = fetch(&stage).await;
    assert_eq!((first.fetched, first.filed, first.failed), (25, 25, 0));
    assert_eq!(stage.tickets(), names(1, 25), "oldest first");
    let again = fetch(&stage).await;
    assert_eq!((again.fetched, again.filed), (0, 0));
    let retrieved = pop3.log().iter().filter(|line| line.starts_with("RETR")).count();
    assert_eq!(retrieved, 25, "what is known by its name is not retrieved again");
    assert!(!pop3.log().iter().any(|line| line.starts_with("DELE")));
    assert_eq!(pop3.log().iter().filter(|line| *line == "QUIT").count(), 2, "no session is left open");
    let health = stage.mailbox().incoming_health;
    assert_eq!(health.state, mailbox::State::Ok, "{}", health.reason);

    pop3.deliver(NOON, letter("letter 026"));
    assert_eq!(fetch(&stage).await.fetched, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn now_leaves_years_of_mail_where_they_are_and_a_date_what_is_older() {
    let (stage, pop3) = stage(StartFrom::Now, Fetched::Nothing).await;
    for name in names(1, 40) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    pop3.deliver(NOON + 1_000, letter("letter 041"));
    assert_eq!(fetch(&stage).await.fetched, 1);
    assert_eq!(stage.tickets(), names(41, 41));
    let retrieved: Vec<String> = pop3.log().into_iter().filter(|line| line.starts_with("RETR")).collect();
    assert_eq!(retrieved, ["RETR 41"], "old mail is told by its header fields");
    pop3.deliver(NOON + 2_000, letter("letter 042"));
    assert_eq!(fetch(&stage).await.fetched, 1);
    assert_eq!(stage.tickets(), names(41, 42));

    let (stage, pop3) = self::stage(StartFrom::Date("2026-11-20".into()), Fetched::Nothing).await;
    pop3.deliver(NOON - 6 * 24 * HOUR, letter("letter 001"));
    pop3.deliver(NOON - 4 * 24 * HOUR, letter("letter 002"));
    assert_eq!(fetch(&stage).await.fetched, 1);
    assert_eq!(stage.tickets(), names(2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_deleted_before_it_is_stored_and_what_was_not_is_deleted_the_next_time() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Delete).await;
    for name in names(1, 7) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    let database = stage.database();
    pop3.state().before_deletion = Some(Box::new(move || {
        let stored = apart(|| database.read(|tx| desk::intake::inbox::list(tx, None, None, 100)).unwrap());
        stored.len().to_string()
    }));
    pop3.state().no_deleting = true;
    let error = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    assert!(error.to_string().contains("some deleted messages not removed"), "{error}");
    assert_eq!((stage.tickets(), pop3.names().len()), (names(1, 7), 7));

    let on_server = || {
        let balance = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX"));
        balance.map(|balance| balance.counts.on_server())
    };
    assert_eq!(on_server(), Some(7));
    pop3.state().no_deleting = false;
    stage.clock.advance(HOUR);
    assert_eq!(fetch(&stage).await.fetched, 0);
    assert!(pop3.names().is_empty());
    assert_eq!(on_server(), Some(0), "it was compared before they were deleted");
    // Where its answer is lost too a name may be another letter's by now: what is deleted then came again under a new number.
    assert!(done_on_server(&stage).iter().any(|said| said == "Deleted on the server."));
    assert!(pop3.log().contains(&"when deleted: 7".to_owned()), "{:?}", pop3.log());
    assert_eq!(stage.tickets(), names(1, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_the_server_gives_again_is_another_message() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Delete).await;
    for number in 1..=6 {
        let letter = letter(&format!("letter {number:03}"));
        pop3.state().letters.push(received("always-the-same", NOON - HOUR, &letter));
        assert_eq!(fetch(&stage).await.fetched, 1, "{number}");
        assert_eq!(fetch(&stage).await.fetched, 0, "{number}");
    }
    assert_eq!(stage.tickets(), names(1, 6));
    // One name for two messages.
    for number in 7..=8 {
        let letter = letter(&format!("letter {number:03}"));
        pop3.state().letters.push(received("twice", NOON - HOUR, &letter));
    }
    assert_eq!(fetch(&stage).await.fetched, 2);
    assert_eq!(stage.tickets(), names(1, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_with_the_same_names_loses_nothing_and_doubles_nothing() {
    let (stage, first) = stage(StartFrom::Everything, Fetched::Nothing).await;
    let second = PretendPop3::start().await;
    for name in names(1, 3) {
        first.deliver(NOON - HOUR, letter(&name));
    }
    assert_eq!(fetch(&stage).await.fetched, 3);
    // Moved: two of the letters are there, under names that the first server had for others, and a new one.
    for name in ["letter 002", "letter 003", "letter 004"] {
        second.deliver(NOON - HOUR, letter(name));
    }
    stage.fetched_by_pop3_as(second.address, "moved", StartFrom::Everything, Fetched::Nothing);
    assert_eq!(fetch(&stage).await.fetched, 1);
    assert_eq!(stage.tickets(), names(1, 4));
    // And back, where mail has come meanwhile.
    first.deliver(NOON, letter("letter 005"));
    stage.fetched_by_pop3(first.address, StartFrom::Everything, Fetched::Nothing);
    assert_eq!(fetch(&stage).await.fetched, 1);
    assert_eq!(stage.tickets(), names(1, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_that_is_dropped_anywhere_loses_nothing_and_doubles_nothing() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Delete).await;
    let mut sent = 0;
    for polls in 1..60 {
        for _ in 0..4 {
            sent += 1;
            pop3.deliver(NOON - HOUR, letter(&format!("letter {sent:03}")));
        }
        dropped_after(polls, fetch::once(&stage.courier, stage.mailbox_id)).await;
        stage.clock.advance(31_000); // the lease of the dropped one ends
    }
    stage.clock.advance(600_000);
    fetch(&stage).await;
    assert_eq!(stage.tickets(), names(1, sent));
    assert_eq!(stage.inbox().len(), sent as usize);
    assert!(pop3.names().is_empty(), "all of them were deleted in the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_there_when_reading_began_is_filed_silently_also_where_that_was_cut_off() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 9) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    pop3.state().cut_after = Some(4);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    assert!((1..9).contains(&stage.inbox().len()));
    pop3.state().cut_after = None;
    stage.clock.advance(HOUR);
    pop3.deliver(NOON + HOUR, letter("letter 010"));
    fetch(&stage).await;
    assert_eq!(stage.tickets(), names(1, 10));
    let loud = "SELECT count(*) FROM inbox WHERE silent = 0";
    assert_eq!(stage.read(|tx| Ok(tx.one::<(i64,)>(loud, desk::params![])?)), (1,));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_cut_and_a_message_that_does_not_come_stop_nobody() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Delete).await;
    for name in names(1, 9) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    pop3.state().refused.insert("name-002".into());
    pop3.state().cut_after = Some(4);
    let first = fetch::once(&stage.courier, stage.mailbox_id).await;
    pop3.state().cut_after = None;
    if first.is_err() {
        stage.clock.advance(HOUR);
        fetch(&stage).await;
    }
    let failed: Vec<(u32, String)> = stage
        .inbox()
        .into_iter()
        .filter(|row| row.state == State::Failed)
        .map(|row| (row.uid, row.reason))
        .collect();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].1.contains("does not deliver it"), "{failed:?}");
    assert_eq!(stage.tickets().len(), 8);
    assert_eq!(pop3.names(), ["name-002"], "what is not stored here is never deleted there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_another_program_has_open_is_waited_for() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Nothing).await;
    pop3.deliver(NOON - HOUR, letter("letter 001"));
    pop3.state().in_use = true;
    let error = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    assert!(error.to_string().contains("[IN-USE] locked"), "{error}");
    assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Waiting);
    pop3.state().in_use = false;
    stage.clock.advance(HOUR);
    assert_eq!(fetch(&stage).await.fetched, 1);
}

/// What RETR of one letter is answered with instead of what it is refused with otherwise.
fn refusing_with(pop3: &PretendPop3, name: &str, odd: impl Fn() -> Odd + Send + Sync + 'static) {
    let mut state = pop3.state();
    state.refused.insert(name.into());
    state.odd = Some(Arc::new(move |_: &str, answer: &[u8]| (answer == CANNOT_READ).then(&odd)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_letter_does_not_lock_the_mailbox_against_the_link_that_comes_after_it() {
    let coded = || Odd::Says(b"-ERR [SYS/PERM] message is corrupt\r\n".to_vec());
    let cut = || Odd::Cuts(b"+OK\r\nFrom: ann".to_vec());
    let slow = Duration::from_millis(1500);
    for (odd, lets_go_after) in [
        (Box::new(coded) as Box<dyn Fn() -> Odd + Send + Sync>, Duration::ZERO),
        (Box::new(coded), slow),
        (Box::new(cut), slow),
    ] {
        let (stage, pop3) = stage(StartFrom::Everything, Fetched::Delete).await;
        for name in names(1, 5) {
            pop3.deliver(NOON - HOUR, letter(&name));
        }
        refusing_with(&pop3, "name-002", odd);
        pop3.state().lets_go_after = lets_go_after;
        let summary = fetch(&stage).await;
        assert_eq!((summary.filed, summary.failed), (4, 1));
        assert_eq!(pop3.names(), ["name-002"], "it alone is left there");
        let health = stage.mailbox().incoming_health;
        assert_eq!(health.state, mailbox::State::Ok, "{}", health.reason);
    }
}

#[tokio::test(start_paused = true)]
async fn one_letter_at_which_the_server_falls_silent_does_not_lock_the_mailbox() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 5) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    refusing_with(&pop3, "name-002", || Odd::FallsSilent(b"+OK\r\nFrom: ann".to_vec()));
    let summary = fetch(&stage).await;
    assert_eq!((summary.filed, summary.failed), (4, 1));
    let left = stage.inbox().into_iter().find(|row| row.state == State::Failed).unwrap();
    assert!(left.reason.contains("did not answer within 60 s"), "{}", left.reason);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proof_and_the_doctor_go_past_the_sign_in() {
    let (stage, pop3) = stage(StartFrom::Everything, Fetched::Delete).await;
    pop3.deliver(NOON - HOUR, letter("letter 001"));
    let proof = courier::probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert!(proof.ok, "{proof:?}");
    assert_eq!(proof.detail, "The mailbox holds 1 message.");
    let examined = courier::doctor::examine(&stage.courier, stage.mailbox_id, courier::doctor::Extent::Links)
        .await
        .unwrap();
    let incoming: Vec<String> = examined
        .steps
        .iter()
        .filter(|step| step.part == courier::doctor::Part::Incoming)
        .map(|step| format!("{} {:?}", step.link.word(), step.result))
        .collect();
    assert_eq!(
        incoming,
        [
            "settings Good",
            "dns Good",
            "tcp Good",
            "tls Skipped",
            "capabilities Good",
            "sign_in Good",
            "folder Good",
            "folders Good",
            "rights Good"
        ]
    );
    assert_eq!(pop3.names().len(), 1, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_that_is_empty_once_forgets_nothing() {
    for start_from in [StartFrom::Now, StartFrom::Everything] {
        let (stage, pop3) = stage(start_from.clone(), Fetched::Nothing).await;
        for name in names(1, 3) {
            pop3.deliver(NOON - HOUR, letter(&name));
        }
        let tickets = if start_from == StartFrom::Now { 0 } else { 3 };
        assert_eq!(fetch(&stage).await.fetched, tickets);
        let there = pop3.state().letters.clone();
        let retrieved = || pop3.log().iter().filter(|line| line.starts_with("RETR")).count();
        let before = retrieved();
        for _ in 0..3 {
            pop3.state().letters.clear();
            assert_eq!(fetch(&stage).await.fetched, 0);
            pop3.state().letters = there.clone();
            assert_eq!(fetch(&stage).await.fetched, 0);
        }
        assert_eq!((stage.tickets().len(), retrieved()), (tickets, before), "nothing comes back as news");
        // Emptied for good, a server may give the same names again.
        pop3.state().letters.clear();
        fetch(&stage).await;
        fetch(&stage).await;
        pop3.state().letters.push(received("name-001", NOON, &letter("letter 009")));
        assert_eq!(fetch(&stage).await.fetched, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_that_lacks_some_brings_no_old_mail_back_as_news() {
    let (stage, pop3) = stage(StartFrom::Now, Fetched::Nothing).await;
    for name in names(1, 3) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    assert_eq!(fetch(&stage).await.fetched, 0);
    let whole = pop3.state().letters.clone();
    pop3.state().letters.truncate(1);
    assert_eq!(fetch(&stage).await.fetched, 0);
    pop3.state().letters = whole;
    assert_eq!((fetch(&stage).await.fetched, stage.tickets().len()), (0, 0));
}
