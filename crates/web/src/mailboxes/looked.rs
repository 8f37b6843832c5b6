//! What takes longer than a page waits: begun once a mailbox, and what came of it stands until it is begun again.
use crate::Error;
use crate::page::show_as;
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most are done by then, and nobody sees a page that waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a page looks again while it waits.
const AGAIN_S: &str = "3";
/// Mailboxes whose result is remembered.
const KEPT_MAX: usize = 200;

/// What came of it at each mailbox, since this process began.
pub struct Looked<T>(Arc<Mutex<HashMap<i64, Look<T>>>>);

enum Look<T> {
    Running,
    Done(Arc<T>),
    /// It could not be looked at: a sentence.
    Failed(String),
}

/// What a page shows of it.
pub struct Seen<T> {
    pub running: bool,
    pub failed: Option<String>,
    pub found: Option<Arc<T>>,
}

/// The page, which looks again by itself while it waits.
pub fn show(page: &impl Template, running: bool) -> Result<Response, Error> {
    let mut answer = show_as(StatusCode::OK, page)?;
    if running {
        answer.headers_mut().insert(header::REFRESH, HeaderValue::from_static(AGAIN_S));
    }
    Ok(answer)
}

/// A refusal in its own words; anything else is `what` came of it, and stands in the log.
pub fn why(error: desk::Error, mailbox_id: i64, what: &str) -> String {
    match error {
        desk::Error::Refused(refusal) => refusal.to_string(),
        error => {
            tracing::error!(mailbox = mailbox_id, "{what}: {error}");
            format!("{what}. Look into the log, and report this.")
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

    pub fn seen(&self, id: i64) -> Seen<T> {
        match self.kept().get(&id) {
            None => Seen { running: false, failed: None, found: None },
            Some(Look::Running) => Seen { running: true, failed: None, found: None },
            Some(Look::Failed(why)) => Seen { running: false, failed: Some(why.clone()), found: None },
            Some(Look::Done(found)) => Seen { running: false, failed: None, found: Some(Arc::clone(found)) },
        }
    }

    /// What was found when the mailbox was last looked at.
    pub fn found(&self, id: i64) -> Option<Arc<T>> {
        self.seen(id).found
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<i64, Look<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
