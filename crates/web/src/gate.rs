//! The one middleware: every request passes here, and is refused unless the route table lets it through.
//!
//! In order: the host, the route's policy, the session, the origin and the form token of what changes
//! something, the form's one-use id. On the way back: errors become pages, and every answer gets its headers.
use crate::error::Carried;
use crate::form::{self, Arriving, Form};
use crate::routes::{self, Policy, Route};
use crate::session::{self, Cookie, Visit, Who};
use crate::{Error, State, headers, origin, trouble, uploads};
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath};
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use desk::people::{agent, form_use, kept_form};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

#[derive(Clone, Copy)]
struct Rule {
    policy: Policy,
    body_bytes_max: usize,
}

/// What the table says, by method and path.
#[derive(Clone)]
pub struct Policies(Arc<HashMap<(Method, &'static str), Rule>>);
impl Policies {
    pub fn of(table: &[Route]) -> Policies {
        let rule = |route: &Route| Rule { policy: route.policy, body_bytes_max: route.body_bytes_max };
        Policies(Arc::new(
            table.iter().map(|route| ((route.method.clone(), route.path), rule(route))).collect(),
        ))
    }
    fn find(&self, method: &Method, path: &str) -> Option<Rule> {
        let method = if method == Method::HEAD { Method::GET } else { method.clone() };
        // The map is small and its keys are static; the lookup key borrows the path for this call only.
        self.0.iter().find(|((known, at), _)| *known == method && *at == path).map(|(_, rule)| *rule)
    }
    /// The page at this path, or the nearest above it: many addresses only take a form.
    fn nearest_page(&self, path: &str) -> String {
        let mut path = path;
        while !path.is_empty() {
            if self.0.keys().any(|(method, at)| *method == Method::GET && fits(at, path)) {
                return path.to_owned();
            }
            path = path.rsplit_once('/').map_or("", |(above, _)| above);
        }
        "/".to_owned()
    }
}

/// Whether a path of the table is meant.
fn fits(of_table: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let fits = of_table.split('/').all(|known| {
        parts.next().is_some_and(|part| part == known || (known.starts_with('{') && !part.is_empty()))
    });
    fits && parts.next().is_none()
}

#[derive(Clone)]
pub struct Gate {
    pub state: State,
    pub policies: Policies,
}

/// For addresses that the table does not know.
pub async fn no_such_page() -> Error {
    Error::NotFound
}

pub async fn pass(
    axum::extract::State(gate): axum::extract::State<Gate>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let state = &gate.state;
    let address = client_address(state, &request);
    let mut visit = Visit {
        path: request.uri().path().to_owned(),
        address,
        form_token: String::new(),
        who: None,
        had_session: session::had_one(state, request.headers()),
        now: state.courier.now(),
    };
    let asked = Asked::of(&request);
    let mut typed = None;
    let mut response = match admit(&gate, &mut visit, request, &mut typed).await {
        Ok(Admitted { request, once }) => answer(state, &visit, once, next.run(request).await).await,
        Err(Turned::Error(error)) => error.into_response(),
        Err(Turned::Response(response)) => response,
    };
    if let Some(Carried(error)) = response.extensions_mut().remove::<Carried>() {
        response = trouble::show(state, &visit, &asked, &error, typed.as_ref()).await;
    }
    if visit.path.starts_with("/oauth/callback/") {
        // Its query holds a code: nobody further on gets to see the address.
        let none = HeaderValue::from_static("no-referrer");
        response.headers_mut().insert(header::REFERRER_POLICY, none);
    }
    if visit.who.is_none() && asked.sets_form_cookie {
        set_form_cookie(state, &visit, &mut response);
    }
    headers::complete(response.headers_mut());
    if state.is_https() {
        headers::insist_on_https(response.headers_mut());
    }
    response
}

/// What the error page needs to know of a request that has been handed on.
pub struct Asked {
    pub wants_page: bool,
    /// It is not a GET: asking once more is not the same as reloading.
    pub changes: bool,
    sets_form_cookie: bool,
}
impl Asked {
    fn of(request: &Request<Body>) -> Asked {
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        Asked {
            wants_page: accept.is_none_or(|accept| accept.contains("text/html") || accept == "*/*"),
            changes: !matches!(*request.method(), Method::GET | Method::HEAD),
            sets_form_cookie: request.method() == Method::GET && !is_asset(request.uri().path()),
        }
    }
}

struct Admitted {
    request: Request<Body>,
    once: Option<form::Once>,
}
enum Turned {
    Error(Error),
    Response(Response),
}
impl<E: Into<Error>> From<E> for Turned {
    fn from(error: E) -> Turned {
        Turned::Error(error.into())
    }
}

/// `typed` becomes what the form held, once it has been read: an error page gives it back.
async fn admit(
    gate: &Gate,
    visit: &mut Visit,
    mut request: Request<Body>,
    typed: &mut Option<Form>,
) -> Result<Admitted, Turned> {
    let state = &gate.state;
    if !origin::is_own_host(&state.site.url, request.uri(), request.headers()) {
        return Err(Error::WrongHost.into());
    }
    let Some(path) = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()) else {
        meet(state, visit, request.headers()).await?;
        return Err(Error::NotFound.into());
    };
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !is_asset(&visit.path)
        && let Err(error) = meet(state, visit, request.headers()).await
    {
        if !safe && origin::is_own_page(&state.site.url, request.headers()) {
            // Nobody is known while the database is away, so this reads no more than a page of text.
            *typed = Arriving::of(request).read(routes::BODY_BYTES_MAX).await.ok();
        }
        return Err(error.into());
    }
    let Some(rule) = gate.policies.find(request.method(), &path) else {
        return Err(Error::WrongMethod.into());
    };
    if !safe && !origin::is_own_page(&state.site.url, request.headers()) {
        return Err(Error::Forged.into());
    }
    match rule.policy {
        Policy::Public => {}
        Policy::SetUp => {
            if state.courier.read(agent::has_administrator).await? {
                return Err(Error::Refused(desk::Refusal::AdministratorExists).into());
            }
        }
        Policy::Agent | Policy::Administrator => match &visit.who {
            None => return Err(sign_in_first(gate, visit, rule, request).await?),
            Some(who) if rule.policy == Policy::Administrator && !who.is_administrator() => {
                return Err(Error::NotAllowed.into());
            }
            Some(_) => {}
        },
    }
    let mut once = None;
    if !safe {
        if matches!(rule.policy, Policy::Public | Policy::SetUp) {
            // These forms make sessions, so no session's token guards them.
            visit.form_token = form_token(state, None, request.headers());
        }
        request = check_form(gate, visit, rule, request, &mut once, typed).await?;
    }
    request.extensions_mut().insert(visit.clone());
    Ok(Admitted { request, once })
}

/// Who is asking, and what their forms are checked against.
async fn meet(state: &State, visit: &mut Visit, headers: &HeaderMap) -> Result<(), Error> {
    visit.who = session::find(state, headers).await?;
    visit.form_token = form_token(state, visit.who.as_ref(), headers);
    match &visit.who {
        Some(who) => state.touch(who).await,
        None => Ok(()),
    }
}

/// Reads the form, checks its token and its one-use id, and hands it on.
async fn check_form(
    gate: &Gate,
    visit: &Visit,
    rule: Rule,
    request: Request<Body>,
    once: &mut Option<form::Once>,
    typed: &mut Option<Form>,
) -> Result<Request<Body>, Turned> {
    let state = &gate.state;
    let (method, uri, headers) = (request.method().clone(), request.uri().clone(), request.headers().clone());
    let mut extensions = request.extensions().clone();
    let form = Arriving::of(request).read(rule.body_bytes_max).await?;
    *typed = Some(form.clone());
    let sent = headers.get("x-form-token").and_then(|value| value.to_str().ok());
    let sent = sent.or_else(|| form.get("form_token")).unwrap_or_default();
    let right =
        !visit.form_token.is_empty() && bool::from(sent.as_bytes().ct_eq(visit.form_token.as_bytes()));
    if !right {
        let Some(who) = &visit.who else { return Err(Error::Forged.into()) };
        // Our own page, but of an earlier session: what was typed comes back on a fresh one.
        if rule.policy == Policy::Public {
            return Err(Error::Forged.into());
        }
        let writer = session::find_writer(state, Some(sent.to_owned())).await?;
        if writer.is_some_and(|writer| writer != who.agent().id) {
            return Err(Error::Forged.into()); // somebody else wrote it, at this browser, before
        }
        let place = page_of(gate, visit, &headers);
        let id = keep(state, visit, who.agent().id, &place, &form).await?;
        return Err(Turned::Response(see_other(&with_kept(&place, &id))));
    }
    if let Some(who) = &visit.who {
        *once = form.once(who);
        if let Some(answer) = first_answer(state, once.as_ref()).await? {
            return Err(Turned::Response(see_other(&answer)));
        }
    }
    extensions.insert(form);
    let mut request = Request::new(Body::empty());
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
    *request.extensions_mut() = extensions;
    Ok(request)
}

/// The handler's answer; when another click of the same form was first, what that one got.
async fn answer(state: &State, visit: &Visit, once: Option<form::Once>, response: Response) -> Response {
    let twice = response
        .extensions()
        .get::<Carried>()
        .is_some_and(|carried| matches!(*carried.0, Error::SentTwice(_)));
    if twice && visit.who.is_some() {
        match first_answer(state, once.as_ref()).await {
            Ok(Some(answer)) => return see_other(&answer),
            Ok(None) => {}
            Err(error) => return error.into_response(),
        }
    }
    response
}

async fn first_answer(state: &State, once: Option<&form::Once>) -> Result<Option<String>, Error> {
    let Some(once) = once.cloned() else { return Ok(None) };
    Ok(state.courier.read(move |tx| form_use::find(tx, &once.id, once.agent_id)).await?)
}

/// Nobody is signed in. A page leads to the sign-in; what was typed into a form is kept for its writer.
async fn sign_in_first(
    gate: &Gate,
    visit: &Visit,
    rule: Rule,
    request: Request<Body>,
) -> Result<Turned, Error> {
    let state = &gate.state;
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        if !Asked::of(&request).wants_page {
            return Ok(Turned::Error(Error::SignInFirst));
        }
        let to = request.uri().path_and_query().map_or("/", |path| path.as_str());
        return Ok(Turned::Response(see_other(&sign_in_address(to, Typed::Nothing))));
    }
    let place = page_of(gate, visit, request.headers());
    // By the cookie, or by the page itself when the cookie is gone. From nobody, no more than its beginning is read.
    let ended = session::find_ended(state, request.headers()).await?;
    let mut arriving = Arriving::of(request);
    let writer = match ended {
        Some(agent_id) => Some(agent_id),
        None => session::find_writer(state, arriving.token().await?).await?,
    };
    let Some(agent_id) = writer else {
        return Ok(Turned::Response(see_other(&sign_in_address(&place, Typed::Lost))));
    };
    let form = arriving.read(rule.body_bytes_max).await?;
    let id = keep(state, visit, agent_id, &place, &form).await?;
    Ok(Turned::Response(see_other(&sign_in_address(&place, Typed::Kept(&id)))))
}

