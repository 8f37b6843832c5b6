//! Looks whether the clock was set back, as it is when a machine starts with a wrong one and is set right a little later.
//! What was put off by the wrong one is looked at now.
use crate::Courier;
use desk::site::due;
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Less is the clock being kept right.
pub(crate) const SET_BACK_MS: i64 = 2_000;
/// Nothing is put off for longer while the clock is right.
const PUT_OFF_MS_MAX: i64 = 24 * 60 * 60_000;

pub(super) async fn run(courier: Courier, mut stop: watch::Receiver<bool>) {
    let mut last = courier.now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let now = courier.now();
        if now < last - SET_BACK_MS {
            tracing::warn!(
                "the clock was set back by {} s; what waited for it is looked at now",
                (last - now) / 1000
            );
            if !hurry(&courier, now, now).await {
                continue; // looked at again, with the time of before
            }
        }
        last = now;
    }
}

/// At the start of the program: nobody saw the clock being set back while nobody ran.
pub(super) async fn begin(courier: &Courier, now: i64) {
    hurry(courier, now.saturating_add(PUT_OFF_MS_MAX), now).await;
}

async fn hurry(courier: &Courier, beyond: i64, now: i64) -> bool {
    let hurried = courier.write(move |tx| due::not_beyond(tx, beyond, now)).await;
    hurried.inspect_err(|error| tracing::warn!("what waits could not be hurried: {error}")).is_ok()
}
