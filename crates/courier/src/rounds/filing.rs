//! The filing round: while one batch commits, the next is parsed.
use super::wake::Wake;
use crate::{Courier, file};
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(5);
const AFTER_FAILURE_S_MAX: u64 = 60;

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "inbox", &stop);
    let mut failures = 0_u32;
    loop {
        let wait = match drain(&courier, &stop).await {
            Ok(()) => {
                failures = 0;
                LOOK_EVERY
            }
            Err(error) => {
                tracing::error!("filing stopped for a while: {error}");
                failures = failures.saturating_add(1);
                Duration::from_secs((1_u64 << failures.min(6)).min(AFTER_FAILURE_S_MAX))
            }
        };
        if failures > 0 {
            // A commit is no reason to hurry what just failed.
            tokio::time::sleep(wait.min(Duration::from_secs(2))).await;
        }
        if !wake.wait(wait).await {
            return;
        }
    }
}

async fn drain(courier: &Courier, stop: &watch::Receiver<bool>) -> desk::Result<()> {
    let mut ready = file::prepare(courier, file::BATCH, &[]).await?;
    while !ready.is_empty() {
        if *stop.borrow() {
            return file::commit(courier, ready).await.map(drop);
        }
        let in_hand: Vec<i64> = ready.iter().map(|(claim, _)| claim.inbox_id).collect();
        let next = file::prepare(courier, file::BATCH, &in_hand);
        let (filed, next) = tokio::join!(file::commit(courier, ready), next);
        filed?;
        ready = next?;
    }
    Ok(())
}
