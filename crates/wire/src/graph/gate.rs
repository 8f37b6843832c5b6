//! How many requests are on their way at once: Graph allows an app four, by one reading for each mailbox and by another
//! for all of them. One for a mailbox and four in all keep to both.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// At once, to all mailboxes together.
pub const CONCURRENT_MAX: usize = 4;

/// Made once and handed down. Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    all: Arc<Semaphore>,
    each: Arc<Mutex<HashMap<String, Weak<Turn<()>>>>>,
}

impl Default for Gate {
    fn default() -> Gate {
        Gate { all: Arc::new(Semaphore::new(CONCURRENT_MAX)), each: Arc::default() }
    }
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
    _all: Option<OwnedSemaphorePermit>,
}

impl Gate {
    pub(super) fn of(&self, mailbox: &str) -> Queue {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.retain(|_, turn| turn.strong_count() > 0);
        let known = each.get(mailbox).and_then(Weak::upgrade);
        let own = known.unwrap_or_else(|| {
            let own = Arc::new(Turn::new(()));
            each.insert(mailbox.to_owned(), Arc::downgrade(&own));
            own
        });
        Queue { all: self.all.clone(), own }
    }
}

impl Queue {
    /// First among its own, so that one mailbox's line takes no more than one of the four places.
    pub(super) async fn take(&self) -> Leave {
        let own = self.own.clone().lock_owned().await;
        // It is never closed.
        let all = self.all.clone().acquire_owned().await.ok();
        Leave { _own: own, _all: all }
    }
}
