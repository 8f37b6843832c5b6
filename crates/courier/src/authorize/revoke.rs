//! Tokens are taken back: they end here first, and then the provider is told, where it can be (RFC 7009). Whoever ends them
//! tells it at once; what is left of that, because a process or the provider was not there, the refreshing round takes up.
mod telling;

pub(crate) use telling::take_back_left;
pub use telling::taken_back_where;

use super::exchange::Given;
use crate::registration::endpoint;
use crate::who::{self, Fresh};
use crate::{Courier, probe};
use desk::db::Tx;
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, Whose};
use desk::mailboxes::mailbox::{self, Side};
use std::sync::Arc;
use std::time::Duration;
use telling::{Revocation, revocation, take_back};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Nobody waits longer for a provider that no longer matters.
const LIMIT: Duration = Duration::from_secs(10);

/// So many tokens are taken back side by side when many end at once.
const AT_ONCE_MAX: usize = 8;

/// What is to be taken back at the provider when it has ended here.
pub(super) struct Held {
    grant_id: i64,
    client: Client,
    /// There is something that could be taken back.
    has_token: bool,
    /// The try that waits for this, by which nobody was sent to the provider yet.
    not_begun: Option<i64>,
    revocation: desk::Result<Option<Revocation>>,
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
    Ok(Watched(held(courier, found.await?).await?))
}

/// Tokens that may end with a change.
pub struct Watched(Vec<Held>);

impl Watched {
    /// Told before anybody is sent to the provider by this try.
    pub(super) fn before(mut self, try_id: i64) -> Watched {
        self.0.iter_mut().for_each(|held| held.not_begun = Some(try_id));
        self
    }
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watched({} tokens)", self.0.len())
    }
}

/// *Delete Token*. What the provider said, a sentence.
pub async fn delete_tokens(courier: &Courier, by: &desk::By, grant_id: i64) -> desk::Result<String> {
    Ok(delete(courier, by, vec![grant_id]).await?.join(" "))
}

/// The same of all that a side has: what is in use, and what is newer. What was said of each.
pub async fn delete_tokens_of(
    courier: &Courier,
    by: &desk::By,
    mailbox_id: i64,
    side: Side,
) -> desk::Result<Vec<String>> {
    let found = courier.read(move |tx| {
        let in_use = mailbox::get(tx, mailbox_id)?.grant_id(side);
        let newest = grant::latest(tx, mailbox_id, side)?.map(|grant| grant.id);
        let mut ids: Vec<i64> = in_use.into_iter().chain(newest).collect();
        ids.dedup();
        Ok(ids)
    });
    delete(courier, by, found.await?).await
}

async fn delete(courier: &Courier, by: &desk::By, ids: Vec<i64>) -> desk::Result<Vec<String>> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        let held = held(&courier, ids.clone()).await?;
        let acts = by.clone();
        courier.write(move |tx| ids.iter().try_for_each(|id| grant::delete_tokens(tx, &acts, *id))).await?;
        let said = take_back_ended(&courier, &by, Watched(held)).await;
        Ok(said.into_iter().map(|(_, sentence)| sentence).collect())
    });
    task.await.map_err(|error| anyhow::anyhow!("taking tokens back ended early: {error}"))?
}

