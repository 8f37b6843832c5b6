//! From batches to the inbox: bytes into the store, then rows and cursor in one commit.
use super::batch::{Batch, Content, Taken};
use super::{Broke, Tally, room, still_held};
use crate::Courier;
use crate::left;
use crate::letter::Raw;
use crate::points::{Point, reached};
use desk::Desk;
use desk::files::store::Store;
use desk::intake::earlier_key;
use desk::intake::inbox::{self, Arrival, Recorded, ServerLines};
use desk::intake::mending;
use desk::intake::on_server::{self, OnServer, Place};
use desk::mailboxes::cursor::{self, Cursor, Link};
use desk::mailboxes::mailbox::{Claim, Fetched, Mailbox};
use desk::mailboxes::named;
use tokio::sync::mpsc;
use wire::letter::Letter;

pub(super) struct Carrier {
    courier: Courier,
    claim: Claim,
    cursor: Cursor,
    mailbox_id: i64,
    /// Nothing is to be done on the server for what was fetched.
    leaves_alone: bool,
    /// What is fetched is moved or deleted there.
    takes_away: bool,
    /// By UID, SHA-256 of what was stored.
    stored: Vec<(u32, [u8; 32])>,
    /// What has been seen of them so far.
    server_lines: ServerLines,
    finally: Option<Finally>,
}

/// Where the server's own listing goes on, kept in the commit that goes as far as this UID.
pub(super) struct Finally {
    pub uid: u32,
    pub link: Link,
}

impl Carrier {
    pub(super) fn new(
        courier: &Courier,
        claim: &Claim,
        mailbox: &Mailbox,
        cursor: &Cursor,
        finally: Option<Finally>,
        server_lines: ServerLines,
    ) -> Carrier {
        Carrier {
            courier: courier.clone(),
            claim: claim.clone(),
            cursor: cursor.clone(),
            mailbox_id: mailbox.id,
            leaves_alone: mailbox.fetched == Fetched::Nothing,
            takes_away: matches!(mailbox.fetched, Fetched::Delete | Fetched::Move(_)),
            stored: Vec::new(),
            server_lines,
            finally,
        }
    }

    /// Of what is to be moved or deleted: what has been stored or read back, and recorded, by UID with SHA-256 of its bytes.
    pub(super) fn take_stored(&mut self) -> Vec<(u32, [u8; 32])> {
        std::mem::take(&mut self.stored)
    }

    /// What the letters of this folder have shown of the lines that its server writes into them.
    pub(super) fn server_lines(self) -> ServerLines {
        self.server_lines
    }

    /// Stores batch after batch, while the next one is being fetched.
    pub(super) async fn run(
        &mut self,
        mut batches: mpsc::Receiver<Batch>,
        tally: &mut Tally,
    ) -> Result<(), Broke> {
        while let Some(batch) = batches.recv().await {
            if batch.uid_last <= self.cursor.uid_last && batch.taken.is_empty() && batch.names.is_empty() {
                continue;
            }
            reached(Point::Fetched);
            self.cursor.uid_last = self.cursor.uid_last.max(batch.uid_last);
            // Each time: what a leg brings is more than any reserve.
            room(&self.courier).await.map_err(Broke::All)?;
            let recorded = self.keep(batch).await?;
            tally.new += recorded.new;
            tally.known += recorded.known;
        }
        Ok(())
    }

