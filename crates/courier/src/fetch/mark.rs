//! On the server, after the commit: *Fetched Emails* says whether a fetched message is left, marked, moved or
//! deleted. What could not be done is done at the next round.
use super::Broke;
use super::graph::Graph;
use super::shelf::Shelf;
use crate::Courier;
use crate::connect;
use crate::points::{Point, reached};
use crate::trouble::Trouble;
use desk::intake::inbox;
use desk::mailboxes::mailbox::{Fetched, Mailbox, Side};
use desk::mailboxes::named;
use std::collections::HashSet;
use wire::imap::Session;

const AT_ONCE: i64 = 200;
/// Deleted with one session; the rest goes with the next ones.
const AT_THE_END_MAX: i64 = 100_000;

pub(super) async fn settle(
    courier: &Courier,
    shelf: &mut Shelf,
    mailbox: &Mailbox,
    uid_validity: u32,
) -> Result<(), Broke> {
    // Settled with the commit that recorded it, or by the end of the session.
    if mailbox.fetched == Fetched::Nothing || matches!(shelf, Shelf::Pop3(_)) {
        return Ok(());
    }
    loop {
        let (id, folder) = (mailbox.id, mailbox.folder_or_inbox().to_owned());
        let uids = courier.read(move |tx| inbox::unsettled(tx, id, &folder, uid_validity, AT_ONCE)).await?;
        if uids.is_empty() {
            return Ok(());
        }
        reached(Point::BeforeTouched);
        let (done, end) = match shelf {
            Shelf::Imap(session) => act(session, &mailbox.fetched, &uids)
                .await
                .map_or_else(|error| (Vec::new(), Err(error)), |()| (uids, Ok(()))),
            Shelf::Graph(graph) => by_id(courier, graph, mailbox, uid_validity, uids).await?,
            Shelf::Pop3(_) => return Ok(()),
        };
        if end.is_ok() {
            reached(Point::AfterTouched);
        }
        let (folder, now) = (mailbox.folder_or_inbox().to_owned(), courier.now());
        courier
            .write_behind(move |tx| inbox::settled_on_server(tx, id, &folder, uid_validity, &done, now))
            .await?;
        if let Err(error) = end {
            let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
            return Err(Trouble::of(&error, &place).into());
        }
    }
}

/// Which of these are done, and what went wrong then. A message without an id cannot be found any more.
async fn by_id(
    courier: &Courier,
    graph: &mut Graph,
    mailbox: &Mailbox,
    uid_validity: u32,
    uids: Vec<u32>,
) -> Result<(Vec<u32>, wire::Result<()>), Broke> {
    let (id, folder, asked) = (mailbox.id, mailbox.folder_or_inbox().to_owned(), uids.clone());
    let named = courier.read(move |tx| named::of_uids(tx, id, &folder, uid_validity, &asked)).await?;
    let (count, end) = graph.settle(&mailbox.fetched, &named).await;
    let left: HashSet<u32> = named.iter().skip(count).map(|named| named.uid).collect();
    Ok((uids.into_iter().filter(|uid| !left.contains(uid)).collect(), end))
}

/// With the end of the session, which is when POP3 deletes. From then on the server may give the names of what is gone to
/// other letters (RFC 1939 §7), also where its answer is lost: they are forgotten before, so that a letter which still
/// bears one is fetched again, and its content says whether it is the one to be deleted.
pub(super) async fn settle_at_the_end(
    courier: &Courier,
    shelf: Shelf,
    mailbox: &Mailbox,
    uid_validity: u32,
) -> Result<(), Broke> {
    let Shelf::Pop3(mut pop3) = shelf else { return Ok(()) };
    let (id, folder) = (mailbox.id, mailbox.folder_or_inbox().to_owned());
    let uids = match mailbox.fetched {
        Fetched::Delete => {
            courier.read(move |tx| inbox::unsettled(tx, id, &folder, uid_validity, AT_THE_END_MAX)).await?
        }
        Fetched::Nothing | Fetched::Read | Fetched::Move(_) => Vec::new(),
    };
    if uids.is_empty() {
        Shelf::Pop3(pop3).close().await;
        return Ok(());
    }
    let marked = pop3.mark_deleted(&uids).await;
    connect::explained(courier, mailbox, Side::Incoming, marked).await?;
    let (folder, forgotten) = (mailbox.folder_or_inbox().to_owned(), uids.clone());
    courier.write_behind(move |tx| named::forget(tx, id, &folder, uid_validity, &forgotten)).await?;
    reached(Point::BeforeTouched);
    let ended = pop3.end().await;
    connect::explained(courier, mailbox, Side::Incoming, ended).await?;
    reached(Point::AfterTouched);
    let (folder, now) = (mailbox.folder_or_inbox().to_owned(), courier.now());
    courier
        .write_behind(move |tx| inbox::settled_on_server(tx, id, &folder, uid_validity, &uids, now))
        .await?;
    Ok(())
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
