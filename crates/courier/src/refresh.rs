//! Access tokens and their renewal: ahead of their end, one at a time for each grant, and what is rotated is
//! committed before it is used.
mod need;
mod resource;
mod tokens;

pub(crate) use need::Want;
pub(crate) use tokens::new_tokens;

use crate::Courier;
use crate::ask::{self, Refused};
use crate::hold;
use crate::refused::{self, RETRY_CODE, no_refresh_token};
use crate::registration::{self, is_unattended, protocol_of, resource_of, scope_of_grant};
use crate::rounds::take_over;
use crate::trouble::{RETRY_MS_MAX, RETRY_MS_MIN, TRIES_AGAIN, Trouble, back_off};
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, Grant, NewTokens, RefreshLease, Setback};
use desk::mailboxes::mailbox;
use mail::explain::Class;
use need::{Need, need, set_back};
use resource::Concerns;
use secrecy::SecretString;
use std::time::Duration;
use wire::oauth::{Protocol, TokenSet};

/// Outlasts the request with its time-outs.
pub(crate) const LEASE_MS: i64 = 90_000;
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(75);
/// The reason code of a registration that somebody has switched off.
pub(crate) const SWITCHED_OFF: &str = "client_inactive";
/// A token that ends sooner is not begun with.
const SLACK_MS: i64 = 30_000;
/// A registration that was refused is asked again once an hour: somebody may have mended it.
const CONFIGURATION_RETRY_MS: i64 = 60 * 60_000;
/// A lapsed grant may come back when a policy is lifted.
const LAPSED_RETRY_MS: i64 = 6 * 60 * 60_000;
/// An access token of this grant for this protocol.
pub(crate) async fn access_token(
    courier: &Courier,
    grant_id: i64,
    protocol: Protocol,
    want: Want,
) -> Result<SecretString, Trouble> {
    if want == Want::Use
        && let Some(token) = usable(&known(courier, grant_id, protocol).await?, courier.now())
    {
        return Ok(token);
    }
    hold::refused(courier, "no token is asked for").await?;
    // In its own task: a dropped request must not lose a rotated token.
    let task = tokio::spawn(refresh(courier.clone(), grant_id, protocol, want));
    match task.await {
        Ok(done) => done?,
        Err(error) => return Err(broke_off(&error)),
    }
    let known = known(courier, grant_id, protocol).await?;
    usable(&known, courier.now()).ok_or_else(|| {
        Trouble::new(
            Class::Retry,
            "no_token",
            "The provider gave an access token that has already ended.",
            "Set this machine's clock right. The next try asks for another one.",
        )
    })
}

/// Everything about a grant that decides whether and how it is refreshed.
struct Known {
    grant: Grant,
    client: Client,
    /// As whom the mailbox's server is signed in to.
    user: String,
    protocol: Protocol,
    /// One resource only.
    scope: String,
    /// The same of what the grant is kept alive for.
    own_scope: String,
    token: Option<(SecretString, i64)>,
}

async fn known(courier: &Courier, grant_id: i64, protocol: Protocol) -> Result<Known, Trouble> {
    let (vault, providers) = (courier.desk().vault.clone(), courier.desk().providers.clone());
    let found = courier.read(move |tx| {
        let Some(grant) = grant::find(tx, grant_id)? else { return Ok(None) };
        let Some(client) = client::find(tx, grant.client_id)? else { return Ok(None) };
        let mailbox = mailbox::get(tx, grant.mailbox_id)?;
        let user = mailbox.user(grant.side).to_owned();
        let scope = scope_of_grant(&providers, &client, &mailbox, &grant, protocol);
        let own = protocol_of(&mailbox, grant.side);
        let own_scope = scope_of_grant(&providers, &client, &mailbox, &grant, own);
        let token = grant::access_token_for_system(tx, &vault, grant_id, &resource_of(&scope))?;
        Ok(Some(Known { grant, client, user, protocol, scope, own_scope, token }))
    });
    found.await?.ok_or_else(not_authorized)
}

pub(crate) fn not_authorized() -> Trouble {
    let (code, reason, remedy) = grant::NOT_AUTHORIZED;
    Trouble::new(Class::AuthorizeAgain, code, reason, remedy)
}

/// The same of a side, whose last grant somebody may have ended on purpose.
pub(crate) async fn has_none(courier: &Courier, mailbox_id: i64, side: mailbox::Side) -> Trouble {
    match courier.read(move |tx| grant::why_none(tx, mailbox_id, side)).await {
        Ok((code, reason, remedy)) => Trouble::new(Class::AuthorizeAgain, &code, reason, remedy),
        Err(error) => error.into(),
    }
}

impl Known {
    /// Another side lives on the grant, and speaks to another service of the provider.
    fn is_of_another_resource(&self) -> bool {
        resource_of(&self.scope) != resource_of(&self.own_scope)
    }

    /// There is a way to another token: a refresh token, or asking anew where nobody signed in.
    fn can_go_on(&self) -> bool {
        self.grant.state.has_tokens()
            && (self.grant.has_refresh_token || is_unattended(&self.client, &self.grant))
    }

