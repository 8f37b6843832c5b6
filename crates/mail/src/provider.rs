//! Providers as data: endpoints, scopes, servers and every habit that differs between them.
//!
//! What is built in is `provider/builtin.toml`; a file of the same form is laid over it ([`Book::with_file`]).  Code asks
//! a preset's fields and not its name.

mod address;
mod book;
mod file;
mod microsoft;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub use address::{is_guid, is_on_this_machine};
pub use book::Book;
pub use microsoft::{is_first_version, is_tenant, microsoft, tenant_of};

/// Whose errors and habits a provider has: the words of the two that Postern knows best, and all others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    Microsoft,
    Google,
    Other,
}

impl Family {
    /// Of a built-in preset's key, or of the family's own word.
    #[must_use]
    pub fn of(provider: &str) -> Family {
        match provider {
            "microsoft" => Family::Microsoft,
            "google" => Family::Google,
            "other" => Family::Other,
            key => find(key).map_or(Family::Other, |preset| preset.family),
        }
    }

    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Family::Microsoft => "microsoft",
            Family::Google => "google",
            Family::Other => "other",
        }
    }
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    Starttls,
    /// Nothing protects it: a rehearsal on this machine alone, which no file can name.
    #[serde(skip_deserializing)]
    Plain,
}

/// A mail server of a provider.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub security: Security,
}

/// What the provider's mail servers say to a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Password {
    Refused,
    /// A second password for one program, made on the provider's pages.
    AppPassword,
    Usual,
}

/// Who may register an app for mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registration {
    /// Everybody, on the portal.
    Open,
    /// Who asks the provider.
    ByHand,
    /// Nobody any more.
    Closed,
}

/// Whether the registration has a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientSecret {
    Needed,
    Optional,
    None,
}

/// How a token is shown to a mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sasl {
    /// `OAUTHBEARER` (RFC 7628) where the server offers it, else `XOAUTH2`.
    Auto,
    Xoauth2,
    Oauthbearer,
}

/// What is asked for, a protocol at a time.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Scopes {
    pub always: Vec<String>,
    pub imap: Vec<String>,
    pub pop: Vec<String>,
    pub smtp: Vec<String>,
    /// Of Microsoft Graph, which is asked for where a mailbox is read or sends by it, and nowhere else.
    pub graph: GraphScopes,
}

/// For mail by Microsoft Graph. Those of a shared mailbox are asked for beside the person's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct GraphScopes {
    pub read: Vec<String>,
    pub read_shared: Vec<String>,
    pub send: Vec<String>,
    pub send_shared: Vec<String>,
}

impl Scopes {
    /// As an authorization request has them for all mail protocols: once each, separated by blanks.
    #[must_use]
    pub fn text(&self) -> String {
        let mut scopes: Vec<&str> = Vec::new();
        for scope in [&self.always, &self.imap, &self.pop, &self.smtp].into_iter().flatten() {
            if !scopes.contains(&scope.as_str()) {
                scopes.push(scope);
            }
        }
        scopes.join(" ")
    }
}

/// Where the address of the mailbox is read when the mail scope alone was asked for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Profile {
    pub endpoint: String,
    pub attribute: String,
}

/// How one signs in with a token.  Endpoints may hold `{tenant}`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OAuth2 {
    /// Where an app is registered.
    pub portal: Option<String>,
    /// As its own pages call it.
    pub portal_name: Option<String>,
    pub registration: Registration,
    pub authorization_endpoint: String,
    pub token_endpoint: String,
    /// For a sign-in by a code that is typed in elsewhere.
    pub device_endpoint: Option<String>,
    /// Where an administrator consents for everybody.
    pub admin_consent_endpoint: Option<String>,
    /// Where a refresh token is taken back.
    pub revocation_endpoint: Option<String>,
    pub userinfo_endpoint: Option<String>,
    pub discovery_endpoint: Option<String>,
    pub keys_endpoint: Option<String>,
    /// As the `iss` of an id_token has it; `{tenantid}` stands for the token's `tid`.
    pub issuer: Option<String>,
    pub profile: Option<Profile>,
    /// The only tenant there is to name; with none, and `{tenant}` in an endpoint, the administrator is asked.
    pub tenant: Option<String>,
    pub scopes: Scopes,
    /// What a mail scope pasted without a resource belongs to.
    pub resource: Option<String>,
    /// A token request may name the scopes of one resource only.
    pub one_resource_per_token: bool,
    /// The scope of access without a person (client credentials).
    pub app_only_scope: Option<String>,
    /// What an administrator of another tenant consents to for that.
    pub app_only_consent_scopes: Vec<String>,
    /// The scope of access without a person to Microsoft Graph.
    pub graph_app_only_scope: Option<String>,
    /// The scope of a service account with domain-wide delegation.
    pub service_account_scope: Option<String>,
    /// Beside what every authorization request holds.
    pub authorize: BTreeMap<String, String>,
    /// Beside what every token request holds.
    pub token: BTreeMap<String, String>,
    /// Claims of the id_token that may hold the address, the first one first.
    pub address_claims: Vec<String>,
    pub client_secret: ClientSecret,
    /// A value that looks like a GUID is the secret's id, pasted by mistake.
    pub secret_is_no_guid: bool,
    /// How long a secret may last.
    pub secret_months_max: Option<u32>,
    /// A certificate may stand for the secret (`private_key_jwt`).
    pub certificate: bool,
    /// The person can take scopes away: what was granted is compared with what was asked.
    pub granted_scope_checked: bool,
    /// An answer to a refresh carries no new refresh token: the old one stays.
    pub refresh_token_stays: bool,
    /// The callback's host must be a name of the public Internet, or the answer is pasted back.
    pub callback_needs_public_name: bool,
    pub sasl: Sasl,
    /// The cloud as Microsoft's command line (`az cloud set --name`) and its PowerShell (`Connect-MgGraph -Environment`)
    /// call it: an app can then be registered by a script.
    pub az_cloud: Option<String>,
    pub graph_environment: Option<String>,
}

