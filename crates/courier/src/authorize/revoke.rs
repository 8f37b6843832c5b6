//! Tokens are taken back: destroyed here first, and then the provider is asked, where it can be (RFC 7009).
use super::exchange::Given;
use crate::ask::{self, Shown};
use crate::registration::{at_home, endpoint};
use crate::trouble::{Trouble, sentence};
use crate::who::{self, Fresh};
use crate::{Courier, probe};
use desk::db::Tx;
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, Whose};
use desk::mailboxes::mailbox::{self, Side};
use mail::provider::Family;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use url::Url;

/// Nobody waits longer for a provider that no longer matters.
const LIMIT: Duration = Duration::from_secs(10);

/// So many tokens are taken back side by side when many end at once.
const AT_ONCE_MAX: usize = 8;

/// What is to be taken back at the provider when it is gone here.
pub(super) struct Held {
    grant_id: i64,
    state: grant::State,
    client: Client,
    refresh_token: Option<SecretString>,
    way: desk::Result<Option<WayBack>>,
}

/// Where a token is taken back, and what its registration shows there: as it is while the token is there, since what ends
/// tokens may change that too.
struct WayBack {
    at: Url,
    shown: Result<Shown, Trouble>,
}

/// Settings are changed, and what ended with them is taken back at the provider that gave it. The change is made whatever
/// comes of that. What comes of it is told with the mailbox; it is waited for, but not longer than one provider may take,
/// since at some the late end of an old token would end a new one too.
pub async fn change<T, F>(courier: &Courier, by: &desk::By, whose: Vec<Whose>, change: F) -> desk::Result<T>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> desk::Result<T> + Send + 'static,
{
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        let watched = watch(&courier, whose).await?;
        let changed = courier.write(change).await?;
        let taking = tokio::spawn(async move { take_back_ended(&courier, &by, watched).await });
        if tokio::time::timeout(LIMIT, taking).await.is_err() {
            tracing::info!("tokens are still being taken back at their provider");
        }
        Ok(changed)
    });
    task.await.map_err(|error| anyhow::anyhow!("changing settings ended early: {error}"))?
}

/// What may end with a change, as it is before that: to be given to [`take_back_ended`].
pub async fn watch(courier: &Courier, whose: Vec<Whose>) -> desk::Result<Watched> {
    let found = courier.read(move |tx| {
        let mut all = Vec::new();
        for whose in &whose {
            all.extend(grant::with_refresh_token(tx, *whose)?);
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    });
    let mut watched = Vec::new();
    for id in found.await? {
        watched.extend(held(courier, id).await?);
    }
    Ok(Watched(watched))
}

/// Tokens that may end with a change.
pub struct Watched(Vec<Held>);

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watched({} tokens)", self.0.len())
    }
}

/// *Delete Token*. What the provider said, a sentence.
pub async fn delete_tokens(courier: &Courier, by: &desk::By, grant_id: i64) -> desk::Result<String> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        let held = held(&courier, grant_id).await?.filter(|held| held.state.has_tokens());
        let acts = by.clone();
        courier.write(move |tx| grant::delete_tokens(tx, &acts, grant_id)).await?;
        match held {
            Some(held) => Ok(taken_back(&courier, &by, held).await),
            None => Ok(String::new()),
        }
    });
    task.await.map_err(|error| anyhow::anyhow!("taking tokens back ended early: {error}"))?
}

/// A mailbox is removed, and what was granted for it is taken back. What the providers said.
pub async fn remove(courier: &Courier, by: &desk::By, mailbox_id: i64) -> desk::Result<String> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        let watched = watch(&courier, vec![Whose::Mailbox(mailbox_id)]).await?;
        let acts = by.clone();
        courier.write(move |tx| mailbox::remove(tx, &acts, mailbox_id)).await?;
        let mut said: Vec<String> = Vec::new();
        for (_, sentence) in take_back_ended(&courier, &by, watched).await {
            if !said.contains(&sentence) {
                said.push(sentence);
            }
        }
        Ok(said.join(" "))
    });
    task.await.map_err(|error| anyhow::anyhow!("taking tokens back ended early: {error}"))?
}

/// What a grant will replace, as it is before that: to be given to [`take_back_replaced`].
pub(super) async fn replaced_by(courier: &Courier, grant_id: i64) -> desk::Result<Vec<Held>> {
    let mut all = Vec::new();
    for id in courier.read(move |tx| grant::replaced_by(tx, grant_id)).await? {
        all.extend(held(courier, id).await?);
    }
    Ok(all)
}

