//! A provider is told of a token that has ended here: at once, or again later, where it can be told (RFC 7009).
use super::{AT_ONCE_MAX, Held, LIMIT};
use crate::Courier;
use crate::ask::{self, Shown};
use crate::registration::{at_home, endpoint};
use crate::trouble::{Trouble, sentence};
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, TakeBack};
use desk::site::mail_hold;
use mail::provider::Family;
use secrecy::SecretString;
use tokio::task::JoinSet;
use url::Url;

/// Longest time between two tries.
const PAUSE_MS_MAX: i64 = 6 * 60 * 60_000;

/// Where a token is taken back, and what its registration shows there: as it is while the token is there, since what ends
/// tokens may change that too.
pub(super) struct Revocation {
    pub(super) at: Url,
    shown: Result<Shown, Trouble>,
}

/// Only at the provider that gave it: what is known of a provider is no word about an endpoint that somebody typed.
pub(super) async fn revocation(courier: &Courier, client: &Client) -> desk::Result<Option<Revocation>> {
    let known = at_home(&courier.desk().providers, client);
    let Some(at) = known.and_then(|oauth2| oauth2.revocation_endpoint.as_deref()) else { return Ok(None) };
    let at = endpoint(courier, "Revocation Endpoint", at)?;
    // The token and the secret were entered for one origin; a file of presets that names another one moves neither.
    let token_endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
    if token_endpoint.origin() != at.origin() {
        return Ok(None);
    }
    let shown = ask::shown(courier, client, &token_endpoint).await;
    Ok(Some(Revocation { at, shown }))
}

pub(super) async fn take_back(courier: &Courier, by: &desk::By, held: Held) -> desk::Result<String> {
    let there = || Ok(taken_back_where(courier, &held.client.provider).to_owned());
    let Some(revocation) = held.revocation?.filter(|_| held.has_token) else { return there() };
    let (id, not_begun, now) = (held.grant_id, held.not_begun, courier.now());
    if courier.read(move |tx| grant::sign_in_under_way(tx, id, not_begun, now)).await? {
        return Ok(SOMEBODY_SIGNS_IN.to_owned());
    }
    let Some(kept) = claim(courier, Some(held.grant_id)).await? else { return there() };
    tell(courier, by, &kept, &held.client, revocation).await
}

async fn claim(courier: &Courier, only: Option<i64>) -> desk::Result<Option<TakeBack>> {
    let (vault, now) = (courier.desk().vault.clone(), courier.now());
    courier.write(move |tx| grant::claim_take_back(tx, &vault, only, now)).await
}

/// What whoever ended it has not seen through: because they are gone, or the provider was.
pub(crate) async fn take_back_left(courier: &Courier) -> desk::Result<()> {
    let now = courier.now();
    if !courier.read(move |tx| grant::take_back_due(tx, now)).await? {
        return Ok(());
    }
    let mut telling = JoinSet::new();
    while telling.len() < AT_ONCE_MAX {
        let Some(kept) = claim(courier, None).await? else { break };
        let courier = courier.clone();
        // One that is broken off is told once more, which does no harm.
        telling.spawn(async move {
            let by = desk::By::system(courier.now());
            if let Err(error) = tell_left(&courier, &by, &kept).await {
                tracing::error!(grant = kept.grant_id, "what ended could not be taken back: {error}");
            }
        });
    }
    telling.join_all().await;
    Ok(())
}

/// With what its registration shows now, where that leads to the same origin still; with the token alone, where it does not.
/// Not while somebody may be signing in there, which is looked at again a minute later.
async fn tell_left(courier: &Courier, by: &desk::By, kept: &TakeBack) -> desk::Result<()> {
    let (id, now) = (kept.grant_id, courier.now());
    if now.saturating_sub(kept.since) < grant::TAKING_BACK_MS
        && courier.read(move |tx| grant::sign_in_under_way(tx, id, None, now)).await?
    {
        return Ok(());
    }
    let id = kept.client_id;
    let client = courier.read(move |tx| client::find(tx, id)).await?;
    let mut client = client.ok_or(desk::Refusal::NotFound("registration"))?;
    let at = endpoint(courier, "Revocation Endpoint", &kept.to)?;
    let shown = match endpoint(courier, "Token Endpoint", &client.token_endpoint) {
        Ok(token_endpoint) if token_endpoint.origin() == at.origin() => {
            ask::shown(courier, &client, &token_endpoint).await
        }
        Ok(_) | Err(_) => {
            client.client_id.clear();
            Ok(Shown::Nothing)
        }
    };
    tell(courier, by, kept, &client, Revocation { at, shown }).await.map(drop)
}

