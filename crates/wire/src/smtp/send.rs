//! One message over the link: MAIL, RCPT, DATA, and what became of it for each recipient.

use std::time::Duration;

use tokio::time::timeout;

use super::body::stuffed;
use super::envelope::{Envelope, check_address};
use super::reply::Reply;
use super::session::{Session, State};
use super::{
    ANSWER_TIMEOUT, BLOCK_TIMEOUT, BODY_TIMEOUT, DATA_TIMEOUT, FINAL_TIMEOUT, LAST_WORDS_TIMEOUT,
    PIPELINED_MAX, RECIPIENTS_MAX,
};
use crate::line::Fault;
use crate::net::BODY_BYTES_PER_S_MIN;
use crate::{Error, Result};

/// What became of one recipient. `answer` is the server's text with its enhanced code, bounded. A refusal that no
/// server made (an address that SMTP cannot carry) has code 553 and says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Accepted { answer: String },
    Refused { code: u16, answer: String },
    Deferred { code: u16, answer: String },
}

/// One fate per recipient, in the order of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub fates: Vec<(String, Fate)>,
}

/// "Mailbox name not allowed": for addresses that are never sent to a server.
const NOT_ALLOWED: u16 = 553;
const TRIED: &str = "send a message";
const BLOCK_BYTES: usize = 64 * 1024;

impl Fate {
    fn of(reply: &Reply) -> Fate {
        let (code, answer) = (reply.code, reply.text());
        match reply {
            reply if reply.is_ok() => Fate::Accepted { answer },
            reply if reply.is_temporary() => Fate::Deferred { code, answer },
            _ => Fate::Refused { code, answer },
        }
    }

    fn is_accepted(&self) -> bool {
        matches!(self, Fate::Accepted { .. })
    }
}

impl Session {
    /// Sends one message. `Err` when the server took nothing for anybody and no recipient is to blame: sender
    /// refused, message over the announced size, link broken. [`Error::may_have_been_sent`] tells a link that
    /// broke after the final dot.
    pub async fn send(&mut self, envelope: &Envelope, message: &[u8]) -> Result<Sent> {
        if envelope.recipients.len() > RECIPIENTS_MAX {
            let remedy = format!("it has {} recipients, {RECIPIENTS_MAX} at most", envelope.recipients.len());
            return Err(Error::rejected(TRIED, &self.host).remedy(remedy));
        }
        let body = stuffed(message);
        if let Some(max) = self.size_max_bytes().filter(|max| body.len() as u64 > *max) {
            let remedy = format!("it has {} kB, the server takes {} kB", body.len() / 1000, max / 1000);
            return Err(Error::rejected(TRIED, &self.host).remedy(remedy));
        }
        let mail = self.mail_command(TRIED, &envelope.from, &envelope.recipients, Some(&body))?;
        self.begin(TRIED)?;
        let mut fates = self.recipients(&mail, &envelope.recipients).await?;
        if fates.iter().any(Fate::is_accepted) {
            let verdict = self.data(&body).await?;
            for fate in fates.iter_mut().filter(|fate| fate.is_accepted()) {
                *fate = verdict.clone();
            }
        }
        // A server that cannot even forget the transaction loses the link; the fates stand.
        let accepted = fates.iter().any(Fate::is_accepted);
        if accepted || self.state == State::Over || self.reset(TRIED).await.is_ok() {
            self.done();
        }
        Ok(Sent { fates: envelope.recipients.iter().cloned().zip(fates).collect() })
    }

    /// MAIL FROM and RSET: proves that this sender may submit, without sending.
    pub async fn probe(&mut self, from: &str) -> Result<()> {
        let tried = format!("submit as {from}");
        let mail = self.mail_command(&tried, from, &[], None)?;
        self.begin(&tried)?;
        let reply = self.command(&tried, &mail, ANSWER_TIMEOUT).await?;
        if !reply.is_ok() {
            return Err(self.refused(&tried, &reply).await);
        }
        self.reset(&tried).await?;
        self.done();
        Ok(())
    }

    /// The same with one recipient, since some servers look at the sender only then (Postfix). `Ok` holds the error of
    /// a recipient that was refused.
    pub async fn probe_to(&mut self, from: &str, to: &str) -> Result<Option<Error>> {
        let tried = format!("submit as {from}");
        let mail = self.mail_command(&tried, from, &[to.to_owned()], None)?;
        check_address(to).map_err(|why| Error::rejected(&tried, &self.host).remedy(why))?;
        self.begin(&tried)?;
        let reply = self.command(&tried, &mail, ANSWER_TIMEOUT).await?;
        if !reply.is_ok() {
            return Err(self.refused(&tried, &reply).await);
        }
        let reply = self.command(&tried, &format!("RCPT TO:<{to}>"), ANSWER_TIMEOUT).await?;
        if !reply.is_ok() {
            return Ok(Some(self.refused(&tried, &reply).await));
        }
        self.reset(&tried).await?;
        self.done();
        Ok(None)
    }

    fn mail_command(&self, tried: &str, from: &str, to: &[String], body: Option<&[u8]>) -> Result<String> {
        if !from.is_empty() {
            check_address(from).map_err(|why| Error::rejected(tried, &self.host).remedy(why))?;
        }
        let mut command = format!("MAIL FROM:<{from}>");
        if let Some(body) = body {
            if self.has("SIZE") {
                command.push_str(&format!(" SIZE={}", body.len()));
            }
            if self.has("8BITMIME") && !body.is_ascii() {
                command.push_str(" BODY=8BITMIME");
            }
        }
        if !self.has("SMTPUTF8") && !from.is_ascii() {
            let remedy = "the sender's address is not ASCII and the server takes no others (SMTPUTF8)";
            return Err(Error::rejected(tried, &self.host).remedy(remedy));
        }
        if self.has("SMTPUTF8") && !(from.is_ascii() && to.iter().all(|to| to.is_ascii())) {
            command.push_str(" SMTPUTF8");
        }
        Ok(command)
    }

