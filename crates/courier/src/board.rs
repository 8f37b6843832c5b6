//! What this process remembers about refreshing: one at a time for each grant, and not more than one try a minute.
use crate::trouble::Trouble;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Default)]
pub(crate) struct Board(Mutex<HashMap<i64, Arc<Tries>>>);
#[derive(Default)]
pub(crate) struct Tries {
    pub(crate) one_at_a_time: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
    /// When and why no token was given for a resource that is not the grant's own.
    refused: Mutex<HashMap<String, (i64, Trouble)>>,
}
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) tried_at: Option<i64>,
    pub(crate) failures: i64,
}
impl Board {
    pub(crate) fn of(&self, grant_id: i64) -> Arc<Tries> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(grant_id).or_default())
    }
}
impl Tries {
    pub(crate) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn refused(&self, resource: &str) -> Option<(i64, Trouble)> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get(resource).cloned()
    }
    pub(crate) fn note_refused(&self, resource: String, at: i64, trouble: Trouble) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(resource, (at, trouble));
    }
    pub(crate) fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
