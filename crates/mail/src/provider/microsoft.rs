//! Tenants of Microsoft, and the addresses that hold them.

use super::{Endpoints, MICROSOFT, is_guid};

/// Microsoft's endpoints of a tenant: an id, a domain, `common`, `organizations` or `consumers`.
#[must_use]
pub fn microsoft(tenant: &str) -> Endpoints {
    let tenant: String =
        tenant.trim().chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).collect();
    MICROSOFT.endpoints(&tenant).expect("invariant: the built-in preset has endpoints")
}

/// May this stand in a Microsoft endpoint: an id, a domain, or one of the three words?
#[must_use]
pub fn is_tenant(tenant: &str) -> bool {
    let is_domain = tenant.len() <= 253
        && tenant.contains('.')
        && tenant.split('.').all(|l| {
            !l.is_empty() && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && !l.starts_with('-')
        });
    matches!(tenant, "common" | "organizations" | "consumers") || is_guid(tenant) || is_domain
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
