//! The consent of one owner to one client, and its life. In SQL the table is `consent` (GRANT is a
//! reserved word).
/// In SQL: there is something to sign in with ([`State::has_tokens`]).
macro_rules! with_tokens {
    () => {
        "state IN ('unproved', 'fulfilled', 'lapsed')"
    };
}

mod admin_consent;
mod device;
mod dispute;
mod ending;
mod pending;
mod refresh;
mod state;
mod taking_back;
mod unattended;

pub use admin_consent::{ADMIN_CONSENT_MS, awaits_admin_consent, begin_admin_consent, take_admin_consent};
pub use device::{
    DevicePoll, DeviceTry, NO_RIGHT, NewDevice, any_of_a_process, begin_device, cancel_device, claim_device,
    device_due, device_over, device_try, device_used, device_waits, end_devices_of, end_lost_devices,
    newest_device, who_began,
};
pub(super) use dispute::forget_answers;
pub use dispute::{
    Dispute, answered, discard_disputed, dispute, disputed, disputes_of, disputes_over, release,
};
pub(super) use ending::{Tokens, any_of_client, end_lost, end_of_client, end_of_mailbox, end_of_side};
pub use ending::{
    Whose, delete_tokens, overtaken, overtaken_by, replaced_by, same_person_elsewhere, sign_in_under_way,
    was_signed_in_by, why_none, with_refresh_token,
};
pub use pending::{NewTry, PENDING_MS, Pending, Way, awaits_paste, begin, fail, take_pending};
pub(in crate::mailboxes) use refresh::ask_anew;
pub use refresh::{asked_anew, claim_refresh, let_go, refresh_due, refresh_failed, store_refreshed};
pub use state::State;
pub use taking_back::{
    TAKING_BACK_MS, TELLING_MS, TakeBack, Untold, claim_take_back, could_not_tell, keep_to_take_back,
    not_to_be_told, take_back_due, take_back_to, told_provider, untold,
};
pub use unattended::{
    TRYING_MS, UnattendedTry, begin_unattended, claim_unattended, prove_at, tried_again, unattended_over,
    unattended_waits,
};

use super::mailbox::{self, Side};
use crate::db::{self, FromRow, Query, Row, Tx};
use crate::site::event::{self, Actor, Subject};
use crate::site::sealed;
use crate::site::vault::{self, Vault};
use crate::{By, Refusal, Result, params};
use secrecy::SecretString;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub struct Grant {
    pub id: i64,
    pub client_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    pub state: State,
    pub owner_subject: Option<String>,
    pub owner_address: Option<String>,
    pub authorized_by: String,
    pub scopes: String,
    pub has_refresh_token: bool,
    /// The latest-ending access token.
    pub expires_at: Option<i64>,
    pub refreshed_at: Option<i64>,
    pub refresh_due_at: Option<i64>,
    pub reason_code: String,
    pub reason: String,
    pub remedy: String,
    pub since: i64,
    pub generation: i64,
    /// Until when its tokens wait for a word ([`Dispute`]).
    disputed_until: Option<i64>,
}
#[derive(Clone, Debug)]
pub struct NewTokens {
    pub resource: String,
    pub access_token: SecretString,
    pub access_expires_at: i64,
    pub scopes: String,
    /// `None`: keep the stored one.
    pub refresh_token: Option<SecretString>,
    pub refresh_due_at: i64,
}
#[derive(Clone, Debug)]
pub struct Owner {
    pub subject: String,
    pub address: Option<String>,
}
/// A lease on the refresh of one grant: one at a time across all nodes.
#[derive(Clone, Debug)]
pub struct RefreshLease {
    pub grant_id: i64,
    pub generation: i64,
    pub client_id: i64,
    /// `None`: nobody signed in, and a token is asked for anew.
    pub refresh_token: Option<SecretString>,
    /// Why the refresh token that is kept cannot be used.
    pub unopened: Option<String>,
    pub scopes: String,
    /// When it was due as it was claimed: another time by the end says that the registration was changed meanwhile.
    due_at: Option<i64>,
    /// Since it worked, or since its registration was changed.
    pub failed_before: bool,
}
/// The reason code of a refused refresh that passes by itself. Any other needs a person.
pub const RETRY_CODE: &str = "refresh_retry";

