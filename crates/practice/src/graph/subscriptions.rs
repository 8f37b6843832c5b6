//! Subscriptions for change notifications: made, renewed and ended here; what they tell is told by `telling`. Only this
//! machine is told anything: any other address is one that cannot be reached.

use std::net::IpAddr;

use axum::Json;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::{Host, Url};

use super::access::{self, Need};
use super::call::{Call, Whose};
use super::error::{Refusal, Result};
use super::ids::Ids;
use super::telling;
use crate::clock::moment;
use crate::faults::Fault;
use crate::tokens::Access;
use crate::world::World;

const LIFE_MS_MAX: i64 = 10_080 * 60_000;
const CLIENT_STATE_MAX: usize = 128;
/// Of all mailboxes: bounded, because nothing else ends one before its time.
const SUBSCRIPTIONS_MAX: usize = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub id: String,
    /// The application that made it: nobody else sees it.
    pub app: String,
    pub mailbox: String,
    pub folder: String,
    pub resource: String,
    pub notification_url: String,
    pub lifecycle_url: Option<String>,
    pub client_state: Option<String>,
    pub ends_at: i64,
    pub immutable_ids: bool,
    /// What comes into the folder from this UID on is told.
    pub from_uid: u32,
}

impl Subscription {
    fn shown(&self) -> Value {
        json!({
            "id": self.id,
            "applicationId": self.app,
            "changeType": "created",
            "resource": self.resource,
            "notificationUrl": self.notification_url,
            "lifecycleNotificationUrl": self.lifecycle_url,
            "expirationDateTime": time(self.ends_at),
            // What was entered is shown to nobody.
            "clientState": Value::Null,
        })
    }
}

/// RFC 3339 with seven places, as Graph writes it.
pub(super) fn time(at: i64) -> String {
    format!("{:.7}", moment(at))
}

pub(super) async fn answer(world: &World, call: &Call) -> Result<Response> {
    let token = access::token(world, call)?;
    let id = call.words.get(1).map(String::as_str);
    match (&call.method, id) {
        (&Method::POST, None) => create(world, call, &token).await,
        (&Method::GET, None) => {
            let own: Vec<Value> =
                alive(world).iter().filter(|one| one.app == token.appid).map(Subscription::shown).collect();
            Ok(Json(json!({ "value": own })).into_response())
        }
        (&Method::GET, Some(id)) => Ok(Json(find(world, &token, id)?.shown()).into_response()),
        (&Method::PATCH, Some(id)) => renew(world, call, &find(world, &token, id)?),
        (&Method::DELETE, Some(id)) => {
            let one = find(world, &token, id)?;
            end(world, &one.id);
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        _ => Err(Refusal::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Request_BadRequest",
            "The method is not allowed here.",
        )),
    }
}

/// Those that have not ended.
pub(super) fn alive(world: &World) -> Vec<Subscription> {
    let now = world.clock.now_at();
    world
        .directory
        .read(|records| records.subscriptions.iter().filter(|one| one.ends_at > now).cloned().collect())
}

pub(super) fn end(world: &World, id: &str) {
    world.directory.change(|records| records.subscriptions.retain(|one| one.id != id));
}

fn find(world: &World, token: &Access, id: &str) -> Result<Subscription> {
    let found = alive(world).into_iter().find(|one| one.id == id && one.app == token.appid);
    found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "ResourceNotFound", "The object was not found."))
}

async fn create(world: &World, call: &Call, token: &Access) -> Result<Response> {
    if world.faults.strike(Fault::GraphSubscribeDenied, None) {
        return Err(Refusal::denied());
    }
    let body = call.json()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let needed = |name: &str| {
        text(name).ok_or_else(|| Refusal::bad("InvalidRequest", format!("The value of '{name}' is missing.")))
    };
    if needed("changeType")?.split(',').any(|kind| kind.trim() != "created") {
        return Err(Refusal::not_offered("a changeType other than 'created'"));
    }
    let (mailbox, folder, from_uid) = resource(world, call, token, needed("resource")?)?;
    let ends_at = ends_at(world, needed("expirationDateTime")?)?;
    let client_state = text("clientState");
    if client_state.is_some_and(|state| state.chars().count() > CLIENT_STATE_MAX) {
        return Err(Refusal::bad(
            "InvalidRequest",
            "The value of 'clientState' is longer than 128 characters.",
        ));
    }
    let (to, lifecycle) = (needed("notificationUrl")?, text("lifecycleNotificationUrl"));
    for url in [Some(to), lifecycle].into_iter().flatten() {
        validated(world, url).await?;
    }
    let one = Subscription {
        id: world.chance.guid(),
        app: token.appid.clone(),
        mailbox,
        folder,
        resource: needed("resource")?.to_owned(),
        notification_url: to.to_owned(),
        lifecycle_url: lifecycle.map(str::to_owned),
        client_state: client_state.map(str::to_owned),
        ends_at,
        immutable_ids: call.wants_immutable_ids(),
        from_uid,
    };
    let now = world.clock.now_at();
    let fits = world.directory.change(|records| {
        records.subscriptions.retain(|other| other.ends_at > now);
        let fits = records.subscriptions.len() < SUBSCRIPTIONS_MAX;
        if fits {
            records.subscriptions.push(one.clone());
        }
        fits
    });
    if !fits {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "ExtensionError",
            "The limit of subscriptions has been reached.",
        ));
    }
    Ok((StatusCode::CREATED, Json(one.shown())).into_response())
}

