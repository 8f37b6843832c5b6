//! The portal: app registrations in the words and the order of the Microsoft guide. The pages change the
//! directory; sign-in and tokens are the identity provider's.

mod apps;
mod certificates;
mod exchange;
mod permissions;
mod secrets;

use askama::Template;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};

use crate::directory::App;
use crate::page;
use crate::people::{Kind, PEOPLE, Person};
use crate::world::{Shared, World};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/portal", get(home))
        .route("/portal/entra", get(overview))
        .route("/portal/users", get(users))
        .route("/portal/apps", get(apps::list).post(apps::register))
        .route("/portal/apps/new", get(apps::new))
        .route("/portal/apps/{app}", get(apps::overview))
        .route("/portal/apps/{app}/endpoints", get(apps::endpoints))
        .route(
            "/portal/apps/{app}/authentication",
            get(apps::authentication).post(apps::change_authentication),
        )
        .route("/portal/apps/{app}/secrets", get(secrets::list).post(secrets::add))
        .route("/portal/apps/{app}/secrets/new", get(secrets::new))
        .route("/portal/apps/{app}/secrets/delete", post(secrets::delete))
        .route("/portal/apps/{app}/certificates", get(certificates::list).post(certificates::upload))
        .route("/portal/apps/{app}/certificates/delete", post(certificates::delete))
        .route("/portal/apps/{app}/public", post(apps::allow_public))
        .route("/portal/apps/{app}/permissions/application", post(permissions::add_application))
        .route("/portal/enterprise/{app}", get(exchange::enterprise))
        .route("/portal/exchange", get(exchange::show).post(exchange::run))
        .route("/portal/exchange/switch", post(exchange::switch))
        .route("/portal/apps/{app}/permissions", get(permissions::list))
        .route("/portal/apps/{app}/permissions/add", get(permissions::choose).post(permissions::add))
        .route("/portal/apps/{app}/permissions/remove", post(permissions::remove))
        .route(
            "/portal/apps/{app}/permissions/consent",
            get(permissions::ask_consent).post(permissions::consent),
        )
}

/// What the frame around every page of an app shows.
struct Frame<'a> {
    app: &'a App,
    /// Which entry of the left navigation is this page.
    here: &'static str,
}

impl Frame<'_> {
    fn nav(&self) -> [(&'static str, &'static str); 4] {
        [
            ("Overview", ""),
            ("Authentication", "/authentication"),
            ("Certificates & secrets", "/secrets"),
            ("API permissions", "/permissions"),
        ]
    }
}

#[derive(Template)]
#[template(path = "portal/home.html")]
struct Home<'a> {
    postern_url: Option<&'a str>,
}

async fn home(State(world): State<Shared>) -> Response {
    page::html(&Home { postern_url: world.postern_url.as_deref() })
}

#[derive(Template)]
#[template(path = "portal/entra.html")]
struct Overview<'a> {
    tenant_id: &'a str,
    apps: usize,
    users: usize,
}

async fn overview(State(world): State<Shared>) -> Response {
    let apps = world.directory.read(|records| records.apps.len());
    let users = PEOPLE.iter().filter(|person| person.signs_in()).count();
    page::html(&Overview { tenant_id: &world.tenant_id, apps, users })
}

#[derive(Template)]
#[template(path = "portal/users.html")]
struct Users {
    people: Vec<&'static Person>,
}

async fn users() -> Response {
    let contoso = PEOPLE
        .iter()
        .filter(|person| matches!(person.kind, Kind::Member | Kind::Administrator | Kind::Shared));
    page::html(&Users { people: contoso.collect() })
}

/// The app of an address, or the page that says there is none.
#[expect(clippy::result_large_err, reason = "the error is the answer itself, made once a request")]
fn find(world: &World, client_id: &str) -> Result<App, Response> {
    world.directory.app(client_id).ok_or_else(|| {
        let text = "It was registered with another seed or never. App registrations lists those there are.";
        page::notice(StatusCode::NOT_FOUND, "No such app registration", text)
    })
}