    /// MAIL and all RCPT; one fate a recipient. A refused sender is an error.
    async fn recipients(&mut self, mail: &str, recipients: &[String]) -> Result<Vec<Fate>> {
        let takes_utf8 = self.has("SMTPUTF8"); // by value: the future must be able to change threads
        let unwritable = |recipient: &String| match check_address(recipient) {
            Ok(()) if recipient.is_ascii() || takes_utf8 => None,
            Ok(()) => Some("the address is not ASCII and the server takes no others (SMTPUTF8)"),
            Err(why) => Some(why),
        };
        let local = |why: &str| Fate::Refused { code: NOT_ALLOWED, answer: format!("not sent: {why}") };
        let mut fates: Vec<Option<Fate>> =
            recipients.iter().map(|recipient| unwritable(recipient).map(local)).collect();
        let written: Vec<String> = recipients
            .iter()
            .zip(&fates)
            .filter(|(_, fate)| fate.is_none())
            .map(|(recipient, _)| format!("RCPT TO:<{recipient}>"))
            .collect();
        if written.is_empty() {
            return Ok(fates.into_iter().flatten().collect());
        }
        let mut replies = self.mail_and_rcpt(mail, &written).await?.into_iter();
        for fate in fates.iter_mut().filter(|fate| fate.is_none()) {
            *fate = replies.next().as_ref().map(Fate::of);
        }
        Ok(fates.into_iter().flatten().collect())
    }

    async fn mail_and_rcpt(&mut self, mail: &str, rcpt: &[String]) -> Result<Vec<Reply>> {
        let at_once = if self.has("PIPELINING") { PIPELINED_MAX } else { 1 };
        let mut replies = Vec::with_capacity(rcpt.len());
        let mut mail_reply = None;
        if at_once == 1 {
            mail_reply = Some(self.command(TRIED, mail, ANSWER_TIMEOUT).await?);
        } else {
            self.queue(mail);
        }
        for batch in rcpt.chunks(at_once) {
            if let Some(reply) = mail_reply.as_ref().filter(|reply| !reply.is_ok()) {
                return Err(self.refused(TRIED, reply).await);
            }
            for command in batch {
                self.queue(command);
            }
            self.flush(TRIED, ANSWER_TIMEOUT).await?;
            if mail_reply.is_none() {
                mail_reply = Some(self.answer().await?);
            }
            for _ in batch {
                replies.push(self.answer().await?);
            }
        }
        match mail_reply {
            Some(reply) if !reply.is_ok() => Err(self.refused(TRIED, &reply).await),
            _ => Ok(replies),
        }
    }

    /// An answer within a transaction; 421 ends it for everybody.
    async fn answer(&mut self) -> Result<Reply> {
        let reply = self.reply(TRIED, ANSWER_TIMEOUT).await?;
        if reply.code == 421 { Err(reply.refusal(TRIED, &self.host)) } else { Ok(reply) }
    }

    /// The error of a refused sender; the link stays usable where it can.
    async fn refused(&mut self, tried: &str, reply: &Reply) -> Error {
        let error = reply.refusal(tried, &self.host);
        if self.state != State::Over && self.reset(tried).await.is_ok() {
            self.done();
        }
        error
    }

    /// DATA, the message, the final dot: the fate of everybody who was accepted so far.
    async fn data(&mut self, body: &[u8]) -> Result<Fate> {
        let reply = self.command(TRIED, "DATA", DATA_TIMEOUT).await?;
        match reply.code {
            354 => {}
            421 => return Err(reply.refusal(TRIED, &self.host)),
            400..600 => return Ok(Fate::of(&reply)),
            _ => return Err(reply.refusal(TRIED, &self.host)),
        }
        let time = BODY_TIMEOUT + Duration::from_secs(body.len() as u64 / BODY_BYTES_PER_S_MIN);
        let written = timeout(time, self.blocks(body)).await;
        if let Err(broken) = written.unwrap_or_else(|_| Err(self.fault(TRIED, Fault::TimedOut(time)))) {
            // The final dot was not written: nothing was sent. Perhaps the server said why it stopped.
            return match self.reply(TRIED, LAST_WORDS_TIMEOUT).await {
                Ok(reply) if reply.code >= 400 => Err(reply.refusal(TRIED, &self.host)),
                Ok(_) | Err(_) => Err(broken),
            };
        }
        self.line.queue(b".\r\n");
        self.flush(TRIED, BLOCK_TIMEOUT).await.map_err(Error::after_final_dot)?;
        let reply = self.reply(TRIED, FINAL_TIMEOUT).await.map_err(Error::after_final_dot)?;
        match reply.code {
            200..300 | 400..600 => Ok(Fate::of(&reply)),
            _ => Err(reply.refusal(TRIED, &self.host).after_final_dot()),
        }
    }

    async fn blocks(&mut self, body: &[u8]) -> Result<()> {
        if let Some(record) = self.line.record() {
            record.letter('C', body.len() as u64);
        }
        for block in body.chunks(BLOCK_BYTES) {
            self.line.queue_letter(block);
            self.flush(TRIED, BLOCK_TIMEOUT).await?;
        }
        Ok(())
    }
}
