//! A mailbox that lies in the same folder as another one of the desk: that one's round fetches for both, and what it
//! fetches is filed under the address that it was sent to.
use crate::Courier;
use crate::trouble::{TRIES_AGAIN, Trouble};
use desk::mailboxes::mailbox::{self, Mailbox, State};
use mail::explain::Class;

/// The mailbox whose round fetches this one's mail: itself, mostly.
pub(crate) async fn fetching_for(courier: &Courier, mailbox: Mailbox) -> desk::Result<Mailbox> {
    let fetching =
        courier.read(move |tx| Ok(mailbox::fetched_by(tx, &mailbox)?.unwrap_or_else(|| mailbox.clone())));
    fetching.await
}

/// What stops the other one stops this one.
pub(super) fn health(mailbox: &Mailbox, other: &Mailbox) -> Result<(), Trouble> {
    let health = &other.incoming_health;
    let trouble = |class, remedy: &str| {
        let reason = format!(
            "The mail of {} is fetched with {}, and that stands. {}",
            mailbox.address, other.address, health.reason
        );
        Err(Trouble::new(class, "fetched_elsewhere", reason, remedy))
    };
    match health.state {
        State::New | State::Ok | State::Paused => Ok(()),
        State::Waiting => trouble(Class::Retry, TRIES_AGAIN),
        State::NeedsPerson => trouble(Class::Configuration, &health.remedy),
    }
}
