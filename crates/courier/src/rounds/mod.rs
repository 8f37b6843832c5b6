//! When what is done: fetching, filing, sending, refreshing, alerting, asking about device codes, being told of news and looking at clock and key,
//! woken by commits and by the clock. What is done is elsewhere; here nothing escapes: it is logged once, and the round goes on.
mod alerting;
mod devices;
mod fetching;
mod filing;
mod hold;
mod key;
mod refreshing;
mod sending;
mod set_back;
mod subscribing;
mod wake;

pub use alerting::turn as look_for_alerts;
pub use hold::run as while_released;
pub use refreshing::look as refresh_due;
pub(crate) use set_back::SET_BACK_MS;
pub use subscribing::look as look_after_subscriptions;
pub(crate) use wake::Wake;

use crate::Courier;
use crate::process::Ended;
use desk::intake::inbox;
use desk::mailboxes::{grant, mailbox};
use desk::site::lease;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Of the ten seconds that stopping may take.
const STOP_LIMIT: Duration = Duration::from_millis(9_500);
/// A database that does not answer must not hold up the end.
const LETTING_GO: Duration = Duration::from_millis(500);
/// A round that could not ask the database looks again after this.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
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
        rounds.spawn(lasting("looking at the clock", courier.clone(), shutdown.clone(), set_back::run));
        rounds.spawn(lasting("looking at the key", courier.clone(), shutdown.clone(), key::run));
        rounds.spawn(lasting("alerting", courier.clone(), shutdown.clone(), alerting::run));
        rounds.spawn(lasting("asking about codes", courier.clone(), shutdown.clone(), devices::run));
        rounds.spawn(lasting("subscribing", courier.clone(), shutdown.clone(), subscribing::run));
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

/// What was in hand at a kill is free at once, and mailboxes that are well are looked at now.
async fn begin(courier: &Courier) {
    take_over(courier).await;
    let now = courier.now();
    set_back::begin(courier, now).await;
    let version = env!("CARGO_PKG_VERSION");
    match courier.write(move |tx| inbox::retry_after_upgrade(tx, version, now)).await {
        Ok(0) => {}
        Ok(count) => tracing::info!("{count} messages that an older version could not file are tried again"),
        Err(error) => tracing::warn!("what an older version could not file is not tried again: {error}"),
    }
    if let Err(error) = courier.write(move |tx| mailbox::hurry_well(tx, now)).await {
        tracing::warn!("mailboxes could not be hurried: {error}");
    }
}

/// Ends the leases of processes of this data folder that are gone, and the codes that they showed.
pub(crate) async fn take_over(courier: &Courier) {
    let (of, now) = (courier.clone(), courier.now());
    let released = courier.write(move |tx| {
        let ended = of.process().ended(tx.dialect());
        let mut released = 0;
        for process in &ended {
            released += lease::release(tx, &process.name, now)?;
            grant::end_devices_of(tx, &process.name, now)?;
        }
        Ok((released, ended))
    });
    match released.await {
        Ok((count, ended)) => {
            ended.iter().for_each(Ended::forget);
            if count > 0 {
                tracing::info!("{count} leases of processes that are gone were ended");
            }
        }
        Err(error) => tracing::warn!("old leases could not be ended: {error}"),
    }
}

/// An orderly end, after the rounds: what was in hand is free at once, and what is still at somebody's server is left to
/// the next start, which sees that this process is gone.
pub async fn let_go(courier: &Courier) {
    let (owner, now) = (courier.node().to_owned(), courier.now());
    let gone = courier.write(move |tx| lease::let_go(tx, &owner, now));
    match tokio::time::timeout(LETTING_GO, gone).await {
        Ok(Ok(true)) => {}
        Ok(Ok(false)) | Err(_) => courier.process().leaves_work(),
        Ok(Err(error)) => {
            tracing::warn!("leases could not be ended: {error}");
            courier.process().leaves_work();
        }
    }
}
