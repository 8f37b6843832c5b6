//! Microsoft Graph's mail, over the same mailboxes as IMAP and SMTP: which request is which, who may make it,
//! and how it breaks when told to. Letters are in `messages`, what has changed in `delta`, sending in `send`, being told of news in `subscriptions`.

mod access;
mod call;
mod delta;
mod error;
mod filter;
mod folders;
mod ids;
mod messages;
mod page;
mod send;
mod shown;
mod subscriptions;
mod telling;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::json;

use crate::breakdown::{self, Way};
use crate::faults::{Fault, Place};
use crate::http::{Base, Cut};
use crate::people;
use crate::tokens::Access;
use crate::world::{Shared, World};
use access::Need;
use call::{Call, Whose};
use error::{Refusal, Result, Trace};
use ids::{Ids, ROOT};
use messages::Carry;
pub(crate) use subscriptions::Subscription;
pub(crate) use telling::run as tell;

/// Requests of one application to one mailbox at a time.
const AT_ONCE_MAX: u32 = 4;

pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/v1.0/{*path}", any(serve))
}

async fn serve(State(world): State<Shared>, Base(base): Base, request: Request) -> Response {
    let trace = Trace::of(&world, request.headers());
    let mut response = match read(&base, request).await {
        Ok(call) => {
            let mut response = match answer(&world, &call).await {
                Ok(response) => response,
                Err(refusal) => refusal.response(&trace),
            };
            let applied = call.preference_applied().and_then(|text| HeaderValue::from_str(&text).ok());
            if let Some(applied) = applied {
                response.headers_mut().insert("preference-applied", applied);
            }
            response
        }
        Err(refusal) => refusal.response(&trace),
    };
    trace.mark(&mut response);
    response
}

async fn read(base: &str, request: Request) -> Result<Call> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, call::REQUEST_BYTES_MAX).await.map_err(|_| call::too_large())?;
    let path = parts.uri.path().trim_start_matches("/v1.0");
    let query = parts.uri.query().unwrap_or_default();
    // Links lead back to the name that was asked, which the guard has looked at.
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let base = match (base.split_once("://"), host) {
        (Some((scheme, _)), Some(host)) => &format!("{scheme}://{host}"),
        _ => base,
    };
    let mut call = Call::read(parts.method, base, path, query, parts.headers, body)?;
    call.cut = parts.extensions.get::<ConnectInfo<Cut>>().map(|ConnectInfo(cut)| cut.clone());
    Ok(call)
}

async fn answer(world: &World, call: &Call) -> Result<Response> {
    // Whose mailbox it is about is known without a good token, too, so that a fault can be for one alone.
    let about =
        access::token(world, call).and_then(|token| Ok((access::mailbox(world, call, &token)?, token)));
    let mailbox = about.as_ref().ok().map(|(mailbox, _)| mailbox.as_str());
    let _turn = match &about {
        Ok((mailbox, token)) => Some(world.graph_turns.take(&token.appid, mailbox)?),
        Err(_) => None,
    };
    let at = [mailbox.unwrap_or_default(), call.name()];
    match breakdown::way_at(world, Place::Graph, &at) {
        None => {}
        Some(Way::Slow) => tokio::time::sleep(breakdown::SLOW).await,
        Some(Way::Stalls) => std::future::pending().await,
        Some(Way::Drops) => {
            if let Some(cut) = &call.cut {
                cut.now();
            }
            return Ok(StatusCode::OK.into_response());
        }
        Some(Way::Garbage) => return Ok(breakdown::garbage()),
        Some(Way::ServerError) => return Ok(breakdown::server_error()),
        Some(Way::Unavailable) => return Err(Refusal::unavailable()),
        Some(Way::Throttled | Way::ThrottledLong | Way::ThrottledUntil) => return Err(Refusal::throttled(7)),
    }
    if let Some(refusal) = refused(world, &at) {
        return Err(refusal);
    }
    if call.whose == Whose::Nobody {
        return subscriptions::answer(world, call).await;
    }
    let (mailbox, token) = about?;
    dispatch(world, call, &token, &mailbox)
}

/// Whatever is asked for.
fn refused(world: &World, at: &[&str]) -> Option<Refusal> {
    let refusals: [(Fault, fn() -> Refusal); 5] = [
        (Fault::GraphThrottledLong, || Refusal::throttled(300)),
        (Fault::GraphTokenRefused, || Refusal::token("Access token validation failure.")),
        (Fault::GraphClaimsDemanded, Refusal::claims),
        (Fault::GraphGone, Refusal::gone),
        (Fault::GraphAccessDenied, Refusal::denied),
    ];
    let struck = refusals.into_iter().find(|(fault, _)| world.faults.strike_any(*fault, at));
    struck.map(|(_, refusal)| refusal())
}

