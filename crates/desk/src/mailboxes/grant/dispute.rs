//! Somebody else than expected has signed in: the tokens are kept sealed, and used for nothing, until a person says
//! what the mailbox is. Until then the try is still pending, which no statement about tokens in use looks at.
use super::{Grant, NewTokens, Owner, PENDING_MS, SELECT, fail, note, refresh_row, store_access_token};
use crate::db::{Query, Tx};
use crate::mailboxes::mailbox::{self, Shape, Side};
use crate::site::vault::Vault;
use crate::{By, Refusal, Result, params};
use serde_json::json;

const TOO_LATE: &str = "The tokens of this sign-in were discarded after ten minutes. Authorize it again.";

/// Tokens that wait for a word.
#[derive(Clone, Debug)]
pub struct Dispute {
    pub grant: Grant,
    pub until: i64,
}
impl Dispute {
    fn of(grant: Grant) -> Option<Dispute> {
        grant.disputed_until.map(|until| Dispute { grant, until })
    }
}

/// Seals them for ten minutes. Refused when the try was ended meanwhile.
pub fn dispute(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    owner: &Owner,
    tokens: &NewTokens,
    why: (&str, &str, &str),
    nonces: [[u8; 24]; 2],
) -> Result<()> {
    super::device::still_may(tx, id, by.at)?;
    let (code, reason, remedy) = why;
    let [for_access, for_refresh] = nonces;
    let refresh = tokens.refresh_token.as_ref().map(|token| vault.seal(&refresh_row(id), token, for_refresh));
    let until = by.at + PENDING_MS;
    let kept: Option<(i64, String)> = tx.maybe(
        "UPDATE consent SET state_since = $2, pending_until = $3, disputed_until = $3, owner_subject = $4,
                owner_address = $5, scopes = $6, refresh_token = $7, refreshed_at = $2, refresh_due_at = $8,
                leased_until = 0, leased_by = '', reason_code = $9, reason = $10, remedy = $11
         WHERE id = $1 AND state = 'pending' AND state_hash IS NULL AND disputed_until IS NULL
         RETURNING mailbox_id, side",
        params![
            id,
            by.at,
            until,
            &owner.subject,
            owner.address.as_deref(),
            &tokens.scopes,
            refresh,
            tokens.refresh_due_at,
            code,
            reason,
            remedy
        ],
    )?;
    let Some((mailbox_id, side)) = kept else { return Err(super::ended_meanwhile()) };
    store_access_token(tx, vault, id, tokens, for_access)?;
    tx.wake("mailbox");
    note(
        tx,
        by,
        mailbox_id,
        "disputed",
        json!({ "grant": id, "side": side, "owner": owner.address, "code": code }),
    )
}

/// What a side waits for a word about; never one whose time has come, whether or not it was discarded yet.
pub fn disputed(tx: &mut Tx<'_>, mailbox_id: i64, side: Side, now: i64) -> Result<Option<Dispute>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE mailbox_id = ").bind(mailbox_id).push(" AND side = ").bind(side.word());
    query.push(" AND state = 'pending' AND disputed_until > ").bind(now).push(" ORDER BY id DESC LIMIT 1");
    Ok(tx.maybe(query.sql(), query.params())?.and_then(Dispute::of))
}

/// What these mailboxes wait for a word about, also where its time has come and it was not discarded yet.
pub fn disputes_of(tx: &mut Tx<'_>, mailbox_ids: &[i64]) -> Result<Vec<Dispute>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE state = 'pending' AND disputed_until IS NOT NULL AND mailbox_id IN ");
    query.bind_list(mailbox_ids.iter().copied()).push(" ORDER BY id");
    Ok(tx.all(query.sql(), query.params())?.into_iter().filter_map(Dispute::of).collect())
}

/// A person has said what the mailbox is (`None`: what it was): the tokens are like any others that wait for their proof. The
/// mailbox is that when they are proved, and stays what it was for the consent that is in use until then.
pub fn release(tx: &mut Tx<'_>, by: &By, id: i64, shape: Option<&Shape>) -> Result<()> {
    if let Some(shape) = shape {
        let mailbox_id = super::get(tx, id)?.mailbox_id;
        mailbox::may_be(tx, mailbox_id, shape)?;
    }
    let released: Option<(i64, String)> = tx.maybe(
        "UPDATE consent SET state = 'unproved', state_since = $2, pending_until = NULL, disputed_until = NULL,
                authorized_by = $3, reason_code = '', reason = '', remedy = '', answered = $4, generation = generation + 1
         WHERE id = $1 AND state = 'pending' AND disputed_until > $2 RETURNING mailbox_id, side",
        params![id, by.at, by.name(), shape.map_or("", Shape::word)],
    )?;
    let Some((mailbox_id, side)) = released else { return Err(Refusal::Other(TOO_LATE.into()).into()) };
    note(tx, by, mailbox_id, "authorized", json!({ "grant": id, "side": side, "disputed": true }))
}

/// What the mailbox is when this is proved, as somebody has said; `None`: what it was.
pub fn answered(tx: &mut Tx<'_>, id: i64) -> Result<Option<Shape>> {
    let found: Option<(String, Option<String>)> =
        tx.maybe("SELECT answered, owner_address FROM consent WHERE id = $1", params![id])?;
    Ok(found.and_then(|(word, owner)| Shape::from_words(&word, &owner.unwrap_or_default())))
}

/// Somebody has said in the settings what the mailbox is: that counts.
pub(in crate::mailboxes) fn forget_answers(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<()> {
    tx.execute(
        "UPDATE consent SET answered = '' WHERE mailbox_id = $1 AND answered <> ''",
        params![mailbox_id],
    )?;
    Ok(())
}

/// Those that nobody said a word about in time.
pub fn disputes_over(tx: &mut Tx<'_>, now: i64) -> Result<Vec<i64>> {
    let over: Vec<(i64,)> = tx.all(
        "SELECT id FROM consent WHERE state = 'pending' AND disputed_until <= $1 ORDER BY id LIMIT 100",
        params![now],
    )?;
    Ok(over.into_iter().map(|(id,)| id).collect())
}

/// Destroys their tokens; which tries that ended.
pub fn discard_disputed(tx: &mut Tx<'_>, now: i64) -> Result<Vec<i64>> {
    let over = disputes_over(tx, now)?;
    for id in &over {
        let reason = "Nobody said within ten minutes what the mailbox is, so the tokens of this sign-in were discarded.";
        fail(tx, &By::system(now), *id, "dispute_over", reason, "Authorize it again.")?;
    }
    Ok(over)
}

/// Another sign-in of the side takes the place of those that wait for a word or for a code, or are tried again by themselves.
pub(super) fn make_room(tx: &mut Tx<'_>, by: &By, mailbox_id: i64, side: Side) -> Result<()> {
    let waiting: Vec<(i64,)> = tx.all(
        "SELECT id FROM consent
         WHERE mailbox_id = $1 AND side = $2 AND state = 'pending'
           AND (disputed_until IS NOT NULL OR way = 'device' OR try_at IS NOT NULL) ORDER BY id",
        params![mailbox_id, side.word()],
    )?;
    let reason = "Another sign-in took its place, so what it had was discarded.";
    waiting.into_iter().try_for_each(|(id,)| fail(tx, by, id, "superseded", reason, ""))
}
