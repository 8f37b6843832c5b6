//! Providers as data: endpoints, scopes, hosts.  A provider is added here and nowhere else.

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    Starttls,
}

/// A mail server of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Server {
    pub host: &'static str,
    pub port: u16,
    pub security: Security,
}

/// What is known of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Preset {
    pub key: &'static str,
    /// As the form has it: *OAuth2 - Microsoft*.
    pub label: &'static str,
    /// With `{tenant}`.
    pub authorization_endpoint: &'static str,
    /// With `{tenant}`.
    pub token_endpoint: &'static str,
    /// As the authorization page has them, separated by blanks.
    pub scopes: &'static str,
    pub imap: Server,
    pub smtp: Server,
    /// Where a person can look an error number up; the number is appended.
    pub error_lookup: Option<&'static str>,
    /// The server keeps a copy of what is submitted by SMTP, so that we must not.
    pub saves_sent: bool,
}

/// The endpoints of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Endpoints {
    pub authorization: String,
    pub token: String,
}

pub const MICROSOFT: Preset = Preset {
    key: "microsoft",
    label: "OAuth2 - Microsoft",
    authorization_endpoint: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/authorize",
    token_endpoint: "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    scopes: "openid profile email offline_access https://outlook.office.com/IMAP.AccessAsUser.All \
             https://outlook.office.com/POP.AccessAsUser.All https://outlook.office.com/SMTP.Send",
    imap: Server { host: "outlook.office365.com", port: 993, security: Security::Tls },
    smtp: Server { host: "smtp.office365.com", port: 587, security: Security::Starttls },
    error_lookup: Some("https://login.microsoftonline.com/error?code="),
    saves_sent: true,
};

/// Every preset.
pub const ALL: &[&Preset] = &[&MICROSOFT];

/// The preset of that key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Preset> {
    ALL.iter().copied().find(|preset| preset.key == key)
}

/// Microsoft's endpoints of a tenant: an id, a domain, `common`, `organizations` or `consumers`.
#[must_use]
pub fn microsoft(tenant: &str) -> Endpoints {
    let _ = tenant;
    todo!()
}

/// The tenant of a pasted Microsoft endpoint, whichever of its endpoints it is.
#[must_use]
pub fn tenant_of(endpoint: &str) -> Option<String> {
    let _ = endpoint;
    todo!()
}
