//! The wall clock, made here and handed down, so that a test can set it by hand. Not for time-outs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Tells the time in milliseconds UTC.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> i64 + Send + Sync>);

impl Clock {
    pub fn system() -> Clock {
        #[expect(clippy::disallowed_methods, reason = "the one place where practice reads the wall clock")]
        Clock(Arc::new(|| jiff::Timestamp::now().as_millisecond()))
    }

    /// A clock that stands still until the returned hand is moved (`hand.fetch_add(ms, …)`).
    pub fn by_hand(start_at: i64) -> (Clock, Arc<AtomicI64>) {
        let hand = Arc::new(AtomicI64::new(start_at));
        let read = hand.clone();
        (Clock(Arc::new(move || read.load(Ordering::SeqCst))), hand)
    }

    pub fn now_at(&self) -> i64 {
        (self.0)()
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        moment(self.now_at())
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A stored time as a timestamp; a value out of range (a damaged file) becomes the epoch.
pub(crate) fn moment(at: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}