/// The page that a form was on.
fn page_of(gate: &Gate, visit: &Visit, headers: &HeaderMap) -> String {
    let said = origin::page_of(&gate.state.site.url, headers);
    gate.policies.nearest_page(said.as_deref().unwrap_or(&visit.path))
}

async fn keep(
    state: &State,
    visit: &Visit,
    agent_id: i64,
    place: &str,
    form: &Form,
) -> Result<String, Error> {
    let id = session::random_token(state);
    let taken = uploads::take(state, form.files("files"), &[]).await?;
    let mut fields = form.to_keep();
    fields.extend(taken.too_much.map(|sentence| (form::LEFT_OUT.to_owned(), sentence)));
    let kept = kept_form::KeptForm { id: id.clone(), place: place.to_owned(), fields, files: Vec::new() };
    let at = visit.now;
    state
        .courier
        .write(move |tx| {
            let files = uploads::keep(tx, &taken.files)?.into_iter().map(uploads::for_later).collect();
            kept_form::keep(tx, agent_id, &kept_form::KeptForm { files, ..kept.clone() }, at)
        })
        .await?;
    Ok(id)
}

/// The page of a kept form.
pub fn with_kept(place: &str, id: &str) -> String {
    let sign = if place.contains('?') { '&' } else { '?' };
    format!("{place}{sign}kept={id}")
}

