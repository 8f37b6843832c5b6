//! Refreshing a grant: one at a time across all nodes, and the rotated refresh token is stored before the new access
//! token is used. A result is stored only if the generation is still the one claimed.
use super::{NewTokens, RefreshLease, Setback, State, get, note, refresh_row, store_access_token};
use crate::db::Tx;
use crate::mailboxes::mailbox::Side;
use crate::site::mail_hold;
use crate::site::vault::{DoesNotOpen, Vault};
use crate::{By, Error, Result, params};
use serde_json::json;

/// Generation, registration, sealed refresh token, scopes, failures.
type Claimed = (i64, i64, Option<Vec<u8>>, String, i64);

/// `None`: somebody else refreshes it now, it holds no refresh token where it needs one, or mail is on hold.
pub fn claim_refresh(
    tx: &mut Tx<'_>,
    vault: &Vault,
    id: i64,
    now: i64,
    lease_ms: i64,
    owner: &str,
) -> Result<Option<RefreshLease>> {
    if mail_hold::is_on(tx)? {
        return Ok(None);
    }
    let claimed: Option<Claimed> = tx.maybe(
        concat!(
            "UPDATE consent SET leased_until = $3, leased_by = $4, generation = generation + 1
         WHERE id = $1 AND leased_until <= $2
           AND (refresh_token IS NOT NULL
                OR EXISTS (SELECT 1 FROM client c WHERE c.id = consent.client_id AND c.flow <> 'code'))
           AND ",
            with_tokens!(),
            "
         RETURNING generation, client_id, refresh_token, scopes, failures"
        ),
        params![id, now, now.saturating_add(lease_ms), owner],
    )?;
    let Some((generation, client_id, sealed, scopes, failures)) = claimed else { return Ok(None) };
    let due_at = get(tx, id)?.refresh_due_at;
    let (refresh_token, unopened) = match sealed.map(|sealed| vault.unseal(&refresh_row(id), &sealed)) {
        None => (None, None),
        Some(Ok(token)) => (Some(token), None),
        // Claimed all the same, so that somebody settles it and it is told.
        Some(Err(Error::Failed(why))) if why.is::<DoesNotOpen>() => (None, Some(format!("{why:#}"))),
        Some(Err(error)) => return Err(error),
    };
    Ok(Some(RefreshLease {
        grant_id: id,
        generation,
        client_id,
        refresh_token,
        unopened,
        scopes,
        due_at,
        failed_before: failures > 0,
    }))
}

