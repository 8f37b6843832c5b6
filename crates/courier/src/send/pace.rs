//! How fast a mailbox sends, and until when its server is left alone.
use crate::trouble::Trouble;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Exchange takes 30 a minute and closes on who sends more.
const A_MINUTE_MAX: usize = 25;
const MINUTE_MS: i64 = 60_000;

/// What outlives a sender: when each mailbox sent, and until when it is left alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Senders(Arc<Mutex<HashMap<i64, Pace>>>);
#[derive(Debug, Default)]
pub(super) struct Pace {
    pub(super) sent_at: VecDeque<i64>,
    pub(super) failures: i64,
    /// The server could not be used: nothing is tried before.
    pub(super) held: Option<(i64, Trouble)>,
}

impl Senders {
    pub(super) fn with<T>(&self, mailbox_id: i64, f: impl FnOnce(&mut Pace) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(all.entry(mailbox_id).or_default())
    }
}

impl Pace {
    /// How long to wait before the next message.
    pub(super) fn wait_ms(&mut self, now: i64) -> i64 {
        while self.sent_at.front().is_some_and(|at| *at <= now - MINUTE_MS) {
            self.sent_at.pop_front();
        }
        match self.sent_at.front() {
            Some(first) if self.sent_at.len() >= A_MINUTE_MAX => first + MINUTE_MS - now,
            _ => 0,
        }
    }
}
