//! *Certificates & secrets* › Certificates: upload a public certificate, several at once so that one can
//! follow another.

use askama::Template;
use axum::extract::{Form, Multipart, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, find};
use crate::clock::moment;
use crate::directory::Certificate;
use crate::page;
use crate::world::Shared;

/// Larger than any certificate.
const FILE_BYTES_MAX: usize = 64 << 10;

#[derive(Template)]
#[template(path = "portal/certificates.html")]
struct ListPage<'a> {
    frame: Frame<'a>,
    now_at: i64,
    why: &'a str,
}

impl ListPage<'_> {
    fn day(&self, at: &i64) -> String {
        moment(*at).strftime("%-m/%-d/%Y").to_string()
    }

    fn expired(&self, certificate: &Certificate) -> bool {
        certificate.expires_at <= self.now_at
    }
}

fn list_page(world: &Shared, client_id: &str, status: StatusCode, why: &str) -> Response {
    match find(world, client_id) {
        Ok(app) => {
            let frame = Frame { app: &app, here: "/secrets" };
            page::html_with(status, &ListPage { frame, now_at: world.clock.now_at(), why })
        }
        Err(response) => response,
    }
}

pub(super) async fn list(State(world): State<Shared>, Path(client_id): Path<String>) -> Response {
    list_page(&world, &client_id, StatusCode::OK, "")
}

pub(super) async fn upload(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    mut form: Multipart,
) -> Response {
    let (mut file, mut description) = (Vec::new(), String::new());
    while let Ok(Some(part)) = form.next_field().await {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.unwrap_or_default();
        match name.as_str() {
            "file" => file = bytes.to_vec(),
            "description" => description = String::from_utf8_lossy(&bytes).trim().to_owned(),
            _ => {}
        }
    }
    let added = match file.len() {
        0 => Err("Select a file to upload."),
        1..=FILE_BYTES_MAX => world.add_certificate(&client_id, &file, &description),
        _ => Err("The file is too large for a certificate."),
    };
    match added {
        Ok(()) => page::see(&format!("/portal/apps/{client_id}/certificates")),
        Err(why) => list_page(&world, &client_id, StatusCode::UNPROCESSABLE_ENTITY, why),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Delete {
    certificate: String,
}

pub(super) async fn delete(
    State(world): State<Shared>,
    Path(client_id): Path<String>,
    Form(form): Form<Delete>,
) -> Response {
    world.directory.change_app(&client_id, |app| {
        app.certificates.retain(|certificate| certificate.id != form.certificate);
    });
    page::see(&format!("/portal/apps/{client_id}/certificates"))
}
