//! Server-sent events: which kinds of things have just changed, so that an open page looks again.
//!
//! Only topics go out, never content: what may be seen is decided when the page asks. The stream ends
//! within a second of its session. Each keeps a connection for as long as its page is open, so one person, and
//! all together, may have only so many: a page that gets none looks once a minute by itself.
use crate::{Error, State, Who};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior};

/// How often the session is looked at while the stream is open.
const LOOK: Duration = Duration::from_secs(1);
/// A comment now and then, so that proxies keep the connection.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// For one person. A page that is not looked at gives its own back, so these are windows side by side.
const OPEN_OF_AGENT_MAX: usize = 16;
/// For everybody: half of the connections that the program takes at once, so that the other half answers.
const OPEN_MAX: usize = 256;

/// How many streams each agent has open.
#[derive(Default)]
pub struct Seats(Mutex<HashMap<i64, usize>>);
impl Seats {
    /// `None` when there is none left.
    fn take(self: &Arc<Seats>, agent_id: i64) -> Option<Seat> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_agent = taken.get(&agent_id).copied().unwrap_or_default();
        if of_agent >= OPEN_OF_AGENT_MAX || taken.values().sum::<usize>() >= OPEN_MAX {
            return None;
        }
        taken.insert(agent_id, of_agent + 1);
        Some(Seat { seats: self.clone(), agent_id })
    }
}

/// Given back when the stream ends, however it ends.
struct Seat {
    seats: Arc<Seats>,
    agent_id: i64,
}
impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_agent) = taken.get_mut(&self.agent_id) {
            *of_agent = of_agent.saturating_sub(1);
        }
        taken.retain(|_, of_agent| *of_agent > 0);
    }
}

struct Open {
    _seat: Seat,
    state: State,
    topics: broadcast::Receiver<String>,
    shutdown: watch::Receiver<bool>,
    clock: Interval,
    session_token: Vec<u8>,
}

pub async fn stream(
    axum::extract::State(state): axum::extract::State<State>,
    who: Who,
    headers: axum::http::HeaderMap,
) -> Result<Response, Error> {
    let session_token = crate::session::Cookie::Session.read(&state, &headers).ok_or(Error::SignInFirst)?;
    let seat = state.seats.take(who.agent().id).ok_or(Error::TooManyOpen)?;
    let mut clock = tokio::time::interval(LOOK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (topics, shutdown) = (state.courier.subscribe(), state.shutdown.clone());
    let open = Open { _seat: seat, state, topics, shutdown, clock, session_token };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_and_not_everybody_together_has_more_streams_than_connections_can_bear() {
        let seats = Arc::new(Seats::default());
        let mut of_one: Vec<Seat> = (0..OPEN_OF_AGENT_MAX).map_while(|_| seats.take(1)).collect();
        assert_eq!(of_one.len(), OPEN_OF_AGENT_MAX);
        assert!(seats.take(1).is_none() && seats.take(2).is_some());
        of_one.pop();
        assert!(seats.take(1).is_some(), "one that has ended makes room");
        let all: Vec<Seat> = (2..1000).map_while(|agent_id| seats.take(agent_id)).collect();
        assert_eq!(of_one.len() + all.len(), OPEN_MAX);
        drop((of_one, all));
        assert!(seats.0.lock().unwrap().is_empty(), "nothing is remembered of those who left");
    }
}
