//! Whose turn a mailbox is: leases with an end and a generation, and what a round came to.
//!
//! A result is stored only if the generation is still the one claimed; whatever changes a mailbox (other servers,
//! a pause, its removal) takes the generation further, so that a round of before stops and its result is dropped.
use super::{Claim, Mailbox, Round, Side, State, get};
use crate::db::{self, Tx};
use crate::site::event::{self, Subject};
use crate::site::mail_hold;
use crate::{By, Result, params};
use serde_json::json;

impl Round {
    /// When the next one is due.
    pub fn next_at(&self) -> i64 {
        match self {
            Round::Done { next_at, .. }
            | Round::Partly { next_at, .. }
            | Round::Retry { next_at, .. }
            | Round::NeedsPerson { next_at, .. } => *next_at,
        }
    }
}

/// Leases active mailboxes that are due, at most `limit`.
pub fn claim_due(tx: &mut Tx<'_>, now: i64, lease_ms: i64, owner: &str, limit: i64) -> Result<Vec<Claim>> {
    if mail_hold::is_on(tx)? {
        return Ok(Vec::new());
    }
    // The due condition stands twice: without the outer one two nodes on PostgreSQL claim one row.
    let claimed: Vec<(i64, i64)> = tx.all(
        "UPDATE mailbox SET leased_until = $2, leased_by = $3, generation = generation + 1,
                due_at = CASE WHEN due_at <= 0 THEN CAST($1 AS BIGINT) ELSE due_at END
         WHERE id IN (SELECT id FROM mailbox
                      WHERE active = 1 AND removed_at IS NULL AND due_at <= $1 AND leased_until <= $1
                      ORDER BY due_at, id LIMIT $4)
           AND active = 1 AND removed_at IS NULL AND due_at <= $1 AND leased_until <= $1
         RETURNING id, generation",
        params![now, now.saturating_add(lease_ms), owner, limit],
    )?;
    Ok(claimed.into_iter().map(|(mailbox_id, generation)| Claim { mailbox_id, generation }).collect())
}

/// Leases this one now, due or not; `None` when somebody else holds it (the error text of the caller says who:
/// see [`holder`]), when it was removed, or when mail is on hold.
pub fn claim(tx: &mut Tx<'_>, id: i64, now: i64, lease_ms: i64, owner: &str) -> Result<Option<Claim>> {
    if mail_hold::is_on(tx)? {
        return Ok(None);
    }
    let claimed: Option<(i64,)> = tx.maybe(
        "UPDATE mailbox SET leased_until = $3, leased_by = $4, generation = generation + 1,
                due_at = CASE WHEN due_at <= 0 THEN CAST($2 AS BIGINT) ELSE due_at END
         WHERE id = $1 AND removed_at IS NULL AND leased_until <= $2 RETURNING generation",
        params![id, now, now.saturating_add(lease_ms), owner],
    )?;
    Ok(claimed.map(|(generation,)| Claim { mailbox_id: id, generation }))
}

pub fn holder(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<Option<String>> {
    let holder: Option<(String,)> =
        tx.maybe("SELECT leased_by FROM mailbox WHERE id = $1 AND leased_until > $2", params![id, now])?;
    Ok(holder.map(|(name,)| name))
}

/// Whether the mailbox is still this round's.
pub fn is_held(tx: &mut Tx<'_>, claim: &Claim) -> Result<bool> {
    let (held,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM mailbox WHERE id = $1 AND generation = $2 AND leased_until > 0)",
        params![claim.mailbox_id, claim.generation],
    )?;
    Ok(held)
}

/// `false`: the lease was lost; stop.
pub fn renew(tx: &mut Tx<'_>, claim: &Claim, until: i64) -> Result<bool> {
    let renewed = tx.execute(
        "UPDATE mailbox SET leased_until = $3 WHERE id = $1 AND generation = $2 AND leased_until > 0",
        params![claim.mailbox_id, claim.generation, until],
    )?;
    Ok(renewed == 1)
}

/// What counts of a round however it ends: mail has come in it, and the server works (`serves`), so that the failures before it are none
/// in a row with how it ends.
pub fn note_before_end(tx: &mut Tx<'_>, claim: &Claim, mail: bool, serves: bool, now: i64) -> Result<()> {
    if mail || serves {
        tx.execute(
            "UPDATE mailbox SET last_mail_at = CASE WHEN $3 = 1 THEN CAST($5 AS BIGINT) ELSE last_mail_at END,
                    failures = CASE WHEN $4 = 1 THEN 0 ELSE failures END
             WHERE id = $1 AND generation = $2",
            params![claim.mailbox_id, claim.generation, mail, serves, now],
        )?;
    }
    Ok(())
}