/// What a refused refresh means for the grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    Retry,
    /// Client, secret or tenant must be mended; the grant stays.
    Configuration,
    /// The person must authorize again; the refresh token is kept all the same.
    Lapsed,
}

/// The refresh token as it is kept, for a provider that gives none a second time.
pub fn refresh_token_for_system(tx: &mut Tx<'_>, vault: &Vault, id: i64) -> Result<Option<SecretString>> {
    let sealed: Option<(Option<Vec<u8>>,)> =
        tx.maybe("SELECT refresh_token FROM consent WHERE id = $1", params![id])?;
    let opened = sealed.and_then(|(sealed,)| sealed).map(|sealed| vault.unseal(&refresh_row(id), &sealed));
    vault::if_it_opens(opened.transpose())
}

/// Tokens sealed and committed as a new grant, unproved. Refused when the try was ended meanwhile.
pub fn store_tokens(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    owner: &Owner,
    tokens: &NewTokens,
    nonces: [[u8; 24]; 2],
) -> Result<()> {
    device::still_may(tx, id, by.at)?;
    let [for_access, for_refresh] = nonces;
    let refresh = tokens.refresh_token.as_ref().map(|token| vault.seal(&refresh_row(id), token, for_refresh));
    let stored: Option<(i64, String)> = tx.maybe(
        "UPDATE consent SET state = 'unproved', state_since = $2, pending_until = NULL, owner_subject = $3,
                owner_address = $4, scopes = $5, refresh_token = $6, refreshed_at = $2, refresh_due_at = $7,
                leased_until = 0, leased_by = '', generation = generation + 1, failures = 0,
                reason_code = '', reason = '', remedy = ''
         WHERE id = $1 AND state = 'pending' AND state_hash IS NULL RETURNING mailbox_id, side",
        params![
            id,
            by.at,
            &owner.subject,
            owner.address.as_deref(),
            &tokens.scopes,
            refresh,
            tokens.refresh_due_at
        ],
    )?;
    let Some((mailbox_id, side)) = stored else { return Err(ended_meanwhile()) };
    store_access_token(tx, vault, id, tokens, for_access)?;
    let data = json!({ "grant": id, "side": side, "owner": owner.address, "scopes": tokens.scopes });
    note(tx, by, mailbox_id, "authorized", data)
}

fn ended_meanwhile() -> crate::Error {
    let sentence =
        "This authorization was ended meanwhile, because the settings were changed. Authorize it again.";
    Refusal::Other(sentence.into()).into()
}

/// What a side without a grant is red for: code, reason, remedy.
pub const NOT_AUTHORIZED: (&str, &str, &str) = (
    "not_authorized",
    "Nobody has authorized this mailbox.",
    "Fill in what is missing in Config, beside Authentication, and authorize it.",
);

/// Proved: the mailbox's side points to it from now on, the grant it replaces is revoked, and the mailbox is what somebody has
/// said of it.
pub fn fulfil(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let grant = get(tx, id)?;
    if let Some(other) = overtaken_by(tx, id)? {
        return Err(Refusal::Other(overtaken(&other)).into());
    }
    if !grant.state.has_tokens() {
        return Err(
            Refusal::Other("The tokens of this authorization are gone. Authorize again.".into()).into()
        );
    }
    let answered = dispute::answered(tx, id)?;
    tx.execute(
        "UPDATE consent SET state = 'fulfilled', state_since = CASE WHEN state = 'fulfilled' THEN state_since ELSE $2 END,
                reason_code = '', reason = '', remedy = '', failures = 0, try_at = NULL, answered = ''
         WHERE id = $1",
        params![id, by.at],
    )?;
    ending::end_others(tx, by, &grant)?;
    dispute::make_room(tx, by, grant.mailbox_id, grant.side)?;
    point_to(tx, by, &grant)?;
    if let Some(shape) = answered {
        mailbox::change_shape(tx, by, grant.mailbox_id, &shape)?;
    }
    if grant.state != State::Fulfilled {
        note(tx, by, grant.mailbox_id, "proved", json!({ "grant": id, "side": grant.side.word() }))?;
    }
    Ok(())
}

