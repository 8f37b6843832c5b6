//! One mailbox, and the token that opens it. Nothing is connected before something is asked.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::answer::{self, unreadable};
use super::gate::{Gate, Leave, Queue};
use super::{ANSWER_BYTES_MAX, ANSWER_TIMEOUT, ID_BYTES_MAX, LINK_BYTES_MAX};
use crate::letter::{Came, Room};
use crate::net::{Call, Coming, HttpAnswer, Method, Net, Unanswered};
use crate::{Error, Record, Result, Security, Server};

const VERSION: &str = "/v1.0/";
/// A preference (RFC 7240) of every request. Folders do not need it, and it does not harm them.
const IMMUTABLE: &str = "IdType=\"ImmutableId\"";

pub struct Session {
    net: Net,
    pub(super) host: String,
    /// `https://graph.microsoft.com/v1.0/users/{mailbox}`
    root: Url,
    token: SecretString,
    queue: Queue,
    record: Option<Record>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("host", &self.host).finish_non_exhaustive()
    }
}

/// What is asked.
pub(super) struct Request<'a> {
    /// Completes "could not …".
    pub tried: &'a str,
    pub method: Method,
    pub url: Url,
    /// Beside that of lasting ids.
    pub prefer: Option<String>,
    pub body: Option<(&'static str, Vec<u8>)>,
    pub bytes_max: usize,
    /// To the last byte.
    pub limit: Duration,
    /// To the head of the answer.
    pub head_limit: Duration,
}

impl<'a> Request<'a> {
    pub(super) fn of(tried: &'a str, method: Method, url: Url) -> Request<'a> {
        let (bytes_max, limit, head_limit) = (ANSWER_BYTES_MAX, ANSWER_TIMEOUT, ANSWER_TIMEOUT);
        Request { tried, method, url, prefer: None, body: None, bytes_max, limit, head_limit }
    }

    pub(super) fn json(self, body: &serde_json::Value) -> Request<'a> {
        Request { body: Some(("application/json", body.to_string().into_bytes())), ..self }
    }
}

impl Session {
    /// `mailbox` is the address of the mailbox to open, whoever's the token is.
    pub fn new(
        net: &Net,
        server: &Server,
        mailbox: &str,
        token: SecretString,
        gate: &Gate,
    ) -> Result<Session> {
        let tried = "open the mailbox";
        let scheme = match server.security {
            Security::Tls | Security::StartTls => "https",
            Security::Plain => "http",
        };
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let refuse = |why: &str| Error::rejected(tried, &server.host).remedy(why);
        let mut root = Url::parse(&format!("{scheme}://{host}:{}{VERSION}users", server.port))
            .map_err(|_| refuse("this is not a host name: check the Hostname"))?;
        if !mailbox.contains('@') {
            return Err(refuse("this is not the address of a mailbox: check the Username"));
        }
        push(&mut root, &[mailbox]);
        let queue = gate.of(&format!("{host}:{}", server.port), &mailbox.to_lowercase());
        Ok(Session { net: net.clone(), host: server.host.clone(), root, token, queue, record: None })
    }

    /// Another token from now on, in place of one that has ended.
    pub fn renew(&mut self, token: SecretString) {
        if let Some(record) = &self.record {
            record.hide([token.clone()]);
        }
        self.token = token;
    }

    /// Questions and answers are written down from now on, without the token and without anybody's mail.
    pub fn record(&mut self, record: Record) {
        record.hide([self.token.clone()]);
        self.record = Some(record);
    }

