//! Signing in: AUTHENTICATE with and without an initial response (RFC 4959), and LOGIN where nothing else is
//! offered.

use secrecy::ExposeSecret as _;

use super::reader::USUAL;
use super::response::Response;
use super::session::Session;
use crate::sasl::{self, Answer, Exchange, Mechanism};
use crate::{Credential, Error, Kind, Result};

/// Challenges in one exchange; the longest mechanism here has three.
const CHALLENGES_MAX: usize = 8;

impl Session {
    /// Signs in and asks for capabilities again (Exchange offers MOVE only then). A good answer does not prove
    /// access to the mailbox: select a folder.
    pub async fn login(&mut self, credential: &Credential) -> Result<()> {
        match sasl::choose(credential, |name| self.has(&format!("AUTH={name}"))) {
            Some(mechanism) => self.authenticate(mechanism, credential).await?,
            None => self.login_command(credential).await?,
        }
        self.ask_capabilities().await
    }

    async fn authenticate(&mut self, mechanism: Mechanism, credential: &Credential) -> Result<()> {
        let mut exchange = Exchange::new(mechanism, credential, &self.host, self.port)?;
        exchange.keep_off(self.reader.line.record());
        let ended = self.exchange(&mut exchange).await;
        ended.map_err(|error| {
            // BAD answers our giving up.
            let error = exchange.with_reason(signed_out(error), |error| error.kind() == Kind::Broken);
            exchange.hide_in(error)
        })
    }

    async fn exchange(&mut self, exchange: &mut Exchange) -> Result<()> {
        let tried = format!("sign in with {}", exchange.mechanism().name());
        let command = format!("AUTHENTICATE {}", exchange.mechanism().name());
        let initial = if self.has("SASL-IR") { exchange.initial() } else { None };
        let tag = self.start_with(&tried, &command, initial.as_ref()).await?;
        let mut challenges = 0;
        loop {
            match self.next(&tried, USUAL).await? {
                Response::Untagged(_) => {}
                Response::Tagged(tagged) => return self.end(&tried, &tag, tagged).map(|_| ()),
                Response::Continuation(challenge) => {
                    challenges += 1;
                    if challenges > CHALLENGES_MAX {
                        return Err(self.broken(&tried, "it asks without end"));
                    }
                    match exchange.answer(&challenge) {
                        Answer::Line(line) => self.reader.line.queue_secret(line.expose_secret().as_bytes()),
                        Answer::Abandon => self.reader.line.queue(b"*"),
                    }
                    self.reader.line.queue(b"\r\n");
                    self.flush(&tried).await?;
                }
            }
        }
    }

    /// RFC 3501 §6.2.3, for servers that offer no mechanism that fits.
    async fn login_command(&mut self, credential: &Credential) -> Result<()> {
        let tried = "sign in with LOGIN";
        let Credential::Password { user, password } = credential else {
            let remedy =
                "the server takes no token (it announces neither OAUTHBEARER nor XOAUTH2): use a password";
            return Err(Error::rejected("sign in", &self.host).remedy(remedy));
        };
        if self.has("LOGINDISABLED") {
            return Err(Error::rejected(tried, &self.host).remedy("the server takes no password: use OAuth2"));
        }
        // Refuses what cannot be sent, and knows what to hide.
        let hider = Exchange::new(Mechanism::Plain, credential, &self.host, self.port)?;
        hider.keep_off(self.reader.line.record());
        let sent = self.login_lines(tried, user, password.expose_secret()).await;
        sent.map_err(|error| hider.hide_in(signed_out(error)))
    }

    async fn login_lines(&mut self, tried: &str, user: &str, password: &str) -> Result<()> {
        self.ready(tried).await?;
        let tag = self.tag();
        self.state = super::session::State::Busy;
        self.allow(super::COMMAND_TIMEOUT);
        self.reader.line.queue(format!("{tag} LOGIN").as_bytes());
        for word in [user, password] {
            self.reader.line.queue(b" ");
            if word.bytes().all(|byte| matches!(byte, b' '..=b'~')) && word.len() < 1000 {
                let quoted = word.replace('\\', "\\\\").replace('"', "\\\"");
                self.reader.line.queue_secret(format!("\"{quoted}\"").as_bytes());
                continue;
            }
            self.reader.line.queue(format!("{{{}}}\r\n", word.len()).as_bytes());
            self.flush(tried).await?;
            loop {
                match self.next(tried, USUAL).await? {
                    Response::Untagged(_) => {}
                    Response::Continuation(_) => break,
                    Response::Tagged(tagged) => return self.end(tried, &tag, tagged).map(|_| ()),
                }
            }
            self.reader.line.queue_secret(word.as_bytes());
        }
        self.reader.line.queue(b"\r\n");
        self.flush(tried).await?;
        loop {
            match self.next(tried, USUAL).await? {
                Response::Untagged(_) => {}
                Response::Continuation(_) => {
                    return Err(self.broken(tried, "it asked for a line that is not due"));
                }
                Response::Tagged(tagged) => return self.end(tried, &tag, tagged).map(|_| ()),
            }
        }
    }
}

/// A plain NO to a sign-in is about the credential; a pause, a broken link or a BAD is not.
fn signed_out(error: Error) -> Error {
    // Not the credential but the link displeases.
    let wants_tls = error.server_text().is_some_and(|text| text.starts_with("[PRIVACYREQUIRED]"));
    match error.kind() {
        Kind::Rejected if !wants_tls => error.with_kind(Kind::Unauthorized),
        Kind::Rejected | Kind::Unauthorized | Kind::Transient { .. } | Kind::Broken => error,
    }
}
