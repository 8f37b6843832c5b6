//! Folders: listed level by level, found by id or well-known name, made in another.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::call::Call;
use super::error::{Refusal, Result};
use super::ids::{Ids, ROOT};
use super::{page, shown};
use crate::world::World;

/// As many folders come in one page unless the request says otherwise.
const PAGE: usize = 10;
const PAGE_MAX: usize = 1_000;

/// Of the folder named, or of the root.
pub(super) fn list(world: &World, call: &Call, ids: &Ids<'_>, parent: &str) -> Result<Response> {
    let parent = name_of(ids, parent)?;
    let all = world.mailboxes.folders(ids.mailbox).unwrap_or_default();
    let wanted = call.option("filter").map(by_name).transpose()?;
    let children: Vec<Value> = all
        .keys()
        .filter(|name| shown::is_child(name, parent.as_deref()))
        .map(|name| shown::folder(ids, &all, name))
        .filter(|folder| {
            let name = folder.get("displayName").and_then(Value::as_str).unwrap_or_default();
            wanted.as_ref().is_none_or(|wanted| name.eq_ignore_ascii_case(wanted))
        })
        .collect();
    page::answer(call, children, PAGE, PAGE_MAX)
}

pub(super) fn show(world: &World, ids: &Ids<'_>, id: &str) -> Result<Response> {
    let all = world.mailboxes.folders(ids.mailbox).unwrap_or_default();
    let Some(name) = name_of(ids, id)? else {
        let children = all.keys().filter(|name| shown::is_child(name, None)).count();
        let root = json!({
            "id": ids.folder(""), "displayName": "Top of Information Store", "childFolderCount": children,
            "unreadItemCount": 0, "totalItemCount": 0, "sizeInBytes": 0, "isHidden": false,
        });
        return Ok(Json(root).into_response());
    };
    Ok(Json(shown::folder(ids, &all, &name)).into_response())
}

pub(super) fn create(world: &World, call: &Call, ids: &Ids<'_>, parent: &str) -> Result<Response> {
    let body = call.json()?;
    let name = body.get("displayName").and_then(Value::as_str).unwrap_or_default().trim();
    if name.is_empty() || name.len() > 255 || name.contains('/') {
        return Err(Refusal::bad("ErrorInvalidRequest", "The folder needs a displayName."));
    }
    let full = match name_of(ids, parent)? {
        Some(parent) => format!("{parent}/{name}"),
        None => name.to_owned(),
    };
    if !world.mailboxes.create(ids.mailbox, &full) {
        let text = "A folder with the specified name already exists.";
        return Err(Refusal::new(StatusCode::CONFLICT, "ErrorFolderExists", text));
    }
    let all = world.mailboxes.folders(ids.mailbox).unwrap_or_default();
    Ok((StatusCode::CREATED, Json(shown::folder(ids, &all, &full))).into_response())
}

/// `None` for the root, which is no folder here.
fn name_of(ids: &Ids<'_>, id: &str) -> Result<Option<String>> {
    if id.eq_ignore_ascii_case(ROOT) || id == ids.folder("") {
        return Ok(None);
    }
    ids.find_folder(id).map(|(name, _)| Some(name))
}

/// `displayName eq '…'`, by which a folder is looked for.
fn by_name(filter: &str) -> Result<String> {
    let name = filter.trim().strip_prefix("displayName eq '").and_then(|rest| rest.strip_suffix('\''));
    name.map(|name| name.replace("''", "'")).ok_or_else(|| Refusal::not_offered("this $filter of folders"))
}
