//! Where Microsoft Graph tells of new mail (change notifications). Anybody may post here: what does not hold the secret of a
//! subscription has no effect, and the answer is the same.
use crate::body::Reading;
use crate::{Error, State, routes};
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use desk::mailboxes::subscription::{self, Notification, Says};
use serde::Deserialize;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// What a validation token may have; Microsoft's have some two hundred bytes.
const TOKEN_BYTES_MAX: usize = 4 * 1024;
/// Microsoft drops notifications to who is slow. What takes longer, as a database may, is done all the same.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// Deliveries that are weighed at once, and those that wait for that; more are left to the next look.
const AT_ONCE_MAX: usize = 32;
/// What has no effect is logged so often.
const LOGGED_MS: i64 = 60_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    value: Vec<Item>,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    subscription_id: String,
    client_state: Option<String>,
    lifecycle_event: Option<String>,
}

/// Deliveries that are being weighed, and what came of those before.
#[derive(Debug)]
pub struct Hearing {
    turns: std::sync::Arc<tokio::sync::Semaphore>,
    ignored: AtomicU64,
    logged_at: AtomicI64,
}
impl Default for Hearing {
    fn default() -> Hearing {
        let turns = std::sync::Arc::new(tokio::sync::Semaphore::new(AT_ONCE_MAX));
        Hearing { turns, ignored: AtomicU64::new(0), logged_at: AtomicI64::new(0) }
    }
}
impl Hearing {
    /// Counted, and told in one line a minute: whoever knows the address could fill a log.
    fn ignore(&self, count: usize, now: i64) {
        if count == 0 {
            return;
        }
        self.ignored.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
        let before = self.logged_at.load(Ordering::Relaxed);
        let is_time = now.saturating_sub(before) >= LOGGED_MS || now < before;
        if is_time
            && self.logged_at.compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            let ignored = self.ignored.swap(0, Ordering::Relaxed);
            tracing::info!(
                "{ignored} change notifications had no effect: their subscription is not known here, their secret is another, or they could not be looked up"
            );
        }
    }
}

pub async fn hear(
    axum::extract::State(state): axum::extract::State<State>,
    RawQuery(query): RawQuery,
    request: Request<Body>,
) -> Result<Response, Error> {
    if let Some(token) = validation_token(query.as_deref().unwrap_or_default()) {
        return said_back(token);
    }
    let body = Reading::of(request.into_body()).whole(routes::BODY_BYTES_MAX).await?;
    let accepted = StatusCode::ACCEPTED.into_response();
    let now = state.courier.now();
    let Ok(delivery) = serde_json::from_slice::<Delivery>(&body) else {
        state.hearing.ignore(1, now);
        return Ok(accepted);
    };
    let told: Vec<Notification> = delivery.value.into_iter().filter_map(notification).collect();
    let Ok(turn) = std::sync::Arc::clone(&state.hearing.turns).try_acquire_owned() else {
        state.hearing.ignore(told.len(), now);
        return Ok(accepted);
    };
    // Goes on where the answer does not wait for it.
    let weighing = tokio::spawn(async move {
        let _turn = turn;
        let count = told.len();
        if let Err(error) = take(&state, told).await {
            tracing::debug!("change notifications could not be looked up: {error}");
            state.hearing.ignore(count, now);
        }
    });
    let _ = tokio::time::timeout(ANSWERED_WITHIN, weighing).await;
    Ok(accepted)
}

/// Microsoft asks whether whoever serves this address wants to be told: it is said back as it came.
fn validation_token(query: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(name, _)| name == "validationToken").map(|(_, token)| token.into_owned())
}

fn said_back(token: String) -> Result<Response, Error> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Error::TooLarge { bytes_max: TOKEN_BYTES_MAX });
    }
    // Text and nothing else, whatever it holds: `nosniff` comes with every answer.
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, plain)], token).into_response())
}

/// `None`: it says what nothing is done about.
fn notification(item: Item) -> Option<Notification> {
    let says = match item.lifecycle_event.as_deref() {
        None => Says::News,
        Some("missed") => Says::Missed,
        Some("reauthorizationRequired") => Says::Reauthorize,
        Some("subscriptionRemoved") => Says::Removed,
        Some(_) => return None,
    };
    Some(Notification {
        server_id: item.subscription_id,
        client_state: item.client_state.unwrap_or_default(),
        says,
    })
}

async fn take(state: &State, told: Vec<Notification>) -> desk::Result<()> {
    let (courier, now) = (&state.courier, state.courier.now());
    let heard = courier.read(move |tx| subscription::weigh(tx, &told, now)).await?;
    state.hearing.ignore(heard.ignored, now);
    if heard.is_idle() {
        return Ok(());
    }
    courier.write(move |tx| subscription::hear(tx, &heard, now)).await
}
