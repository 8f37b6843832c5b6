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
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Renewed while the row is in hand; what a killed process had is due again after this.
const LEASE_MS: i64 = 2 * 60_000;
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// The slowest server still gets to its last answer (ten minutes after the final dot).
const ATTEMPT_LIMIT: Duration = Duration::from_secs(15 * 60);
const CLAIMED_AT_ONCE: i64 = 20;

/// Rows that are due, oldest first; their attempt is counted.
pub(crate) async fn claim(courier: &Courier, in_hand: &InHand) -> desk::Result<Vec<Claim>> {
    let (now, node) = (courier.now(), courier.node().to_owned());
    let until = now.saturating_add(LEASE_MS);
    let due = courier.write_behind(move |tx| outbox::claim_due(tx, now, until - now, &node, CLAIMED_AT_ONCE));
    let claims = due.await?;
    claims.iter().for_each(|claim| in_hand.take(claim));
    Ok(claims)
}

/// Rows that this process has claimed and not settled: their leases are renewed, in line and on the way.
#[derive(Clone, Debug, Default)]
pub(crate) struct InHand(Arc<Mutex<HashMap<i64, Claim>>>);

impl InHand {
    fn all(&self) -> MutexGuard<'_, HashMap<i64, Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn take(&self, claim: &Claim) {
        self.all().insert(claim.outbox_id, claim.clone());
    }
    fn let_go(&self, claim: &Claim) {
        let mut all = self.all();
        if all.get(&claim.outbox_id).is_some_and(|held| held.generation == claim.generation) {
            all.remove(&claim.outbox_id);
        }
    }

    /// For as long as it is polled.
    pub(crate) async fn keep(&self, courier: &Courier) {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let claims: Vec<Claim> = self.all().values().cloned().collect();
            if claims.is_empty() {
                continue;
            }
            let until = courier.now().saturating_add(LEASE_MS);
            let renewed = courier.write_behind(move |tx| {
                claims.iter().try_for_each(|claim| outbox::renew(tx, claim, until).map(drop))
            });
            if let Err(error) = renewed.await {
                tracing::warn!("leases on outgoing mail could not be renewed: {error}");
            }
        }
    }
}

/// Not tried: it waits in the outbox until then.
pub(crate) async fn give_back(courier: &Courier, in_hand: &InHand, claim: Claim, next_at: i64) {
    in_hand.let_go(&claim);
    let (attempt, now) = (outcome::given_back(next_at), courier.now());
    if let Err(error) = courier.write_behind(move |tx| outbox::settle(tx, &claim, &attempt, now)).await {
        tracing::warn!("a message could not be given back; it waits for the end of its lease: {error}");
    }
}
