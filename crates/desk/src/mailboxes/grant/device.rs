//! A try by a code that is typed in elsewhere (RFC 8628): one poller at a time across all processes, never before the
//! interval is over.
use super::{note, side_of};
use crate::db::Tx;
use crate::mailboxes::mailbox::Side;
use crate::people::agent::{self, Role};
use crate::people::session;
use crate::site::event::Actor;
use crate::site::sealed;
use crate::site::vault::{DoesNotOpen, Vault};
use crate::{By, Error, Refusal, Result, params};
use secrecy::SecretString;
use serde_json::json;

/// Beyond the lease: who signed in is looked up before the tokens are stored.
const STORING_MS: i64 = 2 * 60_000;

/// What the provider gave; the code that polls is sealed.
#[derive(Clone, Debug)]
pub struct NewDevice {
    pub client_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    pub session_id: i64,
    /// The process that waits for it, where no session does: the code ends with it.
    pub process: Option<String>,
    pub device_code: SecretString,
    pub user_code: String,
    pub verification_uri: String,
    pub interval_s: i64,
    pub expires_at: i64,
}

/// What a person is to do, while there is something to do.
#[derive(Clone, Debug)]
pub struct DeviceTry {
    pub user_code: String,
    pub verification_uri: String,
    pub until: i64,
    /// Nobody has used the code yet, as far as is known.
    pub waits: bool,
    pub poll_at: i64,
}

/// A try that this process asks about now.
#[derive(Clone, Debug)]
pub struct DevicePoll {
    pub grant_id: i64,
    pub generation: i64,
    pub client_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    pub device_code: SecretString,
    pub interval_s: i64,
    /// Its code has ended.
    pub is_over: bool,
}

/// Why a code is asked about no more: code, reason, remedy.
pub const NO_RIGHT: (&str, &str, &str) = (
    "no_administrator",
    "Whoever asked for this code has signed out since, or is no administrator any more, so nothing was authorized with it.",
    "Let an administrator get a new code.",
);

pub fn begin_device(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    new: &NewDevice,
    nonce: [u8; 24],
) -> Result<i64> {
    super::pending::end_before(tx, by, new.mailbox_id, new.side)?;
    let begun_by = match &by.actor {
        Actor::Agent { id, .. } => Some(*id),
        Actor::Requester { .. } | Actor::Rule { .. } | Actor::System => None,
    };
    let id = tx.insert(
        "INSERT INTO consent (client_id, mailbox_id, side, state, session_id, pending_until, authorized_by,
                              state_since, created_at, way, user_code, verification_uri, poll_interval_s, poll_at, begun_by, begun_in)
         VALUES ($1, $2, $3, 'pending', $4, $5, $6, $7, $7, 'device', $8, $9, $10, $11, $12, $13) RETURNING id",
        params![
            new.client_id,
            new.mailbox_id,
            new.side.word(),
            new.session_id,
            new.expires_at,
            by.name(),
            by.at,
            &new.user_code,
            &new.verification_uri,
            new.interval_s,
            by.at.saturating_add(new.interval_s.saturating_mul(1000)),
            begun_by,
            new.process.as_deref().unwrap_or("")
        ],
    )?;
    let sealed = vault.seal(&device_row(id), &new.device_code, nonce);
    tx.execute("UPDATE consent SET device_code = $2 WHERE id = $1", params![id, sealed])?;
    tx.wake("grant");
    let data = json!({ "grant": id, "side": new.side.word(), "way": "device" });
    note(tx, by, new.mailbox_id, "authorization_begun", data)?;
    Ok(id)
}

/// Code, page, end, whether it waits, next poll.
type Shown = (String, String, Option<i64>, bool, Option<i64>);
/// Row, generation, registration, mailbox, side, sealed code, interval, end.
type Claimed = (i64, i64, i64, i64, String, Vec<u8>, i64, i64);

/// `None`: it was no try of this kind.
pub fn device_try(tx: &mut Tx<'_>, id: i64) -> Result<Option<DeviceTry>> {
    let found: Option<Shown> = tx.maybe(
        "SELECT user_code, verification_uri, pending_until, state = 'pending' AND device_code IS NOT NULL, poll_at
         FROM consent WHERE id = $1 AND way = 'device'",
        params![id],
    )?;
    Ok(found.map(|(user_code, verification_uri, until, waits, poll_at)| DeviceTry {
        user_code,
        verification_uri,
        until: until.unwrap_or(0),
        waits,
        poll_at: poll_at.unwrap_or(0),
    }))
}

