//! How a mailbox stands in its table: words for its choices, and a row read.
use super::{
    Authentication, Fetched, Health, Mailbox, Protocol, Security, ServerSide, Shape, Side, StartFrom, State,
    Submission,
};
use crate::db::{Columns, Error, FromRow, Row};

/// Words of the table for a choice, both ways.
macro_rules! words {
    ($type:ty, $what:literal, $($variant:ident = $word:literal),+) => {
        impl $type {
            pub fn word(self) -> &'static str {
                match self { $(<$type>::$variant => $word),+ }
            }
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(<$type>::$variant),)+ _ => None }
            }
            pub(crate) fn take(columns: &mut Columns<'_, '_>) -> Result<Self, Error> {
                let word: &str = columns.take()?;
                Self::from_word(word).ok_or_else(|| Error::Decode(format!("{} {word} is not known", $what)))
            }
        }
    };
}
words!(Security, "the security", Tls = "tls", StartTls = "starttls", Plain = "plain");
words!(Protocol, "the protocol", Imap = "imap", Pop3 = "pop3", Graph = "graph");
words!(Submission, "the protocol for sending", Smtp = "smtp", Graph = "graph");
words!(Side, "the side", Incoming = "incoming", Outgoing = "outgoing");
words!(
    Authentication,
    "the authentication",
    None = "none",
    Same = "same",
    Microsoft = "microsoft",
    Google = "google",
    Other = "other",
    Password = "password"
);
words!(
    State,
    "the state",
    New = "new",
    Ok = "ok",
    Waiting = "waiting",
    NeedsPerson = "needs_person",
    Paused = "paused"
);

impl From<mail::provider::Security> for Security {
    fn from(preset: mail::provider::Security) -> Self {
        match preset {
            mail::provider::Security::Tls => Security::Tls,
            mail::provider::Security::Starttls => Security::StartTls,
            mail::provider::Security::Plain => Security::Plain,
        }
    }
}
impl Fetched {
    pub fn word(&self) -> &'static str {
        match self {
            Fetched::Nothing => "nothing",
            Fetched::Read => "read",
            Fetched::Move(_) => "move",
            Fetched::Delete => "delete",
        }
    }
    /// The folder that mail is moved to.
    pub fn folder(&self) -> &str {
        match self {
            Fetched::Move(folder) => folder,
            Fetched::Nothing | Fetched::Read | Fetched::Delete => "",
        }
    }
    pub fn from_words(word: &str, folder: &str) -> Option<Fetched> {
        match word {
            "nothing" => Some(Fetched::Nothing),
            "read" => Some(Fetched::Read),
            "move" => Some(Fetched::Move(folder.to_owned())),
            "delete" => Some(Fetched::Delete),
            _ => None,
        }
    }
}
impl StartFrom {
    /// Whether it wants mail that the other one leaves out.
    pub(super) fn is_before(&self, other: &StartFrom) -> bool {
        match (self, other) {
            (StartFrom::Everything, StartFrom::Now | StartFrom::Date(_)) => true,
            (StartFrom::Date(date), StartFrom::Date(other)) => date < other,
            (StartFrom::Date(_), StartFrom::Now) => true,
            (StartFrom::Now, _) | (_, StartFrom::Everything) => false,
        }
    }
    pub fn word(&self) -> &str {
        match self {
            StartFrom::Now => "now",
            StartFrom::Everything => "everything",
            StartFrom::Date(date) => date,
        }
    }
    /// Anything else than the two words is a date; whether it is one, is asked where it is entered.
    pub fn from_word(word: &str) -> StartFrom {
        match word {
            "now" => StartFrom::Now,
            "everything" => StartFrom::Everything,
            date => StartFrom::Date(date.to_owned()),
        }
    }
}

fn side(c: &mut Columns<'_, '_>) -> Result<ServerSide, Error> {
    Ok(ServerSide {
        host: c.take()?,
        port: c.take()?,
        security: Security::take(c)?,
        authentication: Authentication::take(c)?,
        user: c.take()?,
        has_password: c.take()?,
        client_id: c.take()?,
        grant_id: c.take()?,
    })
}
fn health(c: &mut Columns<'_, '_>) -> Result<Health, Error> {
    Ok(Health {
        state: State::take(c)?,
        since: c.take()?,
        reason_code: c.take()?,
        reason: c.take()?,
        remedy: c.take()?,
    })
}

/// The columns in the order of the SELECT in [`super`].
impl FromRow for Mailbox {
    fn from_row(row: &Row<'_>) -> Result<Self, Error> {
        let c = &mut row.columns();
        Ok(Mailbox {
            id: c.take()?,
            address: c.take()?,
            name: c.take()?,
            department_id: c.take()?,
            notes: c.take()?,
            shape: {
                let (word, opens): (&str, &str) = (c.take()?, c.take()?);
                Shape::from_words(word, opens)
                    .ok_or_else(|| Error::Decode(format!("the shape {word} is not known")))?
            },
            active: c.take()?,
            removed_at: c.take()?,
            protocol: Protocol::take(c)?,
            incoming: side(c)?,
            folder: c.take()?,
            more_folders: c.take::<&str>()?.lines().map(str::to_owned).collect(),
            submission: Submission::take(c)?,
            outgoing: side(c)?,
            outgoing_active: c.take()?,
            header_spoofing: c.take()?,
            fetched: {
                let (word, folder): (&str, &str) = (c.take()?, c.take()?);
                Fetched::from_words(word, folder).ok_or_else(|| {
                    Error::Decode(format!("what is done to fetched mail, {word}, is not known"))
                })?
            },
            frequency_s: c.take()?,
            batch: c.take()?,
            start_from: StartFrom::from_word(c.take()?),
            notified: c.take()?,
            activated_at: c.take()?,
            moved_at: c.take()?,
            incoming_health: health(c)?,
            outgoing_health: health(c)?,
            failures: c.take()?,
            last_fetch_at: c.take()?,
            last_mail_at: c.take()?,
            last_sent_at: c.take()?,
            due_at: c.take()?,
        })
    }
}
