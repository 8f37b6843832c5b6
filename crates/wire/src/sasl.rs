//! SASL mechanisms as lines: XOAUTH2 (Google's and Microsoft's form), OAUTHBEARER (RFC 7628), PLAIN (RFC 4616),
//! LOGIN; and what to answer to each challenge. Carries nothing over a wire itself.
//!
//! Every line made here is a secret in base64: it is never logged and is hidden from errors.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail::provider::Sasl;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::clean;
use crate::{Credential, Error, Kind, Record, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    XOauth2,
    OAuthBearer,
    Plain,
    Login,
}

impl Mechanism {
    /// The name in capabilities and commands.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::XOauth2 => "XOAUTH2",
            Mechanism::OAuthBearer => "OAUTHBEARER",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }
}

/// What is known beforehand of how a server takes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Only what it announces.
    Announced,
    /// It takes tokens, in the way that the provider's preset names.
    Known(Sasl),
}

/// The best offered mechanism for a credential: of those that are announced the one that the preset names, else
/// OAUTHBEARER. `None` where none fits; but a server that is known to take tokens may announce none of it before it
/// must, and is tried once.
pub fn choose(credential: &Credential, is_offered: impl Fn(&str) -> bool) -> Option<Mechanism> {
    match credential {
        Credential::Bearer { taken, .. } => {
            for_token(*taken, is_offered("OAUTHBEARER"), is_offered("XOAUTH2"))
        }
        Credential::Password { .. } if is_offered("PLAIN") => Some(Mechanism::Plain),
        Credential::Password { .. } if is_offered("LOGIN") => Some(Mechanism::Login),
        Credential::Password { .. } => None,
    }
}

fn for_token(taken: Taken, oauthbearer: bool, xoauth2: bool) -> Option<Mechanism> {
    match (taken, oauthbearer, xoauth2) {
        (Taken::Known(Sasl::Xoauth2), true, true) => Some(Mechanism::XOauth2),
        (_, true, _) => Some(Mechanism::OAuthBearer),
        (_, false, true) => Some(Mechanism::XOauth2),
        (Taken::Known(Sasl::Oauthbearer), false, false) => Some(Mechanism::OAuthBearer),
        (Taken::Known(Sasl::Auto | Sasl::Xoauth2), false, false) => Some(Mechanism::XOauth2),
        (Taken::Announced, false, false) => None,
    }
}

/// `user={user}^Aauth=Bearer {token}^A^A`
pub fn xoauth2(user: &str, token: &str) -> String {
    format!("user={user}\x01auth=Bearer {token}\x01\x01")
}

/// RFC 7628 §3.1; `,` and `=` of the user become `=2C` and `=3D` (RFC 5801 §4).
pub fn oauthbearer(user: &str, host: &str, port: u16, token: &str) -> String {
    let user = user.replace('=', "=3D").replace(',', "=2C");
    format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01")
}

/// RFC 4616, without an authorization identity.
pub fn plain(user: &str, password: &str) -> String {
    format!("\0{user}\0{password}")
}

/// One exchange: the lines that answer the server's challenges, one after the other.
#[derive(Debug)]
pub struct Exchange {
    mechanism: Mechanism,
    lines: std::collections::VecDeque<SecretString>,
    secrets: Vec<SecretString>,
    server_message: Option<String>,
}

/// What to send after a challenge.
#[derive(Debug)]
pub enum Answer {
    /// A line in base64 (possibly empty).
    Line(SecretString),
    /// `*`: the server asks for more than the mechanism has.
    Abandon,
}

