//! From the outbox to the server: claims rows, makes their bytes once, sends them over one link a mailbox, and
//! settles every recipient.
//!
//! `letter` makes the bytes, `outcome` says what an answer means, `pace` how fast it goes, `sender` is one mailbox's turn.
mod letter;
mod outcome;
mod pace;
mod sender;

pub(crate) use pace::Senders;
pub(crate) use sender::Sender;

use crate::Courier;
use desk::outgoing::outbox::{self, Claim};
use std::time::Duration;

/// Outlasts the longest attempt; renewed never, so that a message cannot be sent by two.
pub(crate) const LEASE_MS: i64 = 20 * 60_000;
/// The slowest server still gets to its last answer (ten minutes after the final dot).
const ATTEMPT_LIMIT: Duration = Duration::from_secs(15 * 60);
const CLAIMED_AT_ONCE: i64 = 20;

/// A claimed row and when its lease ends.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub claim: Claim,
    pub leased_until: i64,
}

/// Rows that are due, oldest first; their attempt is counted.
pub(crate) async fn claim(courier: &Courier) -> desk::Result<Vec<Job>> {
    let (now, node) = (courier.now(), courier.node().to_owned());
    let claims =
        courier.write_behind(move |tx| outbox::claim_due(tx, now, LEASE_MS, &node, CLAIMED_AT_ONCE)).await?;
    let leased_until = now.saturating_add(LEASE_MS);
    Ok(claims.into_iter().map(|claim| Job { claim, leased_until }).collect())
}

/// Not tried: it waits in the outbox until then.
pub(crate) async fn give_back(courier: &Courier, job: &Job, next_at: i64) {
    let (claim, attempt, now) = (job.claim.clone(), outcome::given_back(next_at), courier.now());
    if let Err(error) = courier.write_behind(move |tx| outbox::settle(tx, &claim, &attempt, now)).await {
        tracing::warn!("a message could not be given back; it waits for the end of its lease: {error}");
    }
}
