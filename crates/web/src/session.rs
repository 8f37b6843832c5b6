//! Who is asking: the cookie, the session behind it, and what handlers get to know of both.
use crate::State;
use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, HeaderValue, header, request::Parts};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use desk::people::agent::{Agent, Role};
use desk::people::session::{KEPT_MS, LIFE_MS, Session};
use desk::people::viewer::Viewer;
use desk::{Actor, By};

/// A signed-in agent. A handler that takes one is only reached with a session.
#[derive(Clone, Debug)]
pub struct Who {
    pub session: Session,
    now: i64,
}

impl Who {
    pub fn new(session: Session, now: i64) -> Who {
        Who { session, now }
    }
    pub fn agent(&self) -> &Agent {
        &self.session.agent
    }
    pub fn is_administrator(&self) -> bool {
        self.agent().role == Role::Administrator
    }
    /// Under which an authorization is begun and ended.
    pub fn authorizing(&self) -> courier::authorize::Session {
        courier::authorize::Session { session_id: self.session.id, by: self.by() }
    }
    /// Passed to every change: this agent, at the time of the request.
    pub fn by(&self) -> By {
        By { actor: Actor::Agent { id: self.agent().id, name: self.agent().name.clone() }, at: self.now }
    }
    /// Passed to every read.
    pub fn viewer(&self) -> Viewer {
        let agent = self.agent();
        Viewer::Agent { id: agent.id, name: agent.name.clone(), role: agent.role }
    }
    /// The time of the request.
    pub fn now(&self) -> i64 {
        self.now
    }
}

/// One request as the gate saw it; there is one for every handler, with or without a session.
#[derive(Clone, Debug)]
pub struct Visit {
    pub path: String,
    /// The browser's address, for throttling.
    pub address: String,
    /// The hidden field `form_token` of every form on the page.
    pub form_token: String,
    pub who: Option<Who>,
    /// The browser has the cookie of a session, live or ended.
    pub had_session: bool,
    pub now: i64,
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = crate::Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let visit = parts.extensions.get::<Visit>();
        visit.and_then(|visit| visit.who.clone()).ok_or(crate::Error::SignInFirst)
    }
}
impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = crate::Error;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let visit = parts.extensions.get::<Visit>().cloned();
        visit.ok_or_else(|| anyhow::anyhow!("a handler was reached without the gate").into())
    }
}

/// The two cookies. Under https both have the `__Host-` prefix, which keeps other hosts from setting them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    Session,
    /// What the forms before a session are checked against.
    Form,
}

impl Cookie {
    fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Cookie::Session, true) => "__Host-postern",
            (Cookie::Session, false) => "postern",
            (Cookie::Form, true) => "__Host-postern-form",
            (Cookie::Form, false) => "postern-form",
        }
    }
    /// The value sent by the browser, decoded; `None` unless it is exactly 32 bytes.
    pub fn read(self, state: &State, headers: &HeaderMap) -> Option<Vec<u8>> {
        let name = self.name(state.is_https());
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        URL_SAFE_NO_PAD.decode(value).ok().filter(|bytes| bytes.len() == 32)
    }
    /// The header that sets it.
    pub fn set(self, state: &State, value: &[u8]) -> HeaderValue {
        let life = match self {
            // Longer than the session: whose it was must be known, to give back what was typed when it ended.
            Cookie::Session => format!("; Max-Age={}", (LIFE_MS + KEPT_MS) / 1000),
            Cookie::Form => String::new(),
        };
        self.header(state, &URL_SAFE_NO_PAD.encode(value), &life)
    }
    /// The header that takes it away.
    pub fn clear(self, state: &State) -> HeaderValue {
        self.header(state, "", "; Max-Age=0")
    }
    fn header(self, state: &State, value: &str, life: &str) -> HeaderValue {
        let https = state.is_https();
        let secure = if https { "; Secure" } else { "" };
        let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{life}", self.name(https));
        HeaderValue::from_str(&text).expect("invariant: base64url and constants are header text")
    }
}

/// Random text for cookies, tokens and ids: 256 bits.
pub fn random_token(state: &State) -> String {
    URL_SAFE_NO_PAD.encode(state.courier.random::<32>())
}

/// The live session of a request.
pub async fn find(state: &State, headers: &HeaderMap) -> Result<Option<Who>, crate::Error> {
    let Some(token) = Cookie::Session.read(state, headers) else { return Ok(None) };
    let now = state.courier.now();
    let found = state.courier.read(move |tx| desk::people::session::find(tx, &token, now)).await?;
    Ok(found.map(|session| Who::new(session, now)))
}

/// Whether the browser still has the cookie of a session, live or not.
pub fn had_one(state: &State, headers: &HeaderMap) -> bool {
    Cookie::Session.read(state, headers).is_some()
}

/// Whose session it was, when it has ended: only ever used to give typed text back.
pub async fn find_ended(state: &State, headers: &HeaderMap) -> Result<Option<i64>, crate::Error> {
    let Some(token) = Cookie::Session.read(state, headers) else { return Ok(None) };
    Ok(state.courier.read(move |tx| desk::people::session::find_ended(tx, &token)).await?)
}

/// In whose session the page was made that a form is of. For that alone.
pub async fn find_writer(state: &State, form_token: Option<String>) -> Result<Option<i64>, crate::Error> {
    let Some(token) = form_token.filter(|token| !token.is_empty()) else { return Ok(None) };
    Ok(state.courier.read(move |tx| desk::people::session::find_by_form_token(tx, &token)).await?)
}

/// A new session, never an old one carried on; the header that sets its cookie.
pub async fn begin(state: &State, agent_id: i64, address: &str) -> Result<HeaderValue, crate::Error> {
    let (token, form_token) = (state.courier.random::<32>(), random_token(state));
    let (now, address) = (state.courier.now(), address.to_owned());
    state
        .courier
        .write(move |tx| desk::people::session::begin(tx, agent_id, &token, &form_token, &address, now))
        .await?;
    Ok(Cookie::Session.set(state, &token))
}
