//! The only place that reads the wall clock. Everything else is handed the time, so that a test sets it.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Milliseconds UTC, from the system or set by hand. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    ByHand(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// Stands still until it is set.
    pub fn by_hand(at: i64) -> Clock {
        Clock(Source::ByHand(Arc::new(AtomicI64::new(at))))
    }

    pub fn now(&self) -> i64 {
        match &self.0 {
            Source::System => system_now(),
            Source::ByHand(at) => at.load(Ordering::SeqCst),
        }
    }

    /// Sets a clock that was made by hand; the system's is left alone.
    pub fn set(&self, at: i64) {
        if let Source::ByHand(shown) = &self.0 {
            shown.store(at, Ordering::SeqCst);
        }
    }

    /// Moves a clock that was made by hand; the system's is left alone.
    pub fn advance(&self, by_ms: i64) {
        if let Source::ByHand(shown) = &self.0 {
            shown.fetch_add(by_ms, Ordering::SeqCst);
        }
    }
}

/// A clock before 1970 is shown as 1970: nothing of Postern is older.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn system_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
