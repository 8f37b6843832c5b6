//! The practice IMAP server: the part of RFC 3501 (and IDLE, MOVE, UIDPLUS, LITERAL+, SASL-IR) that a fetcher
//! uses, with Exchange's capabilities and its words. Commands on folders are in `folders`, on letters in
//! `selected` and `change`.

mod change;
mod command;
mod fetch;
mod folders;
mod search;
mod selected;

use std::io::Result;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::MailSecurity;
use crate::faults::Fault;
use crate::link::Link;
use crate::sasl::{self, Opened, Protocol, SignIn};
use crate::world::{Shared, World};
use command::Command;
use selected::Selected;

/// As Exchange Online says it, less what is not there.
const CAPABILITIES: &str =
    "IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+";
/// Exchange tells of MOVE only after sign-in.
const CAPABILITIES_AFTER: &str = "MOVE CLIENTACCESSRULES CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE";
/// Exchange closes a connection after ten failed commands.
const FAILURES_MAX: u32 = 10;
pub(crate) const BACKOFF: &str = "Request is throttled. Suggested Backoff Time: 299961 milliseconds";

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    /// Say goodbye to TLS, too.
    Close,
    /// Cut the connection as a failing network does.
    Drop,
}

enum State {
    Stranger,
    /// Signed in with a good token, to a mailbox that does not open.
    NotConnected,
    In {
        who: Opened,
        selected: Option<Selected>,
    },
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
    if world.faults.strike(Fault::ImapUnavailable, None) {
        link.send("* BYE Server Unavailable. 15\r\n").await?;
        link.close().await;
        return Ok(());
    }
    link.send("* OK The Microsoft Exchange IMAP4 service is ready. [practice]\r\n").await?;
    let mut session = Session { world, link, state: State::Stranger, failures: 0 };
    loop {
        let Some(command) = command::read(&mut session.link).await? else { return Ok(()) };
        if command.verb == "STARTTLS" && !session.link.is_secure() {
            session.link.send(format!("{} OK Begin TLS negotiation now.\r\n", command.tag)).await?;
            session.link = session.link.secure(&acceptor).await?;
            continue;
        }
        match session.answer(&command).await? {
            Next::Go => {}
            Next::Close => {
                session.link.close().await;
                return Ok(());
            }
            Next::Drop => return Ok(()),
        }
        if session.failures >= FAILURES_MAX {
            session.link.send("* BYE Connection closed. 14\r\n").await?;
            session.link.close().await;
            return Ok(());
        }
    }
}

impl Session {
    async fn answer(&mut self, command: &Command) -> Result<Next> {
        match command.verb.as_str() {
            "CAPABILITY" => self.capability(command).await,
            "NOOP" | "CHECK" => {
                self.news().await?;
                self.ok(command, &format!("{} completed.", command.verb)).await
            }
            "ID" => {
                self.link
                    .send("* ID (\"name\" \"Postern.Practice.Imap4Server\" \"version\" \"15.20\")\r\n")
                    .await?;
                self.ok(command, "ID completed").await
            }
            "LOGOUT" => {
                self.link
                    .send(format!(
                        "* BYE Practice IMAP4 server signing off.\r\n{} OK LOGOUT completed.\r\n",
                        command.tag
                    ))
                    .await?;
                Ok(Next::Close)
            }
            "AUTHENTICATE" => self.authenticate(command).await,
            "LOGIN" => self.no(command, "LOGIN failed.").await,
            _ => self.inside(command).await,
        }
    }

    async fn capability(&mut self, command: &Command) -> Result<Next> {
        let more = match self.state {
            State::Stranger if !self.link.is_secure() => " STARTTLS LOGINDISABLED".to_owned(),
            State::Stranger => String::new(),
            State::NotConnected | State::In { .. } => format!(" {CAPABILITIES_AFTER}"),
        };
        self.link.send(format!("* CAPABILITY {CAPABILITIES}{more}\r\n")).await?;
        self.ok(command, "CAPABILITY completed.").await
    }

