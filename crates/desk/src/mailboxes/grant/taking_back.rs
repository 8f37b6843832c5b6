//! What has ended and is to be taken back at its provider. The sealed refresh token is kept until the provider has been told:
//! by whoever ended it, and from a minute later on by anybody, so that no end of a process leaves the provider untold. It is
//! shown nowhere but at the address that it had while it was in use, and destroyed after three days in any case.
use super::{note, refresh_row, side_of};
use crate::db::Tx;
use crate::mailboxes::mailbox::Side;
use crate::site::vault::{self, Vault};
use crate::{By, Result, params};
use secrecy::SecretString;
use serde_json::json;

/// Whoever ends tokens tells their provider within this time, or is gone.
pub const TELLING_MS: i64 = 60_000;
/// A provider that could not be told by then is told no more: what was deleted is not kept for ever.
pub const TAKING_BACK_MS: i64 = 3 * 24 * 60 * 60_000;

/// One that is told now.
#[derive(Clone, Debug)]
pub struct TakeBack {
    pub grant_id: i64,
    pub generation: i64,
    pub client_id: i64,
    pub mailbox_id: i64,
    pub side: Side,
    /// Where, and nowhere else.
    pub to: String,
    /// `None`: it opens with no key any more.
    pub refresh_token: Option<SecretString>,
    /// When it ended.
    pub since: i64,
}

/// Of a side: its provider has not been told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    pub side: Side,
    pub next_at: i64,
    /// Why not the last time; empty: it was not tried, or is at this moment.
    pub said: String,
}

/// Where the provider is told when this ends; empty: nowhere, and the token is destroyed with it. To be said while it is in
/// use: whoever ends it may be gone before the provider has heard of it.
pub fn take_back_to(tx: &mut Tx<'_>, id: i64, endpoint: &str) -> Result<()> {
    tx.execute(
        "UPDATE consent SET take_back_to = $2
         WHERE id = $1 AND take_back_to <> $2 AND state NOT IN ('revoked', 'failed')",
        params![id, endpoint],
    )?;
    Ok(())
}

/// Tokens of a try that had ended by the time they were given: kept for nothing but this. `false`: it has not ended, or keeps
/// some already.
pub fn keep_to_take_back(
    tx: &mut Tx<'_>,
    vault: &Vault,
    by: &By,
    id: i64,
    (refresh_token, endpoint): (&SecretString, &str),
    nonce: [u8; 24],
) -> Result<bool> {
    let sealed = vault.seal(&refresh_row(id), refresh_token, nonce);
    let kept = tx.execute(
        "UPDATE consent SET refresh_token = $2, take_back_to = $3, take_back_at = $4, generation = generation + 1
         WHERE id = $1 AND refresh_token IS NULL AND state IN ('revoked', 'failed')",
        params![id, sealed, endpoint, by.at.saturating_add(TELLING_MS)],
    )?;
    Ok(kept == 1)
}

/// A refresh was under way when it ended: what it brought is as good as what was to be taken back, and may be all that is left
/// of it.
pub(super) fn rotated_late(tx: &mut Tx<'_>, id: i64, sealed: &[u8], now: i64) -> Result<()> {
    let kept = tx.execute(
        "UPDATE consent SET refresh_token = $2, take_back_at = $3, generation = generation + 1
         WHERE id = $1 AND take_back_to <> '' AND state IN ('revoked', 'failed')",
        params![id, sealed, now],
    )?;
    if kept == 1 {
        tx.wake("grant");
    }
    Ok(())
}

/// Whether any waits for somebody to tell its provider.
pub fn take_back_due(tx: &mut Tx<'_>, now: i64) -> Result<bool> {
    let (due,) = tx.one("SELECT EXISTS (SELECT 1 FROM consent WHERE take_back_at <= $1)", params![now])?;
    Ok(due)
}

/// Generation and what else is known of it.
type Claimed = (i64, i64, i64, i64, String, String, Option<Vec<u8>>, i64);

/// This one, whose it is to tell, or the one that has waited longest; nobody else gets it within the next minute.
pub fn claim_take_back(
    tx: &mut Tx<'_>,
    vault: &Vault,
    only: Option<i64>,
    now: i64,
) -> Result<Option<TakeBack>> {
    let claimed: Option<Claimed> = tx.maybe(
        "UPDATE consent SET take_back_at = $2, generation = generation + 1
         WHERE id = (SELECT id FROM consent
                     WHERE take_back_at IS NOT NULL AND (id = $3 OR ($3 = 0 AND take_back_at <= $1))
                     ORDER BY take_back_at, id LIMIT 1)
           AND take_back_at IS NOT NULL AND (id = $3 OR take_back_at <= $1)
         RETURNING id, generation, client_id, mailbox_id, side, take_back_to, refresh_token, state_since",
        params![now, now.saturating_add(TELLING_MS), only.unwrap_or(0)],
    )?;
    let Some((grant_id, generation, client_id, mailbox_id, side, to, sealed, since)) = claimed else {
        return Ok(None);
    };
    let opened = sealed.map(|sealed| vault.unseal(&refresh_row(grant_id), &sealed));
    let refresh_token = vault::if_it_opens(opened.transpose())?;
    let side = side_of(&side)?;
    Ok(Some(TakeBack { grant_id, generation, client_id, mailbox_id, side, to, refresh_token, since }))
}

