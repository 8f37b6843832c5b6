//! From nothing to a link that can be signed in on: greeting, STLS (RFC 2595), capabilities.

use super::session::{Session, State, Status};
use super::{ANSWER_TIMEOUT, GREETING_TIMEOUT};
use crate::line::{LineStream, unprotected};
use crate::net::{BoxStream, Net, Secure};
use crate::{Error, GREETING, Kind, Result, Security, Server};

/// Lines of CAPA.
const CAPABILITIES_MAX: usize = 200;

/// Connects, takes the greeting, protects the link as the server's security says, asks for capabilities.
pub async fn connect(net: &Net, server: &Server) -> Result<Session> {
    let stream = net.connect(server).await?;
    Session::over(stream, server, net).await
}

impl Session {
    /// The same over any stream, on which the server has not spoken yet; `secure` makes TLS of STLS.
    pub async fn over(stream: BoxStream, server: &Server, secure: &impl Secure) -> Result<Session> {
        let mut session = Session::new(LineStream::new(stream, secure.record()), &server.host, server.port);
        session.greeting().await?;
        if server.security == Security::StartTls {
            // Without looking at capabilities first: they came unprotected, and there is no going on without it.
            let tried = "protect the link with STLS";
            session.command(tried, "STLS").await.map_err(unprotected)?;
            let line = session.line.protected("STLS", server, secure).await?;
            session = Session::new(line, &server.host, server.port);
        }
        session.ask_capabilities().await?;
        Ok(session)
    }

    async fn greeting(&mut self) -> Result<()> {
        let tried = GREETING;
        self.begin(tried)?;
        let status = self.status(tried, GREETING_TIMEOUT).await;
        self.done();
        let refused = |error: Error| match error.kind() {
            // A server that is closed for now says so in its greeting.
            Kind::Rejected => error.with_kind(crate::spoken::LATER),
            Kind::Unauthorized | Kind::Transient { .. } | Kind::Broken => error,
        };
        match status {
            Ok(status) => self.good(tried, status).map(drop).map_err(refused),
            Err(error) if error.kind() == Kind::Broken => {
                self.state = State::Over;
                Err(Error::broken(tried, &self.host).remedy("it does not speak POP3: check the port"))
            }
            Err(error) => Err(error),
        }
    }

    /// A server without CAPA (RFC 1939 has none) offers nothing that has to be asked for.
    pub(super) async fn ask_capabilities(&mut self) -> Result<()> {
        let tried = "ask what the server can do";
        self.begin(tried)?;
        let mut told = Vec::new();
        if let Status::Good(_) = self.send(tried, "CAPA", ANSWER_TIMEOUT).await? {
            self.lines(tried, CAPABILITIES_MAX, |line| {
                told.push(line.trim().to_ascii_uppercase());
                true
            })
            .await?;
        }
        self.done();
        self.capabilities = told;
        Ok(())
    }
}
