//! Sign-in by a code that is typed in elsewhere (RFC 8628): begun here, asked about by whoever has the lease, and from
//! the token on like every other try.
mod poll;
mod services;

use super::{Action, Banner, Session, ready, registration as bound, revoke};
use crate::refresh::{LEASE_MS, REQUEST_LIMIT};
use crate::refused::{RETRY_CODE, of_a_try, token_trouble};
use crate::registration::{self, Consent, endpoint, token_scope};
use crate::trouble::Trouble;
use crate::{Courier, ask, probe};
use desk::mailboxes::client::Client;
use desk::mailboxes::grant::{self, DeviceTry, Grant, NewDevice, State};
use desk::mailboxes::mailbox::Side;
use desk::{By, Refusal};
use mail::explain::Class;
use poll::poll_one;
use services::missing;
use std::time::Duration;
use tokio::task::JoinSet;
use url::Url;
use wire::oauth::{DeviceCode, Protocol};

/// So many providers may be slow before a code has to wait for another one's answer.
const AT_ONCE_MAX: usize = 16;
/// A proof takes no longer; whoever was at it is gone.
const PROVING_MS: i64 = 3 * 60_000;
/// No question to a provider takes longer.
const POLLING_MS: i64 = LEASE_MS;

/// Where a try stands, for whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Somebody may enter the code; `by_nobody`: its time to be asked about has long passed.
    Waits { by_nobody: bool },
    /// Somebody has signed in, and what was given is being kept or proved.
    Proving,
    /// It was to be proved, and whoever was at it is gone.
    Unproved,
    /// Nobody signed in with it in time; it is asked about once more.
    RunOut,
    /// It has come to something, which the grant says.
    Ended,
}

/// The one place that decides it: from the grant and from its code.
pub fn progress(grant: &Grant, device: &DeviceTry, now: i64) -> Progress {
    let is_told = !grant.reason.is_empty();
    match grant.state {
        State::Pending if device.waits && device.until > now => {
            Progress::Waits { by_nobody: now > device.poll_at.saturating_add(POLLING_MS) }
        }
        State::Pending if device.waits => Progress::RunOut,
        State::Pending if !is_told => Progress::Proving,
        State::Unproved if !is_told && now < grant.since.saturating_add(PROVING_MS) => Progress::Proving,
        State::Unproved if !is_told => Progress::Unproved,
        State::Pending
        | State::Unproved
        | State::Fulfilled
        | State::Lapsed
        | State::Revoked
        | State::Failed => Progress::Ended,
    }
}

/// What a person is to do.
#[derive(Clone, Debug)]
pub struct Device {
    pub grant_id: i64,
    pub user_code: String,
    pub verification_uri: String,
    pub until: i64,
}

/// Whether the registration's provider is known to give codes; its own endpoints may not be filled in yet.
pub fn device_is_offered(courier: &Courier, client: &Client) -> bool {
    let known = registration::oauth2(&courier.desk().providers, client);
    known.is_some_and(|oauth2| oauth2.device_endpoint.is_some())
}

/// Asks the provider for a code and stores the try.
pub async fn begin_device(
    courier: &Courier,
    session: &Session,
    mailbox_id: i64,
    side: Side,
) -> desk::Result<Device> {
    let now = courier.now();
    let (mailbox, client, protocol) = courier
        .read(move |tx| {
            let (mailbox, client) = bound(tx, mailbox_id, side)?;
            let protocol = missing(tx, &mailbox, &client, side, now)?;
            Ok((mailbox, client, protocol))
        })
        .await?;
    ready(&client)?;
    let providers = &courier.desk().providers;
    let known =
        registration::at_home(providers, &client).and_then(|oauth2| oauth2.device_endpoint.as_deref());
    let Some(known) = known else {
        let sentence = "This provider has no sign-in by code that is known here. Paste the address instead.";
        return Err(Refusal::Other(sentence.to_owned()).into());
    };
    let at = endpoint(courier, "Device Endpoint", &known.replace("{tenant}", client.tenant.trim()))?;
    let of = Consent { mailbox: &mailbox, side };
    let code = code_of(courier, &client, of, protocol, &at).await.map_err(|trouble| {
        Refusal::Other(format!("{} {}", trouble.whole_reason(), trouble.remedy).trim().to_owned())
    })?;
    let new = NewDevice {
        client_id: client.id,
        mailbox_id,
        side,
        session_id: session.session_id,
        process: (session.session_id == 0).then(|| courier.node().to_owned()),
        device_code: code.device_code,
        user_code: code.user_code.clone(),
        verification_uri: code.verification_uri.to_string(),
        interval_s: code.interval_s,
        expires_at: courier.now().saturating_add(code.expires_in_s.saturating_mul(1000)),
    };
    let (vault, by, seal) = (courier.desk().vault.clone(), session.by.clone(), courier.random());
    let (verification_uri, until) = (new.verification_uri.clone(), new.expires_at);
    let waited = revoke::waiting(courier, mailbox_id, side).await?;
    let grant_id = courier.write(move |tx| grant::begin_device(tx, &vault, &by, &new, seal)).await?;
    revoke::take_back_ended(courier, &session.by, waited.before(grant_id)).await;
    Ok(Device { grant_id, user_code: code.user_code, verification_uri, until })
}

