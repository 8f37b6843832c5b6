//! Admin Panel › Emails › Emails: the System Emails, and what their three tabs share.
pub mod account;
pub mod attempt;
pub mod authorization;
pub mod banner;
pub mod callback;
pub mod credentials;
pub mod doctor;
pub mod dry_run;
mod entered;
mod expiry;
mod figure;
mod fleet;
pub mod folders;
mod guide;
mod happening;
mod health;
pub mod list;
pub(crate) mod looked;
mod notified;
pub mod outgoing;
pub mod preset;
mod provider;
pub mod remote;
mod server_form;
mod server_tab;
pub mod tab;
pub mod upkeep;
pub mod ways;

use crate::headers::{self, Leaving};
use crate::page::{Here, Page};
use crate::session::Visit;
use crate::{Error, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use banner::Shown;
use courier::authorize::{self, Question};
use desk::alerts::fleet::Member;
use desk::db::Tx;
use desk::mailboxes::client::Flow;
use desk::mailboxes::grant::{self, Grant, State as GrantState, Untold};
use desk::mailboxes::mailbox::{self, Mailbox, Shape, Side, StartFrom};
use desk::mailboxes::subscription;
use desk::site::event::{self, Subject};
use fleet::Line;
use happening::Happening;
use health::Facts;
use notified::Notified;
use serde::Deserialize;

/// For templates, which name no variant of another crate.
pub const OUTGOING: Side = Side::Outgoing;

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
    /// The authorization page itself, which leads to itself nowhere.
    pub is_config: bool,
    pub banner: Option<Shown>,
    pub facts: Facts,
    /// Sides whose newest authorization waits for its proof.
    pub unproved: Vec<Side>,
    /// What is asked about who has signed in, a side each.
    pub questions: Vec<Question>,
    /// What is tried again by itself until it is authorized, a side each.
    pub tried_again: Vec<TriedAgain>,
    /// What has ended, and its provider does not know of, a side each.
    pub untold: Vec<Untold>,
    /// Who opened the incoming side, where the provider said so.
    pub signed_in: Option<String>,
    /// Who is signed in instead of a person, when nobody signs in.
    pub signs_in_alone: Option<&'static str>,
    /// What the server was asked to tell of by itself.
    pub notified: Vec<Notified>,
    /// The same as a line of the list.
    pub line: Line,
    /// The newest things that happened to it, newest first.
    pub events: Vec<Happening>,
}

/// A registration that needs nobody, and has brought no consent that works yet.
pub struct TriedAgain {
    pub grant: Grant,
    pub side: Side,
    pub at: i64,
}
impl TriedAgain {
    /// A proof is what it waits for.
    pub fn has_tokens(&self) -> bool {
        self.grant.state == GrantState::Unproved
    }
}

