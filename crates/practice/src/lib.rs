//! The practice provider: a pretend Microsoft 365 (portal, identity provider, IMAP, SMTP, mailboxes) with two
//! more identity providers, for rehearsal and for tests with faults. Not a mail server: it listens on loopback
//! only, forgets what it is told to forget, and real servers stay the judge of the protocols.

mod breakdown;
mod certificate;
mod chance;
mod clock;
mod compose;
mod directory;
mod exchange;
mod fault_pages;
mod faults;
mod http;
mod identity;
mod imap;
mod jwt;
mod letter_pages;
mod letters;
mod link;
mod mailboxes;
mod openid;
mod page;
mod people;
mod permissions;
mod portal;
mod powershell;
mod presets;
mod read;
mod sasl;
mod smtp;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod world;
mod writing_pages;
mod x509;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use directory::Audience;
use world::{Places, Shared, World};

pub use clock::Clock;
pub use faults::{Fault, Faults, Place, Row, TABLE, Times};
pub use presets::providers;

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
    /// The same pages with TLS, for clients that refuse anything else.
    pub listen_https: SocketAddr,
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
            listen_https: any,
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
    /// The same with TLS; its certificate is signed by the practice CA.
    pub https_url: String,
    pub imap_addr: SocketAddr,
    pub smtp_addr: SocketAddr,
    /// The certificate (PEM) that signs the IMAP and SMTP servers' certificates for localhost and 127.0.0.1.
    pub ca_pem: String,
    pub faults: Faults,
    world: Shared,
    stop: watch::Sender<()>,
    listeners: JoinSet<()>,
}

/// Starts all listeners. Refuses an address that is not loopback, and a state folder of another seed.
pub async fn start(options: Options) -> anyhow::Result<Practice> {
    let http = bind(options.listen_http, "web").await?;
    let https = bind(options.listen_https, "secure web").await?;
    let imap = bind(options.listen_imap, "IMAP").await?;
    let smtp = bind(options.listen_smtp, "SMTP").await?;
    let (imap_addr, smtp_addr) = (imap.local_addr()?, smtp.local_addr()?);
    let http_url = format!("http://{}", http.local_addr()?);
    let https_url = format!("https://{}", https.local_addr()?);
    let store = store::Store::open(options.state_dir.as_deref())?;
    let certificates = certificate::make(&store)?;
    let places = Places {
        http_url: http_url.clone(),
        https_url: https_url.clone(),
        imap_port: imap_addr.port(),
        smtp_port: smtp_addr.port(),
        postern_url: options.postern_url,
    };
    let world = Arc::new(World::open(&store, &options.seed, options.clock, places)?);

    let (stop, stopped) = watch::channel(());
    let mut listeners = JoinSet::new();
    let (acceptor, security) = (certificates.acceptor, options.imap_security);
    let for_imap = (world.clone(), acceptor.clone());
    listeners.spawn(accept(imap, stopped.clone(), move |stream| {
        let (world, acceptor) = for_imap.clone();
        async move { imap::serve(world, stream, acceptor, security).await }
    }));
    let secure = http::Door::open(https, Some(acceptor.clone()))?;
    listeners.spawn(serve_pages(secure, stopped.clone(), world.clone()));
    let for_smtp = (world.clone(), acceptor);
    listeners.spawn(accept(smtp, stopped.clone(), move |stream| {
        let (world, acceptor) = for_smtp.clone();
        async move { smtp::serve(world, stream, acceptor).await }
    }));
    listeners.spawn(serve_pages(http::Door::open(http, None)?, stopped, world.clone()));
    Ok(Practice {
        http_url,
        https_url,
        imap_addr,
        smtp_addr,
        ca_pem: certificates.ca_pem,
        faults: world.faults.clone(),
        world,
        stop,
        listeners,
    })
}

