use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, until};
use courier::rounds;
use desk::mailboxes::mailbox::{Fetched, StartFrom};
use std::time::{Duration, Instant};
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn news_becomes_a_ticket_without_waiting_for_the_clock_and_stopping_is_quick() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    until(&stage.courier, || imap.log().iter().any(|line| line == "IDLE")).await;
    // The clock stands still: only the server's word can bring these.
    for name in ["one", "two", "three"] {
        imap.deliver(NOON + 1_000, letter(name));
        until(&stage.courier, || stage.tickets().iter().any(|subject| subject == name)).await;
    }
    let sign_ins = imap.log().iter().filter(|line| line.starts_with("AUTHENTICATE")).count();
    assert_eq!(sign_ins, 1, "one link for all");

    let asked = Instant::now();
    stop.send(true).unwrap();
    rounds.await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert!(stage.mailbox().due_at <= stage.clock.now() + 60_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_had_in_hand_is_free_at_the_next_start() {
    use desk::mailboxes::mailbox;
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    imap.deliver(NOON, letter("one"));
    let id = stage.mailbox_id;
    // No process has this number, and the clock stands still, so the lease would never end by itself. (On
    // PostgreSQL, where the other process may be on another machine, it has to.)
    if stage.read(|tx| Ok(tx.dialect())) != desk::db::Dialect::Sqlite {
        stage.clock.advance(31_000);
    }
    stage.write(|tx| mailbox::claim(tx, id, NOON, 30_000, "test:4294967294")).unwrap();
    let courier = stage.another(&format!("test:{}", std::process::id()));
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(courier.clone(), stopped);
    until(&courier, || stage.tickets() == ["one"]).await;
    stop.send(true).unwrap();
    rounds.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_that_came_while_nobody_ran_does_not_wait_for_the_clock() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    courier::fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert!(
        stage.mailbox().due_at > stage.clock.now(),
        "the next round is a minute away, and the clock stands still"
    );
    imap.deliver(NOON, letter("one"));
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    until(&stage.courier, || stage.tickets() == ["one"]).await;
    stop.send(true).unwrap();
    rounds.await.unwrap();
}
