//! `messages/delta`: what has come, changed and gone in one folder since a link was given out. A link holds
//! everything about its round, sealed; it is worth nothing when too much has been forgotten since.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::Call;
use super::error::{Refusal, Result};
use super::ids::{Found, Ids};
use super::shown::{self, Chosen};
use super::{filter, page};
use crate::faults::Fault;
use crate::mailboxes::Folder;
use crate::world::World;

const PAGE: usize = 10;
const PAGE_MAX: usize = 1_000;
const FOREIGN: &str = "https://graph.elsewhere.example/v1.0";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Created,
    Updated,
    Deleted,
}

/// One round: the changes after `since` up to `until`, of which those up to `told` have been told.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Round {
    mailbox: String,
    folder: String,
    since: u64,
    until: u64,
    told: Option<Order>,
    size: usize,
    received_since: Option<i64>,
    select: Option<Vec<String>>,
    only: Option<Kind>,
    newest_first: bool,
}

/// When it came or went, and its UID: no two are the same.
type Order = (u64, u32);

enum Change {
    Letter(Box<Found>),
    Gone { uid: u32, id: u64 },
}

pub(super) fn answer(world: &World, call: &Call, ids: &Ids<'_>, folder: &str) -> Result<Response> {
    let (name, folder) = ids.find_folder(folder)?;
    let mut round = match call.option("skiptoken").or(call.option("deltatoken")) {
        Some(token) => open(world, token, ids, &name)?,
        None => begin(call, ids, &name)?,
    };
    let strikes = |fault| world.faults.strike(fault, Some(ids.mailbox));
    if round.since > 0 && (round.since < folder.forgotten || strikes(Fault::GraphSyncLost)) {
        return Err(Refusal::sync_lost());
    }
    if round.until == 0 {
        round.until = world.mailboxes.changes();
    }
    if let Some(size) = call.page_size() {
        round.size = size.clamp(1, PAGE_MAX);
    }
    let uid_validity = folder.uid_validity;
    let changes = changes(&round, &name, folder);
    let page = changes.get(..round.size.min(changes.len())).unwrap_or_default();
    let shown = page.iter().map(|(_, change)| show(ids, change, &round, uid_validity)).collect();
    let mut link_root = page::version_root(call);
    let link = if strikes(Fault::GraphRepeatsPage) {
        // The same page once more, under a link of its own.
        Link::Next(round.clone())
    } else if page.len() < changes.len() {
        Link::Next(Round { told: page.last().map(|(order, _)| *order), ..round.clone() })
    } else {
        Link::Delta(Round { since: round.until, until: 0, told: None, ..round.clone() })
    };
    let link = match strikes(Fault::GraphForeignNext) {
        true => {
            link_root = FOREIGN;
            Link::Next(round)
        }
        false => link,
    };
    let (property, option, round) = match &link {
        Link::Next(round) => ("@odata.nextLink", "skiptoken", round),
        Link::Delta(round) => ("@odata.deltaLink", "deltatoken", round),
    };
    let place = call.root.strip_prefix(page::version_root(call)).unwrap_or_default();
    let url = format!("{link_root}{place}/{}?${option}={}", page::path(call), seal(world, round));
    let mut body = Map::new();
    body.insert(
        "@odata.context".to_owned(),
        format!("{}/$metadata#Collection(message)", page::version_root(call)).into(),
    );
    body.insert(property.to_owned(), url.into());
    body.insert("value".to_owned(), Value::Array(shown));
    Ok(Json(Value::Object(body)).into_response())
}

enum Link {
    Next(Round),
    Delta(Round),
}

