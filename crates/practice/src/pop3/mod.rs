//! The practice POP3 server (RFC 1939, 2449, 2595, 5034) with Exchange's capabilities and words: how a client
//! gets in. What it does with the letters is in `letters`. A session sees INBOX as it was at sign-in.

mod letters;

use std::io::Result;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::MailSecurity;
use crate::faults::Fault;
use crate::link::Link;
use crate::sasl::{self, Protocol, SignIn};
use crate::world::Shared;
use letters::Open;

/// Exchange closes a connection after so many failed commands.
const FAILURES_MAX: u32 = 10;
const NOT_IN: &str = "Authentication failure: unknown user name or bad password.";

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    /// Begin TLS.
    Secure,
    /// Say goodbye to TLS, too.
    Close,
    /// Cut the connection as a failing network does.
    Drop,
}

enum State {
    Stranger,
    /// Signed in with a good token, to a mailbox that does not open.
    NotConnected,
    In(Open),
}

struct Session {
    world: Shared,
    link: Link,
    state: State,
    failures: u32,
}

/// One client, from its connection to its end.
pub(crate) async fn serve(
    world: Shared,
    stream: TcpStream,
    acceptor: TlsAcceptor,
    security: MailSecurity,
) -> Result<()> {
    let mut link = Link::new(stream);
    if security == MailSecurity::Implicit {
        link = link.secure(&acceptor).await?;
    }
    if world.faults.strike(Fault::PopUnavailable, None) {
        link.send("-ERR [SYS/TEMP] Server Unavailable. 21\r\n").await?;
        link.close().await;
        return Ok(());
    }
    link.send("+OK The Microsoft Exchange POP3 service is ready. [practice]\r\n").await?;
    let mut session = Session { world, link, state: State::Stranger, failures: 0 };
    loop {
        let Some(line) = session.link.line().await? else { return Ok(()) };
        match session.answer(&String::from_utf8_lossy(&line)).await? {
            Next::Go => {}
            Next::Secure => session.link = session.link.secure(&acceptor).await?,
            Next::Close => {
                session.link.close().await;
                return Ok(());
            }
            Next::Drop => return Ok(()),
        }
        if session.failures >= FAILURES_MAX {
            session.no("Protocol error. Connection is closed. 10").await?;
            session.link.close().await;
            return Ok(());
        }
    }
}

impl Session {
    async fn answer(&mut self, line: &str) -> Result<Next> {
        let (verb, rest) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
        let verb = verb.to_ascii_uppercase();
        match (verb.as_str(), &self.state) {
            ("CAPA", _) => self.capabilities().await,
            ("QUIT", State::Stranger | State::NotConnected) => {
                self.ok(GOODBYE).await?;
                Ok(Next::Close)
            }
            ("STLS", State::Stranger) if !self.link.is_secure() => {
                self.ok("Begin TLS negotiation.").await?;
                Ok(Next::Secure)
            }
            ("USER" | "PASS" | "AUTH", State::Stranger) if !self.link.is_secure() => {
                self.no("Command is not valid in this state.").await
            }
            ("USER", State::Stranger) => self.ok("").await,
            // As a tenant without basic authentication does.
            ("PASS", State::Stranger) => self.no("Logon failure: unknown user name or bad password.").await,
            ("AUTH", State::Stranger) => self.authenticate(rest).await,
            (_, State::NotConnected) => {
                self.no("User is authenticated but not connected.").await?;
                Ok(Next::Close)
            }
            (_, State::In(_)) => self.inside(&verb, rest).await,
            (_, State::Stranger) => self.no("Command is not valid in this state.").await,
        }
    }

    async fn capabilities(&mut self) -> Result<Next> {
        let uidl = if self.world.faults.strike(Fault::PopNoUidl, self.mailbox()) { "" } else { "UIDL\r\n" };
        let begin = match self.link.is_secure() {
            true => "SASL PLAIN XOAUTH2\r\nUSER\r\n",
            false => "STLS\r\n",
        };
        self.link.send(format!("+OK\r\nTOP\r\n{uidl}{begin}.\r\n")).await?;
        Ok(Next::Go)
    }

    /// In two lines: a command of one line has no room for a token, and Exchange takes none.
    async fn authenticate(&mut self, rest: &str) -> Result<Next> {
        if rest.is_empty() {
            self.link.send("+OK\r\nPLAIN\r\nXOAUTH2\r\n.\r\n").await?;
            return Ok(Next::Go);
        }
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        if !mechanism.eq_ignore_ascii_case("XOAUTH2") || !initial.is_empty() {
            return self.no("Protocol error. 19").await;
        }
        self.link.send("+ \r\n").await?;
        let Some(answer) = self.link.line().await? else { return Ok(Next::Drop) };
        let verdict = sasl::xoauth2(&self.world, &answer, Protocol::Pop);
        let mailbox = verdict.mailbox().map(str::to_owned);
        let strikes = |fault| self.world.faults.strike(fault, mailbox.as_deref());
        if strikes(Fault::PopAuthFails) {
            return self.no(NOT_IN).await;
        }
        if strikes(Fault::PopAuthJson) {
            return self.refuse_as_google().await;
        }
        if strikes(Fault::PopInUse) {
            return self.no("[IN-USE] Mailbox is locked by another session.").await;
        }
        let connected = !strikes(Fault::PopNotConnected);
        self.state = match verdict {
            SignIn::Refused => return self.no(NOT_IN).await,
            SignIn::Challenged => return self.refuse_as_google().await,
            SignIn::Open(who) if connected => State::In(Open::now(&self.world, &who.mailbox)),
            SignIn::Open(_) | SignIn::NotConnected { .. } | SignIn::SwitchedOff { .. } => State::NotConnected,
        };
        self.ok("User successfully authenticated.").await
    }

    async fn refuse_as_google(&mut self) -> Result<Next> {
        self.link.send(format!("+ {}\r\n", sasl::google_error())).await?;
        // The client has to answer with an empty line before it hears the end.
        if self.link.line().await?.is_none() {
            return Ok(Next::Drop);
        }
        self.no("[AUTH] Username and password not accepted.").await
    }

    fn mailbox(&self) -> Option<&str> {
        match &self.state {
            State::In(open) => Some(&open.mailbox),
            State::Stranger | State::NotConnected => None,
        }
    }

    async fn ok(&mut self, text: &str) -> Result<Next> {
        let line = format!("+OK {text}");
        self.link.send(format!("{}\r\n", line.trim_end())).await?;
        Ok(Next::Go)
    }

    async fn no(&mut self, text: &str) -> Result<Next> {
        self.failures += 1;
        self.link.send(format!("-ERR {text}\r\n")).await?;
        Ok(Next::Go)
    }
}

const GOODBYE: &str = "Microsoft Exchange Server POP3 server signing off.";