/// What became of what was typed when nobody was signed in.
enum Typed<'a> {
    Nothing,
    Kept(&'a str),
    /// Nobody knows whose it was.
    Lost,
}

fn sign_in_address(to: &str, typed: Typed<'_>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if to != "/" {
        query.append_pair("to", to);
    }
    match typed {
        Typed::Nothing => {}
        Typed::Kept(id) => drop(query.append_pair("kept", id)),
        Typed::Lost => drop(query.append_pair("lost", "1")),
    }
    let query = query.finish();
    if query.is_empty() { "/sign-in".to_owned() } else { format!("/sign-in?{query}") }
}

/// The session's token, or before there is one the form cookie's, so that sign-in and set-up are guarded too.
fn form_token(state: &State, who: Option<&Who>, headers: &HeaderMap) -> String {
    use base64::Engine as _;
    match who {
        Some(who) => who.session.form_token.clone(),
        None => {
            let bytes =
                Cookie::Form.read(state, headers).unwrap_or_else(|| state.courier.random::<32>().to_vec());
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
        }
    }
}

fn set_form_cookie(state: &State, visit: &Visit, response: &mut Response) {
    use base64::Engine as _;
    let Ok(bytes) = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&visit.form_token) else {
        return;
    };
    if bytes.len() == 32 {
        response.headers_mut().append(header::SET_COOKIE, Cookie::Form.set(state, &bytes));
    }
}

fn client_address(state: &State, request: &Request<Body>) -> String {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    origin::client_address(peer, request.headers(), &state.site.trusted_proxies)
}

fn is_asset(path: &str) -> bool {
    path.starts_with("/assets/") || path == "/favicon.ico"
}

/// 303: the next request is a GET.
pub fn see_other(path: &str) -> Response {
    debug_assert!(HeaderValue::from_str(path).is_ok());
    Redirect::to(path).into_response()
}
