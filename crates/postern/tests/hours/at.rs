//! Whose mailbox a row is about, and who signs in to it.

/// Whose mailbox it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Entra,
    /// There, by the application itself: with its secret.
    Application,
    /// The same with a certificate.
    Certificate,
    Google,
    /// There, by a service account to which the domain is delegated.
    ServiceAccount,
    Waldau,
}

impl At {
    pub fn address(self) -> &'static str {
        match self {
            At::Entra | At::Application | At::Certificate => "support@contoso.example",
            At::Google | At::ServiceAccount => "care@fabrikam.example",
            At::Waldau => "hilfe@waldau.example",
        }
    }
    pub fn authentication(self) -> &'static str {
        match self {
            At::Entra | At::Application | At::Certificate => "microsoft",
            At::Google | At::ServiceAccount => "google",
            At::Waldau => "other",
        }
    }
}
