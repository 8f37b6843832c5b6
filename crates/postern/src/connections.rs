//! The connections of browsers: how many there are at once, how long each may keep the server waiting, and how
//! they end. What is asked and answered over them is the web's.
//!
//! axum's own server takes any number of connections and waits for ever for the end of a request's head.
mod idle;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use idle::{Answer, Attended, Connection, Idle};
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep};

/// Of a request's head: much more than browsers send, cookies and all.
const HEAD_BYTES_MAX: usize = 64 * 1024;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// At once; a further one takes the place of the one that has waited longest for a request, or waits itself. Half of
    /// what a process may usually have open.
    pub connections_max: u32,
    /// From the end of an answer, or from the beginning, to the end of the next request's head. Longer than a
    /// proxy usually keeps a connection that nobody uses, so that the proxy is who closes it.
    pub head: Duration,
    /// Without one byte of an answer being taken.
    pub stall: Duration,
    /// After an error that is the system's, such as too many open files.
    pub rest: Duration,
}
impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections_max: 512,
            head: Duration::from_secs(75),
            stall: Duration::from_secs(60),
            rest: Duration::from_secs(1),
        }
    }
}

/// While everything is taken and in use, somebody may come to rest.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// That everything is taken is logged this often at most.
const FULL_SAID: Duration = Duration::from_secs(60);

/// Serves until `stopping` turns true, and returns when the last connection has ended. Each ends after the answer
/// that is under way; how long that may take is the caller's to bound.
pub async fn serve(listener: TcpListener, app: Router, limits: Limits, stopping: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(limits.connections_max as usize));
    let mut stop = stopping.clone();
    let accepting = async {
        let (idle, mut full) = (Idle::default(), Full::default());
        loop {
            let (stream, peer) = accept(&listener, limits.rest).await;
            full.say(&places, limits);
            let place = place(&places, &idle).await;
            tokio::spawn(attend(stream, peer, app.clone(), limits, stopping.clone(), (idle.begin(), place)));
        }
    };
    tokio::select! {
        () = accepting => {}
        () = told(&mut stop) => {}
    }
    drop(listener);
    // Every connection holds one until it has ended.
    let _ = places.acquire_many(limits.connections_max).await;
}

/// A place for one more. Where there is none, one that has nothing under way makes room: whoever opens hundreds of
/// connections and asks for nothing would silence the site.
async fn place(places: &Arc<Semaphore>, idle: &Idle) -> OwnedSemaphorePermit {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return place;
    }
    loop {
        idle.end_longest();
        let free = tokio::time::timeout(LOOK_AGAIN, places.clone().acquire_owned());
        if let Ok(Ok(place)) = free.await {
            return place;
        }
    }
}

/// Waits until the server is to stop.
async fn told(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// The next connection. One that broke before it was taken is nobody's trouble; what is the system's passes.
async fn accept(listener: &TcpListener, rest: Duration) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        if matches!(
            error.kind(),
            ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
        ) {
            continue;
        }
        tracing::error!("a browser could not be let in, and waits: {error}");
        tokio::time::sleep(rest).await;
    }
}