/// A mailbox is removed, and what was granted for it is taken back. What the providers said.
pub async fn remove(courier: &Courier, by: &desk::By, mailbox_id: i64) -> desk::Result<String> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move {
        crate::subscription::before_removal(&courier, mailbox_id).await?;
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
    let replaced = courier.read(move |tx| grant::replaced_by(tx, grant_id)).await?;
    held(courier, replaced).await
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
    let (grant_id, by) = (given.grant_id, desk::By::system(courier.now()));
    let taken = async {
        let Some(there) = revocation(courier, client).await? else { return Ok(()) };
        let (vault, acts, nonce) = (courier.desk().vault.clone(), by.clone(), courier.random());
        let to = there.at.to_string();
        let keep = courier.write(move |tx| {
            grant::keep_to_take_back(tx, &vault, &acts, grant_id, (&refresh_token, &to), nonce)
        });
        if !keep.await? {
            return Ok(());
        }
        let mailbox = probe::find(courier, given.mailbox_id).await?;
        let token_endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
        let (set, scope) = (&given.set, given.scope.as_str());
        let fresh = Fresh { set, scope, nonce: None, issuer: None, metadata: None };
        // A person waits for this, and the endpoint may be the one that has just kept them waiting.
        let asked = who::signed_in(courier, client, &mailbox, &token_endpoint, &fresh);
        let asked = tokio::time::timeout(LIMIT, asked).await.ok().and_then(Result::ok);
        if let Some(owned) = asked {
            courier.write(move |tx| grant::was_signed_in_by(tx, grant_id, &owned.owner)).await?;
        }
        let (client, revocation) = (client.clone(), Ok(Some(there)));
        let held = Held { grant_id, client, has_token: true, not_begun: None, revocation };
        take_back(courier, &by, held).await.map(drop)
    };
    let taken: desk::Result<()> = taken.await;
    if let Err(error) = taken {
        tracing::warn!(grant = grant_id, "a token that is not kept was not taken back: {error}");
    }
}

/// Tokens that wait for a word about a side, as they are before it changes: to be given to [`take_back_ended`].
pub(super) async fn waiting(courier: &Courier, mailbox_id: i64, side: Side) -> desk::Result<Watched> {
    let now = courier.now();
    let disputed = courier.read(move |tx| grant::disputed(tx, mailbox_id, side, now)).await?;
    match disputed {
        Some(dispute) => Ok(Watched(held(courier, vec![dispute.grant.id]).await?)),
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
        Ok(found) => found.is_some_and(|grant| is_over(&grant)),
        Err(error) => {
            tracing::warn!(grant = grant_id, "it is not known whether a token has ended: {error}");
            false
        }
    }
}

fn is_over(grant: &grant::Grant) -> bool {
    matches!(grant.state, grant::State::Failed | grant::State::Revoked)
}

/// What the provider said, a sentence. Here it has ended whatever that was.
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
        let mut all = held(&courier, over).await?;
        let ended = courier.write(move |tx| grant::discard_disputed(tx, now)).await?;
        let by = desk::By::system(now);
        all.retain(|held: &Held| ended.contains(&held.grant_id));
        take_back_ended(&courier, &by, Watched(all)).await;
        Ok(())
    });
    task.await.map_err(|error| anyhow::anyhow!("discarding tokens ended early: {error}"))?
}

/// Those of them that have not ended, as they are now. Where each is taken back is written down before it ends: whoever ends it
/// may be gone before the provider has heard of it.
async fn held(courier: &Courier, ids: Vec<i64>) -> desk::Result<Vec<Held>> {
    let found = courier.read(move |tx| {
        let mut found = Vec::new();
        for id in &ids {
            let Some(grant) = grant::find(tx, *id)?.filter(|grant| !is_over(grant)) else { continue };
            found.extend(client::find(tx, grant.client_id)?.map(|client| (grant, client)));
        }
        Ok(found)
    });
    let (mut held, mut places) = (Vec::new(), Vec::new());
    for (grant, client) in found.await? {
        let revocation = revocation(courier, &client).await;
        let to = match &revocation {
            Ok(Some(there)) if grant.has_refresh_token => there.at.to_string(),
            Ok(_) | Err(_) => String::new(),
        };
        places.push((grant.id, to));
        let (grant_id, has_token) = (grant.id, grant.has_refresh_token);
        held.push(Held { grant_id, client, has_token, not_begun: None, revocation });
    }
    if !places.is_empty() {
        courier
            .write(move |tx| places.iter().try_for_each(|(id, to)| grant::take_back_to(tx, *id, to)))
            .await?;
    }
    Ok(held)
}
