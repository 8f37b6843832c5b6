//! Every route of Postern, as data: its method, its path, who may take it, and who answers.
//!
//! The product's table of contents. A route that is not here does not exist, and the access tests walk
//! this table, so that a new line without a case fails them.
use crate::{
    State, agents, alerts, assets, attachments, drafts, held, home, inbox, journal, letters, live, mail_hold,
    mailboxes, notes, notifications, profile, replies, set_up, sign_in, tickets, uploads,
};
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, get, post};

/// Who may take a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// Everybody, signed in or not.
    Public,
    /// Any active agent, administrators too.
    Agent,
    Administrator,
    /// Only while there is no administrator.
    SetUp,
    /// A provider's machine: no session, no page and no form of ours. Whoever answers reads the body and judges it.
    Machine,
}

/// What a form may be at most, unless its route says otherwise.
pub const BODY_BYTES_MAX: usize = 256 * 1024;

pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub policy: Policy,
    /// The largest body that is read.
    pub body_bytes_max: usize,
    pub handler: MethodRouter<State>,
}
impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.policy)
    }
}
impl Route {
    /// For what holds no secret: pages with tokens are sent as they are, so that their length tells nothing.
    fn compressed(self) -> Route {
        Route { handler: self.handler.layer(tower_http::compression::CompressionLayer::new()), ..self }
    }
    /// For forms with files.
    #[must_use]
    pub fn up_to(self, body_bytes_max: usize) -> Route {
        Route { body_bytes_max, ..self }
    }
}

fn reads<H: Handler<T, State>, T: 'static>(path: &'static str, policy: Policy, handler: H) -> Route {
    Route { method: Method::GET, path, policy, body_bytes_max: BODY_BYTES_MAX, handler: get(handler) }
}
fn changes<H: Handler<T, State>, T: 'static>(path: &'static str, policy: Policy, handler: H) -> Route {
    Route { method: Method::POST, path, policy, body_bytes_max: BODY_BYTES_MAX, handler: post(handler) }
}

/// Every route there is.
pub fn table() -> Vec<Route> {
    let mut table = doors();
    table.extend(tickets());
    table.extend(admin_panel());
    table
}

/// Coming in, going out, oneself.
fn doors() -> Vec<Route> {
    use Policy::{Agent, Public, SetUp};
    vec![
        reads("/", Agent, home::show),
        reads("/assets/{name}", Public, assets::serve).compressed(),
        reads("/favicon.ico", Public, assets::favicon),
        reads("/sign-in", Public, sign_in::show),
        changes("/sign-in", Public, sign_in::begin),
        changes("/sign-out", Agent, sign_in::end),
        reads("/setup/{token}", SetUp, set_up::show),
        changes("/setup/{token}", SetUp, set_up::accept),
        reads("/live", Agent, live::stream),
        reads("/profile", Agent, profile::show),
        changes("/profile", Agent, profile::change),
        changes("/profile/password", Agent, profile::set_password),
        changes("/profile/sessions/{id}/end", Agent, profile::end_session),
        changes("/graph/notifications", Policy::Machine, notifications::hear),
    ]
}

/// What agents work with.
fn tickets() -> Vec<Route> {
    use Policy::Agent;
    vec![
        reads("/tickets", Agent, tickets::list),
        reads("/tickets/{number}", Agent, tickets::ticket::show),
        changes("/tickets/{number}/replies", Agent, replies::send).up_to(uploads::FORM_BYTES_MAX),
        reads("/tickets/{number}/replies", Agent, drafts::to_the_ticket),
        changes("/tickets/{number}/notes", Agent, notes::add).up_to(uploads::FORM_BYTES_MAX),
        reads("/tickets/{number}/notes", Agent, drafts::to_the_ticket),
        changes("/tickets/{number}/drafts", Agent, drafts::save).up_to(uploads::FORM_BYTES_MAX),
        reads("/tickets/{number}/drafts", Agent, drafts::to_the_ticket),
        changes("/tickets/{number}/assignment", Agent, tickets::changes::assign),
        changes("/tickets/{number}/closure", Agent, tickets::changes::close),
        changes("/tickets/{number}/reopening", Agent, tickets::changes::reopen),
        changes("/tickets/{number}/join", Agent, tickets::changes::join),
        changes("/tickets/{number}/dismissal", Agent, tickets::changes::dismiss),
        changes("/tickets/{number}/look", Agent, tickets::changes::look),
        changes("/tickets/{number}/outbox/{id}/retry", Agent, tickets::changes::retry),
        changes("/tickets/{number}/outbox/{id}/cancellation", Agent, tickets::changes::cancel),
        reads("/tickets/{number}/entries/{id}/letter", Agent, letters::show),
        reads("/tickets/{number}/entries/{id}/original.eml", Agent, letters::raw),
        reads("/tickets/{number}/attachments/{id}", Agent, attachments::show),
        reads("/held", Agent, held::list),
        changes("/held/dismissal", Agent, held::ignore_all),
        reads("/held/{id}", Agent, held::show_one),
        changes("/held/{id}/acceptance", Agent, held::accept),
        changes("/held/{id}/dismissal", Agent, held::ignore),
        reads("/held/{id}/raw", Agent, held::raw),
    ]
}

