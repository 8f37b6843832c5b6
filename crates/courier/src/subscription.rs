//! Microsoft is asked to tell of new mail (change notifications): a subscription is made for each folder that wants one,
//! renewed long before its end, and taken back when it is wanted no more. Whatever goes wrong with that harms no fetch: mail
//! is looked for every so often all the same.
//!
//! One that is made at the server by a process that is killed before it could note it is known to nobody: what it tells is
//! ignored, and it ends by itself within [`LIFE_MS`].
mod ending;
mod trouble;

use crate::connect::{self, Incoming, Which};
use crate::graph::{self, ask};
use crate::trouble::Trouble;
use crate::{Courier, probe};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use desk::mailboxes::client;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{Mailbox, Shape, Side};
use desk::mailboxes::subscription::{self, Claim, Setback, State, Subscription};
use desk::site::mail_hold;
use secrecy::SecretString;
use url::Url;
use wire::graph::Wanted;

pub use ending::before_moving;
pub(crate) use ending::before_removal;

/// How long one is asked for. Microsoft allows a week; what nobody ends is gone sooner by this.
const LIFE_MS: i64 = 3 * crate::clock::DAY_MS;
/// So long before its end is it renewed at the latest that two days of trouble on either side lose none.
const RENEWED_AFTER_MS: i64 = 20 * 60 * 60_000;
/// A server that gives less is asked no more often.
const RENEWED_AFTER_MS_MIN: i64 = 60_000;
/// Outlasts a request with what comes before it.
const LEASE_MS: i64 = 3 * 60_000;
const AT_ONCE: i64 = 8;

/// Where the path of notifications begins, below `site.url`.
pub const PATH: &str = "graph/notifications";

/// Where Microsoft tells.
pub(crate) fn address(courier: &Courier) -> Url {
    let mut url = courier.site_url().clone();
    url.set_path(&format!("/{PATH}"));
    url
}

/// All that is due is done.
pub(crate) async fn look(courier: &Courier) -> desk::Result<()> {
    if courier.holds_mail() {
        return Ok(());
    }
    let (to, now) = (address(courier), courier.now());
    let sought = to.clone();
    let look = courier.read(move |tx| {
        if mail_hold::is_on(tx)? {
            return Ok((false, false));
        }
        Ok((subscription::arrange(tx, &sought, now, true)?, subscription::is_due(tx, now)?))
    });
    let (unsettled, due) = look.await?;
    if unsettled {
        courier.write_behind(move |tx| subscription::arrange(tx, &to, now, false)).await?;
    }
    if unsettled || due {
        while !turn(courier, None).await? {}
    }
    Ok(())
}

/// Some of those that are due, side by side. `true`: they were the last.
async fn turn(courier: &Courier, of_mailbox: Option<i64>) -> desk::Result<bool> {
    let (now, node) = (courier.now(), courier.node().to_owned());
    let claims = courier
        .write_behind(move |tx| subscription::claim_due(tx, of_mailbox, now, (LEASE_MS, &node), AT_ONCE));
    let claims = claims.await?;
    let all = claims.iter().map(|(claim, one)| tend(courier, *claim, one));
    let tended: desk::Result<Vec<()>> = futures_util::future::join_all(all).await.into_iter().collect();
    tended.map(|done| done.is_empty())
}

async fn tend(courier: &Courier, claim: Claim, one: &Subscription) -> desk::Result<()> {
    let tended = match (one.state, &one.server_id) {
        (State::Ending, _) => return ending::end(courier, claim, one).await,
        (State::Active, Some(server_id)) => renew(courier, claim, one, server_id).await,
        (State::Wanted, _) | (State::Active, None) => make(courier, claim, one).await,
    };
    match tended {
        Ok(done) => done,
        Err(trouble) => failed(courier, claim, one, &trouble).await,
    }
}

/// It is tried again later and later, and says why.
async fn failed(courier: &Courier, claim: Claim, one: &Subscription, trouble: &Trouble) -> desk::Result<()> {
    let now = courier.now();
    if one.failures == 0 {
        tracing::warn!(
            mailbox = one.mailbox_id,
            folder = one.folder,
            code = trouble.code,
            "change notifications: {}",
            trouble.whole_reason()
        );
    }
    let why = Setback {
        code: trouble.code.clone(),
        reason: trouble.whole_reason(),
        remedy: trouble.remedy.clone(),
        next_at: trouble.next_at(courier, one.failures),
    };
    let is_over = one.state == State::Active && one.ends_at.is_some_and(|ends_at| ends_at <= now);
    courier
        .write(move |tx| {
            // One that has ended meanwhile is not renewed but made, which needs no more than that.
            if is_over && subscription::lost(tx, claim, why.next_at)? {
                return Ok(());
            }
            subscription::failed(tx, claim, &why, now).map(drop)
        })
        .await
}

