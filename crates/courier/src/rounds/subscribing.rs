//! The round of subscriptions: which are to be made, renewed or taken back, by what the mailboxes say and by the clock.
use super::AFTER_FAILURE;
use super::wake::Wake;
use crate::{Courier, subscription};
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "mailbox", &stop);
    let mut failed = String::new();
    loop {
        let looked = look(&courier).await;
        let wait = if looked.is_ok() { LOOK_EVERY } else { AFTER_FAILURE };
        let why = looked.err().map(|error| error.to_string()).unwrap_or_default();
        // A database that is away is told once, not as often as it is asked.
        if !why.is_empty() && why != failed {
            tracing::error!("subscriptions for change notifications could not be looked after: {why}");
        }
        failed = why;
        if !wake.wait(wait).await {
            return;
        }
    }
}

/// One turn of the round.
pub async fn look(courier: &Courier) -> desk::Result<()> {
    subscription::look(courier).await
}
