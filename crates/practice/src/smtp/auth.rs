//! AUTH: XOAUTH2 in one step or two, and the refusal of passwords. Whether a token is good is `sasl`'s business.

use std::io::Result;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Next, Session};
use crate::faults::Fault;
use crate::sasl::{self, Protocol, SignIn};

impl Session {
    pub(super) async fn auth(&mut self, rest: &str) -> Result<Next> {
        if self.strikes(Fault::SmtpDropAtAuth) {
            return Ok(Next::Drop);
        }
        if !self.link.is_secure() {
            return self.say("530 5.7.0 Must issue a STARTTLS command first").await;
        }
        if !self.greeted || self.who.is_some() {
            return self.say("503 5.5.2 Bad sequence of commands").await;
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        match mechanism.to_ascii_uppercase().as_str() {
            "XOAUTH2" => {}
            "LOGIN" | "PLAIN" => return self.refuse_password(mechanism, initial).await,
            _ => return self.say("504 5.7.4 Unrecognized authentication type").await,
        }
        let answer = match initial {
            "" => {
                self.say("334 ").await?;
                let Some(line) = self.link.line().await? else { return Ok(Next::Drop) };
                line
            }
            initial => initial.as_bytes().to_vec(),
        };
        let verdict = sasl::xoauth2(&self.world, &answer, Protocol::Smtp);
        let strikes = |fault| self.world.faults.strike(fault, verdict.mailbox());
        if strikes(Fault::SmtpAuthDisabled) {
            return self.say(&switched_off("Tenant")).await;
        }
        if strikes(Fault::SmtpAuthFails) {
            return self.say("535 5.7.3 Authentication unsuccessful [practice]").await;
        }
        match verdict {
            SignIn::Open(who) => {
                self.who = Some(who);
                self.say("235 2.7.0 Authentication successful").await
            }
            SignIn::SwitchedOff { for_all, .. } => {
                self.say(&switched_off(if for_all { "Tenant" } else { "Mailbox" })).await
            }
            SignIn::Challenged => {
                self.say(&format!("334 {}", sasl::google_error())).await?;
                // The client has to answer with an empty line before it hears the end.
                if self.link.line().await?.is_none() {
                    return Ok(Next::Drop);
                }
                self.say("535-5.7.8 Username and Password not accepted. For more information, go to\r\n535 5.7.8  https://support.google.com/mail/?p=BadCredentials [practice] - gsmtp").await
            }
            SignIn::Refused | SignIn::NotConnected { .. } => {
                self.say("535 5.7.3 Authentication unsuccessful [practice]").await
            }
        }
    }

    /// Takes name and password and refuses them, as a tenant without basic authentication does.
    async fn refuse_password(&mut self, mechanism: &str, initial: &str) -> Result<Next> {
        let questions: &[&str] = match (mechanism.eq_ignore_ascii_case("LOGIN"), initial.is_empty()) {
            (true, true) => &["Username:", "Password:"],
            (true, false) => &["Password:"],
            (false, true) => &[""],
            (false, false) => &[],
        };
        for question in questions {
            self.say(&format!("334 {}", STANDARD.encode(question))).await?;
            if self.link.line().await?.is_none() {
                return Ok(Next::Drop);
            }
        }
        self.say("535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [practice]")
            .await
    }
}

fn switched_off(whose: &str) -> String {
    format!(
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the {whose}. Visit https://aka.ms/smtp_auth_disabled for more information. [practice]"
    )
}
