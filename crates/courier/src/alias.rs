//! An alias: a second address of the mailbox that is opened. No provider says whether it is one, and a sign-in does not show
//! it; what can be asked is asked, and the rest is said. A letter to itself (`doctor/round_trip`) shows all of it.
use crate::trouble::{Place, Trouble, is_about_the_sender};
use desk::mailboxes::mailbox::{Mailbox, Shape};
use mail::explain::Class;
use mail::provider::Family;

/// What a letter that is sent as the alias comes out as, where the provider may put another address in its place.
pub(crate) fn is_kept(mailbox: &Mailbox, provider: &str) -> Option<String> {
    let Shape::Alias { opens } = &mailbox.shape else { return None };
    let address = &mailbox.address;
    Some(match Family::of(provider) {
        Family::Microsoft => format!(
            "{address} is an alias of {opens}, which needs no Send As. Exchange puts {opens} in its place unless the \
             organization lets aliases send (Set-OrganizationConfig -SendFromAliasEnabled $true): a letter to itself shows it."
        ),
        Family::Google => format!(
            "{address} is an alias of {opens}. Google puts {opens} in its place unless it is confirmed under Gmail › Settings › \
             Accounts › Send mail as: a letter to itself shows it."
        ),
        Family::Other => {
            format!("{address} is an alias of {opens}: a letter to itself shows whether the server keeps it.")
        }
    })
}

/// How mail to it is filed, and what would be wrong if it were none.
pub(crate) fn is_received(mailbox: &Mailbox) -> Option<String> {
    let Shape::Alias { opens } = &mailbox.shape else { return None };
    Some(format!(
        "Mail to {} is taken from the mailbox of {opens}, by the address that it was sent to. No provider says whether it is an \
         alias of that mailbox: a letter to itself, in the Mailbox Doctor, shows it. If it is none, take it back in the tab \
         Account, under Mailbox.",
        mailbox.address
    ))
}

/// The server takes a letter from the alias, and not one to it.
pub(crate) fn refused(answer: &wire::Error, mailbox: &Mailbox, place: &Place) -> Trouble {
    let mut trouble = Trouble::of(answer, place);
    let address = &mailbox.address;
    if is_about_the_sender(answer) {
        trouble.reason = format!("Whoever signs in may not write as {address}. {}", trouble.reason);
        return trouble;
    }
    let said = answer.server_text().unwrap_or_default();
    if trouble.class == Class::Retry {
        return trouble;
    }
    Trouble {
        code: "no_alias".to_owned(),
        reason: format!(
            "The mail server takes no letter to {address}: it is no alias of {}.",
            mailbox.opens()
        ),
        detail: format!("{} answered “{said}”", answer.host()),
        remedy: where_aliases_are(mailbox, place.provider),
        ..trouble
    }
}

/// Where an administrator sees whether it is one.
pub(crate) fn where_aliases_are(mailbox: &Mailbox, provider: &str) -> String {
    let (address, opens) = (&mailbox.address, mailbox.opens());
    match Family::of(provider) {
        Family::Microsoft => format!(
            "Look whether {address} is there under Exchange admin center › Recipients › Mailboxes › {opens} › Email addresses, \
             and add it, or say in the tab Account what the mailbox is."
        ),
        Family::Google => format!(
            "Look whether {address} is there under Google Admin console › Directory › Users › {opens} › Alternate email \
             addresses, and add it, or say in the tab Account what the mailbox is."
        ),
        Family::Other => format!(
            "Look on that server whether {address} is an address of {opens}, and add it, or say in the tab Account what the \
             mailbox is."
        ),
    }
}
