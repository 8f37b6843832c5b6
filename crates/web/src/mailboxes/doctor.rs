//! The Mailbox Doctor's page: *Look at every link* begins, and what was found stands here until it is begun again.
use super::looked::{self, Seen};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Here, Page};
use crate::session::Visit;
use crate::{Error, State};
use askama::Template;
use axum::response::Response;
use courier::doctor::{self, Examination, Extent, Link, Part, Result as Found, Step};
use std::sync::Arc;

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
    let Seen { running, failed, found: examination } = state.examined.seen(id);
    looked::show(&DoctorPage { page, id, address, running, failed, examination }, running)
}

pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    let extent = if form.is_on("round_trip") { Extent::WithRoundTrip } else { Extent::Links };
    let courier = state.courier.clone();
    let looking = async move {
        let found = doctor::examine(&courier, id, extent).await;
        found.map_err(|error| format!("The mailbox could not be looked at: {error}"))
    };
    state.examined.begin(id, looking).await;
    Ok(see_other(&format!("/mailboxes/{id}/doctor")))
}
