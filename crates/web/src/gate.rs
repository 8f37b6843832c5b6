//! The one middleware: every request passes here, and is refused unless the route table lets it through.
//!
//! In order: the host, the route's policy, the session, the origin and the form token of what changes
//! something, the form's one-use id. On the way back: errors become pages, and every answer gets its headers.
use crate::error::Carried;
use crate::form::{self, Arriving, Form};
use crate::kept::{keep, page_of, sign_in_first, sign_in_to_go_on, with_kept};
use crate::routes::{self, Policy, Route};
use crate::session::{self, Cookie, Visit, Who};
use crate::{Error, State, headers, origin, trouble};
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath};
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use desk::people::{agent, form_use};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

#[derive(Clone, Copy)]
pub(crate) struct Rule {
    policy: Policy,
    pub(crate) body_bytes_max: usize,
}

impl Rule {
    fn lets_in(self, who: &Who) -> Result<(), Error> {
        let lets_in = self.policy != Policy::Administrator || who.is_administrator();
        if lets_in { Ok(()) } else { Err(Error::NotAllowed) }
    }
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
    pub(crate) fn nearest_page(&self, path: &str) -> String {
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
    pub(crate) fn of(request: &Request<Body>) -> Asked {
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
pub(crate) enum Turned {
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
    if rule.policy == Policy::Machine {
        // It shows no session and changes nothing by itself, so that there is nothing to forge.
        return Ok(Admitted { request, once: None });
    }
    if !safe && !origin::is_own_page(&state.site.url, request.headers()) {
        return Err(Error::Forged.into());
    }
    match rule.policy {
        Policy::Public | Policy::Machine => {}
        Policy::SetUp => {
            if state.courier.read(agent::has_administrator).await? {
                return Err(Error::Refused(desk::Refusal::AdministratorExists).into());
            }
        }
        Policy::Agent | Policy::Administrator => match &visit.who {
            None => return Err(sign_in_first(gate, visit, rule, request).await?),
            Some(who) => rule.lets_in(who)?,
        },
    }
    let mut once = None;
    if !safe {
        if matches!(rule.policy, Policy::Public | Policy::SetUp) {
            // These forms make sessions, so no session's token guards them.
            visit.form_token = form_token(state, None, request.headers());
        }
        request = check_form(gate, visit, rule, request, &mut once, typed).await?;
        if visit.who.is_some() {
            look_again(gate, visit, rule, request.headers(), typed.as_ref()).await?;
        }
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

/// A form may take an hour to come. Who sends it is asked for once more when it is here: nobody does anything by
/// having begun before they were signed out, or were put into another role.
async fn look_again(
    gate: &Gate,
    visit: &mut Visit,
    rule: Rule,
    headers: &HeaderMap,
    form: Option<&Form>,
) -> Result<(), Turned> {
    visit.who = session::find(&gate.state, headers).await?;
    visit.now = gate.state.courier.now();
    match (&visit.who, form) {
        (Some(who), _) => Ok(rule.lets_in(who)?),
        (None, Some(form)) if rule.policy != Policy::Public => {
            let place = page_of(gate, visit, headers);
            let writer = match session::find_ended(&gate.state, headers).await? {
                Some(agent_id) => Some(agent_id),
                None => session::find_writer(&gate.state, Some(sent_token(headers, form).to_owned())).await?,
            };
            Err(sign_in_to_go_on(&gate.state, visit, writer, &place, form).await?)
        }
        (None, _) => Ok(()),
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
    let sent = sent_token(&headers, &form);
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

fn sent_token<'a>(headers: &'a HeaderMap, form: &'a Form) -> &'a str {
    let sent = headers.get("x-form-token").and_then(|value| value.to_str().ok());
    sent.or_else(|| form.get("form_token")).unwrap_or_default()
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
