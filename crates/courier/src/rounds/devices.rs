//! The round of device codes: whether somebody has signed in with one.
use super::wake::Wake;
use crate::Courier;
use crate::authorize::{self, Polls};
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "grant", &stop);
    let mut polls = Polls::default();
    loop {
        if let Err(error) = look(&courier, &mut polls).await {
            tracing::error!("device codes could not be asked about: {error}");
        }
        while let Some(asked) = polls.try_join_next() {
            said(authorize::answered(asked));
        }
        if !wake.wait(LOOK_EVERY).await {
            break;
        }
    }
    while let Some(asked) = polls.join_next().await {
        said(authorize::answered(asked));
    }
}

/// A look costs a read; a claim is a write, and made only where one is due. It waits for no provider.
async fn look(courier: &Courier, polls: &mut Polls) -> desk::Result<()> {
    let now = courier.now();
    if courier.read(move |tx| desk::mailboxes::grant::device_due(tx, now)).await? {
        authorize::begin_polls(courier, polls, None).await?;
    }
    Ok(())
}

fn said(answered: desk::Result<Option<authorize::Banner>>) {
    if let Err(error) = answered {
        tracing::error!("a device code could not be asked about: {error}");
    }
}
