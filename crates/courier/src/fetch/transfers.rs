//! How many mailboxes have messages under way at once: each holds some batches in memory, and a server that is only slow to
//! answer holds none.
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

const AT_ONCE: usize = 16;
/// A mailbox of which no letter has come for so long gives its place to another: it has next to nothing in memory.
const SLOW: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Transfers(Arc<Semaphore>);

impl Default for Transfers {
    fn default() -> Self {
        Transfers(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// A mailbox has messages under way while this is held.
#[derive(Debug)]
pub(super) struct Transfer {
    came: Arc<Notify>,
    /// Held while letters come, and not past this.
    _place: JoinSet<()>,
}

impl Transfer {
    /// A letter.
    pub(super) fn came(&self) {
        self.came.notify_one();
    }
}

impl Transfers {
    /// In turn: who has fetched some batches waits behind who has fetched none.
    pub(super) async fn begin(&self) -> Transfer {
        let came = Arc::new(Notify::new());
        let letters = came.clone();
        // It is never closed.
        let permit = self.0.clone().acquire_owned().await;
        let mut place = JoinSet::new();
        place.spawn(async move {
            while tokio::time::timeout(SLOW, letters.notified()).await.is_ok() {}
            drop(permit);
        });
        Transfer { came, _place: place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{sleep, timeout};

    #[tokio::test(start_paused = true)]
    async fn slow_mailboxes_give_their_places_to_others() {
        let transfers = Transfers::default();
        let mut all = Vec::new();
        for _ in 0..AT_ONCE {
            all.push(transfers.begin().await);
        }
        for _ in 0..10 {
            sleep(SLOW / 2).await;
            all.iter().for_each(Transfer::came);
        }
        assert!(timeout(SLOW / 2, transfers.begin()).await.is_err(), "letters come to all of them");
        sleep(SLOW / 2).await;
        all.iter().skip(1).for_each(Transfer::came);
        let first = timeout(SLOW, transfers.begin()).await;
        assert!(first.is_ok(), "one has got none for a while");
        drop(all);
        assert!(timeout(SLOW / 2, transfers.begin()).await.is_ok());
    }
}
