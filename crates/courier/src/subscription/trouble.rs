//! Why Microsoft does not tell of new mail, in words. Mail comes all the same, which each of them says.
use crate::Courier;
use crate::trouble::{Place, Trouble};
use desk::mailboxes::choice;
use desk::mailboxes::mailbox::Mailbox;
use mail::explain::Class;
use url::Url;

/// The code of an address that Microsoft cannot call.
const NOT_REACHED: &str = "not_reached";

const ALL_THE_SAME: &str = "Until then mail is looked for every so often, as without them.";

pub(super) fn is_public(courier: &Courier, to: &Url) -> Result<(), Trouble> {
    if choice::may_be_told(to, courier.practice()) {
        return Ok(());
    }
    let reason = format!(
        "Microsoft cannot tell this Postern of new mail: {} is no address of the internet with https.",
        courier.site_url()
    );
    let remedy = format!(
        "Make Postern reachable under a public name with https and set site.url to it, or switch change notifications off. \
         {ALL_THE_SAME}"
    );
    Err(Trouble::new(Class::Configuration, NOT_REACHED, reason, remedy))
}

/// What was said to the try to make one.
pub(super) fn of_making(error: &wire::Error, place: &Place, to: &Url) -> Trouble {
    if error.is_unreached_address() {
        let reason = format!("Microsoft could not reach this Postern at {to}, so it tells of no new mail.");
        let remedy = format!(
            "See that this address is reachable from the internet with a certificate that everybody trusts, and that the reverse \
             proxy and the firewall let POST requests to it through, as in the manual under Operate; or switch change \
             notifications off. {ALL_THE_SAME}"
        );
        let mut trouble = Trouble::new(Class::Configuration, NOT_REACHED, reason, remedy);
        trouble.detail =
            error.server_text().map(|said| format!("Microsoft said “{said}”")).unwrap_or_default();
        return trouble;
    }
    let mut trouble = Trouble::of(error, place);
    if trouble.needs_person() {
        trouble.reason = format!("Microsoft does not tell of new mail. {}", trouble.reason);
        trouble.remedy = format!("{} {ALL_THE_SAME}", trouble.remedy);
    }
    trouble
}

pub(super) fn of_a_person(mailbox: &Mailbox) -> Trouble {
    Trouble::new(
        Class::Configuration,
        "told_of_own_alone",
        format!(
            "A person has signed in to open the shared mailbox {}, and with a person's consent Microsoft tells of new mail in \
             that person's own mailbox alone.",
            mailbox.opens()
        ),
        format!(
            "Let an application open it by itself (Config, without a person), or switch change notifications off. {ALL_THE_SAME}"
        ),
    )
}

pub(super) fn no_folder(folder: &str) -> Trouble {
    Trouble::new(
        Class::Configuration,
        "no_such_folder",
        format!("There is no folder “{folder}” in this mailbox, so Microsoft tells of no mail in it."),
        "Choose the folders under Remote Mailbox.",
    )
}
