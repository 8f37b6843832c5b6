//! The one door to the desk for async callers: every call of the desk blocks, so it runs in the pool for that.
//! Web goes through here too.
use crate::{Clock, Process, Random};
use desk::Desk;
use desk::db::{Error, Tx};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use url::Url;

/// Topics that a slow listener may be behind; one that is further behind is told so and looks again.
const TOPICS_MAX: usize = 1024;

/// A snapshot that takes longer has met a database that hangs. No page needs a tenth of it.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// The same of a transaction, which may wait for others before it begins.
const WRITE_LIMIT: Duration = Duration::from_secs(60);

/// What a [`Courier`] is made of.
#[derive(Debug)]
pub struct Parts {
    pub desk: Desk,
    pub net: wire::net::Net,
    pub clock: Clock,
    pub random: Random,
    /// The only source of links and of the callback address.
    pub site_url: Url,
    /// Only under the mark of a demo: endpoints on loopback, without TLS too.
    pub practice: bool,
    /// Who holds a lease, and who no longer does.
    pub process: Process,
}

/// A handle; clones share everything.
#[derive(Clone)]
pub struct Courier {
    pub(crate) inside: Arc<Inside>,
}

pub(crate) struct Inside {
    pub(crate) parts: Parts,
    topics: broadcast::Sender<String>,
    /// Callers of [`Courier::write`] that wait or write now.
    writers: AtomicUsize,
    /// This process was told to leave mail alone.
    holds_mail: AtomicBool,
    /// Why the last transaction that was to write came to nothing, while the database is at fault.
    unwritable: Mutex<Option<String>>,
    pub(crate) refreshing: crate::board::Board,
    pub(crate) fetched: crate::fetch::Memory,
    pub(crate) transfers: crate::fetch::Transfers,
    graph_gate: wire::graph::Gate,
}

impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").field("process", &self.inside.parts.process).finish_non_exhaustive()
    }
}

impl Courier {
    pub fn new(parts: Parts) -> Courier {
        let (topics, _) = broadcast::channel(TOPICS_MAX);
        let sender = topics.clone();
        parts.desk.db.on_wake(move |topic| {
            let _ = sender.send(topic.to_owned()); // nobody listens: nobody is to be told
        });
        Courier {
            inside: Arc::new(Inside {
                parts,
                topics,
                writers: AtomicUsize::new(0),
                holds_mail: AtomicBool::new(false),
                unwritable: Mutex::default(),
                refreshing: Default::default(),
                fetched: Default::default(),
                transfers: Default::default(),
                graph_gate: Default::default(),
            }),
        }
    }

    pub fn desk(&self) -> &Desk {
        &self.inside.parts.desk
    }

    pub fn now(&self) -> i64 {
        self.inside.parts.clock.now()
    }

    pub fn random<const N: usize>(&self) -> [u8; N] {
        self.inside.parts.random.bytes()
    }

    pub(crate) fn chance(&self) -> Random {
        self.inside.parts.random.clone()
    }

    pub fn site_url(&self) -> &Url {
        &self.inside.parts.site_url
    }

    pub fn practice(&self) -> bool {
        self.inside.parts.practice
    }

    pub(crate) fn net(&self) -> &wire::net::Net {
        &self.inside.parts.net
    }

    /// From now on nothing is fetched, refreshed or sent by this process, as on a desk whose mail is on hold.
    pub fn hold_mail(&self) {
        self.inside.holds_mail.store(true, Ordering::SeqCst);
    }

    pub(crate) fn holds_mail(&self) -> bool {
        self.inside.holds_mail.load(Ordering::SeqCst)
    }

    /// Which all requests to Microsoft Graph pass.
    pub(crate) fn graph_gate(&self) -> &wire::graph::Gate {
        &self.inside.graph_gate
    }

    pub(crate) fn process(&self) -> &Process {
        &self.inside.parts.process
    }

    /// What leases of this process are held by.
    pub(crate) fn node(&self) -> &str {
        self.process().name()
    }

