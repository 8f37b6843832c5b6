//! A server that asks for a pause when it is asked for some letters: the others come all the same.
use crate::poisoned::{commands, refusing, short, stage, unaccounted};
use crate::stage::{NOON, letter};
use courier::fetch;
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

const BACK_OFF: &str = "Request is throttled. Suggested Backoff Time: 20000 milliseconds";

/// Each time at the same letter: that is no server that has too much to do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_pause_at_one_letter_each_time_keeps_none_of_the_others_back() {
    let (stage, imap) = stage(4).await;
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    imap.state().refused.insert(2);
    imap.state().odd = Some(refusing("this one is poisoned", BACK_OFF));
    let others = ["letter 001", "letter 003", "letter 004"];
    // As a server does it: when it is due again.
    let when_due = || stage.clock.advance((stage.mailbox().due_at - stage.clock.now()).max(1));
    let (mut rounds, began) = (0, stage.clock.now());
    while stage.tickets() != others {
        let said = short(&stage).await;
        assert!(said.contains("throttled"), "{said}");
        rounds += 1;
        assert!(rounds < 20, "{:?}", stage.tickets());
        when_due();
    }
    assert!(rounds > 2 && stage.clock.now() - began < 60 * MINUTE, "at first it is left alone as a whole");
    imap.deliver(NOON, letter("letter 005"));
    for _ in 0..2 {
        short(&stage).await;
        when_due();
    }
    assert_eq!(stage.tickets().len(), 4, "the next one comes at the second look at the latest");
    stage.clock.advance(5 * MINUTE);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    assert_eq!(unaccounted(&stage).0, 1, "it is not given up");
    imap.state().refused.clear();
    stage.clock.advance(31 * MINUTE);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 1);
    assert_eq!((stage.tickets().len(), unaccounted(&stage).0), (5, 0));
}

/// Whichever letters those are, how many, and whether they lie side by side: when a mailbox is due is when it is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_letters_a_server_asks_for_a_pause_at_the_others_come_within_minutes_each() {
    let cases: [(u32, Vec<u32>, i64); 5] = [
        (9, vec![2, 5], 15),
        (9, vec![2, 4, 6], 20),
        (30, (1..=12).map(|number| 2 * number).collect(), 50),
        (30, (2..=13).collect(), 50),
        (50, (5..=40).collect(), 90),
    ];
    for (letters, throttled, minutes) in cases {
        let (stage, imap) = stage(letters).await;
        stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
        imap.state().refused.extend(&throttled);
        imap.state().odd = Some(refusing("this one is poisoned", BACK_OFF));
        let (began, others) = (stage.clock.now(), letters as usize - throttled.len());
        let mut rounds = 0;
        while stage.tickets().len() < others {
            short(&stage).await;
            let mailbox = stage.mailbox();
            assert_eq!(
                mailbox.last_mail_at.is_some(),
                !stage.tickets().is_empty(),
                "also where a round fails"
            );
            let due_in = mailbox.due_at - stage.clock.now();
            assert!(due_in >= 60_000, "the server is left alone as long as it asks for");
            stage.clock.advance(due_in);
            rounds += 1;
            let passed = (stage.clock.now() - began) / MINUTE;
            assert!(
                passed < minutes,
                "{passed} minutes, {rounds} rounds: {:?} of {throttled:?}",
                stage.tickets()
            );
        }
        // New mail comes beside them, each is accounted for, and the mailbox says what it waits for.
        let name = format!("letter {:03}", letters + 1);
        imap.deliver(NOON, letter(&name));
        let _ = fetch::once(&stage.courier, stage.mailbox_id).await;
        assert!(stage.tickets().contains(&name), "{:?}", stage.tickets());
        let mut told = false;
        for _ in 0..2 * throttled.len() + 6 {
            stage.clock.advance(stage.mailbox().due_at - stage.clock.now());
            let said = short(&stage).await;
            let mailbox = stage.mailbox();
            assert_eq!(mailbox.incoming_health.state, mailbox::State::Waiting);
            if mailbox.incoming_health.reason_code == "not_delivered" {
                assert!(said.contains("asked for again after all others, until the server gives"), "{said}");
                assert_eq!(unaccounted(&stage).0, throttled.len() as i64);
                told = true;
            }
        }
        assert!(told, "{:?}", stage.mailbox().incoming_health);
        imap.state().refused.clear();
        let well_at = stage.clock.now();
        while stage.inbox().len() <= letters as usize {
            stage.clock.advance((stage.mailbox().due_at - stage.clock.now()).max(1));
            let _ = fetch::once(&stage.courier, stage.mailbox_id).await;
            assert!(stage.clock.now() - well_at < 20 * MINUTE, "{} letters", stage.inbox().len());
        }
        assert_eq!((stage.tickets().len(), unaccounted(&stage).0), (letters as usize + 1, 0));
        assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
    }
}

/// As long as nothing comes, each round asks for one letter, and rounds are fewer and fewer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_asks_for_a_pause_at_all_letters_is_left_alone_as_before() {
    let (stage, imap) = stage(20).await;
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    imap.state().refused.extend(1..=20);
    imap.state().odd = Some(refusing("this one is poisoned", BACK_OFF));
    let began = stage.clock.now();
    for round in 1..=30 {
        assert!(short(&stage).await.contains("throttled"));
        assert_eq!((commands(&imap, "UID FETCH"), stage.mailbox().failures), (round, round as i64));
        assert_ne!(stage.mailbox().incoming_health.reason_code, "not_delivered");
        stage.clock.advance(stage.mailbox().due_at - stage.clock.now());
    }
    assert!(stage.clock.now() - began > 6 * HOUR, "a quarter of an hour and more between two of them");
    imap.state().refused.clear();
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 20);
}