fn renew(world: &World, call: &Call, one: &Subscription) -> Result<Response> {
    let body = call.json()?;
    let asked = body.get("expirationDateTime").and_then(Value::as_str);
    let asked = asked.ok_or_else(|| Refusal::not_offered("a change of anything but 'expirationDateTime'"))?;
    let renewed = Subscription { ends_at: ends_at(world, asked)?, ..one.clone() };
    world.directory.change(|records| {
        for kept in records.subscriptions.iter_mut().filter(|kept| kept.id == renewed.id) {
            kept.ends_at = renewed.ends_at;
        }
    });
    Ok(Json(renewed.shown()).into_response())
}

fn ends_at(world: &World, text: &str) -> Result<i64> {
    let at: Timestamp =
        text.parse().map_err(|_| Refusal::bad("InvalidRequest", "The expirationDateTime is no time."))?;
    let ahead = at.as_millisecond() - world.clock.now_at();
    match ahead {
        ..=0 => Err(Refusal::bad("InvalidRequest", "The expirationDateTime has passed.")),
        // A client's clock may be a little ahead.
        _ if ahead > LIFE_MS_MAX + 60_000 => Err(Refusal::bad(
            "InvalidRequest",
            "Subscription expiration can only be 10080 minutes in the future.",
        )),
        _ => Ok(at.as_millisecond()),
    }
}

/// `users/{mailbox}/mailFolders('{id}')/messages`: whose mailbox, which folder, and the UID that is next there. A person's
/// token is for the person's own mailbox alone, whatever else it opens.
fn resource(world: &World, call: &Call, token: &Access, text: &str) -> Result<(String, String, u32)> {
    let path = format!("/{}", text.trim_start_matches('/'));
    let about = Call::read(Method::GET, "", &path, "", HeaderMap::new(), axum::body::Bytes::new())?;
    let mailbox = access::mailbox(world, &about, token)?;
    let words: Vec<String> = about.words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let folder = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["mailfolders", _, "messages"] if about.whose != Whose::Nobody => about.words.get(1),
        _ => None,
    };
    let folder = folder.ok_or_else(|| Refusal::not_offered("a subscription to this resource"))?;
    access::enter(world, token, &mailbox, Need::Read)?;
    if !token.is_app_only() && token.upn != mailbox {
        return Err(Refusal::denied());
    }
    let ids = Ids { world, mailbox: &mailbox, immutable: call.wants_immutable_ids() };
    let (folder, there) = ids.find_folder(folder)?;
    Ok((mailbox, folder, there.uid_next))
}

/// The address says the token back in time, as plain text.
async fn validated(world: &World, url: &str) -> Result<()> {
    let unreached = |why: &str| {
        let text = format!(
            "Subscription validation request failed. Notification endpoint must respond with 200 OK to validation request. {why}"
        );
        Err(Refusal::bad("ValidationError", text))
    };
    if world.faults.strike(Fault::GraphSubscribeUnreached, None) {
        return unreached("The remote name could not be resolved.");
    }
    let Some(url) = here(url) else {
        return unreached("The practice provider reaches no address but of this machine.");
    };
    let token = format!(
        "Validation: Testing client application reachability for subscription Request-Id: {}",
        world.chance.guid()
    );
    match telling::ask(world, &url, &token).await {
        Ok(()) => Ok(()),
        Err(why) => unreached(&why),
    }
}

/// An address of this machine.
pub(super) fn here(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    let is_here = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => IpAddr::from(address).is_loopback(),
        Host::Ipv6(address) => IpAddr::from(address).is_loopback(),
    };
    is_here.then_some(url)
}
