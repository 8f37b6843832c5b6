//! Providers as data: endpoints, scopes, hosts.  A provider is added here and nowhere else.

/// Whose errors and habits a provider has: the words of the two that Postern knows best, and all others'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    Microsoft,
    Google,
    Other,
}

impl Family {
    /// Of a preset's key, or of the family's own word.
    #[must_use]
    pub fn of(provider: &str) -> Family {
        match provider {
            "microsoft" => Family::Microsoft,
            "google" => Family::Google,
            _ => Family::Other,
        }
    }
}

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
    /// The server keeps a copy of what is submitted by SMTP, so that we must not.
    pub saves_sent: bool,
    /// How many messages one mailbox may submit a minute, with room below the server's own limit.
    pub sends_a_minute_max: Option<u32>,
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
    saves_sent: true,
    // Exchange Online takes 30 a minute and closes on who sends more.
    sends_a_minute_max: Some(25),
};

/// Every preset.
pub const ALL: &[&Preset] = &[&MICROSOFT];

/// The preset of that key.
#[must_use]
pub fn find(key: &str) -> Option<&'static Preset> {
    ALL.iter().copied().find(|preset| preset.key == key)
}

/// The preset whose server for submission that is.
#[must_use]
pub fn of_smtp_host(host: &str) -> Option<&'static Preset> {
    ALL.iter().copied().find(|preset| preset.smtp.host.eq_ignore_ascii_case(host.trim()))
}

/// Microsoft's endpoints of a tenant: an id, a domain, `common`, `organizations` or `consumers`.
#[must_use]
pub fn microsoft(tenant: &str) -> Endpoints {
    let tenant: String =
        tenant.trim().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).collect();
    Endpoints {
        authorization: MICROSOFT.authorization_endpoint.replace("{tenant}", &tenant),
        token: MICROSOFT.token_endpoint.replace("{tenant}", &tenant),
    }
}

/// May this stand in a Microsoft endpoint: an id, a domain, or one of the three words?
#[must_use]
pub fn is_tenant(tenant: &str) -> bool {
    let is_guid = tenant.len() == 36
        && tenant.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && tenant.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let is_domain = tenant.len() <= 253
        && tenant.contains('.')
        && tenant.split('.').all(|l| {
            !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !l.starts_with('-')
        });
    matches!(tenant, "common" | "organizations" | "consumers") || is_guid || is_domain
}

/// Login hosts of Microsoft's clouds.
const MICROSOFT_HOSTS: &[&str] = &[
    "login.microsoftonline.com",
    "login.windows.net",
    "login.microsoft.com",
    "sts.windows.net",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
];

/// The tenant of a pasted endpoint, whichever of its endpoints it is: the first piece of the path where the
/// rest is one of Microsoft's (`/oauth2/v2.0/authorize`, `/oauth2/v2.0/token`, the v1 forms, discovery).
#[must_use]
pub fn tenant_of(endpoint: &str) -> Option<String> {
    let url = url::Url::parse(endpoint.trim()).ok()?;
    let mut pieces = url.path_segments()?;
    let tenant = pieces.next()?.to_owned();
    let rest = pieces.collect::<Vec<_>>().join("/");
    let is_microsoft = url.host_str().is_some_and(|host| MICROSOFT_HOSTS.contains(&host));
    let is_endpoint =
        rest.starts_with("oauth2/") || rest.starts_with("v2.0") || rest.starts_with(".well-known/");
    ((is_microsoft || is_endpoint) && is_tenant(&tenant)).then_some(tenant)
}

/// Is this an endpoint of the first version (`/oauth2/authorize` without `/v2.0`), which takes other parameters?
#[must_use]
pub fn is_first_version(endpoint: &str) -> bool {
    url::Url::parse(endpoint.trim()).is_ok_and(|url| {
        let path = url.path().trim_end_matches('/');
        tenant_of(endpoint).is_some()
            && (path.ends_with("/oauth2/authorize") || path.ends_with("/oauth2/token"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_fills_the_endpoints_and_an_endpoint_the_tenant() {
        let endpoints = microsoft(" contoso.example ");
        assert_eq!(
            endpoints.authorization,
            "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/authorize"
        );
        for endpoint in [
            endpoints.authorization.as_str(),
            endpoints.token.as_str(),
            "http://127.0.0.1:8443/contoso.example/oauth2/v2.0/token",
        ] {
            assert_eq!(tenant_of(endpoint).as_deref(), Some("contoso.example"));
        }
        let id = "9188040d-6c67-4c5b-b112-36a304b66dad";
        assert_eq!(tenant_of(&microsoft(id).token).as_deref(), Some(id));
        assert_eq!(tenant_of("https://example.org/oauth2/token"), None);
        assert_eq!(tenant_of("nonsense"), None);
    }

    #[test]
    fn first_version_endpoints_are_told_apart() {
        assert!(is_first_version("https://login.microsoftonline.com/common/oauth2/authorize"));
        assert!(!is_first_version("https://login.microsoftonline.com/common/oauth2/v2.0/authorize"));
    }
}
