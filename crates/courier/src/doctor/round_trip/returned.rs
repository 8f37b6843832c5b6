//! What the letter tells that came back: where it lay, as whom it was sent, and whether answers would find their ticket.
use super::super::chart::{Chart, Link};
use super::Place;
use desk::intake::is_sent_to;
use desk::mailboxes::mailbox::{Mailbox, Shape};
use mail::provider::Family;
use std::time::Duration;

pub(super) fn returned(mailbox: &Mailbox, place: &Place, took: Duration, chart: &mut Chart) {
    let seconds = took.as_millis() / 100;
    let after = format!("It came back after {}.{} s", seconds / 10, seconds % 10);
    let (name, is_junk, removed) = match place {
        Place::Fetched => {
            return chart.good(Link::Returned, format!("{after}, and was fetched like other mail."));
        }
        Place::Folder { name, is_junk, removed } => (name, *is_junk, *removed),
    };
    let left = if removed { "It was removed again." } else { "It could not be removed and stays there." };
    if is_junk {
        let remedy =
            "Tell that server that mail from this address is no junk, and mend SPF, DKIM and DMARC below.";
        chart.warning(
            Link::Returned,
            format!("{after}, but in the folder {name}: it was taken for junk. {left}"),
            remedy,
        );
    } else if !mailbox.fetches(name) {
        let fetched = mailbox.folders().collect::<Vec<_>>().join(", ");
        let found = format!("{after}, but in {name}, and Postern fetches {fetched}. {left}");
        let remedy = "Nothing to do if a rule moves only some mail to the folder that is fetched; otherwise choose another Mail \
                      Folder.";
        chart.warning(Link::Returned, found, remedy);
    } else {
        chart.good(Link::Returned, format!("{after}, in {name}. {left}"));
    }
}

/// Whether mail to an alias can be told from mail to the mailbox behind it, as the desk tells it when it files.
pub(super) fn for_alias(mailbox: &Mailbox, message: &mail::Message, chart: &mut Chart) {
    let Shape::Alias { opens } = &mailbox.shape else { return };
    let address = &mailbox.address;
    let came = format!("A letter to {address} came into the mailbox of {opens}: it is an alias of it");
    if is_sent_to(message, address) {
        let found = format!("{came}, and what is sent to it is filed under this email.");
        return chart.good(Link::Alias, found);
    }
    chart.warning(
        Link::Alias,
        format!("{came}. But the letter names {address} nowhere any more, so that it would be filed under {opens}."),
        "Look for a rule or a gateway on the way in that writes To anew.",
    );
}

/// Whether customers see the address that they wrote to: Exchange writes the mailbox's own in the place of an alias, and
/// Google that of the account that signed in.
pub(super) fn written_as(mailbox: &Mailbox, provider: &str, message: &mail::Message, chart: &mut Chart) {
    let address = &mailbox.address;
    let from: Vec<&str> = message.from.iter().filter_map(|from| from.address.as_deref()).collect();
    if from.iter().any(|from| mail::address::key(from) == mail::address::key(address)) {
        return chart.good(Link::SendAs, format!("It came back with {address} as its sender."));
    }
    let other = from.first().map_or_else(|| "no sender at all".to_owned(), |from| (*from).to_owned());
    let found = format!(
        "It was sent as {address} and came back as {other}: the server has put another address in its place, and customers \
         see and answer that one."
    );
    chart.warning(Link::SendAs, found, own_sender(provider, address));
}

/// How the server is told to leave the address as it is.
fn own_sender(provider: &str, address: &str) -> String {
    match Family::of(provider) {
        Family::Microsoft => {
            "If it is an alias, an Exchange administrator lets people send as their aliases: Set-OrganizationConfig \
             -SendFromAliasEnabled $true in Exchange Online PowerShell. Then check once more; such a change is not seen at once."
                .to_owned()
        }
        Family::Google => format!(
            "Whoever signs in adds {address} in Gmail › Settings › Accounts › Send mail as, confirms it, and you check once \
             more."
        ),
        Family::Other => format!(
            "Let that server take {address} as an address of the account that signs in to send, or sign in as {address}."
        ),
    }
}

pub(super) fn threads(ours: &str, theirs: Option<&str>, chart: &mut Chart) {
    if theirs == Some(ours) {
        let found = "It has kept its Message-ID, so that an answer to a letter from here finds its ticket.";
        return chart.good(Link::Threads, found);
    }
    let now = theirs.map_or_else(|| "none".to_owned(), |id| format!("<{id}>"));
    chart.warning(
        Link::Threads,
        format!(
            "The server gave it another Message-ID: it left as <{ours}> and came back with {now}. An answer to a letter from \
             here names the other one, and finds its ticket by the number in its subject alone."
        ),
        "Look for a rule, a gateway or a disclaimer service on the way out that writes letters anew.",
    );
}

#[cfg(test)]
mod tests {
    use super::own_sender;

    #[test]
    fn each_provider_has_its_own_way_to_write_as_an_alias() {
        for (provider, words) in [
            ("microsoft", "Set-OrganizationConfig -SendFromAliasEnabled $true"),
            ("google", "adds help@contoso.example in Gmail › Settings › Accounts › Send mail as"),
            ("other", "take help@contoso.example as an address of the account"),
        ] {
            let remedy = own_sender(provider, "help@contoso.example");
            assert!(remedy.contains(words), "{provider}: {remedy}");
        }
    }
}
