//! How a registration comes by its tokens, and what it shows of itself when it asks.
use crate::db;

/// Who consents, and how tokens are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// A person signs in (authorization code).
    #[default]
    Code,
    /// The application itself, without a person (client credentials).
    AppOnly,
    /// A service account that acts for the mailbox (JWT bearer, domain-wide delegation).
    ServiceAccount,
}

impl Flow {
    pub const ALL: [Flow; 3] = [Flow::Code, Flow::AppOnly, Flow::ServiceAccount];

    pub fn word(self) -> &'static str {
        match self {
            Flow::Code => "code",
            Flow::AppOnly => "app_only",
            Flow::ServiceAccount => "service_account",
        }
    }
    pub fn from_word(word: &str) -> Option<Flow> {
        Flow::ALL.into_iter().find(|flow| flow.word() == word)
    }
    /// Nobody signs in: tokens are asked for at once, and asked for again instead of refreshed.
    pub fn is_unattended(self) -> bool {
        match self {
            Flow::Code => false,
            Flow::AppOnly | Flow::ServiceAccount => true,
        }
    }
    pub(super) fn take(columns: &mut db::Columns<'_, '_>) -> Result<Flow, db::Error> {
        let word: &str = columns.take()?;
        Flow::from_word(word).ok_or_else(|| db::Error::Decode(format!("the flow {word} is not known")))
    }
}

/// What the client shows at the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Authentication {
    /// Its secret; a public client has none.
    #[default]
    Secret,
    /// Words signed with the key of its certificate.
    Certificate,
}

impl Authentication {
    pub fn word(self) -> &'static str {
        match self {
            Authentication::Secret => "secret",
            Authentication::Certificate => "certificate",
        }
    }
    pub fn from_word(word: &str) -> Option<Authentication> {
        [Authentication::Secret, Authentication::Certificate].into_iter().find(|one| one.word() == word)
    }
    pub(super) fn take(columns: &mut db::Columns<'_, '_>) -> Result<Authentication, db::Error> {
        let word: &str = columns.take()?;
        let found = Authentication::from_word(word);
        found.ok_or_else(|| db::Error::Decode(format!("the client authentication {word} is not known")))
    }
}
