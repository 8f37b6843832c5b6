//! The stylesheet, the script and the icon, inside the program. Their addresses carry their hash, so that
//! a browser keeps them for good and still gets a new one at once.
use crate::Error;
use crate::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use serde::Deserialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/assets"]
struct Assets;

/// `/assets/postern.css?v=…`.
pub fn address(name: &'static str) -> String {
    static ADDRESSES: LazyLock<Mutex<HashMap<&'static str, String>>> = LazyLock::new(Mutex::default);
    // In a debug build the files are read from disk and may change under us.
    if cfg!(debug_assertions) {
        return with_hash(name);
    }
    let mut addresses = ADDRESSES.lock().unwrap_or_else(PoisonError::into_inner);
    addresses.entry(name).or_insert_with(|| with_hash(name)).clone()
}
fn with_hash(name: &str) -> String {
    let file = Assets::get(name).expect("invariant: every asset named in a template is embedded");
    format!("/assets/{name}?v={}", hash(&file))
}
fn hash(file: &rust_embed::EmbeddedFile) -> String {
    let mut text = String::new();
    for byte in file.metadata.sha256_hash().iter().take(8) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[derive(Deserialize)]
pub struct Version {
    v: Option<String>,
}

pub async fn serve(
    Path(name): Path<String>,
    Query(version): Query<Version>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer(&name, version.v.as_deref(), &headers)
}
pub async fn favicon(headers: HeaderMap) -> Result<Response, Error> {
    answer("favicon.svg", None, &headers)
}

fn answer(name: &str, version: Option<&str>, headers: &HeaderMap) -> Result<Response, Error> {
    let file = Assets::get(name).ok_or(Error::NotFound)?;
    let hash = hash(&file);
    let etag = format!("\"{hash}\"");
    let keep = if version == Some(hash.as_str()) {
        "public, max-age=31536000, immutable"
    } else {
        "public, no-cache"
    };
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok((
            StatusCode::NOT_MODIFIED,
            [(header::ETAG, etag), (header::CACHE_CONTROL, keep.to_owned())],
        )
            .into_response());
    }
    let media_type = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let described = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CACHE_CONTROL, keep.to_owned()),
        (header::ETAG, etag),
    ];
    Ok((described, file.data.into_owned()).into_response())
}