/// The provider took it back: what was kept for that is destroyed. `false`: somebody else was at it too.
pub fn told_provider(tx: &mut Tx<'_>, by: &By, told: &TakeBack) -> Result<bool> {
    if !destroy(tx, told)? {
        return Ok(false);
    }
    let data = json!({ "grant": told.grant_id, "side": told.side.word() });
    note(tx, by, told.mailbox_id, "taken_back", data)?;
    Ok(true)
}

/// The provider is not to be told, since more would end with it: what was kept is destroyed all the same.
pub fn not_to_be_told(tx: &mut Tx<'_>, kept: &TakeBack) -> Result<()> {
    if destroy(tx, kept)? {
        tx.execute("UPDATE consent SET take_back_to = '' WHERE id = $1", params![kept.grant_id])?;
    }
    Ok(())
}

fn destroy(tx: &mut Tx<'_>, kept: &TakeBack) -> Result<bool> {
    let destroyed = tx.execute(
        "UPDATE consent SET refresh_token = NULL, take_back_at = NULL, take_back_said = ''
         WHERE id = $1 AND generation = $2 AND take_back_at IS NOT NULL",
        params![kept.grant_id, kept.generation],
    )?;
    if destroyed == 1 {
        tx.wake("mailbox");
    }
    Ok(destroyed == 1)
}

/// The provider could not be told: again then, or never, when what was kept is destroyed. Said the first time and the last.
pub fn could_not_tell(
    tx: &mut Tx<'_>,
    by: &By,
    kept: &TakeBack,
    reason: &str,
    again_at: Option<i64>,
) -> Result<()> {
    let before: Option<(String,)> = tx.maybe(
        "SELECT take_back_said FROM consent WHERE id = $1 AND generation = $2 AND take_back_at IS NOT NULL",
        params![kept.grant_id, kept.generation],
    )?;
    let Some((before,)) = before else { return Ok(()) };
    let data = json!({ "grant": kept.grant_id, "side": kept.side.word(), "reason": reason });
    let Some(again_at) = again_at else {
        destroy(tx, kept)?;
        return note(tx, by, kept.mailbox_id, "not_taken_back_at_all", data);
    };
    tx.execute(
        "UPDATE consent SET take_back_at = $2, take_back_said = $3 WHERE id = $1",
        params![kept.grant_id, again_at, reason],
    )?;
    tx.wake("mailbox");
    if before.is_empty() { note(tx, by, kept.mailbox_id, "not_taken_back", data) } else { Ok(()) }
}

/// Which sides of a mailbox have something that its provider has not been told of: the one that is told last of each.
pub fn untold(tx: &mut Tx<'_>, mailbox_id: i64) -> Result<Vec<Untold>> {
    let found: Vec<(String, i64, String)> = tx.all(
        "SELECT side, take_back_at, take_back_said FROM consent
         WHERE mailbox_id = $1 AND take_back_at IS NOT NULL ORDER BY side, take_back_at DESC LIMIT 1000",
        params![mailbox_id],
    )?;
    let mut untold: Vec<Untold> = Vec::new();
    for (side, next_at, said) in found {
        let side = side_of(&side)?;
        if untold.last().is_none_or(|last| last.side != side) {
            untold.push(Untold { side, next_at, said });
        }
    }
    Ok(untold)
}

/// The key that sealed it is lost: nothing can be taken back with it.
pub(super) fn lost(tx: &mut Tx<'_>, by: &By, id: i64) -> Result<()> {
    let kept: Option<(i64, String)> = tx.maybe(
        "UPDATE consent SET take_back_at = NULL, take_back_said = '', generation = generation + 1
         WHERE id = $1 AND take_back_at IS NOT NULL RETURNING mailbox_id, side",
        params![id],
    )?;
    let Some((mailbox_id, side)) = kept else { return Ok(()) };
    let reason = "The key that sealed the token is lost.";
    note(tx, by, mailbox_id, "not_taken_back_at_all", json!({ "grant": id, "side": side, "reason": reason }))
}
