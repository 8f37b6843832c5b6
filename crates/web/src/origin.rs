//! Where a request says it comes from, compared with the site's own address (invariant 15).
use axum::http::{HeaderMap, Uri, header};
use std::net::IpAddr;
use url::Url;

/// Whether the request was made to the site's own host and port.
pub fn is_own_host(site: &Url, uri: &Uri, headers: &HeaderMap) -> bool {
    let asked = match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(header::HOST).and_then(|host| host.to_str().ok()),
    };
    let Some(asked) = asked else { return false };
    // Parsed by the same rules as the site's address: case, default ports and IPv6 brackets fall away.
    let Ok(asked) = Url::parse(&format!("{}://{asked}/", site.scheme())) else { return false };
    asked.username().is_empty()
        && asked.path() == "/"
        && asked.host() == site.host()
        && asked.port_or_known_default() == site.port_or_known_default()
}

/// Whether an unsafe request was made by one of the site's own pages.
pub fn is_own_page(site: &Url, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    if let Some(origin) = text(header::ORIGIN) {
        return origin == site.origin().ascii_serialization();
    }
    if let Some(referer) = text(header::REFERER) {
        return Url::parse(referer).is_ok_and(|referer| referer.origin() == site.origin());
    }
    headers.get("sec-fetch-site").is_some_and(|value| value == "same-origin")
}

/// The path of the page a request came from, when it is one of ours.
pub fn page_of(site: &Url, headers: &HeaderMap) -> Option<String> {
    let referer = Url::parse(headers.get(header::REFERER)?.to_str().ok()?).ok()?;
    if referer.origin() != site.origin() {
        return None;
    }
    Some(referer.path().to_owned())
}

/// The address of the browser: the peer, or what trusted proxies say about it, read from the right.
pub fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[IpAddr]) -> String {
    let Some(peer) = peer else { return "unknown".to_owned() };
    let mut address = peer.to_canonical();
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        if !trusted.contains(&address) {
            break;
        }
        let Ok(next) = hop.parse::<IpAddr>() else { break };
        address = next.to_canonical();
    }
    address.to_string()
}

/// A path of this site to go to after signing in, and nothing else: `//host` and `/\host` are other sites.
pub fn own_path(path: &str) -> Option<&str> {
    let second = path.chars().nth(1);
    (path.starts_with('/') && !matches!(second, Some('/' | '\\')) && !path.chars().any(char::is_control))
        .then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }
    fn site() -> Url {
        "https://help.example.org".parse().unwrap()
    }

    #[test]
    fn only_the_sites_own_host_is_answered() {
        let asked = |host| is_own_host(&site(), &"/".parse().unwrap(), &headers(&[("host", host)]));
        assert!(asked("help.example.org"));
        assert!(asked("HELP.example.org:443"));
        assert!(!asked("help.example.org:8080"));
        assert!(!asked("evil.example"));
        assert!(!asked("help.example.org@evil.example"));
        assert!(!is_own_host(&site(), &"/".parse().unwrap(), &headers(&[])));
    }

    #[test]
    fn a_form_of_another_site_is_no_own_page() {
        let own = |pairs: &[(&'static str, &str)]| is_own_page(&site(), &headers(pairs));
        assert!(own(&[("origin", "https://help.example.org")]));
        assert!(own(&[("referer", "https://help.example.org/sign-in")]));
        assert!(own(&[("sec-fetch-site", "same-origin")]));
        assert!(!own(&[("origin", "null")]));
        assert!(!own(&[("origin", "http://help.example.org")]));
        assert!(!own(&[("origin", "https://help.example.org.evil.example")]));
        assert!(!own(&[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")]));
        assert!(!own(&[("sec-fetch-site", "same-site")]));
        assert!(!own(&[]));
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let forwarded = headers(&[("x-forwarded-for", "9.9.9.9, 203.0.113.7, 10.0.0.5")]);
        let proxy: IpAddr = "10.0.0.5".parse().unwrap();
        let other: IpAddr = "198.51.100.1".parse().unwrap();
        assert_eq!(client_address(Some(proxy), &forwarded, &[proxy]), "203.0.113.7");
        assert_eq!(client_address(Some(other), &forwarded, &[proxy]), "198.51.100.1");
        assert_eq!(client_address(None, &forwarded, &[proxy]), "unknown");
    }

    #[test]
    fn the_way_back_stays_on_this_site() {
        assert_eq!(own_path("/tickets/12?a=b"), Some("/tickets/12?a=b"));
        for elsewhere in
            ["//evil.example", "/\\evil.example", "https://evil.example", "", "tickets", "/\t/evil"]
        {
            assert_eq!(own_path(elsewhere), None, "{elsewhere:?}");
        }
    }
}
