//! The dry run's page: what would become of the last messages of a mailbox, before it is switched on.
use super::looked::{self, Seen};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Here, Page};
use crate::session::Visit;
use crate::{Error, State};
use askama::Template;
use axum::response::Response;
use courier::rehearse::{self, LAST, Unread, Would};
use desk::intake::rehearsal::Fate;
use std::sync::Arc;

/// What would become of the last messages, as it was at that time.
pub struct Rehearsal {
    at: i64,
    would: Vec<Would>,
    /// Folders that could not be read.
    unread: Vec<Unread>,
}

#[derive(Template)]
#[template(path = "mailboxes/dry_run.html")]
struct DryRunPage {
    page: Page,
    id: i64,
    address: String,
    running: bool,
    failed: Option<String>,
    rehearsal: Option<Arc<Rehearsal>>,
}

impl DryRunPage {
    fn last(&self) -> u16 {
        LAST
    }
    /// How many of each fate, in words, the most frequent of all first.
    fn tally(rehearsal: &Rehearsal) -> String {
        let kinds = [
            ("opens", "would open a ticket"),
            ("refers", "would open one that refers to another"),
            ("joins", "would join a ticket"),
            ("joins_earlier", "would join the ticket of an earlier one"),
            ("held", "would be held for a person"),
            ("ignored", "would be ignored"),
            ("failed", "would be kept, because they cannot be filed"),
            ("left", "would stay on the server"),
            ("known", "here already"),
        ];
        let mut counts: Vec<(usize, &str)> = kinds
            .iter()
            .map(|(word, said)| (rehearsal.would.iter().filter(|w| w.fate.word() == *word).count(), *said))
            .filter(|(count, _)| *count > 0)
            .collect();
        counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        counts.iter().map(|(count, said)| format!("{count} {said}")).collect::<Vec<_>>().join(", ")
    }
    fn color(would: &Would) -> &'static str {
        match would.fate {
            Fate::Opens | Fate::Refers { .. } | Fate::Joins { .. } | Fate::JoinsEarlier { .. } => "good",
            Fate::Held { .. } => "warn",
            Fate::Failed { .. } | Fate::Left { .. } => "bad",
            Fate::Known(_) | Fate::Ignored { .. } => "",
        }
    }
    fn word(would: &Would) -> &'static str {
        match would.fate {
            Fate::Opens | Fate::Refers { .. } => "New",
            Fate::Joins { .. } | Fate::JoinsEarlier { .. } => "Joins",
            Fate::Held { .. } => "Held",
            Fate::Ignored { .. } => "Ignored",
            Fate::Failed { .. } => "Fails",
            Fate::Left { .. } => "Stays",
            Fate::Known(_) => "Known",
        }
    }
    fn newest_first(rehearsal: &Rehearsal) -> impl Iterator<Item = &Would> {
        rehearsal.would.iter().rev()
    }
}

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let address = super::find(&state, id).await?.address;
    let page = Page::new(&state, &visit, &format!("Dry run of {address}"), Here::Emails).await?;
    let Seen { running, failed, found: rehearsal } = state.rehearsed.seen(id);
    looked::show(&DryRunPage { page, id, address, running, failed, rehearsal }, running)
}

pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    Path(id): Path<i64>,
    _form: Form,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    let courier = state.courier.clone();
    let looking = async move {
        let would = rehearse::rehearse(&courier, id, LAST).await;
        let found = would.map_err(|error| looked::why(error, id, "The dry run failed"))?;
        Ok(Rehearsal { at: courier.now(), would: found.would, unread: found.unread })
    };
    state.rehearsed.begin(id, looking).await;
    Ok(see_other(&format!("/mailboxes/{id}/dry-run")))
}
