//! From nothing to a link that can be signed in on: greeting, STARTTLS, capabilities.

use super::reader::{Limits, USUAL};
use super::response::{Condition, Response, Untagged};
use super::session::Session;
use super::{GREETING_TIMEOUT, refusal};
use crate::line::{LineStream, unprotected};
use crate::net::{BoxStream, Net, Secure};
use crate::{GREETING, Result, Security, Server};

/// Connects, takes the greeting, protects the link as the server's security says, asks for capabilities.
pub async fn connect(net: &Net, server: &Server) -> Result<Session> {
    let stream = net.connect(server).await?;
    Session::over(stream, server, net).await
}

impl Session {
    /// The same over any stream, on which the server has not spoken yet; `secure` makes TLS of STARTTLS.
    pub async fn over(stream: BoxStream, server: &Server, secure: &impl Secure) -> Result<Session> {
        let mut session = Session::new(LineStream::new(stream, secure.record()), &server.host, server.port);
        session.greeting().await?;
        if server.security == Security::StartTls {
            // Without looking at capabilities first: they came unprotected, and there is no going on without it.
            let tried = "protect the link with STARTTLS";
            session.run(tried, "STARTTLS", USUAL, |_| {}).await.map_err(unprotected)?;
            let line = session.reader.line.protected("STARTTLS", server, secure).await?;
            session = Session::new(line, &server.host, server.port);
        }
        session.ask_capabilities().await?;
        Ok(session)
    }

    async fn greeting(&mut self) -> Result<()> {
        let tried = GREETING;
        match self.next(tried, Limits { wait: GREETING_TIMEOUT, ..USUAL }).await? {
            Response::Untagged(Untagged::Status(Condition::Ok, _)) => Ok(()),
            Response::Untagged(Untagged::Bye(words)) => Err(refusal::bye(tried, &self.host, &words)),
            Response::Untagged(Untagged::PreAuth) => {
                Err(self.broken(tried, "it signed somebody in before anybody asked (PREAUTH)"))
            }
            _ => Err(self.broken(tried, "it does not speak IMAP: check the port")),
        }
    }

    pub(super) async fn ask_capabilities(&mut self) -> Result<()> {
        self.capabilities.clear();
        self.run("ask what the server can do", "CAPABILITY", USUAL, |_| {}).await.map(|_| ())
    }
}