fn begin(call: &Call, ids: &Ids<'_>, folder: &str) -> Result<Round> {
    let bad =
        |what: &str| Refusal::bad("BadRequest", format!("{what} is not supported with change tracking."));
    let received_since = match call.option("filter") {
        Some(text) => Some(filter::parse(text)?.received_since().ok_or_else(|| bad("This $filter"))?),
        None => None,
    };
    let newest_first = match call.option("orderby") {
        None => false,
        Some(order) if order.trim() == "receivedDateTime desc" => true,
        Some(_) => return Err(bad("This $orderby")),
    };
    if call.option("search").is_some() {
        return Err(bad("$search"));
    }
    let only = match call.option("changetype") {
        None => None,
        Some("created") => Some(Kind::Created),
        Some("updated") => Some(Kind::Updated),
        Some("deleted") => Some(Kind::Deleted),
        Some(_) => return Err(bad("This changeType")),
    };
    Ok(Round {
        mailbox: ids.mailbox.to_owned(),
        folder: folder.to_owned(),
        since: 0,
        until: 0,
        told: None,
        size: call.number("top")?.unwrap_or(PAGE).clamp(1, PAGE_MAX),
        received_since,
        select: call.option("select").map(shown::select).transpose()?,
        only,
        newest_first,
    })
}

fn changes(round: &Round, name: &str, folder: Folder) -> Vec<(Order, Change)> {
    let within = |changed: u64| round.since < changed && changed <= round.until;
    let wanted = |kind| round.since == 0 || round.only.is_none_or(|only| only == kind);
    let uid_validity = folder.uid_validity;
    let mut all: Vec<(Order, Change)> = Vec::new();
    if round.since > 0 && wanted(Kind::Deleted) {
        let gone = folder.gone.iter().filter(|gone| within(gone.changed));
        all.extend(gone.map(|gone| ((gone.changed, gone.uid), Change::Gone { uid: gone.uid, id: gone.id })));
    }
    for letter in folder.letters {
        // What has changed again while the round goes on is told in the next.
        let kind = if letter.came > round.since { Kind::Created } else { Kind::Updated };
        let in_time = round.received_since.is_none_or(|since| letter.received_at >= since);
        let first = round.since == 0 && letter.came <= round.until;
        if in_time && (first || (within(letter.changed) && wanted(kind))) {
            let order = (letter.came, letter.uid);
            let found = Found { folder: name.to_owned(), uid_validity, letter };
            all.push((order, Change::Letter(Box::new(found))));
        }
    }
    all.sort_by_key(|(order, _)| *order);
    if round.newest_first {
        all.reverse();
    }
    let is_told = |order: Order| {
        round.told.is_some_and(|told| if round.newest_first { order >= told } else { order <= told })
    };
    all.retain(|(order, _)| !is_told(*order));
    all
}

fn show(ids: &Ids<'_>, change: &Change, round: &Round, uid_validity: u32) -> Value {
    match change {
        Change::Letter(found) => {
            let chosen = Chosen { properties: round.select.clone(), size: false };
            let mut shown = shown::letter(ids, found, &chosen);
            if let Some(fields) = shown.as_object_mut() {
                fields.insert("@odata.type".to_owned(), "#microsoft.graph.message".into());
            }
            shown
        }
        Change::Gone { uid, id } => json!({
            "@odata.type": "#microsoft.graph.message",
            "id": ids.letter(uid_validity, *uid, *id),
            "@removed": { "reason": "deleted" },
        }),
    }
}

fn key(world: &World) -> hmac::Key {
    world.seed.key("graph delta links")
}

fn seal(world: &World, round: &Round) -> String {
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(round).expect("invariant: a round is plain data"));
    let tag = hmac::sign(&key(world), body.as_bytes());
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

fn open(world: &World, token: &str, ids: &Ids<'_>, folder: &str) -> Result<Round> {
    let read = || {
        let (body, tag) = token.split_once('.')?;
        hmac::verify(&key(world), body.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
        serde_json::from_slice::<Round>(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    };
    let round = read().filter(|round| round.mailbox == ids.mailbox && round.folder == folder);
    let round = round.ok_or_else(|| Refusal::bad("badRequest", "Badly formed token."))?;
    // Counted further than there is: the mailboxes were made anew since.
    match round.since.max(round.until) > world.mailboxes.changes() {
        true => Err(Refusal::sync_lost()),
        false => Ok(round),
    }
}
