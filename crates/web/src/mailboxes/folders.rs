//! The page on which folders are chosen: those that the server lists, and those that are fetched now.
use super::looked::{self, Seen};
use crate::extract::Path;
use crate::form::Form;
use crate::gate::see_other;
use crate::page::{Here, Page, show_as};
use crate::session::Visit;
use crate::{Error, State, Who, error};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use courier::probe::folders::{self, Offer};
use desk::mailboxes::mailbox::{self, Mailbox};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "mailboxes/folders.html")]
struct FoldersPage {
    page: Page,
    id: i64,
    address: String,
    running: bool,
    failed: Option<String>,
    /// Why the choice was not kept.
    why: Option<String>,
    offer: Option<Arc<Offer>>,
    /// What is chosen, in its order.
    chosen: Vec<String>,
}

impl FoldersPage {
    fn is_chosen(&self, name: &str) -> bool {
        self.chosen.iter().any(|chosen| mailbox::is_same_folder(chosen, name))
    }
    /// Chosen, and not on the server.
    fn lost<'a>(&'a self, offer: &'a Offer) -> impl Iterator<Item = &'a String> {
        self.chosen
            .iter()
            .filter(|chosen| !offer.folders.iter().any(|there| mailbox::is_same_folder(chosen, &there.name)))
    }
}

pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    let mailbox = super::find(&state, id).await?;
    let chosen = mailbox.folders().map(str::to_owned).collect();
    let page = page(&state, &visit, &mailbox, chosen, None).await?;
    let running = page.running;
    looked::show(&page, running)
}

async fn page(
    state: &State,
    visit: &Visit,
    mailbox: &Mailbox,
    chosen: Vec<String>,
    why: Option<String>,
) -> Result<FoldersPage, Error> {
    let (id, address) = (mailbox.id, mailbox.address.clone());
    let page = Page::new(state, visit, &format!("Folders of {address}"), Here::Emails).await?;
    let Seen { running, failed, found: offer } = state.offered.seen(id);
    Ok(FoldersPage { page, id, address, running, failed, why, offer, chosen })
}

/// The server is asked.
pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    Path(id): Path<i64>,
    _form: Form,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    let courier = state.courier.clone();
    let looking = async move {
        let offered = folders::offered(&courier, id).await;
        offered.map_err(|error| looked::why(error, id, "The folders could not be listed"))
    };
    state.offered.begin(id, looking).await;
    Ok(see_other(&format!("/mailboxes/{id}/folders")))
}

/// Those that are ticked. The one that was the first stays so while it is among them.
pub async fn choose(
    axum::extract::State(state): axum::extract::State<State>,
    visit: Visit,
    who: Who,
    Path(id): Path<i64>,
    form: Form,
) -> Result<Response, Error> {
    let mailbox = super::find(&state, id).await?;
    let mut chosen: Vec<String> = form.all("folder").into_iter().map(str::to_owned).collect();
    if let Some(first) =
        chosen.iter().position(|name| mailbox::is_same_folder(name, mailbox.folder_or_inbox()))
    {
        chosen[..=first].rotate_right(1);
    }
    if chosen.is_empty() {
        let why = "Choose at least one folder. To fetch nothing, pause fetching.".to_owned();
        return refused(&state, &visit, &mailbox, chosen, why).await;
    }
    let (by, folders) = (who.by(), chosen.clone());
    let changed = state.courier.write(move |tx| mailbox::change_folders(tx, &by, id, &folders)).await;
    match error::refusal(changed)? {
        Ok(()) => Ok(see_other(&format!("/mailboxes/{id}/remote?done=folders"))),
        Err(refusal) => refused(&state, &visit, &mailbox, chosen, refusal.to_string()).await,
    }
}

async fn refused(
    state: &State,
    visit: &Visit,
    mailbox: &Mailbox,
    chosen: Vec<String>,
    why: String,
) -> Result<Response, Error> {
    let page = page(state, visit, mailbox, chosen, Some(why)).await?;
    show_as(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// Where a reload leads after a choice that was refused.
pub async fn to_the_page(
    axum::extract::State(state): axum::extract::State<State>,
    Path(id): Path<i64>,
) -> Result<Response, Error> {
    super::find(&state, id).await?;
    Ok(see_other(&format!("/mailboxes/{id}/folders")))
}
