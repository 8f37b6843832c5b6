//! From the provider's answer to tokens that are stored: code exchanged, who signed in compared.
use super::{CallbackQuery, Session, callback_url};
use crate::refresh::{self, new_tokens, token_trouble};
use crate::registration::{endpoint, family, token_scope};
use crate::trouble::Trouble;
use crate::who::{self, Fresh, Owned};
use crate::{Courier, probe};
use desk::mailboxes::client::{self, Client};
use desk::mailboxes::grant::{self, Pending};
use desk::mailboxes::mailbox::Side;
use mail::explain::Class;
use secrecy::SecretString;
use wire::oauth::{OAuthError, Protocol, TokenRequest, exchange_code};

/// From the provider's answer to committed tokens; every way out before that leaves nothing of them.
pub(super) async fn exchange(
    courier: &Courier,
    session: &Session,
    client: &Client,
    pending: &Pending,
    query: CallbackQuery,
) -> Result<Owned, Trouble> {
    if let Some(error) = &query.error {
        let answer = OAuthError::from_callback(error, query.error_description.as_deref());
        return Err(Trouble::of_oauth(&answer, family(courier, &client.provider)));
    }
    let code = query.code.map(SecretString::from).ok_or_else(no_code)?;
    let token_endpoint = endpoint(courier, "Token Endpoint", &client.token_endpoint)?;
    let (vault, client_row) = (courier.desk().vault.clone(), client.id);
    let secret = courier.read(move |tx| client::secret_for_system(tx, &vault, client_row)).await?;
    let protocol = match pending.side {
        Side::Incoming => Protocol::Imap,
        Side::Outgoing => Protocol::Smtp,
    };
    let scope = token_scope(client, "", protocol);
    let request = TokenRequest {
        endpoint: &token_endpoint,
        client_id: client.client_id.trim(),
        client_secret: secret.as_ref(),
        scope: Some(&scope),
        extra: &[],
    };
    let redirect_uri = callback_url(courier.site_url(), &client.public_id);
    let asked_at = courier.now();
    let set = exchange_code(courier.net(), &request, &code, redirect_uri.as_str(), &pending.verifier)
        .await
        .map_err(|error| not_exchanged(courier, &error, client))?;
    if set.refresh_token.is_none() {
        return Err(refresh::no_refresh_token());
    }
    let mailbox = probe::find(courier, pending.mailbox_id).await?;
    let fresh = Fresh { set: &set, scope: &scope, nonce: &pending.nonce };
    let mut owned = who::signed_in(courier, client, &mailbox, &token_endpoint, &fresh).await?;
    if let Some(in_use) = mailbox.grant_id(pending.side)
        && let Some(before) = courier.read(move |tx| grant::find(tx, in_use)).await?
    {
        owned.compare_with(&before);
    }
    let tokens = new_tokens(set, &scope, asked_at);
    let (vault, by, id, owner) =
        (courier.desk().vault.clone(), session.by.clone(), pending.grant_id, owned.owner.clone());
    let nonces = [courier.random(), courier.random()];
    courier.write(move |tx| grant::store_tokens(tx, &vault, &by, id, &owner, &tokens, nonces)).await?;
    Ok(owned)
}

/// Nobody tries a code again: the person does.
fn not_exchanged(courier: &Courier, error: &wire::Error, client: &Client) -> Trouble {
    let mut trouble = token_trouble(courier, error, &client.provider);
    if trouble.class == Class::Retry {
        trouble.code = "token_endpoint".to_owned();
        trouble.remedy = "Press Submit again. If it stays, check the Token Endpoint.".to_owned();
    }
    trouble
}

fn no_code() -> Trouble {
    Trouble::new(
        Class::Retry,
        "no_code",
        "The provider came back without a code and without a reason.",
        "Press Submit again.",
    )
}