    async fn keep(&mut self, batch: Batch) -> desk::Result<Recorded> {
        let (claim, cursor, leaves_alone) = (self.claim.clone(), self.cursor.clone(), self.leaves_alone);
        let names = batch.names;
        let finally = self.finally.as_ref().filter(|finally| finally.uid <= cursor.uid_last);
        let link = finally.map(|finally| finally.link.clone());
        let (mailbox_id, now) = (self.mailbox_id, self.courier.now());
        let mut server_lines = std::mem::take(&mut self.server_lines);
        self.courier.give_way().await;
        let (recorded, seen, stored) = self
            .courier
            .blocking(move |desk| {
                let (mut arrivals, left) = put(desk, mailbox_id, &cursor, batch.taken, now)?;
                let (candidates, unsure, doubts) = desk.db.read(|tx| {
                    let candidates = inbox::candidates(tx, mailbox_id, &cursor, &arrivals)?;
                    let doubts = mending::doubts(tx, mailbox_id, &arrivals)?;
                    Ok::<_, desk::Error>((
                        candidates,
                        earlier_key::unsure(tx, mailbox_id, &arrivals)?,
                        doubts,
                    ))
                })?;
                mending::mend(desk, &arrivals, &doubts, now)?;
                inbox::recognise(&desk.store, &mut arrivals, &candidates, &mut server_lines)?;
                let rekeyed = earlier_key::read(&desk.store, &unsure)?;
                let all: Vec<u32> = arrivals.iter().map(|arrival| arrival.uid).collect();
                let recorded = desk.db.write(|tx| {
                    still_held(tx, &claim, now)?;
                    named::remember(tx, mailbox_id, &cursor, &names)?;
                    earlier_key::keep(tx, &rekeyed)?;
                    let recorded = inbox::record(tx, &claim, &cursor, &arrivals, now)?;
                    if let Some(link) = &link {
                        cursor::set_link(tx, mailbox_id, &cursor, link)?;
                    }
                    let (folder, uid_validity) = (cursor.folder.as_str(), cursor.uid_validity);
                    let place = Place { mailbox_id, folder, uid_validity };
                    on_server::settled(tx, place, &left, &OnServer::Stays, now)?;
                    if leaves_alone {
                        // Or a later change of *Fetched Emails* would reach back to mail of today.
                        on_server::settled(tx, place, &all, &OnServer::Left, now)?;
                    }
                    reached(Point::BeforeCommit);
                    Ok::<_, desk::Error>(recorded)
                })?;
                reached(Point::AfterCommit);
                let stored: Vec<(u32, [u8; 32])> =
                    arrivals.iter().map(|arrival| (arrival.uid, arrival.stored.hash)).collect();
                Ok((recorded, server_lines, stored))
            })
            .await?;
        self.server_lines = seen;
        self.stored.extend(stored.into_iter().filter(|_| self.takes_away));
        Ok(recorded)
    }
}

/// The bytes are durable when this returns. Also the UIDs that stay on the server whatever the settings say.
fn put(
    desk: &Desk,
    mailbox_id: i64,
    cursor: &Cursor,
    taken: Vec<Taken>,
    now: i64,
) -> desk::Result<(Vec<Arrival>, Vec<u32>)> {
    let (mut left, mut letters) = (Vec::new(), Vec::with_capacity(taken.len()));
    for Taken { uid, received_at, silent, content } in taken {
        let letter = match content {
            Content::Raw(letter) => letter,
            Content::Left(reason) => {
                left.push(uid);
                let (folder, validity) = (&cursor.folder, cursor.uid_validity);
                Letter::from(left::write(mailbox_id, folder, validity, uid, &reason))
            }
        };
        letters.push((uid, received_at.unwrap_or(now), silent, letter));
    }
    // Those in memory with one sync.
    let small: Vec<&[u8]> = letters.iter().filter_map(|(.., letter)| letter.bytes()).collect();
    let mut stored = desk.store.put_all(&small)?.into_iter();
    let arrivals = letters.iter().map(|(uid, received_at, silent, letter)| {
        let raw = Raw::of(letter);
        let stored = match letter.bytes().and_then(|_| stored.next()) {
            Some(stored) => stored,
            None => raw.store(&desk.store, Store::put)?,
        };
        raw.arrival(*uid, *received_at, stored, raw.content_key()?, *silent)
    });
    Ok((arrivals.collect::<desk::Result<_>>()?, left))
}
