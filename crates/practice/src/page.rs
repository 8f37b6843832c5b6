//! Pages that belong to no one else (landing, errors, sign-in) and how any page is made from its template.
//! Everything in a template is escaped by it.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use serde::Deserialize;

use crate::identity::problem::{Problem, Trace};
use crate::openid::House;
use crate::people::Person;
use crate::permissions::Permission;
use crate::world::Shared;

pub(crate) fn html(template: &impl Template) -> Response {
    html_with(StatusCode::OK, template)
}

pub(crate) fn html_with(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!("a practice page could not be rendered: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// 302 to a client's address; nothing of it is kept.
pub(crate) fn found(target: &str) -> Response {
    match HeaderValue::from_str(target) {
        Ok(target) => (
            StatusCode::FOUND,
            [(header::LOCATION, target), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))],
        )
            .into_response(),
        Err(_) => StatusCode::BAD_REQUEST.into_response(),
    }
}

/// 303 after a form.
pub(crate) fn see(path: &str) -> Response {
    axum::response::Redirect::to(path).into_response()
}

#[derive(Template)]
#[template(path = "landing.html")]
struct Landing<'a> {
    http_url: &'a str,
    imap_port: u16,
    pop_port: u16,
    smtp_port: u16,
    postern_url: Option<&'a str>,
    tenant_id: &'a str,
}

pub(crate) async fn landing(State(world): State<Shared>) -> Response {
    html(&Landing {
        http_url: &world.http_url,
        imap_port: world.imap_port,
        pop_port: world.pop_port,
        smtp_port: world.smtp_port,
        postern_url: world.postern_url.as_deref(),
        tenant_id: &world.tenant_id,
    })
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Notice<'a> {
    title: &'a str,
    text: &'a str,
}

pub(crate) fn notice(status: StatusCode, title: &str, text: &str) -> Response {
    html_with(status, &Notice { title, text })
}

pub(crate) async fn not_found() -> Response {
    notice(
        StatusCode::NOT_FOUND,
        "There is nothing here",
        "The practice provider has no page at this address.",
    )
}

#[derive(Debug, Deserialize)]
pub(crate) struct ErrorCode {
    #[serde(default)]
    code: u32,
}

pub(crate) async fn about_an_error(Query(query): Query<ErrorCode>) -> Response {
    let text = format!(
        "AADSTS{}: at Microsoft, this page (login.microsoftonline.com/error) explains the code.",
        query.code
    );
    notice(StatusCode::OK, "About an error", &text)
}

#[derive(Template)]
#[template(path = "sign_in/problem.html")]
struct ProblemPage<'a> {
    problem: &'a Problem,
    trace: &'a Trace,
}

/// *Sorry, but we're having trouble signing you in.*
pub(crate) fn problem(problem: &Problem, trace: &Trace) -> Response {
    html_with(StatusCode::BAD_REQUEST, &ProblemPage { problem, trace })
}

#[derive(Template)]
#[template(path = "sign_in/pick_account.html")]
pub(crate) struct PickAccount<'a> {
    pub tenant: &'a str,
    pub flow: &'a str,
    pub app: &'a str,
    pub accounts: Vec<&'a Person>,
    pub hint: &'a str,
    pub why: &'a str,
}

#[derive(Template)]
#[template(path = "sign_in/password.html")]
pub(crate) struct Password<'a> {
    pub tenant: &'a str,
    pub flow: &'a str,
    pub account: &'a str,
    pub why: &'a str,
}

#[derive(Template)]
#[template(path = "sign_in/consent.html")]
pub(crate) struct Consent<'a> {
    pub tenant: &'a str,
    pub flow: &'a str,
    pub app: &'a str,
    pub person: &'a Person,
    pub permissions: Vec<&'a Permission>,
    /// Asked for the organization as a whole, by an administrator's link.
    pub for_all: bool,
}

#[derive(Template)]
#[template(path = "sign_in/enter_code.html")]
pub(crate) struct EnterCode<'a> {
    pub typed: &'a str,
    pub why: &'a str,
}

#[derive(Template)]
#[template(path = "openid/sign_in.html")]
pub(crate) struct OpenIdSignIn<'a> {
    pub house: &'a House,
    pub flow: &'a str,
    pub accounts: Vec<&'a Person>,
    pub why: &'a str,
}

#[derive(Template)]
#[template(path = "openid/consent.html")]
pub(crate) struct OpenIdConsent<'a> {
    pub house: &'a House,
    pub flow: &'a str,
    pub client: &'a str,
    pub account: &'a str,
    pub scopes: Vec<&'a String>,
    /// Whether each can be unticked.
    pub boxes: bool,
}

pub(crate) async fn stylesheet() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../assets/practice.css"))
        .into_response()
}

/// Browsers ask for it, and complain in their console when it is missing.
pub(crate) async fn favicon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], include_str!("../templates/mark.svg")).into_response()
}

pub(crate) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("../assets/practice.js"))
        .into_response()
}
