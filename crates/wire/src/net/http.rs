//! Requests over the clients of `net`: which addresses a URL may name, how much of an answer is read.

use std::error::Error as StdError;
use std::net::IpAddr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::coming::Coming;
use super::names::NoAddress;
use super::policy::{Purpose, check};
use super::{BODY_BYTES_PER_S_MIN, Net, certificate};
use crate::{Error, Kind, Result};

/// A whole request, from resolving the name to the last byte. Shorter than the lease on a refresh.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer, whatever its status: callers decide what a status means.
#[derive(Clone, Debug)]
pub struct HttpAnswer {
    pub status: u16,
    /// From `Retry-After`: seconds, or a date against the answer's own `Date` (RFC 9110 §10.2.3), so that no clock of
    /// ours decides how long the other side is left alone.
    pub retry_after_ms: Option<i64>,
    /// Where a redirect would lead, which is not followed.
    pub location: Option<String>,
    pub media_type: Option<String>,
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Patch,
    Delete,
}

impl Method {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// A request of an API, with an access token (RFC 6750 §2.1).
pub(crate) struct Call<'a> {
    pub method: Method,
    pub url: &'a Url,
    pub token: &'a SecretString,
    pub headers: &'a [(&'a str, &'a str)],
    /// With its type.
    pub body: Option<(&'a str, Vec<u8>)>,
    /// From resolving the name to the last byte.
    pub limit: Duration,
    /// From resolving the name to the head of the answer; a large body has longer by [`BODY_BYTES_PER_S_MIN`].
    pub head_limit: Duration,
    /// Between two pieces of the answer.
    pub stall_limit: Duration,
}

impl Call<'_> {
    fn head_within(&self) -> Duration {
        let bytes = self.body.as_ref().map_or(0, |(_, body)| u64::try_from(body.len()).unwrap_or(u64::MAX));
        self.head_limit.saturating_add(Duration::from_secs(bytes / BODY_BYTES_PER_S_MIN)).min(self.limit)
    }
}

/// Why there is no whole answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Nothing of the request has left.
    NotSent(Error),
    /// It may have arrived.
    Broken(Error),
}

impl Unanswered {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Unanswered::NotSent(error) | Unanswered::Broken(error) => error,
        }
    }

    pub(crate) fn error(&self) -> &Error {
        match self {
            Unanswered::NotSent(error) | Unanswered::Broken(error) => error,
        }
    }

    pub(crate) fn hiding(self, secret: &str) -> Unanswered {
        match self {
            Unanswered::NotSent(error) => Unanswered::NotSent(error.hiding(&[secret])),
            Unanswered::Broken(error) => Unanswered::Broken(error.hiding(&[secret])),
        }
    }
}

impl Net {
    /// Asks any request of an API and reads the head of its answer, whatever the status. `tried` completes "could not …".
    pub(crate) async fn begin<'a>(&self, tried: &'a str, call: Call<'_>) -> Result<Coming<'a>, Unanswered> {
        let (url, limit, head_limit) = (call.url, call.limit, call.head_within());
        let host = host_of(url);
        let client = self.client_for(tried, url).map_err(Unanswered::NotSent)?;
        let request = match call.method {
            Method::Get => client.get(url.clone()),
            Method::Post => client.post(url.clone()),
            Method::Patch => client.patch(url.clone()),
            Method::Delete => client.delete(url.clone()),
        };
        let request = request.bearer_auth(call.token.expose_secret()).timeout(limit);
        let request =
            call.headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = match call.body {
            Some((media_type, body)) => request.header("content-type", media_type).body(body),
            // Without a length some servers refuse a POST that has none.
            None if call.method == Method::Post => request.header("content-length", "0"),
            None => request,
        };
        let answered = tokio::time::timeout(head_limit, request.send()).await.map_err(|_| {
            let why = format!("no answer within {} s", head_limit.as_secs());
            Unanswered::Broken(Error::transient(tried, &*host).remedy(why))
        })?;
        let response = answered.map_err(|error| {
            let before = error.is_connect() || error.is_builder();
            let error = explain(tried, &host, error, limit);
            if before { Unanswered::NotSent(error) } else { Unanswered::Broken(error) }
        })?;
        Ok(Coming { tried, host, head: head(&response), response, limit, stall_limit: call.stall_limit })
    }

    /// `tried` completes "could not …". An answer over `bytes_max` is an error.
    pub async fn get(&self, tried: &str, url: &Url, bytes_max: usize) -> Result<HttpAnswer> {
        let request = self.client_for(tried, url)?.get(url.clone());
        send(tried, url, request.header("accept", "application/json"), bytes_max).await
    }

    /// The same with an access token (RFC 6750 §2.1), which is in no error.
    pub async fn get_with_token(
        &self,
        tried: &str,
        url: &Url,
        token: &SecretString,
        bytes_max: usize,
    ) -> Result<HttpAnswer> {
        let request = self.client_for(tried, url)?.get(url.clone()).bearer_auth(token.expose_secret());
        send(tried, url, request.header("accept", "application/json"), bytes_max).await
    }

    /// POST of a form. Nothing of the form appears in an error.
    pub async fn post_form(
        &self,
        tried: &str,
        url: &Url,
        form: &[(&str, &str)],
        bytes_max: usize,
    ) -> Result<HttpAnswer> {
        let request = self.client_for(tried, url)?.post(url.clone()).form(form);
        send(tried, url, request.header("accept", "application/json"), bytes_max).await
    }

