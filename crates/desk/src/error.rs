//! Why the desk did not do something: a rule refused, or something failed.
use crate::db;
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug)]
pub enum Error {
    /// A rule of the desk said no; shown to the person on the form, with what was typed kept.
    Refused(Refusal),
    /// Something is broken; shown as a reference number, the chain goes to the log.
    Failed(anyhow::Error),
    /// The database said so; kept apart because `Db::write` decides by it.
    Db(db::Error),
}

impl Error {
    /// The database's own trouble: a full disk or a lost connection is never taken for a bad message.
    pub fn is_the_databases(&self) -> bool {
        match self {
            Error::Db(error) => match error {
                db::Error::Busy
                | db::Error::Unknown
                | db::Error::Store(_)
                | db::Error::Words(_)
                | db::Error::Unfit(_) => true,
                db::Error::Doomed
                | db::Error::NotFound
                | db::Error::TooMany
                | db::Error::Unique(_)
                | db::Error::ForeignKey(_)
                | db::Error::Check(_)
                | db::Error::Decode(_)
                | db::Error::Other(_) => false,
            },
            Error::Refused(_) | Error::Failed(_) => false,
        }
    }
}

/// One variant a rule, with its parameters. `Display` is the sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    EmptyText,
    NoRecipient,
    BadAddress(String),
    /// Somebody wrote after the page was opened: who.
    WrittenMeanwhile(String),
    TicketJoined(String),
    MailboxCannotSend(String),
    NotFound(&'static str),
    NotAllowed(&'static str),
    AddressTaken(String),
    BadEmail(String),
    PasswordTooShort {
        least: usize,
    },
    PasswordTooLong {
        most: usize,
    },
    LinkUsedUp,
    AdministratorExists,
    LastAdministrator,
    TwoTenants {
        authorization: String,
        token: String,
    },
    BadEndpoint {
        field: &'static str,
        why: String,
    },
    Required(&'static str),
    /// The provider's *Secret ID* (a GUID) was pasted instead of its *Value*.
    SecretLooksLikeId,
    /// A kept secret is only sent where it was entered for.
    SecretAgain {
        field: &'static str,
        from: String,
        to: String,
    },
    /// A token that needs nobody is only sent to the servers that what it is made from was entered for.
    OtherHost {
        field: &'static str,
        from: String,
        to: String,
        remedy: &'static str,
    },
    MoveToFetchedFolder(String),
    PlainOnlyLoopback(String),
    UnsentMail(i64),
    /// Nobody has signed in at the provider for this side: the mailbox, and the tab of the side.
    NotAuthorized {
        address: String,
        tab: &'static str,
    },
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::EmptyText => f.write_str("Write something first: the text is empty."),
            Refusal::NoRecipient => f.write_str("Name at least one recipient in To."),
            Refusal::BadAddress(a) => write!(f, "“{a}” is not an email address. Correct it or take it out."),
            Refusal::WrittenMeanwhile(who) => {
                write!(f, "{who} wrote after this page was opened. Read it, then send again; your text is kept.")
            }
            Refusal::TicketJoined(n) => write!(f, "This ticket was joined to #{n}. Answer there."),
            Refusal::MailboxCannotSend(a) => {
                write!(f, "{a} has no outgoing server. An administrator sets it under Emails › Outgoing (SMTP).")
            }
            Refusal::NotFound(what) => write!(f, "There is no such {what}."),
            Refusal::NotAllowed(what) => write!(f, "Only an administrator may {what}."),
            Refusal::AddressTaken(a) => write!(f, "{a} is already here."),
            Refusal::BadEmail(a) => write!(f, "“{a}” is not an email address."),
            Refusal::PasswordTooShort { least } => write!(f, "Use at least {least} characters for the password."),
            Refusal::PasswordTooLong { most } => write!(f, "Use at most {most} characters for the password."),
            Refusal::LinkUsedUp => {
                f.write_str("This link has been used, has expired, or was replaced. Start Postern again for a new one.")
            }
            Refusal::AdministratorExists => f.write_str("There is an administrator already. Sign in instead."),
            Refusal::LastAdministrator => f.write_str("This is the last administrator; name another one first."),
            Refusal::TwoTenants { authorization, token } => write!(
                f,
                "The endpoints name two tenants, {authorization} and {token}. Use one tenant for both."
            ),
            Refusal::BadEndpoint { field, why } => write!(f, "{field}: {why}"),
            Refusal::Required(field) => write!(f, "{field} is needed."),
            Refusal::SecretLooksLikeId => f.write_str(
                "This looks like the Secret ID. Paste the Value of the secret; it is shown once, when the secret is made.",
            ),
            Refusal::SecretAgain { field, from, to } => write!(
                f,
                "{field} was entered for {from} and is not sent to {to}. Enter it again for the new address."
            ),
            Refusal::OtherHost { field, from, to, remedy } => {
                write!(f, "{field} was entered for {from}, and no token made with it is sent to {to}. {remedy}")
            }
            Refusal::MoveToFetchedFolder(folder) => {
                write!(f, "{folder} is the folder that is fetched. Choose another one to move mail to.")
            }
            Refusal::PlainOnlyLoopback(host) => {
                write!(f, "Without encryption only this machine itself may be reached, not {host}. Choose SSL/TLS or STARTTLS.")
            }
            Refusal::UnsentMail(n) => write!(f, "{n} messages are still to be sent through this mailbox."),
            Refusal::NotAuthorized { address, tab } => write!(
                f,
                "{address} is not authorized yet. Authorize it by Config in its tab {tab}, and then enable it."
            ),
            Refusal::Other(sentence) => f.write_str(sentence),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Failed(error) => write!(f, "{error:#}"),
            Error::Db(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for Error {}
impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::Refused(refusal)
    }
}
impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        Error::Db(error)
    }
}
impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Error::Failed(error)
    }
}
impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Error::Failed(error.into())
    }
}
impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::Failed(error.into())
    }
}