/// What another person had given is taken back at the provider. Of the same person nothing is: at Google that would end
/// the new grant too, since one token that is taken back ends all that a person has given to the project. It goes on by
/// itself there, and is destroyed here.
pub(super) async fn take_back_replaced(courier: &Courier, by: &desk::By, replaced: Vec<Held>) {
    for held in replaced {
        taken_back(courier, by, held).await;
    }
}

/// What was given for a try that had ended by then, and is kept nowhere. Whose it is is asked for once more, since at some
/// providers it ends what the same person has given for other mailboxes.
pub(super) async fn take_back_dropped(courier: &Courier, client: &Client, given: &Given) {
    let Some(refresh_token) = given.set.refresh_token.clone() else { return };
    let grant_id = given.grant_id;
    let by = desk::By::system(courier.now());
    let taken = async {
        let mailbox = probe::find(courier, given.mailbox_id).await?;
        let token_endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
        let (set, scope) = (&given.set, given.scope.as_str());
        let fresh = Fresh { set, scope, nonce: None, issuer: None, metadata: None };
        let (way, mut owner) = (way_back(courier, client).await, None);
        if !matches!(way, Ok(None)) {
            // A person waits for this, and the endpoint may be the one that has just kept them waiting.
            let asked = who::signed_in(courier, client, &mailbox, &token_endpoint, &fresh);
            owner =
                tokio::time::timeout(LIMIT, asked).await.ok().and_then(Result::ok).map(|owned| owned.owner);
        }
        if let Some(owner) = owner {
            courier.write(move |tx| grant::was_signed_in_by(tx, grant_id, &owner)).await?;
        }
        let client = client.clone();
        let refresh_token = Some(refresh_token);
        let held = Held { grant_id, state: grant::State::Failed, client, refresh_token, way };
        take_back(courier, &by, held).await
    };
    if let Err(error) = taken.await {
        tracing::warn!(grant = grant_id, "a token that is not kept was not taken back: {error}");
    }
}

/// Tokens that wait for a word about a side, as they are before it changes: to be given to [`take_back_ended`].
pub(super) async fn waiting(courier: &Courier, mailbox_id: i64, side: Side) -> desk::Result<Watched> {
    let now = courier.now();
    let disputed = courier.read(move |tx| grant::disputed(tx, mailbox_id, side, now)).await?;
    match disputed {
        Some(dispute) => Ok(Watched(held(courier, dispute.grant.id).await?.into_iter().collect())),
        None => Ok(Watched(Vec::new())),
    }
}

/// Those of them that came to nothing: another sign-in took their place, or other settings did. Whoever begins a sign-in
/// waits for this, since at some providers it would end what they are about to give. What was said, by grant.
pub async fn take_back_ended(courier: &Courier, by: &desk::By, watched: Watched) -> Vec<(i64, String)> {
    let (turns, mut taking) = (Arc::new(Semaphore::new(AT_ONCE_MAX)), JoinSet::new());
    for held in watched.0 {
        let (courier, by, turns) = (courier.clone(), by.clone(), turns.clone());
        taking.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let id = held.grant_id;
            if !is_ended(&courier, id).await {
                return None;
            }
            Some((id, taken_back(&courier, &by, held).await))
        });
    }
    let mut said: Vec<(i64, String)> = taking.join_all().await.into_iter().flatten().collect();
    said.sort_unstable();
    said
}

async fn is_ended(courier: &Courier, grant_id: i64) -> bool {
    match courier.read(move |tx| grant::find(tx, grant_id)).await {
        Ok(found) => {
            found.is_some_and(|grant| matches!(grant.state, grant::State::Failed | grant::State::Revoked))
        }
        Err(error) => {
            tracing::warn!(grant = grant_id, "it is not known whether a token has ended: {error}");
            false
        }
    }
}

/// What the provider said, a sentence. Here it is gone whatever that was.
async fn taken_back(courier: &Courier, by: &desk::By, held: Held) -> String {
    let id = held.grant_id;
    take_back(courier, by, held).await.unwrap_or_else(|error| {
        tracing::warn!(grant = id, "a token was not taken back at its provider: {error}");
        "The provider could not be asked to take it back; the log says why.".to_owned()
    })
}

