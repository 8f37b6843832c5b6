//! App registrations: the list, *Register an application*, Overview, Endpoints, Authentication.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use url::Url;

use super::{Frame, find};
use crate::clock::moment;
use crate::directory::{App, Audience, is_on_this_machine};
use crate::page;
use crate::world::Shared;

/// As in the portal.
const NAME_CHARS_MAX: usize = 120;
const REDIRECT_URIS_MAX: usize = 100;

#[derive(Template)]
#[template(path = "portal/apps.html")]
struct ListPage {
    apps: Vec<App>,
}

impl ListPage {
    fn created(&self, app: &App) -> String {
        moment(app.created_at).strftime("%d/%m/%Y").to_string()
    }
}

pub(super) async fn list(State(world): State<Shared>) -> Response {
    page::html(&ListPage { apps: world.directory.read(|records| records.apps.clone()) })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Register {
    name: String,
    audience: String,
    platform: String,
    redirect_uri: String,
}

#[derive(Template)]
#[template(path = "portal/new.html")]
struct NewPage<'a> {
    form: &'a Register,
    why: Option<Refusal>,
}

impl NewPage<'_> {
    fn is_chosen(&self, audience: &Audience) -> bool {
        self.form.audience == audience.value()
            || (self.form.audience.is_empty() && *audience == Audience::SingleTenant)
    }

    fn why(&self, field: Field) -> &'static str {
        self.why.as_ref().filter(|refusal| refusal.field == field).map_or("", |refusal| refusal.why)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    RedirectUri,
}

#[derive(Debug)]
struct Refusal {
    field: Field,
    why: &'static str,
}

pub(super) async fn new() -> Response {
    page::html(&NewPage { form: &Register::default(), why: None })
}

pub(super) async fn register(State(world): State<Shared>, Form(form): Form<Register>) -> Response {
    match checked(&form) {
        Ok(redirect_uri) => {
            let audience = Audience::ALL.into_iter().find(|audience| audience.value() == form.audience);
            let client_id =
                world.register(form.name.trim(), audience.unwrap_or(Audience::SingleTenant), redirect_uri);
            page::see(&format!("/portal/apps/{client_id}"))
        }
        Err(why) => {
            page::html_with(StatusCode::UNPROCESSABLE_ENTITY, &NewPage { form: &form, why: Some(why) })
        }
    }
}

fn checked(form: &Register) -> Result<Option<String>, Refusal> {
    let refuse = |field, why| Err(Refusal { field, why });
    let name = form.name.trim();
    if name.is_empty() {
        return refuse(Field::Name, "The name must not be empty.");
    }
    if name.chars().count() > NAME_CHARS_MAX {
        return refuse(Field::Name, "The name may have 120 characters.");
    }
    match (form.platform.as_str(), form.redirect_uri.trim()) {
        (_, "") => Ok(None),
        ("web", uri) => match redirect_uri(uri) {
            Ok(uri) => Ok(Some(uri)),
            Err(why) => refuse(Field::RedirectUri, why),
        },
        ("spa" | "public", _) => refuse(
            Field::RedirectUri,
            "Postern is a web app: choose Web. Other platforms get tokens that a server may not redeem.",
        ),
        _ => refuse(Field::RedirectUri, "Select a platform."),
    }
}

/// Kept as typed, because it is compared as text.
fn redirect_uri(text: &str) -> Result<String, &'static str> {
    let must = "Must start with “HTTPS” or “http://localhost”, and be a valid address.";
    let url = Url::parse(text).map_err(|_| must)?;
    if url.host().is_none()
        || url.scheme() != "https" && !(url.scheme() == "http" && is_on_this_machine(&url))
    {
        return Err(must);
    }
    if url.fragment().is_some() || text.contains('*') || text.len() > 256 {
        return Err("May have 256 characters, and no wildcard and no fragment.");
    }
    Ok(text.to_owned())
}

#[derive(Template)]
#[template(path = "portal/overview.html")]
struct OverviewPage<'a> {
    frame: Frame<'a>,
    tenant_id: &'a str,
    now_at: i64,
}

