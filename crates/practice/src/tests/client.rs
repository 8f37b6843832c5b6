//! Tiny clients: HTTP without redirects, a browser that fills in forms, and a line conversation over TLS.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Practice;

/// Long enough for a loaded machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long silence is listened to before it counts as silence.
const SILENCE: Duration = Duration::from_millis(150);

/// Names and values of a form or a query.
pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn location(&self) -> &str {
        self.headers.get("location").unwrap_or_else(|| panic!("no redirect: {} {}", self.status, self.body))
    }

    /// A parameter of the address that is redirected to.
    pub fn sent_back(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.location()).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The value of a field in the page.
    pub fn field(&self, name: &str) -> String {
        let marked = format!("name=\"{name}\" value=\"");
        let start =
            self.body.find(&marked).unwrap_or_else(|| panic!("no {name} in {}", self.body)) + marked.len();
        self.body[start..].split('"').next().unwrap().to_owned()
    }

    /// What stands in the element with this id.
    pub fn element(&self, id: &str) -> String {
        let marked = format!("id=\"{id}\">");
        let start =
            self.body.find(&marked).unwrap_or_else(|| panic!("no #{id} in {}", self.body)) + marked.len();
        self.body[start..].split('<').next().unwrap().to_owned()
    }
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

pub(crate) async fn get(url: &str) -> Answer {
    request("GET", url, &[], "").await.unwrap()
}

pub(crate) async fn post(url: &str, fields: &[(&str, &str)]) -> Answer {
    request("POST", url, &[("content-type", "application/x-www-form-urlencoded")], &form(fields))
        .await
        .unwrap()
}

pub(crate) async fn post_json(url: &str, body: &serde_json::Value) -> Answer {
    request("POST", url, &[("content-type", "application/json")], &body.to_string()).await.unwrap()
}

pub(crate) async fn request(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Answer> {
    let url = url::Url::parse(url).unwrap();
    let target = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let mut head =
        format!("{method} {target} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "host") {
        head.push_str(&format!("host: {host}\r\n"));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = TcpStream::connect(&host).await?;
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).await?;
    let mut raw = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut raw)).await.expect("the server answers")?;
    let text = String::from_utf8(raw).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Ok(Answer { status, headers: headers.collect(), body: body.to_owned() })
}

