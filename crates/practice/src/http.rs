//! The practice web server: routes of all pages, the guard in front of them, and connections that can be cut
//! on purpose. What the pages do is in their own files.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::world::Shared;
use crate::{breakdown, fault_pages, graph, identity, letter_pages, openid, page, portal};

/// A letter with attachments, written in the browser.
const BODY_BYTES_MAX: usize = 40 << 20;
/// No `form-action`: the sign-in pages must be able to leave for any redirect URI (Chromium applies it to
/// redirects).
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn router(world: Shared) -> Router {
    Router::new()
        .route("/", get(page::landing))
        .route("/error", get(page::about_an_error))
        .route("/favicon.ico", get(page::favicon))
        .route("/practice/practice.css", get(page::stylesheet))
        .route("/practice/practice.js", get(page::script))
        .merge(fault_pages::routes())
        .merge(graph::routes())
        .merge(letter_pages::routes())
        .merge(portal::routes())
        .merge(identity::routes())
        .merge(openid::routes())
        .fallback(page::not_found)
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(world.clone(), breakdown::strike))
        .layer(axum::middleware::from_fn_with_state(world.clone(), guard))
        .with_state(world)
}

/// Only pages of this machine may talk to it: a Host of another name is a rebound name server's trick, an
/// Origin of another site is a foreign page's form.
async fn guard(State(world): State<Shared>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost" | "[::1]") {
        return (
            StatusCode::MISDIRECTED_REQUEST,
            "The practice provider answers only to 127.0.0.1 and localhost.\n",
        )
            .into_response();
    }
    let own = |origin: &str| {
        [&world.http_url, &world.https_url].iter().any(|url| {
            ["127.0.0.1", "localhost", "[::1]"].iter().any(|host| url.replace("127.0.0.1", host) == origin)
        })
    };
    let origin =
        request.headers().get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default().to_owned());
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !safe && origin.is_some_and(|origin| !own(&origin)) {
        return (
            StatusCode::FORBIDDEN,
            "The form came from another site; the practice provider takes only its own.\n",
        )
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not no-referrer: that makes the Origin of our own forms `null`.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Lets a handler cut its own connection without an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut {
    cut: Arc<AtomicBool>,
    secure: bool,
}

impl Cut {
    pub fn now(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }
}

/// `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`, whichever the request came to.
#[derive(Debug, Clone)]
pub(crate) struct Base(pub String);

impl FromRequestParts<Shared> for Base {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, world: &Shared) -> Result<Base, Self::Rejection> {
        let cut = parts.extensions.get::<ConnectInfo<Cut>>();
        let secure = cut.is_some_and(|ConnectInfo(cut)| cut.secure);
        Ok(Base(if secure { world.https_url.clone() } else { world.http_url.clone() }))
    }
}

/// Plain or with TLS.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A listener whose connections can be cut.
#[derive(Debug)]
pub(crate) struct Door {
    local_addr: SocketAddr,
    /// Connections that are through with their TLS, so that a slow one holds up nobody.
    ready: mpsc::Receiver<(Connection, SocketAddr)>,
    /// Ends with the door.
    _accepting: JoinSet<()>,
}

impl Door {
    /// With an acceptor the door speaks TLS.
    pub fn open(listener: TcpListener, acceptor: Option<TlsAcceptor>) -> io::Result<Door> {
        let local_addr = listener.local_addr()?;
        let (sender, ready) = mpsc::channel(16);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, acceptor, sender));
        Ok(Door { local_addr, ready, _accepting: accepting })
    }
}

async fn accept(
    mut listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    ready: mpsc::Sender<(Connection, SocketAddr)>,
) {
    let mut handshakes = JoinSet::new();
    loop {
        let (stream, address) = Listener::accept(&mut listener).await;
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        while handshakes.try_join_next().is_some() {}
        handshakes.spawn(async move {
            let cut = Cut { secure: acceptor.is_some(), ..Cut::default() };
            let stream: Box<dyn Stream> = match acceptor {
                None => Box::new(stream),
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => Box::new(stream),
                    Err(error) => return tracing::debug!("a practice page was asked with bad TLS: {error}"),
                },
            };
            // Nobody takes it any more when the provider is being stopped.
            let _ = ready.send((Connection { stream, cut }, address)).await;
        });
    }
}

pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    cut: Cut,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connection")
    }
}

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // The accepting task has ended, and with it the listener.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local_addr)
    }
}

impl Connected<IncomingStream<'_, Door>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Cut {
        stream.io().cut.clone()
    }
}

fn reset<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.cut.is_cut() {
            return reset();
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.cut.is_cut() {
            return reset();
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
