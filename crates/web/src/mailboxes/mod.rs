//! Admin Panel › Emails › Emails: the System Emails, and what their three tabs share.
pub mod account;
pub mod authorization;
mod banner;
pub mod callback;
mod entered;
mod guide;
mod health;
pub mod list;
pub mod outgoing;
pub mod remote;
mod server_form;
pub mod upkeep;

use crate::page::{Here, Page};
use crate::session::Visit;
use crate::{Error, State};
use banner::Shown;
use desk::mailboxes::mailbox::{self, Mailbox, Side};
use desk::site::event::{self, Subject};
use health::Facts;
use serde::Deserialize;

/// The three tabs of a System Email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tab {
    Account,
    Remote,
    Outgoing,
}

/// What a tab may be asked with.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Asked {
    pub done: Option<String>,
    pub banner: Option<String>,
    pub kept: Option<String>,
}

/// What stands around every tab: heading, tabs, banner, and the facts beside the form.
pub struct Frame {
    pub mailbox: Mailbox,
    pub tab: Tab,
    pub banner: Option<Shown>,
    pub facts: Facts,
    /// The newest things that happened to it, newest first.
    pub events: Vec<(i64, String, String)>,
}
impl Frame {
    /// `aria-current` of a tab.
    pub fn current(&self, tab: Tab) -> &'static str {
        if self.tab == tab { "page" } else { "false" }
    }
}

/// Events shown beside a form.
const EVENTS_MAX: i64 = 8;

/// A mailbox that is not removed.
pub async fn stored(state: &State, id: i64) -> desk::Result<Mailbox> {
    let found = state.courier.read(move |tx| mailbox::find(tx, id)).await?;
    let found = found.filter(|mailbox| mailbox.removed_at.is_none());
    found.ok_or_else(|| desk::Refusal::NotFound("email").into())
}
/// The same for pages.
pub async fn find(state: &State, id: i64) -> Result<Mailbox, Error> {
    Ok(stored(state, id).await?)
}

pub async fn frame(
    state: &State,
    visit: &Visit,
    id: i64,
    tab: Tab,
    asked: &Asked,
) -> Result<(Page, Frame), Error> {
    let mailbox = find(state, id).await?;
    let mut events = state.courier.read(move |tx| event::list(tx, Subject::Mailbox(id), EVENTS_MAX)).await?;
    events.reverse();
    let mut page = Page::new(state, visit, &mailbox.address, Here::Emails).await?;
    page.done = asked.done.as_deref().and_then(done_sentence).map(str::to_owned);
    let banner = match &visit.who {
        Some(who) => banner::take(state, who, asked.banner.as_deref()).await?,
        None => None,
    };
    let facts = Facts::of(&mailbox, &page);
    let events =
        events.into_iter().map(|event| (event.at, actor_name(&event.actor), said(&event.kind))).collect();
    Ok((page, Frame { mailbox, tab, banner, facts, events }))
}

fn done_sentence(code: &str) -> Option<&'static str> {
    Some(match code {
        "saved" => "Saved.",
        "made" => "The email is here. Now say where its mail is.",
        "paused" => "Fetching is paused. Nothing is lost: it goes on where it stopped.",
        "resumed" => "Fetching goes on.",
        "deleted" => "The tokens are deleted. Authorize again to go on.",
        _ => return None,
    })
}

fn actor_name(actor: &desk::Actor) -> String {
    match actor {
        desk::Actor::Agent { name, .. }
        | desk::Actor::Requester { name, .. }
        | desk::Actor::Rule { name } => name.clone(),
        desk::Actor::System => "Postern".to_owned(),
    }
}
/// An event's kind as words that follow a name; one that is not known here is said as it is called.
fn said(kind: &str) -> String {
    let words = match kind {
        "created" => "added this email",
        "changed" => "changed its settings",
        "client_set" => "allotted the Callback Endpoint",
        "authorization_begun" => "began to authorize it",
        "authorized" => "authorized it",
        "proved" => "proved that it works",
        "paused" => "paused fetching",
        "resumed" => "resumed fetching",
        "tokens_deleted" => "deleted the token",
        other => return other.replace(['_', '-'], " "),
    };
    words.to_owned()
}

/// A side as paths name it.
pub fn side(word: &str) -> Result<Side, Error> {
    match word {
        "remote" => Ok(Side::Incoming),
        "outgoing" => Ok(Side::Outgoing),
        _ => Err(Error::NotFound),
    }
}
pub fn side_word(side: Side) -> &'static str {
    match side {
        Side::Incoming => "remote",
        Side::Outgoing => "outgoing",
    }
}
