//! Tokens are taken back: destroyed here first, and then the provider is asked, where it can be (RFC 7009).
use super::exchange::Given;
use crate::registration::{at_home, endpoint};
use crate::trouble::sentence;
use crate::who::{self, Fresh};
use crate::{Courier, ask, probe};
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{self, Side};
use mail::provider::Family;
use secrecy::SecretString;
use std::time::Duration;
use url::Url;

/// Nobody waits longer for a provider that no longer matters.
const LIMIT: Duration = Duration::from_secs(10);

/// What is to be taken back at the provider when it is gone here.
pub(super) struct Held {
    grant_id: i64,
    state: grant::State,
    client: Client,
    refresh_token: Option<SecretString>,
}

/// *Delete Token*. What the provider said, a sentence.
pub async fn delete_tokens(courier: &Courier, by: &desk::By, grant_id: i64) -> desk::Result<String> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        let held = held(&courier, grant_id).await?.filter(|held| held.state.has_tokens());
        let acts = by.clone();
        courier.write(move |tx| grant::delete_tokens(tx, &acts, grant_id)).await?;
        match held {
            Some(held) => take_back(&courier, &by, held).await,
            None => Ok(String::new()),
        }
    });
    task.await.map_err(|error| anyhow::anyhow!("taking tokens back ended early: {error}"))?
}

/// A mailbox is removed, and what was granted for it is taken back. What the providers said.
pub async fn remove(courier: &Courier, by: &desk::By, mailbox_id: i64) -> desk::Result<String> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        let granted = courier.read(move |tx| {
            let mut granted = Vec::new();
            for side in [Side::Incoming, Side::Outgoing] {
                granted.extend(grant::latest(tx, mailbox_id, side)?.map(|grant| grant.id));
                let mailbox = mailbox::get(tx, mailbox_id)?;
                granted.extend(mailbox.grant_id(side));
            }
            granted.sort_unstable();
            granted.dedup();
            Ok(granted)
        });
        let mut all = Vec::new();
        for id in granted.await? {
            all.extend(held(&courier, id).await?.filter(|held| held.state.has_tokens()));
        }
        let mut waited = waiting(&courier, mailbox_id, Side::Incoming).await?;
        waited.extend(waiting(&courier, mailbox_id, Side::Outgoing).await?);
        let acts = by.clone();
        courier.write(move |tx| mailbox::remove(tx, &acts, mailbox_id)).await?;
        take_back_ended(&courier, &by, waited).await;
        let mut said: Vec<String> = Vec::new();
        for held in all {
            let sentence = take_back(&courier, &by, held).await?;
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
        let id = held.grant_id;
        if let Err(error) = take_back(courier, by, held).await {
            tracing::warn!(grant = id, "a replaced token was not taken back at its provider: {error}");
        }
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
        if let Ok(owned) = who::signed_in(courier, client, &mailbox, &token_endpoint, &fresh).await {
            courier.write(move |tx| grant::was_signed_in_by(tx, grant_id, &owned.owner)).await?;
        }
        let client = client.clone();
        let held = Held { grant_id, state: grant::State::Failed, client, refresh_token: Some(refresh_token) };
        take_back(courier, &by, held).await
    };
    if let Err(error) = taken.await {
        tracing::warn!(grant = grant_id, "a token that is not kept was not taken back: {error}");
    }
}

/// Tokens that wait for a word about a side, as they are before it changes: to be given to [`take_back_ended`].
pub(super) async fn waiting(courier: &Courier, mailbox_id: i64, side: Side) -> desk::Result<Vec<Held>> {
    let now = courier.now();
    let disputed = courier.read(move |tx| grant::disputed(tx, mailbox_id, side, now)).await?;
    match disputed {
        Some(dispute) => Ok(held(courier, dispute.grant.id).await?.into_iter().collect()),
        None => Ok(Vec::new()),
    }
}

/// Those of them that came to nothing: another sign-in took their place. Whoever begins it waits for this, since at some
/// providers it would end what they are about to give.
pub(super) async fn take_back_ended(courier: &Courier, by: &desk::By, waited: Vec<Held>) {
    for held in waited {
        let id = held.grant_id;
        let taken = async {
            let ended = courier.read(move |tx| grant::find(tx, id)).await?;
            if ended.is_some_and(|grant| grant.state == grant::State::Failed) {
                take_back(courier, by, held).await?;
            }
            Ok::<_, desk::Error>(())
        };
        if let Err(error) = taken.await {
            tracing::warn!(grant = id, "a token that was superseded was not taken back: {error}");
        }
    }
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
        for held in all.into_iter().filter(|held| ended.contains(&held.grant_id)) {
            take_back(&courier, &by, held).await?;
        }
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
        Ok(Some(Held { grant_id, state: grant.state, client, refresh_token }))
    });
    found.await
}

/// Only at the provider that gave it: what is known of a provider is no word about an endpoint that somebody typed.
async fn take_back(courier: &Courier, by: &desk::By, held: Held) -> desk::Result<String> {
    let known = at_home(&courier.desk().providers, &held.client);
    let at = known.and_then(|oauth2| oauth2.revocation_endpoint.as_deref());
    let (Some(at), Some(token)) = (at, held.refresh_token) else {
        return Ok(taken_back_where(courier, &held.client.provider).to_owned());
    };
    let id = held.grant_id;
    if let Some(address) = courier.read(move |tx| grant::same_person_elsewhere(tx, id)).await? {
        return Ok(format!(
            "The provider was not told: it would end what the same person has given for {address} too."
        ));
    }
    let at = endpoint(courier, "Revocation Endpoint", at)?;
    // The token and the secret were entered for one origin; a file of presets that names another one moves neither.
    let token_endpoint = endpoint(courier, "Token Endpoint", &held.client.token_endpoint)?;
    if token_endpoint.origin() != at.origin() {
        return Ok(taken_back_where(courier, &held.client.provider).to_owned());
    }
    let refused = told(courier, &held.client, &token_endpoint, &at, &token).await;
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
async fn told(
    courier: &Courier,
    client: &Client,
    token_endpoint: &Url,
    at: &Url,
    token: &SecretString,
) -> Option<String> {
    let shown = match ask::shown(courier, client, token_endpoint).await {
        Ok(shown) => shown,
        Err(trouble) => return Some(trouble.whole_reason()),
    };
    let authentication = shown.authentication();
    let asked = wire::oauth::revoke(courier.net(), at, client.client_id.trim(), authentication, token);
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
