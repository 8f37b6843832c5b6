//! A mailbox opened by Microsoft Graph: each request carries the token, so that one which ends meanwhile is replaced in the
//! middle of the work, and one that is refused before its end once.
use crate::Courier;
use crate::connect::Access;
use crate::probe;
use crate::refresh::Want;
use crate::trouble::{Place, Trouble};
use desk::mailboxes::client::Client;
use mail::explain::Class;
use mail::provider::Book;
use wire::graph::{Folder, Session};

/// Asks something of the session, and once more where the token was to blame.
macro_rules! ask {
    ($opened:expr, |$session:ident| $question:expr) => {{
        let first = match $opened.ready().await {
            Ok($session) => $question.await,
            Err(error) => Err(error),
        };
        match first {
            Err(error) => match $opened.instead_of(error).await {
                Ok($session) => $question.await,
                Err(error) => Err(error),
            },
            answer => answer,
        }
    }};
}
pub(crate) use ask;

pub(crate) struct Opened {
    courier: Courier,
    access: Access,
    session: Session,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Opened {
    /// With a token that lives. Nothing is asked of Graph yet.
    pub(crate) async fn by(courier: &Courier, access: Access) -> Result<Opened, Trouble> {
        let token = access.token(courier, Want::Use).await?;
        let opened = Session::new(courier.net(), &access.server, access.user(), token, courier.graph_gate());
        let session = opened.map_err(|error| Trouble::of(&error, &access.place))?;
        Ok(Opened { courier: courier.clone(), access, session })
    }

    /// The words for what is said there.
    pub(crate) fn place(&self) -> &Place {
        &self.access.place
    }

    pub(crate) fn host(&self) -> &str {
        &self.access.server.host
    }

    /// The folder of this name.
    pub(crate) async fn folder(&mut self, name: &str) -> Result<Folder, Trouble> {
        let found = ask!(self, |session| session.folder(name));
        if let Some(folder) = found.map_err(|error| Trouble::of(&error, self.place()))? {
            return Ok(folder);
        }
        let names = ask!(self, |session| session.folder_names()).unwrap_or_default();
        Err(probe::no_such_folder(name, &names))
    }

    /// With a token that lives.
    pub(crate) async fn ready(&mut self) -> wire::Result<&Session> {
        self.renew(Want::Use).await?;
        Ok(&self.session)
    }

    /// Once more with another token, where the token was to blame for this.
    pub(crate) async fn instead_of(&mut self, error: wire::Error) -> wire::Result<&Session> {
        if !is_of_the_token(&error) {
            return Err(error);
        }
        self.renew(Want::New).await?;
        Ok(&self.session)
    }

    async fn renew(&mut self, want: Want) -> wire::Result<()> {
        match self.access.token(&self.courier, want).await {
            Ok(token) => self.session.renew(token),
            Err(trouble) => {
                // Why in whole is told when the mailbox is opened the next time.
                let tried = "go on with a new access token";
                return Err(wire::Error::transient(tried, &self.access.server.host).remedy(trouble.reason));
            }
        }
        Ok(())
    }
}

/// It was refused before its end, or it was made before a permission was given.
fn is_of_the_token(error: &wire::Error) -> bool {
    match error.kind() {
        wire::Kind::Unauthorized => true,
        wire::Kind::Rejected => error.server_text().is_some_and(|said| said.starts_with("ErrorAccessDenied")),
        wire::Kind::Transient { .. } | wire::Kind::Broken => false,
    }
}

/// A token for Microsoft Graph goes to the Graph of the cloud that it comes from; where the token's endpoint was typed, to the
/// server that was typed with it.
pub(crate) fn belongs_there(providers: &Book, client: &Client, host: &str) -> desk::Result<()> {
    let Some(preset) = client.at_home(providers) else { return Ok(()) };
    let own = preset.graph.as_ref().map(|graph| graph.host.as_str());
    if own.is_some_and(|own| own.eq_ignore_ascii_case(host.trim())) {
        return Ok(());
    }
    let sentence = match own {
        Some(own) => format!(
            "A token of {} for Microsoft Graph goes to {own} alone, not to {host}. Enter that server.",
            preset.label
        ),
        None => format!("{} has no Microsoft Graph. Choose another Protocol.", preset.label),
    };
    Err(desk::Refusal::Other(sentence).into())
}

pub(crate) fn by_token_alone() -> Trouble {
    Trouble::new(
        Class::Configuration,
        "no_token",
        "Microsoft Graph opens with a token, and this mailbox has a password.",
        "Choose OAuth2 - Microsoft as Authentication, or another Protocol.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_the_graph_of_its_cloud_alone() {
        let providers = Book::builtin();
        let mut client = crate::registration::tests::client("");
        client.tenant = "contoso.example".into();
        client.token_endpoint = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token".into();
        belongs_there(providers, &client, "Graph.Microsoft.com").unwrap();
        for other in
            ["graph.microsoft.us", "graph.microsoft.com.evil.example", "outlook.office365.com", "127.0.0.1"]
        {
            let refused = belongs_there(providers, &client, other).unwrap_err().to_string();
            assert!(refused.contains("goes to graph.microsoft.com alone"), "{other}: {refused}");
        }
    }
}
