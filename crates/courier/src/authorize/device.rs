//! Sign-in by a code that is typed in elsewhere (RFC 8628): begun here, asked about by whoever has the lease, and from
//! the token on like every other try.
use super::exchange::{Exchanged, Given, keep};
use super::{Action, Banner, Of, Session, ready, registration as bound, revoke, settle};
use crate::refresh::{LEASE_MS, REQUEST_LIMIT};
use crate::refused::{RETRY_CODE, of_a_try, token_trouble};
use crate::registration::{self, Consent, endpoint, protocol_of, protocols_of, token_scope};
use crate::trouble::Trouble;
use crate::{Courier, ask, probe};
use desk::db::Tx;
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, DevicePoll, DeviceTry, Grant, NewDevice, State};
use desk::mailboxes::mailbox::{Mailbox, Side};
use desk::{By, Refusal};
use mail::explain::Class;
use std::time::Duration;
use tokio::task::JoinSet;
use url::Url;
use wire::oauth::device::INTERVAL_S_MAX;
use wire::oauth::{DeviceCode, Polled, Protocol, SLOWER_S, TokenSet};

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
    let (client, protocol) = courier
        .read(move |tx| {
            let (mailbox, client) = bound(tx, mailbox_id, side)?;
            let protocol = missing(tx, &mailbox, &client, side, now)?;
            Ok((client, protocol))
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
    let code = code_of(courier, &client, (mailbox_id, side, protocol), &at).await.map_err(|trouble| {
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
    revoke::take_back_ended(courier, &session.by, waited).await;
    Ok(Device { grant_id, user_code: code.user_code, verification_uri, until })
}

/// What a code is asked for next: the side's own, unless the one before has brought that and consent for another is missing.
fn missing(
    tx: &mut Tx<'_>,
    mailbox: &Mailbox,
    client: &Client,
    side: Side,
    now: i64,
) -> desk::Result<Protocol> {
    let own = protocol_of(mailbox, side);
    let Some(newest) = grant::newest_device(tx, mailbox.id, side)? else { return Ok(own) };
    let newest = grant::find(tx, newest)?
        .filter(|grant| grant.client_id == client.id && now < grant.since.saturating_add(MISSING_MS));
    let Some(newest) = newest else { return Ok(own) };
    let said = protocols_of(mailbox, side).into_iter().find(|one| missing_code(*one) == newest.reason_code);
    Ok(said.unwrap_or(own))
}

/// The client shows itself as at the token endpoint (RFC 8628 §3.1). Of one resource, since the poll that brings the
/// token names none: Entra lets a person consent to two, and then refuses the token.
async fn code_of(
    courier: &Courier,
    client: &Client,
    (mailbox_id, side, protocol): (i64, Side, Protocol),
    at: &Url,
) -> Result<DeviceCode, Trouble> {
    let prepared = ask::prepare(courier, client).await?;
    let mailbox = probe::find(courier, mailbox_id).await?;
    let of = Consent { mailbox: &mailbox, side };
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

async fn scope_of(courier: &Courier, client: &Client, mailbox_id: i64, side: Side) -> desk::Result<String> {
    let mailbox = probe::find(courier, mailbox_id).await?;
    let (of, protocol) = (Consent { mailbox: &mailbox, side }, protocol_of(&mailbox, side));
    Ok(token_scope(&courier.desk().providers, client, of, "", protocol))
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

/// One poll. `None`: nobody has signed in yet, or another one has it.
async fn poll_one(courier: &Courier, poll: &DevicePoll) -> desk::Result<Option<Banner>> {
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

/// One refresh token serves every resource that its person has consented to, and a code asks for one. Where a mailbox needs two
/// it is seen at once whether both are given: a consent that is missing would end what works.
async fn for_each_resource(courier: &Courier, client: &Client, mut given: Given) -> Result<Given, Trouble> {
    let mailbox = probe::find(courier, given.mailbox_id).await?;
    let (of, protocols) =
        (Consent { mailbox: &mailbox, side: given.side }, protocols_of(&mailbox, given.side));
    let Some(mut refresh_token) = given.set.refresh_token.clone().filter(|_| protocols.len() > 1) else {
        return Ok(given);
    };
    let own = protocol_of(&mailbox, given.side);
    for protocol in protocols {
        let scope = token_scope(&courier.desk().providers, client, of, "", protocol);
        let prepared = ask::prepare(courier, client).await?;
        let request = prepared.request(Some(&scope));
        let asking = wire::oauth::refresh(courier.net(), &request, &refresh_token);
        let set = match tokio::time::timeout(REQUEST_LIMIT, asking).await {
            Ok(Ok(set)) => set,
            Ok(Err(error)) if error.oauth().is_some() && error.kind() == wire::Kind::Unauthorized => {
                return Err(consent_missing(&mailbox, protocol));
            }
            Ok(Err(error)) => return Err(refused(courier, &error, client)),
            Err(_) => return Err(late()),
        };
        refresh_token = set.refresh_token.clone().unwrap_or(refresh_token);
        if protocol == own {
            let id_token = given.set.id_token.take().or(set.id_token.clone());
            given.set = TokenSet { id_token, ..set };
        }
    }
    given.set.refresh_token = Some(refresh_token);
    Ok(given)
}

/// How long what is missing is asked for by the next code.
const MISSING_MS: i64 = 60 * 60_000;

fn missing_code(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Graph => "no_consent_graph",
        Protocol::Imap | Protocol::Pop => "no_consent_reading",
        Protocol::Smtp => "no_consent_sending",
    }
}

fn consent_missing(mailbox: &Mailbox, protocol: Protocol) -> Trouble {
    let what = match protocol {
        Protocol::Graph => "Microsoft Graph",
        Protocol::Imap | Protocol::Pop => "reading by IMAP or POP3",
        Protocol::Smtp => "sending by SMTP",
    };
    let reason = format!(
        "{} is read and answered at two services of the provider, and a code is good for one of them at a time: consent for \
         {what} is missing yet.",
        mailbox.address
    );
    let remedy = "Get another code within the hour and sign in once more: it asks for that, and what was consented to counts.";
    Trouble::new(Class::AuthorizeAgain, missing_code(protocol), reason, remedy)
}

fn late() -> Trouble {
    Trouble::new(Class::Retry, RETRY_CODE, "The provider did not answer in time.", "Ask for a code again.")
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
