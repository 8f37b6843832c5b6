//! From nothing to a link that can be signed in on: greeting, EHLO, STARTTLS, EHLO again.

use super::session::Session;
use super::{ANSWER_TIMEOUT, EHLO_NAME, GREETING_TIMEOUT};
use crate::line::LineStream;
use crate::net::{BoxStream, Net, Secure};
use crate::{GREETING, Result, Security, Server};

/// Connects, greets, protects the link as the server's security says, greets again.
pub async fn connect(net: &Net, server: &Server) -> Result<Session> {
    let stream = net.connect(server).await?;
    Session::over(stream, server, net).await
}

impl Session {
    /// The same over any stream, on which the server has not spoken yet; `secure` makes TLS of STARTTLS.
    pub async fn over(stream: BoxStream, server: &Server, secure: &impl Secure) -> Result<Session> {
        let mut session = Session::new(LineStream::new(stream, secure.record()), &server.host, server.port);
        let greeting = session.reply(GREETING, GREETING_TIMEOUT).await?;
        if !greeting.is_ok() {
            return Err(greeting.refusal(GREETING, &server.host));
        }
        session.ehlo().await?;
        if server.security == Security::StartTls {
            let tried = "protect the link with STARTTLS";
            // Whether it is offered does not matter: that came unprotected, and there is no going on without.
            let reply = session.command(tried, "STARTTLS", ANSWER_TIMEOUT).await?;
            if reply.code != 220 {
                return Err(reply.refusal(tried, &server.host));
            }
            let line = session.line.protected("STARTTLS", server, secure).await?;
            session = Session::new(line, &server.host, server.port);
            session.ehlo().await?;
        }
        Ok(session)
    }

    async fn ehlo(&mut self) -> Result<()> {
        let tried = "greet with EHLO";
        let reply = self.command(tried, &format!("EHLO {EHLO_NAME}"), ANSWER_TIMEOUT).await?;
        if !reply.is_ok() {
            return Err(reply.refusal(tried, &self.host));
        }
        // The first line is the server's own name.
        let offered = reply.lines.iter().skip(1);
        self.keywords = offered
            .map(|line| {
                // `AUTH=LOGIN`: an old form of some servers.
                let (keyword, parameters) = line.trim().split_once([' ', '=']).unwrap_or((line.trim(), ""));
                (keyword.to_ascii_uppercase(), parameters.to_owned())
            })
            .collect();
        Ok(())
    }
}
