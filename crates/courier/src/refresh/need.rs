//! Whether the token endpoint is asked: why a token is wanted, what is there, and what was said the last time.
use super::{Known, usable};
use crate::board::Seen;
use crate::refused::RETRY_CODE;
use crate::trouble::{RETRY_MS_MIN, Trouble};
use desk::mailboxes::grant::{self, Grant};
use mail::explain::Class;

/// Why a token is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// For use now: the stored one, if it lives long enough.
    Use,
    /// Ahead of its end, by the round.
    Ahead,
    /// The server refused one that should be good, or a person asks: a new one, unless one was just made.
    New,
    /// A person wants to see whether one is given: a new one, however fresh the stored one is.
    Proved,
    /// What the registration shows was changed then: a new one, unless somebody has asked for one since.
    Since(i64),
}

/// Whether the token endpoint is asked.
pub(super) enum Need {
    No,
    Yes,
    /// It was refused and its time has not come.
    SetBack(Trouble),
}

pub(super) fn need(known: &Known, seen: Seen, want: Want, now: i64) -> Need {
    // A time that is yet to come was noted before the clock was set back.
    let recent = |at: Option<i64>| at.is_some_and(|at| at <= now && now < at.saturating_add(RETRY_MS_MIN));
    let waits = known.grant.refresh_due_at.is_some_and(|due_at| now < due_at);
    // Due since the last try: somebody has changed the registration, or the time has come.
    let due = !waits && known.grant.refresh_due_at > seen.tried_at;
    let dead = known.token.as_ref().is_some_and(|(_, expires_at)| *expires_at <= now);
    match want {
        // Left alone as long as the provider asked for.
        Want::Proved if waits && known.grant.reason_code == RETRY_CODE => {
            Need::SetBack(set_back(&known.grant))
        }
        Want::Proved => Need::Yes,
        // By the begin of the try: one that was under way then has shown what was there before.
        Want::Since(at) if seen.tried_at >= Some(at) && seen.failures > 0 => {
            Need::SetBack(set_back(&known.grant))
        }
        Want::Since(at) if seen.tried_at >= Some(at) && known.grant.refreshed_at >= Some(at) => Need::No,
        Want::Since(_) => Need::Yes,
        Want::Use if usable(known, now).is_some() => Need::No,
        Want::Ahead if waits => Need::No,
        Want::New if recent(known.grant.refreshed_at) && usable(known, now).is_some() => Need::No,
        // Set back: the row says until when, and why. Without a reason it is another resource's token that lives still.
        Want::Use if waits && dead && !known.grant.reason_code.is_empty() => {
            Need::SetBack(set_back(&known.grant))
        }
        Want::Use | Want::Ahead | Want::New if recent(seen.tried_at) && seen.failures > 0 && !due => {
            Need::SetBack(set_back(&known.grant))
        }
        Want::Use | Want::Ahead | Want::New => Need::Yes,
    }
}

pub(super) fn set_back(grant: &Grant) -> Trouble {
    let class = match grant.state {
        grant::State::Lapsed | grant::State::Revoked => Class::AuthorizeAgain,
        grant::State::Pending | grant::State::Unproved | grant::State::Fulfilled | grant::State::Failed => {
            if grant.reason_code == RETRY_CODE || grant.reason_code.is_empty() {
                Class::Retry
            } else {
                Class::Configuration
            }
        }
    };
    let reason =
        if grant.reason.is_empty() { "The access token could not be refreshed." } else { &grant.reason };
    Trouble::new(class, &grant.reason_code, reason, grant.remedy.clone())
}
