//! Mail addresses (RFC 5322 3.4, read liberally): parse, normalise, compare, show.

/// A mailbox of a header: what it is called and where it is.  Either may be missing in real mail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, serde::Serialize)]
pub struct Address {
    /// Decoded, one line.
    pub name: Option<String>,
    /// As written, domain in lower case; `None` when nothing with an `@` was there.
    pub address: Option<String>,
}

impl Address {
    /// What two addresses are compared by: lower case.  Not for sending to.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        self.address.as_deref().map(key)
    }
}

/// The look-up key of an address given as text: trimmed, lower case.
#[must_use]
pub fn key(address: &str) -> String {
    address.trim().to_lowercase()
}

/// What a person types into To or Cc: addresses separated by comma, semicolon or new line.
#[must_use]
pub fn parse_list(text: &str) -> Vec<Address> {
    let _ = text;
    todo!()
}

/// Is this one bare `local@domain` that may be put into an SMTP command and a header?
#[must_use]
pub fn is_valid_mailbox(address: &str) -> bool {
    let _ = address;
    todo!()
}

/// `Name <address>` on one line: no control character can come out of it.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _ = f;
        todo!()
    }
}
