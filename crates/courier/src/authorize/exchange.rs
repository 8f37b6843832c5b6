//! From the provider's answer to tokens that are stored: code exchanged, who signed in compared.
use super::{CallbackQuery, Session, callback_url};
use crate::refresh::new_tokens;
use crate::refused::{bad_hour, no_refresh_token, of_a_try};
use crate::registration::{self, Consent, at_home, endpoint, family, protocol_of, token_scope};
use crate::trouble::Trouble;
use crate::who::{self, Fresh, Owned};
use crate::{Courier, ask, probe};
use desk::mailboxes::client::Client;
use desk::mailboxes::grant::{self, Pending};
use desk::mailboxes::mailbox::Side;
use mail::explain::Class;
use secrecy::SecretString;
use wire::oauth::{Discovery, OAuthError, TokenSet, exchange_code, is_same_issuer};

/// Tokens that are committed.
pub(super) enum Exchanged {
    /// To be proved.
    Owned(Owned),
    /// Kept until a person says what the mailbox is, for this reason.
    Disputed(Trouble),
    /// Not kept, for this reason: to be taken back at the provider when the try has ended.
    Dropped(Trouble, Box<Given>),
}

/// From the provider's answer to committed tokens; every way out before that keeps nothing of them.
pub(super) async fn exchange(
    courier: &Courier,
    session: &Session,
    client: &Client,
    pending: &Pending,
    query: CallbackQuery,
) -> Result<Exchanged, Trouble> {
    // A refusal says whose it is too (RFC 9207 §2.4), and one of somebody else is not to be told as the provider's.
    let issuer = query.iss.clone();
    comes_from_its_provider(courier, client, issuer.as_deref())?;
    let metadata = match who::metadata(courier, client).await {
        // What the provider refused is told, whatever else is not known of it.
        Err(trouble) if query.error.is_none() => return Err(trouble),
        found => found.ok().flatten(),
    };
    if let Some(metadata) = &metadata {
        comes_from_who_it_says(metadata, issuer.as_deref())?;
    }
    if let Some(error) = &query.error {
        let answer = OAuthError::from_callback(error, query.error_description.as_deref());
        return Err(not_signed_in(courier, &answer, client));
    }
    let code = query.code.map(SecretString::from).ok_or_else(no_code)?;
    let providers = &courier.desk().providers;
    let mailbox = probe::find(courier, pending.mailbox_id).await?;
    let (of, protocol) =
        (Consent { mailbox: &mailbox, side: pending.side }, protocol_of(&mailbox, pending.side));
    let scope = token_scope(providers, client, of, "", protocol);
    let prepared = ask::prepare(courier, client).await?;
    let request = prepared.request(registration::named_scope(providers, client, &scope));
    let redirect_uri = callback_url(courier.site_url(), &client.public_id);
    let asked_at = courier.now();
    let set = exchange_code(courier.net(), &request, &code, redirect_uri.as_str(), &pending.verifier)
        .await
        .map_err(|error| not_exchanged(courier, &error, client))?;
    let given = Given {
        grant_id: pending.grant_id,
        mailbox_id: pending.mailbox_id,
        side: pending.side,
        set,
        scope,
        asked_at,
        nonce: Some(pending.nonce.clone()),
        issuer,
        metadata,
    };
    Ok(keep(courier, &session.by, client, given).await)
}

/// Tokens that were just given, and what they were asked for.
#[derive(Clone)]
pub(super) struct Given {
    pub grant_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    pub set: TokenSet,
    pub scope: String,
    pub asked_at: i64,
    /// What the id_token must repeat; a device code has none.
    pub nonce: Option<String>,
    pub issuer: Option<String>,
    /// What the provider says of itself, where that was asked for already.
    pub metadata: Option<Discovery>,
}

/// Who it was is compared, and the tokens are committed; or they are dropped.
pub(super) async fn keep(courier: &Courier, by: &desk::By, client: &Client, given: Given) -> Exchanged {
    let dropped = Box::new(given.clone());
    kept(courier, by, client, given).await.unwrap_or_else(|trouble| Exchanged::Dropped(trouble, dropped))
}

