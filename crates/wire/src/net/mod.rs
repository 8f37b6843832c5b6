//! The only place that opens sockets: name resolution, the outgoing policy, TLS, the HTTP client.
//!
//! What the policy checked is what is connected to: mail connects to the checked address itself, HTTP goes
//! through a resolver that hands out checked addresses only, and address literals in URLs, which skip a
//! resolver, are checked before.

mod certificate;
mod coming;
mod dns;
mod http;
mod look;
mod names;
mod policy;
mod validity;

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

pub(crate) use coming::Coming;
pub use dns::TEXT_TIMEOUT;
pub use http::HttpAnswer;
pub(crate) use http::{Call, Method, Unanswered, host_of};
pub use look::{Handshake, Watched};
use names::{CheckedNames, Names, NoAddress, bare_host};
use policy::Purpose;

use crate::{Error, Record, Result, Security, Server};

/// Name resolution: resolvers try several servers for 5 s each.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(15);
/// One address; a name may have several, of which IPv6 ones may lead nowhere.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How many addresses of one name are tried.
pub const ADDRESSES_MAX: usize = 6;
pub const TLS_TIMEOUT: Duration = Duration::from_secs(20);
/// The slowest line that still counts as alive, where something large goes out.
pub const BODY_BYTES_PER_S_MIN: u64 = 16 * 1024;

/// What the configuration allows. The default allows nothing beyond the public network.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Loopback and private addresses that HTTPS may go to. Link-local, metadata, unspecified and multicast
    /// addresses stay forbidden even when listed.
    pub http_allow: Vec<IpAddr>,
    /// Certificates (PEM) trusted besides the public ones.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Asked for TXT records in place of the system's servers; empty: those are.
    pub dns_servers: Vec<SocketAddr>,
    /// Only under the mark of a demo: HTTP may go to loopback, without TLS too.
    pub practice: bool,
}

/// Whether a program of this machine answers at a socket of the file system.
#[expect(clippy::disallowed_methods, reason = "nothing is said, only looked whether the file is in use")]
pub(crate) async fn is_listened_at(path: &Path) -> io::Result<bool> {
    match UnixStream::connect(path).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(false),
        Err(error) => Err(error),
    }
}

/// Anything a conversation can run over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}
pub type BoxStream = Box<dyn Stream>;

/// Puts TLS over an open link and checks that the certificate is for `host`. A trait because tests pretend.
pub trait Secure: Sync {
    fn secure(&self, stream: BoxStream, host: &str) -> impl Future<Output = Result<BoxStream>> + Send;

    /// Where the lines of the conversation are written down; mostly nowhere.
    fn record(&self) -> Option<Record> {
        None
    }
}

/// The way out. Cheap to clone; make one and hand it down.
#[derive(Clone)]
pub struct Net {
    inner: Arc<Inner>,
}

struct Inner {
    policy: Arc<Policy>,
    names: Names,
    tls: Arc<rustls::ClientConfig>,
    https: reqwest::Client,
    /// Only in practice: http without TLS, to loopback.
    practice: Option<reqwest::Client>,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("practice", &self.inner.policy.practice).finish_non_exhaustive()
    }
}

impl Net {
    /// Fails when `extra_ca_pem` holds no readable certificate.
    pub fn new(policy: Policy) -> Result<Net> {
        Net::asking(policy, Names::System)
    }

    fn asking(policy: Policy, names: Names) -> Result<Net> {
        let tls = tls_config(policy.extra_ca_pem.as_deref())?;
        let policy = Arc::new(policy);
        let checked = |purpose| CheckedNames { names: names.clone(), policy: policy.clone(), purpose };
        let https = http_client(&tls, checked(Purpose::Https))?;
        let practice = match policy.practice {
            true => Some(http_client(&tls, checked(Purpose::PlainHttp))?),
            false => None,
        };
        Ok(Net { inner: Arc::new(Inner { policy, names, tls: Arc::new(tls), https, practice }) })
    }

    /// Opens the link to a mail server: under TLS for [`Security::Tls`], bare otherwise.
    pub async fn connect(&self, server: &Server) -> Result<BoxStream> {
        let addresses = self.addresses(server).await?;
        let (stream, _) = self.reach(server, &addresses).await?;
        match server.security {
            Security::Tls => self.secure(stream, &server.host).await,
            Security::StartTls | Security::Plain => Ok(stream),
        }
    }

