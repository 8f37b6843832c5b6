//! The incoming side, past the sign-in: the folder, the list of folders, and what may be done with letters.
use super::chart::{Broken, Chart, Link};
use super::server::{greeted, limited, reach};
use crate::Courier;
use crate::connect::Way;
use crate::probe::no_such_folder;
use crate::trouble::Trouble;
use desk::mailboxes::mailbox::{Fetched, Mailbox};
use mail::explain::Class;
use wire::imap::Session;
use wire::net::Watched;

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
    chart.good(Link::Capabilities, format!("It offers {}.", session.capabilities().join(" ")));
    sign_in(courier, way, &mut session, chart).await?;
    folder(mailbox, way, &mut session, chart).await?;
    rights(mailbox, way, &mut session, chart).await?;
    let _ = session.logout().await; // what was found stands
    Ok(())
}

async fn sign_in(
    courier: &Courier,
    way: &Way,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let credential = way.credential(courier).await.map_err(|trouble| chart.bad(Link::SignIn, trouble))?;
    let good = format!("The server takes the sign-in of {}.", way.user());
    let mut taken = true;
    let signing_in = async {
        let done = session.login(&credential).await;
        // Exchange says OK, and refuses what comes next.
        taken = done.as_ref().err().is_none_or(|error| !error.tried().starts_with("sign in"));
        done
    };
    match limited(&way.place, signing_in).await {
        Ok(()) => {
            chart.good(Link::SignIn, good);
            Ok(())
        }
        Err(trouble) if taken && trouble.code != "timeout" => {
            chart.good(Link::SignIn, good);
            Err(chart.bad(Link::Folder, trouble))
        }
        Err(trouble) => Err(chart.bad(Link::SignIn, trouble)),
    }
}

async fn folder(
    mailbox: &Mailbox,
    way: &Way,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let name = mailbox.folder_or_inbox();
    match limited(&way.place, session.examine(name)).await {
        Ok(selected) => {
            chart.good(Link::Folder, format!("{name} was opened; it holds {} messages.", selected.exists));
        }
        Err(trouble) if trouble.code != "rejected" => return Err(chart.bad(Link::Folder, trouble)),
        Err(trouble) => {
            // Perhaps it is there under another name.
            let folders = session.list().await.unwrap_or_default();
            let unknown = !folders.is_empty() && !folders.iter().any(|there| there.name == name);
            let trouble = if unknown { no_such_folder(name, &folders) } else { trouble };
            return Err(chart.bad(Link::Folder, trouble));
        }
    }
    let folders = limited(&way.place, session.list()).await;
    let folders = folders.map_err(|trouble| chart.bad(Link::Folders, trouble))?;
    let found = format!("Folders there: {}.", folders.len());
    match &mailbox.fetched {
        Fetched::Move(to) if !folders.iter().any(|there| &there.name == to) => chart.warning(
            Link::Folders,
            format!("{found} None is called “{to}”, to which fetched mail is to be moved."),
            "Nothing to do if Postern may make it with the first letter; otherwise make it in the mailbox.",
        ),
        _ => chart.good(Link::Folders, found),
    }
    Ok(())
}

/// By what the server says may be changed in the folder: no letter is touched to find out.
async fn rights(
    mailbox: &Mailbox,
    way: &Way,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let name = mailbox.folder_or_inbox();
    let doing = match &mailbox.fetched {
        Fetched::Nothing => {
            chart.skipped(Link::Rights, "Fetched mail is left as it is, so that none are needed.");
            return Ok(());
        }
        Fetched::Read => "marked as read",
        Fetched::Move(_) => "moved",
        Fetched::Delete => "deleted",
    };
    let rights = limited(&way.place, session.rights(name)).await;
    let rights = rights.map_err(|trouble| chart.bad(Link::Rights, trouble))?;
    let allowed = match &mailbox.fetched {
        Fetched::Nothing | Fetched::Read => rights.mark,
        Fetched::Move(_) | Fetched::Delete => rights.delete,
    };
    if !allowed {
        let trouble = Trouble::new(
            Class::Configuration,
            "no_rights",
            format!(
                "Mail in {name} is to be {doing} once it is fetched, and the server does not allow that."
            ),
            "Give the account that signs in the right to change the mailbox (Full Access), or choose another answer for \
             Fetched Emails in the tab Remote Mailbox.",
        );
        return Err(chart.bad(Link::Rights, trouble));
    }
    chart.good(Link::Rights, format!("By the server's word, mail in {name} may be {doing}."));
    Ok(())
}