async fn kept(courier: &Courier, by: &desk::By, client: &Client, given: Given) -> Result<Exchanged, Trouble> {
    let Given { grant_id, mailbox_id, side, mut set, scope, asked_at, nonce, issuer, metadata } = given;
    let providers = &courier.desk().providers;
    if let Some(scope) = registration::not_granted(providers, client, set.scope.as_deref()) {
        return Err(scope_taken_away(&scope));
    }
    let token_endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
    let mailbox = probe::find(courier, mailbox_id).await?;
    let (nonce, issuer, metadata) = (nonce.as_deref(), issuer.as_deref(), metadata.as_ref());
    let fresh = Fresh { set: &set, scope: &scope, nonce, issuer, metadata };
    let mut owned = who::signed_in(courier, client, &mailbox, &token_endpoint, &fresh).await?;
    if let Some(in_use) = mailbox.grant_id(side)
        && let Some(before) = courier.read(move |tx| grant::find(tx, in_use)).await?
    {
        owned.compare_with(&before, &mailbox, client);
        if set.refresh_token.is_none() {
            set.refresh_token = kept_refresh_token(courier, client, &before, &owned).await?;
        }
    }
    if set.refresh_token.is_none() {
        return Err(no_refresh_token(courier, client));
    }
    let tokens = new_tokens(set, &scope, asked_at);
    let (vault, by, owner) = (courier.desk().vault.clone(), by.clone(), owned.owner.clone());
    let nonces = [courier.random(), courier.random()];
    let Some(trouble) = owned.dispute.take() else {
        courier
            .write(move |tx| grant::store_tokens(tx, &vault, &by, grant_id, &owner, &tokens, nonces))
            .await?;
        return Ok(Exchanged::Owned(owned));
    };
    let why = trouble.clone();
    courier
        .write(move |tx| {
            let why = (why.code.as_str(), why.reason.as_str(), why.remedy.as_str());
            grant::dispute(tx, &vault, &by, grant_id, &owner, &tokens, why, nonces)
        })
        .await?;
    Ok(Exchanged::Disputed(trouble))
}

/// Where a provider says who it is with its answer (RFC 9207), it is the one that was asked.
fn comes_from_its_provider(courier: &Courier, client: &Client, said: Option<&str>) -> Result<(), Trouble> {
    let known = at_home(&courier.desk().providers, client).and_then(|oauth2| oauth2.issuer.as_deref());
    match (known, said) {
        (Some(known), Some(said)) if !is_issuer(known, said) => Err(another_issuer(known, said)),
        (_, Some(_) | None) => Ok(()),
    }
}

/// The same by what the provider says of itself, before the code goes anywhere: an answer that names nobody is none of one
/// that always names itself (RFC 9207 §2.4).
fn comes_from_who_it_says(metadata: &Discovery, said: Option<&str>) -> Result<(), Trouble> {
    match said {
        Some(said) if !is_issuer(&metadata.issuer, said) => Err(another_issuer(&metadata.issuer, said)),
        None if metadata.iss_parameter_supported => Err(no_issuer(&metadata.issuer)),
        Some(_) | None => Ok(()),
    }
}

/// `{tenantid}` of a known issuer is one piece of the path.
fn is_issuer(known: &str, said: &str) -> bool {
    let Some((before, behind)) = known.split_once("{tenantid}") else { return is_same_issuer(known, said) };
    let tenant = said.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    tenant.is_some_and(|tenant| !tenant.is_empty() && !tenant.contains('/'))
}

fn another_issuer(known: &str, said: &str) -> Trouble {
    Trouble::new(
        Class::Configuration,
        "another_issuer",
        format!("The answer says that it comes from {said}, but {known} was asked. Nothing was stored."),
        "Check the Authorization Endpoint, then authorize it again.",
    )
}

fn no_issuer(issuer: &str) -> Trouble {
    Trouble::new(
        Class::AuthorizeAgain,
        "no_issuer",
        format!(
            "{issuer} says of itself that its answers name it, and this answer names nobody. Nothing was stored."
        ),
        "Authorize it again. If it stays, something between the browser and this site takes iss off the address.",
    )
}

fn scope_taken_away(scope: &str) -> Trouble {
    Trouble::new(
        Class::AuthorizeAgain,
        "scope_not_granted",
        format!(
            "Access to the mail was not given: {scope} is missing from what was granted. Nothing was stored."
        ),
        "Authorize it again and tick the box for the mail on the provider's page.",
    )
}

/// The one of the consent in use, if the provider says that it goes on: the same person, at the same registration.
async fn kept_refresh_token(
    courier: &Courier,
    client: &Client,
    before: &grant::Grant,
    owned: &Owned,
) -> Result<Option<SecretString>, Trouble> {
    let stays = registration::oauth2(&courier.desk().providers, client)
        .is_some_and(|oauth2| oauth2.refresh_token_stays);
    let subject = before.owner_subject.as_deref().filter(|subject| !subject.is_empty());
    let is_same = before.client_id == client.id && subject == Some(owned.owner.subject.as_str());
    if !stays || !is_same {
        return Ok(None);
    }
    let (vault, id) = (courier.desk().vault.clone(), before.id);
    Ok(courier.read(move |tx| grant::refresh_token_for_system(tx, &vault, id)).await?)
}

/// What passes by itself is for a person to try again here: nobody else signs in.
fn not_signed_in(courier: &Courier, answer: &OAuthError, client: &Client) -> Trouble {
    let mut trouble = Trouble::of_oauth(answer, family(courier, &client.provider), None);
    if trouble.class == Class::Retry {
        trouble.remedy = bad_hour(AGAIN);
    }
    trouble
}

fn not_exchanged(courier: &Courier, error: &wire::Error, client: &Client) -> Trouble {
    of_a_try(courier, error, &client.provider, AGAIN, "check the Token Endpoint")
}

const AGAIN: &str = "Authorize it again";

fn no_code() -> Trouble {
    Trouble::new(
        Class::Retry,
        "no_code",
        "The provider came back without a code and without a reason.",
        "Authorize it again.",
    )
}