#[expect(clippy::disallowed_methods, reason = "the doors of practice, on loopback alone")]
async fn bind(address: SocketAddr, what: &str) -> anyhow::Result<TcpListener> {
    anyhow::ensure!(
        address.ip().is_loopback(),
        "the practice {what} server listens on loopback only, and {address} is not; give it 127.0.0.1"
    );
    TcpListener::bind(address).await.with_context(|| {
        format!("the practice {what} server could not listen on {address}; another program may use the port, choose another or 0 for any")
    })
}

/// Accepts until told to stop, then drops every conversation.
async fn accept<F, S>(listener: TcpListener, mut stopped: watch::Receiver<()>, serve: S)
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
    S: Fn(tokio::net::TcpStream) -> F,
{
    let mut conversations = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let conversation = serve(stream);
                    conversations.spawn(async move {
                        if let Err(error) = conversation.await {
                            tracing::debug!("a practice mail connection ended: {error}");
                        }
                    });
                }
                // Too many open files, most likely: wait for some to close instead of spinning.
                Err(error) => {
                    tracing::warn!("a practice mail connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = conversations.join_next() => {}
        }
    }
}

async fn serve_pages(door: http::Door, mut stopped: watch::Receiver<()>, world: Shared) {
    let pages = http::router(world).into_make_service_with_connect_info::<http::Cut>();
    let mut stopping = stopped.clone();
    let server = axum::serve(door, pages).with_graceful_shutdown(async move {
        // Told to stop, or the owner is gone: both end it.
        let _ = stopping.changed().await;
    });
    tokio::select! {
        _ = server.into_future() => {}
        // A request that stalls on purpose is not waited for.
        () = async { let _ = stopped.changed().await; tokio::time::sleep(Duration::from_secs(1)).await } => {}
    }
}

impl Practice {
    /// Stops listening and closes every connection.
    pub async fn shutdown(self) {
        let Practice { stop, mut listeners, .. } = self;
        drop(stop);
        while listeners.join_next().await.is_some() {}
    }

    pub fn portal_url(&self) -> String {
        format!("{}/portal", self.http_url)
    }

    pub fn mailboxes_url(&self) -> String {
        format!("{}/mail", self.http_url)
    }

    /// Contoso's directory (tenant) id.
    pub fn tenant_id(&self) -> String {
        self.world.tenant_id.clone()
    }

    pub fn authorization_endpoint(&self) -> String {
        format!("{}/{}/oauth2/v2.0/authorize", self.http_url, self.world.tenant_id)
    }

