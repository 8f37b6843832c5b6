//! The round of device codes: whether somebody has signed in with one.
use super::wake::Wake;
use super::{AFTER_FAILURE, take_over};
use crate::Courier;
use crate::authorize::{self, Polls};
use desk::mailboxes::grant;
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "grant", &stop);
    let mut polls = Polls::default();
    let mut failed = String::new();
    loop {
        let looked = look(&courier, &mut polls).await;
        let wait = if looked.is_ok() { LOOK_EVERY } else { AFTER_FAILURE };
        let why = looked.err().map(|error| error.to_string()).unwrap_or_default();
        // A database that is away is told once, not as often as it is asked.
        if !why.is_empty() && why != failed {
            tracing::error!("device codes could not be asked about: {why}");
        }
        failed = why;
        while let Some(asked) = polls.try_join_next() {
            said(authorize::answered(asked));
        }
        if !wake.wait(wait).await {
            break;
        }
    }
    while let Some(asked) = polls.join_next().await {
        said(authorize::answered(asked));
    }
}

/// A look costs a read; a claim is a write, and made only where one is due. It waits for no provider.
async fn look(courier: &Courier, polls: &mut Polls) -> desk::Result<()> {
    let (now, of) = (courier.now(), courier.clone());
    let look = courier.read(move |tx| {
        let left = grant::any_of_a_process(tx)? && !of.process().ended(tx.dialect()).is_empty();
        Ok((left, grant::device_due(tx, now)?))
    });
    let (left, due) = look.await?;
    if left {
        take_over(courier).await;
    }
    if due {
        authorize::begin_polls(courier, polls, None).await?;
    }
    Ok(())
}

fn said(answered: desk::Result<Option<authorize::Banner>>) {
    if let Err(error) = answered {
        tracing::error!("a device code could not be asked about: {error}");
    }
}
