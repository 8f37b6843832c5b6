//! One message: its bytes, and what is done with it on the server.

use serde::Deserialize;
use serde_json::json;

use super::MESSAGE_TIMEOUT;
use super::answer;
use super::session::{Request, Session, checked_id};
use crate::letter::{Came, Letter, Room};
use crate::net::{Method, Unanswered};
use crate::{FETCHING, Result};

/// What came of asking for a message.
#[derive(Debug)]
pub enum Raw {
    Message(Letter),
    /// Over the limit. How much there is of it, as far as the server said.
    TooBig {
        size_bytes: u64,
    },
    /// It was moved to another mailbox, or deleted.
    Gone,
}

#[derive(Deserialize)]
struct Place {
    #[serde(rename = "parentFolderId")]
    folder_id: String,
}

impl Session {
    /// The whole message as it travelled (RFC 5322), as far as Exchange kept it.
    pub async fn raw(&self, id: &str, room: &Room) -> Result<Raw> {
        checked_id(FETCHING, &self.host, id)?;
        let request = Request {
            limit: MESSAGE_TIMEOUT,
            ..Request::of(FETCHING, Method::Get, self.url(&["messages", id, "$value"]))
        };
        match self.ask_for_letter(request, room).await.map_err(Unanswered::into_error)? {
            Ok(Came::Whole(letter)) => Ok(Raw::Message(letter)),
            Ok(Came::TooBig(size_bytes)) => Ok(Raw::TooBig { size_bytes }),
            Err(answer) if answer.status == 200 => Err(answer::unreadable(FETCHING, &self.host)),
            Err(answer) if answer::is_gone(&answer) => Ok(Raw::Gone),
            Err(answer) => Err(self.refusal(FETCHING, &answer)),
        }
    }

    /// `false`: it is not there any more.
    pub async fn mark_read(&self, id: &str) -> Result<bool> {
        let tried = "mark messages as read";
        checked_id(tried, &self.host, id)?;
        let request = Request::of(tried, Method::Patch, self.url(&["messages", id]));
        self.done(request.json(&json!({ "isRead": true }))).await
    }

    /// The folder that it is in; `None`: it is not there any more. An immutable id finds a message wherever somebody has
    /// put it, and what was put away is not to be moved or deleted.
    pub async fn place(&self, id: &str) -> Result<Option<String>> {
        let tried = "look where a message is";
        checked_id(tried, &self.host, id)?;
        let mut url = self.url(&["messages", id]);
        url.query_pairs_mut().append_pair("$select", "id,parentFolderId");
        let answer = self.ask(Request::of(tried, Method::Get, url)).await.map_err(Unanswered::into_error)?;
        if answer::is_gone(&answer) {
            return Ok(None);
        }
        if answer.status != 200 {
            return Err(self.refusal(tried, &answer));
        }
        let place: Place =
            serde_json::from_slice(&answer.body).map_err(|_| answer::unreadable(tried, &self.host))?;
        Ok(Some(place.folder_id))
    }

    /// `false`: it is not there any more.
    pub async fn move_to(&self, id: &str, folder_id: &str) -> Result<bool> {
        let tried = "move messages";
        checked_id(tried, &self.host, id)?;
        let request = Request::of(tried, Method::Post, self.url(&["messages", id, "move"]));
        self.done(request.json(&json!({ "destinationId": folder_id }))).await
    }

    /// `false`: it is not there any more.
    pub async fn delete(&self, id: &str) -> Result<bool> {
        let tried = "delete messages";
        checked_id(tried, &self.host, id)?;
        self.done(Request::of(tried, Method::Delete, self.url(&["messages", id]))).await
    }

    async fn done(&self, request: Request<'_>) -> Result<bool> {
        let tried = request.tried.to_owned();
        let answer = self.ask(request).await.map_err(Unanswered::into_error)?;
        match answer.status {
            200..300 if answer::is_a(&answer, &["text/html"]) => Err(answer::unreadable(&tried, &self.host)),
            200..300 => Ok(true),
            _ if answer::is_gone(&answer) => Ok(false),
            _ => Err(self.refusal(&tried, &answer)),
        }
    }
}
