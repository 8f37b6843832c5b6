//! What every answer carries: the content policy, and who may store, frame or read it.
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// The policy of every page. A page that needs another one sets its own header, which is kept.
pub const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// Where a page's form may lead through a redirect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    Https,
    /// Under the demo mark: to the practice provider too.
    Practice,
}

/// The same for a page whose form may leave: Chromium applies `form-action` to redirects.
pub fn content_policy_leaving(leaving: Leaving) -> String {
    let to = match leaving {
        Leaving::Https => "https:",
        Leaving::Practice => "https: http://127.0.0.1:* http://localhost:*",
    };
    CONTENT_POLICY.replace("form-action 'self'", &format!("form-action 'self' {to}"))
}

/// Adds what the handler did not set itself.
pub fn complete(headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::CACHE_CONTROL, "no-store");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()");
}

/// A site on https is from now on asked for by https only.
pub fn insist_on_https(headers: &mut HeaderMap) {
    headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
}