/// The base64 of an XOAUTH2 answer.
pub(crate) fn xoauth2(user: &str, token: &str) -> String {
    STANDARD.encode(format!("user={user}\u{1}auth=Bearer {token}\u{1}\u{1}"))
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A conversation in lines.
pub(crate) struct Talk {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
}

async fn encrypt(stream: impl Stream + 'static, ca_pem: &str) -> Box<dyn Stream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap())
}

impl Talk {
    pub async fn plain(address: SocketAddr) -> Talk {
        Talk { stream: Box::new(TcpStream::connect(address).await.unwrap()), buffer: Vec::new() }
    }

    pub async fn tls(address: SocketAddr, ca_pem: &str) -> Talk {
        let stream = TcpStream::connect(address).await.unwrap();
        Talk { stream: encrypt(stream, ca_pem).await, buffer: Vec::new() }
    }

    pub async fn secure(self, ca_pem: &str) -> Talk {
        Talk { stream: encrypt(self.stream, ca_pem).await, buffer: Vec::new() }
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next line; `None` when the server has gone, by goodbye or by a cut.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let read = self.stream.read_buf(&mut self.buffer);
            match tokio::time::timeout(PATIENCE, read).await.expect("the server answers") {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Everything until the connection ends.
    pub async fn rest(&mut self) -> String {
        let mut text = String::new();
        while let Some(line) = self.line().await {
            text.push_str(&line);
            text.push('\n');
        }
        text + &String::from_utf8_lossy(&self.buffer)
    }

    /// Whether the server says nothing more and holds the line.
    pub async fn is_silent(&mut self) -> bool {
        loop {
            match tokio::time::timeout(SILENCE, self.stream.read_buf(&mut self.buffer)).await {
                Err(_) => return true,
                Ok(Ok(0) | Err(_)) => return false,
                Ok(Ok(_)) => {}
            }
        }
    }

    /// IMAP: sends a command and reads up to its tagged answer.
    pub async fn ask(&mut self, command: &str) -> String {
        self.send(&format!("t {command}\r\n")).await;
        self.answer().await
    }

    pub async fn answer(&mut self) -> String {
        let mut text = String::new();
        while let Some(line) = self.line().await {
            text.push_str(&line);
            text.push('\n');
            // A letter may have a line that begins with the tag alone.
            if ["t OK ", "t NO ", "t BAD "].iter().any(|end| line.starts_with(end)) {
                break;
            }
        }
        text
    }

    /// POP3: sends a command and reads one line.
    pub async fn one(&mut self, command: &str) -> String {
        self.send(&format!("{command}\r\n")).await;
        self.line().await.unwrap_or_default()
    }

    /// POP3: and what follows, up to the dot.
    pub async fn several(&mut self, command: &str) -> String {
        let mut text = self.one(command).await + "\n";
        while text.starts_with("+OK") && !text.ends_with("\n.\n") {
            let Some(line) = self.line().await else { break };
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// SMTP: sends a line and reads its reply, which may have several lines.
    pub async fn say(&mut self, line: &str) -> String {
        self.send(&format!("{line}\r\n")).await;
        self.reply().await
    }

    pub async fn reply(&mut self) -> String {
        let mut text = String::new();
        while let Some(line) = self.line().await {
            text.push_str(&line);
            text.push('\n');
            if line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        text
    }
}

/// A connected POP3 session, past the greeting.
pub(crate) async fn pop(practice: &Practice) -> Talk {
    let mut talk = Talk::tls(practice.pop_addr, &practice.ca_pem).await;
    assert!(talk.line().await.unwrap().starts_with("+OK"));
    talk
}

/// With what the server says to the token.
pub(crate) async fn pop_auth(practice: &Practice, mailbox: &str, token: &str) -> (Talk, String) {
    let mut talk = pop(practice).await;
    assert_eq!(talk.one("AUTH XOAUTH2").await, "+");
    let answer = talk.one(&xoauth2(mailbox, token)).await;
    (talk, answer)
}

/// Signed in to a mailbox with its own good token.
pub(crate) async fn pop_as(practice: &Practice, mailbox: &str) -> Talk {
    let (talk, answer) = pop_auth(practice, mailbox, &practice.access_token("client", mailbox)).await;
    assert_eq!(answer, "+OK User successfully authenticated.");
    talk
}

/// A connected IMAP session, past the greeting.
pub(crate) async fn imap(practice: &Practice) -> Talk {
    let mut talk = Talk::tls(practice.imap_addr, &practice.ca_pem).await;
    assert!(talk.line().await.unwrap().starts_with("* OK"));
    talk
}

/// Signed in to a mailbox with its own good token.
pub(crate) async fn imap_as(practice: &Practice, mailbox: &str) -> Talk {
    let token = practice.access_token("client", mailbox);
    let mut talk = imap(practice).await;
    let answer = talk.ask(&format!("AUTHENTICATE XOAUTH2 {}", xoauth2(mailbox, &token))).await;
    assert_eq!(answer, "t OK AUTHENTICATE completed.\n");
    talk
}

/// Past STARTTLS and EHLO.
pub(crate) async fn smtp(practice: &Practice) -> Talk {
    let mut talk = Talk::plain(practice.smtp_addr).await;
    assert!(talk.reply().await.starts_with("220 "));
    assert!(talk.say("EHLO test").await.contains("STARTTLS"));
    assert!(talk.say("STARTTLS").await.starts_with("220 "));
    let mut talk = talk.secure(&practice.ca_pem).await;
    talk.say("EHLO test").await;
    talk
}

pub(crate) async fn smtp_as(practice: &Practice, mailbox: &str) -> Talk {
    let token = practice.access_token("client", mailbox);
    let mut talk = smtp(practice).await;
    let reply = talk.say(&format!("AUTH XOAUTH2 {}", xoauth2(mailbox, &token))).await;
    assert_eq!(reply, "235 2.7.0 Authentication successful\n");
    talk
}
