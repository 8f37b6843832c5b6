//! A mailbox that is read at one service of its provider and answered at another: a code asks for one of them, and consent for
//! the other may be missing.
use super::{late, refused};
use crate::authorize::exchange::Given;
use crate::refresh::REQUEST_LIMIT;
use crate::registration::{Consent, protocol_of, protocols_of, service_words, token_scope};
use crate::trouble::Trouble;
use crate::{Courier, ask, probe};
use desk::db::Tx;
use desk::mailboxes::client::Client;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{Mailbox, Side};
use mail::explain::{self, Class, Part};
use wire::oauth::{Protocol, TokenSet};

/// How long what is missing is asked for by the next code.
const MISSING_MS: i64 = 60 * 60_000;

/// What a code is asked for next: the side's own, unless the one before has brought that and consent for another is missing.
pub(super) fn missing(
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

/// One refresh token serves every resource that its person has consented to, and a code asks for one. Where a mailbox needs two
/// it is seen at once whether both are given: a consent that is missing would end what works.
pub(super) async fn for_each_resource(
    courier: &Courier,
    client: &Client,
    mut given: Given,
) -> Result<Given, Trouble> {
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
            Ok(Err(error)) if lacks_consent(&error, &refused(courier, &error, client)) => {
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

/// By what its number or its error is about; a second factor that is asked for, or a service that is switched off, is mended
/// by no other code.
fn lacks_consent(error: &wire::Error, trouble: &Trouble) -> bool {
    const CONSENT: &str = "consent_required";
    let Some(answer) = error.oauth() else { return false };
    let is_said = answer.error == CONSENT || answer.suberror.as_deref() == Some(CONSENT);
    let is_known = explain::part(&trouble.code) == Some(Part::Permissions);
    is_said || (is_known && trouble.class == Class::AuthorizeAgain)
}

fn missing_code(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Graph => "no_consent_graph",
        Protocol::Imap | Protocol::Pop => "no_consent_reading",
        Protocol::Smtp => "no_consent_sending",
    }
}

fn consent_missing(mailbox: &Mailbox, protocol: Protocol) -> Trouble {
    let what = service_words(protocol);
    let reason = format!(
        "{} is read and answered at two services of the provider, and a code is good for one of them at a time: consent for \
         {what} is missing yet.",
        mailbox.address
    );
    let remedy = "Get another code within the hour and sign in once more: it asks for that, and what was consented to counts.";
    Trouble::new(Class::AuthorizeAgain, missing_code(protocol), reason, remedy)
}
