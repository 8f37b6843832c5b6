//! *API permissions*: + Add a permission › Microsoft Graph › Delegated permissions (or APIs my organization
//! uses › Office 365 Exchange Online › Application permissions), and *Grant admin consent for Contoso*. What a permission allows is decided where a token is used.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, RawForm, RawQuery, State};
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, find};
use crate::directory::App;
use crate::page;
use crate::permissions::{self, APPLICATION, GRAPH, OUTLOOK, PERMISSIONS, Permission, Role};
use crate::world::Shared;

#[derive(Template)]
#[template(path = "portal/permissions.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    listed: Vec<&'static Permission>,
    /// Of Microsoft Graph, and of Office 365 Exchange Online: with whether it is granted.
    graph: Vec<(&'static Role, bool)>,
    exchange: Vec<(&'static Role, bool)>,
    /// The question *Do you want to grant consent …*, Yes and No.
    asks: bool,
}

impl ListPage<'_> {
    fn granted(&self, permission: &Permission) -> bool {
        self.frame.app.consent_for_all.contains(permission.name)
    }
}

async fn list_page(world: &Shared, client_id: &str, asks: bool) -> Response {
    match find(world, client_id) {
        Ok(app) => {
            let listed =
                PERMISSIONS.iter().filter(|permission| app.permissions.contains(permission.name)).collect();
            let granted = |resource| {
                let roles =
                    permissions::roles_of(resource).filter(|role| app.app_permissions.contains(role.name));
                roles.map(|role| (role, app.app_consent.contains(role.name))).collect()
            };
            page::html(&ListPage {
                frame: Frame { app: &app, here: "/permissions" },
                listed,
                graph: granted(GRAPH),
                exchange: granted(OUTLOOK),
                asks,
            })
        }
        Err(response) => response,
    }
}

/// Each application permission of an API with whether the app has it.
fn application(app: &App, api: &str) -> Vec<(&'static Role, bool)> {
    let roles = permissions::roles_of(resource(api));
    roles.map(|role| (role, app.app_permissions.contains(role.name))).collect()
}

fn resource(api: &str) -> &'static str {
    if api == "graph" { GRAPH } else { OUTLOOK }
}

pub(super) async fn list(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    list_page(&world, &client_id, false).await
}

pub(super) async fn ask_consent(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    list_page(&world, &client_id, true).await
}

pub(super) async fn consent(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    world.grant_for_all(&client_id);
    page::see(&format!("/portal/apps/{client_id}/permissions"))
}

/// The three steps of *Request API permissions*, one page each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Api,
    Kind,
    Application,
    Delegated,
    /// *APIs my organization uses*.
    Organization,
    ExchangeKind,
    Exchange,
}

#[derive(Template)]
#[template(path = "portal/add_permission.html")]
struct AddPage<'a> {
    frame: Frame<'a>,
    step: Step,
    search: String,
    /// Group and what the search leaves of it, with whether it is ticked.
    groups: Vec<(&'static str, Vec<(&'static Permission, bool)>)>,
    /// Of the API that was chosen, with whether it is ticked.
    application: Vec<(&'static Role, bool)>,
}

/// What the form says: names may come several times, which a map would lose.
#[derive(Debug, Default)]
struct Chosen {
    api: String,
    kind: String,
    search: String,
    ticked: BTreeSet<String>,
}

impl Chosen {
    fn read(form: &[u8]) -> Chosen {
        let mut chosen = Chosen::default();
        for (name, value) in url::form_urlencoded::parse(form) {
            match name.as_ref() {
                "api" => chosen.api = value.into_owned(),
                "kind" => chosen.kind = value.into_owned(),
                "q" => chosen.search = value.into_owned(),
                "permission" => drop(chosen.ticked.insert(value.into_owned())),
                _ => {}
            }
        }
        chosen
    }
}

pub(super) async fn choose(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let app = match find(&world, &client_id) {
        Ok(app) => app,
        Err(response) => return response,
    };
    let chosen = Chosen::read(query.unwrap_or_default().as_bytes());
    let step = match (chosen.api.as_str(), chosen.kind.as_str()) {
        ("graph", "delegated") => Step::Delegated,
        ("graph", "application") => Step::Application,
        ("graph", _) => Step::Kind,
        ("organization", _) => Step::Organization,
        ("exchange", "application") => Step::Exchange,
        ("exchange", _) => Step::ExchangeKind,
        _ => Step::Api,
    };
    let wanted = chosen.search.trim().to_lowercase();
    let mut groups: Vec<(&str, Vec<(&Permission, bool)>)> = Vec::new();
    for permission in PERMISSIONS {
        let ticked = chosen.ticked.contains(permission.name) || app.permissions.contains(permission.name);
        // What is ticked stays in sight, so that a search without script loses no tick.
        if !ticked
            && !permission.name.to_lowercase().contains(&wanted)
            && !permission.description.to_lowercase().contains(&wanted)
        {
            continue;
        }
        match groups.last_mut().filter(|(group, _)| *group == permission.group) {
            Some((_, members)) => members.push((permission, ticked)),
            None => groups.push((permission.group, vec![(permission, ticked)])),
        }
    }
    page::html(&AddPage {
        frame: Frame { app: &app, here: "/permissions" },
        step,
        application: application(&app, &chosen.api),
        search: chosen.search,
        groups,
    })
}

pub(super) async fn add(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    RawForm(form): RawForm,
) -> Response {
    let chosen = Chosen::read(&form);
    let ticked =
        PERMISSIONS.iter().map(|permission| permission.name).filter(|name| chosen.ticked.contains(*name));
    world.directory.change_app(&client_id, |app| {
        app.permissions = ticked.map(str::to_owned).collect();
    });
    page::see(&format!("/portal/apps/{client_id}/permissions"))
}

pub(super) async fn add_application(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    RawForm(form): RawForm,
) -> Response {
    let chosen = Chosen::read(&form);
    let (of_it, of_others): (Vec<&Role>, Vec<&Role>) =
        APPLICATION.iter().partition(|role| role.resource == resource(&chosen.api));
    world.directory.change_app(&client_id, |app| {
        let stay = of_others.iter().filter(|role| app.app_permissions.contains(role.name));
        let ticked = of_it.iter().filter(|role| chosen.ticked.contains(role.name));
        app.app_permissions = stay.chain(ticked).map(|role| role.name.to_owned()).collect();
    });
    page::see(&format!("/portal/apps/{client_id}/permissions"))
}

#[derive(Debug, Deserialize)]
pub(super) struct Remove {
    permission: String,
    /// `application`; anything else is a delegated one.
    #[serde(default)]
    kind: String,
}

pub(super) async fn remove(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    axum::extract::Form(form): axum::extract::Form<Remove>,
) -> Response {
    world.directory.change_app(&client_id, |app| {
        let (wanted, granted) = match form.kind.as_str() {
            "application" => (&mut app.app_permissions, &mut app.app_consent),
            _ => (&mut app.permissions, &mut app.consent_for_all),
        };
        wanted.remove(&form.permission);
        granted.remove(&form.permission);
    });
    page::see(&format!("/portal/apps/{client_id}/permissions"))
}
