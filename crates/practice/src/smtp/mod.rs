//! The practice submission server: RFC 6409 with STARTTLS and XOAUTH2, Exchange's capabilities and words.
//! What happens to a letter once it is here is in `submission`. Not a relay: nothing leaves the machine.

mod auth;
mod bounce;
pub(crate) mod submission;

use std::io::Result;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::faults::Fault;
use crate::link::{LETTER_BYTES_MAX, Link};
use crate::sasl::Opened;
use crate::world::Shared;

/// Exchange's default.
const RECIPIENTS_MAX: usize = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Starttls,
    Close,
    /// Cut the connection as a failing network does.
    Drop,
}

/// One letter on its way.
#[derive(Debug, Default)]
struct Envelope {
    /// `Some("")` is the empty sender.
    sender: Option<String>,
    recipients: Vec<String>,
    /// What BDAT has brought so far.
    chunks: Vec<u8>,
}

struct Session {
    world: Shared,
    link: Link,
    greeted: bool,
    who: Option<Opened>,
    envelope: Envelope,
}

/// One client, from its connection to its end.
pub(crate) async fn serve(world: Shared, stream: TcpStream, acceptor: TlsAcceptor) -> Result<()> {
    let mut link = Link::new(stream);
    if world.faults.strike(Fault::SmtpDropAtConnect, None) {
        return Ok(());
    }
    if world.faults.strike(Fault::SmtpUnavailable, None) {
        link.send("421 4.3.2 Service not available\r\n").await?;
        return Ok(());
    }
    link.send("220 practice.contoso.example Microsoft ESMTP MAIL Service ready\r\n").await?;
    let mut session = Session { world, link, greeted: false, who: None, envelope: Envelope::default() };
    loop {
        let Some(line) = session.link.line().await? else { return Ok(()) };
        match session.answer(&String::from_utf8_lossy(&line)).await? {
            Next::Go => {}
            Next::Starttls => {
                session.link = session.link.secure(&acceptor).await?;
                session.greeted = false;
            }
            Next::Close => {
                session.link.close().await;
                return Ok(());
            }
            Next::Drop => return Ok(()),
        }
    }
}

