//! `/mail/write` and `/mail/send`: a letter written as a customer, a reply, and what tests send as JSON.

use std::collections::BTreeMap;

use askama::Template;
use axum::Json;
use axum::extract::{FromRequest as _, Multipart, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::json;

use crate::compose::{self, Attached, Writing};
use crate::fault_pages::{Answer, json_or_form};
use crate::letter_pages::{find, letter_page};
use crate::page;
use crate::people::{PEOPLE, Person};
use crate::read::Reading;
use crate::world::{Shared, World};

#[derive(Template)]
#[template(path = "mail/write.html")]
struct WritePage<'a> {
    people: &'static [Person],
    form: &'a Sending,
    why: &'a str,
}

pub(crate) async fn write(Query(mut form): Query<Sending>) -> Response {
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
pub(crate) struct Sending {
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

pub(crate) async fn send(State(world): State<Shared>, request: Request) -> Response {
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
            let from = form.from.trim().to_lowercase();
            let from: String = url::form_urlencoded::byte_serialize(from.as_bytes()).collect();
            page::see(&format!("/mail/{from}?folder=Sent%20Items"))
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
