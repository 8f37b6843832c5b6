//! Whose mailbox a row is about, and who signs in to it.

/// Whose mailbox it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    Entra,
    /// There, by the application itself: with its secret.
    Application,
    /// The same with a certificate.
    Certificate,
    /// There, read and sent by Microsoft Graph: with a person's consent.
    Graph,
    /// The same by the application itself.
    GraphApplication,
    Google,
    /// There, by a service account to which the domain is delegated.
    ServiceAccount,
    Waldau,
}

impl At {
    pub fn address(self) -> &'static str {
        match self {
            _ if self.is_microsoft() => "support@contoso.example",
            At::Waldau => "hilfe@waldau.example",
            _ => "care@fabrikam.example",
        }
    }
    pub fn authentication(self) -> &'static str {
        match self {
            _ if self.is_microsoft() => "microsoft",
            At::Waldau => "other",
            _ => "google",
        }
    }
    pub fn is_microsoft(self) -> bool {
        !matches!(self, At::Google | At::ServiceAccount | At::Waldau)
    }
    /// The application opens the mailbox: nobody signs in.
    pub fn is_alone(self) -> bool {
        matches!(self, At::Application | At::Certificate | At::GraphApplication)
    }
    pub fn is_graph(self) -> bool {
        matches!(self, At::Graph | At::GraphApplication)
    }
}
