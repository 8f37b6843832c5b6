//! A provider is asked whether somebody has signed in with a code, and what that comes to.
use super::refused;
use super::services::for_each_resource;
use crate::authorize::exchange::{Exchanged, Given, keep};
use crate::authorize::{Banner, Of, revoke, settle};
use crate::refresh::REQUEST_LIMIT;
use crate::registration::{Consent, protocol_of, token_scope};
use crate::trouble::Trouble;
use crate::{Courier, ask, probe};
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, DevicePoll};
use desk::mailboxes::mailbox::Side;
use desk::{By, Refusal};
use mail::explain::Class;
use wire::oauth::device::INTERVAL_S_MAX;
use wire::oauth::{Polled, SLOWER_S, TokenSet};

/// One poll. `None`: nobody has signed in yet, or another one has it.
pub(super) async fn poll_one(courier: &Courier, poll: &DevicePoll) -> desk::Result<Option<Banner>> {
    if poll.is_over {
        return over(courier, poll, too_late()).await;
    }
    let (id, now) = (poll.grant_id, courier.now());
    if courier.read(move |tx| grant::who_began(tx, id, now)).await?.is_none() {
        return over(courier, poll, no_right()).await;
    }
    let id = poll.client_id;
    let found = courier.read(move |tx| client::find(tx, id));
    let client = found.await?.ok_or(Refusal::NotFound("registration of this mailbox"))?;
    if !client.active {
        return over(courier, poll, switched_off()).await;
    }
    let prepared = match ask::prepare(courier, &client).await {
        Ok(prepared) => prepared,
        Err(trouble) => return over(courier, poll, trouble).await,
    };
    let scope = scope_of(courier, &client, poll.mailbox_id, poll.side).await?;
    let request = prepared.request(None);
    let asked_at = courier.now();
    let asking = wire::oauth::poll_device(courier.net(), &request, &poll.device_code);
    let twice = poll.interval_s.saturating_mul(2);
    match tokio::time::timeout(REQUEST_LIMIT, asking).await {
        Ok(Ok(Polled::Pending)) => again(courier, poll, poll.interval_s, None).await,
        Ok(Ok(Polled::SlowDown { retry_after_ms })) => {
            again(courier, poll, poll.interval_s.saturating_add(SLOWER_S), retry_after_ms).await
        }
        Ok(Ok(Polled::Given(set))) => given(courier, poll, &client, *set, scope, asked_at).await,
        Ok(Err(error)) => {
            let trouble = refused(courier, &error, &client);
            match passes(&error, &trouble) {
                // A bad hour of the provider: half as often from now on (RFC 8628 §3.5).
                Some(retry_after_ms) => again(courier, poll, twice, retry_after_ms).await,
                None => over(courier, poll, trouble).await,
            }
        }
        Err(_) => again(courier, poll, twice, None).await,
    }
}

/// The tokens are here. Never again will they be given for this code.
async fn given(
    courier: &Courier,
    poll: &DevicePoll,
    client: &Client,
    set: TokenSet,
    scope: String,
    asked_at: i64,
) -> desk::Result<Option<Banner>> {
    let (grant_id, mailbox_id, side) = (poll.grant_id, poll.mailbox_id, poll.side);
    // It took the provider its time: who began it may have signed out meanwhile.
    let now = courier.now();
    let by = courier.read(move |tx| grant::who_began(tx, grant_id, now)).await?;
    let poll = poll.clone();
    let given =
        Given { grant_id, mailbox_id, side, set, scope, asked_at, nonce: None, issuer: None, metadata: None };
    if !courier.write(move |tx| grant::device_used(tx, &poll)).await? {
        tracing::info!(grant = grant_id, "tokens of a try that has ended were dropped");
        revoke::take_back_dropped(courier, client, &given).await;
        return Ok(None);
    }
    let of = Of { grant_id, mailbox_id, side };
    let (by, kept) = match by {
        Some(by) => {
            let kept = match for_each_resource(courier, client, given.clone()).await {
                Ok(given) => keep(courier, &by, client, given).await,
                Err(trouble) => Exchanged::Dropped(trouble, Box::new(given)),
            };
            (by, kept)
        }
        None => (By::system(courier.now()), Exchanged::Dropped(no_right(), Box::new(given))),
    };
    settle(courier, &by, client, of, Ok(kept)).await.map(Some)
}

async fn scope_of(courier: &Courier, client: &Client, mailbox_id: i64, side: Side) -> desk::Result<String> {
    let mailbox = probe::find(courier, mailbox_id).await?;
    let (of, protocol) = (Consent { mailbox: &mailbox, side }, protocol_of(&mailbox, side));
    Ok(token_scope(&courier.desk().providers, client, of, "", protocol))
}

async fn again(
    courier: &Courier,
    poll: &DevicePoll,
    interval_s: i64,
    retry_after_ms: Option<i64>,
) -> desk::Result<Option<Banner>> {
    let interval_s = interval_s.clamp(1, INTERVAL_S_MAX);
    let pause_ms = interval_s.saturating_mul(1000).max(retry_after_ms.unwrap_or(0));
    let (poll, poll_at) = (poll.clone(), courier.now().saturating_add(pause_ms));
    if !courier.write(move |tx| grant::device_waits(tx, &poll, interval_s, poll_at)).await? {
        tracing::info!("a late answer about a device code was dropped");
    }
    Ok(None)
}

async fn over(courier: &Courier, poll: &DevicePoll, trouble: Trouble) -> desk::Result<Option<Banner>> {
    let (poll, told, by) = (poll.clone(), trouble.clone(), By::system(courier.now()));
    let ended = courier.write(move |tx| {
        let reason = told.whole_reason();
        grant::device_over(tx, &by, &poll, (&told.code, &reason, &told.remedy))
    });
    Ok(ended.await?.then(|| Banner::failed(trouble)))
}

/// No answer to the question: the code is as good as before. How long the provider wants to be left alone.
fn passes(error: &wire::Error, trouble: &Trouble) -> Option<Option<i64>> {
    // However they are answered, also with the status of a bad hour.
    const FINAL: [&str; 4] =
        ["access_denied", "authorization_declined", "expired_token", "bad_verification_code"];
    const REFUSED: &str = "invalid_grant";
    let said = error.oauth().map(|answer| answer.error.as_str());
    if said.is_some_and(|said| FINAL.contains(&said)) {
        return None;
    }
    match error.kind() {
        // A refused grant is the code's end, unless its number is one that passes.
        wire::Kind::Transient { retry_after_ms } if said != Some(REFUSED) => Some(retry_after_ms),
        wire::Kind::Transient { .. }
        | wire::Kind::Unauthorized
        | wire::Kind::Rejected
        | wire::Kind::Broken => (said == Some(REFUSED) && trouble.class == Class::Retry).then_some(None),
    }
}

fn switched_off() -> Trouble {
    Trouble::new(
        Class::Configuration,
        "registration_off",
        "This registration is switched off.",
        "Switch it on in the tab Info, then get a new code.",
    )
}

fn no_right() -> Trouble {
    let (code, reason, remedy) = grant::NO_RIGHT;
    Trouble::new(Class::AuthorizeAgain, code, reason, remedy)
}

fn too_late() -> Trouble {
    Trouble::new(
        Class::AuthorizeAgain,
        "expired_token",
        "Nobody signed in with the code before it ended.",
        "Begin again to get a new code.",
    )
}