/// The side lives on this grant; what it was red for is over until a round says otherwise.
fn point_to(tx: &mut Tx<'_>, by: &By, grant: &Grant) -> Result<()> {
    let text = match grant.side {
        Side::Incoming => {
            "UPDATE mailbox SET in_grant_id = $2, due_at = $3, state = CASE WHEN active = 1 THEN 'new' ELSE state END,
                    state_since = $3, reason_code = '', reason = '', remedy = '', failures = 0
             WHERE id = $1"
        }
        Side::Outgoing => {
            "UPDATE mailbox SET out_grant_id = $2, out_state = 'new', out_state_since = $3, out_reason_code = '',
                    out_reason = '', out_remedy = ''
             WHERE id = $1"
        }
    };
    tx.execute(text, params![grant.mailbox_id, grant.id, by.at])?;
    if grant.side == Side::Incoming {
        tx.execute(
            "UPDATE mailbox SET out_state = 'new', out_state_since = $2, out_reason_code = '', out_reason = '',
                    out_remedy = ''
             WHERE id = $1 AND out_authentication = 'same'",
            params![grant.mailbox_id, by.at],
        )?;
    }
    tx.wake("mailbox");
    tx.wake("outbox");
    Ok(())
}

/// A failed proof: the new tokens are kept with the reason (*Prove again*), the old grant stays in use.
pub fn not_proved(tx: &mut Tx<'_>, by: &By, id: i64, code: &str, reason: &str, remedy: &str) -> Result<()> {
    let grant = get(tx, id)?;
    tx.execute(
        concat!(
            "UPDATE consent SET reason_code = $2, reason = $3, remedy = $4
         WHERE id = $1 AND ",
            with_tokens!()
        ),
        params![id, code, reason, remedy],
    )?;
    let data = json!({ "grant": id, "side": grant.side.word(), "code": code, "reason": reason });
    tx.wake("mailbox");
    // One that is proved again and again by itself tells the same once.
    if by.actor == Actor::System && (grant.reason_code.as_str(), grant.reason.as_str()) == (code, reason) {
        return Ok(());
    }
    note(tx, by, grant.mailbox_id, "not_proved", data)
}

/// Every column of a [`Grant`], in the order that it is read in.
const SELECT: &str =
    "SELECT id, client_id, mailbox_id, side, state, owner_subject, owner_address, authorized_by, scopes,
    refresh_token IS NOT NULL, (SELECT max(expires_at) FROM access_token WHERE consent_id = consent.id),
    refreshed_at, refresh_due_at, reason_code, reason, remedy, state_since, generation, disputed_until
    FROM consent";

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Grant>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE id = ").bind(id);
    Ok(tx.maybe(query.sql(), query.params())?)
}
fn get(tx: &mut Tx<'_>, id: i64) -> Result<Grant> {
    find(tx, id)?.ok_or_else(|| Refusal::NotFound("authorization").into())
}

/// The newest grant of a side that has tokens: the one in use, or an unproved newer one.
pub fn latest(tx: &mut Tx<'_>, mailbox_id: i64, side: Side) -> Result<Option<Grant>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE mailbox_id = ").bind(mailbox_id).push(" AND side = ").bind(side.word());
    query.push(concat!(" AND ", with_tokens!(), " ORDER BY id DESC LIMIT 1"));
    Ok(tx.maybe(query.sql(), query.params())?)
}

/// The newest grant of a side, whatever came of it.
pub fn newest(tx: &mut Tx<'_>, mailbox_id: i64, side: Side) -> Result<Option<Grant>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE mailbox_id = ").bind(mailbox_id).push(" AND side = ").bind(side.word());
    query.push(" ORDER BY id DESC LIMIT 1");
    Ok(tx.maybe(query.sql(), query.params())?)
}

