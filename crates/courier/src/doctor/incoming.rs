//! The incoming side, past the sign-in: the folder, the list of folders, and what may be done with letters.
use super::chart::{Broken, Chart, Link};
use super::server::{greeted, limited, reach};
use crate::Courier;
use crate::connect::Access;
use crate::probe::{held, no_such_folder, selectable};
use crate::trouble::Trouble;
use desk::mailboxes::mailbox::{Fetched, Mailbox};
use mail::explain::Class;
use wire::imap::Session;
use wire::net::Watched;

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
    chart.good(Link::Capabilities, format!("It offers {}.", session.capabilities().join(" ")));
    sign_in(courier, access, &mut session, chart).await?;
    folder(mailbox, access, &mut session, chart).await?;
    rights(mailbox, access, &mut session, chart).await?;
    let _ = session.logout().await; // what was found stands
    Ok(())
}

async fn sign_in(
    courier: &Courier,
    access: &Access,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let credential = access.credential(courier).await.map_err(|trouble| chart.bad(Link::SignIn, trouble))?;
    chart.record.hide([credential.secret()]);
    let good = format!("The server takes the sign-in of {}.", access.user());
    let mut taken = true;
    let signing_in = async {
        let done = session.login(&credential).await;
        // Exchange says OK, and refuses what comes next.
        taken = done.as_ref().err().is_none_or(|error| !error.tried().starts_with("sign in"));
        done
    };
    match limited(&access.place, signing_in).await {
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
    access: &Access,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let mut opened = Vec::new();
    for name in mailbox.folders() {
        match limited(&access.place, session.examine(name)).await {
            Ok(selected) => {
                opened.push(format!("{name} was opened; it holds {}.", held(selected.exists)));
            }
            Err(trouble) if trouble.code != "rejected" => return Err(chart.bad(Link::Folder, trouble)),
            Err(trouble) => {
                // Perhaps it is there under another name.
                let folders = session.list().await.unwrap_or_default();
                let unknown = !folders.is_empty() && !folders.iter().any(|there| there.name == name);
                let trouble = if unknown { no_such_folder(name, &selectable(folders)) } else { trouble };
                return Err(chart.bad(Link::Folder, trouble));
            }
        }
    }
    chart.good(Link::Folder, opened.join(" "));
    let folders = limited(&access.place, session.list()).await;
    let folders = folders.map_err(|trouble| chart.bad(Link::Folders, lost(trouble, access)))?;
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

/// A link that ends at this very command has a cause of its own at Exchange.
fn lost(trouble: Trouble, access: &Access) -> Trouble {
    match mail::explain::lost_at_list(access.place.provider) {
        Some(known) if trouble.code == "transient" && trouble.class == Class::Retry => {
            let mut told = Trouble::new(known.class, &trouble.code, known.cause, known.remedy);
            told.detail = trouble.whole_reason();
            told
        }
        Some(_) | None => trouble,
    }
}

/// By the folder's access control list, or else by what the server says may be changed in it: no letter is touched to
/// find out.
async fn rights(
    mailbox: &Mailbox,
    access: &Access,
    session: &mut Session,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let doing = match &mailbox.fetched {
        Fetched::Nothing => {
            chart.skipped(Link::Rights, "Fetched mail is left as it is, so that none are needed.");
            return Ok(());
        }
        Fetched::Read => "marked as read",
        Fetched::Move(_) => "moved",
        Fetched::Delete => "deleted",
    };
    let mut by = "";
    for name in mailbox.folders() {
        let rights = limited(&access.place, allowed(session, mailbox, name)).await;
        let rights = rights.map_err(|trouble| chart.bad(Link::Rights, trouble))?;
        by = rights.by;
        let Some(missing) = rights.missing else { continue };
        let trouble = Trouble::new(
            Class::Configuration,
            "no_rights",
            format!("Mail in {name} is to be {doing} once it is fetched, and {missing}."),
            "Give the account that signs in the right to change the mailbox (Full Access), or choose another answer for \
             Fetched Emails in the tab Remote Mailbox.",
        );
        return Err(chart.bad(Link::Rights, trouble));
    }
    let names: Vec<&str> = mailbox.folders().collect();
    let found = format!("{by}, mail in {} may be {doing}.", names.join(", "));
    let leaves = match &mailbox.fetched {
        Fetched::Delete => !session.has("UIDPLUS"),
        Fetched::Move(_) => !session.has("MOVE") && !session.has("UIDPLUS"),
        Fetched::Nothing | Fetched::Read => false,
    };
    if leaves {
        chart.warning(
            Link::Rights,
            format!("{found} But the server cannot remove single letters (it lacks UIDPLUS): they stay, marked as deleted."),
            "Have the folder expunged by a mail program from time to time, or choose Mark as Read for Fetched Emails.",
        );
    } else {
        chart.good(Link::Rights, found);
    }
    Ok(())
}

/// What the server says of the folder.
struct Allowed {
    /// Where it was read, as the beginning of a sentence.
    by: &'static str,
    /// What stands against it, as the end of one.
    missing: Option<String>,
}

async fn allowed(session: &mut Session, mailbox: &Mailbox, name: &str) -> wire::Result<Allowed> {
    if let Some(granted) = session.my_rights(name).await? {
        let letters = &granted.letters;
        let enough = match &mailbox.fetched {
            Fetched::Nothing => true,
            Fetched::Read => granted.mark(),
            Fetched::Move(_) | Fetched::Delete => granted.delete(),
        };
        let missing =
            (!enough).then(|| format!("the account's rights there are only “{letters}” (MYRIGHTS)"));
        let missing = match (&mailbox.fetched, missing) {
            (Fetched::Move(to), None) => no_way_in(session, to).await?,
            (_, missing) => missing,
        };
        return Ok(Allowed { by: "By the folder's access control list (MYRIGHTS)", missing });
    }
    let rights = session.rights(name).await?;
    let enough = match &mailbox.fetched {
        Fetched::Nothing | Fetched::Read => rights.mark,
        Fetched::Move(_) | Fetched::Delete => rights.delete,
    };
    let missing = (!enough).then(|| "the server does not allow that".to_owned());
    Ok(Allowed { by: "By the server's word", missing })
}

/// A folder that letters may not be moved to. One that is not there is made with the first letter.
async fn no_way_in(session: &mut Session, to: &str) -> wire::Result<Option<String>> {
    match session.my_rights(to).await {
        Ok(Some(granted)) if !granted.insert() => {
            let letters = granted.letters;
            Ok(Some(format!("the account's rights on {to} are only “{letters}” (MYRIGHTS)")))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == wire::Kind::Rejected => Ok(None),
        Err(error) => Err(error),
    }
}
