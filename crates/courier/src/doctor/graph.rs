//! Either side where it is Microsoft Graph: what is looked at past the token, and how a letter goes out and is found there.
//! Graph knows no sign-in: each request shows the token, and the first one that is answered shows that it is taken.
use super::chart::{Broken, Chart, Link};
use super::round_trip::{LETTER_BYTES_MAX, LOOKED_AT_MAX, is_our_letter};
use super::server::{limited, reach};
use crate::Courier;
use crate::alias;
use crate::connect::Access;
use crate::probe::{held, no_such_folder};
use crate::refresh::Want;
use crate::trouble::Trouble;
use desk::mailboxes::mailbox::{Fetched, Mailbox};
use wire::graph::{Listed, Raw, Session, Start};
use wire::letter::Room;
use wire::net::Watched;
use wire::smtp::{Envelope, Sent};

/// By the name that Graph gives it in every language.
const JUNK: &str = "junkemail";

pub(super) async fn examine(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let session = opened(courier, access, chart).await?;
    let mut opened = Vec::new();
    for name in mailbox.folders() {
        let folder = limited(&access.place, session.folder(name)).await;
        let Some(folder) = folder.map_err(|trouble| chart.bad(Link::Folder, trouble))? else {
            let names = session.folder_names().await.unwrap_or_default();
            return Err(chart.bad(Link::Folder, no_such_folder(name, &names)));
        };
        if opened.is_empty() {
            chart.good(Link::SignIn, format!("Microsoft Graph takes the token for {}.", access.user()));
        }
        let held = held(u32::try_from(folder.total).unwrap_or(u32::MAX));
        let listed = limited(&access.place, session.page(Start::Folder(&folder.id))).await;
        listed.map_err(|trouble| chart.bad(Link::Folder, trouble))?;
        opened.push(format!("{name} was opened and listed; it holds {held}."));
    }
    chart.good(Link::Folder, opened.join(" "));
    match &mailbox.fetched {
        Fetched::Nothing => {
            chart.skipped(Link::Rights, "Fetched mail is left as it is, so that none are needed.");
        }
        Fetched::Move(to) => {
            let there = limited(&access.place, session.folder(to)).await;
            match there.map_err(|trouble| chart.bad(Link::Folders, trouble))? {
                Some(_) => chart.good(Link::Folders, format!("Fetched mail is moved to “{to}”, which is there.")),
                None => chart.warning(
                    Link::Folders,
                    format!("There is no folder “{to}”, to which fetched mail is to be moved."),
                    "Nothing to do if Postern may make it with the first letter; otherwise make it in the mailbox.",
                ),
            }
            chart.skipped(Link::Rights, UNTRIED);
        }
        Fetched::Read | Fetched::Delete => chart.skipped(Link::Rights, UNTRIED),
    }
    Ok(())
}

const UNTRIED: &str =
    "Graph tells no rights, and no letter is touched to try them: the permission Mail.ReadWrite gives them.";

pub(super) async fn examine_sending(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    chart: &mut Chart,
) -> Result<(), Broken> {
    let session = opened(courier, access, chart).await?;
    let proved = limited(&access.place, session.probe_send()).await;
    proved.map_err(|trouble| chart.bad(Link::Sender, trouble))?;
    chart.good(Link::SignIn, format!("Microsoft Graph takes the token for {}.", access.user()));
    let address = &mailbox.address;
    chart.good(Link::Sender, format!("A letter from {} may be handed over; none was sent.", access.user()));
    if let Some(kept) = alias::is_kept(mailbox, access.place.provider) {
        chart.skipped(Link::SendAs, kept);
    } else if mail::address::key(access.user()) == mail::address::key(address) {
        chart.good(Link::SendAs, format!("{address} writes in its own name."));
    } else {
        let found = format!(
            "{} needs Send As for {address}. Exchange looks at that only when a letter is there: a letter to itself shows it.",
            access.user()
        );
        chart.skipped(Link::SendAs, found);
    }
    Ok(())
}

/// The way there, and a session that has asked nothing yet.
async fn opened(courier: &Courier, access: &Access, chart: &mut Chart) -> Result<Session, Broken> {
    let watched = Watched::new(courier.net(), &chart.record);
    drop(reach(courier, access, &watched, chart).await?);
    let opened = session(courier, access, chart).await;
    opened.map_err(|trouble| chart.bad(Link::SignIn, trouble))
}

async fn session(courier: &Courier, access: &Access, chart: &Chart) -> Result<Session, Trouble> {
    let token = access.token(courier, Want::Use).await?;
    let opened = Session::new(courier.net(), &access.server, access.user(), token, courier.graph_gate());
    let mut session = opened.map_err(|error| Trouble::of(&error, &access.place))?;
    session.record(chart.record.clone());
    Ok(session)
}

async fn asking(courier: &Courier, access: &Access, chart: &Chart) -> wire::Result<Session> {
    let unready =
        |trouble: Trouble| wire::Error::transient("ask", &access.server.host).remedy(trouble.reason);
    session(courier, access, chart).await.map_err(unready)
}

pub(super) async fn send(
    courier: &Courier,
    access: &Access,
    envelope: &Envelope,
    bytes: &[u8],
    chart: &Chart,
) -> wire::Result<Sent> {
    asking(courier, access, chart).await?.send(envelope, bytes).await
}

/// A letter, and where it lay.
pub(super) struct Found {
    pub bytes: Vec<u8>,
    pub folder: String,
    pub is_junk: bool,
    pub removed: bool,
}

/// The letter with this mark among the newest messages of the folder that is fetched, of INBOX and of Junk.
pub(super) async fn find(
    courier: &Courier,
    mailbox: &Mailbox,
    access: &Access,
    mark: &str,
    chart: &Chart,
) -> wire::Result<Option<Found>> {
    let session = asking(courier, access, chart).await?;
    let mut places = Vec::new();
    for name in mailbox.folders() {
        let Some(folder) = session.folder(name).await? else { continue };
        places.push((name.to_owned(), folder.id, false));
    }
    if !mailbox.folders().any(|name| name.eq_ignore_ascii_case("INBOX")) {
        places.push(("INBOX".to_owned(), "inbox".to_owned(), false));
    }
    places.push(("Junk Email".to_owned(), JUNK.to_owned(), true));
    for (folder, id, is_junk) in places {
        let newest = match session.newest(&id, LOOKED_AT_MAX).await {
            Err(error) if is_junk && error.kind() == wire::Kind::Rejected => continue,
            newest => newest?,
        };
        for Listed { id, .. } in newest {
            let room = Room::in_memory(LETTER_BYTES_MAX);
            let Raw::Message(letter) = session.raw(&id, &room).await? else { continue };
            let Some(bytes) = letter.into_bytes() else { continue };
            if is_our_letter(&bytes, mark) {
                let removed = session.delete(&id).await.is_ok();
                return Ok(Some(Found { bytes, folder, is_junk, removed }));
            }
        }
    }
    Ok(None)
}
