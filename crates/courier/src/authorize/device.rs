//! Sign-in by a code that is typed in elsewhere (RFC 8628): begun here, asked about by whoever has the lease, and from
//! the token on like every other try.
use super::exchange::{Given, keep};
use super::{Banner, Session, ready, registration as bound, settle};
use crate::refresh::{LEASE_MS, REQUEST_LIMIT};
use crate::refused::{RETRY_CODE, of_a_try, token_trouble};
use crate::registration::{self, corrected, endpoint, protocol_of, token_scope};
use crate::trouble::Trouble;
use crate::{Courier, ask};
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, DevicePoll, NewDevice};
use desk::mailboxes::mailbox::Side;
use desk::people::agent::{self, Role};
use desk::{Actor, By, Refusal};
use std::time::Duration;
use wire::oauth::{Polled, SLOWER_S};

/// Longest wait between two polls.
const INTERVAL_S_MAX: i64 = 120;

/// What a person is to do.
#[derive(Clone, Debug)]
pub struct Device {
    pub grant_id: i64,
    pub user_code: String,
    pub verification_uri: String,
    pub until: i64,
}

/// Asks the provider for a code and stores the try.
pub async fn begin_device(
    courier: &Courier,
    session: &Session,
    mailbox_id: i64,
    side: Side,
) -> desk::Result<Device> {
    let (_, client) = courier.read(move |tx| bound(tx, mailbox_id, side)).await?;
    ready(&client)?;
    let providers = &courier.desk().providers;
    let known =
        registration::at_home(providers, &client).and_then(|oauth2| oauth2.device_endpoint.as_deref());
    let Some(known) = known else {
        let sentence = "This provider has no sign-in by code that is known here. Paste the address instead.";
        return Err(Refusal::Other(sentence.to_owned()).into());
    };
    let at = endpoint(courier, "Device Endpoint", &known.replace("{tenant}", client.tenant.trim()))?;
    let scopes = corrected(providers, &client);
    let asked = wire::oauth::device_code(courier.net(), &at, client.client_id.trim(), &scopes);
    let code = match tokio::time::timeout(REQUEST_LIMIT, asked).await {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            let check = "paste the address instead";
            let trouble = of_a_try(courier, &error, &client.provider, "Ask for a code again", check);
            return Err(Refusal::Other(format!("{} {}", trouble.whole_reason(), trouble.remedy)).into());
        }
        Err(_) => {
            return Err(Refusal::Other("The provider did not answer in time. Try again.".to_owned()).into());
        }
    };
    let new = NewDevice {
        client_id: client.id,
        mailbox_id,
        side,
        session_id: session.session_id,
        device_code: code.device_code,
        user_code: code.user_code.clone(),
        verification_uri: code.verification_uri.to_string(),
        interval_s: code.interval_s,
        expires_at: courier.now().saturating_add(code.expires_in_s.saturating_mul(1000)),
    };
    let (vault, by, seal) = (courier.desk().vault.clone(), session.by.clone(), courier.random());
    let (verification_uri, until) = (new.verification_uri.clone(), new.expires_at);
    let grant_id = courier.write(move |tx| grant::begin_device(tx, &vault, &by, &new, seal)).await?;
    Ok(Device { grant_id, user_code: code.user_code, verification_uri, until })
}

/// Asks about every try that is due and that nobody else asks about; about this one alone, where one is named.
pub(crate) async fn poll_devices(courier: &Courier, only: Option<i64>) -> desk::Result<Option<Banner>> {
    let mut last = None;
    loop {
        let (vault, now, node) = (courier.desk().vault.clone(), courier.now(), courier.node().to_owned());
        let claim = move |tx: &mut desk::db::Tx<'_>| {
            grant::end_lost_devices(tx, now)?;
            grant::claim_device(tx, &vault, only, now, LEASE_MS, &node)
        };
        let Some(poll) = courier.write(claim).await? else { return Ok(last) };
        // In its own task: what is given is given once.
        let (of, asked) = (courier.clone(), poll.clone());
        let task = tokio::spawn(async move { ask_about(&of, &asked).await });
        last = task.await.map_err(|error| anyhow::anyhow!("asking about a code ended early: {error}"))??;
    }
}

