//! An address of the web that something of ours is sent to.
use crate::{Refusal, Result};
use mail::provider::is_on_this_machine;
use url::Url;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    HttpsOnly,
    /// Plain http to loopback too: under the demo mark only.
    Practice,
}

/// A whole, plain https address. `why_https` ends the sentence that asks for it.
pub fn check(field: &'static str, text: &str, scheme: Scheme, why_https: &str) -> Result<Url> {
    let bad = |why: &str| Err(Refusal::BadEndpoint { field, why: why.to_owned() }.into());
    let Ok(url) = Url::parse(text) else {
        return bad("this is not a whole address. It begins with https://.");
    };
    let named = !url.username().is_empty() || url.password().is_some();
    if named || url.fragment().is_some() || url.host().is_none() {
        return bad(PLAIN);
    }
    match (url.scheme(), scheme) {
        ("https", _) => Ok(url),
        ("http", Scheme::Practice) if is_on_this_machine(&url) => Ok(url),
        _ => bad(&format!("the address must begin with https://{why_https}.")),
    }
}

/// What an address with more than that is told.
pub const PLAIN: &str = "use the plain address, without a user name and without #.";