/// Settles the round `WHERE generation` is the one claimed; `false`: it came too late and was dropped.
pub fn settle(tx: &mut Tx<'_>, claim: &Claim, round: &Round, now: i64) -> Result<bool> {
    let old: Option<(i64, String)> = tx.maybe(
        "SELECT active, state FROM mailbox WHERE id = $1 AND generation = $2",
        params![claim.mailbox_id, claim.generation],
    )?;
    let Some((active, state)) = old else { return Ok(false) };
    let next_at = round.next_at();
    let mail = matches!(round, Round::Done { mail: true, .. } | Round::Partly { mail: true, .. });
    let done = matches!(round, Round::Done { .. } | Round::Partly { .. });
    let settled = tx.execute(
        "UPDATE mailbox SET leased_until = 0, leased_by = '',
                due_at = CASE WHEN due_at = 0 THEN CAST($5 AS BIGINT)
                              WHEN due_at < 0 AND CAST($3 AS BIGINT) > CAST($7 AS BIGINT) THEN CAST($7 AS BIGINT)
                              ELSE CAST($3 AS BIGINT) END,
                failures = CASE WHEN $4 = 1 THEN 0 ELSE failures + 1 END,
                last_fetch_at = CASE WHEN $4 = 1 THEN $5 ELSE last_fetch_at END,
                last_mail_at = CASE WHEN $6 = 1 THEN $5 ELSE last_mail_at END
         WHERE id = $1 AND generation = $2",
        params![claim.mailbox_id, claim.generation, next_at, done, now, mail, now.saturating_add(TOLD_PAUSE_MS)],
    )?;
    if settled != 1 {
        return Ok(false);
    }
    // `postern mailbox fetch` may run on a paused one; it stays paused.
    if active == 1 {
        set_health(tx, claim.mailbox_id, Side::Incoming, &state, round, now)?;
    }
    Ok(true)
}

/// The outgoing side's health, after a try to send or a proof.
pub fn settle_outgoing(tx: &mut Tx<'_>, id: i64, round: &Round, now: i64) -> Result<()> {
    let (state,): (String,) = tx.one("SELECT out_state FROM mailbox WHERE id = $1", params![id])?;
    if matches!(round, Round::Done { mail: true, .. }) {
        tx.execute("UPDATE mailbox SET last_sent_at = $2 WHERE id = $1", params![id, now])?;
    }
    set_health(tx, id, Side::Outgoing, &state, round, now)
}

/// Makes it due at once and wakes the rounds (topic `mailbox`). A round that is at it may be past what is asked for: `due_at` is
/// 0 then, and the next one follows it at once.
pub fn hurry(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<()> {
    get(tx, id)?;
    tx.execute(
        "UPDATE mailbox SET due_at = CASE WHEN leased_until > $2 THEN 0 ELSE CAST($2 AS BIGINT) END
         WHERE id = $1 AND (due_at > $2 OR leased_until > $2)",
        params![id, now],
    )?;
    tx.wake("mailbox");
    Ok(())
}

/// Between two looks that a server asks for by itself: whoever tells again and again makes it no busier than that.
const TOLD_PAUSE_MS: i64 = 2_000;
/// What `due_at` is where a server has told of something that the round at work may be past: another follows it after the pause.
const TOLD: i64 = -1;

/// The server has told of something by itself: as [`hurry`], but not sooner after the last look than [`TOLD_PAUSE_MS`]. With
/// `only_look` nothing changes, and the answer is whether something would.
pub(in crate::mailboxes) fn told(
    tx: &mut Tx<'_>,
    mailbox: &Mailbox,
    now: i64,
    only_look: bool,
) -> Result<bool> {
    let since = mailbox.last_fetch_at.map(|at| now.saturating_sub(at));
    let pause =
        since.filter(|since| (0..TOLD_PAUSE_MS).contains(since)).map_or(0, |since| TOLD_PAUSE_MS - since);
    let due_at = match holder(tx, mailbox.id, now)? {
        Some(_) if mailbox.due_at <= 0 => return Ok(false),
        Some(_) => TOLD,
        None => now.saturating_add(pause),
    };
    if mailbox.due_at <= due_at {
        return Ok(false);
    }
    if !only_look {
        tx.execute("UPDATE mailbox SET due_at = $2 WHERE id = $1", params![mailbox.id, due_at])?;
        tx.wake("mailbox");
    }
    Ok(true)
}

/// The outgoing server is no longer left alone: somebody asks for a try at once. What was wrong is said again if
/// it still is.
pub fn try_outgoing(tx: &mut Tx<'_>, id: i64, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE mailbox SET out_state = 'new', out_state_since = $2, out_reason_code = '', out_reason = '',
                out_remedy = ''
         WHERE id = $1 AND out_state IN ('waiting', 'needs_person')",
        params![id, now],
    )?;
    tx.wake("mailbox");
    Ok(())
}