impl OverviewPage<'_> {
    fn credentials(&self) -> String {
        match (self.frame.app.certificates.len(), self.frame.app.secrets.len()) {
            (0, 0) => "Add a certificate or secret".to_owned(),
            (certificates, secrets) => format!("{certificates} certificate, {secrets} secret"),
        }
    }

    fn redirects(&self) -> String {
        match self.frame.app.redirect_uris.len() {
            0 => "Add a Redirect URI".to_owned(),
            count => format!("{count} web, 0 spa, 0 public client"),
        }
    }

    fn expired(&self) -> bool {
        !self.frame.app.secrets.is_empty()
            && self.frame.app.secrets.iter().all(|secret| secret.expires_at <= self.now_at)
    }
}

pub(super) async fn overview(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    let app = match find(&world, &client_id) {
        Ok(app) => app,
        Err(response) => return response,
    };
    let frame = Frame { app: &app, here: "" };
    page::html(&OverviewPage { frame, tenant_id: &world.tenant_id, now_at: world.clock.now_at() })
}

#[derive(Template)]
#[template(path = "portal/endpoints.html")]
struct EndpointsPage<'a> {
    frame: Frame<'a>,
    endpoints: Vec<(&'static str, String)>,
}

pub(super) async fn endpoints(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    let app = match find(&world, &client_id) {
        Ok(app) => app,
        Err(response) => return response,
    };
    // As in the portal: the tenant's own endpoints, or the shared ones for an app that is open to others.
    let tenant = match app.audience {
        Audience::SingleTenant => world.tenant_id.as_str(),
        Audience::MultiTenant => "organizations",
        Audience::MultiTenantAndPersonal => "common",
        Audience::PersonalOnly => "consumers",
    };
    let base = format!("{}/{tenant}", world.http_url);
    let endpoints = vec![
        ("OAuth 2.0 authorization endpoint (v2)", format!("{base}/oauth2/v2.0/authorize")),
        ("OAuth 2.0 token endpoint (v2)", format!("{base}/oauth2/v2.0/token")),
        ("OpenID Connect metadata document", format!("{base}/v2.0/.well-known/openid-configuration")),
    ];
    page::html(&EndpointsPage { frame: Frame { app: &app, here: "" }, endpoints })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Change {
    add: String,
    remove: String,
}

#[derive(Template)]
#[template(path = "portal/authentication.html")]
struct AuthenticationPage<'a> {
    frame: Frame<'a>,
    typed: &'a str,
    why: &'a str,
}

pub(super) async fn authentication(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    match find(&world, &client_id) {
        Ok(app) => page::html(&AuthenticationPage {
            frame: Frame { app: &app, here: "/authentication" },
            typed: "",
            why: "",
        }),
        Err(response) => response,
    }
}

pub(super) async fn change_authentication(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    Form(form): Form<Change>,
) -> Response {
    let app = match find(&world, &client_id) {
        Ok(app) => app,
        Err(response) => return response,
    };
    let add = form.add.trim();
    let added = if add.is_empty() { Ok(None) } else { redirect_uri(add).map(Some) };
    match added {
        Err(why) => {
            let page =
                AuthenticationPage { frame: Frame { app: &app, here: "/authentication" }, typed: add, why };
            page::html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Ok(added) => {
            world.directory.change(|records| {
                let Some(app) = records.app_mut(&client_id) else { return };
                app.redirect_uris.retain(|uri| *uri != form.remove);
                if let Some(uri) = added.filter(|uri| !app.redirect_uris.contains(uri))
                    && app.redirect_uris.len() < REDIRECT_URIS_MAX
                {
                    app.redirect_uris.push(uri);
                }
            });
            page::see(&format!("/portal/apps/{client_id}/authentication"))
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct AllowPublic {
    allow: bool,
}

/// *Allow public client flows*.
pub(super) async fn allow_public(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    Form(form): Form<AllowPublic>,
) -> Response {
    world.directory.change_app(&client_id, |app| {
        app.public_client = form.allow;
    });
    page::see(&format!("/portal/apps/{client_id}/authentication"))
}

#[cfg(test)]
mod tests {
    use super::redirect_uri;

    #[test]
    fn http_is_for_this_machine_only() {
        for good in
            ["https://help.example.org/oauth/callback/x", "http://localhost:8080/a", "http://127.0.0.1:1/a"]
        {
            assert_eq!(redirect_uri(good).as_deref(), Ok(good));
        }
        for bad in [
            "http://help.example.org/a",
            "help.example.org",
            "https://*.example.org",
            "https://a.example/#x",
            "javascript:alert(1)",
        ] {
            assert!(redirect_uri(bad).is_err(), "{bad}");
        }
    }
}
