//! What a provider's or server's error means and what to do about it, as data.
//! The OAuth `error` decides the class; numbers only choose the words, since Microsoft changes them.

/// What has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It passes by itself.
    Retry,
    /// The registration, the tenant or the mailbox's settings must be changed.
    Configuration,
    /// The organization forbids it: its administrators must change a rule or an account.
    Policy,
    /// A person must sign in and consent again.
    AuthorizeAgain,
    /// Postern itself did something wrong.
    Defect,
}

/// An OAuth error answer (RFC 6749 4.1.2.1, 5.2) with Microsoft's additions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    pub error: String,
    pub error_description: Option<String>,
    /// `error_codes`; also found in the description as `AADSTS50011`.
    pub codes: Vec<u32>,
    pub suberror: Option<String>,
}

/// In words for an administrator.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// What happened, one sentence.
    pub cause: String,
    /// What to do next, one sentence.
    pub remedy: String,
    pub class: Class,
    /// Where the provider explains this number.
    pub lookup: Option<String>,
}

/// What a mail server was doing when it said no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Imap,
    Pop,
    Smtp,
}

/// An error of the authorization or token endpoint; `provider` is a preset's key.
#[must_use]
pub fn oauth(provider: &str, fault: &Fault) -> Explanation {
    let _ = (provider, fault);
    todo!()
}

/// What a mail server answered after or instead of a sign-in.
#[must_use]
pub fn server(provider: &str, service: Service, answer: &str) -> Explanation {
    let _ = (provider, service, answer);
    todo!()
}
