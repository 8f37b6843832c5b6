//! When what is done: fetching, filing, sending and refreshing, woken by commits and by the clock. What is done is
//! elsewhere; here nothing escapes: it is logged once, and the round goes on.
mod fetching;
mod filing;
mod refreshing;
mod sending;
mod wake;

use crate::Courier;
use desk::db::Dialect;
use desk::mailboxes::mailbox;
use desk::site::lease;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Of the ten seconds that stopping may take.
const STOP_LIMIT: Duration = Duration::from_millis(9_500);
/// A round that panicked begins anew after this.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Starts every round. They end within ten seconds of `shutdown` turning true, with nothing half done.
pub fn start(courier: Courier, shutdown: watch::Receiver<bool>) -> JoinHandle<()> {
    tokio::spawn(async move {
        begin(&courier).await;
        let mut rounds = JoinSet::new();
        rounds.spawn(lasting("fetching", courier.clone(), shutdown.clone(), fetching::run));
        rounds.spawn(lasting("filing", courier.clone(), shutdown.clone(), filing::run));
        rounds.spawn(lasting("sending", courier.clone(), shutdown.clone(), sending::run));
        rounds.spawn(lasting("refreshing", courier, shutdown.clone(), refreshing::run));
        let mut shutdown = shutdown;
        let all = async { while rounds.join_next().await.is_some() {} };
        let too_late = async {
            if shutdown.wait_for(|stop| *stop).await.is_ok() {
                tokio::time::sleep(STOP_LIMIT).await;
            } // else: nobody can ask any more, and the rounds have ended by themselves
        };
        tokio::select! {
            () = all => {}
            () = too_late => tracing::warn!("a round did not end in time and was broken off; its leases will end"),
        }
    })
}

/// One round for as long as Postern runs: a panic ends a turn, not the round.
async fn lasting<F>(
    name: &'static str,
    courier: Courier,
    stop: watch::Receiver<bool>,
    run: impl Fn(Courier, watch::Receiver<bool>) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let mut turn = JoinSet::new(); // ends its task when it is dropped
        turn.spawn(run(courier.clone(), stop.clone()));
        match turn.join_next().await {
            Some(Err(error)) if error.is_panic() && !*stop.borrow() => {
                tracing::error!("{name} failed and begins anew: {error}");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
            Some(Ok(()) | Err(_)) | None => return,
        }
    }
}

/// What processes of this machine had in hand when they were killed is free at once, and mailboxes that are well
/// are looked at now. The first only with SQLite, whose file is of this machine: a PostgreSQL may serve another
/// machine of the same name, so there the leases run out.
async fn begin(courier: &Courier) {
    let (own, now) = (courier.node().to_owned(), courier.now());
    let released = courier.write(move |tx| {
        let mut released = 0;
        let of_this_machine = tx.dialect() == Dialect::Sqlite;
        for holder in lease::holders(tx, now)? {
            if of_this_machine && (holder == own || is_gone(&own, &holder)) {
                released += lease::release(tx, &holder, now)?;
            }
        }
        mailbox::hurry_well(tx, now)?;
        Ok(released)
    });
    match released.await {
        Ok(0) => {}
        Ok(count) => tracing::info!("{count} leases of a process that is gone were ended"),
        Err(error) => tracing::warn!("old leases could not be ended: {error}"),
    }
}

/// Nodes are called `machine:process`. Only of its own machine can a process know which others are gone.
fn is_gone(own: &str, holder: &str) -> bool {
    let (Some((machine, _)), Some((its, process))) = (own.rsplit_once(':'), holder.rsplit_once(':')) else {
        return false;
    };
    let numbered = process.parse::<u32>().is_ok();
    machine == its && numbered && std::path::Path::new("/proc/self").exists() && {
        !std::path::Path::new("/proc").join(process).exists()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_process_of_this_machine_that_is_not_there_is_gone() {
        let own = format!("desk1:{}", std::process::id());
        assert!(super::is_gone(&own, "desk1:4294967294"));
        assert!(!super::is_gone(&own, &own));
        assert!(!super::is_gone(&own, "desk2:4294967294"));
        assert!(!super::is_gone(&own, "desk1:../1"));
        assert!(!super::is_gone("test", "other"));
    }
}
