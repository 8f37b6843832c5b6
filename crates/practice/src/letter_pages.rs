//! `/mail`: the practice mailboxes for people (look, write as a customer, reply) and as JSON for tests.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{FromRequest as _, Multipart, Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::compose::{self, Attached, Writing};
use crate::fault_pages::{Answer, json_or_form};
use crate::mailboxes::{INBOX, Stored};
use crate::page;
use crate::people::{self, Kind, PEOPLE, Person};
use crate::read::Reading;
use crate::world::{Shared, World};

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/mail", get(mailboxes))
        .route("/mail/write", get(write))
        .route("/mail/send", post(send))
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
    page::html(&MailboxPage {
        address,
        name: people::name_of(address),
        folder,
        folders: folders.iter().map(|(name, folder)| (name.clone(), folder.letters.len())).collect(),
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

fn letter_page(address: &str, folder: &str, stored: &Stored, why: &str, typed: &str) -> Response {
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

fn find(world: &World, address: &str, folder: &str, uid: u32) -> Option<Stored> {
    world.mailboxes.folder(address, folder)?.1.find(uid).cloned()
}

#[derive(Template)]
#[template(path = "mail/write.html")]
struct WritePage<'a> {
    people: &'static [Person],
    form: &'a Sending,
    why: &'a str,
}

async fn write(Query(mut form): Query<Sending>) -> Response {
    if form.from.is_empty() {
        form.from = "ann.porter@nordwind.example".to_owned();
    }
    if form.to.is_empty() {
        form.to = "support@contoso.example".to_owned();
    }
    page::html(&WritePage { people: PEOPLE, form: &form, why: "" })
}

/// The form, and what tests send as JSON.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sending {
    from: String,
    to: String,
    cc: String,
    subject: String,
    text: String,
    html: String,
    in_reply_to: String,
    references: Vec<String>,
    headers: BTreeMap<String, String>,
    /// JSON only: these bytes as they are go to every address in `to`.
    raw: String,
    /// The letter that is answered: gives In-Reply-To and References.
    mailbox: String,
    folder: String,
    uid: String,
    #[serde(skip)]
    attachment: Option<Attached>,
}

async fn send(State(world): State<Shared>, request: Request) -> Response {
    let multipart = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data"));
    let read = if multipart {
        read_multipart(request).await.map(|form| (form, Answer::Page))
    } else {
        json_or_form(request).await
    };
    let (mut form, answer) = match read {
        Ok(read) => read,
        Err(response) => return response,
    };
    let answered = form.uid.parse().ok().and_then(|uid| find(&world, &form.mailbox, &form.folder, uid));
    if let Some(stored) = &answered {
        let letter = Reading::of(stored);
        form.references = letter.references;
        form.references.push(letter.message_id.clone());
        form.in_reply_to = letter.message_id;
    }
    match (deliver(&world, &form), answer) {
        (Ok(delivered), Answer::Json) => Json(delivered).into_response(),
        (Ok(_), Answer::Page) => {
            page::see(&format!("/mail/{}?folder=Sent%20Items", form.from.trim().to_lowercase()))
        }
        (Err(why), Answer::Json) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "error": why.to_string() }))).into_response()
        }
        (Err(why), Answer::Page) => match &answered {
            Some(stored) => letter_page(&form.mailbox, &form.folder, stored, &why.to_string(), &form.text),
            None => {
                let page = WritePage { people: PEOPLE, form: &form, why: &why.to_string() };
                page::html_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
            }
        },
    }
}

fn deliver(world: &World, form: &Sending) -> anyhow::Result<serde_json::Value> {
    let shown = |delivered: Vec<(String, u32)>| -> Vec<_> {
        delivered.into_iter().map(|(mailbox, uid)| json!({ "mailbox": mailbox, "uid": uid })).collect()
    };
    if !form.raw.is_empty() {
        let mut delivered = Vec::new();
        for recipient in form.to.split(',').map(str::trim).filter(|recipient| !recipient.is_empty()) {
            delivered
                .push((recipient.to_lowercase(), compose::deliver(world, recipient, form.raw.as_bytes())?));
        }
        return Ok(json!({ "delivered": shown(delivered) }));
    }
    let bare = |id: &String| id.trim_matches(['<', '>', ' ']).to_owned();
    let delivered = compose::send(
        world,
        &Writing {
            from: form.from.clone(),
            to: form.to.clone(),
            cc: form.cc.clone(),
            subject: form.subject.clone(),
            text: form.text.clone(),
            html: form.html.clone(),
            in_reply_to: bare(&form.in_reply_to),
            references: form.references.iter().map(bare).filter(|id| !id.is_empty()).collect(),
            headers: form.headers.clone().into_iter().collect(),
            attachment: form.attachment.clone(),
        },
    )?;
    Ok(json!({ "message_id": delivered.message_id, "delivered": shown(delivered.to) }))
}

async fn read_multipart(request: Request) -> Result<Sending, Response> {
    let refuse = |error: &dyn std::fmt::Display| {
        (StatusCode::BAD_REQUEST, format!("The form could not be read: {error}\n")).into_response()
    };
    let mut parts = Multipart::from_request(request, &()).await.map_err(|error| refuse(&error))?;
    let mut form = Sending::default();
    while let Some(part) = parts.next_field().await.map_err(|error| refuse(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "attachment" {
            let file = part.file_name().unwrap_or_default().to_owned();
            let kind = part.content_type().unwrap_or("application/octet-stream").to_owned();
            let bytes = part.bytes().await.map_err(|error| refuse(&error))?.to_vec();
            if !file.is_empty() {
                form.attachment = Some(Attached { name: file, kind, bytes });
            }
            continue;
        }
        let text = part.text().await.map_err(|error| refuse(&error))?;
        match name.as_str() {
            "from" => form.from = text,
            "to" => form.to = text,
            "cc" => form.cc = text,
            "subject" => form.subject = text,
            "text" => form.text = text,
            "mailbox" => form.mailbox = text,
            "folder" => form.folder = text,
            "uid" => form.uid = text,
            _ => {}
        }
    }
    Ok(form)
}