    async fn authenticate(&mut self, command: &Command) -> Result<Next> {
        if !matches!(self.state, State::Stranger) || !self.link.is_secure() {
            return self.bad(command, "Command received in Invalid state.").await;
        }
        if !command.text(0).is_some_and(|mechanism| mechanism.eq_ignore_ascii_case("XOAUTH2")) {
            return self.no(command, "AUTHENTICATE failed.").await;
        }
        let answer = match command.text(1) {
            Some(answer) => answer.as_bytes().to_vec(),
            None => {
                self.link.send("+ \r\n").await?;
                let Some(line) = self.link.line().await? else { return Ok(Next::Drop) };
                line
            }
        };
        let verdict = sasl::xoauth2(&self.world, &answer, Protocol::Imap);
        let mailbox = verdict.mailbox().map(str::to_owned);
        let strikes = |fault| self.world.faults.strike(fault, mailbox.as_deref());
        if strikes(Fault::ImapAuthenticateNo) {
            return self.no(command, "AUTHENTICATE failed.").await;
        }
        if strikes(Fault::ImapAuthenticateJson) {
            return self.refuse_as_google(command).await;
        }
        let connected = !strikes(Fault::ImapNotConnected);
        self.state = match verdict {
            SignIn::Refused => return self.no(command, "AUTHENTICATE failed.").await,
            SignIn::Challenged => return self.refuse_as_google(command).await,
            SignIn::Open(who) if connected => State::In { who, selected: None },
            SignIn::Open(_) | SignIn::NotConnected { .. } | SignIn::SwitchedOff { .. } => State::NotConnected,
        };
        self.ok(command, "AUTHENTICATE completed.").await
    }

    async fn refuse_as_google(&mut self, command: &Command) -> Result<Next> {
        self.link.send(format!("+ {}\r\n", sasl::google_error())).await?;
        // The client has to answer with an empty line before it hears the end.
        if self.link.line().await?.is_none() {
            return Ok(Next::Drop);
        }
        self.no(command, "[AUTHENTICATIONFAILED] Invalid credentials (Failure)").await
    }

    /// Commands that need a sign-in.
    async fn inside(&mut self, command: &Command) -> Result<Next> {
        let who = match &self.state {
            State::Stranger => return self.bad(command, "Command received in Invalid state.").await,
            State::NotConnected => {
                self.bad(command, "User is authenticated but not connected.").await?;
                self.link.send("* BYE Connection closed. 14\r\n").await?;
                return Ok(Next::Close);
            }
            State::In { who, .. } => who.clone(),
        };
        if self.world.faults.strike(Fault::ImapThrottled, Some(&who.mailbox)) {
            self.no(command, BACKOFF).await?;
            self.link.send("* BYE Connection closed. 14\r\n").await?;
            return Ok(Next::Close);
        }
        match command.verb.as_str() {
            "LIST" | "LSUB" => self.list(command, &who).await,
            "NAMESPACE" => {
                self.link.send("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n").await?;
                self.ok(command, "NAMESPACE completed.").await
            }
            "STATUS" => self.status(command, &who).await,
            "CREATE" => self.create(command, &who).await,
            "SUBSCRIBE" | "UNSUBSCRIBE" => self.ok(command, &format!("{} completed.", command.verb)).await,
            "SELECT" | "EXAMINE" => self.select(command, &who).await,
            "APPEND" => self.append(command, &who).await,
            "IDLE" => self.idle(command, &who).await,
            _ => self.on_selected(command, &who).await,
        }
    }

    async fn ok(&mut self, command: &Command, text: &str) -> Result<Next> {
        self.link.send(format!("{} OK {text}\r\n", command.tag)).await?;
        Ok(Next::Go)
    }

    async fn no(&mut self, command: &Command, text: &str) -> Result<Next> {
        self.failures += 1;
        self.link.send(format!("{} NO {text}\r\n", command.tag)).await?;
        Ok(Next::Go)
    }

    async fn bad(&mut self, command: &Command, text: &str) -> Result<Next> {
        self.failures += 1;
        let tag = if command.tag.is_empty() { "*" } else { &command.tag };
        self.link.send(format!("{tag} BAD {text}\r\n")).await?;
        Ok(Next::Go)
    }

    fn world(&self) -> &World {
        &self.world
    }
}
