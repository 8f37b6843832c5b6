//! The values of a preset, each checked as it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

/// A text that is taken when it is right; what is wrong with it is said otherwise.
macro_rules! texts {
    ($($(#[$about:meta])* $name:ident: $check:ident;)*) => {
        $(
            $(#[$about])*
            #[derive(Debug, Clone, Deserialize)]
            #[serde(try_from = "String")]
            pub(super) struct $name(String);

            impl $name {
                pub(super) fn get(&self) -> &str {
                    &self.0
                }
            }

            impl TryFrom<String> for $name {
                type Error = String;

                fn try_from(text: String) -> Result<Self, String> {
                    match $check(&text) {
                        None => Ok(Self(text)),
                        Some(wrong) => Err(format!("“{text}” {wrong}")),
                    }
                }
            }
        )*
    };
}

texts! {
    /// A preset's name in the database: it is not shown.
    Key: wrong_key;
    /// An address of the web; empty takes it away.
    Endpoint: wrong_endpoint;
    Host: wrong_host;
    Domain: wrong_host;
    /// A name in the DNS, whose labels may begin with `_`.
    Record: wrong_record;
    /// One scope; empty takes it away.
    Scope: wrong_scope;
    Claim: wrong_claim;
    Tenant: wrong_tenant;
    /// What a person reads.
    Sentence: wrong_sentence;
}

type Wrong = Option<&'static str>;

fn when(wrong: bool, why: &'static str) -> Wrong {
    wrong.then_some(why)
}

fn wrong_key(text: &str) -> Wrong {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    when(
        text.is_empty() || text.len() > 40 || !text.bytes().all(fine) || text == "other",
        "is not a key: use small letters, digits and hyphens, and not the word other",
    )
}

fn wrong_endpoint(text: &str) -> Wrong {
    if text.is_empty() {
        return None;
    }
    let filled = text.replace("{tenant}", "tenant").replace("{tenantid}", "tenant");
    if filled.contains(['{', '}']) {
        return Some("holds another placeholder than {tenant}");
    }
    let Ok(url) = url::Url::parse(&filled) else {
        return Some("is not a whole address of the web: it begins with https://");
    };
    // A tenant names a path and never a host, or secrets would go where it leads.
    let host = text.split('/').nth(2).unwrap_or_default();
    if host.contains('{') {
        return Some("holds {tenant} in its host, where it may not stand");
    }
    if url.scheme() != "https" {
        return Some("must begin with https://, because secrets are sent there");
    }
    when(
        url.host().is_none()
            || !url.username().is_empty()
            || url.password().is_some()
            || url.fragment().is_some()
            || text.chars().any(char::is_whitespace),
        "is not a plain address: it has no user name, no # and no blank",
    )
}

fn wrong_host(text: &str) -> Wrong {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    when(
        text.len() > 253 || !text.split('.').all(label),
        "is not the name of a server: write it alone, as in imap.example.org",
    )
}

fn wrong_record(text: &str) -> Wrong {
    let bare: Vec<&str> = text.split('.').map(|label| label.strip_prefix('_').unwrap_or(label)).collect();
    wrong_host(&bare.join(".")).map(|_| "is not a name of the DNS")
}

fn wrong_scope(text: &str) -> Wrong {
    // RFC 6749 3.3.
    let fine = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\' && b != b',';
    when(text.len() > 500 || !text.bytes().all(fine), "is not one scope: no blanks, commas or quotes")
}

fn wrong_claim(text: &str) -> Wrong {
    when(
        text.is_empty() || text.len() > 100 || !text.bytes().all(|b| b.is_ascii_graphic()),
        "is not the name of a value in the provider's answer",
    )
}

fn wrong_tenant(text: &str) -> Wrong {
    when(
        !crate::provider::is_tenant(text),
        "is not a tenant: an id, a domain, common, organizations or consumers",
    )
}

fn wrong_sentence(text: &str) -> Wrong {
    when(
        text.trim().is_empty() || text.chars().count() > 400 || text.chars().any(char::is_control),
        "is not a line of 1 to 400 characters",
    )
}

/// Not 0.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u16")]
pub(super) struct Port(u16);

impl Port {
    pub(super) fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Port {
    type Error = &'static str;

    fn try_from(port: u16) -> Result<Self, Self::Error> {
        if port == 0 { Err("a port is between 1 and 65535") } else { Ok(Port(port)) }
    }
}

/// Further parameters of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub(super) struct Parameters(BTreeMap<String, String>);

/// What Postern itself says in each request, and what its safety hangs on.
const OWN: &[&str] = &[
    "assertion",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "device_code",
    "grant_type",
    "nonce",
    "password",
    "redirect_uri",
    "refresh_token",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "username",
];

impl Parameters {
    pub(super) fn all(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }
}

impl TryFrom<BTreeMap<String, String>> for Parameters {
    type Error = String;

    fn try_from(parameters: BTreeMap<String, String>) -> Result<Self, String> {
        for (name, value) in &parameters {
            if OWN.contains(&name.as_str()) {
                return Err(format!("“{name}” is Postern's own: it cannot be set here"));
            }
            let fine = |text: &str, most| text.len() <= most && !text.chars().any(char::is_control);
            if name.is_empty()
                || !name.bytes().all(|b| b.is_ascii_graphic())
                || !fine(name, 100)
                || !fine(value, 1_000)
            {
                return Err(format!("“{name}” is not a parameter of a request"));
            }
        }
        Ok(Parameters(parameters))
    }
}
