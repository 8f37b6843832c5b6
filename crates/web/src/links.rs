//! Absolute addresses of pages, for those who are not in a browser: the terminal, the command line.
use base64::Engine as _;
use url::Url;

/// The one-time link for the first administrator.
pub fn set_up(site: &Url, token: &[u8; 16]) -> Url {
    at(site, &format!("/setup/{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(token)))
}

/// A System Email, where consent is given.
pub fn mailbox(site: &Url, id: i64) -> Url {
    at(site, &format!("/mailboxes/{id}/remote"))
}

fn at(site: &Url, path: &str) -> Url {
    let mut url = site.clone();
    url.set_path(path);
    url
}
