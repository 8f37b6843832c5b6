//! One request as the API reads it: whose mailbox, the words of the path, query options, what is preferred.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;
use url::form_urlencoded;

use super::error::{Refusal, Result};
use crate::http::Cut;

/// What Graph takes in one request.
pub(super) const REQUEST_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    Me,
    /// `users/{address or object id}`
    User(String),
    /// `subscriptions`, which belong to an application.
    Nobody,
}

#[derive(Debug)]
pub(super) struct Call {
    pub method: Method,
    pub whose: Whose,
    /// What follows the mailbox. Names have no case, ids do.
    pub words: Vec<String>,
    /// Names without `$`, in lower case.
    query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// `https://graph…/v1.0/me`, as links to further pages begin.
    pub root: String,
    pub cut: Option<Cut>,
}

impl Call {
    /// `path` is what follows `/v1.0/`, as it was sent.
    pub fn read(
        method: Method,
        base: &str,
        path: &str,
        query: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Call> {
        let mut words = words(path);
        let unknown =
            |word: &str| Refusal::bad("BadRequest", format!("Resource not found for the segment '{word}'."));
        let (first, rest) = words.split_first_mut().ok_or_else(|| unknown(""))?;
        let (whose, rest) = match (first.to_ascii_lowercase().as_str(), rest.split_first()) {
            ("me", _) => (Whose::Me, rest.to_vec()),
            ("users", Some((user, rest))) => (Whose::User(user.clone()), rest.to_vec()),
            ("subscriptions", _) => (Whose::Nobody, words.clone()),
            _ => return Err(unknown(first)),
        };
        let root = match &whose {
            Whose::Me => format!("{base}/v1.0/me"),
            Whose::User(user) => format!("{base}/v1.0/users/{}", encoded(user)),
            Whose::Nobody => format!("{base}/v1.0"),
        };
        let query = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.trim_start_matches('$').to_ascii_lowercase(), value.into_owned()));
        Ok(Call { method, whose, words: rest, query: query.collect(), headers, body, root, cut: None })
    }

    /// The word by which faults are armed for one call alone; empty for the others.
    pub fn name(&self) -> &'static str {
        let last = self.words.last().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        match last.as_str() {
            _ if self.whose == Whose::Nobody => "subscriptions",
            "delta" => "delta",
            "$value" => "$value",
            "sendmail" => "sendMail",
            "move" | "copy" => "move",
            "permanentdelete" => "delete",
            _ if self.method == Method::DELETE => "delete",
            _ => "",
        }
    }

    pub fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The options of this request, for the link to its next page.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub fn number(&self, name: &str) -> Result<Option<usize>> {
        let bad = || Refusal::bad("BadRequest", format!("Invalid value for ${name}."));
        self.option(name).map(|text| text.parse().map_err(|_| bad())).transpose()
    }

    fn preferences(&self) -> impl Iterator<Item = &str> {
        let lines = self.headers.get_all("prefer").iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split([',', ';'])).map(str::trim)
    }

    pub fn wants_immutable_ids(&self) -> bool {
        self.preferences().any(|word| {
            word.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("IdType")
                    && value.trim().trim_matches('"').eq_ignore_ascii_case("ImmutableId")
            })
        })
    }

    pub fn page_size(&self) -> Option<usize> {
        self.preferences().find_map(|word| word.strip_prefix("odata.maxpagesize=")?.trim().parse().ok())
    }

    pub fn preference_applied(&self) -> Option<String> {
        let ids = self.wants_immutable_ids().then(|| "IdType=\"ImmutableId\"".to_owned());
        let size = self.page_size().map(|size| format!("odata.maxpagesize={size}"));
        let applied: Vec<String> = ids.into_iter().chain(size).collect();
        (!applied.is_empty()).then(|| applied.join("; "))
    }

    pub fn kind(&self) -> &str {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim()
    }

    pub fn json(&self) -> Result<Value> {
        let text = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.";
        let bad = || Refusal::bad("BadRequest", text);
        if self.kind() != "application/json" {
            return Err(bad());
        }
        serde_json::from_slice(&self.body).map_err(|_| bad())
    }

    pub fn bearer(&self) -> Option<&str> {
        let value = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }
}

pub(super) fn too_large() -> Refusal {
    let text = "The maximum request length supported is 4MB.";
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "BadRequest", text)
}

/// `a/b('c')/d()` is `a`, `b`, `c`, `d`. A namespace before the name of a function says nothing.
fn words(path: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let part = decoded(part);
        let (name, key) = match part.strip_suffix(')').and_then(|part| part.split_once('(')) {
            Some((name, key)) => (name, key.trim_matches('\'')),
            None => (part.as_str(), ""),
        };
        words.push(name.strip_prefix("microsoft.graph.").unwrap_or(name).to_owned());
        if !key.is_empty() {
            words.push(key.to_owned());
        }
    }
    words
}

fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match hex.filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_in_both_of_its_forms() {
        assert_eq!(
            words("me/mailFolders('inbox')/messages/delta()"),
            words("me/mailFolders/inbox/messages/delta")
        );
        assert_eq!(
            words("users/a%40b.example/messages/AA-_=/$value"),
            ["users", "a@b.example", "messages", "AA-_=", "$value"]
        );
        assert_eq!(words("messages/AA%3D%3D"), ["messages", "AA=="]);
        assert_eq!(words("users/a+b@c.example"), ["users", "a+b@c.example"]);
    }
}
