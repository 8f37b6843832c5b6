//! A try that nobody takes part in: asked for again by itself, by one process at a time, while what stands in the way passes,
//! and when it has tokens proved again. Begun by a person, ended by the first proof that holds, by another try, by what a
//! person must mend, or after a day.
use super::{Grant, SELECT, fail, note, side_of};
use crate::db::{Query, Tx};
use crate::mailboxes::mailbox::Side;
use crate::{By, Result, params};
use serde_json::json;

/// Delegation at Google may take a day until it counts, permissions at Microsoft two hours.
pub const TRYING_MS: i64 = 24 * 60 * 60_000;

/// A try that this process is at now.
#[derive(Clone, Copy, Debug)]
pub struct UnattendedTry {
    pub grant_id: i64,
    pub generation: i64,
    pub client_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    /// It has its tokens, and waits for a proof that holds.
    pub has_tokens: bool,
    pub since: i64,
}

impl UnattendedTry {
    pub fn is_over(&self, now: i64) -> bool {
        now >= self.since.saturating_add(TRYING_MS)
    }
}

/// Nobody comes back, so there is nothing to come back with.
pub fn begin_unattended(
    tx: &mut Tx<'_>,
    by: &By,
    client_id: i64,
    mailbox_id: i64,
    side: Side,
    lease_ms: i64,
    owner: &str,
) -> Result<UnattendedTry> {
    super::pending::end_before(tx, by, mailbox_id, side)?;
    let leased_until = by.at.saturating_add(lease_ms);
    // Whoever is at it may end; then the round takes it up.
    let grant_id = tx.insert(
        "INSERT INTO consent (client_id, mailbox_id, side, state, pending_until, authorized_by, state_since, created_at,
                              try_at, leased_until, leased_by)
         VALUES ($1, $2, $3, 'pending', $4, $5, $6, $6, $7, $7, $8) RETURNING id",
        params![
            client_id,
            mailbox_id,
            side.word(),
            by.at.saturating_add(2 * TRYING_MS),
            by.name(),
            by.at,
            leased_until,
            owner
        ],
    )?;
    note(tx, by, mailbox_id, "authorization_begun", json!({ "grant": grant_id, "side": side.word() }))?;
    let (has_tokens, since) = (false, by.at);
    Ok(UnattendedTry { grant_id, generation: 0, client_id, mailbox_id, side, has_tokens, since })
}

/// The try that is due first. While tokens are asked for nobody else asks; a proof takes no lease, since it may ask for
/// another access token, and is not begun again while it runs.
pub fn claim_unattended(
    tx: &mut Tx<'_>,
    now: i64,
    lease_ms: i64,
    owner: &str,
) -> Result<Option<UnattendedTry>> {
    let claimed: Option<(i64, i64, i64, i64, String, bool, i64)> = tx.maybe(
        "UPDATE consent SET try_at = $2,
                leased_until = CASE WHEN state = 'pending' THEN $2 ELSE leased_until END,
                leased_by = CASE WHEN state = 'pending' THEN $3 ELSE leased_by END,
                generation = CASE WHEN state = 'pending' THEN generation + 1 ELSE generation END
         WHERE id = (SELECT id FROM consent
                     WHERE try_at <= $1 AND state IN ('pending', 'unproved') AND (state = 'unproved' OR leased_until <= $1)
                     ORDER BY try_at, id LIMIT 1)
           AND try_at <= $1 AND state IN ('pending', 'unproved') AND (state = 'unproved' OR leased_until <= $1)
         RETURNING id, generation, client_id, mailbox_id, side, state = 'unproved', state_since",
        params![now, now.saturating_add(lease_ms), owner],
    )?;
    let Some((grant_id, generation, client_id, mailbox_id, side, has_tokens, since)) = claimed else {
        return Ok(None);
    };
    let side = side_of(&side)?;
    Ok(Some(UnattendedTry { grant_id, generation, client_id, mailbox_id, side, has_tokens, since }))
}

/// No token yet, for what passes by itself: asked for again then. `false`: it has ended, or another one is at it.
pub fn unattended_waits(
    tx: &mut Tx<'_>,
    by: &By,
    waits: &UnattendedTry,
    (code, reason, remedy): (&str, &str, &str),
    try_at: i64,
) -> Result<bool> {
    let (said,): (String,) =
        tx.one("SELECT reason_code FROM consent WHERE id = $1", params![waits.grant_id])?;
    let kept = tx.execute(
        "UPDATE consent SET try_at = $3, reason_code = $4, reason = $5, remedy = $6, failures = failures + 1,
                leased_until = 0, leased_by = ''
         WHERE id = $1 AND generation = $2 AND state = 'pending'",
        params![waits.grant_id, waits.generation, try_at, code, reason, remedy],
    )?;
    if kept != 1 {
        return Ok(false);
    }
    tx.wake("mailbox");
    if said != code {
        let data =
            json!({ "grant": waits.grant_id, "side": waits.side.word(), "code": code, "reason": reason });
        note(tx, by, waits.mailbox_id, "authorization_waits", data)?;
    }
    Ok(true)
}

/// When an unproved one is proved again by itself; `None`: when a person says so.
pub fn prove_at(tx: &mut Tx<'_>, id: i64, try_at: Option<i64>) -> Result<()> {
    tx.execute("UPDATE consent SET try_at = $2 WHERE id = $1 AND state = 'unproved'", params![id, try_at])?;
    tx.wake("mailbox");
    Ok(())
}

/// Nobody will have to come back to it any more: it was tried for a day.
pub fn unattended_over(tx: &mut Tx<'_>, by: &By, over: &UnattendedTry) -> Result<()> {
    if over.has_tokens {
        return prove_at(tx, over.grant_id, None);
    }
    let grant = super::get(tx, over.grant_id)?;
    let reason = format!("It was tried for a day. {}", grant.reason);
    fail(tx, by, over.grant_id, &grant.reason_code, reason.trim(), "Authorize it again.")
}

/// What a side waits for by itself, and until when.
pub fn tried_again(tx: &mut Tx<'_>, mailbox_id: i64, side: Side) -> Result<Option<(Grant, i64)>> {
    let mut query = Query::new(SELECT);
    query.push(" WHERE mailbox_id = ").bind(mailbox_id).push(" AND side = ").bind(side.word());
    query.push(" AND state IN ('pending', 'unproved') AND try_at IS NOT NULL AND reason <> '' ORDER BY id DESC LIMIT 1");
    let Some(grant) = tx.maybe::<Grant>(query.sql(), query.params())? else { return Ok(None) };
    let (try_at,): (i64,) = tx.one("SELECT try_at FROM consent WHERE id = $1", params![grant.id])?;
    Ok(Some((grant, try_at)))
}
