//! The outgoing side: whether programs may sign in at all, and whether the address may be a sender's.
use super::chart::{Broken, Chart, Link};
use super::server::{greeted, limited, reach};
use crate::Courier;
use crate::alias;
use crate::connect::Access;
use crate::trouble::{Trouble, is_about_the_sender};
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{Mailbox, Shape};
use mail::provider::Family;
use wire::net::Watched;
use wire::smtp::Session;

pub(super) async fn examine(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let watched = Watched::new(courier.net(), &chart.record);
    let stream = reach(courier, access, &watched, chart).await?;
    let opened = limited(&access.place, Session::over(stream, &access.server, &watched)).await;
    let mut session = greeted(courier, access, &watched, opened, chart)?;
    let offered: Vec<String> = session.keywords().collect();
    chart.good(Link::Capabilities, format!("It offers {}.", offered.join(", ")));
    sign_in(courier, access, &mut session, chart).await?;
    sender(courier, mailbox, access, &mut session, chart).await?;
    session.quit().await;
    Ok(())
}

async fn sign_in(
    courier: &Courier,
    access: &Access,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let credential =
        access.credential_if_any(courier).await.map_err(|trouble| chart.bad(Link::SignIn, trouble))?;
    let Some(credential) = credential else {
        chart.skipped(
            Link::SignIn,
            "Nobody signs in: the server takes letters without that, or refuses them.",
        );
        return Ok(());
    };
    chart.record.hide([credential.secret()]);
    match limited(&access.place, session.login(&credential)).await {
        Ok(()) => {
            chart.good(Link::SmtpAuth, "Programs may sign in to send.");
            chart.good(Link::SignIn, format!("The server takes the sign-in of {}.", access.user()));
            Ok(())
        }
        // A rule of the organization, or a server that takes no sign-in on this port: the credential was not looked at.
        Err(trouble) if trouble.code == "rejected" || trouble.detail.contains("5.7.139") => {
            Err(chart.bad(Link::SmtpAuth, trouble))
        }
        Err(trouble) => {
            chart.good(Link::SmtpAuth, "Programs may sign in to send.");
            Err(chart.bad(Link::SignIn, trouble))
        }
    }
}

/// MAIL FROM, RCPT TO the mailbox itself, and RSET: a letter is begun and given up. Exchange looks at *Send As* only when
/// the letter is there, Postfix at its recipient, others at once.
async fn sender(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let address = &mailbox.address;
    match limited(&access.place, session.probe_to(address, address)).await {
        Ok(None) => chart.good(Link::Sender, format!("A letter from {address} may be begun; none was sent.")),
        Ok(Some(refused)) => {
            if let Shape::Alias { .. } = mailbox.shape {
                let trouble = alias::refused(&refused, mailbox, &access.place);
                let link = if is_about_the_sender(&refused) { Link::SendAs } else { Link::Sender };
                return Err(chart.bad(link, trouble));
            }
            let trouble = Trouble::of(&refused, &access.place);
            if is_about_the_sender(&refused) {
                return Err(chart.bad(Link::SendAs, no_send_as(trouble, address)));
            }
            let found =
                format!("A letter from {address} may be begun, but not one to itself. {}", trouble.reason);
            chart.warning(
                Link::Sender,
                found,
                "See whether the address is known to that server as one of its own.",
            );
        }
        // A sender that is refused for good: whoever signs in may not write in its name.
        Err(trouble) if trouble.code.starts_with('5') => {
            return Err(chart.bad(Link::SendAs, no_send_as(trouble, address)));
        }
        Err(trouble) => return Err(chart.bad(Link::Sender, trouble)),
    }
    send_as(courier, mailbox, access, chart).await;
    Ok(())
}

/// What to do about it, where nothing is known of the server's words.
pub(super) fn no_send_as(mut trouble: Trouble, address: &str) -> Trouble {
    if trouble.detail.is_empty() {
        trouble.remedy = format!(
            "Give the account that signs in to send the right to write as {address} (Send As), or sign in as {address}."
        );
    }
    trouble
}

async fn send_as(courier: &Courier, mailbox: &Mailbox, access: &Access, chart: &mut Chart) {
    let address = &mailbox.address;
    let owner = match access.grant_id() {
        Some(id) => courier.read(move |tx| grant::find(tx, id)).await.map(|found| found?.owner_address),
        None => Ok(Some(access.user().to_owned())),
    };
    let owner = match owner {
        Ok(owner) => owner,
        Err(error) => return chart.skipped(Link::SendAs, not_read(address, &error)),
    };
    let own = owner.as_deref().is_none_or(|owner| mail::address::key(owner) == mail::address::key(address));
    let owner = owner.unwrap_or_default();
    // Its owner may write as it; what the letter comes out as is another matter.
    let opens_it = owner.is_empty() || mail::address::key(&owner) == mail::address::key(mailbox.opens());
    if let Some(kept) = alias::is_kept(mailbox, access.place.provider).filter(|_| opens_it) {
        return chart.skipped(Link::SendAs, kept);
    }
    if own {
        chart.good(Link::SendAs, format!("{address} writes in its own name."));
    } else if access.place.provider == Family::Microsoft.word() {
        chart.skipped(
            Link::SendAs,
            format!(
                "{owner} needs Send As for {address}. Exchange looks at that only when a letter is there: a letter to \
                 itself shows it."
            ),
        );
    } else {
        chart.good(Link::SendAs, format!("The server lets {owner} write as {address}."));
    }
}

fn not_read(address: &str, error: &desk::Error) -> String {
    format!(
        "It could not be read who signed in, so it is not known whether that account may write as {address}: {error}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signed_in_and_could_not_be_read_is_not_taken_for_the_mailbox_itself() {
        let said = not_read("support@contoso.example", &anyhow::anyhow!("the database is busy").into());
        assert!(said.contains("could not be read") && said.contains("the database is busy"), "{said}");
        assert!(!said.contains("in its own name"), "{said}");
    }
}