    /// The addresses of a mail server that the policy lets through, in the resolver's order.
    pub async fn addresses(&self, server: &Server) -> Result<Vec<IpAddr>> {
        let purpose = match server.security {
            Security::Tls | Security::StartTls => Purpose::Mail,
            Security::Plain => Purpose::PlainMail,
        };
        let (host, tried) = (&*server.host, format!("connect to port {}", server.port));
        self.inner.names.allowed(&self.inner.policy, host, purpose).await.map_err(|refusal| match refusal {
            NoAddress::Refused { .. } => Error::rejected(&*tried, host).remedy(refusal.to_string()),
            NoAddress::Unknown(_) => Error::transient(&*tried, host).remedy(refusal.to_string()),
        })
    }

    /// The bare link to the first of these addresses that answers; they come from [`Net::addresses`].
    pub async fn reach(&self, server: &Server, addresses: &[IpAddr]) -> Result<(BoxStream, SocketAddr)> {
        let (host, port) = (&*server.host, server.port);
        let tried = format!("connect to port {port}");
        let mut last = String::from("it has no address");
        for address in addresses.iter().copied().take(ADDRESSES_MAX) {
            let to = SocketAddr::new(address, port);
            match timeout(CONNECT_TIMEOUT, dial(to)).await {
                Ok(Ok(stream)) => return Ok((Box::new(stream), to)),
                Ok(Err(error)) => last = format!("{address}: {error}"),
                Err(_) => last = format!("{address} did not answer within {} s", CONNECT_TIMEOUT.as_secs()),
            }
        }
        Err(Error::transient(tried, host).remedy(format!("{last}; check hostname, port and firewall")))
    }
}

impl Secure for Net {
    async fn secure(&self, stream: BoxStream, host: &str) -> Result<BoxStream> {
        Ok(Box::new(self.handshake(stream, host).await?))
    }
}

impl Net {
    async fn handshake(&self, stream: BoxStream, host: &str) -> Result<TlsStream<BoxStream>> {
        let tried = "agree on TLS";
        let name = ServerName::try_from(bare_host(host).to_owned()).map_err(|_| {
            Error::rejected(tried, host).remedy("this is not a host name: check the Hostname")
        })?;
        let connector = tokio_rustls::TlsConnector::from(self.inner.tls.clone());
        match timeout(TLS_TIMEOUT, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(tls_error(&error, host)),
            Err(_) => Err(Error::transient(tried, host).remedy("it did not finish the handshake in time")),
        }
    }
}

/// Keep-alive, since routers drop links that are quiet in IDLE without telling anybody.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
async fn dial(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_keepalive(true)?;
    socket.set_nodelay(true)?;
    socket.connect(address).await
}

/// No redirects, no proxy from the environment (it would resolve names for itself), no retries.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
fn http_client(tls: &rustls::ClientConfig, names: CheckedNames) -> Result<reqwest::Client> {
    let https_only = names.purpose != Purpose::PlainHttp;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls.clone())
        .dns_resolver(names)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .https_only(https_only)
        .http1_only()
        .connect_timeout(RESOLVE_TIMEOUT + CONNECT_TIMEOUT)
        .timeout(http::HTTP_TIMEOUT)
        .user_agent(concat!("Postern/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::broken("prepare the HTTP client", "").remedy(error.to_string()))
}

fn tls_config(extra_ca_pem: Option<&[u8]>) -> Result<rustls::ClientConfig> {
    let tried = "read the certificates of tls.extra_ca";
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(pem) = extra_ca_pem {
        let mut count = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let added = certificate.map_err(|error| error.to_string());
            let added = added.and_then(|der| roots.add(der).map_err(|error| error.to_string()));
            added.map_err(|why| Error::rejected(tried, "").remedy(why))?;
            count += 1;
        }
        if count == 0 {
            return Err(Error::rejected(tried, "").remedy("it holds no “BEGIN CERTIFICATE”: give a PEM file"));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::broken("prepare TLS", "").remedy(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn tls_error(error: &std::io::Error, host: &str) -> Error {
    let tried = "agree on TLS";
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls.and_then(|tls| certificate::explain(tls, host)) {
        Some(sentence) => Error::rejected(tried, host).remedy(sentence),
        None => Error::transient(tried, host).remedy(error.to_string()),
    }
}
