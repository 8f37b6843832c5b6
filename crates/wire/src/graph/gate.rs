//! How many requests are on their way at once: Graph allows an app four, by one reading for each mailbox and by another
//! for all of them. One for a mailbox and four in all keep to both. Each server has four of its own, and what is slow keeps no
//! place for longer than a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard, Semaphore};
use tokio::task::JoinSet;

/// At once, to all mailboxes of a server together.
pub const CONCURRENT_MAX: usize = 4;
/// What takes longer is a slow letter, and the others do not wait for its last byte.
const PLACE_KEPT: Duration = Duration::from_secs(30);

/// Made once and handed down. Clones are the same gate.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// By origin.
    servers: HashMap<String, Weak<Semaphore>>,
    /// By origin and address.
    mailboxes: HashMap<String, Weak<Turn<()>>>,
}

/// Where the requests to one mailbox wait for each other.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    all: Arc<Semaphore>,
    own: Arc<Turn<()>>,
}

/// A request may be on its way while this is held.
pub(super) struct Leave {
    _own: OwnedMutexGuard<()>,
    /// The place of the server, which is held for a while, and not past this.
    _place: JoinSet<()>,
}

impl Gate {
    pub(super) fn of(&self, origin: &str, mailbox: &str) -> Queue {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = shared(&mut known.servers, origin, || Semaphore::new(CONCURRENT_MAX));
        let own = shared(&mut known.mailboxes, &format!("{origin} {mailbox}"), || Turn::new(()));
        Queue { all, own }
    }
}

/// The one of this name, for as long as somebody has it.
fn shared<T>(all: &mut HashMap<String, Weak<T>>, name: &str, new: impl FnOnce() -> T) -> Arc<T> {
    all.retain(|_, one| one.strong_count() > 0);
    let known = all.get(name).and_then(Weak::upgrade);
    known.unwrap_or_else(|| {
        let one = Arc::new(new());
        all.insert(name.to_owned(), Arc::downgrade(&one));
        one
    })
}

impl Queue {
    /// First among its own, so that one mailbox's line takes no more than one of the four places.
    pub(super) async fn take(&self) -> Leave {
        let own = self.own.clone().lock_owned().await;
        // It is never closed.
        let permit = self.all.clone().acquire_owned().await;
        let mut place = JoinSet::new();
        place.spawn(async move {
            tokio::time::sleep(PLACE_KEPT).await;
            drop(permit);
        });
        Leave { _own: own, _place: place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::timeout;

    const MOMENT: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn slow_letters_keep_no_other_mailbox_waiting_for_long() {
        let gate = Gate::default();
        let mut slow = Vec::new();
        for name in ["a", "b", "c", "d"] {
            slow.push(gate.of("https://graph.example", name).take().await);
        }
        let elsewhere = gate.of("https://graph.elsewhere.example", "e");
        assert!(timeout(MOMENT, elsewhere.take()).await.is_ok(), "another server has places of its own");
        let fifth = gate.of("https://graph.example", "e");
        assert!(timeout(MOMENT, fifth.take()).await.is_err());
        assert!(timeout(PLACE_KEPT, fifth.take()).await.is_ok());
        let same = gate.of("https://graph.example", "a");
        assert!(
            timeout(2 * PLACE_KEPT, same.take()).await.is_err(),
            "a mailbox is asked one thing at a time"
        );
        drop(slow);
        assert!(timeout(MOMENT, same.take()).await.is_ok());
    }
}
