//! Pages, the forms on them, and live events: what people see of Postern.
//!
//! Every route is a line of [`routes::table`]; one middleware, [`gate`], reads the policy there. A page
//! decides nothing about a ticket or a mailbox: it shows what `desk` says and hands on what was typed.
//!
//! A page is a line of the table, a handler, and a template that extends `layout.html` and has a field
//! `page: Page`. A handler takes, as it needs: `State(state)`, `visit: Visit` (for `Page::new`), `who: Who`
//! (`who.viewer()` for reads, `who.by()` for changes), `form: Form` (read and checked by the gate), and
//! answers `Result<Response, Error>` with `page::show`, `page::show_as(422, …)` or `gate::see_other(path)`.
//! Every form is `method="post"` and holds `{% include "hidden.html" %}`. What must happen once calls
//! `form::record(form.once(&who).as_ref(), tx, answer, at)` in the transaction of the change. A page with a
//! form calls `form::given_back(&state, &who, query.kept)` and shows what it gets in place of what is stored.
mod agents;
mod alerts;
mod assets;
mod attachments;
mod body;
mod contents;
mod decided;
mod drafts;
mod error;
mod extract;
mod form;
mod gate;
mod headers;
mod held;
mod home;
mod inbox;
mod journal;
mod kept;
mod letters;
pub mod links;
mod live;
mod mail_hold;
mod mailboxes;
mod moment;
mod notes;
mod notifications;
mod origin;
mod page;
mod password;
mod preview;
mod profile;
mod replies;
pub mod routes;
mod session;
mod set_up;
mod sign_in;
mod state;
mod tickets;
mod trouble;
mod uploads;
mod written;

pub use error::Error;
use session::Who;
pub use state::{Site, State};

/// The whole of the web: hand it to a server made `with_connect_info::<SocketAddr>`.
pub fn app(state: State) -> axum::Router {
    let table = routes::table();
    let policies = gate::Policies::of(&table);
    let mut router = axum::Router::new();
    for route in table {
        router = router.route(route.path, route.handler);
    }
    router
        .fallback(gate::no_such_page)
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(error::from_panic))
        .layer(axum::middleware::from_fn_with_state(
            gate::Gate { state: state.clone(), policies },
            gate::pass,
        ))
        .with_state(state)
}
