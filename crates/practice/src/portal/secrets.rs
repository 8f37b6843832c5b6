//! *Certificates & secrets*: a new client secret, whose Value is shown once. Certificates have
//! their own page.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, find};
use crate::clock::moment;
use crate::directory::Secret;
use crate::page;
use crate::world::Shared;

/// The choices of *Expires*, in days.
const LIFETIMES: [(i64, &str); 5] = [
    (180, "Recommended: 180 days (6 months)"),
    (90, "90 days (3 months)"),
    (365, "365 days (12 months)"),
    (545, "545 days (18 months)"),
    (730, "730 days (24 months)"),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Shown {
    shown: String,
}

#[derive(Template)]
#[template(path = "portal/secrets.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    now_at: i64,
    /// Secret ID and Value, only just after it was added.
    fresh: Option<(String, String)>,
}

impl ListPage<'_> {
    fn expires(&self, secret: &Secret) -> String {
        moment(secret.expires_at).strftime("%-m/%-d/%Y").to_string()
    }

    fn value(&self, secret: &Secret) -> Option<&str> {
        self.fresh.as_ref().filter(|(id, _)| *id == secret.id).map(|(_, value)| value.as_str())
    }
}

pub(super) async fn list(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    Query(query): Query<Shown>,
) -> Response {
    match find(&world, &client_id) {
        Ok(app) => page::html(&ListPage {
            frame: Frame { app: &app, here: "/secrets" },
            now_at: world.clock.now_at(),
            fresh: world.shown_once.take(&query.shown),
        }),
        Err(response) => response,
    }
}

#[derive(Template)]
#[template(path = "portal/new_secret.html")]
struct NewPage<'a> {
    frame: Frame<'a>,
    description: &'a str,
    lifetimes: &'static [(i64, &'static str)],
    why: &'a str,
}

pub(super) async fn new(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    match find(&world, &client_id) {
        Ok(app) => {
            let frame = Frame { app: &app, here: "/secrets" };
            page::html(&NewPage { frame, description: "", lifetimes: &LIFETIMES, why: "" })
        }
        Err(response) => response,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Add {
    #[serde(default)]
    description: String,
    expires: i64,
}

pub(super) async fn add(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    Form(form): Form<Add>,
) -> Response {
    let app = match find(&world, &client_id) {
        Ok(app) => app,
        Err(response) => return response,
    };
    let known = LIFETIMES.iter().any(|(days, _)| *days == form.expires);
    let description = match form.description.trim() {
        "" => "Password uploaded by practice",
        typed => typed,
    };
    let added = known.then(|| world.add_secret(&client_id, description, form.expires)).flatten();
    let Some(added) = added.filter(|_| description.len() <= 255) else {
        let frame = Frame { app: &app, here: "/secrets" };
        let why = "Choose one of the lifetimes, and a description of at most 255 characters.";
        let page = NewPage { frame, description: &form.description, lifetimes: &LIFETIMES, why };
        return page::html_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    let key = world.chance.guid();
    world.shown_once.keep(key.clone(), added);
    page::see(&format!("/portal/apps/{client_id}/secrets?shown={key}"))
}

#[derive(Debug, Deserialize)]
pub(super) struct Delete {
    secret: String,
}

pub(super) async fn delete(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    Form(form): Form<Delete>,
) -> Response {
    world.directory.change_app(&client_id, |app| {
        app.secrets.retain(|secret| secret.id != form.secret);
    });
    page::see(&format!("/portal/apps/{client_id}/secrets"))
}
