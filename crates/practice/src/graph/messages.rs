//! Letters: listed, shown, read as bytes, marked, moved, copied, deleted.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::call::Call;
use super::error::{Refusal, Result};
use super::filter::{self, Filter};
use super::ids::{Found, Ids};
use super::page;
use super::shown::{self, Chosen};
use crate::faults::Fault;
use crate::mailboxes::Folder;
use crate::world::World;

const PAGE: usize = 10;
const PAGE_MAX: usize = 1_000;
const DELETED: &str = "Deleted Items";

/// Of one folder, or of all.
pub(super) fn list(world: &World, call: &Call, ids: &Ids<'_>, folder: Option<&str>) -> Result<Response> {
    let chosen = Chosen::of(call)?;
    let filter = call.option("filter").map(filter::parse).transpose()?.unwrap_or_default();
    let ascending = order(call, &filter)?;
    let folders: Vec<(String, Folder)> = match folder {
        Some(id) => vec![ids.find_folder(id)?],
        None => world.mailboxes.folders(ids.mailbox).unwrap_or_default().into_iter().collect(),
    };
    let mut found: Vec<Found> = folders
        .into_iter()
        .flat_map(|(name, folder)| {
            let uid_validity = folder.uid_validity;
            folder.letters.into_iter().map(move |letter| Found { folder: name.clone(), letter, uid_validity })
        })
        .filter(|found| filter.matches(&found.letter))
        .collect();
    found.sort_by_key(|found| (found.letter.received_at, found.letter.id));
    if !ascending {
        found.reverse();
    }
    let all = found.iter().map(|found| shown::letter(ids, found, &chosen)).collect();
    page::answer(call, all, PAGE, PAGE_MAX)
}

/// What is sorted by must be the first that is compared, where anything is.
fn order(call: &Call, filter: &Filter) -> Result<bool> {
    let Some(order) = call.option("orderby") else { return Ok(false) };
    let ascending = match order.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["receivedDateTime"] | ["receivedDateTime", "asc"] => true,
        ["receivedDateTime", "desc"] => false,
        _ => return Err(Refusal::not_offered("this $orderby")),
    };
    match filter.properties.first() {
        Some(first) if first != "receivedDateTime" => Err(Refusal::bad(
            "InefficientFilter",
            "The restriction or sort order is too complex for this operation.",
        )),
        _ => Ok(ascending),
    }
}

pub(super) fn show(call: &Call, ids: &Ids<'_>, id: &str) -> Result<Response> {
    Ok(Json(shown::letter(ids, &ids.find(id)?, &Chosen::of(call)?)).into_response())
}

pub(super) fn bytes(world: &World, ids: &Ids<'_>, id: &str) -> Result<Response> {
    let strikes = |fault| world.faults.strike(fault, Some(ids.mailbox));
    if strikes(Fault::GraphLetterGone) {
        return Err(Refusal::not_found());
    }
    if strikes(Fault::GraphLetterBreaks) {
        let text = "An internal server error occurred. The operation failed.";
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "ErrorInternalServerError", text));
    }
    let raw = ids.find(id)?.letter.raw;
    let body = if strikes(Fault::GraphDropInLetter) { half(&raw) } else { Body::from(raw.to_vec()) };
    let headers =
        [(header::CONTENT_TYPE, "text/plain".to_owned()), (header::CONTENT_LENGTH, raw.len().to_string())];
    Ok((headers, body).into_response())
}

/// Announces the whole and ends in the middle. The half is on its way before the end comes.
fn half(raw: &[u8]) -> Body {
    let half = raw.get(..raw.len() / 2).unwrap_or_default().to_vec();
    let end = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(std::io::Error::other("the practice provider breaks off"))
    };
    Body::from_stream(stream::once(async { Ok(half) }).chain(stream::once(end)))
}

pub(super) fn change(world: &World, call: &Call, ids: &Ids<'_>, id: &str) -> Result<Response> {
    let (found, body) = (ids.find(id)?, call.json()?);
    let mut flags = found.letter.flags.clone();
    let mut set = |flag: &str, yes: bool| match yes {
        true => drop(flags.insert(flag.to_owned())),
        false => drop(flags.remove(flag)),
    };
    for (name, value) in body.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("isRead", Value::Bool(yes)) => set("\\Seen", *yes),
            ("flag", flag) => {
                set("\\Flagged", flag.get("flagStatus").and_then(Value::as_str) == Some("flagged"));
            }
            (name, _) if name.starts_with('@') => {}
            (other, _) => return Err(Refusal::not_offered(&format!("a change of '{other}'"))),
        }
    }
    world.mailboxes.set_flags(ids.mailbox, &found.folder, found.letter.uid, flags);
    Ok(Json(shown::letter(ids, &ids.find(id)?, &Chosen::default())).into_response())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carry {
    Move,
    Copy,
}

pub(super) fn carry(world: &World, call: &Call, ids: &Ids<'_>, id: &str, how: Carry) -> Result<Response> {
    if world.faults.strike(Fault::GraphMoveFails, Some(ids.mailbox)) {
        return Err(Refusal::bad("ErrorMoveCopyFailed", "The move or copy operation failed."));
    }
    let (found, body) = (ids.find(id)?, call.json()?);
    let destination = body.get("destinationId").or(body.get("DestinationId")).and_then(Value::as_str);
    let destination = destination
        .ok_or_else(|| Refusal::bad("ErrorInvalidRequest", "The request needs a destinationId."))?;
    let (to, _) = ids.find_folder(destination)?;
    let there = carried(world, ids, &found, &to, how)?;
    Ok((StatusCode::CREATED, Json(shown::letter(ids, &there, &Chosen::default()))).into_response())
}

/// The letter where it lies now.
pub(super) fn carried(world: &World, ids: &Ids<'_>, found: &Found, to: &str, how: Carry) -> Result<Found> {
    let (mailboxes, uids) = (&world.mailboxes, [found.letter.uid]);
    let pairs = match how {
        // Where it is already: it stays, with its id.
        Carry::Move if found.folder == to => return Ok(found.clone()),
        Carry::Move => mailboxes.move_to(ids.mailbox, &found.folder, &uids, to),
        Carry::Copy => mailboxes.copy(ids.mailbox, &found.folder, &uids, to),
    };
    let uid = pairs.and_then(|pairs| pairs.first().map(|pair| pair.1)).ok_or_else(Refusal::not_found)?;
    let (name, folder) = mailboxes.folder(ids.mailbox, to).ok_or_else(Refusal::not_found)?;
    let letter = folder.find(uid).cloned().ok_or_else(Refusal::not_found)?;
    Ok(Found { folder: name, letter, uid_validity: folder.uid_validity })
}

/// Into Deleted Items, and from there for good.
pub(super) fn delete(world: &World, ids: &Ids<'_>, id: &str) -> Result<Response> {
    let found = ids.find(id)?;
    if found.folder == DELETED {
        return delete_for_good(world, ids, id);
    }
    carried(world, ids, &found, DELETED, Carry::Move)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) fn delete_for_good(world: &World, ids: &Ids<'_>, id: &str) -> Result<Response> {
    let found = ids.find(id)?;
    world.mailboxes.expunge(ids.mailbox, &found.folder, vec![found.letter.uid]);
    Ok(StatusCode::NO_CONTENT.into_response())
}
