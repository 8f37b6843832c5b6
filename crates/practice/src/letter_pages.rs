//! `/mail`: the practice mailboxes for people to look at, and as JSON for tests. Writing is in `writing_pages`.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::mailboxes::{INBOX, Stored};
use crate::page;
use crate::people::{self, Kind, PEOPLE};
use crate::read::Reading;
use crate::world::{Shared, World};
use crate::writing_pages;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/mail", get(mailboxes))
        .route("/mail/write", get(writing_pages::write))
        .route("/mail/send", post(writing_pages::send))
        .route("/mail/{address}", get(mailbox))
        .route("/mail/{address}/{folder}/{uid}", get(letter))
        .route("/mail/{address}/{folder}/{uid}/source", get(source))
}

/// A line of the list of mailboxes.
struct Line {
    address: String,
    name: &'static str,
    role: &'static str,
    new: usize,
    all: usize,
}

#[derive(Template)]
#[template(path = "mail/mailboxes.html")]
struct MailboxesPage<'a> {
    boxes: Vec<Line>,
    postern_url: Option<&'a str>,
}

async fn mailboxes(State(world): State<Shared>) -> Response {
    let mut boxes: Vec<Line> =
        world.mailboxes.addresses().into_iter().map(|address| line(&world, address)).collect();
    // People of the table in its order, then strangers by address.
    boxes.sort_by_key(|line| {
        PEOPLE.iter().position(|person| person.address == line.address).unwrap_or(usize::MAX)
    });
    page::html(&MailboxesPage { boxes, postern_url: world.postern_url.as_deref() })
}

fn line(world: &World, address: String) -> Line {
    let letters =
        world.mailboxes.folder(&address, INBOX).map(|(_, folder)| folder.letters).unwrap_or_default();
    let role = match people::find(&address).map(|person| person.kind) {
        Some(Kind::Administrator) => "Contoso, administrator",
        Some(Kind::Member) => "Contoso",
        Some(Kind::Shared) => "Contoso, shared mailbox",
        Some(Kind::Personal) => "Personal Microsoft account",
        Some(Kind::Google) => "Google account",
        Some(Kind::Waldau) => "Account at Waldau Mail",
        Some(Kind::Customer) => "Customer",
        None => "Elsewhere",
    };
    let new = letters.iter().filter(|letter| !letter.flags.contains("\\Seen")).count();
    Line { name: people::name_of(&address), role, new, all: letters.len(), address }
}

#[derive(Debug, Deserialize)]
struct InFolder {
    #[serde(default)]
    folder: String,
}

#[derive(Template)]
#[template(path = "mail/mailbox.html")]
struct MailboxPage<'a> {
    address: &'a str,
    name: &'a str,
    folder: &'a str,
    folders: Vec<(String, usize)>,
    letters: Vec<Reading>,
    is_contoso: bool,
}

async fn mailbox(
    State(world): State<Shared>,
    Path(address): Path<String>,
    Query(query): Query<InFolder>,
) -> Response {
    let (address, as_json) =
        address.strip_suffix(".json").map_or((address.as_str(), false), |address| (address, true));
    let Some(folders) = world.mailboxes.folders(address) else {
        let text = format!("{address} has no practice mailbox; one is made when a letter is sent there.");
        return match as_json {
            true => (StatusCode::NOT_FOUND, Json(json!({ "error": text }))).into_response(),
            false => page::notice(StatusCode::NOT_FOUND, "No such mailbox", &text),
        };
    };
    if as_json {
        let folders: Vec<_> = folders
            .iter()
            .map(|(name, folder)| {
                let letters: Vec<Reading> = folder.letters.iter().map(Reading::of).collect();
                json!({ "name": name, "uid_validity": folder.uid_validity, "uid_next": folder.uid_next, "letters": letters })
            })
            .collect();
        return Json(json!({ "address": address, "name": people::name_of(address), "folders": folders }))
            .into_response();
    }
    let folder = if query.folder.is_empty() { INBOX } else { query.folder.as_str() };
    let letters = folders
        .get(folder)
        .map(|folder| folder.letters.iter().rev().take(200).map(Reading::of).collect())
        .unwrap_or_default();
    let mut names: Vec<(String, usize)> =
        folders.iter().map(|(name, folder)| (name.clone(), folder.letters.len())).collect();
    names.sort_by_key(|(name, _)| name != INBOX);
    page::html(&MailboxPage {
        address,
        name: people::name_of(address),
        folder,
        folders: names,
        letters,
        is_contoso: is_contoso(address),
    })
}

fn is_contoso(address: &str) -> bool {
    address.to_lowercase().ends_with(&format!("@{}", people::DOMAIN))
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct LetterPage<'a> {
    address: &'a str,
    folder: &'a str,
    letter: Reading,
    reply_to: String,
    reply_subject: String,
    why: &'a str,
    typed: &'a str,
}

pub(crate) fn letter_page(address: &str, folder: &str, stored: &Stored, why: &str, typed: &str) -> Response {
    let letter = Reading::of(stored);
    // An answer to one's own letter goes where the letter went.
    let own = letter.from_address.eq_ignore_ascii_case(address);
    let reply_to = if own { letter.to.clone() } else { letter.from_address.clone() };
    let reply_subject = match letter.subject.to_lowercase().starts_with("re:") {
        true => letter.subject.clone(),
        false => format!("Re: {}", letter.subject),
    };
    let status = if why.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    page::html_with(status, &LetterPage { address, folder, letter, reply_to, reply_subject, why, typed })
}

async fn letter(
    State(world): State<Shared>,
    Path((address, folder, uid)): Path<(String, String, u32)>,
) -> Response {
    match find(&world, &address, &folder, uid) {
        Some(stored) => letter_page(&address, &folder, &stored, "", ""),
        None => page::notice(
            StatusCode::NOT_FOUND,
            "No such letter",
            "It was moved or deleted meanwhile, or never was here.",
        ),
    }
}

async fn source(
    State(world): State<Shared>,
    Path((address, folder, uid)): Path<(String, String, u32)>,
) -> Response {
    match find(&world, &address, &folder, uid) {
        Some(stored) => {
            ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], stored.raw.to_vec()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) fn find(world: &World, address: &str, folder: &str, uid: u32) -> Option<Stored> {
    world.mailboxes.folder(address, folder)?.1.find(uid).cloned()
}
