//! A mailbox whose registration needs nobody to sign in: a token is asked for at once, kept unproved, and proved past the
//! sign-in. That a token was given proves nothing: Entra gives one without any permission.
use super::prove::{self, Subject};
use super::{Banner, failed, registration, revoke, switched_on};
use crate::ask::{self, Refused};
use crate::refresh::new_tokens;
use crate::refused::of_a_try;
use crate::registration::unattended_scope;
use crate::trouble::Trouble;
use crate::{Courier, connect, probe};
use desk::Refusal;
use desk::mailboxes::client::{self, Client, Flow};
use desk::mailboxes::grant::{self, Owner};
use desk::mailboxes::mailbox::Side;
use mail::explain::Class;
use mail::provider::Family;

const AGAIN: &str = "Press Submit again";

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
        let sentence = "With this registration a person signs in: press Submit on the page Config.";
        return Err(Refusal::Other(sentence.to_owned()).into());
    }
    switched_on(&client)?;
    connect::check_host(courier, &mailbox, side, &client).await?;
    let scope = unattended_scope(&courier.desk().providers, &client);
    let (begun_by, client_id) = (by.clone(), client.id);
    let begin =
        move |tx: &mut desk::db::Tx<'_>| grant::begin_unattended(tx, &begun_by, client_id, mailbox_id, side);
    let waited = revoke::waiting(courier, mailbox_id, side).await?;
    let id = courier.write(begin).await?;
    revoke::take_back_ended(courier, by, waited).await;
    let asked_at = courier.now();
    let set = match ask::unattended(courier, &client, mailbox.user(side), &scope).await {
        Ok(set) => set,
        Err(refused) => return failed(courier, by, id, trouble(courier, &client, refused)).await,
    };
    let tokens = new_tokens(set, &scope, asked_at);
    let subject =
        if client.flow == Flow::ServiceAccount { &client.account_address } else { &client.client_id };
    let owner = Owner { subject: subject.trim().to_owned(), address: None };
    let (vault, kept_by, nonces) =
        (courier.desk().vault.clone(), by.clone(), [courier.random(), courier.random()]);
    courier.write(move |tx| grant::store_tokens(tx, &vault, &kept_by, id, &owner, &tokens, nonces)).await?;
    let mailbox = probe::find(courier, mailbox_id).await?;
    prove::prove(courier, by, &mailbox, side, Subject::New(id), None).await
}

fn trouble(courier: &Courier, client: &Client, refused: Refused) -> Trouble {
    match refused {
        // Nothing is kept of this try, so nothing tries again.
        Refused::Here(trouble) if trouble.class == Class::Retry => {
            Trouble { remedy: format!("{AGAIN}."), ..trouble }
        }
        Refused::Here(trouble) => trouble,
        Refused::There(error) => {
            of_a_try(courier, &error, &client.provider, AGAIN, "check the Token Endpoint")
        }
    }
}

/// Permissions of an application reach Exchange late: what is refused now may be right already.
pub(super) async fn with_patience(courier: &Courier, grant_id: i64, remedy: String) -> desk::Result<String> {
    let client = courier.read(move |tx| match grant::find(tx, grant_id)? {
        Some(grant) => client::find(tx, grant.client_id),
        None => Ok(None),
    });
    let providers = &courier.desk().providers;
    let is_late = client.await?.is_some_and(|client| {
        client.flow == Flow::AppOnly
            && desk::mailboxes::choice::family_of(providers, &client.provider) == Family::Microsoft
    });
    if !is_late {
        return Ok(remedy);
    }
    let patience = "New permissions take up to two hours at Microsoft: if they were just given, press Prove again later.";
    Ok([remedy.as_str(), patience].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "))
}
