//! A mailbox whose registration needs nobody to sign in: a token is asked for at once, kept unproved, and proved past the
//! sign-in. That a token was given proves nothing: Entra gives one without any permission. What passes by itself is tried
//! again by the refreshing round.
use super::prove::{self, Subject};
use super::{Banner, failed, registration, revoke, switched_on};
use crate::ask::{self, Refused};
use crate::probe::{self, Proof};
use crate::refresh::{LEASE_MS, REQUEST_LIMIT, new_tokens};
use crate::refused::{RETRY_CODE, token_trouble};
use crate::registration::{protocol_of, unattended_scope};
use crate::trouble::{RETRY_MS_MAX, RETRY_MS_MIN, TRIES_AGAIN, Trouble};
use crate::{Courier, connect};
use desk::Refusal;
use desk::mailboxes::client::{self, Client, Flow};
use desk::mailboxes::grant::{self, Owner, UnattendedTry};
use desk::mailboxes::mailbox::{Mailbox, Side};
use mail::explain::Class;
use mail::provider::Family;

/// So many are tried side by side.
const AT_ONCE_MAX: usize = 16;

/// Runs in its own task: a dropped request stops no work.
pub async fn ask_now(courier: &Courier, by: &desk::By, mailbox_id: i64, side: Side) -> desk::Result<Banner> {
    let (courier, by) = (courier.clone(), by.clone());
    let task = tokio::spawn(async move { ask(&courier, &by, mailbox_id, side).await });
    task.await.map_err(|error| anyhow::anyhow!("authorizing ended early: {error}"))?
}

/// Whether a side's registration is one of these.
pub async fn needs_nobody(courier: &Courier, mailbox_id: i64, side: Side) -> desk::Result<bool> {
    let (_, client) = courier.read(move |tx| registration(tx, mailbox_id, side)).await?;
    Ok(client.flow.is_unattended())
}

async fn ask(courier: &Courier, by: &desk::By, mailbox_id: i64, side: Side) -> desk::Result<Banner> {
    let (mailbox, client) = courier.read(move |tx| registration(tx, mailbox_id, side)).await?;
    if !client.flow.is_unattended() {
        let sentence = "With this registration a person signs in: authorize it in a browser or with a code.";
        return Err(Refusal::Other(sentence.to_owned()).into());
    }
    switched_on(&client)?;
    connect::check_host(courier, &mailbox, side, &client).await?;
    let (begun_by, client_id, node) = (by.clone(), client.id, courier.node().to_owned());
    let begin = move |tx: &mut desk::db::Tx<'_>| {
        grant::begin_unattended(tx, &begun_by, client_id, mailbox_id, side, LEASE_MS, &node)
    };
    let waited = revoke::waiting(courier, mailbox_id, side).await?;
    let begun = courier.write(begin).await?;
    revoke::take_back_ended(courier, by, waited).await;
    ask_once(courier, by, &mailbox, &client, &begun).await
}

/// Tries that are due, one turn of a round: each ends, or says when it is due again.
pub(crate) async fn go_on(courier: &Courier) -> desk::Result<()> {
    let mut tries = Vec::new();
    while tries.len() < AT_ONCE_MAX {
        let (now, node) = (courier.now(), courier.node().to_owned());
        let claim = move |tx: &mut desk::db::Tx<'_>| grant::claim_unattended(tx, now, LEASE_MS, &node);
        let Some(due) = courier.write(claim).await? else { break };
        let courier = courier.clone();
        // In a task of its own: what is given is kept, though the program is about to stop.
        tries.push(tokio::spawn(async move { try_again(&courier, &due).await }));
    }
    for tried in futures_util::future::join_all(tries).await {
        let tried = tried.map_err(|error| anyhow::anyhow!("a try that needs nobody ended early: {error}"));
        if let Err(error) = tried.map_err(desk::Error::from).flatten() {
            tracing::error!("a mailbox that is being set up could not be tried again: {error}");
        }
    }
    Ok(())
}

async fn try_again(courier: &Courier, due: &UnattendedTry) -> desk::Result<()> {
    let (by, now) = (desk::By::system(courier.now()), courier.now());
    if due.is_over(now) {
        let due = *due;
        return courier.write(move |tx| grant::unattended_over(tx, &by, &due)).await;
    }
    let (mailbox_id, side) = (due.mailbox_id, due.side);
    let (mailbox, client) = courier.read(move |tx| registration(tx, mailbox_id, side)).await?;
    if due.has_tokens {
        prove::prove(courier, &by, &mailbox, side, Subject::New(due.grant_id), None).await?;
        return Ok(());
    }
    if !client.active {
        failed(courier, &by, due.grant_id, switched_off()).await?;
        return Ok(());
    }
    if let Err(error) = connect::check_host(courier, &mailbox, side, &client).await {
        failed(courier, &by, due.grant_id, error.into()).await?;
        return Ok(());
    }
    ask_once(courier, &by, &mailbox, &client, due).await.map(drop)
}

