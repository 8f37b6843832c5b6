//! A mailbox that lies in the same folder as another one of the desk: that one's round fetches for both, and what it
//! fetches is filed under the address that it was sent to.
use crate::Courier;
use crate::trouble::{TRIES_AGAIN, Trouble};
use desk::db::Tx;
use desk::mailboxes::mailbox::{self, Mailbox, State};
use mail::explain::Class;
use std::collections::HashSet;

/// Who fetches this mailbox's mail, where it is another one.
pub(super) fn fetched_by(tx: &mut Tx<'_>, mailbox: &Mailbox) -> desk::Result<Option<Mailbox>> {
    let first = mailbox::in_one_folder(tx, mailbox)?.into_iter().next();
    Ok(first.filter(|first| first.active && first.id != mailbox.id))
}

/// What its round fetches: its own folders, and those of the mailboxes that it fetches for.
pub(super) fn folders(tx: &mut Tx<'_>, mailbox: &Mailbox) -> desk::Result<Vec<String>> {
    let mut folders: Vec<String> = mailbox.folders().map(str::to_owned).collect();
    for other in mailbox::in_one_folder(tx, mailbox)? {
        let follows = other.active && fetched_by(tx, &other)?.is_some_and(|first| first.id == mailbox.id);
        if follows {
            folders.extend(other.folders().filter(|name| !mailbox.fetches(name)).map(str::to_owned));
        }
    }
    let mut known = HashSet::new();
    folders.retain(|name| known.insert(name.clone()));
    Ok(folders)
}

/// The mailbox whose round fetches this one's mail: itself, mostly.
pub(crate) async fn fetching_for(courier: &Courier, mailbox: Mailbox) -> desk::Result<Mailbox> {
    let fetching = courier.read(move |tx| Ok(fetched_by(tx, &mailbox)?.unwrap_or_else(|| mailbox.clone())));
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
