//! Whether the next start would find its key: looked for while this one has it, and logged when that changes.
use crate::Courier;
use desk::site::key_health;
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(10);

pub(super) async fn run(courier: Courier, mut stop: watch::Receiver<bool>) {
    let mut told = None;
    loop {
        // A database that is away is told by the other rounds.
        if let Ok(found) = courier.blocking(key_health::trouble).await
            && found != told
        {
            match &found {
                Some(trouble) => {
                    tracing::error!("{trouble} {} {}", key_health::REMEDY, key_health::WITHOUT_A_COPY)
                }
                None => tracing::info!("the key file is in its place again"),
            }
            told = found;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}
