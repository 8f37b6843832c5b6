//! A server's fields as both sides have them: host, port, security, authentication, user.
use super::preset::Place;
use crate::form::Form;
use desk::mailboxes::mailbox::{Authentication, EnteredServer, Security, ServerSide};
use desk::{Refusal, Result};

/// The fields as shown: stored, or as typed. A password is never among them.
#[derive(Clone, Debug, Default)]
pub struct ServerForm {
    pub host: String,
    pub port: String,
    pub security: String,
    pub authentication: String,
    pub user: String,
    pub has_password: bool,
}

impl ServerForm {
    pub fn stored(server: &ServerSide) -> ServerForm {
        ServerForm {
            host: server.host.clone(),
            port: server.port.to_string(),
            security: server.security.word().to_owned(),
            authentication: server.authentication.word().to_owned(),
            user: server.user.clone(),
            has_password: server.has_password,
        }
    }
    pub fn typed(form: &Form, has_password: bool) -> ServerForm {
        ServerForm {
            host: form.text("host"),
            port: form.text("port"),
            security: form.text("security"),
            authentication: form.text("authentication"),
            user: form.text("user"),
            has_password,
        }
    }
    /// What the provider's preset knows and nobody typed.
    pub fn fill_in(&mut self, preset: &Place) {
        if self.host.is_empty() && preset.is_known() {
            self.host.clone_from(&preset.host);
            self.port = preset.port.to_string();
            preset.security.clone_into(&mut self.security);
        }
    }
    /// The server of the provider that was chosen, if one is known.
    pub fn becomes(&mut self, preset: &Place) {
        self.host.clear();
        self.fill_in(preset);
    }
    /// Another protocol was chosen: the server that the provider has for it takes the place of the one that it has for
    /// another one. A server that nobody knows stays.
    pub fn moves_to(&mut self, preset: &Place, others: &[&Place]) {
        let is = |place: &&&Place| place.host.eq_ignore_ascii_case(self.host.trim());
        if preset.is_known() && !is(&&preset) && others.iter().any(|other| is(&other)) {
            self.becomes(preset);
        }
    }
    pub fn authentication(&self) -> Authentication {
        Authentication::from_word(&self.authentication).unwrap_or(Authentication::None)
    }
    /// For the desk. `port_usual` stands in for an empty field.
    pub fn entered(&self, form: &Form, port_usual: u16) -> Result<EnteredServer> {
        let port = match self.port.as_str() {
            "" => port_usual,
            text => text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
                Refusal::Other("Port Number: a number from 1 to 65535 is needed.".to_owned())
            })?,
        };
        Ok(EnteredServer {
            host: self.host.clone(),
            port,
            security: Security::from_word(&self.security).unwrap_or(Security::Tls),
            authentication: self.authentication(),
            user: self.user.clone(),
            password: form.secret("password"),
        })
    }
}
