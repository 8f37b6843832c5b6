//! A subscription is taken back: at the server that it was made at, which is told as long as there is something to tell it
//! with. What cannot be told ends by itself, and is ignored until then.
use super::{LEASE_MS, tend};
use crate::connect::{self, Access};
use crate::graph::{self, ask};
use crate::trouble::Trouble;
use crate::{Courier, probe};
use desk::mailboxes::mailbox::{Mailbox, RemoteMailbox, Security, Side};
use desk::mailboxes::subscription::{self, Claim, Setback, Subscription};
use std::time::Duration;
use wire::Server;

/// Nobody waits longer for a server that no longer matters.
const LIMIT: Duration = Duration::from_secs(10);
/// More than any mailbox has.
const ALL: i64 = 200;

/// The mailbox is about to lose its consent, by which alone they can be ended.
pub(crate) async fn before_removal(courier: &Courier, mailbox_id: i64) -> desk::Result<()> {
    if crate::hold::refused(courier, "no subscription is ended").await.is_err() {
        return Ok(());
    }
    let (now, node) = (courier.now(), courier.node().to_owned());
    let claims = courier.write(move |tx| {
        if subscription::of_mailbox(tx, mailbox_id)?.is_empty() {
            return Ok(Vec::new());
        }
        subscription::end_of_mailbox(tx, mailbox_id, now)?;
        // In one with that, so that no round takes them.
        subscription::claim_due(tx, Some(mailbox_id), now, (LEASE_MS, &node), ALL)
    });
    let claims = claims.await?;
    let of = courier.clone();
    let ending = tokio::spawn(async move {
        for (claim, one) in &claims {
            if let Err(error) = tend(&of, *claim, one).await {
                tracing::warn!(mailbox = mailbox_id, "a subscription could not be ended: {error}");
            }
        }
    });
    if tokio::time::timeout(LIMIT, ending).await.is_err() {
        tracing::info!(mailbox = mailbox_id, "subscriptions are still being ended at their server");
    }
    Ok(())
}

/// The same where a mailbox is about to be read at another server or by another protocol: the consent for the one that it is
/// read at now may end with that.
pub async fn before_moving(courier: &Courier, mailbox_id: i64, remote: &RemoteMailbox) -> desk::Result<()> {
    let mailbox = probe::find(courier, mailbox_id).await?;
    let (there, wanted) = (&mailbox.incoming, &remote.server);
    let stays = remote.protocol == mailbox.protocol
        && wanted.host.trim().eq_ignore_ascii_case(&there.host)
        && wanted.port == there.port;
    if stays || !mailbox.is_by_graph(Side::Incoming) {
        return Ok(());
    }
    before_removal(courier, mailbox_id).await
}

pub(super) async fn end(courier: &Courier, claim: Claim, one: &Subscription) -> desk::Result<()> {
    let ended = at_the_server(courier, one).await;
    let now = courier.now();
    let Err(trouble) = ended else {
        return courier.write(move |tx| subscription::ended(tx, claim, now)).await.map(drop);
    };
    let reason = trouble.whole_reason();
    let next_at = trouble.next_at(courier, one.failures);
    let is_over = one.ends_at.is_none_or(|ends_at| ends_at <= next_at);
    if trouble.needs_person() || is_over {
        tracing::info!(
            mailbox = one.mailbox_id,
            folder = one.folder,
            "a subscription ends by itself, as it could not be taken back: {reason}"
        );
        return courier.write(move |tx| subscription::given_up(tx, claim, &reason, now)).await.map(drop);
    }
    let why = Setback { code: trouble.code, reason, remedy: trouble.remedy, next_at };
    courier.write(move |tx| subscription::failed(tx, claim, &why, now)).await.map(drop)
}

async fn at_the_server(courier: &Courier, one: &Subscription) -> Result<(), Trouble> {
    let Some(server_id) = &one.server_id else { return Ok(()) };
    let mailbox = probe::find(courier, one.mailbox_id).await?;
    let access = access(courier, &mailbox, one).await?;
    let mut opened = graph::Opened::by(courier, access).await?;
    let ended = ask!(opened, |session| session.unsubscribe(server_id));
    ended.map_err(|error| Trouble::of(&error, opened.place()))
}

/// To where it was made, also where the mailbox is read elsewhere by now.
async fn access(courier: &Courier, mailbox: &Mailbox, one: &Subscription) -> Result<Access, Trouble> {
    let server = Server {
        host: one.host.clone(),
        port: one.port,
        security: match one.security {
            Security::Tls => wire::Security::Tls,
            Security::StartTls => wire::Security::StartTls,
            Security::Plain => wire::Security::Plain,
        },
    };
    connect::Access::to_graph(courier, mailbox, server, &one.username).await
}
