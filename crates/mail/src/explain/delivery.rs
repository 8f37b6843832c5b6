//! Why a letter was not taken for a recipient: first what the mailbox's own server is known to say of the mailbox,
//! then the reasons that servers give everywhere.

use super::{Class, Place, Row, Service, symptom};
use crate::provider::Family;
use crate::report::reason::{self, Reason};

/// Whose matter a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// Every letter of the mailbox is refused until somebody mends it.
    Mailbox,
    /// This recipient, or this letter.
    Recipient,
}

const fn row(class: Class, cause: &'static str, remedy: &'static str) -> Option<Row> {
    // What is done in the answer itself is done where one reads this.
    Some(Row { class, place: Place::Nowhere, cause, remedy })
}

/// `None`: nothing is known.
pub(super) const fn row_of(reason: Reason) -> Option<Row> {
    match reason {
        Reason::NoSuchUser => row(
            Class::Configuration,
            "There is no such mailbox at the recipient's server.",
            "Compare the address with what the person wrote, and answer to the right one.",
        ),
        Reason::Host => row(
            Class::Configuration,
            "There is no mail server for the domain of this address.",
            "Look for a slip in what stands behind the @, and answer to the right address.",
        ),
        Reason::MailboxFull => row(
            Class::Policy,
            "The recipient's mailbox is full.",
            "Tell the person in another way, and send the answer again when there is room.",
        ),
        Reason::TooBig => row(
            Class::Configuration,
            "The letter is larger than the other side takes.",
            "Send the files in several letters, or as links.",
        ),
        Reason::Blocked => row(
            Class::Policy,
            "A rule on the way refuses this letter: the recipient's server does not let this sender in.",
            "Ask the recipient's administrators to let this address in, and check SPF, DKIM and DMARC of the sending domain.",
        ),
        Reason::Spam => row(
            Class::Policy,
            "The letter was taken for spam.",
            "Write it with fewer links and files, and ask the recipient's administrators to let this address in.",
        ),
        Reason::Suspended => row(
            Class::Policy,
            "The recipient's mailbox is switched off.",
            "Ask the person for another address.",
        ),
        Reason::Expired => row(
            Class::Policy,
            "The recipient's server could not be reached for so long that the letter was given up.",
            "Send it again later, or ask the person for another address.",
        ),
        Reason::Server => row(
            Class::Retry,
            "A mail server on the way has a fault or is busy.",
            "Send it again later; if it lasts, ask who runs the recipient's server.",
        ),
        Reason::Unknown => None,
    }
}

pub(super) fn row_for(family: Family, answer: &str) -> Option<(Row, Concerns)> {
    if let Some(row) = symptom::row(family, Service::Smtp, answer) {
        return Some((row, Concerns::Mailbox));
    }
    let reason = reason::of(reason::status(answer).as_deref(), answer);
    row_of(reason).map(|row| (row, Concerns::Recipient))
}