    /// Topics that were committed (`ticket`, `inbox`, `outbox`, `mailbox`), for live pages.
    pub fn subscribe(&self) -> broadcast::Receiver<String> {
        self.inside.topics.subscribe()
    }

    /// One snapshot of the database; busy where it hangs.
    pub async fn read<T, F>(&self, f: F) -> desk::Result<T>
    where
        F: Fn(&mut Tx<'_>) -> desk::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        within(READ_LIMIT, Error::Busy, self.blocking(move |desk| desk.db.read(f))).await
    }

    /// One transaction; `f` may run again, so it has no effect but through its transaction. Where the database hangs
    /// nobody knows whether it will be committed, and that is the error.
    pub async fn write<T, F>(&self, f: F) -> desk::Result<T>
    where
        F: Fn(&mut Tx<'_>) -> desk::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let waiting = Waiting::new(&self.inside);
        let writing = self.blocking(move |desk| {
            let _waiting = waiting;
            desk.db.write(f)
        });
        self.noted(within(WRITE_LIMIT, Error::Unknown, writing).await)
    }

    /// One transaction of a round: it lets those go first who wait for [`Courier::write`], so that a click never
    /// waits longer than one batch.
    pub(crate) async fn write_behind<T, F>(&self, f: F) -> desk::Result<T>
    where
        F: Fn(&mut Tx<'_>) -> desk::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        self.give_way().await;
        self.noted(self.blocking(move |desk| desk.db.write(f)).await)
    }

    /// What the database says of itself shows on every page, as it can be written down nowhere.
    fn noted<T>(&self, written: desk::Result<T>) -> desk::Result<T> {
        let fault = match &written {
            Ok(_) => None,
            Err(desk::Error::Db(error @ (Error::Store(_) | Error::Words(_) | Error::Unfit(_)))) => {
                Some(error.to_string())
            }
            Err(_) => return written,
        };
        *self.inside.unwritable.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        written
    }

    /// Why nothing can be written at present, in the database's words.
    pub fn unwritable(&self) -> Option<String> {
        self.inside.unwritable.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits, but not for long, until no one waits in [`Courier::write`].
    pub(crate) async fn give_way(&self) {
        for _ in 0..100 {
            if self.inside.writers.load(Ordering::SeqCst) == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Work that blocks without a transaction, or with one of its own: the store, argon2.
    /// A caller that is dropped does not stop it.
    pub async fn blocking<T>(
        &self,
        f: impl FnOnce(&Desk) -> desk::Result<T> + Send + 'static,
    ) -> desk::Result<T>
    where
        T: Send + 'static,
    {
        let desk = self.desk().clone();
        match tokio::task::spawn_blocking(move || f(&desk)).await {
            Ok(done) => done,
            Err(error) => Err(anyhow::anyhow!("the work in the background ended early: {error}").into()),
        }
    }
}

/// The caller goes on after the limit; the work itself cannot be stopped, and holds its connection until it ends.
async fn within<T>(
    limit: Duration,
    late: Error,
    work: impl Future<Output = desk::Result<T>>,
) -> desk::Result<T> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(late.into()))
}

/// One caller of [`Courier::write`], counted until it has written.
struct Waiting(Arc<Inside>);
impl Waiting {
    fn new(inside: &Arc<Inside>) -> Waiting {
        inside.writers.fetch_add(1, Ordering::SeqCst);
        Waiting(Arc::clone(inside))
    }
}
impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.writers.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_waits_for_ever_for_a_database_that_hangs() {
        let hangs = std::future::pending::<desk::Result<()>>();
        let late = within(Duration::from_millis(10), Error::Busy, hangs).await.unwrap_err();
        assert!(late.to_string().contains("busy"), "{late}");
        let quick = within(READ_LIMIT, Error::Busy, async { Ok(7) }).await;
        assert_eq!(quick.unwrap(), 7);
    }
}
