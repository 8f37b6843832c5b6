//! Every route of Postern, as data: its method, its path, who may take it, and who answers.
//!
//! The product's table of contents. A route that is not here does not exist, and the access tests walk
//! this table, so that a new line without a case fails them.
use crate::{State, agents, assets, home, live, profile, set_up, sign_in};
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
        reads("/assets/{name}", Public, assets::serve),
        reads("/favicon.ico", Public, assets::favicon),
        reads("/sign-in", Public, sign_in::show),
        changes("/sign-in", Public, sign_in::begin),
        changes("/sign-out", Agent, sign_in::end),
        reads("/setup/{token}", SetUp, set_up::show),
        changes("/setup/{token}", SetUp, set_up::accept),
        reads("/live", Agent, live::stream),
        reads("/profile", Agent, profile::show_profile),
    ]
}

/// What agents work with.
fn tickets() -> Vec<Route> {
    vec![]
}

/// Admin Panel.
fn admin_panel() -> Vec<Route> {
    use Policy::Administrator;
    vec![reads("/admin/agents", Administrator, agents::list)]
}
