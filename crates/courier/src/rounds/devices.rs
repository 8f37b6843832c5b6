//! The round of device codes: whether somebody has signed in with one.
use super::wake::Wake;
use crate::{Courier, authorize};
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "grant", &stop);
    loop {
        if let Err(error) = look(&courier).await {
            tracing::error!("device codes could not be asked about: {error}");
        }
        if !wake.wait(LOOK_EVERY).await {
            return;
        }
    }
}

/// A look costs a read; a claim is a write, and made only where one is due.
async fn look(courier: &Courier) -> desk::Result<()> {
    let now = courier.now();
    if courier.read(move |tx| desk::mailboxes::grant::device_due(tx, now)).await? {
        authorize::poll_devices(courier, None).await?;
    }
    Ok(())
}
