//! Which connections have nothing under way, and since when: where every place is taken, the one that has waited
//! longest for a request gives up its own.
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Who has just been answered may still be about to ask for what stands on the page.
const RESTED: Duration = Duration::from_millis(100);

/// The connections that wait for a request, in the order in which they began to.
#[derive(Clone, Default)]
pub struct Idle(Arc<Mutex<List>>);
#[derive(Default)]
struct List {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
}
struct Waiting {
    since: Instant,
    connection: Connection,
}

impl Idle {
    /// A new connection, which waits for its first request.
    pub fn begin(&self) -> Attended {
        let connection = Connection { idle: self.clone(), shared: Arc::default() };
        connection.waits();
        Attended(connection)
    }

    /// Asks the one that has waited longest to end. What it was sent and has not taken yet is not cut off.
    pub fn end_longest(&self) -> bool {
        let list = self.list();
        let rested = |waiting: &&Waiting| waiting.since.elapsed() >= RESTED;
        let longest = list.waiting.values().take_while(rested).find(|waiting| !waiting.connection.is_owed());
        longest.inspect(|waiting| waiting.connection.shared.end.notify_one()).is_some()
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its place among those that wait.
#[derive(Clone)]
pub struct Connection {
    idle: Idle,
    shared: Arc<Shared>,
}
#[derive(Default)]
struct Shared {
    place: Mutex<Option<u64>>,
    owed: AtomicBool,
    end: Notify,
}
impl Connection {
    fn waits(&self) {
        let mut list = self.idle.list();
        let number = list.next;
        list.next += 1;
        list.waiting.insert(number, Waiting { since: Instant::now(), connection: self.clone() });
        *self.place() = Some(number);
    }
    fn waits_no_more(&self) {
        let number = self.place().take();
        if let Some(number) = number {
            self.idle.list().waiting.remove(&number);
        }
    }
    fn place(&self) -> MutexGuard<'_, Option<u64>> {
        self.shared.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request has come: the connection is in use until what this gives is dropped.
    pub fn asked(&self) -> InUse {
        self.waits_no_more();
        InUse(self.clone())
    }
    /// Whether bytes wait for the other side to take them.
    pub fn owes(&self, owed: bool) {
        self.shared.owed.store(owed, Ordering::Relaxed);
    }
    fn is_owed(&self) -> bool {
        self.shared.owed.load(Ordering::Relaxed)
    }
    /// Returns when it is asked to end, and no request has come meanwhile.
    pub async fn told_to_end(&self) {
        loop {
            self.shared.end.notified().await;
            if self.place().is_some() {
                return;
            }
        }
    }
}

/// For as long as the connection lives.
pub struct Attended(Connection);
impl std::ops::Deref for Attended {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0
    }
}
impl Drop for Attended {
    fn drop(&mut self) {
        self.0.waits_no_more();
    }
}

/// From a request's head to the end of its answer.
pub struct InUse(Connection);
impl Drop for InUse {
    fn drop(&mut self) {
        self.0.waits();
    }
}

/// The body of an answer: its connection is in use until it is gone.
pub struct Answer {
    body: Body,
    _in_use: InUse,
}
impl Answer {
    pub fn new(body: Body, in_use: InUse) -> Answer {
        Answer { body, _in_use: in_use }
    }
}
impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
