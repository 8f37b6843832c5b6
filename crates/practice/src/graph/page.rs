//! One page of a list with the link to the next. The link counts what it skips, as Graph's does: who takes
//! letters away between two pages misses some.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value};

use super::call::{Call, encoded};
use super::error::{Refusal, Result};

pub(super) fn answer(call: &Call, all: Vec<Value>, size: usize, most: usize) -> Result<Response> {
    let top = call.number("top")?.or(call.page_size()).unwrap_or(size);
    if top == 0 || top > most {
        let text = format!(
            "Invalid value '{top}' for $top query option found. The $top query option requires a value between 1 and {most}."
        );
        return Err(Refusal::bad("BadRequest", text));
    }
    let skip = call.number("skip")?.unwrap_or(0);
    let mut body = Map::new();
    body.insert("@odata.context".to_owned(), format!("{}/$metadata", version_root(call)).into());
    if call.option("count") == Some("true") {
        body.insert("@odata.count".to_owned(), all.len().into());
    }
    if skip + top < all.len() {
        let mut options: Vec<String> = call
            .options()
            .filter(|(name, _)| !["top", "skip"].contains(name))
            .map(|(name, value)| format!("%24{name}={}", encoded(value)))
            .collect();
        options.push(format!("%24top={top}"));
        options.push(format!("%24skip={}", skip + top));
        let link = format!("{}/{}?{}", call.root, path(call), options.join("&"));
        body.insert("@odata.nextLink".to_owned(), link.into());
    }
    body.insert("value".to_owned(), all.into_iter().skip(skip).take(top).collect());
    Ok(Json(Value::Object(body)).into_response())
}

pub(super) fn path(call: &Call) -> String {
    call.words.iter().map(|word| encoded(word)).collect::<Vec<_>>().join("/")
}

pub(super) fn version_root(call: &Call) -> &str {
    call.root.find("/v1.0").and_then(|at| call.root.get(..at + 5)).unwrap_or(&call.root)
}