/// Who acts in a try: beginning it gives no right that has ended since. The session lives, and whose it is is an
/// administrator still; or it was begun on the command line, which has none. `None`: nobody any more.
pub fn who_began(tx: &mut Tx<'_>, id: i64, at: i64) -> Result<Option<By>> {
    let (session_id, begun_by): (i64, Option<i64>) =
        tx.one("SELECT session_id, begun_by FROM consent WHERE id = $1", params![id])?;
    let agent = match (session_id, begun_by) {
        (0, None) => return Ok(Some(By::system(at))),
        (0, Some(agent_id)) => agent::find(tx, agent_id)?.filter(|agent| agent.active),
        (_, Some(agent_id)) => session::owner(tx, session_id, at)?.filter(|agent| agent.id == agent_id),
        (_, None) => None,
    };
    let agent = agent.filter(|agent| agent.role == Role::Administrator);
    Ok(agent.map(|agent| By { actor: Actor::Agent { id: agent.id, name: agent.name }, at }))
}

/// The same in the transaction that keeps tokens, since asking the provider took its time. Other tries are asked about
/// by whoever has come back with the answer.
pub(super) fn still_may(tx: &mut Tx<'_>, id: i64, at: i64) -> Result<()> {
    if device_try(tx, id)?.is_some() && who_began(tx, id, at)?.is_none() {
        return Err(Refusal::Other(format!("{} {}", NO_RIGHT.1, NO_RIGHT.2)).into());
    }
    Ok(())
}

/// The newest try of a side, if it is one by a code.
pub fn newest_device(tx: &mut Tx<'_>, mailbox_id: i64, side: Side) -> Result<Option<i64>> {
    let newest: Option<(i64, String)> = tx.maybe(
        "SELECT id, way FROM consent WHERE mailbox_id = $1 AND side = $2 ORDER BY id DESC LIMIT 1",
        params![mailbox_id, side.word()],
    )?;
    Ok(newest.filter(|(_, way)| way == "device").map(|(id, _)| id))
}

/// A code that nobody has used yet counts no more. Once somebody has, what comes of it goes on.
pub fn cancel_device(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    if device_try(tx, id)?.is_some_and(|device| device.waits) {
        super::fail(tx, by, id, "cancelled", "It was cancelled.", "")?;
    }
    Ok(())
}

/// Whether a process waits for a code that nobody has used yet.
pub fn any_of_a_process(tx: &mut Tx<'_>) -> Result<bool> {
    let (any,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM consent WHERE state = 'pending' AND way = 'device' AND begun_in <> ''
             AND device_code IS NOT NULL)",
        params![],
    )?;
    Ok(any)
}

/// The process is gone: whoever has read its code off a screen signs in for nobody any more. What somebody has signed in
/// with already goes on.
pub fn end_devices_of(tx: &mut Tx<'_>, process: &str, now: i64) -> Result<()> {
    let left: Vec<(i64,)> = tx.all(
        "SELECT id FROM consent WHERE state = 'pending' AND way = 'device' AND begun_in = $1
             AND device_code IS NOT NULL ORDER BY id LIMIT 100",
        params![process],
    )?;
    let reason = "The command that asked for this code ended before anybody had signed in with it.";
    left.into_iter().try_for_each(|(id,)| {
        super::fail(tx, &By::system(now), id, "command_ended", reason, "Get a new code.")
    })
}

