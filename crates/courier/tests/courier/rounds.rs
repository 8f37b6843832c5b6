use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, until};
use courier::{Process, rounds};
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use desk::params;
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
async fn where_fetched_mail_cannot_be_moved_the_next_letter_comes_by_the_servers_word_all_the_same() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    imap.state().no_moving = true;
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Move("Done".into()));
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    until(&stage.courier, || imap.log().iter().any(|line| line == "IDLE")).await;
    // The clock stands still: only the server's word can bring these.
    for name in ["one", "two"] {
        imap.deliver(NOON + 1_000, letter(name));
        until(&stage.courier, || stage.tickets().iter().any(|subject| subject == name)).await;
    }
    let sign_ins = imap.log().iter().filter(|line| line.starts_with("AUTHENTICATE")).count();
    assert_eq!(sign_ins, 1, "one link for all");
    // It rests; somebody who has mended the server and wants it now does not wait for the clock.
    imap.state().no_moving = false;
    assert!(imap.state().moved.is_empty());
    stage.write(|tx| mailbox::hurry(tx, stage.mailbox_id, stage.clock.now()));
    until(&stage.courier, || imap.state().moved.len() == 2).await;
    stop.send(true).unwrap();
    rounds.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_tells_of_news_without_end_is_followed_in_reason_and_its_mail_comes() {
    for says in ["* 1 RECENT\r\n", "* 99 EXISTS\r\n"] {
        let (stage, imap) = (Stage::new(), PretendImap::start().await);
        imap.state().idle_says = Some(says);
        stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
        let (stop, stopped) = watch::channel(false);
        let rounds = rounds::start(stage.courier.clone(), stopped);
        let waited = || imap.log().iter().filter(|line| *line == "IDLE").count();
        until(&stage.courier, || waited() > 0).await;
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert!((2..=4).contains(&waited()), "{says}: {} times in two seconds and a half", waited());
        imap.deliver(NOON + 1_000, letter("one"));
        until(&stage.courier, || stage.tickets() == ["one"]).await;
        stop.send(true).unwrap();
        rounds.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ends_the_waiting_at_once_is_asked_later_and_later() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    imap.state().idle_ends = true;
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    let waited = || imap.log().iter().filter(|line| *line == "IDLE").count();
    until(&stage.courier, || waited() > 2).await;
    assert!(waited() < 6, "{} times in three seconds", waited());
    imap.deliver(NOON + 1_000, letter("one"));
    stage.write(|tx| Ok(tx.execute("UPDATE mailbox SET due_at = 0", params![])?));
    until(&stage.courier, || stage.tickets() == ["one"]).await;
    stop.send(true).unwrap();
    rounds.await.unwrap();
}

/// More than have messages under way at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_say_nothing_keep_nobody_from_his_mail() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    let listens = tokio::spawn(async move {
        let mut links = Vec::new();
        while let Ok((link, _)) = silent.accept().await {
            links.push(link);
        }
    });
    for n in 0..40 {
        stage.also_fetched_from(&format!("silent{n}@contoso.example"), at);
    }
    let (stop, stopped) = watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    until(&stage.courier, || imap.log().iter().any(|line| line == "IDLE")).await;
    imap.deliver(NOON + 1_000, letter("one"));
    until(&stage.courier, || stage.tickets() == ["one"]).await;
    drop(stop);
    rounds.abort();
    listens.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_process_had_in_hand_is_free_at_the_next_start_and_what_a_living_one_has_is_not() {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_end_lets_go_at_once_and_leaves_what_is_at_a_server_to_the_next_start() {
    use desk::mailboxes::{grant, mailbox};
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.authorized_at(imap.address, imap.address);
    let data = tempfile::tempdir().unwrap();
    let id = stage.mailbox_id;
    for refreshes in [false, true] {
        let number = 1 + u8::from(refreshes);
        let process = Process::begin(data.path(), [number; 8]);
        let name = process.name().to_owned();
        let ending = stage.another(process);
        let consent_lease = |tx: &mut desk::db::Tx<'_>| -> desk::Result<bool> {
            let (leased,): (bool,) =
                tx.one("SELECT EXISTS (SELECT 1 FROM consent WHERE leased_until > 0)", desk::params![])?;
            Ok(leased)
        };
        stage.write(|tx| mailbox::claim(tx, id, NOON, 30_000, &name)).expect("it is free");
        if refreshes {
            stage.write(|tx| {
                Ok(tx.execute(
                    "INSERT INTO consent (client_id, mailbox_id, side, state, state_since, leased_until, leased_by, created_at)
                     SELECT id, $1, 'incoming', 'fulfilled', $2, $3, $4, $2 FROM client",
                    desk::params![id, NOON, NOON + 90_000, name.as_str()],
                )?)
            });
        }
        rounds::let_go(&ending).await;
        assert_eq!(stage.read(|tx| mailbox::holder(tx, id, NOON)), None);
        assert_eq!(stage.read(consent_lease), refreshes, "its answer may still come");
        drop(ending);
        let file = data.path().join(format!("processes/{}", format!("{number:02x}").repeat(8)));
        assert_eq!(file.exists(), refreshes);
    }
    let next = stage.another(Process::begin(data.path(), [3; 8]));
    let (stop, stopped) = watch::channel(false);
    let begun = rounds::start(next, stopped);
    stop.send(true).unwrap();
    begun.await.unwrap();
    let left = stage.read(|tx| grant::latest(tx, id, mailbox::Side::Incoming)).unwrap();
    assert_eq!(left.generation, 1, "its lease was ended");
}
