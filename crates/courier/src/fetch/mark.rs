//! On the server, after the commit: *Fetched Emails* says whether a fetched message is left, marked, moved or
//! deleted. What could not be done is done at the next round.
use super::Broke;
use crate::Courier;
use crate::connect;
use crate::trouble::Trouble;
use desk::intake::inbox;
use desk::mailboxes::mailbox::{Fetched, Mailbox, Side};
use wire::imap::Session;

const AT_ONCE: i64 = 200;

pub(super) async fn settle(
    courier: &Courier,
    session: &mut Session,
    mailbox: &Mailbox,
    uid_validity: u32,
) -> Result<(), Broke> {
    if mailbox.fetched == Fetched::Nothing {
        return Ok(()); // settled with the commit that recorded it
    }
    loop {
        let (id, folder) = (mailbox.id, mailbox.folder_or_inbox().to_owned());
        let uids = courier.read(move |tx| inbox::unsettled(tx, id, &folder, uid_validity, AT_ONCE)).await?;
        if uids.is_empty() {
            return Ok(());
        }
        act(session, &mailbox.fetched, &uids)
            .await
            .map_err(|error| Trouble::of(&error, &connect::place(mailbox, Side::Incoming)))?;
        let (folder, now) = (mailbox.folder_or_inbox().to_owned(), courier.now());
        courier
            .write_behind(move |tx| inbox::settled_on_server(tx, id, &folder, uid_validity, &uids, now))
            .await?;
    }
}

async fn act(session: &mut Session, fetched: &Fetched, uids: &[u32]) -> wire::Result<()> {
    match fetched {
        Fetched::Nothing => Ok(()),
        Fetched::Read => session.mark_seen(uids).await,
        Fetched::Delete => session.delete(uids).await.map(drop),
        Fetched::Move(folder) => {
            let moved = session.move_to(uids, folder).await;
            let Err(error) = moved else { return Ok(()) };
            if error.kind() != wire::Kind::Rejected {
                return Err(error);
            }
            // The folder is not there, most likely; a server that says so says it in many ways.
            session.create(folder).await.map_err(|_| error)?;
            session.move_to(uids, folder).await.map(drop)
        }
    }
}
