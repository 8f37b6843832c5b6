//! Grants end: deleted by a person, replaced by a newer one, or because what they were given for has changed. Tokens
//! are destroyed, but for what is kept to be taken back (see `taking_back`); the row and its story stay.
use super::taking_back::{self, TELLING_MS};
use super::{Grant, NOT_AUTHORIZED, Owner, SELECT, State, fail, get, note};
use crate::db::{Query, Tx};
use crate::mailboxes::mailbox::{self, Side};
use crate::site::event::Actor;
use crate::{By, Result, params};
use serde_json::json;
use url::Url;

/// In SQL: where the end of `mine` is told, or would be.
macro_rules! told {
    () => {
        "max(COALESCE(NULLIF(mine.take_back_to, ''), asked.token_endpoint))"
    };
}

/// *Delete Token*: tokens destroyed, the grant revoked, an event.
pub fn delete_tokens(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let grant = get(tx, id)?;
    if !grant.state.has_tokens() {
        return Ok(());
    }
    let who = match &by.actor {
        Actor::System => "by a command on the server",
        actor => &format!("by {}", actor.name()),
    };
    let reason = format!("The token of this mailbox was deleted {who}.");
    mailbox::lost_grant(tx, id, (NOT_AUTHORIZED.0, &reason, AUTHORIZE_AGAIN), by.at)?;
    revoke(tx, by, id, grant.mailbox_id, grant.side.word(), "token_deleted")?;
    tx.execute(
        "UPDATE consent SET reason_code = $2, reason = $3, remedy = $4 WHERE id = $1",
        params![id, DELETED, &reason, AUTHORIZE_AGAIN],
    )?;
    Ok(())
}

/// The reason code of a grant whose tokens a person has deleted.
const DELETED: &str = "token_deleted";
/// Of one that ended with a change of the server.
const MOVED: &str = "server_changed";
const AUTHORIZE_AGAIN: &str = "Authorize it again, and it goes on where it stopped.";

/// Why a side has no grant: code, reason, remedy. Somebody may have ended the last one on purpose.
pub fn why_none(tx: &mut Tx<'_>, mailbox_id: i64, side: Side) -> Result<(String, String, String)> {
    let last: Option<(String, String, String)> = tx.maybe(
        "SELECT reason_code, reason, remedy FROM consent
         WHERE mailbox_id = $1 AND side = $2 AND state IN ('unproved', 'fulfilled', 'lapsed', 'revoked')
         ORDER BY id DESC LIMIT 1",
        params![mailbox_id, side.word()],
    )?;
    let (code, reason, remedy) = NOT_AUTHORIZED;
    Ok(match last {
        Some((ended, reason, remedy)) if [DELETED, MOVED].contains(&ended.as_str()) => {
            (code.to_owned(), reason, remedy)
        }
        Some(_) | None => (code.to_owned(), reason.to_owned(), remedy.to_owned()),
    })
}

/// Its refresh token opens with no key any more.
pub(in crate::mailboxes) fn end_lost(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let grant = get(tx, id)?;
    if matches!(grant.state, State::Revoked | State::Failed) {
        return taking_back::lost(tx, by, id);
    }
    mailbox::lost_grant(tx, id, NOT_AUTHORIZED, by.at)?;
    revoke(tx, by, id, grant.mailbox_id, grant.side.word(), "key_forgotten")
}

/// The grants that a proved one replaces.
pub(super) fn end_others(tx: &mut Tx<'_>, by: &By, grant: &Grant) -> Result<()> {
    others(tx, grant)?
        .into_iter()
        .try_for_each(|id| revoke(tx, by, id, grant.mailbox_id, grant.side.word(), "replaced"))
}

/// The grant in use, where this one had to make room for it.
pub fn overtaken_by(tx: &mut Tx<'_>, id: i64) -> Result<Option<Grant>> {
    let mut query = Query::new(SELECT);
    query
        .push(" WHERE state = 'fulfilled' AND EXISTS (SELECT 1 FROM consent AS ended WHERE ended.id = ")
        .bind(id);
    query.push(" AND ended.state IN ('revoked', 'failed') AND ended.mailbox_id = consent.mailbox_id");
    query.push(" AND ended.side = consent.side AND ended.created_at <= consent.state_since) ORDER BY id DESC LIMIT 1");
    Ok(tx.maybe(query.sql(), query.params())?)
}

/// What who came second is told.
pub fn overtaken(other: &Grant) -> String {
    let owner = other.owner_address.as_deref().map(|owner| format!(" as {owner}")).unwrap_or_default();
    format!(
        "Another sign-in of this mailbox{owner}, begun by {}, was proved first and is in use, so this one was dropped. \
         Nothing else is to be done; authorize again only if that was the wrong account.",
        other.authorized_by
    )
}

/// Those that this one replaces when it is proved.
pub fn replaced_by(tx: &mut Tx<'_>, id: i64) -> Result<Vec<i64>> {
    let grant = get(tx, id)?;
    others(tx, &grant)
}

