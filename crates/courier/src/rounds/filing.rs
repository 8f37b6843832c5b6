//! The filing round: what is due is filed, woken by each batch that was fetched.
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
        let wait = match file::drain(&courier, &stop, |_| {}).await {
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
