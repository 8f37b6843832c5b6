//! Why a side cannot be opened before its server is asked.
use crate::trouble::Trouble;
use desk::mailboxes::mailbox::{Mailbox, Side};
use mail::explain::Class;

pub(super) fn nothing_set(side: Side) -> Trouble {
    let (what, tab) = match side {
        Side::Incoming => ("incoming", "Remote Mailbox"),
        Side::Outgoing => ("outgoing", "Outgoing (SMTP)"),
    };
    Trouble::new(
        Class::Configuration,
        "no_server",
        format!("This mailbox has no {what} server."),
        format!("Fill in the tab {tab}."),
    )
}

/// What was entered or granted for one house is not sent to another.
pub(super) fn of_another_house(mailbox: &Mailbox) -> Trouble {
    Trouble::new(
        Class::Configuration,
        "another_house",
        format!(
            "{} belongs to another provider than {}, so it is not given what opens that.",
            mailbox.outgoing.host, mailbox.incoming.host
        ),
        "Choose another Authentication than Same as Remote Mailbox in the tab Outgoing (SMTP).",
    )
}

pub(super) fn server_changed() -> Trouble {
    Trouble::new(
        Class::Retry,
        "settings_changed",
        "The server of this mailbox was changed while it was being opened.",
        "Look again in a moment; what Postern does by itself it tries again.",
    )
}

/// What was made at the server of before cannot be ended there.
pub(super) fn elsewhere_now() -> Trouble {
    Trouble::new(
        Class::Configuration,
        "elsewhere_now",
        "The mailbox is read at another server by now, and what opens that is not sent to the one of before.",
        "Nothing to do: what was made there ends by itself.",
    )
}

pub(super) fn no_password(side: Side) -> Trouble {
    let tab = match side {
        Side::Incoming => "Remote Mailbox",
        Side::Outgoing => "Outgoing (SMTP)",
    };
    Trouble::new(
        Class::Configuration,
        "no_password",
        "There is no password for this server.",
        format!("Enter it in the tab {tab}."),
    )
}
