//! The practice provider: a pretend Microsoft 365 (portal, identity provider, IMAP, SMTP, mailboxes) for
//! rehearsal and for tests with faults. Not a mail server: it listens on loopback only, forgets what it is
//! told to forget, and real servers stay the judge of the protocols.

use std::net::SocketAddr;
use std::path::PathBuf;

mod clock;
mod faults;

pub use clock::Clock;
pub use faults::{Fault, Faults, Place, Row, TABLE, Times};

/// How the TLS of the IMAP listener begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImapSecurity {
    Implicit,
    Starttls,
}

/// Where to listen and what to remember.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tenant, people's ids and token keys are derived from it: the same seed is the same Contoso.
    pub seed: [u8; 32],
    /// Loopback only; port 0 takes any free port.
    pub listen_http: SocketAddr,
    pub listen_imap: SocketAddr,
    pub listen_smtp: SocketAddr,
    pub imap_security: ImapSecurity,
    /// Registered apps, consents, refresh tokens, the practice CA and the mailboxes live here (files 0600);
    /// without it everything is forgotten at shutdown.
    pub state_dir: Option<PathBuf>,
    /// Where Postern is, for the link back on the landing page.
    pub postern_url: Option<String>,
    pub clock: Clock,
}

impl Options {
    /// Any free loopback ports, nothing kept: what a test wants.
    pub fn loopback(seed: [u8; 32]) -> Options {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Options {
            seed,
            listen_http: any,
            listen_imap: any,
            listen_smtp: any,
            imap_security: ImapSecurity::Implicit,
            state_dir: None,
            postern_url: None,
            clock: Clock::system(),
        }
    }
}

/// An app registration made without the portal, for tests that are not about the portal.
#[derive(Debug, Clone)]
pub struct Registration {
    pub client_id: String,
    /// The secret's Value; a practice secret, worth nothing outside.
    pub client_secret: String,
    pub tenant_id: String,
}

/// A letter in a practice mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub folder: String,
    pub uid: u32,
    pub raw: Vec<u8>,
    pub flags: Vec<String>,
    /// INTERNALDATE.
    pub received_at: i64,
}

/// A running practice provider. Dropping it stops the listeners; [`Practice::shutdown`] waits until they have.
#[derive(Debug)]
pub struct Practice {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub http_url: String,
    pub imap_addr: SocketAddr,
    pub smtp_addr: SocketAddr,
    /// The certificate (PEM) that signs the IMAP and SMTP servers' certificates for localhost and 127.0.0.1.
    pub ca_pem: String,
    pub faults: Faults,
}

/// Starts all listeners. Refuses an address that is not loopback, and a state folder of another seed.
pub async fn start(options: Options) -> anyhow::Result<Practice> {
    let _ = options;
    todo!()
}

impl Practice {
    /// Stops listening and closes every connection.
    pub async fn shutdown(self) {
        todo!()
    }

    pub fn portal_url(&self) -> String {
        format!("{}/portal", self.http_url)
    }

    pub fn mailboxes_url(&self) -> String {
        format!("{}/mail", self.http_url)
    }

    /// Contoso's directory (tenant) id.
    pub fn tenant_id(&self) -> String {
        todo!()
    }

    pub fn authorization_endpoint(&self) -> String {
        format!("{}/{}/oauth2/v2.0/authorize", self.http_url, self.tenant_id())
    }

    pub fn token_endpoint(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.http_url, self.tenant_id())
    }

    /// Registers a single-tenant web app with the guide's permissions, consent for Contoso and a secret.
    pub fn register(&self, name: &str, redirect_uri: &str) -> Registration {
        let _ = (name, redirect_uri);
        todo!()
    }

    /// A refresh token for `address` as after sign-in and consent, without the browser walk.
    pub fn grant(&self, client_id: &str, address: &str) -> String {
        let _ = (client_id, address);
        todo!()
    }

    /// An access token for the mail servers, as from the token endpoint.
    pub fn access_token(&self, client_id: &str, address: &str) -> String {
        let _ = (client_id, address);
        todo!()
    }

    /// Puts a raw letter into the INBOX of `address` at once (IDLE tells); the mailbox is made if it is new.
    pub fn deliver(&self, address: &str, raw: &[u8]) -> u32 {
        let _ = (address, raw);
        todo!()
    }

    /// Every letter of a mailbox, by folder and UID. An unknown mailbox is empty.
    pub fn letters(&self, address: &str) -> Vec<Letter> {
        let _ = address;
        todo!()
    }
}
