//! An answer whose head has come, and whose body is read piece by piece: up to a limit, or as a letter.

use std::time::Duration;

use bytes::Bytes;

use super::http::{HttpAnswer, Unanswered, explain};
use crate::letter::{Came, Growing, Room};
use crate::{Error, Result};

pub(crate) struct Coming<'a> {
    pub tried: &'a str,
    pub host: String,
    /// With an empty body.
    pub head: HttpAnswer,
    pub response: reqwest::Response,
    /// Of the whole request, for the words of an error.
    pub limit: Duration,
    /// Between two pieces.
    pub stall_limit: Duration,
}

impl Coming<'_> {
    /// More than this is an error.
    pub(crate) async fn whole(mut self, bytes_max: usize) -> Result<HttpAnswer, Unanswered> {
        let announced = self.response.content_length().and_then(|bytes| usize::try_from(bytes).ok());
        let mut body = Vec::new();
        let mut is_too_long = announced.is_some_and(|announced| announced > bytes_max);
        while !is_too_long && let Some(piece) = self.piece().await? {
            is_too_long = body.len().saturating_add(piece.len()) > bytes_max;
            if !is_too_long {
                body.extend_from_slice(&piece);
            }
        }
        if is_too_long {
            let why = format!("its answer is longer than {bytes_max} bytes");
            return Err(Unanswered::Broken(Error::broken(self.tried, &*self.host).remedy(why)));
        }
        Ok(HttpAnswer { body, ..self.head })
    }

    /// Of one over the limit no more is read than shows that.
    pub(crate) async fn letter(mut self, room: &Room) -> Result<Came, Unanswered> {
        if let Some(announced) = self.response.content_length().filter(|bytes| *bytes > room.bytes_max()) {
            return Ok(Came::TooBig(announced));
        }
        let mut growing = Growing::new(room);
        while let Some(piece) = self.piece().await? {
            growing.push(&piece);
            if growing.is_too_big() {
                return Ok(Came::TooBig(growing.size_bytes()));
            }
            growing.settle().await.map_err(|error| self.unkept(&error))?;
        }
        growing.end().await.map_err(|error| self.unkept(&error))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Unanswered> {
        let piece = tokio::time::timeout(self.stall_limit, self.response.chunk()).await.map_err(|_| {
            let why = format!("nothing more came within {} s", self.stall_limit.as_secs());
            Unanswered::Broken(Error::transient(self.tried, &*self.host).remedy(why))
        })?;
        piece.map_err(|error| Unanswered::Broken(explain(self.tried, &self.host, error, self.limit)))
    }

    fn unkept(&self, error: &std::io::Error) -> Unanswered {
        Unanswered::Broken(Error::unkept(self.tried, error))
    }
}
