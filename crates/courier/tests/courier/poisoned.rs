//! A message that the server lists and does not deliver: it alone is left, with the reason, whatever else is listed.
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
use desk::intake::inbox::State;
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use desk::params;

const HOUR: i64 = 3_600_000;

/// So many letters, all of them in one batch.
async fn stage(letters: u32) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    stage.write(|tx| Ok(tx.execute("UPDATE mailbox SET batch = 100", params![])?));
    for name in names(1, letters) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    (stage, imap)
}

/// What was left, with the reasons.
fn left(stage: &Stage) -> Vec<(u32, String)> {
    let failed = stage.inbox().into_iter().filter(|row| row.state == State::Failed);
    failed.map(|row| (row.uid, row.reason)).collect()
}

fn commands(imap: &PretendImap, verb: &str) -> usize {
    imap.log().iter().filter(|line| line.starts_with(verb)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_refused_stops_nobody_where_no_other_is_listed_beside_its_batch() {
    for poisoned in [1, 2, 3] {
        let (stage, imap) = stage(3).await;
        imap.state().refused.insert(poisoned);
        let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
        assert_eq!((summary.filed, summary.failed), (2, 1));
        let left = left(&stage);
        assert_eq!(left.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [poisoned]);
        assert!(left[0].1.contains("It answers “this one is poisoned”."), "{left:?}");
        assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
        assert_eq!(imap.state().letters.len(), 1, "what is not stored here is never deleted there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_at_which_the_link_breaks_each_time_is_found_in_few_steps() {
    for poisoned in [1, 17, 40] {
        let (stage, imap) = stage(40).await;
        imap.state().breaks_at.insert(poisoned);
        let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
        assert_eq!((summary.filed, summary.failed), (39, 1));
        assert_eq!(left(&stage)[0].0, poisoned);
        assert!(commands(&imap, "AUTHENTICATE") <= 12, "{:?}", imap.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_among_many_are_found_by_halves() {
    let (stage, imap) = stage(64).await;
    imap.state().refused.extend([5, 6, 40]);
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (61, 3));
    let left: Vec<u32> = left(&stage).iter().map(|(uid, _)| *uid).collect();
    assert_eq!(left, [40, 6, 5]);
    assert!(commands(&imap, "UID FETCH") < 50, "one by one would be more: {:?}", imap.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_delivers_nothing_is_ill_until_it_delivers_something() {
    let (stage, imap) = stage(3).await;
    imap.state().breaks_at.extend([1, 2, 3]);
    for _ in 0..2 {
        fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
        assert!(stage.inbox().is_empty(), "no message is given up for a server that is ill");
        assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Waiting);
        stage.clock.advance(HOUR);
    }
    // One that comes after them is behind none of them.
    imap.deliver(NOON, letter("letter 004"));
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (1, 3));
    assert_eq!(stage.tickets(), ["letter 004"]);
    assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_earlier_makes_no_server_ill() {
    let (stage, imap) = stage(2).await;
    imap.state().refused.insert(2);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let there: Vec<u32> = imap.state().letters.iter().map(|letter| letter.uid).collect();
    assert_eq!(there, [2], "nothing healthy is listed any more");
    imap.state().refused.insert(3);
    for name in ["letter 003", "letter 004"] {
        imap.deliver(NOON, letter(name));
    }
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (1, 1));
    assert_eq!(left(&stage).iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [3, 2]);
}