/// Admin Panel.
fn admin_panel() -> Vec<Route> {
    use Policy::Administrator as Admin;
    use mailboxes::{account, outgoing, remote, tab};
    vec![
        reads("/admin", Admin, mailboxes::list::panel),
        reads("/mail", Admin, mail_hold::show_page),
        changes("/mail/hold", Admin, mail_hold::hold),
        changes("/mail/release", Admin, mail_hold::release),
        reads("/mailboxes", Admin, mailboxes::list::show_list),
        changes("/mailboxes", Admin, mailboxes::list::create),
        reads("/mailboxes/new", Admin, mailboxes::list::show_new),
        reads("/mailboxes/{id}", Admin, tab::show::<account::AccountForm>),
        changes("/mailboxes/{id}", Admin, account::change),
        reads("/mailboxes/{id}/remote", Admin, tab::show::<remote::RemoteForm>),
        changes("/mailboxes/{id}/remote", Admin, remote::change),
        changes("/mailboxes/{id}/remote/config", Admin, remote::config),
        changes("/mailboxes/{id}/remote/folders", Admin, remote::folders),
        reads("/mailboxes/{id}/remote/folders", Admin, remote::to_the_page),
        reads("/mailboxes/{id}/outgoing", Admin, tab::show::<outgoing::OutgoingForm>),
        changes("/mailboxes/{id}/outgoing", Admin, outgoing::change),
        changes("/mailboxes/{id}/outgoing/config", Admin, outgoing::config),
        reads("/mailboxes/{id}/{side}/authorization", Admin, mailboxes::authorization::show_page),
        changes("/mailboxes/{id}/{side}/authorization", Admin, mailboxes::authorization::submit),
        changes(
            "/mailboxes/{id}/{side}/tokens/{grant}/delete",
            Admin,
            mailboxes::authorization::delete_token,
        ),
        changes("/mailboxes/{id}/{side}/authorize", Admin, mailboxes::attempt::begin),
        changes("/mailboxes/{id}/{side}/device", Admin, mailboxes::ways::begin_device),
        reads("/mailboxes/{id}/{side}/device", Admin, mailboxes::ways::to_the_page),
        changes("/mailboxes/{id}/{side}/device/{grant}/cancellation", Admin, mailboxes::ways::cancel_device),
        changes("/mailboxes/{id}/{side}/paste", Admin, mailboxes::ways::paste),
        reads("/mailboxes/{id}/{side}/paste", Admin, mailboxes::ways::to_the_page),
        changes("/mailboxes/{id}/{side}/questions/{grant}", Admin, mailboxes::attempt::answer),
        reads("/mailboxes/{id}/{side}/certificates/{certificate}", Admin, mailboxes::credentials::download),
        changes("/mailboxes/{id}/{side}/prove", Admin, mailboxes::upkeep::prove),
        changes("/mailboxes/{id}/check", Admin, mailboxes::upkeep::check),
        reads("/mailboxes/{id}/doctor", Admin, mailboxes::doctor::show),
        changes("/mailboxes/{id}/doctor", Admin, mailboxes::doctor::begin),
        reads("/mailboxes/{id}/dry-run", Admin, mailboxes::dry_run::show),
        changes("/mailboxes/{id}/dry-run", Admin, mailboxes::dry_run::begin),
        changes("/mailboxes/{id}/pause", Admin, mailboxes::upkeep::pause),
        changes("/mailboxes/{id}/resume", Admin, mailboxes::upkeep::resume),
        reads("/mailboxes/{id}/remove", Admin, mailboxes::upkeep::ask_remove),
        changes("/mailboxes/{id}/remove", Admin, mailboxes::upkeep::remove),
        // Public, because the provider leads here; it does nothing without the session that began it.
        reads("/oauth/callback/{client}", Policy::Public, mailboxes::callback::land),
        changes("/mailboxes/{id}/fetch", Admin, mailboxes::upkeep::fetch),
        changes("/mailboxes/{id}/comparison", Admin, mailboxes::upkeep::compare),
        changes("/mailboxes/{id}/unaccounted", Admin, mailboxes::upkeep::fetch_unaccounted),
        changes("/mailboxes/{id}/unaccounted/cancellation", Admin, mailboxes::upkeep::cancel),
        reads("/mailboxes/{id}/folders", Admin, mailboxes::folders::show),
        changes("/mailboxes/{id}/folders", Admin, mailboxes::folders::begin),
        changes("/mailboxes/{id}/folders/choice", Admin, mailboxes::folders::choose),
        reads("/mailboxes/{id}/folders/choice", Admin, mailboxes::folders::to_the_page),
        changes("/mailboxes/{id}/silence", Admin, mailboxes::upkeep::watch_silence),
        reads("/alerts", Admin, alerts::show),
        changes("/alerts", Admin, alerts::change),
        changes("/alerts/mail/test", Admin, alerts::test_mail),
        reads("/alerts/mail/test", Admin, alerts::to_the_page),
        reads("/alerts/webhook/secret", Admin, alerts::to_the_page),
        changes("/alerts/webhook/test", Admin, alerts::test_post),
        reads("/alerts/webhook/test", Admin, alerts::to_the_page),
        changes("/alerts/webhook/secret", Admin, alerts::new_secret),
        reads("/journal", Admin, journal::list),
        reads("/journal/{id}", Admin, journal::show_one),
        reads("/journal/sent/{id}", Admin, journal::show_sent),
        reads("/inbox", Admin, inbox::list),
        changes("/inbox/{id}/retry", Admin, inbox::retry),
        reads("/inbox/{id}/raw", Admin, inbox::raw),
        reads("/agents", Admin, agents::list),
        changes("/agents", Admin, agents::create),
        reads("/agents/new", Admin, agents::show_new),
        reads("/agents/{id}", Admin, agents::show_one),
        changes("/agents/{id}", Admin, agents::change),
        changes("/agents/{id}/password", Admin, agents::set_password),
    ]
}