fn dispatch(world: &World, call: &Call, token: &Access, mailbox: &str) -> Result<Response> {
    let ids = Ids { world, mailbox, immutable: call.wants_immutable_ids() };
    let lower: Vec<String> = call.words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let names: Vec<&str> = lower.iter().map(String::as_str).collect();
    let word = |at: usize| call.words.get(at).map(String::as_str).unwrap_or_default();
    let may = |need| access::enter(world, token, mailbox, need);
    let reads = call.method == Method::GET;
    let posts = call.method == Method::POST;
    match names.as_slice() {
        [] if reads => {
            may(Need::Profile)?;
            Ok(profile(world, mailbox))
        }
        ["sendmail"] if posts => send::now(world, call, &may(Need::Send)?),
        ["mailfolders"] if reads => {
            may(Need::Read)?;
            folders::list(world, call, &ids, ROOT)
        }
        ["mailfolders"] if posts => {
            may(Need::Write)?;
            folders::create(world, call, &ids, ROOT)
        }
        ["mailfolders", _] if reads => {
            may(Need::Read)?;
            folders::show(world, &ids, word(1))
        }
        ["mailfolders", _, "childfolders"] if reads => {
            may(Need::Read)?;
            folders::list(world, call, &ids, word(1))
        }
        ["mailfolders", _, "childfolders"] if posts => {
            may(Need::Write)?;
            folders::create(world, call, &ids, word(1))
        }
        ["mailfolders", _, "messages", "delta"] if reads => {
            may(Need::Read)?;
            delta::answer(world, call, &ids, word(1))
        }
        ["mailfolders", _, "messages"] if reads || posts => {
            may(if reads { Need::Read } else { Need::Write })?;
            let folder = Some(word(1));
            if reads {
                messages::list(world, call, &ids, folder)
            } else {
                send::draft(world, call, &ids, folder)
            }
        }
        ["messages"] if reads || posts => {
            may(if reads { Need::Read } else { Need::Write })?;
            if reads { messages::list(world, call, &ids, None) } else { send::draft(world, call, &ids, None) }
        }
        ["mailfolders", _, "messages", _, rest @ ..] => on_letter(world, call, token, &ids, word(3), rest),
        ["messages", _, rest @ ..] => on_letter(world, call, token, &ids, word(1), rest),
        _ => Err(unknown(call)),
    }
}

fn on_letter(
    world: &World,
    call: &Call,
    token: &Access,
    ids: &Ids<'_>,
    id: &str,
    rest: &[&str],
) -> Result<Response> {
    let may = |need| access::enter(world, token, ids.mailbox, need);
    match (call.method.as_str(), rest) {
        ("GET", []) => {
            may(Need::Read)?;
            messages::show(call, ids, id)
        }
        ("GET", ["$value"]) => {
            may(Need::Read)?;
            messages::bytes(world, ids, id)
        }
        ("PATCH", []) => {
            may(Need::Write)?;
            messages::change(world, call, ids, id)
        }
        ("DELETE", []) => {
            may(Need::Write)?;
            messages::delete(world, ids, id)
        }
        ("POST", ["permanentdelete"]) => {
            may(Need::Write)?;
            messages::delete_for_good(world, ids, id)
        }
        ("POST", ["move"]) => {
            may(Need::Write)?;
            messages::carry(world, call, ids, id, Carry::Move)
        }
        ("POST", ["copy"]) => {
            may(Need::Write)?;
            messages::carry(world, call, ids, id, Carry::Copy)
        }
        ("POST", ["send"]) => send::send_draft(world, call, ids, &may(Need::Send)?, id),
        _ => Err(unknown(call)),
    }
}

fn unknown(call: &Call) -> Refusal {
    match call.words.last() {
        Some(word) => Refusal::bad("BadRequest", format!("Resource not found for the segment '{word}'.")),
        None => Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "The method is not allowed here.",
        ),
    }
}

fn profile(world: &World, mailbox: &str) -> Response {
    Json(json!({
        "id": access::object_id(world, mailbox),
        "displayName": people::name_of(mailbox),
        "mail": mailbox,
        "userPrincipalName": mailbox,
    }))
    .into_response()
}

/// How many requests of an application to a mailbox are being answered.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<BTreeMap<(String, String), u32>>);

#[derive(Debug)]
struct Turn<'a> {
    turns: &'a Turns,
    key: (String, String),
}

impl Turns {
    fn take(&self, application: &str, mailbox: &str) -> Result<Turn<'_>> {
        let key = (application.to_owned(), mailbox.to_owned());
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(key.clone()).or_default();
        if *count >= AT_ONCE_MAX {
            return Err(Refusal::throttled(1));
        }
        *count += 1;
        Ok(Turn { turns: self, key })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut counts = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
        }
    }
}