/// The newest of every side of these mailboxes that has tokens.
pub fn latest_of(tx: &mut Tx<'_>, mailbox_ids: &[i64]) -> Result<Vec<Grant>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE mailbox_id IN ").bind_list(mailbox_ids.iter().copied());
    query.push(concat!(" AND ", with_tokens!(), " ORDER BY id"));
    let mut latest: Vec<Grant> = Vec::new();
    for grant in tx.all::<Grant>(query.sql(), query.params())? {
        latest.retain(|old| (old.mailbox_id, old.side) != (grant.mailbox_id, grant.side));
        latest.push(grant);
    }
    Ok(latest)
}

/// The stored access token of a resource with its end, expired or not.
pub fn access_token_for_system(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    resource: &str,
) -> Result<Option<(SecretString, i64)>> {
    let found: Option<(Vec<u8>, i64)> = tx.maybe(
        "SELECT token, expires_at FROM access_token WHERE consent_id = $1 AND resource = $2",
        params![id, resource],
    )?;
    let Some((sealed, expires_at)) = found else { return Ok(None) };
    let opened = vault::if_it_opens(vault.unseal(&access_row(id, resource), &sealed).map(Some))?;
    Ok(opened.map(|token| (token, expires_at)))
}

fn store_access_token(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    tokens: &NewTokens,
    nonce: [u8; 24],
) -> Result<()> {
    let sealed = vault.seal(&access_row(id, &tokens.resource), &tokens.access_token, nonce);
    tx.execute(
        "INSERT INTO access_token (consent_id, resource, token, scopes, expires_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (consent_id, resource) DO UPDATE
             SET token = excluded.token, scopes = excluded.scopes, expires_at = excluded.expires_at",
        params![id, &tokens.resource, sealed, &tokens.scopes, tokens.access_expires_at],
    )?;
    Ok(())
}

/// A grant's life is told where people look for it: with its mailbox.
fn note(tx: &mut Tx<'_>, by: &By, mailbox_id: i64, kind: &str, data: Value) -> Result<()> {
    event::append(tx, by, Subject::Mailbox(mailbox_id), kind, data)
}

fn refresh_row(id: i64) -> String {
    sealed::REFRESH_TOKEN.row(id)
}
fn access_row(id: i64, resource: &str) -> String {
    sealed::ACCESS_TOKEN.row_of(id, resource)
}
fn side_of(word: &str) -> Result<Side, db::Error> {
    Side::from_word(word).ok_or_else(|| db::Error::Decode(format!("the side {word} is not known")))
}

impl Grant {
    /// In use, and the token endpoint says that the registration must be mended.
    pub fn is_refused(&self) -> bool {
        self.state == State::Fulfilled && self.needs_person()
    }
    /// What is said about it does not pass by itself.
    pub fn needs_person(&self) -> bool {
        !self.reason_code.is_empty() && self.reason_code != RETRY_CODE
    }
}

impl FromRow for Grant {
    fn from_row(row: &Row<'_>) -> Result<Self, db::Error> {
        let c = &mut row.columns();
        Ok(Grant {
            id: c.take()?,
            client_id: c.take()?,
            mailbox_id: c.take()?,
            side: Side::take(c)?,
            state: {
                let word: &str = c.take()?;
                State::from_word(word)
                    .ok_or_else(|| db::Error::Decode(format!("the state {word} is not known")))?
            },
            owner_subject: c.take()?,
            owner_address: c.take()?,
            authorized_by: c.take()?,
            scopes: c.take()?,
            has_refresh_token: c.take()?,
            expires_at: c.take()?,
            refreshed_at: c.take()?,
            refresh_due_at: c.take()?,
            reason_code: c.take()?,
            reason: c.take()?,
            remedy: c.take()?,
            since: c.take()?,
            generation: c.take()?,
            disputed_until: c.take()?,
        })
    }
}