/// A grant that nobody uses is refreshed this often: refresh tokens die of disuse, Microsoft's after 90 days.
const UNUSED_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// Grants whose refresh is due: those in use ahead of their token's end, those of paused mailboxes and unproved ones about
/// weekly, lapsed ones at long intervals. One that was refreshed in the future was so before the clock was set back.
pub fn refresh_due(tx: &mut Tx<'_>, now: i64, limit: i64) -> Result<Vec<i64>> {
    let due: Vec<(i64,)> = tx.all(
        concat!("SELECT id FROM consent
         WHERE ", with_tokens!(), "
           AND (refresh_token IS NOT NULL
                OR EXISTS (SELECT 1 FROM client c WHERE c.id = consent.client_id AND c.flow <> 'code'))
           AND refresh_due_at <= $1 AND leased_until <= $1
           AND (refreshed_at IS NULL OR refreshed_at <= $3 OR refreshed_at > $1
                OR EXISTS (SELECT 1 FROM mailbox m WHERE m.id = consent.mailbox_id
                    AND ((m.active = 1 AND m.in_grant_id = consent.id)
                      OR (m.out_active = 1 AND m.out_grant_id = consent.id)
                      OR (m.out_active = 1 AND m.out_authentication = 'same' AND m.in_grant_id = consent.id))))
         ORDER BY refresh_due_at, id LIMIT $2"),
        params![now, limit, now.saturating_sub(UNUSED_MS)],
    )?;
    Ok(due.into_iter().map(|(id,)| id).collect())
}

/// Stored only `WHERE generation` is the one claimed; `false`: too late, dropped, or kept to be taken back where the grant
/// has ended meanwhile.
pub fn store_refreshed(
    tx: &mut Tx<'_>,
    vault: &Vault,
    lease: &RefreshLease,
    tokens: &NewTokens,
    now: i64,
    nonces: [[u8; 24]; 2],
) -> Result<bool> {
    let [for_access, for_refresh] = nonces;
    let id = lease.grant_id;
    let old = get(tx, id)?;
    let (failures,): (i64,) = tx.one("SELECT failures FROM consent WHERE id = $1", params![id])?;
    // A lapsed grant that works again is what it was: in use, if its side points to it.
    let state = match old.state {
        State::Lapsed if in_use(tx, id)? => State::Fulfilled,
        State::Lapsed => State::Unproved,
        state => state,
    };
    let refresh = tokens.refresh_token.as_ref().map(|token| vault.seal(&refresh_row(id), token, for_refresh));
    // An unproved grant keeps the reason of its proof: a refresh proves nothing to the mail server.
    let stored = tx.execute(
        concat!("UPDATE consent SET state = $3, state_since = CASE WHEN state = $3 THEN state_since ELSE $4 END,
                refresh_token = COALESCE($5, refresh_token), refreshed_at = $4, refresh_due_at = $6, failures = 0,
                reason_code = CASE WHEN $3 = 'unproved' THEN reason_code ELSE '' END,
                reason = CASE WHEN $3 = 'unproved' THEN reason ELSE '' END,
                remedy = CASE WHEN $3 = 'unproved' THEN remedy ELSE '' END,
                leased_until = 0, leased_by = ''
         WHERE id = $1 AND generation = $2 AND ", with_tokens!()),
        params![id, lease.generation, state.word(), now, refresh.as_deref(), tokens.refresh_due_at],
    )?;
    if stored != 1 {
        if let Some(rotated) = &refresh {
            super::taking_back::rotated_late(tx, id, rotated, now)?;
        }
        return Ok(false);
    }
    store_access_token(tx, vault, id, tokens, for_access)?;
    if failures > 0 {
        hurry(tx, id, now)?;
    }
    if old.state == State::Lapsed {
        note(
            tx,
            &By::system(now),
            old.mailbox_id,
            "recovered",
            json!({ "grant": id, "side": old.side.word() }),
        )?;
        tx.wake("mailbox");
    }
    Ok(true)
}

/// The provider gives tokens again: what waited for them does not sit out a wait of its own on top. What a person must mend
/// on the way out is mended by no token, and stays told.
fn hurry(tx: &mut Tx<'_>, grant_id: i64, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE mailbox SET due_at = $2
         WHERE due_at > $2 AND active = 1 AND removed_at IS NULL AND state IN ('waiting', 'needs_person')
           AND in_grant_id = $1",
        params![grant_id, now],
    )?;
    tx.execute(
        "UPDATE mailbox SET out_state = 'new', out_state_since = $2, out_reason_code = '', out_reason = '',
                out_remedy = ''
         WHERE removed_at IS NULL AND out_state = 'waiting'
           AND CASE WHEN out_authentication = 'same' THEN in_grant_id ELSE out_grant_id END = $1",
        params![grant_id, now],
    )?;
    for topic in ["mailbox", "outbox"] {
        tx.wake(topic);
    }
    Ok(())
}

/// `false`: too late, dropped; so is what was asked with a registration that has been changed meanwhile, which is asked
/// again now. The refresh token is kept whatever the provider said: it has been wrong before.
pub fn refresh_failed(
    tx: &mut Tx<'_>,
    lease: &RefreshLease,
    setback: Setback,
    code: &str,
    reason: &str,
    remedy: &str,
    next_at: i64,
    now: i64,
) -> Result<bool> {
    let old = get(tx, lease.grant_id)?;
    if old.refresh_due_at != lease.due_at {
        let_go(tx, lease)?;
        tx.wake("grant");
        return Ok(false);
    }
    // What a person must mend stays told until it works, or until the provider says something else.
    let (code, reason, remedy) = if setback == Setback::Retry && old.needs_person() {
        (old.reason_code.as_str(), old.reason.as_str(), old.remedy.as_str())
    } else {
        (code, reason, remedy)
    };
    let state = match setback {
        Setback::Lapsed => State::Lapsed,
        Setback::Retry | Setback::Configuration => old.state,
    };
    let settled = tx.execute(
        concat!(
            "UPDATE consent SET state = $3, state_since = CASE WHEN state = $3 THEN state_since ELSE $4 END,
                reason_code = $5, reason = $6, remedy = $7, refresh_due_at = $8, failures = failures + 1,
                leased_until = 0, leased_by = ''
         WHERE id = $1 AND generation = $2 AND ",
            with_tokens!()
        ),
        params![lease.grant_id, lease.generation, state.word(), now, code, reason, remedy, next_at],
    )?;
    if settled != 1 {
        return Ok(false);
    }
    if state != old.state || (setback == Setback::Configuration && old.reason_code != code) {
        let kind = match setback {
            Setback::Lapsed => "lapsed",
            Setback::Retry | Setback::Configuration => "refresh_refused",
        };
        let data = json!({ "grant": old.id, "side": old.side.word(), "code": code, "reason": reason });
        note(tx, &By::system(now), old.mailbox_id, kind, data)?;
        tx.wake("mailbox");
    }
    Ok(true)
}

/// Nothing is known of the grant itself by what came: it stays as it was.
pub fn let_go(tx: &mut Tx<'_>, lease: &RefreshLease) -> Result<()> {
    tx.execute(
        "UPDATE consent SET leased_until = 0, leased_by = '' WHERE id = $1 AND generation = $2",
        params![lease.grant_id, lease.generation],
    )?;
    Ok(())
}

/// The registration is another one: what it was refused for may be mended. Its grants are refreshed now, and the mailboxes
/// that had trouble are tried now. A lapsed grant keeps its words until the provider has said something else.
pub(in crate::mailboxes) fn ask_anew(tx: &mut Tx<'_>, by: &By, client_id: i64) -> Result<()> {
    // The words of a proof are the mail server's, and stay.
    tx.execute(
        concat!(
            "UPDATE consent SET refresh_due_at = $2, failures = 0,
                reason_code = CASE WHEN failures > 0 AND state <> 'lapsed' THEN '' ELSE reason_code END,
                reason = CASE WHEN failures > 0 AND state <> 'lapsed' THEN '' ELSE reason END,
                remedy = CASE WHEN failures > 0 AND state <> 'lapsed' THEN '' ELSE remedy END
         WHERE client_id = $1 AND refresh_due_at IS NOT NULL AND ",
            with_tokens!()
        ),
        params![client_id, by.at],
    )?;
    tx.execute(
        "UPDATE mailbox SET due_at = $2
         WHERE due_at > $2 AND active = 1 AND removed_at IS NULL AND state IN ('waiting', 'needs_person')
           AND in_grant_id IN (SELECT id FROM consent WHERE client_id = $1)",
        params![client_id, by.at],
    )?;
    // What the mail server says after the sign-in (no Send As, the 5xx that are not 53x; Graph has no such numbers, and what it
    // refuses is `rejected`) is mended by no registration.
    tx.execute(
        "UPDATE mailbox SET out_state = 'new', out_state_since = $2, out_reason_code = '', out_reason = '',
                out_remedy = ''
         WHERE removed_at IS NULL
           AND (out_state = 'waiting' OR (out_state = 'needs_person'
                AND out_reason_code <> 'rejected'
                AND (out_reason_code NOT LIKE '5__' OR out_reason_code LIKE '53_')))
           AND CASE WHEN out_authentication = 'same' THEN in_grant_id ELSE out_grant_id END
               IN (SELECT id FROM consent WHERE client_id = $1)",
        params![client_id, by.at],
    )?;
    // What is being set up without a person is tried now too.
    tx.execute(
        "UPDATE consent SET try_at = $2 WHERE client_id = $1 AND try_at > $2 AND state IN ('pending', 'unproved')",
        params![client_id, by.at],
    )?;
    for topic in ["grant", "mailbox", "outbox"] {
        tx.wake(topic);
    }
    Ok(())
}

/// What was asked anew with that change ([`ask_anew`]) and tells what the provider makes of it: what this side lives on, else
/// what another one does. `None`: nothing was granted to the registration, or what was changed is nothing to its tokens.
pub fn asked_anew(
    tx: &mut Tx<'_>,
    client_id: i64,
    mailbox_id: i64,
    side: Side,
    changed_at: i64,
) -> Result<Option<i64>> {
    let found: Option<(i64,)> = tx.maybe(
        concat!(
            "SELECT id FROM consent
         WHERE client_id = $1 AND refresh_due_at = $4 AND ",
            with_tokens!(),
            "
         ORDER BY CASE WHEN mailbox_id = $2 AND side = $3 THEN 0 ELSE 1 END,
                  CASE state WHEN 'fulfilled' THEN 0 WHEN 'unproved' THEN 1 ELSE 2 END, id DESC LIMIT 1"
        ),
        params![client_id, mailbox_id, side.word(), changed_at],
    )?;
    Ok(found.map(|(id,)| id))
}

fn in_use(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let (yes,): (bool,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM mailbox WHERE in_grant_id = $1 OR out_grant_id = $1)",
        params![id],
    )?;
    Ok(yes)
}
