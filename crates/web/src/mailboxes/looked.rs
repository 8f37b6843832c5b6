//! What takes longer than a page waits: begun once a mailbox, and what came of it stands until it is begun again.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most are done by then, and nobody sees a page that waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// Mailboxes whose result is remembered.
const KEPT_MAX: usize = 200;

/// What came of it at each mailbox, since this process began.
pub struct Looked<T>(Arc<Mutex<HashMap<i64, Look<T>>>>);

pub enum Look<T> {
    Running,
    Done(Arc<T>),
    /// It could not be looked at: a sentence.
    Failed(String),
}

impl<T> Clone for Look<T> {
    fn clone(&self) -> Look<T> {
        match self {
            Look::Running => Look::Running,
            Look::Done(found) => Look::Done(Arc::clone(found)),
            Look::Failed(why) => Look::Failed(why.clone()),
        }
    }
}
impl<T> Clone for Looked<T> {
    fn clone(&self) -> Looked<T> {
        Looked(Arc::clone(&self.0))
    }
}
impl<T> Default for Looked<T> {
    fn default() -> Looked<T> {
        Looked(Arc::default())
    }
}

impl<T: Send + Sync + 'static> Looked<T> {
    /// Begins, unless it is under way: two at once would ask the provider twice. Returns when it is done, or when a page
    /// has waited long enough.
    pub async fn begin(&self, id: i64, look: impl Future<Output = Result<T, String>> + Send + 'static) {
        if !self.is_begun(id) {
            return;
        }
        let looked = self.clone();
        // In tasks of their own: a request that is dropped stops no work, and work that breaks off is told.
        let looking = tokio::spawn(look);
        let noting = tokio::spawn(async move {
            let look = match looking.await {
                Ok(Ok(found)) => Look::Done(Arc::new(found)),
                Ok(Err(why)) => Look::Failed(why),
                Err(error) => {
                    tracing::error!("the look at a mailbox ended early: {error}");
                    Look::Failed("It broke off. Report this with the log.".to_owned())
                }
            };
            looked.kept().insert(id, look);
        });
        let _ = tokio::time::timeout(PATIENCE, noting).await; // the page says whether it is done
    }

    /// False while it is under way.
    fn is_begun(&self, id: i64) -> bool {
        let mut kept = self.kept();
        if matches!(kept.get(&id), Some(Look::Running)) {
            return false;
        }
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, look| matches!(look, Look::Running));
        }
        kept.insert(id, Look::Running);
        true
    }

    pub fn of(&self, id: i64) -> Option<Look<T>> {
        self.kept().get(&id).cloned()
    }

    /// What was found when the mailbox was last looked at.
    pub fn found(&self, id: i64) -> Option<Arc<T>> {
        match self.of(id) {
            Some(Look::Done(found)) => Some(found),
            Some(Look::Running | Look::Failed(_)) | None => None,
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<i64, Look<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