/// One connection, from its first byte to its last.
async fn attend(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
    (waiting, _place): (Attended, OwnedSemaphorePermit),
) {
    let _ = stream.set_nodelay(true); // events are small, and each is waited for
    let app = TowerToHyperService::new(app);
    let connection = Connection::clone(&waiting);
    let stream = TokioIo::new(Patient::new(stream, limits.stall, connection.clone()));
    let service = service_fn(move |mut request: Request<Incoming>| {
        let in_use = connection.asked();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = app.call(request);
        async move { Ok::<_, Infallible>(answer.await?.map(|body| Answer::new(body, in_use))) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(stream, service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = waiting.told_to_end() => return,
        () = told(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("a connection ended early: {error}");
    }
}

/// Remembers when it was last said that there is no place left.
#[derive(Default)]
struct Full(Option<Instant>);
impl Full {
    fn say(&mut self, places: &Semaphore, limits: Limits) {
        if places.available_permits() > 0 || self.0.is_some_and(|said| said.elapsed() < FULL_SAID) {
            return;
        }
        self.0 = Some(Instant::now());
        tracing::warn!(
            "all {} connections are taken: one that waits for nothing makes room, or browsers wait for one to end",
            limits.connections_max
        );
    }
}

/// A stream that gives up when the other side takes nothing for too long.
struct Patient {
    stream: TcpStream,
    stall: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
    connection: Connection,
}
impl Patient {
    fn new(stream: TcpStream, stall: Duration, connection: Connection) -> Patient {
        Patient { stream, stall, waiting: None, connection }
    }
    fn bounded<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.connection.owes(polled.is_pending());
        if polled.is_ready() {
            self.waiting = None;
            return polled;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.stall)));
        waiting.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}
impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, polled)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.bounded(context, polled)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests are the other side of the connection")]
mod tests {
    use super::*;
    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;

    const SHORT: Duration = Duration::from_millis(200);
    /// More than the system keeps for a connection.
    const LARGE: usize = 64 << 20;
    /// A test that waits longer than this for what comes at once has failed.
    const LONG: Duration = Duration::from_secs(20);

    struct Served {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        server: JoinHandle<()>,
    }
    async fn served(limits: Limits) -> Served {
        let endless = || async {
            Body::from_stream(stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 65_536]))))
        };
        let silent = || async { Body::from_stream(stream::pending::<io::Result<Bytes>>()) };
        let peer = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { format!("peer {}", peer.ip()) };
        let app = Router::new()
            .route("/", get(peer))
            .route("/endless", get(endless))
            .route("/silent", get(silent))
            .route("/large", get(|| async { vec![b'x'; LARGE] }))
            .route(
                "/slow",
                get(|| async {
                    tokio::time::sleep(SHORT).await;
                    "at last"
                }),
            );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopping) = watch::channel(false);
        let server = tokio::spawn(serve(listener, app, limits, stopping));
        Served { address, stop, server }
    }
    impl Served {
        async fn asked(&self, request: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            stream
        }
    }
    /// Everything until the other side closes.
    async fn rest(mut stream: TcpStream) -> String {
        let mut all = Vec::new();
        let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut all)).await.expect("it is not closed");
        String::from_utf8_lossy(&all).into_owned()
    }
    fn get_of(path: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    }

    #[tokio::test]
    async fn a_head_that_never_ends_is_not_waited_for() {
        let served = served(Limits { head: SHORT, ..Limits::default() }).await;
        rest(served.asked("GET / HTTP/1.1\r\nHost: loc").await).await;
        rest(served.asked("").await).await;
        // Nor is one whose connection is not used any more.
        let answer = rest(served.asked(&get_of("/")).await).await;
        assert!(answer.ends_with("peer 127.0.0.1"), "{answer}");
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_ends() {
        let served = served(Limits { stall: SHORT, connections_max: 1, ..Limits::default() }).await;
        let deaf = served.asked(&get_of("/endless")).await;
        // There is one place: it is free again although the deaf one never closes.
        let answer = tokio::time::timeout(LONG, async {
            let mut other = served.asked(&get_of("/")).await;
            let mut begin = [0; 15];
            other.read_exact(&mut begin).await.unwrap();
            begin
        });
        assert_eq!(&answer.await.expect("the deaf one keeps its place"), b"HTTP/1.1 200 OK");
        drop(deaf);
    }

    #[tokio::test]
    async fn an_answer_that_goes_on_without_a_word_stays_open_and_further_browsers_wait_for_a_place() {
        let served =
            served(Limits { head: SHORT, stall: SHORT, connections_max: 1, ..Limits::default() }).await;
        let mut open = served.asked(&get_of("/silent")).await;
        let mut head = vec![0; 4096];
        assert!(open.read(&mut head).await.unwrap() > 0);
        let mut second = served.asked(&get_of("/")).await;
        let waits = tokio::time::timeout(3 * SHORT, second.read(&mut head)).await;
        assert!(waits.is_err(), "there is one place, and it is taken");
        drop(open);
        assert!(rest(second).await.ends_with("peer 127.0.0.1"));
    }

    #[tokio::test]
    async fn where_every_place_is_taken_the_one_that_has_waited_longest_makes_room() {
        let served = served(Limits { connections_max: 3, ..Limits::default() }).await;
        let mut head = vec![0; 4096];
        let mut in_use = served.asked(&get_of("/silent")).await;
        assert!(in_use.read(&mut head).await.unwrap() > 0);
        let silent = served.asked("").await;
        let half = served.asked("GET / HTTP/1.1\r\nHost: loc").await;
        tokio::time::sleep(SHORT).await;
        // One that never asked, one whose head does not end, one that was answered: in the order in which they came.
        let mut answered = served.asked(&get_of("/")).await;
        assert!(tokio::time::timeout(LONG, answered.read(&mut head)).await.expect("no place").unwrap() > 0);
        assert_eq!(rest(silent).await, "");
        tokio::time::sleep(SHORT).await;
        let mut another = served.asked(&get_of("/")).await;
        assert!(tokio::time::timeout(LONG, another.read(&mut head)).await.expect("no place").unwrap() > 0);
        assert_eq!(rest(half).await, "");
        tokio::time::sleep(SHORT).await;
        answered.write_all(get_of("/").as_bytes()).await.unwrap(); // it is in use again, so `another` is who goes
        assert!(answered.read(&mut head).await.unwrap() > 0);
        let third = served.asked(&get_of("/slow")).await;
        assert_eq!(rest(another).await, "");
        assert!(
            tokio::time::timeout(SHORT, in_use.read(&mut head)).await.is_err(),
            "what was in use was ended"
        );
        drop((third, answered));
    }

    #[tokio::test]
    async fn an_answer_that_is_not_taken_yet_is_not_cut_off_to_make_room() {
        let served = served(Limits { connections_max: 1, ..Limits::default() }).await;
        let slow = served.asked(&get_of("/large")).await;
        tokio::time::sleep(SHORT).await; // all of it is written, as far as the system takes it
        let mut other = served.asked(&get_of("/")).await;
        let mut head = vec![0; 4096];
        assert!(
            tokio::time::timeout(3 * SHORT, other.read(&mut head)).await.is_err(),
            "somebody was cut off"
        );
        let mut slow = slow;
        let mut left = LARGE;
        let mut piece = vec![0; 1 << 20];
        while left > 0 {
            let taken = slow.read(&mut piece).await.unwrap();
            assert!(taken > 0, "it was cut off {left} bytes before its end");
            left = left.saturating_sub(taken);
        }
        assert!(tokio::time::timeout(LONG, other.read(&mut head)).await.expect("no place").unwrap() > 0);
    }

    #[tokio::test]
    async fn what_is_under_way_is_answered_when_the_server_stops_and_nobody_else_is_let_in() {
        let served = served(Limits::default()).await;
        let idle = served.asked("").await;
        let under_way = served.asked(&get_of("/slow")).await;
        tokio::time::sleep(SHORT / 4).await;
        served.stop.send(true).unwrap();
        assert!(rest(under_way).await.ends_with("at last"));
        assert_eq!(rest(idle).await, "");
        tokio::time::timeout(LONG, served.server).await.expect("it does not end").unwrap();
        assert!(TcpStream::connect(served.address).await.is_err());
    }
}
