//! What a file asks of a mailbox, laid over what is stored: what it does not say stays as it is, and a new mailbox has
//! the defaults that it was made with.
use desk::mailboxes::choice;
use desk::mailboxes::client::{Authentication as ClientAuthentication, Client, EnteredClient, Flow, OTHER};
use desk::mailboxes::mailbox::{
    Authentication, EnteredServer, Fetched, Mailbox, OutgoingMailbox, Protocol, RemoteMailbox, Security,
    ServerSide, StartFrom, Submission,
};
use desk::{Refusal, Result};
use mail::provider::{self, Book, Preset};
use secrecy::SecretString;

/// Whether the mailbox was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    Already,
    /// Made just now, or added again after it was removed.
    Anew,
}

pub struct AskedServer {
    pub host: Option<String>,
    pub port: Option<u16>,
    pub security: Option<Security>,
    pub authentication: Option<Authentication>,
    pub user: Option<String>,
    pub password: Option<SecretString>,
}
pub struct AskedRemote {
    pub protocol: Option<Protocol>,
    pub server: AskedServer,
    /// The first is watched.
    pub folders: Option<Vec<String>>,
    pub active: Option<bool>,
    pub frequency_s: Option<i64>,
    pub batch: Option<i64>,
    pub fetched: Option<Fetched>,
    pub start_from: Option<StartFrom>,
    pub notified: Option<bool>,
}
pub struct AskedOutgoing {
    pub submission: Option<Submission>,
    pub server: AskedServer,
    pub header_spoofing: Option<bool>,
}
#[derive(Clone)]
pub struct AskedClient {
    pub name: Option<String>,
    /// A preset's key; the one that fits the address where none is named.
    pub provider: Option<String>,
    /// `None`: the stored one, or what the key file of a service account says.
    pub client_id: Option<String>,
    pub flow: Option<Flow>,
    pub authentication: Option<ClientAuthentication>,
    pub account_file: Option<SecretString>,
    pub secret_expires_at: Option<i64>,
    pub client_secret: Option<SecretString>,
    pub tenant: Option<String>,
    pub authorization_endpoint: Option<String>,
    pub token_endpoint: Option<String>,
    pub scopes: Option<String>,
    pub strict_matching: Option<bool>,
}

impl AskedServer {
    /// What the file holds goes where the file says, not to a server that was typed on a page.
    pub fn says_where_its_password_goes(&self, stored: &ServerSide, key: &str) -> Result<()> {
        if self.password.is_none() || self.host.is_some() || stored.host.is_empty() {
            return Ok(());
        }
        Err(Refusal::Other(format!(
            "The file holds a password and no {key}.host, and the mailbox's server is {}, which the file does not name: the \
             password would go there. Name {key}.host in the file.",
            stored.host
        ))
        .into())
    }

    /// `preset` is the provider's own server: for who signs in there from now on and names no other.
    fn over(
        &self,
        stored: &ServerSide,
        preset: Option<&provider::Server>,
        other_protocol: bool,
    ) -> EnteredServer {
        let authentication = self.authentication.unwrap_or(stored.authentication);
        let begins = stored.host.is_empty() || stored.authentication != authentication || other_protocol;
        let preset = preset.filter(|_| begins && self.host.is_none());
        EnteredServer {
            host: self
                .host
                .clone()
                .or_else(|| preset.map(|p| p.host.clone()))
                .unwrap_or_else(|| stored.host.clone()),
            port: self.port.or_else(|| preset.map(|p| p.port)).unwrap_or(stored.port),
            security: self.security.or_else(|| preset.map(|p| p.security.into())).unwrap_or(stored.security),
            authentication,
            user: self.user.clone().unwrap_or_else(|| stored.user.clone()),
            password: self.password.clone(),
        }
    }
}

impl AskedRemote {
    /// `preset` is the provider that is asked for.
    pub fn over(&self, stored: &Mailbox, stands: Stands, preset: Option<&Preset>) -> RemoteMailbox {
        let protocol = self.protocol.unwrap_or(stored.protocol);
        let preset = preset.and_then(|preset| match protocol {
            Protocol::Imap => Some(&preset.imap),
            Protocol::Pop3 => preset.pop.as_ref(),
            Protocol::Graph => preset.graph.as_ref(),
        });
        let mut server = self.server.over(&stored.incoming, preset, protocol != stored.protocol);
        if self.server.port.is_none() {
            server.port = protocol.port_instead_of(server.port);
        }
        RemoteMailbox {
            protocol,
            server,
            folders: match &self.folders {
                Some(folders) => folders.clone(),
                None => std::iter::once(&stored.folder).chain(&stored.more_folders).cloned().collect(),
            },
            active: self.active.unwrap_or(stored.active || stands == Stands::Anew),
            frequency_s: self.frequency_s.unwrap_or(stored.frequency_s),
            batch: self.batch.unwrap_or(stored.batch),
            fetched: self.fetched.clone().unwrap_or_else(|| stored.fetched.clone()),
            start_from: self.start_from.clone().unwrap_or_else(|| stored.start_from.clone()),
            notified: self.notified.unwrap_or(stored.notified && protocol == Protocol::Graph),
        }
    }
}

