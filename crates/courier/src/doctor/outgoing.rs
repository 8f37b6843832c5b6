//! The outgoing side: whether programs may sign in at all, and whether the address may be a sender's.
use super::chart::{Broken, Chart, Link};
use super::server::{greeted, limited, reach};
use crate::Courier;
use crate::connect::Way;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::Mailbox;
use mail::provider::Family;
use wire::net::Watched;
use wire::smtp::Session;

pub(super) async fn examine(
    courier: &Courier,
    mailbox: &Mailbox,
    way: &Way,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let watched = Watched::new(courier.net());
    let stream = reach(courier, way, &watched, chart).await?;
    let opened = limited(&way.place, Session::over(stream, &way.server, &watched)).await;
    let mut session = greeted(courier, way, &watched, opened, chart)?;
    let offered: Vec<String> = session.keywords().collect();
    chart.good(Link::Capabilities, format!("It offers {}.", offered.join(", ")));
    sign_in(courier, way, &mut session, chart).await?;
    sender(courier, mailbox, way, &mut session, chart).await?;
    session.quit().await;
    Ok(())
}

async fn sign_in(
    courier: &Courier,
    way: &Way,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let credential = way.credential(courier).await.map_err(|trouble| chart.bad(Link::SignIn, trouble))?;
    match limited(&way.place, session.login(&credential)).await {
        Ok(()) => {
            chart.good(Link::SmtpAuth, "Programs may sign in to send.");
            chart.good(Link::SignIn, format!("The server takes the sign-in of {}.", way.user()));
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

/// MAIL FROM and RSET: a letter is begun and given up.
async fn sender(
    courier: &Courier,
    mailbox: &Mailbox,
    way: &Way,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let address = &mailbox.address;
    match limited(&way.place, session.probe(address)).await {
        Ok(()) => {
            chart.good(Link::Sender, format!("A letter from {address} may be begun; none was sent."));
            send_as(courier, mailbox, way, chart).await;
            Ok(())
        }
        // A sender that is refused for good: whoever signs in may not write in its name.
        Err(trouble) if trouble.code.starts_with('5') => Err(chart.bad(Link::SendAs, trouble)),
        Err(trouble) => Err(chart.bad(Link::Sender, trouble)),
    }
}

async fn send_as(courier: &Courier, mailbox: &Mailbox, way: &Way, chart: &mut Chart) {
    let address = &mailbox.address;
    let owner = match way.grant_id() {
        Some(id) => {
            let found = courier.read(move |tx| grant::find(tx, id)).await.ok().flatten();
            found.and_then(|grant| grant.owner_address)
        }
        None => Some(way.user().to_owned()),
    };
    let own = owner.as_deref().is_none_or(|owner| mail::address::key(owner) == mail::address::key(address));
    let owner = owner.unwrap_or_default();
    if own {
        chart.good(Link::SendAs, format!("{address} writes in its own name."));
    } else if way.place.provider == Family::Microsoft.word() {
        chart.skipped(
            Link::SendAs,
            format!(
                "{owner} needs Send As for {address}. Exchange looks at that only when a letter is sent."
            ),
        );
    } else {
        chart.good(Link::SendAs, format!("The server lets {owner} write as {address}."));
    }
}
