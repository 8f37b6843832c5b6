//! Absolute addresses of pages, for those who are not in a browser: the terminal, the command line.
use desk::people::first_administrator;
use url::Url;

/// The one-time link for the first administrator.
pub fn set_up(site: &Url, token: &[u8; 16]) -> Url {
    at(site, &format!("/setup/{}", first_administrator::link_token(*token)))
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
