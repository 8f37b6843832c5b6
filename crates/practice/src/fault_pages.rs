//! `/practice/faults`: the table of faults for people and, as JSON, for tests. Not what a fault does.

use askama::Template;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::faults::{Armed, Fault, Row, TABLE, Times};
use crate::page;
use crate::world::Shared;

pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/practice/faults", get(table).post(arm))
        .route("/practice/faults.json", get(table_as_json))
        .route("/practice/faults/clear", post(clear))
}

#[derive(Template)]
#[template(path = "faults.html")]
struct Page {
    rows: Vec<(&'static Row, Option<Armed>)>,
}

#[derive(Debug, Deserialize)]
struct Arm {
    fault: String,
    /// 0 strikes until it is cleared.
    #[serde(default = "once", deserialize_with = "number")]
    times: u32,
    #[serde(default)]
    only: String,
}

fn once() -> u32 {
    1
}

/// A number in JSON, a word in a form.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u32),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.trim().parse().map_err(serde::de::Error::custom),
    }
}

#[derive(Debug, Deserialize)]
struct Clear {
    /// Empty clears all.
    #[serde(default)]
    fault: String,
}

/// A body as JSON or as a form, whichever the client says it is.
pub(crate) async fn json_or_form<T: DeserializeOwned + 'static>(
    request: Request,
) -> Result<(T, Answer), Response> {
    let json = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if json {
        let Json(value) = Json::<T>::from_request(request, &())
            .await
            .map_err(axum::response::IntoResponse::into_response)?;
        Ok((value, Answer::Json))
    } else {
        let Form(value) = Form::<T>::from_request(request, &())
            .await
            .map_err(axum::response::IntoResponse::into_response)?;
        Ok((value, Answer::Page))
    }
}

/// What a client that sent JSON or a form expects back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Json,
    Page,
}

async fn table(State(world): State<Shared>, headers: HeaderMap) -> Response {
    if headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"application/json")) {
        return table_as_json(State(world)).await;
    }
    page::html(&Page { rows: TABLE.iter().map(|row| (row, world.faults.armed(row.fault))).collect() })
}

async fn table_as_json(State(world): State<Shared>) -> Response {
    let rows: Vec<_> = TABLE
        .iter()
        .map(|row| json!({ "name": row.name, "place": row.place, "does": row.does, "armed": world.faults.armed(row.fault) }))
        .collect();
    Json(rows).into_response()
}

async fn arm(State(world): State<Shared>, request: Request) -> Response {
    let (arm, answer) = match json_or_form::<Arm>(request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    let Some(fault) = Fault::named(&arm.fault) else {
        let text = format!("There is no fault named {:?}; /practice/faults lists them.\n", arm.fault);
        return (StatusCode::UNPROCESSABLE_ENTITY, text).into_response();
    };
    let times = if arm.times == 0 { Times::UntilCleared } else { Times::Exactly(arm.times) };
    match arm.only.trim() {
        "" => world.faults.arm(fault, times),
        only => world.faults.arm_for(fault, times, only),
    }
    done(answer)
}

async fn clear(State(world): State<Shared>, request: Request) -> Response {
    let (clear, answer) = match json_or_form::<Clear>(request).await {
        Ok(read) => read,
        Err(response) => return response,
    };
    match Fault::named(&clear.fault) {
        Some(fault) => world.faults.clear(fault),
        None if clear.fault.is_empty() => world.faults.clear_all(),
        None => return (StatusCode::UNPROCESSABLE_ENTITY, "There is no such fault.\n").into_response(),
    }
    done(answer)
}

fn done(answer: Answer) -> Response {
    match answer {
        Answer::Json => StatusCode::NO_CONTENT.into_response(),
        Answer::Page => page::see("/practice/faults"),
    }
}