impl AskedOutgoing {
    /// `stored` has its incoming side as the file asks for it.
    pub fn over(&self, stored: &Mailbox, stands: Stands, preset: Option<&Preset>) -> Result<OutgoingMailbox> {
        let side = &stored.outgoing;
        let shares = self.server.authentication == Some(Authentication::Same);
        let signs_in = self.server.authentication.is_some_and(Authentication::is_oauth);
        let preset = preset.filter(|_| shares || signs_in);
        let submission = self.submission.unwrap_or(stored.submission);
        let preset = preset.and_then(|preset| match submission {
            Submission::Smtp => Some(&preset.smtp),
            Submission::Graph => preset.graph.as_ref(),
        });
        let server = self.server.over(side, preset, submission != stored.submission);
        if self.server.authentication.is_none()
            && server.authentication == Authentication::None
            && self.server.host.is_some()
        {
            let sentence =
                "outgoing.authentication is needed: microsoft, google, other, password, same or none.";
            return Err(Refusal::Other(sentence.into()).into());
        }
        // It has no Status of its own in the file: one that was switched off stays so until it is to be another.
        let is_another = side.host != server.host
            || side.authentication != server.authentication
            || server.password.is_some() && !side.has_password;
        let begins = self.server.authentication.is_some() && (stands == Stands::Anew || is_another);
        Ok(OutgoingMailbox {
            submission,
            // Without a sign-in it is a relay where one is named, and else nothing.
            active: (server.authentication != Authentication::None || self.server.host.is_some())
                && (stored.outgoing_active || begins),
            server,
            header_spoofing: self.header_spoofing.unwrap_or(stored.header_spoofing),
        })
    }
}

impl AskedClient {
    /// `name` is for a registration that has none.
    pub fn over(&self, stored: &Client, name: &str) -> EnteredClient {
        let or = |asked: &Option<String>, stored: &str| asked.clone().unwrap_or_else(|| stored.to_owned());
        EnteredClient {
            name: match &self.name {
                Some(name) => name.clone(),
                None if stored.name.is_empty() => name.to_owned(),
                None => stored.name.clone(),
            },
            active: stored.active,
            flow: self.flow.unwrap_or(stored.flow),
            authentication: self.authentication.unwrap_or(stored.authentication),
            secret_expires_at: self.secret_expires_at.or(stored.secret_expires_at),
            // See `clients::entered_for`: the outgoing side may stand only later.
            entered_for: None,
            account_file: self.account_file.clone(),
            tenant: or(&self.tenant, &stored.tenant),
            client_id: or(&self.client_id, &stored.client_id),
            client_secret: self.client_secret.clone(),
            authorization_endpoint: or(&self.authorization_endpoint, &stored.authorization_endpoint),
            token_endpoint: or(&self.token_endpoint, &stored.token_endpoint),
            scopes: or(&self.scopes, &stored.scopes),
            resource_details_endpoint: stored.resource_details_endpoint.clone(),
            email_attribute: stored.email_attribute.clone(),
            strict_matching: self.strict_matching.unwrap_or(stored.strict_matching),
            notes: stored.notes.clone(),
        }
    }
}

/// The provider of an incoming side that signs in like this: the one that is named, else of the registration that is
/// there, else the one that fits the address. `None`: nothing is known of it, or it takes a password.
pub fn preset<'a>(
    providers: &'a Book,
    authentication: Authentication,
    named: Option<&str>,
    registered: Option<&str>,
    mailbox: &Mailbox,
) -> Result<Option<&'a Preset>> {
    let Some(family) = choice::family(authentication) else { return Ok(None) };
    let Some(named) = named else {
        let registered = registered.filter(|key| choice::family_of(providers, key) == family);
        return Ok(match registered {
            Some(key) => providers.find(key),
            None => choice::preset_for(providers, family, mailbox),
        });
    };
    let preset = providers.find(named);
    if choice::family_of(providers, named) != family || (preset.is_none() && named != OTHER) {
        let all: Vec<&str> = providers.of_family(family).map(|preset| preset.key.as_str()).collect();
        let sentence = format!(
            "client.provider is “{named}”; with authentication = \"{}\" it is one of {}.",
            family.word(),
            all.join(", ")
        );
        return Err(Refusal::Other(sentence).into());
    }
    Ok(preset)
}