impl Exchange {
    /// Refuses characters that would end a field or a line: a token or name with them is damaged.
    pub fn new(mechanism: Mechanism, credential: &Credential, host: &str, port: u16) -> Result<Exchange> {
        let (user, secret) = match credential {
            Credential::Password { user, password } => (user, password),
            Credential::Bearer { user, token, .. } => (user, token),
        };
        let (user, secret) = (user.as_str(), secret.expose_secret());
        if let Some(what) = damaged(credential, user, secret) {
            let remedy =
                format!("the {what} is empty or holds a character that cannot be sent: enter it again");
            return Err(Error::new(crate::Kind::Unauthorized, "sign in", host).remedy(remedy));
        }
        let lines: Vec<String> = match mechanism {
            Mechanism::XOauth2 => vec![xoauth2(user, secret)],
            Mechanism::OAuthBearer => vec![oauthbearer(user, host, port, secret)],
            Mechanism::Plain => vec![plain(user, secret)],
            Mechanism::Login => vec![user.to_owned(), secret.to_owned()],
        };
        let lines: Vec<String> = lines.into_iter().map(|line| STANDARD.encode(line)).collect();
        // The user name in base64 is no secret, and hiding it would hide an address in an error.
        let mut secrets: Vec<SecretString> = vec![secret.into()];
        secrets.extend(lines.last().map(|line| line.as_str().into()));
        let lines = lines.into_iter().map(SecretString::from).collect();
        Ok(Exchange { mechanism, lines, secrets, server_message: None })
    }

    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The line that may go with the command (SASL-IR). LOGIN has none: its first line answers a challenge.
    pub fn initial(&mut self) -> Option<SecretString> {
        match self.mechanism {
            Mechanism::Login => None,
            Mechanism::XOauth2 | Mechanism::OAuthBearer | Mechanism::Plain => self.lines.pop_front(),
        }
    }

