//! Server-sent events: which kinds of things have just changed, so that an open page looks again.
//!
//! Only topics go out, never content: what may be seen is decided when the page asks. The stream ends
//! within a second of its session.
use crate::{Error, State, Who};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

/// How often the session is looked at while the stream is open.
const LOOK: Duration = Duration::from_secs(1);
/// A comment now and then, so that proxies keep the connection.
const HEARTBEAT: Duration = Duration::from_secs(20);

struct Open {
    state: State,
    topics: broadcast::Receiver<String>,
    shutdown: watch::Receiver<bool>,
    clock: Interval,
    session_token: Vec<u8>,
}

pub async fn stream(
    axum::extract::State(state): axum::extract::State<State>,
    _who: Who,
    headers: axum::http::HeaderMap,
) -> Result<Response, Error> {
    let session_token = crate::session::Cookie::Session.read(&state, &headers).ok_or(Error::SignInFirst)?;
    let mut clock = tokio::time::interval(LOOK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (topics, shutdown) = (state.courier.subscribe(), state.shutdown.clone());
    let open = Open { state, topics, shutdown, clock, session_token };
    let events = stream::unfold(open, |mut open| async {
        let topic = open.next().await?;
        // A browser drops an event without data, whatever its name.
        Some((Ok::<_, Infallible>(Event::default().event(topic).data("changed")), open))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

impl Open {
    /// The next topic; `None` ends the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            if *self.shutdown.borrow() {
                return None;
            }
            tokio::select! {
                topic = self.topics.recv() => match topic {
                    Ok(topic) => return self.is_signed_in().await.then_some(topic),
                    // Too much at once: whatever it was, the page looks at everything again.
                    Err(RecvError::Lagged(_)) => return self.is_signed_in().await.then(|| "everything".to_owned()),
                    Err(RecvError::Closed) => return None,
                },
                _ = self.clock.tick() => if !self.is_signed_in().await { return None },
                changed = self.shutdown.changed() => if changed.is_err() { return None },
            }
        }
    }
    async fn is_signed_in(&self) -> bool {
        let (token, now) = (self.session_token.clone(), self.state.courier.now());
        let found = self.state.courier.read(move |tx| desk::people::session::find(tx, &token, now)).await;
        matches!(found, Ok(Some(_)))
    }
}
