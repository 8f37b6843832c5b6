//! Waiting for news (RFC 2177).

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::reader::{Limits, USUAL};
use super::response::Response;
use super::session::{Phase, Session, State};
use super::{COMMAND_TIMEOUT, IDLE_MAX};
use crate::{Error, Result};

/// How an IDLE ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Messages came since the last search (or select).
    News,
    /// Nothing within the time. Search all the same: notifications get lost.
    Timeout,
}

const TRIED: &str = "wait for news";

impl Session {
    /// Waits for new messages in the selected folder, at most `max` and never over [`IDLE_MAX`]. Returns at once
    /// when some came since the last search. May be dropped: the next call leaves IDLE first.
    pub async fn idle(&mut self, max: Duration) -> Result<Idle> {
        self.ready(TRIED).await?;
        if !self.has("IDLE") {
            return Err(Error::rejected(TRIED, &self.host).remedy("it offers no IDLE: look by the clock"));
        }
        if std::mem::take(&mut self.news) {
            return Ok(Idle::News);
        }
        let tag = self.tag();
        self.reader.line.queue(format!("{tag} IDLE\r\n").as_bytes());
        self.state = State::Idling { tag, phase: Phase::Asked };
        self.allow(IDLE_MAX + COMMAND_TIMEOUT);
        self.flush(TRIED).await?;

        let until = Instant::now() + max.min(IDLE_MAX);
        let limits = Limits { wait: IDLE_MAX * 2, ..USUAL };
        while !self.news {
            match timeout_at(until, self.next(TRIED, limits)).await {
                Err(_) => break,
                Ok(response) => {
                    let response = response?;
                    if self.idle_ended(response)? {
                        break;
                    }
                }
            }
        }
        self.leave_idle(TRIED).await?;
        Ok(if std::mem::take(&mut self.news) { Idle::News } else { Idle::Timeout })
    }

    /// DONE and the answer to it. Does nothing when the session is not in IDLE. Cancel-safe.
    pub(super) async fn leave_idle(&mut self, tried: &str) -> Result<()> {
        loop {
            let State::Idling { phase, .. } = &mut self.state else { return Ok(()) };
            // Before the server said `+`, DONE would be taken for a command.
            if *phase == Phase::Accepted {
                *phase = Phase::Leaving;
                self.reader.line.queue(b"DONE\r\n");
                self.allow(COMMAND_TIMEOUT);
            }
            self.flush(tried).await?;
            let response = self.next(tried, USUAL).await?;
            self.idle_ended(response)?;
        }
    }

    /// Takes note of `+` and of an end that the server chose. True when IDLE is over.
    fn idle_ended(&mut self, response: Response) -> Result<bool> {
        match (response, &mut self.state) {
            (Response::Continuation(_), State::Idling { phase, .. }) if *phase == Phase::Asked => {
                *phase = Phase::Accepted;
            }
            (Response::Tagged(tagged), State::Idling { tag, .. }) => {
                let tag = tag.clone();
                self.end(TRIED, &tag, tagged)?;
                return Ok(true);
            }
            (_, _) => {}
        }
        Ok(false)
    }
}