/// Ends what nobody said a word about in ten minutes.
pub(crate) async fn discard_disputed(courier: &Courier) -> desk::Result<()> {
    let now = courier.now();
    let over = courier.read(move |tx| grant::disputes_over(tx, now)).await?;
    if over.is_empty() {
        return Ok(());
    }
    let courier = courier.clone();
    let task = tokio::spawn(async move {
        let mut all = Vec::new();
        for id in over {
            all.extend(held(&courier, id).await?);
        }
        let ended = courier.write(move |tx| grant::discard_disputed(tx, now)).await?;
        let by = desk::By::system(now);
        all.retain(|held: &Held| ended.contains(&held.grant_id));
        take_back_ended(&courier, &by, Watched(all)).await;
        Ok(())
    });
    task.await.map_err(|error| anyhow::anyhow!("discarding tokens ended early: {error}"))?
}

async fn held(courier: &Courier, grant_id: i64) -> desk::Result<Option<Held>> {
    let vault = courier.desk().vault.clone();
    let found = courier.read(move |tx| {
        let Some(grant) = grant::find(tx, grant_id)? else { return Ok(None) };
        let Some(client) = client::find(tx, grant.client_id)? else { return Ok(None) };
        let refresh_token = grant::refresh_token_for_system(tx, &vault, grant_id)?;
        Ok(Some((grant.state, client, refresh_token)))
    });
    let Some((state, client, refresh_token)) = found.await? else { return Ok(None) };
    let way = way_back(courier, &client).await;
    Ok(Some(Held { grant_id, state, client, refresh_token, way }))
}

/// Only at the provider that gave it: what is known of a provider is no word about an endpoint that somebody typed.
async fn way_back(courier: &Courier, client: &Client) -> desk::Result<Option<WayBack>> {
    let known = at_home(&courier.desk().providers, client);
    let Some(at) = known.and_then(|oauth2| oauth2.revocation_endpoint.as_deref()) else { return Ok(None) };
    let at = endpoint(courier, "Revocation Endpoint", at)?;
    // The token and the secret were entered for one origin; a file of presets that names another one moves neither.
    let token_endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
    if token_endpoint.origin() != at.origin() {
        return Ok(None);
    }
    let shown = ask::shown(courier, client, &token_endpoint).await;
    Ok(Some(WayBack { at, shown }))
}

async fn take_back(courier: &Courier, by: &desk::By, held: Held) -> desk::Result<String> {
    let (Some(way), Some(token)) = (held.way?, held.refresh_token) else {
        return Ok(taken_back_where(courier, &held.client.provider).to_owned());
    };
    let id = held.grant_id;
    if let Some(address) = courier.read(move |tx| grant::same_person_elsewhere(tx, id)).await? {
        return Ok(format!(
            "The provider was not told: it would end what the same person has given for {address} too."
        ));
    }
    let refused = told(courier, &held.client, way, &token).await;
    let (by, grant_id, told) = (by.clone(), held.grant_id, refused.clone());
    courier.write(move |tx| grant::told_provider(tx, &by, grant_id, told.as_deref())).await?;
    Ok(match refused {
        None => "The provider took it back too.".to_owned(),
        Some(why) => {
            format!(
                "The provider could not be told. {why} {}",
                taken_back_where(courier, &held.client.provider)
            )
        }
    })
}

/// Why the provider does not know of it; `None`: it does.
async fn told(courier: &Courier, client: &Client, way: WayBack, token: &SecretString) -> Option<String> {
    let shown = match way.shown {
        Ok(shown) => shown,
        Err(trouble) => return Some(trouble.whole_reason()),
    };
    let authentication = shown.authentication();
    let asked = wire::oauth::revoke(courier.net(), &way.at, client.client_id.trim(), authentication, token);
    match tokio::time::timeout(LIMIT, asked).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(sentence(&error.to_string())),
        Err(_) => Some("The provider did not answer in time.".to_owned()),
    }
}

/// Where a person takes it back.
pub fn taken_back_where(courier: &Courier, provider: &str) -> &'static str {
    match Family::of(crate::registration::family(courier, provider)) {
        Family::Microsoft => {
            "Microsoft has no way to be told: whoever signed in takes Postern away at https://myapps.microsoft.com, or an \
             administrator presses Revoke sessions on the person's page in Entra."
        }
        Family::Google => {
            "Whoever signed in takes Postern's access away at https://myaccount.google.com/connections."
        }
        Family::Other => "If the provider lists what has access to the account, take Postern away there.",
    }
}