/// At the start of the program: what is well is looked at now, so that mail which came while nobody listened
/// does not wait for the clock. What has trouble keeps its time.
pub fn hurry_well(tx: &mut Tx<'_>, now: i64) -> Result<()> {
    tx.execute(
        "UPDATE mailbox SET due_at = $1 WHERE active = 1 AND removed_at IS NULL AND state = 'ok' AND due_at > $1",
        params![now],
    )?;
    Ok(())
}

/// The sides that live on this grant have none from now on, and say so without waiting for a round.
pub(in crate::mailboxes) fn lost_grant(
    tx: &mut Tx<'_>,
    grant_id: i64,
    (code, reason, remedy): (&str, &str, &str),
    now: i64,
) -> Result<()> {
    let round =
        Round::NeedsPerson { code: code.into(), reason: reason.into(), remedy: remedy.into(), next_at: now };
    let sides: Vec<(i64, String, String, bool, bool)> = tx.all(
        "SELECT id, state, out_state, active = 1 AND COALESCE(in_grant_id = $1, FALSE),
                out_active = 1 AND COALESCE(CASE WHEN out_authentication = 'same' THEN in_grant_id
                                                 ELSE out_grant_id END = $1, FALSE)
         FROM mailbox WHERE removed_at IS NULL AND (in_grant_id = $1 OR out_grant_id = $1) ORDER BY id",
        params![grant_id],
    )?;
    for (id, state, out_state, incoming, outgoing) in sides {
        if incoming {
            set_health(tx, id, Side::Incoming, &state, &round, now)?;
        }
        if outgoing {
            set_health(tx, id, Side::Outgoing, &out_state, &round, now)?;
        }
    }
    Ok(())
}

/// Health after a round. What a person must mend stays until it works again: a passing trouble on top of it (the
/// provider away for a minute) would hide the red strip.
fn set_health(tx: &mut Tx<'_>, id: i64, side: Side, old: &str, round: &Round, now: i64) -> Result<()> {
    let old =
        State::from_word(old).ok_or_else(|| db::Error::Decode(format!("the state {old} is not known")))?;
    let (new, code, reason, remedy) = match round {
        Round::Done { .. } => (State::Ok, "", "", ""),
        Round::Partly { code, reason, remedy, needs_person, .. } => {
            let state = if *needs_person { State::NeedsPerson } else { State::Waiting };
            (state, code.as_str(), reason.as_str(), remedy.as_str())
        }
        Round::Retry { .. } if old == State::NeedsPerson => return Ok(()),
        Round::Retry { code, reason, remedy, .. } => {
            (State::Waiting, code.as_str(), reason.as_str(), remedy.as_str())
        }
        Round::NeedsPerson { code, reason, remedy, .. } => {
            (State::NeedsPerson, code.as_str(), reason.as_str(), remedy.as_str())
        }
    };
    let text = match side {
        Side::Incoming => {
            "UPDATE mailbox SET state_since = CASE WHEN state = $2 THEN state_since ELSE $6 END,
                    state = $2, reason_code = $3, reason = $4, remedy = $5 WHERE id = $1"
        }
        Side::Outgoing => {
            "UPDATE mailbox SET out_state_since = CASE WHEN out_state = $2 THEN out_state_since ELSE $6 END,
                    out_state = $2, out_reason_code = $3, out_reason = $4, out_remedy = $5 WHERE id = $1"
        }
    };
    tx.execute(text, params![id, new.word(), code, reason, remedy, now])?;
    if old != new {
        let data = json!({ "side": side.word(), "from": old.word(), "to": new.word(), "code": code, "reason": reason });
        event::append(tx, &By::system(now), Subject::Mailbox(id), "health", data)?;
        tx.wake("mailbox");
    }
    Ok(())
}