fn others(tx: &mut Tx<'_>, grant: &Grant) -> Result<Vec<i64>> {
    let others: Vec<(i64,)> = tx.all(
        concat!(
            "SELECT id FROM consent WHERE mailbox_id = $1 AND side = $2 AND id <> $3
             AND ",
            with_tokens!(),
            " ORDER BY id"
        ),
        params![grant.mailbox_id, grant.side.word(), grant.id],
    )?;
    Ok(others.into_iter().map(|(id,)| id).collect())
}

/// Whose tokens may end with a change of settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    All,
    Mailbox(i64),
    Client(i64),
}

/// What is to be taken back at a provider if it ends; what waits for a word too.
pub fn with_refresh_token(tx: &mut Tx<'_>, whose: Whose) -> Result<Vec<i64>> {
    let mut query =
        Query::new("SELECT id FROM consent WHERE refresh_token IS NOT NULL AND take_back_at IS NULL");
    match whose {
        Whose::All => {}
        Whose::Mailbox(id) => drop(query.push(" AND mailbox_id = ").bind(id)),
        Whose::Client(id) => drop(query.push(" AND client_id = ").bind(id)),
    }
    query.push(" ORDER BY id");
    let found: Vec<(i64,)> = tx.all(query.sql(), query.params())?;
    Ok(found.into_iter().map(|(id,)| id).collect())
}

/// For which mailbox the same person has given something at the same provider that is still there: at some providers one
/// token that is taken back ends all that its person has given. Who is not known may be anybody; two of whom no subject is
/// known are told apart by their addresses. The provider is the one that would be told: the registration may lead elsewhere
/// by now, which may be what ended the token.
pub fn same_person_elsewhere(tx: &mut Tx<'_>, id: i64) -> Result<Option<String>> {
    let found: Vec<(String, String, String)> = tx.all(
        concat!(
            "SELECT ",
            told!(),
            ", client.token_endpoint, min(mailbox.address) FROM consent mine
             JOIN client asked ON asked.id = mine.client_id
             JOIN consent other ON other.id <> mine.id AND other.refresh_token IS NOT NULL
                  AND other.state NOT IN ('revoked', 'failed')
             JOIN client ON client.id = other.client_id
             JOIN mailbox ON mailbox.id = other.mailbox_id
         WHERE mine.id = $1
           AND (other.owner_subject = NULLIF(mine.owner_subject, '')
                OR lower(other.owner_address) = lower(NULLIF(mine.owner_address, ''))
                OR ((COALESCE(mine.owner_subject, '') = '' OR COALESCE(other.owner_subject, '') = '')
                    AND (COALESCE(mine.owner_address, '') = '' OR COALESCE(other.owner_address, '') = '')))
         GROUP BY client.token_endpoint ORDER BY client.token_endpoint"
        ),
        params![id],
    )?;
    let there = found.into_iter().find(|(told, endpoint, _)| is_one_provider(told, endpoint));
    Ok(there.map(|(.., address)| address))
}

/// Whether somebody may be signing in at the provider that would be told. Who that is nobody knows yet, and at some providers
/// what they are about to give would end too. Nobody has been sent there yet by the try `not_begun`,
/// and nobody comes back to a session that has ended.
pub fn sign_in_under_way(tx: &mut Tx<'_>, id: i64, not_begun: Option<i64>, now: i64) -> Result<bool> {
    let found: Vec<(String, String)> = tx.all(
        concat!(
            "SELECT ",
            told!(),
            ", client.token_endpoint FROM consent mine
             JOIN client asked ON asked.id = mine.client_id
             JOIN consent other ON other.id <> mine.id AND other.state = 'pending' AND other.pending_until > $2
                  AND other.refresh_token IS NULL AND other.try_at IS NULL AND other.id <> $3
                  AND (other.session_id = 0 OR other.state_hash IS NULL
                       OR EXISTS (SELECT 1 FROM session WHERE session.id = other.session_id AND session.expires_at > $2))
             JOIN client ON client.id = other.client_id
         WHERE mine.id = $1
         GROUP BY client.token_endpoint ORDER BY client.token_endpoint"
        ),
        params![id, now, not_begun.unwrap_or(0)],
    )?;
    Ok(found.iter().any(|(told, endpoint)| is_one_provider(told, endpoint)))
}

/// A provider has its token endpoint and what is told of ends at one origin.
fn is_one_provider(told: &str, endpoint: &str) -> bool {
    let origin = |text: &str| Url::parse(text).ok().map(|url| url.origin());
    told == endpoint || origin(told).is_some_and(|of| Some(of) == origin(endpoint))
}

/// Who signed in for a try that had ended by then: its tokens are not kept, and taken back.
pub fn was_signed_in_by(tx: &mut Tx<'_>, id: i64, owner: &Owner) -> Result<()> {
    tx.execute(
        "UPDATE consent SET owner_subject = $2, owner_address = $3
         WHERE id = $1 AND state IN ('failed', 'revoked') AND owner_subject IS NULL",
        params![id, &owner.subject, owner.address.as_deref()],
    )?;
    Ok(())
}