impl Session {
    async fn answer(&mut self, line: &str) -> Result<Next> {
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.ehlo(rest).await,
            "HELO" => self.say("250 practice.contoso.example Hello").await,
            "STARTTLS" => self.starttls().await,
            "AUTH" => self.auth(rest).await,
            "MAIL" => self.mail(rest).await,
            "RCPT" => self.rcpt(rest).await,
            "DATA" => self.data().await,
            "BDAT" => self.bdat(rest).await,
            "RSET" => {
                self.envelope = Envelope::default();
                self.say("250 2.0.0 Resetting").await
            }
            "NOOP" => self.say("250 2.0.0 OK").await,
            "QUIT" => {
                if self.strikes(Fault::SmtpDropAtQuit) {
                    return Ok(Next::Drop);
                }
                self.say("221 2.0.0 Service closing transmission channel").await?;
                Ok(Next::Close)
            }
            _ => self.say("500 5.3.3 Unrecognized command").await,
        }
    }

    async fn ehlo(&mut self, name: &str) -> Result<Next> {
        if self.strikes(Fault::SmtpDropAtEhlo) {
            return Ok(Next::Drop);
        }
        if name.is_empty() {
            return self.say("501 5.5.4 Invalid domain name").await;
        }
        self.greeted = true;
        self.envelope = Envelope::default();
        let security = if self.link.is_secure() { "AUTH LOGIN XOAUTH2" } else { "STARTTLS" };
        self.say(&format!(
            "250-practice.contoso.example Hello [127.0.0.1]\r\n250-SIZE {LETTER_BYTES_MAX}\r\n250-PIPELINING\r\n250-DSN\r\n\
             250-ENHANCEDSTATUSCODES\r\n250-{security}\r\n250-8BITMIME\r\n250-BINARYMIME\r\n250-CHUNKING\r\n250 SMTPUTF8"
        ))
        .await
    }

    async fn starttls(&mut self) -> Result<Next> {
        if self.strikes(Fault::SmtpDropAtStarttls) {
            return Ok(Next::Drop);
        }
        if self.link.is_secure() {
            return self.say("503 5.5.2 TLS is there already").await;
        }
        self.say("220 2.0.0 SMTP server ready").await?;
        Ok(Next::Starttls)
    }

    async fn mail(&mut self, rest: &str) -> Result<Next> {
        if self.strikes(Fault::SmtpDropAtMail) {
            return Ok(Next::Drop);
        }
        let Some(who) = self.who.clone() else {
            return self.say("530 5.7.57 Client not authenticated to send mail. [practice]").await;
        };
        if self.world.faults.strike(Fault::SmtpTooMany, Some(&who.mailbox)) {
            return self.say("432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information. [practice]").await;
        }
        if self.envelope.sender.is_some() {
            return self.say("503 5.5.2 Sender already specified").await;
        }
        let Some((sender, parameters)) = path(rest, "FROM:") else {
            return self.say("501 5.1.7 Invalid address").await;
        };
        let size = parameters
            .split(' ')
            .find_map(|p| p.to_ascii_uppercase().strip_prefix("SIZE=").and_then(|n| n.parse::<usize>().ok()));
        if size.is_some_and(|size| size > LETTER_BYTES_MAX) {
            return self.say("552 5.3.4 Message size exceeds fixed maximum message size").await;
        }
        if !sender.is_empty() && !who.may_send_as(&self.world, &sender) {
            return self.say(submission::SEND_AS_DENIED).await;
        }
        self.envelope.sender = Some(sender);
        self.say("250 2.1.0 Sender OK").await
    }

    async fn rcpt(&mut self, rest: &str) -> Result<Next> {
        if self.strikes(Fault::SmtpDropAtRcpt) {
            return Ok(Next::Drop);
        }
        if self.envelope.sender.is_none() {
            return self.say("503 5.5.2 Need mail command").await;
        }
        let recipient = match path(rest, "TO:") {
            Some((recipient, _)) if recipient.contains('@') => recipient,
            _ => return self.say("501 5.1.3 Invalid address").await,
        };
        let mailbox = crate::people::mailbox_of(&recipient);
        let unknown =
            crate::people::in_a_practice_domain(&mailbox) && crate::people::find(&mailbox).is_none();
        let strikes = |fault| self.world.faults.strike(fault, Some(&recipient));
        if unknown || strikes(Fault::SmtpRecipientRefused) {
            return self
                .say(&format!(
                    "550 5.1.1 RESOLVER.ADR.RecipNotFound; <{recipient}> is not known here [practice]"
                ))
                .await;
        }
        if strikes(Fault::SmtpRecipientDeferred) {
            return self.say("450 4.2.1 The recipient's mailbox is busy, try again later [practice]").await;
        }
        if self.envelope.recipients.len() >= RECIPIENTS_MAX {
            return self.say("452 4.5.3 Too many recipients").await;
        }
        self.envelope.recipients.push(recipient);
        self.say("250 2.1.5 Recipient OK").await
    }

    async fn data(&mut self) -> Result<Next> {
        if self.strikes(Fault::SmtpDropAtData) {
            return Ok(Next::Drop);
        }
        if self.envelope.recipients.is_empty() {
            return self.say("503 5.5.2 Need rcpt command").await;
        }
        self.say("354 Start mail input; end with <CRLF>.<CRLF>").await?;
        let mut raw = Vec::new();
        loop {
            let Some(line) = self.link.line().await? else { return Ok(Next::Drop) };
            if line == b"." {
                break;
            }
            raw.extend(line.strip_prefix(b".").unwrap_or(&line));
            raw.extend(b"\r\n");
            if raw.len() > LETTER_BYTES_MAX {
                return Ok(Next::Drop);
            }
        }
        self.letter(raw).await
    }

    async fn bdat(&mut self, rest: &str) -> Result<Next> {
        let mut words = rest.split(' ');
        let Some(bytes) = words.next().and_then(|word| word.parse::<usize>().ok()) else {
            return self.say("501 5.5.4 Invalid arguments").await;
        };
        let chunk = self.link.exactly(bytes).await?;
        if self.envelope.recipients.is_empty() {
            return self.say("503 5.5.2 Need rcpt command").await;
        }
        self.envelope.chunks.extend(chunk);
        if self.envelope.chunks.len() > LETTER_BYTES_MAX {
            return Ok(Next::Drop);
        }
        if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST")) {
            return self.say(&format!("250 2.6.0 {bytes} octets received")).await;
        }
        let raw = std::mem::take(&mut self.envelope.chunks);
        self.letter(raw).await
    }

    /// The letter is here in full; the final dot is not answered yet.
    async fn letter(&mut self, raw: Vec<u8>) -> Result<Next> {
        let envelope = std::mem::take(&mut self.envelope);
        let Some(who) = self.who.clone() else {
            return self.say("530 5.7.57 Client not authenticated to send mail. [practice]").await;
        };
        if self.world.faults.strike(Fault::SmtpDropInLetter, Some(&who.mailbox)) {
            return Ok(Next::Drop);
        }
        let answer = submission::submit(&self.world, &who, &envelope, raw);
        let strikes = |fault| self.world.faults.strike(fault, Some(&who.mailbox));
        if strikes(Fault::SmtpDropAfterDot) {
            return Ok(Next::Drop);
        }
        if strikes(Fault::SmtpStallAfterDot) {
            while self.link.line().await?.is_some() {}
            return Ok(Next::Drop);
        }
        self.say(&answer).await
    }

    fn strikes(&self, fault: Fault) -> bool {
        self.world.faults.strike(fault, self.who.as_ref().map(|who| who.mailbox.as_str()))
    }

    async fn say(&mut self, line: &str) -> Result<Next> {
        self.link.send(format!("{line}\r\n")).await?;
        Ok(Next::Go)
    }
}

/// `FROM:<a@b> SIZE=10`: the address and what follows.
fn path<'a>(text: &'a str, keyword: &str) -> Option<(String, &'a str)> {
    let head = text.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, parameters) = text.get(keyword.len()..)?.trim_start().strip_prefix('<')?.split_once('>')?;
    let clean = !address.chars().any(|c| c.is_control() || c == ' ' || c == '<');
    clean.then(|| (address.to_lowercase(), parameters))
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn a_path_is_read_with_its_parameters() {
        assert_eq!(path("FROM:<A@b.example> SIZE=3", "FROM:"), Some(("a@b.example".to_owned(), " SIZE=3")));
        assert_eq!(path("from: <>", "FROM:"), Some((String::new(), "")));
        assert_eq!(path("TO:a@b", "TO:"), None);
        assert_eq!(path("TO:<a b@c>", "TO:"), None);
    }
}
