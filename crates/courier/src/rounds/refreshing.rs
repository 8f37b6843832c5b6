//! The refreshing round: access tokens are renewed ahead of their end, also those of mailboxes that nobody fetches; and
//! what is being set up without a person is tried again, and providers are told of what has ended.
use super::wake::Wake;
use crate::refresh::{self, Want};
use crate::registration;
use crate::trouble::STORE_CODE;
use crate::{Courier, authorize};
use desk::mailboxes::{grant, mailbox};
use std::time::Duration;
use tokio::sync::watch;

const LOOK_EVERY: Duration = Duration::from_secs(10);
const AT_ONCE: i64 = 20;

pub(super) async fn run(courier: Courier, stop: watch::Receiver<bool>) {
    let mut wake = Wake::on(&courier, "grant", &stop);
    loop {
        if let Err(error) = look(&courier).await {
            tracing::error!("due access tokens could not be looked for: {error}");
        }
        if !wake.wait(LOOK_EVERY).await {
            return;
        }
    }
}

/// One turn of the round.
pub async fn look(courier: &Courier) -> desk::Result<()> {
    let now = courier.now();
    authorize::discard_disputed(courier).await?;
    let due = courier
        .read(move |tx| {
            let mut due = Vec::new();
            for id in grant::refresh_due(tx, now, AT_ONCE)? {
                let Some(grant) = grant::find(tx, id)? else { continue };
                let mailbox = mailbox::get(tx, grant.mailbox_id)?;
                due.push((id, registration::protocol_of(&mailbox, grant.side)));
            }
            Ok(due)
        })
        .await?;
    let refreshing = due.into_iter().map(|(id, protocol)| async move {
        // What the provider said stands in the grant's row, and was logged; of what went wrong before it was asked nobody
        // else hears.
        if let Err(trouble) = refresh::access_token(courier, id, protocol, Want::Ahead).await
            && trouble.code == STORE_CODE
        {
            tracing::error!(grant = id, "a due access token was not renewed: {}", trouble.reason);
        }
    });
    // Side by side: a provider that does not answer a mailbox that is being set up, or that hears of an end, holds up no
    // renewal.
    let renewed = futures_util::future::join_all(refreshing);
    let (_, tried, taken_back) = futures_util::future::join3(
        renewed,
        authorize::go_on_unattended(courier),
        authorize::take_back_left(courier),
    )
    .await;
    tried.and(taken_back)
}
