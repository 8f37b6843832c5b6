//! A claimed row as the message that it is: read from the store and parsed, off the transaction.
use crate::left;
use desk::Desk;
use desk::files::store::{Store, Stored};
use desk::intake::filing::{self, LARGE_BYTES, Parsed, Unread};
use desk::intake::inbox::{Claim, Outcome};
use desk::intake::stand_in;
use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What waits for the store is looked at again after this at the latest.
const STORE_RETRY_MS_MAX: i64 = 5 * 60_000;

/// What a person reads of a message that was in hand as often as may be, and each time nobody lived to say what came of it.
const ENDED: &str = "Postern ended while it filed this message. The message is kept; report this.";

/// Or, where a person wants a ticket of one that cannot be read or could not be filed, what stands in for it. The large
/// parts of a large one go to the store, where there is one.
pub(crate) fn parse(desk: &Desk, store: Option<&Store>, claim: &Claim, now: i64) -> Result<Parsed, Outcome> {
    if claim.ended_postern() {
        let (code, reason) = ("failed".to_owned(), ENDED.to_owned());
        return Err(Outcome::Failed { code, reason, next_at: None });
    }
    let is_shunned = claim.accepted && claim.may_end_postern();
    let tried = if is_shunned { Err(failed(claim, ENDED, now)) } else { read(desk, store, claim, now) };
    let reason = match tried {
        Ok(_) if claim.accepted && claim.has_failed => "It could not be filed as it is.".to_owned(),
        Ok(parsed) => return Ok(parsed),
        // A store that is away comes back.
        Err(Outcome::Failed { code, reason, .. }) if claim.accepted && code != STORE => reason,
        Err(outcome) => return Err(outcome),
    };
    let found = match beginning(desk, claim) {
        Ok((beginning, _)) if left::read(&beginning).is_some() => None, // they never came here
        Ok(found) => Some(found),
        // They may be back in a minute.
        Err(error) if !claim.has_failed || desk.store.is_away(&error) => {
            return Err(unread(desk, claim, error, now));
        }
        Err(_) => None,
    };
    let raw = found.as_ref().map(|(beginning, stored)| (beginning.as_slice(), stored.clone()));
    Ok(stand_in::letter(raw, &reason))
}

fn read(desk: &Desk, store: Option<&Store>, claim: &Claim, now: i64) -> Result<Parsed, Outcome> {
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        let content = desk.store.open_blob(&claim.place, &claim.hash)?;
        if content.size_bytes() > LARGE_BYTES {
            return match filing::parse_large(content, store) {
                Ok(parsed) => Ok(Ok(parsed)),
                Err(Unread::Source(e)) => Err(e.into()),
                Err(Unread::Store(error)) => {
                    tracing::error!("a message waits, because its parts could not be stored: {error}");
                    Ok(Err(waits(claim, format!("Its parts could not be stored: {error}"), now)))
                }
            };
        }
        let raw = content.into_bytes()?;
        if let Some(reason) = left::read(&raw) {
            let code = "left_on_server".to_owned();
            let reason = format!("{reason} It was left on the server, and what came after it was fetched.");
            return Ok(Err(Outcome::Failed { code, reason, next_at: None }));
        }
        Ok::<_, desk::Error>(Ok(filing::parse(&raw)))
    }));
    match parsed {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(error)) => Err(unread(desk, claim, error, now)),
        Err(panic) => Err(failed(claim, &filing::panicked(&*panic, "parsed"), now)),
    }
}

/// How a message begins, and where all of it is, which is looked at.
fn beginning(desk: &Desk, claim: &Claim) -> desk::Result<(Vec<u8>, Stored)> {
    let mut content = desk.store.open_blob(&claim.place, &claim.hash)?;
    let mut beginning = Vec::new();
    content.by_ref().take(stand_in::BEGINNING_BYTES).read_to_end(&mut beginning)?;
    io::copy(&mut content, &mut io::sink())?;
    let hash = claim.hash.as_slice().try_into().map_err(|_| anyhow::anyhow!("its hash has not 32 bytes"))?;
    Ok((beginning, Stored { hash, size_bytes: content.size_bytes(), place: claim.place.clone() }))
}

/// A store that is away comes back, and then all that waits for it is read; one message that is damaged stays so.
fn unread(desk: &Desk, claim: &Claim, error: desk::Error, now: i64) -> Outcome {
    let reason = format!("Its bytes could not be read: {error}");
    if desk.store.is_away(&error) { waits(claim, reason, now) } else { failed(claim, &reason, now) }
}

/// As the desk does it: tried again, each time later; at last kept for a person.
pub(super) fn failed(claim: &Claim, reason: &str, now: i64) -> Outcome {
    tracing::warn!(inbox = claim.inbox_id, "not filed: {reason}");
    filing::failed(claim, reason, now)
}

/// What waits for the store has this code.
const STORE: &str = "store";

/// The store is at fault, and no message: it is tried again for as long as that lasts, and soon after it.
pub(super) fn waits(claim: &Claim, reason: String, now: i64) -> Outcome {
    let wait = (30_000 << claim.attempts.clamp(1, 10)).min(STORE_RETRY_MS_MAX);
    Outcome::Failed { code: STORE.to_owned(), reason, next_at: Some(now.saturating_add(wait)) }
}