    /// An address under the mailbox. None of the parts is empty or goes upwards, which [`checked_id`] sees to.
    pub(super) fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.root.clone();
        push(&mut url, parts);
        url
    }

    /// A link that the server handed out, or that was kept of one: to this server and this version of its API, since
    /// the token travels with it.
    pub(super) fn link(&self, tried: &str, link: &str) -> Result<Url> {
        let refuse = || {
            Error::broken(tried, &self.host)
                .remedy("its link to go on with leads elsewhere, so it is not followed")
        };
        let url = Url::parse(link).ok().filter(|_| link.len() <= LINK_BYTES_MAX).ok_or_else(refuse)?;
        let is_here = url.origin() == self.root.origin()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path().starts_with(VERSION);
        if is_here { Ok(url) } else { Err(refuse()) }
    }

    /// An answer whatever its status.
    pub(super) async fn ask(&self, request: Request<'_>) -> Result<HttpAnswer, Unanswered> {
        let _leave: Leave = self.queue.take().await;
        let bytes_max = request.bytes_max;
        let answer = match self.begin(request).await {
            Ok(coming) => coming.whole(bytes_max).await,
            Err(why) => Err(why),
        };
        self.note(answer.as_ref().map(|answer| format!("HTTP {}{}", answer.status, answer::words(answer))));
        answer.map_err(|why| why.hiding(self.token.expose_secret()))
    }

    /// An answer that is a letter where it is a good one, save that whatever stands between may answer with a page, which
    /// taken for the letter would be its loss.
    pub(super) async fn ask_for_letter(
        &self,
        request: Request<'_>,
        room: &Room,
    ) -> Result<Result<Came, HttpAnswer>, Unanswered> {
        let _leave: Leave = self.queue.take().await;
        let bytes_max = request.bytes_max;
        let answer = match self.begin(request).await {
            Ok(coming)
                if coming.head.status == 200
                    && !answer::is_a(&coming.head, &["text/html", "application/json"]) =>
            {
                coming.letter(room).await.map(Ok)
            }
            Ok(coming) => coming.whole(bytes_max).await.map(Err),
            Err(why) => Err(why),
        };
        self.note(answer.as_ref().map(|answer| match answer {
            Ok(_) => "HTTP 200".to_owned(),
            Err(answer) => format!("HTTP {}{}", answer.status, answer::words(answer)),
        }));
        answer.map_err(|why| why.hiding(self.token.expose_secret()))
    }

    /// What was answered, for the record.
    fn note(&self, line: Result<String, &Unanswered>) {
        if let Some(record) = &self.record {
            let line = line.unwrap_or_else(|why| why.error().to_string());
            record.came(line.as_bytes());
        }
    }

    async fn begin<'a>(&self, request: Request<'a>) -> Result<Coming<'a>, Unanswered> {
        let prefer = match &request.prefer {
            Some(more) => format!("{IMMUTABLE}, {more}"),
            None => IMMUTABLE.to_owned(),
        };
        if let Some(record) = &self.record {
            record.sent(format!("{} {}\r\n", request.method.word(), shown(&request.url)).as_bytes());
        }
        let call = Call {
            method: request.method,
            url: &request.url,
            token: &self.token,
            headers: &[("prefer", &prefer)],
            body: request.body,
            limit: request.limit,
            head_limit: request.head_limit,
            stall_limit: super::STALL_TIMEOUT,
        };
        self.net.begin(request.tried, call).await
    }

    /// A good answer, read.
    pub(super) async fn json<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T> {
        let tried = request.tried.to_owned();
        let answer = self.answered(request).await?;
        serde_json::from_slice(&answer.body).map_err(|_| unreadable(&tried, &self.host))
    }

    /// A good answer; anything else is an error.
    pub(super) async fn answered(&self, request: Request<'_>) -> Result<HttpAnswer> {
        let tried = request.tried.to_owned();
        let answer = self.ask(request).await.map_err(Unanswered::into_error)?;
        if (200..300).contains(&answer.status) { Ok(answer) } else { Err(self.refusal(&tried, &answer)) }
    }

    pub(super) fn refusal(&self, tried: &str, answer: &HttpAnswer) -> Error {
        answer::refusal(tried, &self.host, answer).hiding(&[self.token.expose_secret()])
    }
}

fn push(url: &mut Url, parts: &[&str]) {
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(parts);
    }
}

/// The way without the state in it, which is long and says nothing to anybody.
fn shown(url: &Url) -> String {
    let mut path = url.path().to_owned();
    if url.query().is_some() {
        path.push_str("?…");
    }
    path
}

/// An id as the server gave it, fit to stand in an address.
pub(super) fn checked_id(tried: &str, host: &str, id: &str) -> Result<()> {
    let fits = !id.is_empty() && id.len() <= ID_BYTES_MAX && !matches!(id, "." | "..");
    if fits && !id.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::broken(tried, host).remedy("it named something by an id that is none"))
}
