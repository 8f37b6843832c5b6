use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, until};
use courier::{Process, rounds};
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
async fn what_a_killed_process_had_in_hand_is_free_at_the_next_start_and_what_a_living_one_has_is_not() {
    use desk::mailboxes::mailbox;
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    imap.deliver(NOON, letter("one"));
    let data = tempfile::tempdir().unwrap();
    // The clock stands still, so the lease never ends by itself.
    let (id, alive) = (stage.mailbox_id, Process::begin(data.path(), [1; 8]));
    stage.write(|tx| mailbox::claim(tx, id, NOON, 30_000, alive.name())).unwrap();

    let second = stage.another(Process::begin(data.path(), [2; 8]));
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(second.clone(), stopped);
    stop.send(true).unwrap();
    rounds.await.unwrap(); // it has begun, and so has looked
    let holder = stage.read(|tx| mailbox::holder(tx, id, NOON));
    assert_eq!(holder.as_deref(), Some(alive.name()));

    // A kill: the lock is gone with the process, and its file is as it was.
    let (file, kept) = (data.path().join("processes/0101010101010101"), data.path().join("kept"));
    std::fs::hard_link(&file, &kept).unwrap();
    drop(alive);
    std::fs::rename(&kept, &file).unwrap();
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(second.clone(), stopped);
    until(&second, || stage.tickets() == ["one"]).await;
    assert!(!file.exists(), "it is forgotten");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_off_while_the_clock_was_ahead_is_looked_at_when_it_is_set_back() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    imap.state().no_idle = true;
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    stage.clock.set(NOON + 3 * 3_600_000);
    imap.deliver(NOON, letter("one"));
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    until(&stage.courier, || stage.tickets() == ["one"]).await;
    until(&stage.courier, || stage.mailbox().due_at > NOON + 3 * 3_600_000).await;
    imap.deliver(NOON, letter("two"));
    stage.clock.set(NOON);
    until(&stage.courier, || stage.tickets() == ["one", "two"]).await;
    stop.send(true).unwrap();
    rounds.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_off_by_days_while_the_clock_was_ahead_is_looked_at_at_the_next_start() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    stage.clock.set(NOON + 3 * 24 * 3_600_000);
    imap.state().sign_in = Some("NO [AUTHENTICATIONFAILED] wrong".into());
    courier::fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    imap.state().sign_in = None;
    imap.deliver(NOON, letter("one"));
    stage.clock.set(NOON);
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    until(&stage.courier, || stage.tickets() == ["one"]).await;
    stop.send(true).unwrap();
    rounds.await.unwrap();
}
