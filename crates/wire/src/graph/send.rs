//! A message handed over as it was composed (RFC 5322), in base64 (RFC 4648 §4; `sendMail` with MIME content). Who gets it
//! stands in its header: Graph has no envelope beside it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::session::{Request, Session};
use super::{MESSAGE_BYTES_MAX, MESSAGE_TIMEOUT, SEND_ANSWER_TIMEOUT, answer};
use crate::net::{HttpAnswer, Method, Unanswered};
use crate::smtp::{Envelope, Fate, Sent};
use crate::{Error, Kind, Result};

const TRIED: &str = "send a message";
/// Taken by no base64 decoder, so that nothing can be sent with it.
const NO_BASE64: &[u8] = b"*not a message*";

impl Session {
    /// Sends one message to all of its recipients or to none. [`Error::may_have_been_sent`] tells a link that broke
    /// after the message was on its way.
    pub async fn send(&self, envelope: &Envelope, message: &[u8]) -> Result<Sent> {
        let message = self.addressed(envelope, message)?;
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(self.too_large(message.len()));
        }
        let body = STANDARD.encode(&message).into_bytes();
        let answer = match self.post(body).await {
            Ok(answer) => answer,
            Err(Unanswered::NotSent(error)) => return Err(error),
            Err(other) => return Err(other.into_error().after_final_dot()),
        };
        match answer.status {
            202 => {}
            // A page of whatever stands between: how far the message came nobody knows.
            200..300 if answer::is_a(&answer, &["text/html"]) => {
                return Err(answer::unreadable(TRIED, &self.host).after_final_dot());
            }
            // What Graph has answered to messages of some 2 MB and did not send.
            200..300 => return Err(self.not_taken(answer.status, message.len())),
            413 => return Err(self.too_large(message.len())),
            400 if answer::code(&answer).is_some() => return Ok(self.refused(envelope, &answer)),
            // Somebody between us and the mailbox gave up waiting: what the mailbox did is not known.
            500 | 502 | 504 => return Err(self.refusal(TRIED, &answer).after_final_dot()),
            _ => return Err(self.refusal(TRIED, &answer)),
        }
        let accepted = || Fate::Accepted { answer: "202 Accepted".to_owned() };
        Ok(Sent { fates: envelope.recipients.iter().map(|one| (one.clone(), accepted())).collect() })
    }

    /// Whether the token may send from this mailbox, without sending: what is handed over is no message, and Graph says
    /// so only to who may.
    pub async fn probe_send(&self) -> Result<()> {
        let answer = self.post(NO_BASE64.to_vec()).await.map_err(Unanswered::into_error)?;
        let is_about_the_content = answer.status == 400 && answer::code(&answer).is_some();
        if is_about_the_content { Ok(()) } else { Err(self.refusal("begin a message", &answer)) }
    }

    async fn post(&self, body: Vec<u8>) -> Result<HttpAnswer, Unanswered> {
        let request = Request {
            body: Some(("text/plain", body)),
            limit: MESSAGE_TIMEOUT,
            head_limit: SEND_ANSWER_TIMEOUT,
            ..Request::of(TRIED, Method::Post, self.url(&["sendMail"]))
        };
        self.ask(request).await
    }

    /// The message with those on a Bcc line who stand on no other. One that names somebody who is not to get it (any
    /// more) cannot go this way.
    fn addressed<'a>(&self, envelope: &Envelope, message: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        let read = mail::message::parse(mail::message::head(message));
        let named: Vec<String> =
            read.to.iter().chain(&read.cc).filter_map(mail::address::Address::key).collect();
        let wanted: Vec<String> = envelope.recipients.iter().map(|one| mail::address::key(one)).collect();
        if let Some(other) = named.iter().find(|one| !wanted.contains(one)) {
            let remedy = format!(
                "it names {other}, who is not to get it again, and Microsoft Graph sends to all whom a message names: \
                 choose SMTP as Protocol for sending, or write to the others anew"
            );
            return Err(Error::rejected(TRIED, &self.host).remedy(remedy));
        }
        let unnamed: Vec<&str> = (envelope.recipients.iter().zip(&wanted))
            .filter(|(_, key)| !named.contains(key))
            .map(|(one, _)| one.as_str())
            .collect();
        if unnamed.is_empty() {
            return Ok(Cow::Borrowed(message));
        }
        let fits =
            |one: &&str| one.is_ascii() && !one.contains(|c: char| c.is_control() || " ,;<>\"".contains(c));
        if let Some(odd) = unnamed.iter().find(|one| !fits(one)) {
            let remedy =
                format!("{odd} cannot be written into a header: choose SMTP as Protocol for sending");
            return Err(Error::rejected(TRIED, &self.host).remedy(remedy));
        }
        let mut addressed = format!("Bcc: {}\r\n", unnamed.join(",\r\n ")).into_bytes();
        addressed.extend_from_slice(message);
        Ok(Cow::Owned(addressed))
    }

    /// What is said of this message, and not of the mailbox: no later try helps.
    fn refused(&self, envelope: &Envelope, answer: &HttpAnswer) -> Sent {
        let said = self.refusal(TRIED, answer);
        let answer = said.server_text().unwrap_or_default().to_owned();
        let fate = Fate::Refused { code: 400, answer };
        Sent { fates: envelope.recipients.iter().map(|one| (one.clone(), fate.clone())).collect() }
    }

    fn too_large(&self, bytes: usize) -> Error {
        let remedy = format!(
            "it has {} kB with its attachments, and Microsoft Graph takes a message of at most {} kB: choose SMTP as \
             Protocol for sending, which takes larger ones, or send less at once",
            bytes / 1000,
            MESSAGE_BYTES_MAX / 1000
        );
        Error::rejected(TRIED, &self.host).remedy(remedy)
    }

    fn not_taken(&self, status: u16, bytes: usize) -> Error {
        let remedy = format!(
            "it answered HTTP status {status} in place of 202, which it does to a message that it does not send, mostly \
             for its size (this one has {} kB): choose SMTP as Protocol for sending, or send less at once",
            bytes / 1000
        );
        Error::new(Kind::Rejected, TRIED, &self.host).remedy(remedy)
    }
}
