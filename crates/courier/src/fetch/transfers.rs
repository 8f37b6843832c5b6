//! How many mailboxes have messages under way at once: each holds some batches in memory, and a server that is only slow to
//! answer holds none.
use tokio::sync::{Semaphore, SemaphorePermit};

const AT_ONCE: usize = 16;

#[derive(Debug)]
pub(crate) struct Transfers(Semaphore);

impl Default for Transfers {
    fn default() -> Self {
        Transfers(Semaphore::new(AT_ONCE))
    }
}

impl Transfers {
    /// In turn: who has fetched some batches waits behind who has fetched none.
    pub(super) async fn begin(&self) -> Option<SemaphorePermit<'_>> {
        self.0.acquire().await.ok() // it is never closed
    }
}