    fn ended(&self, courier: &Courier) -> Trouble {
        if self.grant.state == grant::State::Revoked {
            not_authorized()
        } else {
            no_refresh_token(courier, &self.client)
        }
    }
}

fn usable(known: &Known, now: i64) -> Option<SecretString> {
    let (token, expires_at) = known.token.as_ref()?;
    (*expires_at > now.saturating_add(SLACK_MS)).then(|| token.clone())
}

async fn refresh(courier: Courier, grant_id: i64, protocol: Protocol, want: Want) -> Result<(), Trouble> {
    let tries = courier.inside.refreshing.of(grant_id);
    let _one = tries.one_at_a_time.lock().await;
    // Another task, or another node, may have done it while this one waited.
    let known = known(&courier, grant_id, protocol).await?;
    if let Some(trouble) = resource::refused_lately(&known, &tries, want, courier.now()) {
        return Err(trouble);
    }
    match need(&known, tries.seen(), want, courier.now()) {
        Need::No => return Ok(()),
        Need::SetBack(trouble) => return Err(trouble),
        Need::Yes => {}
    }
    if !known.can_go_on() {
        return Err(known.ended(&courier));
    }
    let Some(lease) = lease(&courier, &known, protocol).await? else { return Ok(()) };
    tries.note(|seen| seen.tried_at = Some(courier.now()));
    let asked_at = courier.now();
    match ask(&courier, &known, &lease, &known.scope, REQUEST_LIMIT).await {
        Ok(set) => {
            tries.note(|seen| seen.failures = 0);
            keep(&courier, lease, tokens::of_another(&known, set, asked_at)).await
        }
        Err(NotGiven { trouble, concerns })
            if known.is_of_another_resource() && concerns != Concerns::Grant && trouble.needs_person() =>
        {
            Err(resource::refused(&courier, &tries, &known, lease, trouble, concerns, asked_at).await?)
        }
        Err(NotGiven { trouble, .. }) => {
            let failures = tries.seen().failures;
            tries.note(|seen| seen.failures += 1);
            let told = note_setback(&courier, lease, &known.grant, trouble, failures).await?;
            // What a person must mend is told on, unless somebody asks how it is at this moment.
            let is_over = known.grant.state == grant::State::Lapsed || known.grant.is_refused();
            let asks_now = matches!(want, Want::Proved | Want::Since(_));
            let hides = is_over && told.class == Class::Retry && !asks_now;
            Err(if hides { set_back(&known.grant) } else { told })
        }
    }
}

/// Whose turn it is to refresh.
enum Turn {
    Ours(Box<RefreshLease>),
    Theirs,
    /// Somebody has refreshed meanwhile.
    Over,
}

