//! Signing in (RFC 4954), in two steps with every server: a token is longer than a command line may be.

use super::ANSWER_TIMEOUT;
use super::session::Session;
use crate::sasl::{self, Answer, Exchange};
use crate::{Credential, Error, Result};

/// Challenges in one exchange; the longest mechanism here has three.
const CHALLENGES_MAX: usize = 8;

impl Session {
    /// Signs in. A good answer does not prove that this sender may submit: see [`Session::probe`].
    pub async fn login(&mut self, credential: &Credential) -> Result<()> {
        // Several AUTH lines may come, of which one is in an old form.
        let mechanisms = self.keywords.iter().filter(|(keyword, _)| keyword == "AUTH");
        let mechanisms: Vec<String> = mechanisms
            .flat_map(|(_, names)| names.split_ascii_whitespace())
            .map(str::to_ascii_uppercase)
            .collect();
        let chosen = sasl::choose(credential, |name| mechanisms.iter().any(|offered| offered == name));
        let Some(mechanism) = chosen else {
            let remedy = match mechanisms.is_empty() {
                true => "it offers no sign-in on this port: check port and security".to_owned(),
                false => {
                    let what = match credential {
                        Credential::Password { .. } => "password",
                        Credential::Bearer { .. } => "token",
                    };
                    format!("it takes no {what}, only {}", mechanisms.join(", "))
                }
            };
            return Err(Error::rejected("sign in", &self.host).remedy(remedy));
        };
        let mut exchange = Exchange::new(mechanism, credential, &self.host, self.port)?;
        exchange.keep_off(self.line.record());
        let ended = self.exchange(&mut exchange).await;
        ended.map_err(|error| exchange.hide_in(error))
    }

    async fn exchange(&mut self, exchange: &mut Exchange) -> Result<()> {
        let tried = format!("sign in with {}", exchange.mechanism().name());
        self.begin(&tried)?;
        let mut reply =
            self.command(&tried, &format!("AUTH {}", exchange.mechanism().name()), ANSWER_TIMEOUT).await?;
        for _ in 0..CHALLENGES_MAX {
            if reply.code != 334 {
                break;
            }
            let challenge = reply.lines.join("");
            reply = match exchange.answer(&challenge) {
                Answer::Line(line) => self.secret(&tried, &line).await?,
                Answer::Abandon => self.command(&tried, "*", ANSWER_TIMEOUT).await?,
            };
        }
        self.done();
        if reply.code == 235 {
            return Ok(());
        }
        // 501 answers our giving up.
        Err(exchange.with_reason(reply.refusal(&tried, &self.host), |error| error.smtp_code() == Some(501)))
    }
}