async fn make(courier: &Courier, claim: Claim, one: &Subscription) -> Result<desk::Result<()>, Trouble> {
    let to = address(courier);
    trouble::is_public(courier, &to)?;
    let mailbox = probe::find(courier, one.mailbox_id).await?;
    if one.state == State::Wanted {
        is_told_of(courier, &mailbox).await?;
    }
    let mut opened = open(courier, &mailbox).await?;
    let found = ask!(opened, |session| session.folder(&one.folder));
    let folder = found.map_err(|error| Trouble::of(&error, opened.place()))?;
    let folder = folder.ok_or_else(|| trouble::no_folder(&one.folder))?;
    let secret = SecretString::from(URL_SAFE_NO_PAD.encode(courier.random::<32>()));
    let ends_at = courier.now().saturating_add(LIFE_MS);
    let made = ask!(opened, |session| session.subscribe(Wanted {
        folder_id: &folder.id,
        to: &to,
        client_state: &secret,
        ends_at,
    }));
    let made = made.map_err(|error| trouble::of_making(&error, opened.place(), &to))?;
    let now = courier.now();
    let (next_at, kept, id) = (renewed_at(now, made.ends_at), made.clone(), claim);
    let noted = courier.write(move |tx| {
        use secrecy::ExposeSecret as _;
        subscription::made(tx, id, (&kept.id, secret.expose_secret(), kept.ends_at), next_at, now)
    });
    match noted.await {
        Ok(true) => Ok(Ok(())),
        // Wanted no more, or kept by nobody: it is ours alone to end.
        noted => {
            let ended = ask!(opened, |session| session.unsubscribe(&made.id));
            if let Err(error) = ended {
                tracing::info!(
                    mailbox = one.mailbox_id,
                    "a subscription that is not wanted ends by itself: {error}"
                );
            }
            Ok(noted.map(drop))
        }
    }
}

async fn renew(
    courier: &Courier,
    claim: Claim,
    one: &Subscription,
    server_id: &str,
) -> Result<desk::Result<()>, Trouble> {
    let mailbox = probe::find(courier, one.mailbox_id).await?;
    let mut opened = open(courier, &mailbox).await?;
    let ends_at = courier.now().saturating_add(LIFE_MS);
    let renewed = ask!(opened, |session| session.renew_subscription(server_id, ends_at));
    let renewed = renewed.map_err(|error| Trouble::of(&error, opened.place()))?;
    let now = courier.now();
    let noted = courier.write(move |tx| match &renewed {
        Some(renewed) => {
            subscription::renewed(tx, claim, renewed.ends_at, renewed_at(now, renewed.ends_at), now).map(drop)
        }
        None => subscription::lost(tx, claim, now).map(drop),
    });
    Ok(noted.await)
}

fn renewed_at(now: i64, ends_at: i64) -> i64 {
    let half = ends_at.saturating_sub(now) / 2;
    now.saturating_add(half.clamp(RENEWED_AFTER_MS_MIN, RENEWED_AFTER_MS))
}

/// As a round would.
async fn open(courier: &Courier, mailbox: &Mailbox) -> Result<Box<graph::Opened>, Trouble> {
    match connect::incoming(courier, mailbox, Which::InUse).await? {
        Incoming::Graph(opened) => Ok(opened),
        // Only what is read by Graph has a subscription that is not being ended.
        Incoming::Imap(_) | Incoming::Pop3(_) => Err(graph::by_token_alone()),
    }
}

/// By a person's consent Microsoft tells of the person's own mailbox alone. For a shared one it takes the subscription,
/// and may then tell of nothing: that would look like no mail.
async fn is_told_of(courier: &Courier, mailbox: &Mailbox) -> Result<(), Trouble> {
    let in_use = mailbox.grant_id(Side::Incoming).filter(|_| mailbox.shape == Shape::Shared);
    let found = courier.read(move |tx| {
        let Some(grant) = in_use.map(|id| grant::find(tx, id)).transpose()?.flatten() else {
            return Ok(None);
        };
        Ok(client::find(tx, grant.client_id)?.map(|client| (grant, client)))
    });
    match found.await? {
        Some((grant, client)) if !crate::registration::is_unattended(&client, &grant) => {
            Err(trouble::of_a_person(mailbox))
        }
        Some(_) | None => Ok(()),
    }
}
