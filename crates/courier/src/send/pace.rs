//! How fast a mailbox sends, and until when its server is left alone.
use crate::rounds::SET_BACK_MS;
use crate::trouble::Trouble;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

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
    looked_at: i64,
}

impl Senders {
    pub(super) fn with<T>(&self, mailbox_id: i64, f: impl FnOnce(&mut Pace) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f(all.entry(mailbox_id).or_default())
    }
}

impl Pace {
    /// Times that were noted before the clock was set back count no more.
    pub(super) fn look(&mut self, now: i64) {
        if now < self.looked_at - SET_BACK_MS {
            self.sent_at.clear();
            self.held = None;
        }
        self.looked_at = now;
    }

    /// How long to wait before the next message, where the provider has a limit.
    pub(super) fn wait_ms(&mut self, now: i64, a_minute_max: Option<u32>) -> i64 {
        self.look(now);
        while self.sent_at.front().is_some_and(|at| *at <= now - MINUTE_MS) {
            self.sent_at.pop_front();
        }
        let Some(max) = a_minute_max.and_then(|max| usize::try_from(max.max(1)).ok()) else { return 0 };
        // The one that has to be a minute old, counted from the newest: without a limit more may have gone.
        let before = self.sent_at.len().checked_sub(max).and_then(|at| self.sent_at.get(at));
        before.map_or(0, |at| at + MINUTE_MS - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_the_next_message_back_and_no_limit_none() {
        let mut pace = Pace::default();
        pace.sent_at.extend([1_000, 2_000, 3_000]);
        assert_eq!(pace.wait_ms(3_000, None), 0);
        assert_eq!(pace.wait_ms(3_000, Some(4)), 0);
        assert_eq!(pace.wait_ms(3_000, Some(3)), 58_000);
        assert_eq!(pace.wait_ms(3_000, Some(2)), 59_000, "the limit came after more had gone");
        assert_eq!(pace.wait_ms(61_000, Some(3)), 0);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_for_the_time_that_it_showed() {
        let hour = 60 * MINUTE_MS;
        let trouble = Trouble::new(mail::explain::Class::Retry, "away", "It is away.", "");
        let mut pace = Pace { held: Some((hour + MINUTE_MS, trouble)), ..Pace::default() };
        pace.sent_at.extend([hour, hour, hour]);
        assert_eq!(pace.wait_ms(hour, Some(3)), MINUTE_MS);
        assert!(
            pace.wait_ms(hour - SET_BACK_MS, Some(3)) > 0 && pace.held.is_some(),
            "it was only kept right"
        );
        assert_eq!(pace.wait_ms(0, Some(3)), 0);
        assert!(pace.held.is_none());
    }
}