    /// Answers a challenge, given without its `+ ` or `334 `.
    pub fn answer(&mut self, challenge: &str) -> Answer {
        if let Some(line) = self.lines.pop_front() {
            return Answer::Line(line);
        }
        // What comes after the last line is the reason of a refusal, and waits for an acknowledgement.
        let first_refusal = self.server_message.is_none();
        if first_refusal {
            let decoded =
                STANDARD.decode(challenge.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            self.server_message = Some(clean(decoded.as_deref().unwrap_or(challenge)));
        }
        match self.mechanism {
            Mechanism::XOauth2 if first_refusal => Answer::Line(String::new().into()),
            Mechanism::OAuthBearer if first_refusal => Answer::Line("AQ==".to_owned().into()),
            _ => Answer::Abandon,
        }
    }

    /// The reason that came as a challenge (JSON in XOAUTH2 and OAUTHBEARER).
    pub fn server_message(&self) -> Option<&str> {
        self.server_message.as_deref()
    }

    /// What is sent may stand in no record.
    pub(crate) fn keep_off(&self, record: Option<&Record>) {
        if let Some(record) = record {
            record.hide(self.secrets.clone());
        }
    }

    /// The refusal with the reason that came as a challenge. Where it answers our giving up after that, what was refused
    /// is the credential.
    pub(crate) fn with_reason(&self, error: Error, answers_giving_up: fn(&Error) -> bool) -> Error {
        let (Some(text), Some(message)) = (error.server_text(), self.server_message()) else { return error };
        let both = format!("{text} {message}");
        let error = if answers_giving_up(&error) { error.with_kind(Kind::Unauthorized) } else { error };
        error.said(&both)
    }

    /// Takes what was sent out of an error.
    pub fn hide_in(&self, error: Error) -> Error {
        let secrets: Vec<&str> = self.secrets.iter().map(|secret| secret.expose_secret()).collect();
        error.hiding(&secrets)
    }
}

fn damaged(credential: &Credential, user: &str, secret: &str) -> Option<&'static str> {
    let breaks = |c: char| matches!(c, '\0' | '\r' | '\n' | '\x01');
    if user.is_empty() || user.contains(breaks) {
        return Some("user name");
    }
    match credential {
        Credential::Password { .. } if secret.is_empty() || secret.contains(breaks) => Some("password"),
        // RFC 6750: visible ASCII without space.
        Credential::Bearer { .. } if secret.is_empty() || !secret.bytes().all(|b| b.is_ascii_graphic()) => {
            Some("access token")
        }
        Credential::Password { .. } | Credential::Bearer { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(user: &str, token: &str) -> Credential {
        Credential::Bearer { user: user.into(), token: token.into(), taken: Taken::Known(Sasl::Auto) }
    }

    fn line(answer: Answer) -> String {
        match answer {
            Answer::Line(line) => line.expose_secret().to_owned(),
            Answer::Abandon => "*".to_owned(),
        }
    }

    #[test]
    fn xoauth2_lines_are_those_of_microsoft_and_google() {
        for (user, token, expected) in [
            (
                "test@contoso.onmicrosoft.com",
                "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA",
                "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==",
            ),
            (
                "someuser@example.com",
                "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
                "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==",
            ),
        ] {
            let mut exchange = Exchange::new(Mechanism::XOauth2, &bearer(user, token), "h", 1).unwrap();
            assert_eq!(exchange.initial().unwrap().expose_secret(), expected);
        }
    }

    #[test]
    fn the_oauthbearer_line_is_that_of_rfc_7628() {
        let credential = bearer("user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        let mut exchange =
            Exchange::new(Mechanism::OAuthBearer, &credential, "server.example.com", 143).unwrap();
        assert_eq!(
            exchange.initial().unwrap().expose_secret(),
            "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"
        );
        assert!(oauthbearer("a=b,c", "h", 1, "t").starts_with("n,a=a=3Db=2Cc,\x01"));
    }

    #[test]
    fn an_error_challenge_is_acknowledged_as_each_mechanism_wants_and_then_abandoned() {
        let challenge = "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K";
        for (mechanism, acknowledgement) in [(Mechanism::XOauth2, ""), (Mechanism::OAuthBearer, "AQ==")] {
            let mut exchange = Exchange::new(mechanism, &bearer("a@b.c", "t0ken"), "h", 1).unwrap();
            exchange.initial().unwrap();
            assert_eq!(line(exchange.answer(challenge)), acknowledgement);
            let message = exchange.server_message().unwrap();
            assert_eq!(
                message,
                r#"{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}"#
            );
            assert_eq!(line(exchange.answer("")), "*");
        }
    }

    #[test]
    fn login_answers_user_then_password_and_plain_all_at_once() {
        let credential = Credential::Password { user: "ann".into(), password: "pä ss".into() };
        let mut exchange = Exchange::new(Mechanism::Login, &credential, "h", 1).unwrap();
        assert!(exchange.initial().is_none());
        assert_eq!(line(exchange.answer("VXNlcm5hbWU6")), "YW5u");
        assert_eq!(line(exchange.answer("UGFzc3dvcmQ6")), "cMOkIHNz");
        assert_eq!(line(exchange.answer("")), "*");
        let mut exchange = Exchange::new(Mechanism::Plain, &credential, "h", 1).unwrap();
        assert_eq!(line(exchange.answer("")), "AGFubgBww6Qgc3M=");
    }

    #[test]
    fn a_name_or_token_that_would_end_a_field_is_refused_without_being_shown() {
        for credential in [
            bearer("a@b.c\x01auth=Bearer evil", "t"),
            bearer("a@b.c", "t\r\nA2 LOGOUT"),
            bearer("a@b.c", "two words"),
            bearer("a@b.c", ""),
            Credential::Password { user: "a".into(), password: "x\0y".into() },
        ] {
            let error = Exchange::new(Mechanism::XOauth2, &credential, "h", 1).unwrap_err().to_string();
            assert!(!error.contains("LOGOUT") && !error.contains("evil"), "{error}");
        }
    }

    #[test]
    fn the_best_offered_mechanism_is_chosen() {
        let password = Credential::Password { user: "a".into(), password: "x".into() };
        fn pick(credential: &Credential, offered: &[&str]) -> Option<Mechanism> {
            choose(credential, |name| offered.contains(&name))
        }
        const NONE: &[&str] = &["PLAIN"];
        const BOTH: &[&str] = &["XOAUTH2", "OAUTHBEARER"];
        let (x, o) = (Some(Mechanism::XOauth2), Some(Mechanism::OAuthBearer));
        for (taken, none, both, first, second) in [
            (Taken::Announced, None, o, x, o),
            (Taken::Known(Sasl::Auto), x, o, x, o),
            (Taken::Known(Sasl::Xoauth2), x, x, x, o),
            (Taken::Known(Sasl::Oauthbearer), o, o, x, o),
        ] {
            let token = Credential::Bearer { user: "a".into(), token: "t".into(), taken };
            for (offered, chosen) in [(NONE, none), (BOTH, both), (&BOTH[..1], first), (&BOTH[1..], second)] {
                assert_eq!(pick(&token, offered), chosen, "{taken:?} {offered:?}");
            }
        }
        assert_eq!(pick(&password, &["LOGIN", "PLAIN"]), Some(Mechanism::Plain));
        assert_eq!(pick(&password, &["LOGIN"]), Some(Mechanism::Login));
        assert_eq!(pick(&password, &["XOAUTH2"]), None);
    }
}