/// What is known of a provider.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Preset {
    pub key: String,
    pub family: Family,
    /// As a list of providers has it.
    pub label: String,
    /// Addresses of these domains are of this provider.
    pub domains: Vec<String>,
    /// `None`: there is only a password.
    pub oauth2: Option<OAuth2>,
    pub password: Password,
    /// What to know before a password is chosen, a sentence.
    pub password_warning: Option<String>,
    /// What to know before this provider is chosen, sentences.
    pub warnings: Vec<String>,
    pub imap: Server,
    pub pop: Option<Server>,
    pub smtp: Server,
    /// Where Microsoft Graph is, for mail that is read and sent by it.
    pub graph: Option<Server>,
    /// The server keeps a copy of what is submitted by SMTP, so that we must not.
    pub saves_sent: bool,
    /// How many messages one mailbox may submit a minute, with room below the server's own limit.
    pub sends_a_minute_max: Option<u32>,
    /// What a domain of one's own publishes when it sends through this provider.
    pub dns: Option<Dns>,
}

/// Records of a domain that sends through a provider.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Dns {
    /// What the domain's SPF record includes.
    pub spf_include: String,
    /// The names of the keys that the provider signs with, where they are the same for all.
    pub dkim_selectors: Vec<String>,
    /// Where signing is switched on and its record shown, in the provider's pages.
    pub dkim_page: Option<String>,
}

/// The endpoints of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Endpoints {
    pub authorization: String,
    pub token: String,
}

const TENANT: &str = "{tenant}";

impl Preset {
    /// Whether mail is read at that server, by whichever protocol.
    #[must_use]
    pub fn is_read_at(&self, host: &str) -> bool {
        let servers = [Some(&self.imap), self.pop.as_ref(), self.graph.as_ref()];
        servers.into_iter().flatten().any(|server| server.host.eq_ignore_ascii_case(host))
    }

    /// Whether mail is handed to that server for sending.
    #[must_use]
    pub fn is_sent_at(&self, host: &str) -> bool {
        let servers = [Some(&self.smtp), self.graph.as_ref()];
        servers.into_iter().flatten().any(|server| server.host.eq_ignore_ascii_case(host))
    }

    /// For all protocols; empty where there is only a password.
    #[must_use]
    pub fn scopes(&self) -> String {
        self.oauth2.as_ref().map(|oauth2| oauth2.scopes.text()).unwrap_or_default()
    }

    /// Whether the administrator has to name a tenant.
    #[must_use]
    pub fn asks_for_tenant(&self) -> bool {
        self.oauth2.as_ref().is_some_and(|oauth2| {
            oauth2.tenant.is_none()
                && [&oauth2.authorization_endpoint, &oauth2.token_endpoint]
                    .iter()
                    .any(|endpoint| endpoint.contains(TENANT))
        })
    }

    /// Of that tenant, or of the only one; `None` where there is only a password.
    #[must_use]
    pub fn endpoints(&self, tenant: &str) -> Option<Endpoints> {
        let oauth2 = self.oauth2.as_ref()?;
        let tenant = oauth2.tenant.as_deref().unwrap_or(tenant);
        let fill = |endpoint: &str| endpoint.replace(TENANT, tenant);
        Some(Endpoints {
            authorization: fill(&oauth2.authorization_endpoint),
            token: fill(&oauth2.token_endpoint),
        })
    }
}

/// Microsoft 365 in the global cloud.
pub static MICROSOFT: LazyLock<&Preset> =
    LazyLock::new(|| find("microsoft").expect("invariant: it is built in, which a test reads"));

/// The built-in preset of that key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Preset> {
    Book::builtin().find(key)
}

/// The built-in preset whose server for submission that is.
#[must_use]
pub fn of_smtp_host(host: &str) -> Option<&'static Preset> {
    Book::builtin().of_smtp_host(host)
}
