//! The page of one ticket: its thread, the composer, and what stands beside it. Shows what `desk` says and
//! decides nothing.
use super::composer::{Again, ComposerView};
use super::line::subject;
use super::thread::{self, Form as LetterForm, Item};
use super::typed::Writing;
use super::{PAGE_MAX, name, queues};
use crate::extract::{Path, Query};
use crate::moment::{Clock, Moment};
use crate::page::{self, Here, Page};
use crate::session::{Visit, Who};
use crate::{Error, State, drafts};
use askama::Template;
use axum::extract::State as Handle;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use desk::outgoing::delivery::{self, Sending};
use desk::outgoing::reply::{self, Recipients};
use desk::people::agent;
use desk::people::viewer::Viewer;
use desk::site::event::{self, Event, Subject};
use desk::tickets::draft::{self, Draft};
use desk::tickets::entry::{self, Entry};
use desk::tickets::participant::{self, Participant, Standing};
use desk::tickets::queue::{self, Queue};
use desk::tickets::seen;
use desk::tickets::ticket::{self, State as TicketState, Ticket};
use std::collections::HashMap;

/// Events beyond this many are history that nobody reads in a page.
const EVENTS_MAX: i64 = 300;

#[derive(Debug, Default, serde::Deserialize)]
pub struct Wanted {
    /// Entries before this one: an earlier page of the thread.
    before: Option<i64>,
    /// `reply` or `note`: which composer is open.
    #[serde(rename = "as")]
    writing: Option<String>,
    /// The letter to show as HTML, or as text, whatever is usual.
    html: Option<i64>,
    text: Option<i64>,
    /// The queue this ticket was opened from.
    from: Option<String>,
    kept: Option<String>,
}
impl Wanted {
    /// The plain page with one of the composers open.
    pub fn writing(writing: Writing) -> Wanted {
        Wanted { writing: Some(writing.name().to_owned()), ..Wanted::default() }
    }
    fn letter(&self) -> LetterForm {
        match (self.html, self.text) {
            (Some(id), _) => LetterForm::Html(id),
            (None, Some(id)) => LetterForm::Text(id),
            (None, None) => LetterForm::Own,
        }
    }
}

