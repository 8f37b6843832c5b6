//! The Mailbox Doctor's page: *Look at every link* begins, and what was found stands here until it is begun again.
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Here, Page, show_as};
use crate::session::Visit;
use crate::{Error, State};
use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use courier::doctor::{self, Examination, Extent, Link, Part, Result as Found, Step};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most are done by then, and nobody sees a page that waits.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon the page looks again while it waits.
const AGAIN_S: &str = "3";
/// Mailboxes whose examination is remembered.
const KEPT_MAX: usize = 200;

/// What was found at each mailbox, since this process began.
#[derive(Clone, Default)]
pub struct Examined(Arc<Mutex<HashMap<i64, Kept>>>);

#[derive(Clone)]
enum Kept {
    Running,
    Done(Arc<Examination>),
    /// It could not be looked at: a sentence.
    Failed(String),
}

impl Examined {
    /// False while it is being looked at: two at once would ask the provider twice.
    fn begin(&self, id: i64) -> bool {
        let mut kept = self.kept();
        if matches!(kept.get(&id), Some(Kept::Running)) {
            return false;
        }
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, kept| matches!(kept, Kept::Running));
        }
        kept.insert(id, Kept::Running);
        true
    }

    fn of(&self, id: i64) -> Option<Kept> {
        self.kept().get(&id).cloned()
    }

    /// What was found when the mailbox was last looked at.
    pub(super) fn found(&self, id: i64) -> Option<Arc<Examination>> {
        match self.of(id) {
            Some(Kept::Done(found)) => Some(found),
            Some(Kept::Running | Kept::Failed(_)) | None => None,
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<i64, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Template)]
#[template(path = "mailboxes/doctor.html")]
struct DoctorPage {
    page: Page,
    id: i64,
    address: String,
    running: bool,
    failed: Option<String>,
    examination: Option<Arc<Examination>>,
}

impl DoctorPage {
    fn parts(&self) -> Vec<(&'static str, Vec<&Step>)> {
        let of = |part: Part| {
            let steps = self.examination.iter().flat_map(|examination| &examination.steps);
            (part.name(), steps.filter(|step| step.part == part).collect())
        };
        Part::ALL.into_iter().map(of).collect()
    }

    /// A letter went out: a round trip that a broken link ended before has sent none.
    fn has_sent(&self) -> bool {
        let sent =
            |step: &Step| step.link == Link::Sent && matches!(step.result, Found::Good | Found::Warning);
        self.examination.as_ref().is_some_and(|found| found.steps.iter().any(sent))
    }

    fn color(step: &Step) -> &'static str {
        match step.result {
            Found::Good => "good",
            Found::Warning => "warn",
            Found::Bad => "bad",
            Found::Skipped => "",
        }
    }
}

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let address = super::find(&state, id).await?.address;
    let page = Page::new(&state, &visit, &format!("Check {address}"), Here::Emails).await?;
    let (running, failed, examination) = match state.examined.of(id) {
        None => (false, None, None),
        Some(Kept::Running) => (true, None, None),
        Some(Kept::Failed(why)) => (false, Some(why), None),
        Some(Kept::Done(found)) => (false, None, Some(found)),
    };
    let mut answer =
        show_as(StatusCode::OK, &DoctorPage { page, id, address, running, failed, examination })?;
    if running {
        answer.headers_mut().insert(header::REFRESH, HeaderValue::from_static(AGAIN_S));
    }
    Ok(answer)
}

pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    let extent = if form.is_on("round_trip") { Extent::WithRoundTrip } else { Extent::Links };
    if state.examined.begin(id) {
        let (courier, examined) = (state.courier.clone(), state.examined.clone());
        // In tasks of their own: a request that is dropped stops no work, and work that breaks off is told.
        let looking = tokio::spawn(async move { doctor::examine(&courier, id, extent).await });
        let noting = tokio::spawn(async move {
            let kept = match looking.await {
                Ok(Ok(found)) => Kept::Done(Arc::new(found)),
                Ok(Err(error)) => Kept::Failed(format!("The mailbox could not be looked at: {error}")),
                Err(error) => {
                    tracing::error!("the examination of a mailbox ended early: {error}");
                    Kept::Failed("The examination broke off. Report this with the log.".to_owned())
                }
            };
            examined.kept().insert(id, kept);
        });
        let _ = tokio::time::timeout(PATIENCE, noting).await; // the page says whether it is done
    }
    Ok(see_other(&format!("/mailboxes/{id}/doctor")))
}
