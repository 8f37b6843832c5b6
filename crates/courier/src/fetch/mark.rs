//! On the server, after the commit: *Fetched Emails* says whether a fetched message is left, marked, moved or
//! deleted. What could not be done is done at the next round.
use super::Broke;
use super::graph::Graph;
use super::shelf::Shelf;
use crate::Courier;
use crate::connect;
use crate::points::{Point, reached};
use crate::trouble::Trouble;
use desk::intake::on_server::{self, OnServer, Place};
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
    let folder = Folder::of(mailbox, uid_validity);
    loop {
        let place = folder.clone();
        let uids = courier.read(move |tx| on_server::unsettled(tx, place.place(), AT_ONCE)).await?;
        if uids.is_empty() {
            return Ok(());
        }
        reached(Point::BeforeTouched);
        let (done, end) = match shelf {
            Shelf::Imap(session) => match act(session, &mailbox.fetched, &uids).await {
                Ok(()) => (all(&uids, &OnServer::by(&mailbox.fetched)), Ok(())),
                Err(error) => (Vec::new(), Err(error)),
            },
            Shelf::Graph(graph) => by_id(courier, graph, mailbox, uid_validity, &uids).await?,
            Shelf::Pop3(_) => return Ok(()),
        };
        if end.is_ok() {
            reached(Point::AfterTouched);
        }
        let Err(error) = end else {
            note(courier, &folder, done, None).await?;
            continue;
        };
        let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
        let (is_refused, trouble) = (error.kind() == wire::Kind::Rejected, Trouble::of(&error, &place));
        let settled: HashSet<u32> = done.iter().map(|(uid, _)| *uid).collect();
        let stay: Vec<u32> = uids.into_iter().filter(|uid| is_refused && !settled.contains(uid)).collect();
        note(courier, &folder, done, Some((stay, trouble.whole_reason()))).await?;
        return Err(trouble.into());
    }
}

/// Where the messages lie that are settled.
#[derive(Clone, Debug)]
struct Folder {
    mailbox_id: i64,
    name: String,
    uid_validity: u32,
}
impl Folder {
    fn of(mailbox: &Mailbox, uid_validity: u32) -> Folder {
        Folder { mailbox_id: mailbox.id, name: mailbox.folder_or_inbox().to_owned(), uid_validity }
    }
    fn place(&self) -> Place<'_> {
        Place { mailbox_id: self.mailbox_id, folder: &self.name, uid_validity: self.uid_validity }
    }
}

fn all(uids: &[u32], done: &OnServer) -> Vec<(u32, OnServer)> {
    uids.iter().map(|uid| (*uid, done.clone())).collect()
}

/// What became of these, and which the server has left as they were, and why.
async fn note(
    courier: &Courier,
    folder: &Folder,
    done: Vec<(u32, OnServer)>,
    refused: Option<(Vec<u32>, String)>,
) -> desk::Result<()> {
    let (folder, now) = (folder.clone(), courier.now());
    let noted = courier.write_behind(move |tx| {
        let mut by_outcome: Vec<(&OnServer, Vec<u32>)> = Vec::new();
        for (uid, outcome) in &done {
            match by_outcome.iter_mut().find(|(known, _)| *known == outcome) {
                Some((_, uids)) => uids.push(*uid),
                None => by_outcome.push((outcome, vec![*uid])),
            }
        }
        for (outcome, uids) in by_outcome {
            on_server::settled(tx, folder.place(), &uids, outcome, now)?;
        }
        refused.as_ref().map_or(Ok(()), |(uids, why)| on_server::refused(tx, folder.place(), uids, why))
    });
    noted.await
}

/// What became of these, and what went wrong then. A message without an id cannot be found any more.
async fn by_id(
    courier: &Courier,
    graph: &mut Graph,
    mailbox: &Mailbox,
    uid_validity: u32,
    uids: &[u32],
) -> Result<(Vec<(u32, OnServer)>, wire::Result<()>), Broke> {
    let (id, folder, asked) = (mailbox.id, mailbox.folder_or_inbox().to_owned(), uids.to_vec());
    let named = courier.read(move |tx| named::of_uids(tx, id, &folder, uid_validity, &asked)).await?;
    let known: HashSet<u32> = named.iter().map(|named| named.uid).collect();
    let nameless: Vec<u32> = uids.iter().copied().filter(|uid| !known.contains(uid)).collect();
    let (mut done, end) = graph.settle(&mailbox.fetched, &named).await;
    done.extend(all(&nameless, &OnServer::Gone));
    Ok((done, end))
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
    let folder = Folder::of(mailbox, uid_validity);
    let uids = match mailbox.fetched {
        Fetched::Delete => {
            let place = folder.clone();
            courier.read(move |tx| on_server::unsettled(tx, place.place(), AT_THE_END_MAX)).await?
        }
        Fetched::Nothing | Fetched::Read | Fetched::Move(_) => Vec::new(),
    };
    if uids.is_empty() {
        Shelf::Pop3(pop3).close().await;
        return Ok(());
    }
    if let Err(error) = pop3.mark_deleted(&uids).await {
        return stands(courier, mailbox, &folder, uids, &error).await;
    }
    let (place, forgotten) = (folder.clone(), uids.clone());
    let forget = courier.write_behind(move |tx| {
        named::forget(tx, place.mailbox_id, &place.name, place.uid_validity, &forgotten)
    });
    forget.await?;
    reached(Point::BeforeTouched);
    if let Err(error) = pop3.end().await {
        return stands(courier, mailbox, &folder, uids, &error).await;
    }
    reached(Point::AfterTouched);
    note(courier, &folder, all(&uids, &OnServer::Deleted), None).await?;
    Ok(())
}

/// What POP3 has not deleted, and why.
async fn stands(
    courier: &Courier,
    mailbox: &Mailbox,
    folder: &Folder,
    uids: Vec<u32>,
    error: &wire::Error,
) -> Result<(), Broke> {
    let place = connect::place_of_flow(courier, mailbox, Side::Incoming).await;
    let trouble = Trouble::of(error, &place);
    if error.kind() == wire::Kind::Rejected {
        note(courier, folder, Vec::new(), Some((uids, trouble.whole_reason()))).await?;
    }
    Err(trouble.into())
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