/// The try that is due first, or this one if it is due; nobody else asks about it till the lease ends.
pub fn claim_device(
    tx: &mut Tx<'_>,
    vault: &Vault,
    only: Option<i64>,
    now: i64,
    lease_ms: i64,
    owner: &str,
) -> Result<Option<DevicePoll>> {
    let claimed: Option<Claimed> = tx.maybe(
        "UPDATE consent SET leased_until = $2, leased_by = $3, generation = generation + 1,
             poll_at = $1 + poll_interval_s * 1000
         WHERE id = (SELECT id FROM consent
                     WHERE state = 'pending' AND way = 'device' AND device_code IS NOT NULL AND poll_at <= $1
                       AND leased_until <= $1 AND ($4 = 0 OR id = $4)
                     ORDER BY poll_at, id LIMIT 1)
           AND state = 'pending' AND device_code IS NOT NULL AND poll_at <= $1 AND leased_until <= $1
         RETURNING id, generation, client_id, mailbox_id, side, device_code, poll_interval_s, pending_until",
        params![now, now.saturating_add(lease_ms), owner, only.unwrap_or(0)],
    )?;
    let Some((grant_id, generation, client_id, mailbox_id, side, sealed, interval_s, until)) = claimed else {
        return Ok(None);
    };
    let device_code = match vault.unseal(&device_row(grant_id), &sealed) {
        Ok(code) => code,
        // It holds up nobody else's.
        Err(Error::Failed(why)) if why.is::<DoesNotOpen>() => {
            let reason = format!("What the code is asked about with cannot be used: {why:#}.");
            super::fail(tx, &By::system(now), grant_id, "sealed", &reason, "Get a new code.")?;
            return claim_device(tx, vault, only, now, lease_ms, owner);
        }
        Err(error) => return Err(error),
    };
    Ok(Some(DevicePoll {
        grant_id,
        generation,
        client_id,
        mailbox_id,
        side: side_of(&side)?,
        device_code,
        interval_s,
        is_over: until <= now,
    }))
}

/// Whether any try is to be asked about now, or was lost.
pub fn device_due(tx: &mut Tx<'_>, now: i64) -> Result<bool> {
    let (due,) = tx.one(
        "SELECT EXISTS (SELECT 1 FROM consent WHERE state = 'pending' AND way = 'device'
             AND leased_until <= $1 AND CASE WHEN device_code IS NULL THEN disputed_until IS NULL ELSE poll_at <= $1 END)",
        params![now],
    )?;
    Ok(due)
}

/// Nobody has signed in yet: asked again then, and once more at its end. `false`: another poller has it, or it has ended.
pub fn device_waits(tx: &mut Tx<'_>, poll: &DevicePoll, interval_s: i64, poll_at: i64) -> Result<bool> {
    let waits = tx.execute(
        "UPDATE consent SET poll_interval_s = $3, poll_at = CASE WHEN pending_until < $4 THEN pending_until ELSE $4 END, leased_until = 0, leased_by = ''
         WHERE id = $1 AND generation = $2 AND state = 'pending'",
        params![poll.grant_id, poll.generation, interval_s, poll_at],
    )?;
    Ok(waits == 1)
}

/// Somebody has signed in: the code is used up, and the lease lasts until the tokens are stored. `false`: another poller has it, or it has ended.
pub fn device_used(tx: &mut Tx<'_>, poll: &DevicePoll) -> Result<bool> {
    let used = tx.execute(
        "UPDATE consent SET device_code = NULL, leased_until = leased_until + $3
         WHERE id = $1 AND generation = $2 AND state = 'pending'",
        params![poll.grant_id, poll.generation, STORING_MS],
    )?;
    Ok(used == 1)
}

/// Tries whose process ended between the provider's tokens and their commit: they are told, and begun anew by a person.
pub fn end_lost_devices(tx: &mut Tx<'_>, now: i64) -> Result<()> {
    let lost: Vec<(i64,)> = tx.all(
        "SELECT id FROM consent WHERE state = 'pending' AND way = 'device' AND device_code IS NULL
             AND disputed_until IS NULL AND leased_until <= $1 ORDER BY id LIMIT 100",
        params![now],
    )?;
    let reason = "Somebody signed in with the code, but Postern ended before the tokens were stored.";
    lost.into_iter()
        .try_for_each(|(id,)| super::fail(tx, &By::system(now), id, "broken_off", reason, "Get a new code."))
}

/// It has come to nothing. `false`: another poller has it, or it has ended.
pub fn device_over(tx: &mut Tx<'_>, by: &By, poll: &DevicePoll, why: (&str, &str, &str)) -> Result<bool> {
    if !device_used(tx, poll)? {
        return Ok(false);
    }
    let (code, reason, remedy) = why;
    super::fail(tx, by, poll.grant_id, code, reason, remedy)?;
    Ok(true)
}

fn device_row(id: i64) -> String {
    sealed::DEVICE_CODE.row(id)
}