    /// POST of a JSON text. Neither the text nor the headers appear in an error.
    pub async fn post_json(
        &self,
        tried: &str,
        url: &Url,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<HttpAnswer> {
        let request =
            self.client_for(tried, url)?.post(url.clone()).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.body(body).send().await;
        response
            .map(|response| head(&response))
            .map_err(|error| explain(tried, &host_of(url), error, HTTP_TIMEOUT))
    }

    /// POST of a text; what is answered to it is read. The text appears in no error.
    pub async fn post_text(
        &self,
        tried: &str,
        url: &Url,
        media_type: &str,
        body: String,
        bytes_max: usize,
    ) -> Result<HttpAnswer> {
        let request = self.client_for(tried, url)?.post(url.clone()).header("content-type", media_type);
        send(tried, url, request.body(body), bytes_max).await
    }

    fn client_for(&self, tried: &str, url: &Url) -> Result<&reqwest::Client> {
        let host = host_of(url);
        let refuse = |why: &str| Error::rejected(tried, &*host).remedy(why);
        let (client, purpose) = match (url.scheme(), &self.inner.practice) {
            ("https", _) => (&self.inner.https, Purpose::Https),
            ("http", Some(practice)) => (practice, Purpose::PlainHttp),
            _ => return Err(refuse("the address must begin with https://")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("the address must not hold a user name or password"));
        }
        // An address literal never reaches the resolver.
        let literal: Option<IpAddr> = match url.host() {
            Some(Host::Ipv4(four)) => Some(four.into()),
            Some(Host::Ipv6(six)) => Some(six.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(refuse("the address names no host")),
        };
        match literal.map(|address| (address, check(&self.inner.policy, purpose, address))) {
            Some((address, Err(why))) => Err(refuse(&NoAddress::Refused { address, why }.to_string())),
            Some((_, Ok(()))) | None => Ok(client),
        }
    }
}

pub(crate) fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

async fn send(
    tried: &str,
    url: &Url,
    request: reqwest::RequestBuilder,
    bytes_max: usize,
) -> Result<HttpAnswer> {
    let host = host_of(url);
    let mut response = request.send().await.map_err(|error| explain(tried, &host, error, HTTP_TIMEOUT))?;
    let answer = head(&response);
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| explain(tried, &host, error, HTTP_TIMEOUT))?
    {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            let why = format!("its answer is longer than {bytes_max} bytes");
            return Err(Error::transient(tried, host).remedy(why));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpAnswer { body, ..answer })
}

/// All but the body.
fn head(response: &reqwest::Response) -> HttpAnswer {
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    HttpAnswer {
        status: response.status().as_u16(),
        retry_after_ms: header("retry-after").and_then(|value| wait_ms(value, header("date"))),
        location: header("location").map(str::to_owned),
        media_type: header("content-type").map(str::to_owned),
        body: Vec::new(),
    }
}

/// How long `Retry-After` asks to wait. A date that has passed is no wait; one without the answer's `Date` says nothing.
fn wait_ms(retry_after: &str, date: Option<&str>) -> Option<i64> {
    let text = retry_after.trim();
    if !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit()) {
        let seconds = text.parse::<u32>().unwrap_or(u32::MAX); // more digits than fit are a long time all the same
        return Some(i64::from(seconds) * 1000);
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let said_at = httpdate::parse_http_date(date?.trim()).ok()?;
    let wait = until.duration_since(said_at).unwrap_or(Duration::ZERO);
    Some(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

/// A refused address is for a person; everything else may be a captive portal or a bad hour: try again.
pub(super) fn explain(tried: &str, host: &str, error: reqwest::Error, limit: Duration) -> Error {
    let error = error.without_url();
    let timed_out = error.is_timeout();
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    let mut deepest = error.to_string();
    while let Some(this) = cause {
        if let Some(refusal) = this.downcast_ref::<NoAddress>() {
            let kind = match refusal {
                NoAddress::Refused { .. } => Kind::Rejected,
                NoAddress::Unknown(_) => Kind::Transient { retry_after_ms: None },
            };
            return Error::new(kind, tried, host).remedy(refusal.to_string());
        }
        let inside = this.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = this.downcast_ref::<rustls::Error>();
        let tls = tls.or_else(|| inside.and_then(|inside| inside.downcast_ref::<rustls::Error>()));
        if let Some(sentence) = tls.and_then(|tls| certificate::explain(tls, host)) {
            return Error::transient(tried, host).remedy(sentence);
        }
        deepest = this.to_string();
        cause = this.source();
    }
    let why = if timed_out { format!("no whole answer within {} s", limit.as_secs()) } else { deepest };
    Error::transient(tried, host).remedy(why)
}

#[cfg(test)]
mod tests {
    use super::wait_ms;

    #[test]
    fn a_time_to_come_back_at_is_seconds_or_a_date_in_each_of_its_three_forms() {
        let date = Some("Tue, 24 Nov 2026 12:00:00 GMT");
        for (retry_after, date, wait) in [
            ("7", None, Some(7_000)),
            (" 300 ", date, Some(300_000)),
            ("0", None, Some(0)),
            ("99999999999999999999", None, Some(i64::from(u32::MAX) * 1000)),
            ("Tue, 24 Nov 2026 12:05:00 GMT", date, Some(300_000)),
            ("Tuesday, 24-Nov-26 12:05:00 GMT", date, Some(300_000)),
            ("Tue Nov 24 12:05:00 2026", date, Some(300_000)),
            ("Tue, 24 Nov 2026 11:00:00 GMT", date, Some(0)),
            // Without the time of the answer nobody knows how far off it is.
            ("Tue, 24 Nov 2026 12:05:00 GMT", None, None),
            ("Tue, 24 Nov 2026 12:05:00 GMT", Some("now"), None),
            ("in a while", date, None),
            ("-7", date, None),
            ("7.5", date, None),
            ("", date, None),
        ] {
            assert_eq!(wait_ms(retry_after, date), wait, "“{retry_after}” at {date:?}");
        }
    }
}
