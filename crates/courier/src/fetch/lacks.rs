//! What a round that brought mail in could not do all the same: it is told, and stops nothing.
use super::trials;
use crate::trouble::{TRIES_AGAIN, Trouble, sentence};
use desk::mailboxes::mailbox::{Fetched, LISTED_ANEW, Mailbox, NOT_DELIVERED, NOT_SETTLED, SOME_FOLDERS};
use desk::mailboxes::put_off::PutOff;
use mail::explain::Class;
use std::collections::BTreeMap;

/// It may happen now and then, and costs a listing.
const LOST_IN_A_ROW: u32 = 3;

/// Reasons that are said of several folders at once.
const SAID_MAX: usize = 3;

#[derive(Clone, Debug)]
pub(crate) struct Lack {
    pub folder: String,
    pub what: What,
    pub trouble: Trouble,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Mail of it does not come in.
    Folder,
    /// On the server, what *Fetched Emails* says.
    Settling,
    /// Of some letters, which the server does not deliver for now.
    Letters,
    /// Of the folder, as often as it is looked into, from the beginning.
    Listing,
}

impl Lack {
    pub(super) fn new(folder: &str, what: What, trouble: Trouble) -> Lack {
        Lack { folder: folder.to_owned(), what, trouble }
    }

    /// What POP3 lists still though it was told, more than once, to delete it.
    pub(super) fn of_undeleted(mailbox: &Mailbox, count: usize) -> Option<Lack> {
        let letters = match count {
            0 => return None,
            1 => "one letter, and lists it still. It is held here, and is not fetched again.".to_owned(),
            many => {
                format!(
                    "{many} letters, and lists them still. They are held here, and are not fetched again."
                )
            }
        };
        if mailbox.fetched != Fetched::Delete {
            return None;
        }
        let reason = format!("The server said that it has deleted {letters}");
        let remedy = "Look at the provider’s settings for what becomes of mail that is deleted by POP3, and delete it there by \
                      hand; where it may stay, choose Nothing under Fetched Emails.";
        let trouble = Trouble::new(Class::Configuration, NOT_SETTLED, reason, remedy);
        Some(Lack::new(mailbox.folder_or_inbox(), What::Settling, trouble))
    }

    /// Microsoft Graph has not known in so many rounds in a row what it had listed before.
    pub(super) fn of_lost_places(folder: &str, rounds: u32) -> Option<Lack> {
        if rounds < LOST_IN_A_ROW {
            return None;
        }
        let reason = format!(
            "Microsoft Graph has not known in the last {rounds} rounds what it had listed of “{folder}” before (410), so that the whole \
             folder is listed at each of them."
        );
        let remedy = "Mail comes in, and nothing is doubled. If it lasts, look into the folder less often (Fetch Frequency), keep \
                      fewer letters in it, or ask Microsoft’s support why the delta links of this mailbox do not last.";
        Some(Lack::new(folder, What::Listing, Trouble::new(Class::Retry, LISTED_ANEW, reason, remedy)))
    }

    /// What is put off, and why, by UID.
    pub(super) fn of_letters(folder: &str, put_off: &BTreeMap<u32, PutOff>) -> Option<Lack> {
        let (_, PutOff { said: why, .. }) = put_off.first_key_value()?;
        let count = match put_off.len() {
            1 => "One letter is".to_owned(),
            many => format!("{many} letters are"),
        };
        let until = match put_off.values().any(trials::is_given_up) {
            true => "for a while, and then left on the server",
            false if put_off.len() == 1 => "after all others, until the server gives it out",
            false => "after all others, until the server gives them out",
        };
        let reason = format!("{count} asked for again {until}: {why}");
        let remedy = "Nothing is to be done; what came behind is fetched.";
        Some(Lack::new(folder, What::Letters, Trouble::new(Class::Retry, NOT_DELIVERED, reason, remedy)))
    }
}

/// What is said of a mailbox, of which mail comes in save for this.
pub(super) fn summed(lacks: &[Lack]) -> Trouble {
    let of = |what: What| lacks.iter().filter(move |lack| lack.what == what);
    let mut said = Vec::new();
    let folders: Vec<&Lack> = of(What::Folder).collect();
    let names: Vec<String> = folders.iter().map(|lack| format!("“{}”", lack.folder)).collect();
    match names.as_slice() {
        [] => {}
        [one] => said.push(format!("The folder {one} is not well; the others are fetched.")),
        many => said.push(format!("The folders {} are not well; the others are fetched.", many.join(", "))),
    }
    for lack in folders.iter().take(SAID_MAX) {
        let of = if folders.len() > 1 { format!("“{}”: ", lack.folder) } else { String::new() };
        said.push(format!("{of}{}", lack.trouble.whole_reason()));
    }
    let unsettled: Vec<String> =
        of(What::Settling).take(SAID_MAX).map(|lack| sentence(&lack.trouble.whole_reason())).collect();
    if !unsettled.is_empty() {
        said.push("Mail comes in, but what Fetched Emails says could not be done on the server.".to_owned());
        said.extend(unsettled);
    }
    said.extend(of(What::Letters).next().map(|lack| lack.trouble.whole_reason()));
    said.extend(of(What::Listing).next().map(|lack| lack.trouble.whole_reason()));
    let worst = lacks.iter().find(|lack| lack.trouble.needs_person()).or(lacks.first());
    let (class, remedy) = worst
        .map_or((Class::Retry, TRIES_AGAIN), |worst| (worst.trouble.class, worst.trouble.remedy.as_str()));
    let has = |what: What| of(what).next().is_some();
    let code = match (has(What::Folder), has(What::Letters), has(What::Settling)) {
        (true, ..) => SOME_FOLDERS,
        (false, true, _) => NOT_DELIVERED,
        (false, false, true) => NOT_SETTLED,
        (false, false, false) => LISTED_ANEW,
    };
    Trouble::new(class, code, said.join(" "), remedy)
}

/// In the log, once.
pub(super) fn tell(mailbox: &Mailbox, trouble: &Trouble) {
    if mailbox.incoming_health.reason != trouble.reason {
        tracing::warn!(mailbox = mailbox.address, code = trouble.code, "fetch: {}", trouble.reason);
    }
}
