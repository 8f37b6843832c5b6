//! The practice provider: a pretend Microsoft 365 (portal, identity provider, IMAP, POP3, SMTP, Graph, mailboxes) with two
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
mod graph;
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
mod pop3;
mod portal;
mod powershell;
mod presets;
mod read;
mod ready;
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

use world::{Places, Shared, World};

pub use clock::Clock;
pub use faults::{Fault, Faults, Place, Row, TABLE, Times};
pub use presets::providers;

/// How the TLS of the IMAP or the POP3 listener begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
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
    pub listen_pop: SocketAddr,
    pub listen_smtp: SocketAddr,
    pub imap_security: MailSecurity,
    pub pop_security: MailSecurity,
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
            listen_pop: any,
            listen_smtp: any,
            imap_security: MailSecurity::Implicit,
            pop_security: MailSecurity::Implicit,
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
    pub pop_addr: SocketAddr,
    pub smtp_addr: SocketAddr,
    /// The certificate (PEM) that signs the mail servers' certificates for localhost and 127.0.0.1.
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
    let pop = bind(options.listen_pop, "POP3").await?;
    let smtp = bind(options.listen_smtp, "SMTP").await?;
    let (imap_addr, pop_addr, smtp_addr) = (imap.local_addr()?, pop.local_addr()?, smtp.local_addr()?);
    let http_url = format!("http://{}", http.local_addr()?);
    let https_url = format!("https://{}", https.local_addr()?);
    let store = store::Store::open(options.state_dir.as_deref())?;
    let certificates = certificate::make(&store)?;
    let places = Places {
        http_url: http_url.clone(),
        https_url: https_url.clone(),
        imap_port: imap_addr.port(),
        pop_port: pop_addr.port(),
        smtp_port: smtp_addr.port(),
        postern_url: options.postern_url,
    };
    let world = Arc::new(World::open(&store, &options.seed, options.clock, places)?);

    let (stop, stopped) = watch::channel(());
    let acceptor = certificates.acceptor;
    let mut listeners = JoinSet::new();
    let (inside, tls, security) = (world.clone(), acceptor.clone(), options.imap_security);
    listeners.spawn(accept(imap, stopped.clone(), move |stream| {
        imap::serve(inside.clone(), stream, tls.clone(), security)
    }));
    let (inside, tls, security) = (world.clone(), acceptor.clone(), options.pop_security);
    listeners.spawn(accept(pop, stopped.clone(), move |stream| {
        pop3::serve(inside.clone(), stream, tls.clone(), security)
    }));
    let (inside, tls) = (world.clone(), acceptor.clone());
    listeners
        .spawn(accept(smtp, stopped.clone(), move |stream| smtp::serve(inside.clone(), stream, tls.clone())));
    let secure = http::Door::open(https, Some(acceptor))?;
    listeners.spawn(graph::tell(world.clone(), stopped.clone()));
    listeners.spawn(serve_pages(secure, stopped.clone(), world.clone()));
    listeners.spawn(serve_pages(http::Door::open(http, None)?, stopped, world.clone()));
    Ok(Practice {
        http_url,
        https_url,
        imap_addr,
        pop_addr,
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

    /// Where Microsoft Graph begins, its version with it: `http://127.0.0.1:PORT/v1.0`.
    pub fn graph_root(&self) -> String {
        presets::graph_root(&self.http_url)
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
}