    pub fn token_endpoint(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.http_url, self.world.tenant_id)
    }

    /// Registers a single-tenant web app with the guide's permissions, consent for Contoso and a secret.
    pub fn register(&self, name: &str, redirect_uri: &str) -> Registration {
        let client_id = self.world.register(name, Audience::SingleTenant, Some(redirect_uri.to_owned()));
        self.world.directory.change(|records| {
            if let Some(app) = records.app_mut(&client_id) {
                app.permissions = permissions::of_the_guide();
            }
        });
        self.world.grant_for_all(&client_id);
        let secret = self.world.add_secret(&client_id, "practice", 730);
        let (_, client_secret) = secret.expect("invariant: the app was just registered");
        Registration { client_id, client_secret, tenant_id: self.world.tenant_id.clone() }
    }

    /// Permissions and consent for an application that acts by itself (no person); its PowerShell is still to come.
    pub fn allow_app_only(&self, client_id: &str) {
        self.world.directory.change(|records| {
            if let Some(app) = records.app_mut(client_id) {
                app.app_permissions =
                    permissions::APPLICATION.iter().map(|(name, _)| (*name).to_owned()).collect();
            }
        });
        self.world.grant_for_all(client_id);
    }

    /// *Allow public client flows*.
    pub fn allow_public_client(&self, client_id: &str) {
        self.world.directory.change(|records| {
            if let Some(app) = records.app_mut(client_id) {
                app.public_client = true;
            }
        });
    }

    /// *Upload certificate*: DER or PEM.
    pub fn upload_certificate(&self, client_id: &str, file: &[u8]) -> anyhow::Result<()> {
        self.world.add_certificate(client_id, file, "").map_err(anyhow::Error::msg)
    }

    /// The object id on the page *Enterprise applications*, for New-ServicePrincipal.
    pub fn service_principal_id(&self, client_id: &str) -> String {
        self.world.service_principal_id(client_id)
    }

    /// A client at the Google-shaped provider: External, in production. Its issuer is [`Practice::google_url`].
    pub fn register_at_google(&self, name: &str, redirect_uri: &str) -> Registration {
        self.register_at(&openid::GOOGLE, name, redirect_uri)
    }

    /// A client at the plain OpenID provider. Its issuer is [`Practice::waldau_url`].
    pub fn register_at_waldau(&self, name: &str, redirect_uri: &str) -> Registration {
        self.register_at(&openid::WALDAU, name, redirect_uri)
    }

    fn register_at(&self, house: &openid::House, name: &str, redirect_uri: &str) -> Registration {
        let (client_id, client_secret) = self.world.add_openid_client(house, name, redirect_uri);
        Registration { client_id, client_secret, tenant_id: String::new() }
    }

    pub fn google_url(&self) -> String {
        openid::GOOGLE.issuer(&self.http_url)
    }

    pub fn waldau_url(&self) -> String {
        openid::WALDAU.issuer(&self.http_url)
    }

    /// The JSON key file of a new service account with delegation for the mail scope.
    pub fn service_account_file(&self, name: &str) -> Option<String> {
        let email = self.world.add_service_account(name);
        self.world.openid_change(&openid::GOOGLE, |records| {
            if let Some(account) = records.accounts.iter_mut().find(|account| account.email == email) {
                account.delegated.insert(openid::GOOGLE.mail_scope.to_owned());
            }
        });
        self.world.add_service_account_key(&email, &self.http_url)
    }

    /// Exchange Online PowerShell, a command a line; the first that fails ends it with its text.
    pub fn powershell(&self, script: &str) -> anyhow::Result<()> {
        let failed = powershell::run(&self.world, script).into_iter().find_map(Result::err);
        failed.map_or(Ok(()), |why| Err(anyhow::Error::msg(why)))
    }

    /// A refresh token for `address` as after sign-in and consent, without the browser walk.
    pub fn grant(&self, client_id: &str, address: &str) -> String {
        self.world.issue_refresh_token(client_id, &address.to_lowercase(), permissions::SCOPES_OF_THE_GUIDE)
    }

    /// An access token for the mail servers, as from the token endpoint, good for an hour.
    pub fn access_token(&self, client_id: &str, address: &str) -> String {
        let scopes = permissions::Scope::parse_all(permissions::SCOPES_OF_THE_GUIDE);
        self.world.issue_access_token(
            client_id,
            address,
            &scopes.expect("invariant: the guide's scopes exist"),
            3600,
        )
    }

    /// Puts a raw letter into the INBOX of `address` at once (IDLE tells); the mailbox is made if it is new.
    /// Returns its UID.
    pub fn deliver(&self, address: &str, raw: &[u8]) -> u32 {
        self.world.mailboxes.ensure(address);
        let at = self.world.clock.now_at();
        self.world.mailboxes.deliver(address, mailboxes::INBOX, raw, at, &[]).unwrap_or_default()
    }

    /// Every letter of a mailbox, by folder and UID. An unknown mailbox is empty.
    pub fn letters(&self, address: &str) -> Vec<Letter> {
        let folders = self.world.mailboxes.folders(address).unwrap_or_default();
        let letters = folders.into_iter().flat_map(|(name, folder)| {
            folder.letters.into_iter().map(move |letter| Letter {
                folder: name.clone(),
                uid: letter.uid,
                raw: letter.raw.to_vec(),
                flags: letter.flags.into_iter().collect(),
                received_at: letter.received_at,
            })
        });
        letters.collect()
    }
}