/// Until the try has come to something, here or by whoever else asks.
pub async fn wait_for_device(courier: &Courier, device: &Device) -> desk::Result<Banner> {
    let id = device.grant_id;
    loop {
        if let Some(banner) = poll_devices(courier, Some(id)).await? {
            return Ok(banner);
        }
        let (grant, device) =
            courier.read(move |tx| Ok((grant::find(tx, id)?, grant::device_try(tx, id)?))).await?;
        let (Some(grant), Some(device)) = (grant, device) else {
            return Err(Refusal::NotFound("try").into());
        };
        if !device.waits
            && let Some(banner) = told(courier, &grant).await?
        {
            return Ok(banner);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// What another process made of it, in the row's words; `None` while it is still at it.
async fn told(courier: &Courier, grant: &grant::Grant) -> desk::Result<Option<Banner>> {
    use grant::State;
    let (sentence, remedy) = (grant.reason.clone(), grant.remedy.clone());
    Ok(match grant.state {
        State::Fulfilled => {
            let mailbox = crate::probe::find(courier, grant.mailbox_id).await?;
            let detail = super::opened(&mailbox, grant.owner_address.as_deref().unwrap_or("somebody"));
            let sentence = format!("{} is authorized and works.", mailbox.address);
            Some(Banner::Green { sentence, detail })
        }
        State::Pending if !sentence.is_empty() => Some(Banner::Asks { sentence, remedy }),
        State::Unproved if sentence.is_empty() => None,
        State::Pending => None,
        State::Unproved => Some(Banner::Red { sentence, detail: String::new(), remedy, retry: true }),
        State::Failed | State::Lapsed | State::Revoked => {
            Some(Banner::Red { sentence, detail: String::new(), remedy, retry: false })
        }
    })
}

/// One poll. `None`: nobody has signed in yet, or another one has it.
async fn ask_about(courier: &Courier, poll: &DevicePoll) -> desk::Result<Option<Banner>> {
    if poll.is_over {
        return over(courier, poll, too_late()).await;
    }
    let id = poll.client_id;
    let found = courier.read(move |tx| client::find(tx, id));
    let client = found.await?.ok_or(Refusal::NotFound("registration of this mailbox"))?;
    let prepared = match ask::prepare(courier, &client).await {
        Ok(prepared) => prepared,
        Err(trouble) => return over(courier, poll, trouble).await,
    };
    let scope = token_scope(&courier.desk().providers, &client, "", protocol_of(poll.side));
    let request = prepared.request(None);
    let asked_at = courier.now();
    let asking = wire::oauth::poll_device(courier.net(), &request, &poll.device_code);
    match tokio::time::timeout(REQUEST_LIMIT, asking).await {
        Ok(Ok(Polled::Pending)) => again(courier, poll, poll.interval_s).await,
        Ok(Ok(Polled::SlowDown)) => again(courier, poll, poll.interval_s.saturating_add(SLOWER_S)).await,
        Ok(Ok(Polled::Given(set))) => {
            let poll = poll.clone();
            let (grant_id, mailbox_id, side) = (poll.grant_id, poll.mailbox_id, poll.side);
            let by = who_began(courier, &poll).await?;
            if !courier.write(move |tx| grant::device_used(tx, &poll)).await? {
                tracing::info!(grant = grant_id, "tokens of a try that has ended were dropped");
                return Ok(None);
            }
            let Some(by) = by else {
                let by = By::system(courier.now());
                return settle(courier, &by, grant_id, mailbox_id, side, Err(no_administrator()))
                    .await
                    .map(Some);
            };
            let given =
                Given { grant_id, mailbox_id, side, set: *set, scope, asked_at, nonce: None, issuer: None };
            let kept = keep(courier, &by, &client, given).await;
            settle(courier, &by, grant_id, mailbox_id, side, kept).await.map(Some)
        }
        Ok(Err(error)) => match refused(courier, &error, &client) {
            Some(trouble) => over(courier, poll, trouble).await,
            // A bad hour of the provider: half as often from now on (RFC 8628 §3.5).
            None => again(courier, poll, poll.interval_s.saturating_mul(2)).await,
        },
        Err(_) => again(courier, poll, poll.interval_s.saturating_mul(2)).await,
    }
}

/// Who acts: beginning it gives no right that has ended since. `None`: no administrator any more.
async fn who_began(courier: &Courier, poll: &DevicePoll) -> desk::Result<Option<By>> {
    let at = courier.now();
    let Some(id) = poll.begun_by else { return Ok(Some(By::system(at))) };
    let agent = courier.read(move |tx| agent::find(tx, id)).await?;
    let agent = agent.filter(|agent| agent.active && agent.role == Role::Administrator);
    Ok(agent.map(|agent| By { actor: Actor::Agent { id, name: agent.name }, at }))
}

async fn again(courier: &Courier, poll: &DevicePoll, interval_s: i64) -> desk::Result<Option<Banner>> {
    let (poll, now) = (poll.clone(), courier.now());
    let interval_s = interval_s.clamp(1, INTERVAL_S_MAX);
    courier.write(move |tx| grant::device_waits(tx, &poll, interval_s, now)).await?;
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

/// Why there will be no token; `None` where it passes by itself.
fn refused(courier: &Courier, error: &wire::Error, client: &Client) -> Option<Trouble> {
    let word = error.oauth().map(|oauth| oauth.error.as_str())?;
    match word {
        "expired_token" => Some(too_late()),
        "authorization_declined" | "access_denied" => Some(Trouble::new(
            mail::explain::Class::AuthorizeAgain,
            "declined",
            "Whoever entered the code said no, so nothing was granted.",
            "Begin again, and accept what is asked for.",
        )),
        _ => {
            Some(token_trouble(courier, error, &client.provider)).filter(|trouble| trouble.code != RETRY_CODE)
        }
    }
}

fn no_administrator() -> Trouble {
    Trouble::new(
        mail::explain::Class::AuthorizeAgain,
        "no_administrator",
        "Whoever asked for this code is no administrator any more, so its tokens were not kept.",
        "Let an administrator get a new code.",
    )
}

fn too_late() -> Trouble {
    Trouble::new(
        mail::explain::Class::AuthorizeAgain,
        "expired_token",
        "Nobody signed in with the code before it ended.",
        "Begin again to get a new code.",
    )
}