impl Frame {
    /// *Start fetching* is offered: there is a server, and consent where it needs one.
    pub fn can_start(&self) -> bool {
        let incoming = &self.mailbox.incoming;
        let consent = !incoming.authentication.is_oauth() || incoming.grant_id.is_some();
        !self.mailbox.active && !incoming.host.is_empty() && consent
    }
    /// What is in the folder already will not be fetched.
    pub fn starts_now(&self) -> bool {
        self.mailbox.activated_at.is_none() && self.mailbox.start_from == StartFrom::Now
    }
    /// Modern Authentication is set up: it can be authorized again at any time.
    pub fn can_authorize(&self) -> bool {
        self.mailbox.incoming.authentication.is_oauth() && self.mailbox.incoming.client_id.is_some()
    }
    /// A kind of mailbox that is to be said.
    pub fn shape_words(&self) -> &'static str {
        match self.mailbox.shape {
            Shape::Own => "",
            Shape::Shared => "a shared mailbox",
            Shape::Alias { .. } => "the mailbox behind the alias",
        }
    }
    pub fn is_shared(&self) -> bool {
        self.mailbox.shape == Shape::Shared
    }
    /// The account that signs in at the provider, where it is known.
    pub fn account(&self) -> Option<&str> {
        match &self.mailbox.shape {
            Shape::Own | Shape::Alias { .. } => Some(self.mailbox.opens()),
            Shape::Shared => self.signed_in.as_deref(),
        }
    }
    /// The same in the words of a step of the guide, under which the account stands.
    pub fn account_words(&self) -> String {
        match (&self.mailbox.shape, self.account()) {
            (Shape::Own, _) => "this email".to_owned(),
            (Shape::Shared | Shape::Alias { .. }, Some(_)) => "this account".to_owned(),
            (Shape::Shared | Shape::Alias { .. }, None) => {
                format!("the service account that may open {}", self.mailbox.address)
            }
        }
    }
    /// An alias that sends: only a letter shows that it is one, and as whom it writes.
    pub fn is_shown_by_a_letter(&self) -> bool {
        matches!(self.mailbox.shape, Shape::Alias { .. }) && self.mailbox.outgoing_active
    }
    /// The tab's side as paths name it.
    pub fn side_of_tab(&self) -> &'static str {
        if self.tab == Tab::Outgoing { "outgoing" } else { "remote" }
    }
    /// The authorization page of the tab's side, where there is one.
    pub fn config(&self) -> Option<String> {
        let side = if self.tab == Tab::Outgoing { Side::Outgoing } else { Side::Incoming };
        let server = self.mailbox.server(side);
        let has_one = server.authentication.is_oauth() && server.client_id.is_some() && !self.is_config;
        has_one.then(|| format!("/mailboxes/{}/{}/authorization", self.mailbox.id, side_word(side)))
    }
    pub fn sends_nothing(&self) -> bool {
        self.mailbox.sends_nothing()
    }
    /// A side as paths name it.
    pub fn path_of(&self, side: &Side) -> &'static str {
        side_word(*side)
    }
    /// The tab as *Fetch now* names it.
    pub fn tab_word(&self) -> &'static str {
        match self.tab {
            Tab::Account => "account",
            Tab::Remote => "remote",
            Tab::Outgoing => "outgoing",
        }
    }
    /// `aria-current` of a tab.
    pub fn current(&self, tab: Tab) -> &'static str {
        if self.tab == tab { "page" } else { "false" }
    }
}

/// Events shown beside a form.
const EVENTS_MAX: i64 = 8;
const EVENTS_SHOWN: usize = 8;

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
    let read = state.courier.read(move |tx| {
        let member = desk::alerts::fleet::of(tx, id)?.ok_or(desk::Refusal::NotFound("email"))?;
        Ok((happened(tx, &member)?, grant::untold(tx, id)?, subscription::of_mailbox(tx, id)?, member))
    });
    let (happened, untold, subscriptions, member) = read.await?;
    let mut page = Page::new(state, visit, &mailbox.address, Here::Emails).await?;
    page.done = asked.done.as_deref().and_then(|codes| done_sentences(codes, page.on_hold));
    let banner = match &visit.who {
        Some(who) => banner::take(state, who, asked.banner.as_deref()).await?,
        None => None,
    };
    let client = member.clients.iter().find(|client| Some(client.id) == mailbox.incoming.client_id);
    let signs_in_alone = client.and_then(|client| match client.flow {
        Flow::Code => None,
        Flow::AppOnly => Some("nobody: the application itself"),
        Flow::ServiceAccount => Some("nobody: the service account"),
    });
    let is_unproved = |side: &Side| {
        let unproved = |grant: &Grant| grant.state == GrantState::Unproved;
        member.grant(*side).is_some_and(unproved)
    };
    let mut unproved: Vec<Side> = [Side::Incoming, Side::Outgoing].into_iter().filter(is_unproved).collect();
    let mut line = Line::of(member, &page);
    let mut facts = line.facts.clone();
    if tab == Tab::Outgoing && asked.done.as_deref() == Some("saved") {
        page.done = Some(format!("Saved. {}.", facts.outgoing.as_a_sentence()));
    }
    let mut questions = Vec::new();
    let mut tried_again = Vec::new();
    for side in [Side::Incoming, Side::Outgoing] {
        questions.extend(authorize::question(&state.courier, id, side).await?);
        let found = state.courier.read(move |tx| grant::tried_again(tx, id, side)).await?;
        tried_again.extend(found.map(|(grant, at)| TriedAgain { grant, side, at: at.max(page.now) }));
    }
    say_once(&tried_again, &mut facts, &mut line);
    // *Try now* stands beside what is tried again by itself.
    unproved.retain(|side| !tried_again.iter().any(|tried| tried.side == *side));
    let used = mailbox.incoming.grant_id;
    let opened_by =
        state.courier.read(move |tx| Ok(used.map(|id| grant::find(tx, id)).transpose()?.flatten()));
    let signed_in = opened_by.await?.and_then(|grant| grant.owner_address);
    let frame = Frame {
        notified: Notified::all(&mailbox, &subscriptions, &page),
        mailbox,
        tab,
        is_config: false,
        banner,
        facts,
        line,
        unproved,
        questions,
        tried_again,
        untold,
        signed_in,
        signs_in_alone,
        events: happened,
    };
    Ok((page, frame))
}