/// `GET /tickets/{number}`
pub async fn show(
    Handle(state): Handle<State>,
    who: Who,
    visit: Visit,
    headers: HeaderMap,
    Path(number): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Error> {
    let again = drafts::given_back(&state, &who, &number, wanted.kept.as_deref()).await?;
    // A page that only looks again by itself, or is fetched before anybody asks for it, has not been looked at.
    let looked = !headers.contains_key("x-live") && !headers.contains_key("sec-purpose");
    render(&state, &who, &visit, &number, &wanted, again, None, looked).await
}

/// The page again, with what was typed and why it was not done.
pub async fn refused(
    state: &State,
    who: &Who,
    visit: &Visit,
    number: &str,
    again: Again,
) -> Result<Response, Error> {
    let wanted = Wanted::writing(again.writing);
    render(state, who, visit, number, &wanted, Some(again), None, true).await
}

/// The page again, with the sentence of a rule on top: nothing was typed.
pub async fn not_done(
    state: &State,
    who: &Who,
    visit: &Visit,
    number: &str,
    sentence: String,
) -> Result<Response, Error> {
    render(state, who, visit, number, &Wanted::default(), None, Some(sentence), true).await
}

async fn render(
    state: &State,
    who: &Who,
    visit: &Visit,
    number: &str,
    wanted: &Wanted,
    again: Option<Again>,
    not_done: Option<String>,
    looked: bool,
) -> Result<Response, Error> {
    let sight = read(state, who, number, wanted.before).await?;
    if let (true, None, Some(entry_id)) = (looked, wanted.before, sight.ticket.last_entry_id) {
        let (agent_id, ticket_id, at) = (who.agent().id, sight.ticket.id, who.now());
        let looked = state.courier.write(move |tx| seen::look(tx, agent_id, ticket_id, entry_id, at)).await;
        match looked {
            // A disk that is full keeps nobody from reading.
            Err(error) if error.is_the_databases() => {
                tracing::warn!("that a ticket was read is not noted: {error}")
            }
            other => other.map(drop)?,
        }
    }
    let refused = not_done.is_some() || again.as_ref().is_some_and(|again| again.refusal.is_some());
    let queue = wanted.from.as_deref().and_then(queues::parse);
    let title = subject(&sight.ticket.subject);
    let mut page = Page::new(state, visit, &title, queue.map_or(Here::Nowhere, queues::here)).await?;
    page.given_back = again.as_ref().is_some_and(|again| again.refusal.is_none());
    let status = if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page::show_as(status, &TicketPage::new(who, &sight, wanted, again, not_done, queue, page))
}

/// Everything of one ticket that the page shows, from one snapshot.
#[derive(Debug)]
pub struct Sight {
    pub ticket: Ticket,
    entries: Vec<Entry>,
    /// Of those entries that are sent.
    sendings: HashMap<i64, Sending>,
    earlier: bool,
    events: Vec<Event>,
    participants: Vec<Participant>,
    recipients: Recipients,
    reply_draft: Option<Draft>,
    note_draft: Option<Draft>,
    agents: Vec<(i64, String)>,
    tickets_of_requester: (i64, i64),
}

async fn read(state: &State, who: &Who, number: &str, before: Option<i64>) -> Result<Sight, Error> {
    let (viewer, agent_id, number) = (who.viewer(), who.agent().id, number.to_owned());
    let sight = state
        .courier
        .read(move |tx| {
            let Some(ticket) = ticket::find(tx, &viewer, &number)? else { return Ok(None) };
            let (entries, earlier) = page_of(tx, &viewer, ticket.id, before)?;
            let agents = agent::list(tx)?;
            Ok(Some(Sight {
                sendings: delivery::of_entries(tx, entries.iter().map(|entry| entry.id))?,
                entries,
                earlier,
                events: event::list(tx, Subject::Ticket(ticket.id), EVENTS_MAX)?,
                participants: participant::list(tx, ticket.id)?,
                recipients: reply::recipients(tx, ticket.id)?,
                reply_draft: draft::find(tx, agent_id, ticket.id, entry::Kind::Reply)?,
                note_draft: draft::find(tx, agent_id, ticket.id, entry::Kind::Note)?,
                agents: agents
                    .into_iter()
                    .filter(|agent| agent.active)
                    .map(|agent| (agent.id, agent.name))
                    .collect(),
                tickets_of_requester: queue::count_of_requester(tx, &viewer, ticket.requester_id)?,
                ticket,
            }))
        })
        .await?;
    sight.ok_or(Error::NotFound)
}

/// One more than a page is asked for, to know whether there are earlier ones.
fn page_of(
    tx: &mut desk::db::Tx<'_>,
    viewer: &Viewer,
    ticket_id: i64,
    before: Option<i64>,
) -> desk::Result<(Vec<Entry>, bool)> {
    let mut entries = entry::list(tx, viewer, ticket_id, before, PAGE_MAX + 1)?;
    let earlier = i64::try_from(entries.len()).unwrap_or(i64::MAX) > PAGE_MAX;
    if earlier {
        entries.remove(0);
    }
    Ok((entries, earlier))
}

#[derive(Template)]
#[template(path = "tickets/ticket.html")]
struct TicketPage {
    page: Page,
    number: String,
    subject: String,
    not_done: Option<String>,
    back: &'static str,
    back_name: &'static str,
    open: bool,
    assignee: Option<(i64, String)>,
    mine: bool,
    my_id: i64,
    others: Vec<(i64, String)>,
    refers_to: Option<String>,
    joined_to: Option<String>,
    unsent: i64,
    department: String,
    mailbox: Option<String>,
    opened: Moment,
    closed: Option<Moment>,
    requester: String,
    requester_address: String,
    of_requester: (i64, i64),
    people: Vec<PersonView>,
    items: Vec<Item>,
    earlier: Option<i64>,
    is_earlier_page: bool,
    seen_entry_id: i64,
    composers: Vec<ComposerView>,
}

/// Somebody on this ticket.
#[derive(Debug)]
struct PersonView {
    name: String,
    address: String,
    offered: bool,
}

impl TicketPage {
    fn new(
        who: &Who,
        sight: &Sight,
        wanted: &Wanted,
        again: Option<Again>,
        not_done: Option<String>,
        queue: Option<Queue>,
        page: Page,
    ) -> TicketPage {
        let clock = page.clock();
        let ticket = &sight.ticket;
        let me = who.agent().id;
        let requester = ticket.requester_name.clone().unwrap_or_else(|| ticket.requester_address.clone());
        TicketPage {
            number: ticket.number.clone(),
            subject: subject(&ticket.subject),
            not_done,
            back: queue.map_or("open", queues::name),
            back_name: queue.map_or("Open", queues::heading),
            open: ticket.state == TicketState::Open,
            mine: ticket.assignee.as_ref().is_some_and(|(id, _)| *id == me),
            my_id: me,
            others: others(&sight.agents, ticket, me),
            assignee: ticket.assignee.clone(),
            refers_to: ticket.refers_to.clone(),
            joined_to: ticket.joined_to.clone(),
            unsent: ticket.unsent,
            department: ticket.department.clone(),
            mailbox: ticket.mailbox.clone(),
            opened: clock.in_thread(ticket.created_at),
            closed: ticket.closed_at.map(|at| clock.in_thread(at)),
            requester_address: ticket.requester_address.clone(),
            of_requester: sight.tickets_of_requester,
            people: sight.participants.iter().map(PersonView::new).collect(),
            items: thread::items(
                &sight.entries,
                &sight.sendings,
                &sight.events,
                &ticket.subject,
                !sight.earlier,
                wanted.letter(),
                &clock,
            ),
            earlier: sight.earlier.then(|| sight.entries.first().map_or(0, |entry| entry.id)),
            is_earlier_page: wanted.before.is_some(),
            seen_entry_id: ticket.last_entry_id.unwrap_or(0),
            composers: composers(sight, wanted, again.as_ref(), &requester, &clock),
            requester,
            page,
        }
    }
}

/// Everybody else the ticket could be given to.
fn others(agents: &[(i64, String)], ticket: &Ticket, me: i64) -> Vec<(i64, String)> {
    let assignee = ticket.assignee.as_ref().map(|(id, _)| *id);
    agents.iter().filter(|(id, _)| *id != me && Some(*id) != assignee).cloned().collect()
}

fn composers(
    sight: &Sight,
    wanted: &Wanted,
    again: Option<&Again>,
    requester: &str,
    clock: &Clock,
) -> Vec<ComposerView> {
    let shown = again.map_or_else(|| Writing::of(wanted.writing.as_deref()), |again| again.writing);
    [(Writing::Reply, &sight.reply_draft), (Writing::Note, &sight.note_draft)]
        .into_iter()
        .map(|(writing, draft)| {
            ComposerView::new(
                writing,
                writing == shown,
                &sight.recipients,
                draft.as_ref(),
                again,
                requester,
                clock,
            )
        })
        .collect()
}

impl PersonView {
    fn new(participant: &Participant) -> PersonView {
        PersonView {
            name: name::of(&participant.person).to_owned(),
            address: participant.person.address.clone(),
            offered: participant.standing == Standing::Offered,
        }
    }
}
