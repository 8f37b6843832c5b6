//! Signing in: AUTH in two lines (RFC 5034; a token is longer than a command line may be), and USER with PASS where
//! nothing else is offered (RFC 1939 §7).

use secrecy::ExposeSecret as _;

use super::ANSWER_TIMEOUT;
use super::refusal::signed_out;
use super::session::{Session, Status};
use crate::sasl::{self, Answer, Exchange, Mechanism};
use crate::{Credential, Error, Kind, Result};

/// Challenges in one exchange; the longest mechanism here has three.
const CHALLENGES_MAX: usize = 8;

impl Session {
    /// Signs in and asks for capabilities again. A good answer does not prove access to the mailbox: ask for its
    /// [`Session::totals`].
    pub async fn login(&mut self, credential: &Credential) -> Result<()> {
        let offered: Vec<String> =
            self.parameters("SASL").unwrap_or("").split_ascii_whitespace().map(str::to_owned).collect();
        match sasl::choose(credential, |name| offered.iter().any(|offered| offered == name)) {
            Some(mechanism) => self.authenticate(mechanism, credential).await?,
            None => self.user_and_pass(credential).await?,
        }
        self.ask_capabilities().await
    }

    async fn authenticate(&mut self, mechanism: Mechanism, credential: &Credential) -> Result<()> {
        let mut exchange = Exchange::new(mechanism, credential, &self.host, self.port)?;
        exchange.keep_off(self.line.record());
        let ended = self.exchange(&mut exchange).await;
        // A bare -ERR is about the credential already.
        ended.map_err(|error| exchange.hide_in(exchange.with_reason(signed_out(error), |_| false)))
    }

    async fn exchange(&mut self, exchange: &mut Exchange) -> Result<()> {
        let tried = format!("sign in with {}", exchange.mechanism().name());
        self.begin(&tried)?;
        let command = format!("AUTH {}", exchange.mechanism().name());
        let mut status = self.send(&tried, &command, ANSWER_TIMEOUT).await?;
        for _ in 0..CHALLENGES_MAX {
            let Status::Challenge(challenge) = status else { break };
            status = match exchange.answer(&challenge) {
                Answer::Line(line) => self.send_secret(&tried, "", &line).await?,
                Answer::Abandon => self.send(&tried, "*", ANSWER_TIMEOUT).await?,
            };
        }
        if matches!(status, Status::Challenge(_)) {
            return Err(self.broken(&tried, "it asks without end"));
        }
        self.done();
        self.good(&tried, status).map(drop)
    }

    async fn user_and_pass(&mut self, credential: &Credential) -> Result<()> {
        let tried = "sign in with USER and PASS";
        let Credential::Password { user, password } = credential else {
            let remedy =
                "the server takes no token (it announces neither OAUTHBEARER nor XOAUTH2): use a password";
            return Err(Error::rejected("sign in", &self.host).remedy(remedy));
        };
        // Refuses what cannot be sent, and knows what to hide.
        let hider = Exchange::new(Mechanism::Plain, credential, &self.host, self.port)?;
        hider.keep_off(self.line.record());
        // RFC 1939 §3: arguments are apart by spaces; one within a name would be another command's word.
        if user.contains(' ') || !user.is_ascii() {
            let remedy = "the user name holds a character that this server's sign-in cannot carry";
            return Err(Error::new(Kind::Unauthorized, tried, &self.host).remedy(remedy));
        }
        let ended = async {
            self.begin(tried)?;
            let status = self.send(tried, &format!("USER {user}"), ANSWER_TIMEOUT).await?;
            if let Status::Good(_) = status {
                let password = password.expose_secret().into();
                let status = self.send_secret(tried, "PASS ", &password).await?;
                self.done();
                return self.good(tried, status).map(drop);
            }
            self.done();
            self.good(tried, status).map(drop)
        };
        let ended = ended.await;
        ended.map_err(|error| hider.hide_in(signed_out(error)))
    }
}