/// The newest of the mailbox and of its registrations.
fn happened(tx: &mut Tx<'_>, member: &Member) -> desk::Result<Vec<Happening>> {
    let own = event::list(tx, Subject::Mailbox(member.mailbox.id), EVENTS_MAX)?;
    let mut happened: Vec<(i64, Happening)> = own.iter().map(|e| (e.id, Happening::of(e))).collect();
    for client in &member.clients {
        for event in event::list(tx, Subject::Client(client.id), EVENTS_MAX)? {
            happened.extend(Happening::of_client(&event).map(|told| (event.id, told)));
        }
    }
    happened.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
    Ok(happened.into_iter().take(EVENTS_SHOWN).map(|(_, told)| told).collect())
}

/// What is said on top of a tab is not said beside it once more.
fn say_once(tried_again: &[TriedAgain], facts: &mut Facts, line: &mut Line) {
    for tried in tried_again {
        let is_told = |said: &str| !tried.grant.reason.is_empty() && said.contains(&tried.grant.reason);
        for side in [&mut facts.incoming, &mut facts.outgoing] {
            if is_told(&side.reason) {
                side.reason.clear();
                side.remedy.clear();
            }
        }
        if let Some(token) = line.token.as_mut().filter(|token| is_told(&token.why)) {
            token.why.clear();
        }
    }
}

/// A page with a form that may lead to the provider: its policy lets it, also to one that was typed just now.
pub fn leaving(state: &State, mut response: Response) -> Response {
    let to = if state.practice() { Leaving::Practice } else { Leaving::Https };
    if let Ok(policy) = HeaderValue::from_str(&headers::content_policy_leaving(to)) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// *saved.ended*: a sentence for each word.
fn done_sentences(codes: &str, on_hold: bool) -> Option<String> {
    let said: Vec<_> = codes.split('.').filter_map(|code| done_sentence(code, on_hold)).collect();
    (!said.is_empty()).then(|| said.join(" "))
}

/// What a button has done. On hold nothing happens in a moment.
fn done_sentence(code: &str, on_hold: bool) -> Option<&'static str> {
    Some(match code {
        "fetched" if on_hold => "Mail is on hold: it is fetched as soon as that is released.",
        "compared" if on_hold => "Mail is on hold: it is compared as soon as that is released.",
        "unaccounted" if on_hold => {
            "Mail is on hold: what is unaccounted is fetched as soon as that is released. What is here already is not doubled."
        }
        "fetched" => "It is fetched in a moment.",
        "saved" => "Saved.",
        "ended" => "That ended the authorization, which was for what was there before: authorize it again.",
        "emptied" => "POP3 has one folder: Mail Folder is empty now.",
        "made" => "The email is here. Now say where its mail is.",
        "paused" => "Fetching is paused. Nothing is lost: it goes on where it stopped.",
        "compared" => "It is compared in a moment, and this page says what came of it.",
        "unaccounted" => "What is unaccounted is fetched in a moment. What is here already is not doubled.",
        "cancelled" => "It is not fetched.",
        "folders" => "Saved. The next round reads these folders.",
        "resumed" => "Mail is fetched from now on.",
        _ => return None,
    })
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