/// Every grant of a mailbox ends: it is removed.
pub(in crate::mailboxes) fn end_of_mailbox(tx: &mut Tx<'_>, by: &By, mailbox_id: i64) -> Result<()> {
    end_of_side(tx, by, mailbox_id, Side::Incoming, None)?;
    end_of_side(tx, by, mailbox_id, Side::Outgoing, None)
}

/// The side's server is another one: tokens given for the old one are not sent to it. `why` it has none from then on, and
/// what to do.
pub(in crate::mailboxes) fn end_of_side(
    tx: &mut Tx<'_>,
    by: &By,
    mailbox_id: i64,
    side: Side,
    why: Option<(&str, &str)>,
) -> Result<()> {
    let pending: Vec<(i64,)> = tx.all(
        "SELECT id FROM consent WHERE mailbox_id = $1 AND side = $2 AND state = 'pending' ORDER BY id",
        params![mailbox_id, side.word()],
    )?;
    end_tries(tx, by, pending)?;
    let granted: Vec<(i64,)> = tx.all(
        concat!(
            "SELECT id FROM consent WHERE mailbox_id = $1 AND side = $2 AND ",
            with_tokens!(),
            "
         ORDER BY id"
        ),
        params![mailbox_id, side.word()],
    )?;
    for (id,) in granted {
        revoke(tx, by, id, mailbox_id, side.word(), "revoked")?;
        if let Some((reason, remedy)) = why {
            tx.execute(
                "UPDATE consent SET reason_code = $2, reason = $3, remedy = $4 WHERE id = $1",
                params![id, MOVED, reason, remedy],
            )?;
        }
    }
    Ok(())
}

/// An endpoint of the registration leads elsewhere: tries end, and when it is the token endpoint the
/// refresh tokens are not sent there either.
pub(in crate::mailboxes) fn end_of_client(
    tx: &mut Tx<'_>,
    by: &By,
    client_id: i64,
    tokens: Tokens,
) -> Result<()> {
    let pending: Vec<(i64,)> = tx.all(
        "SELECT id FROM consent WHERE client_id = $1 AND state = 'pending' ORDER BY id",
        params![client_id],
    )?;
    end_tries(tx, by, pending)?;
    match tokens {
        Tokens::Keep => Ok(()),
        Tokens::Destroy => {
            let granted: Vec<(i64, i64, String)> = tx.all(
                concat!(
                    "SELECT id, mailbox_id, side FROM consent
                 WHERE client_id = $1 AND ",
                    with_tokens!(),
                    " ORDER BY id"
                ),
                params![client_id],
            )?;
            granted.into_iter().try_for_each(|(id, mailbox_id, side)| {
                mailbox::lost_grant(tx, id, NOT_AUTHORIZED, by.at)?;
                revoke(tx, by, id, mailbox_id, &side, "revoked")
            })
        }
    }
}
/// Whether anything that was granted to the registration is not ended.
pub(in crate::mailboxes) fn any_of_client(tx: &mut Tx<'_>, client_id: i64) -> Result<bool> {
    let (any,): (bool,) = tx.one(
        concat!(
            "SELECT EXISTS (SELECT 1 FROM consent WHERE client_id = $1
             AND ",
            with_tokens!(),
            ")"
        ),
        params![client_id],
    )?;
    Ok(any)
}

/// Whether what was granted already ends too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::mailboxes) enum Tokens {
    Keep,
    Destroy,
}

fn end_tries(tx: &mut Tx<'_>, by: &By, pending: Vec<(i64,)>) -> Result<()> {
    let reason = "The settings were changed while somebody was signing in.";
    pending
        .into_iter()
        .try_for_each(|(id,)| fail(tx, by, id, "settings_changed", reason, "Authorize it again."))
}

fn revoke(tx: &mut Tx<'_>, by: &By, id: i64, mailbox_id: i64, side: &str, kind: &str) -> Result<()> {
    // The generation goes on, so that the answer to a refresh that is under way is dropped.
    tx.execute(
        "UPDATE consent SET state = 'revoked', state_since = $2, verifier = NULL, nonce = NULL,
                refresh_token = CASE WHEN take_back_to = '' THEN NULL ELSE refresh_token END,
                take_back_at = CASE WHEN take_back_to = '' OR refresh_token IS NULL THEN NULL ELSE CAST($3 AS BIGINT) END,
                device_code = NULL,
                state_hash = NULL, refresh_due_at = NULL, try_at = NULL, leased_until = 0, generation = generation + 1
         WHERE id = $1",
        params![id, by.at, by.at.saturating_add(TELLING_MS)],
    )?;
    tx.execute("DELETE FROM access_token WHERE consent_id = $1", params![id])?;
    // A mailbox that has lost its grant says so at its next round, which is now.
    tx.execute(
        "UPDATE mailbox SET in_grant_id = NULL, due_at = $2 WHERE in_grant_id = $1",
        params![id, by.at],
    )?;
    tx.execute("UPDATE mailbox SET out_grant_id = NULL WHERE out_grant_id = $1", params![id])?;
    tx.wake("mailbox");
    note(tx, by, mailbox_id, kind, json!({ "grant": id, "side": side }))
}