/// What came of telling it, a sentence.
async fn tell(
    courier: &Courier,
    by: &desk::By,
    kept: &TakeBack,
    client: &Client,
    revocation: Revocation,
) -> desk::Result<String> {
    let (id, now) = (kept.grant_id, courier.now());
    let (hold, elsewhere) =
        courier.read(move |tx| Ok((mail_hold::find(tx)?, grant::same_person_elsewhere(tx, id)?))).await?;
    let is_copy = hold.is_some_and(|hold| hold.backup_of.is_some());
    let untold = match elsewhere {
        _ if is_copy => Some(OF_A_COPY.to_owned()),
        Some(address) => Some(format!(
            "The provider was not told: it would end what the same person has given for {address} too."
        )),
        None => None,
    };
    if let Some(sentence) = untold {
        let kept = kept.clone();
        courier.write(move |tx| grant::not_to_be_told(tx, &kept)).await?;
        return Ok(sentence);
    }
    let refused = match &kept.refresh_token {
        Some(token) => told(courier, client, revocation, token).await.err(),
        None => Some(Untold { why: SEALED.to_owned(), retry_after_ms: None }),
    };
    let (by, kept) = (by.clone(), kept.clone());
    let Some(untold) = refused else {
        courier.write(move |tx| grant::told_provider(tx, &by, &kept)).await?;
        return Ok("The provider took it back too.".to_owned());
    };
    let age = now.saturating_sub(kept.since);
    let wait = age.clamp(grant::TELLING_MS, PAUSE_MS_MAX).max(untold.retry_after_ms.unwrap_or(0));
    let goes_on = age < grant::TAKING_BACK_MS && kept.refresh_token.is_some();
    // Whatever the provider asks for: what is kept is destroyed at its time.
    let last_at = kept.since.saturating_add(grant::TAKING_BACK_MS);
    let again_at = goes_on.then(|| now.saturating_add(wait).min(last_at));
    let why = untold.why;
    tracing::warn!(grant = id, goes_on, "a provider could not be told of the end of a token: {why}");
    let there = taken_back_where(courier, &client.provider);
    let sentence = match again_at {
        Some(_) => {
            format!("The provider could not be told yet; Postern tells it again by itself. {why} {there}")
        }
        None => format!("The provider could not be told. {why} {there}"),
    };
    courier.write(move |tx| grant::could_not_tell(tx, &by, &kept, &why, again_at)).await?;
    Ok(sentence)
}

const SOMEBODY_SIGNS_IN: &str = "The provider is told in a few minutes: somebody may be signing in there at this moment, and it could end \
                                 what they are about to give.";
const OF_A_COPY: &str = "The provider was not told: this desk was restored from a backup and is on hold, and the one that it is a copy of \
                         may live on the same consent.";
const SEALED: &str = "The key that sealed the token is lost.";

/// Why the provider does not know of it.
struct Untold {
    why: String,
    retry_after_ms: Option<i64>,
}

async fn told(
    courier: &Courier,
    client: &Client,
    revocation: Revocation,
    token: &SecretString,
) -> Result<(), Untold> {
    let shown = revocation
        .shown
        .map_err(|trouble| Untold { why: trouble.whole_reason(), retry_after_ms: trouble.retry_after_ms })?;
    let authentication = shown.authentication();
    let asked =
        wire::oauth::revoke(courier.net(), &revocation.at, client.client_id.trim(), authentication, token);
    match tokio::time::timeout(LIMIT, asked).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            Err(Untold { why: sentence(&error.to_string()), retry_after_ms: error.retry_after_ms() })
        }
        Err(_) => {
            Err(Untold { why: "The provider did not answer in time.".to_owned(), retry_after_ms: None })
        }
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