/// The lease on this refresh; `None` when another node has refreshed meanwhile.
async fn lease(
    courier: &Courier,
    before: &Known,
    protocol: Protocol,
) -> Result<Option<RefreshLease>, Trouble> {
    let (grant_id, refreshed_at) = (before.grant.id, before.grant.refreshed_at);
    for turn in 0..120 {
        let (vault, now, node) = (courier.desk().vault.clone(), courier.now(), courier.node().to_owned());
        // Looked at again in the transaction that claims: between the look before and now another process may have
        // begun and ended, and the provider would be asked a second time.
        let claim = courier.write(move |tx| {
            if grant::find(tx, grant_id)?.is_none_or(|grant| grant.refreshed_at != refreshed_at) {
                return Ok(Turn::Over);
            }
            let lease = grant::claim_refresh(tx, &vault, grant_id, now, LEASE_MS, &node)?;
            Ok(lease.map_or(Turn::Theirs, |lease| Turn::Ours(Box::new(lease))))
        });
        match claim.await? {
            Turn::Ours(lease) => return Ok(Some(*lease)),
            Turn::Over => return Ok(None),
            Turn::Theirs if turn == 0 => take_over(courier).await, // they may be gone
            Turn::Theirs => {}
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = known(courier, grant_id, protocol).await?;
        if now.grant.refreshed_at != before.grant.refreshed_at {
            return Ok(None);
        }
        if !now.can_go_on() {
            return Err(now.ended(courier));
        }
    }
    Err(Trouble::new(
        Class::Retry,
        RETRY_CODE,
        "Another process is refreshing this access token and has not ended.",
        TRIES_AGAIN,
    ))
}

/// Why no token came, and whose matter that is.
struct NotGiven {
    trouble: Trouble,
    concerns: Concerns,
}
impl From<Trouble> for NotGiven {
    fn from(trouble: Trouble) -> NotGiven {
        NotGiven { trouble, concerns: Concerns::Grant }
    }
}

async fn ask(
    courier: &Courier,
    known: &Known,
    lease: &RefreshLease,
    scope: &str,
    limit: Duration,
) -> Result<TokenSet, NotGiven> {
    if let Some(why) = &lease.unopened {
        return Err(Trouble::of_sealed(why).into());
    }
    if !known.client.active {
        return Err(Trouble::new(
            Class::Configuration,
            SWITCHED_OFF,
            format!("The registration {} is switched off.", known.client.name),
            "Switch it on in Config, tab Info.",
        )
        .into());
    }
    match tokio::time::timeout(limit, another(courier, known, lease, scope)).await {
        Ok(Ok(set)) => Ok(set),
        Ok(Err(Refused::Here(trouble))) => Err(trouble.into()),
        Ok(Err(Refused::There(error))) => Err(NotGiven {
            trouble: refused::of_consent(courier, &error, &known.client, &known.grant),
            concerns: error.oauth().map_or(Concerns::Grant, Concerns::of),
        }),
        Err(_) => Err(Trouble::new(
            Class::Retry,
            RETRY_CODE,
            "The provider's token endpoint did not answer in time.",
            TRIES_AGAIN,
        )
        .into()),
    }
}

/// For the refresh token that the lease holds, or asked for anew.
async fn another(
    courier: &Courier,
    known: &Known,
    lease: &RefreshLease,
    scope: &str,
) -> Result<TokenSet, Refused> {
    let Some(refresh_token) = &lease.refresh_token else {
        return ask::unattended(courier, &known.client, &known.user, scope).await;
    };
    let scope = registration::named_scope(&courier.desk().providers, &known.client, scope);
    let prepared = ask::prepare(courier, &known.client).await?;
    Ok(wire::oauth::refresh(courier.net(), &prepared.request(scope), refresh_token).await?)
}

/// What is to be told: nothing final of an answer that came too late.
async fn note_setback(
    courier: &Courier,
    lease: RefreshLease,
    grant: &Grant,
    trouble: Trouble,
    failures: i64,
) -> Result<Trouble, Trouble> {
    let now = courier.now();
    let (setback, wait) = match trouble.class {
        // What waits for a person anyway does so at its own intervals, unless it was asked for anew.
        Class::Retry if lease.failed_before && grant.state == grant::State::Lapsed => {
            (Setback::Retry, LAPSED_RETRY_MS)
        }
        Class::Retry if lease.failed_before && grant.is_refused() => (Setback::Retry, CONFIGURATION_RETRY_MS),
        Class::Retry => (Setback::Retry, back_off(courier, failures, RETRY_MS_MIN, RETRY_MS_MAX)),
        Class::Configuration | Class::Policy | Class::Defect => {
            (Setback::Configuration, CONFIGURATION_RETRY_MS)
        }
        Class::AuthorizeAgain => (Setback::Lapsed, LAPSED_RETRY_MS),
    };
    let next_at = now.saturating_add(wait.max(trouble.retry_after_ms.unwrap_or(0)));
    tracing::warn!(
        grant = lease.grant_id,
        code = trouble.code,
        "access token not refreshed: {}",
        trouble.reason
    );
    let told = trouble.clone();
    let stored = courier.write(move |tx| {
        let (code, reason, remedy) = (&told.code, told.whole_reason(), &told.remedy);
        grant::refresh_failed(tx, &lease, setback, code, &reason, remedy, next_at, now)
    });
    if stored.await? {
        if setback == Setback::Lapsed && grant.state != grant::State::Lapsed {
            tracing::warn!(
                grant = grant.id,
                mailbox = grant.mailbox_id,
                "the authorization has lapsed: somebody must authorize again"
            );
        }
        return Ok(trouble);
    }
    tracing::info!("a late result of a refresh was dropped");
    Ok(Trouble { class: Class::Retry, remedy: TRIES_AGAIN.to_owned(), retry_after_ms: None, ..trouble })
}

/// Stores what was rotated. A database that is busy or full must not cost the grant: tried until the lease ends.
async fn keep(courier: &Courier, lease: RefreshLease, tokens: NewTokens) -> Result<(), Trouble> {
    let grant_id = lease.grant_id;
    for wait_ms in [100, 300, 1_000, 3_000, 10_000, 30_000, 0] {
        let (vault, lease, tokens) = (courier.desk().vault.clone(), lease.clone(), tokens.clone());
        let (now, nonces) = (courier.now(), [courier.random(), courier.random()]);
        let stored =
            courier.write(move |tx| grant::store_refreshed(tx, &vault, &lease, &tokens, now, nonces));
        match stored.await {
            Ok(true) => return Ok(()),
            Ok(false) => {
                tracing::info!(grant = grant_id, "a late refresh was dropped");
                return Ok(());
            }
            Err(error) if wait_ms == 0 => return Err(error.into()),
            Err(error) => tracing::warn!("a refreshed token could not be stored yet: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
    Ok(())
}

fn broke_off(error: &tokio::task::JoinError) -> Trouble {
    tracing::error!("refreshing ended early: {error}");
    Trouble::new(
        Class::Defect,
        "panic",
        "Postern failed while it refreshed the access token.",
        "Report this with the log. Postern tries again by itself.",
    )
}
