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
use crate::permissions::{APPLICATION, PERMISSIONS, Permission};
use crate::world::Shared;

#[derive(Template)]
#[template(path = "portal/permissions.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    listed: Vec<&'static Permission>,
    /// Of Office 365 Exchange Online: name, description, granted.
    application: Vec<(&'static str, &'static str, bool)>,
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
            let application =
                application(&app).into_iter().filter(|(name, ..)| app.app_permissions.contains(*name));
            let application =
                application.map(|(name, text, _)| (name, text, app.app_consent.contains(name))).collect();
            page::html(&ListPage {
                frame: Frame { app: &app, here: "/permissions" },
                listed,
                application,
                asks,
            })
        }
        Err(response) => response,
    }
}

/// Each application permission with whether the app has it.
fn application(app: &App) -> Vec<(&'static str, &'static str, bool)> {
    APPLICATION.iter().map(|(name, text)| (*name, *text, app.app_permissions.contains(*name))).collect()
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
    /// Of Office 365 Exchange Online: name, description, ticked.
    application: Vec<(&'static str, &'static str, bool)>,
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
        search: chosen.search,
        groups,
        application: application(&app),
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
    world.directory.change(|records| {
        if let Some(app) = records.app_mut(&client_id) {
            app.permissions = ticked.map(str::to_owned).collect();
        }
    });
    page::see(&format!("/portal/apps/{client_id}/permissions"))
}

pub(super) async fn add_application(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    RawForm(form): RawForm,
) -> Response {
    let chosen = Chosen::read(&form);
    let ticked = APPLICATION.iter().map(|(name, _)| *name).filter(|name| chosen.ticked.contains(*name));
    world.directory.change(|records| {
        if let Some(app) = records.app_mut(&client_id) {
            app.app_permissions = ticked.map(str::to_owned).collect();
        }
    });
    page::see(&format!("/portal/apps/{client_id}/permissions"))
}

#[derive(Debug, Deserialize)]
pub(super) struct Remove {
    permission: String,
}

pub(super) async fn remove(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    axum::extract::Form(form): axum::extract::Form<Remove>,
) -> Response {
    world.directory.change(|records| {
        if let Some(app) = records.app_mut(&client_id) {
            app.permissions.remove(&form.permission);
            app.consent_for_all.remove(&form.permission);
            app.app_permissions.remove(&form.permission);
            app.app_consent.remove(&form.permission);
        }
    });
    page::see(&format!("/portal/apps/{client_id}/permissions"))
}