/// A token is asked for, kept and proved; or the try waits, where it passes by itself; or it has come to nothing.
async fn ask_once(
    courier: &Courier,
    by: &desk::By,
    mailbox: &Mailbox,
    client: &Client,
    at: &UnattendedTry,
) -> desk::Result<Banner> {
    let (id, side) = (at.grant_id, at.side);
    let scope = unattended_scope(&courier.desk().providers, client, protocol_of(mailbox, side));
    let asked_at = courier.now();
    let asking = ask::unattended(courier, client, mailbox.user(side), &scope);
    let set = match tokio::time::timeout(REQUEST_LIMIT, asking).await {
        Ok(Ok(set)) => set,
        Ok(Err(refused)) => {
            return not_given(courier, by, client, at, trouble(courier, client, refused)).await;
        }
        Err(_) => return not_given(courier, by, client, at, late()).await,
    };
    let tokens = new_tokens(set, &scope, asked_at);
    let subject =
        if client.flow == Flow::ServiceAccount { &client.account_address } else { &client.client_id };
    let owner = Owner { subject: subject.trim().to_owned(), address: None };
    let (vault, kept_by, nonces) =
        (courier.desk().vault.clone(), by.clone(), [courier.random(), courier.random()]);
    courier.write(move |tx| grant::store_tokens(tx, &vault, &kept_by, id, &owner, &tokens, nonces)).await?;
    let mailbox = probe::find(courier, at.mailbox_id).await?;
    prove::prove(courier, by, &mailbox, side, Subject::New(id), None).await
}

async fn not_given(
    courier: &Courier,
    by: &desk::By,
    client: &Client,
    at: &UnattendedTry,
    mut trouble: Trouble,
) -> desk::Result<Banner> {
    // A delegation counts late too.
    let is_late = client.flow == Flow::ServiceAccount && trouble.code == "unauthorized_client";
    if trouble.class != Class::Retry && !is_late {
        return failed(courier, by, at.grant_id, trouble).await;
    }
    let next_at = next_at(courier, at.since, trouble.retry_after_ms);
    if is_late {
        trouble.remedy = format!("{} {DELEGATION_IS_LATE}", trouble.remedy).trim().to_owned();
    }
    let (told, at, by) = (trouble.clone(), *at, by.clone());
    let waits = courier.write(move |tx| {
        let reason = told.whole_reason();
        grant::unattended_waits(tx, &by, &at, (&told.code, &reason, &told.remedy), next_at)
    });
    if !waits.await? {
        tracing::info!("a late answer to a try that needs nobody was dropped");
    }
    let Trouble { reason: sentence, detail, remedy, .. } = trouble;
    Ok(Banner::Waits { sentence, detail, remedy })
}

const DELEGATION_IS_LATE: &str = "A delegation that was just added counts after minutes, at times after a day: Postern tries again by itself.";

/// The longer it has been tried, the longer it waits.
fn next_at(courier: &Courier, since: i64, retry_after_ms: Option<i64>) -> i64 {
    let now = courier.now();
    let wait = (now.saturating_sub(since) / 2).clamp(RETRY_MS_MIN, RETRY_MS_MAX);
    now.saturating_add(wait.max(retry_after_ms.unwrap_or(0)))
}

fn trouble(courier: &Courier, client: &Client, refused: Refused) -> Trouble {
    match refused {
        Refused::Here(trouble) => trouble,
        Refused::There(error) => token_trouble(courier, &error, &client.provider),
    }
}

fn late() -> Trouble {
    let reason = "The provider's token endpoint did not answer in time.";
    Trouble::new(Class::Retry, RETRY_CODE, reason, TRIES_AGAIN)
}

fn switched_off() -> Trouble {
    let (reason, remedy) =
        ("This registration is switched off.", "Switch it on in the tab Info, then authorize it again.");
    Trouble::new(Class::Configuration, "registration_off", reason, remedy)
}

/// A proof of a new grant did not hold. Where nobody signs in it is proved again by itself while that may pass, and while
/// permissions may be on their way: those of an application reach Exchange late, so what is refused now may be right already.
pub(super) async fn not_proved(
    courier: &Courier,
    grant_id: i64,
    proof: &mut Proof,
) -> desk::Result<Option<i64>> {
    let found = courier.read(move |tx| match grant::find(tx, grant_id)? {
        Some(grant) => Ok(client::find(tx, grant.client_id)?.map(|client| (grant, client))),
        None => Ok(None),
    });
    let Some((grant, client)) = found.await? else { return Ok(None) };
    if !client.flow.is_unattended() || grant.has_refresh_token {
        return Ok(None);
    }
    let providers = &courier.desk().providers;
    let is_late = client.flow == Flow::AppOnly
        && desk::mailboxes::choice::family_of(providers, &client.provider) == Family::Microsoft;
    let is_tried = courier.now() < grant.since.saturating_add(grant::TRYING_MS);
    if is_late {
        let said = if proof.remedy.contains("up to two hours") { "" } else { PERMISSIONS_ARE_LATE };
        let next = if is_tried { BY_ITSELF } else { "" };
        let parts = [proof.remedy.as_str(), said, next];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        proof.remedy = parts.join(" ");
    }
    let passes = is_late || !proof.needs_person;
    Ok((passes && is_tried).then(|| next_at(courier, grant.since, None)))
}

const PERMISSIONS_ARE_LATE: &str =
    "New permissions take up to two hours at Microsoft: if they were just given, prove it again later.";
const BY_ITSELF: &str = "Postern proves it again by itself too.";
