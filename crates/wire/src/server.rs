//! Where a mail server is, how the link to it is protected, and what opens it.

use secrecy::SecretString;

use crate::sasl::Taken;

/// How the link is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// TLS from the first byte (993, 465).
    Tls,
    /// Plain greeting, then STARTTLS; never goes on without it.
    StartTls,
    /// No protection. Refused unless the address is loopback.
    Plain,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Server {
    /// A name or an address literal (without brackets).
    pub host: String,
    pub port: u16,
    pub security: Security,
}

/// Whatever opens a server.
#[derive(Clone, Debug)]
pub enum Credential {
    Password {
        user: String,
        password: SecretString,
    },
    /// `user` is the address of the mailbox to open, which for a shared mailbox is not the person's.
    Bearer {
        user: String,
        token: SecretString,
        taken: Taken,
    },
}

impl Credential {
    pub fn user(&self) -> &str {
        match self {
            Credential::Password { user, .. } | Credential::Bearer { user, .. } => user,
        }
    }

    /// What may stand in no text.
    pub fn secret(&self) -> SecretString {
        match self {
            Credential::Password { password, .. } => password.clone(),
            Credential::Bearer { token, .. } => token.clone(),
        }
    }
}
