//! Change notifications (Microsoft Graph v1.0, subscription): Graph posts to an address of ours when a message comes into
//! a folder. A subscription ends by itself unless it is renewed, and names no message that the listing would not name too.
//!
//! Before it is made, Graph asks the address to say a token back; that is answered by whoever serves the address.

use std::fmt;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::answer;
use super::session::{Request, Session, checked_id};
use crate::net::{HttpAnswer, Method, Unanswered};
use crate::{Error, Result};

/// A subscription to messages without their content lives no longer: 10,080 minutes.
pub const LIFE_MS_MAX: i64 = 10_080 * 60_000;
/// Of the secret that comes back with each notification, in characters.
pub const CLIENT_STATE_MAX: usize = 128;

/// As the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    pub id: String,
    /// Milliseconds UTC: the server may give less than was asked for.
    pub ends_at: i64,
}

/// One that is to be made.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    pub folder_id: &'a str,
    /// Where notifications go, and words about the subscription itself (lifecycle notifications).
    pub to: &'a Url,
    /// At most [`CLIENT_STATE_MAX`] characters.
    pub client_state: &'a SecretString,
    /// Milliseconds UTC, at most [`LIFE_MS_MAX`] ahead.
    pub ends_at: i64,
}

impl fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("to", &self.to.as_str())
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Body {
    id: String,
    #[serde(rename = "expirationDateTime")]
    ends_at: Timestamp,
}

const MAKING: &str = "make a subscription for change notifications";
const RENEWING: &str = "renew the subscription for change notifications";
const ENDING: &str = "end the subscription for change notifications";

impl Session {
    /// Made when this returns, after the server has asked the address. Where no answer comes, it may have been made all
    /// the same: it ends by itself then, and nobody knows its secret but the server.
    pub async fn subscribe(&self, wanted: Wanted<'_>) -> Result<Subscription> {
        let body = json!({
            "changeType": "created",
            "notificationUrl": wanted.to.as_str(),
            "lifecycleNotificationUrl": wanted.to.as_str(),
            "resource": self.resource(wanted.folder_id),
            "expirationDateTime": written(wanted.ends_at),
            "clientState": wanted.client_state.expose_secret(),
        });
        let secret = wanted.client_state.expose_secret();
        let request = Request::of(MAKING, Method::Post, self.subscriptions(None)).json(&body);
        let made: Body = self.json(request).await.map_err(|error| error.hiding(&[secret]))?;
        checked_id(MAKING, &self.host, &made.id)?;
        Ok(Subscription { id: made.id, ends_at: made.ends_at.as_millisecond() })
    }

    /// `None`: the server has it no more.
    pub async fn renew_subscription(&self, id: &str, ends_at: i64) -> Result<Option<Subscription>> {
        checked_id(RENEWING, &self.host, id)?;
        let body = json!({ "expirationDateTime": written(ends_at) });
        let request = Request::of(RENEWING, Method::Patch, self.subscriptions(Some(id))).json(&body);
        let answer = self.ask(request).await.map_err(Unanswered::into_error)?;
        match answer.status {
            200..300 => {
                let body: Body = serde_json::from_slice(&answer.body)
                    .map_err(|_| answer::unreadable(RENEWING, &self.host))?;
                Ok(Some(Subscription { id: id.to_owned(), ends_at: body.ends_at.as_millisecond() }))
            }
            _ if is_gone(&answer) => Ok(None),
            _ => Err(self.refusal(RENEWING, &answer)),
        }
    }

    /// One that is gone already has ended too.
    pub async fn unsubscribe(&self, id: &str) -> Result<()> {
        checked_id(ENDING, &self.host, id)?;
        let request = Request::of(ENDING, Method::Delete, self.subscriptions(Some(id)));
        let answer = self.ask(request).await.map_err(Unanswered::into_error)?;
        match answer.status {
            200..300 => Ok(()),
            _ if is_gone(&answer) => Ok(()),
            _ => Err(self.refusal(ENDING, &answer)),
        }
    }

    /// `users/help@contoso.example/mailFolders('AQMk…=')/messages`
    fn resource(&self, folder_id: &str) -> String {
        let mailbox = self.url(&[]);
        let mailbox = mailbox.path().trim_start_matches("/v1.0/").trim_end_matches('/');
        format!("{mailbox}/mailFolders('{}')/messages", folder_id.replace('\'', "''"))
    }

    /// They belong to the application, not to a mailbox.
    fn subscriptions(&self, id: Option<&str>) -> Url {
        let mut url = self.url(&[]);
        url.set_path("/v1.0/subscriptions");
        if let (Some(id), Ok(mut segments)) = (id, url.path_segments_mut()) {
            segments.push(id);
        }
        url
    }
}

/// Only by Graph's own word: a page of something on the way is none.
fn is_gone(answer: &HttpAnswer) -> bool {
    answer.status == 404 && answer::code(answer).is_some_and(|code| !code.is_empty())
}

/// RFC 3339 in UTC, with milliseconds.
fn written(at: i64) -> String {
    let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

impl Error {
    /// Whether the server says that it could not reach the address that notifications are to go to.
    pub fn is_unreached_address(&self) -> bool {
        self.tried() == MAKING
            && self.server_text().is_some_and(|said| {
                let said = said.to_ascii_lowercase();
                said.contains("validation request") || said.contains("notification endpoint")
            })
    }
}