/// The client shows itself as at the token endpoint (RFC 8628 §3.1). Of one resource, since the poll that brings the
/// token names none: Entra lets a person consent to two, and then refuses the token.
async fn code_of(
    courier: &Courier,
    client: &Client,
    of: Consent<'_>,
    protocol: Protocol,
    at: &Url,
) -> Result<DeviceCode, Trouble> {
    let prepared = ask::prepare(courier, client).await?;
    let scope = token_scope(&courier.desk().providers, client, of, "", protocol);
    let request = prepared.request_at(at, &scope);
    let asked = wire::oauth::device_code(courier.net(), &request);
    match tokio::time::timeout(REQUEST_LIMIT, asked).await {
        Ok(Ok(code)) => Ok(code),
        Ok(Err(error)) => Err(of_a_try(
            courier,
            &error,
            &client.provider,
            "Ask for a code again",
            "paste the address instead",
        )),
        Err(_) => Err(late()),
    }
}

/// Asks about every try that is due and that nobody else asks about; about this one alone, where one is named.
pub async fn poll_devices(courier: &Courier, only: Option<i64>) -> desk::Result<Option<Banner>> {
    let (mut polls, mut last) = (Polls::default(), None);
    loop {
        begin_polls(courier, &mut polls, only).await?;
        let Some(asked) = polls.join_next().await else { return Ok(last) };
        last = answered(asked)?.or(last);
    }
}

/// Those that are asked about now, side by side: a provider that does not answer holds up nobody else's code.
pub(crate) type Polls = JoinSet<Asked>;
type Asked = Result<desk::Result<Option<Banner>>, tokio::task::JoinError>;

/// Begins to ask about what is due and nobody else asks about.
pub(crate) async fn begin_polls(courier: &Courier, polls: &mut Polls, only: Option<i64>) -> desk::Result<()> {
    while polls.len() < AT_ONCE_MAX {
        let (vault, now, node) = (courier.desk().vault.clone(), courier.now(), courier.node().to_owned());
        let claim = move |tx: &mut desk::db::Tx<'_>| {
            grant::end_lost_devices(tx, now)?;
            grant::claim_device(tx, &vault, only, now, LEASE_MS, &node)
        };
        let Some(poll) = courier.write(claim).await? else { break };
        // In a task that nobody breaks off: what is given is given once.
        let of = courier.clone();
        polls.spawn(tokio::spawn(async move { poll_one(&of, &poll).await }));
    }
    Ok(())
}

/// What came of one.
pub(crate) fn answered(asked: Result<Asked, tokio::task::JoinError>) -> desk::Result<Option<Banner>> {
    let early = |error| anyhow::anyhow!("asking about a code ended early: {error}");
    asked.map_err(early)?.map_err(early)?
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
        match progress(&grant, &device, courier.now()) {
            Progress::Waits { .. } | Progress::RunOut | Progress::Proving => {}
            Progress::Unproved => {
                let by = By::system(courier.now());
                return super::prove_again(courier, &by, grant.mailbox_id, grant.side).await;
            }
            Progress::Ended => return told(courier, &grant).await,
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Whoever showed the code ends: it counts no more. `false`: somebody has signed in with it, and what comes of that goes on.
pub async fn cancel_device(courier: &Courier, by: &By, grant_id: i64) -> desk::Result<bool> {
    let by = by.clone();
    courier
        .write(move |tx| {
            grant::cancel_device(tx, &by, grant_id)?;
            Ok(grant::find(tx, grant_id)?.is_none_or(|grant| grant.state == State::Failed))
        })
        .await
}

/// What another process made of it, in the row's words.
async fn told(courier: &Courier, grant: &Grant) -> desk::Result<Banner> {
    let (sentence, remedy) = (grant.reason.clone(), grant.remedy.clone());
    Ok(match grant.state {
        State::Fulfilled => {
            let mailbox = probe::find(courier, grant.mailbox_id).await?;
            let detail = crate::who::opened(&mailbox, grant.owner_address.as_deref().unwrap_or("somebody"));
            let sentence = format!("{} is authorized and works.", mailbox.address);
            Banner::Green { sentence, detail }
        }
        State::Pending => Banner::Asks { sentence, remedy },
        State::Unproved => {
            Banner::Red { sentence, detail: String::new(), remedy, action: Action::ProveAgain }
        }
        State::Failed | State::Lapsed | State::Revoked => {
            let action = Action::after(&grant.reason_code);
            Banner::Red { sentence, detail: String::new(), remedy, action }
        }
    })
}

fn late() -> Trouble {
    Trouble::new(Class::Retry, RETRY_CODE, "The provider did not answer in time.", "Ask for a code again.")
}

/// Why there will be no token, with the provider's words.
fn refused(courier: &Courier, error: &wire::Error, client: &Client) -> Trouble {
    let mut trouble = match error.oauth() {
        Some(answer) => Trouble::of_oauth(answer, registration::family(courier, &client.provider), None),
        None => token_trouble(courier, error, &client.provider),
    };
    // Here nobody has pressed Submit, and a code counts once.
    trouble.remedy = trouble.remedy.replace("Authorize it again", "Ask for another code");
    trouble
}
