//! From the server to batches: messages in order, cut so that memory stays small, and no single message stops what
//! is behind it.
use super::plan::Rules;
use super::shelf::{Names, Shelf};
use super::{Broke, MESSAGE_BYTES_MAX};
use crate::Courier;
use crate::connect;
use crate::trouble::Trouble;
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::mailbox::{Mailbox, Side};
use desk::mailboxes::named::Named;
use std::collections::BTreeSet;
use tokio::sync::{mpsc, watch};
use wire::imap::Fetched;

/// A batch is passed on when it has this much, however few messages that is.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Messages that a server lists and does not deliver are passed over, but not more of them in one round: then it
/// is the server that is ill.
pub(super) const SKIPS_MAX: usize = 10;

/// A message, or why there is none.
#[derive(Debug)]
pub(super) enum Content {
    Raw(Vec<u8>),
    /// It stays on the server; this is why.
    Left(String),
}
#[derive(Debug)]
pub(super) struct Taken {
    pub uid: u32,
    pub received_at: Option<i64>,
    pub silent: bool,
    pub content: Content,
}
/// Messages that are recorded in one commit, and how far the cursor goes with them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub taken: Vec<Taken>,
    pub uid_last: u32,
    /// Of these and of those that are passed over, where the server has names.
    pub names: Vec<Named>,
    bytes: usize,
}

/// The batch that grows, and the UIDs that are still to come: the cursor never passes one of those.
struct Open {
    batch: Batch,
    to_come: BTreeSet<u32>,
    /// The highest UID that was asked for.
    asked: u32,
}
impl Open {
    fn new(cursor: &Cursor) -> Open {
        Open { batch: Batch::default(), to_come: BTreeSet::new(), asked: cursor.uid_last }
    }
    fn expect(&mut self, uids: &[u32]) {
        self.to_come.extend(uids);
        self.asked = self.asked.max(uids.last().copied().unwrap_or(0));
    }
    /// There is nothing to record of this one.
    fn pass(&mut self, uid: u32) {
        self.to_come.remove(&uid);
    }
    fn push(&mut self, taken: Taken) {
        self.to_come.remove(&taken.uid);
        if let Content::Raw(raw) = &taken.content {
            self.batch.bytes += raw.len();
        }
        self.batch.taken.push(taken);
    }
    fn is_full(&self, messages: usize) -> bool {
        self.batch.taken.len() >= messages || self.batch.bytes >= BATCH_BYTES_MAX
    }
    fn cut(&mut self, names: &mut Names) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        batch.uid_last = self.to_come.first().map_or(self.asked, |next| next.saturating_sub(1));
        batch.names = names.up_to(batch.uid_last);
        batch
    }
}

pub(super) struct Taker<'a> {
    courier: &'a Courier,
    mailbox: &'a Mailbox,
    rules: &'a Rules,
    cursor: &'a Cursor,
    batch: usize,
    /// How many more messages may be passed over.
    spare: &'a mut usize,
    names: &'a mut Names,
}

impl<'a> Taker<'a> {
    pub(super) fn new(
        courier: &'a Courier,
        mailbox: &'a Mailbox,
        rules: &'a Rules,
        cursor: &'a Cursor,
        batch: usize,
        spare: &'a mut usize,
        names: &'a mut Names,
    ) -> Taker<'a> {
        Taker { courier, mailbox, rules, cursor, batch, spare, names }
    }

    /// Fetches these UIDs and passes them on in batches; ends early when asked to stop, or when nobody stores.
    pub(super) async fn run(
        &mut self,
        shelf: &mut Shelf,
        uids: &[u32],
        stop: &watch::Receiver<bool>,
        out: mpsc::Sender<Batch>,
    ) -> Result<(), Broke> {
        let mut open = Open::new(self.cursor);
        let mut end = Ok(());
        for chunk in uids.chunks(self.batch) {
            if *stop.borrow() {
                break;
            }
            open.expect(chunk);
            end = self.chunk(shelf, &mut open, chunk, &out).await;
            if end.is_err() || out.is_closed() {
                break;
            }
        }
        // What came before the trouble is good.
        let _ = out.send(open.cut(self.names)).await;
        end
    }

    async fn chunk(
        &mut self,
        shelf: &mut Shelf,
        open: &mut Open,
        chunk: &[u32],
        out: &mpsc::Sender<Batch>,
    ) -> Result<(), Broke> {
        let mut missing = Vec::new();
        match self.stream(shelf, open, chunk, &mut missing, out).await {
            Ok(()) => {}
            Err(error) if concerns_messages(&error) => {
                tracing::warn!(mailbox = self.mailbox.address, "fetched one by one from here: {error}");
                missing = open.to_come.iter().copied().collect();
                self.connect_again(shelf).await?;
            }
            Err(error) => return Err(self.trouble(&error).into()),
        }
        if missing.is_empty() {
            return Ok(());
        }
        self.missing(shelf, open, &missing, out).await
    }

    /// One command for the whole chunk.
    async fn stream(
        &mut self,
        shelf: &mut Shelf,
        open: &mut Open,
        chunk: &[u32],
        missing: &mut Vec<u32>,
        out: &mpsc::Sender<Batch>,
    ) -> wire::Result<()> {
        let mut fetch = shelf.fetch(chunk, MESSAGE_BYTES_MAX).await?;
        while let Some(fetched) = fetch.next().await? {
            if let Fetched::Missing { uid } = fetched {
                missing.push(uid);
                continue;
            }
            self.sort(open, fetched);
            if open.is_full(self.batch) && out.send(open.cut(self.names)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Those that were deleted meanwhile are passed; those that are still listed are asked for one by one, and left
    /// with the reason when they do not come.
    async fn missing(
        &mut self,
        shelf: &mut Shelf,
        open: &mut Open,
        missing: &[u32],
        out: &mpsc::Sender<Batch>,
    ) -> Result<(), Broke> {
        let first = missing.iter().min().copied().unwrap_or(1);
        let listed = shelf.uids_since(first.saturating_sub(1)).await.map_err(|error| self.trouble(&error))?;
        let listed: BTreeSet<u32> = listed.into_iter().collect();
        for uid in missing {
            if !listed.contains(uid) {
                open.pass(*uid);
                continue;
            }
            let fetched = self.single(shelf, *uid, missing).await?;
            self.sort(open, fetched);
            if open.is_full(self.batch) && out.send(open.cut(self.names)).await.is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// One message, twice if need be. `Missing`: the server works, but does not deliver this one.
    async fn single(&mut self, shelf: &mut Shelf, uid: u32, ill: &[u32]) -> Result<Fetched, Broke> {
        let mut last = None;
        for _ in 0..2 {
            match one(shelf, uid).await {
                Ok(Fetched::Missing { .. }) => last = None,
                Ok(fetched) => return Ok(fetched),
                Err(error) if concerns_messages(&error) => {
                    self.connect_again(shelf).await?;
                    last = Some(error);
                }
                Err(error) => return Err(self.trouble(&error).into()),
            }
        }
        if *self.spare == 0 || !self.works(shelf, ill).await {
            let error =
                last.unwrap_or_else(|| wire::Error::broken("fetch messages", &self.mailbox.incoming.host));
            return Err(self.trouble(&error).into());
        }
        *self.spare -= 1;
        Ok(Fetched::Missing { uid })
    }

    /// Whether the server delivers another message: if it does not, it is ill, and no single message is to blame.
    async fn works(&mut self, shelf: &mut Shelf, ill: &[u32]) -> bool {
        let Ok(listed) = shelf.uids_since(0).await else { return false };
        let Some(healthy) = listed.iter().rev().find(|uid| !ill.contains(uid)) else { return false };
        matches!(one(shelf, *healthy).await, Ok(Fetched::Message { .. } | Fetched::TooBig { .. }))
    }

    async fn connect_again(&self, shelf: &mut Shelf) -> Result<(), Broke> {
        let opened = shelf.open_again(self.courier, self.mailbox).await?;
        if opened.uid_validity != self.cursor.uid_validity {
            let what = "go on: the folder was made anew while it was read";
            return Err(self.trouble(&wire::Error::transient(what, &self.mailbox.incoming.host)).into());
        }
        Ok(())
    }

    /// What becomes of an answer: recorded, recorded as left on the server, or passed as old.
    fn sort(&self, open: &mut Open, fetched: Fetched) {
        let (uid, at, content) = match fetched {
            Fetched::Message { uid, internal_date_at, bytes } => (uid, internal_date_at, Content::Raw(bytes)),
            Fetched::TooBig { uid, internal_date_at, size_bytes } => {
                (uid, internal_date_at, Content::Left(too_big(size_bytes)))
            }
            Fetched::Missing { uid } => {
                (uid, None, Content::Left("The server lists it but does not deliver it.".to_owned()))
            }
        };
        let was_there = uid <= self.cursor.start_after_uid;
        if was_there && !self.rules.wants(at) {
            open.pass(uid);
            return;
        }
        open.push(Taken { uid, received_at: at, silent: was_there && self.rules.is_silent(at), content });
    }

    fn trouble(&self, error: &wire::Error) -> Trouble {
        Trouble::of(error, &connect::place(self.mailbox, Side::Incoming))
    }
}

pub(crate) fn too_big(size_bytes: u64) -> String {
    let (megabytes, most) = (size_bytes.div_ceil(1024 * 1024), MESSAGE_BYTES_MAX / (1024 * 1024));
    format!("It has {megabytes} MB; Postern takes at most {most} MB.")
}

async fn one(shelf: &mut Shelf, uid: u32) -> wire::Result<Fetched> {
    let mut found = Fetched::Missing { uid };
    let mut fetch = shelf.fetch(&[uid], MESSAGE_BYTES_MAX).await?;
    while let Some(fetched) = fetch.next().await? {
        found = fetched;
    }
    Ok(found)
}

/// The server answered, or broke off, because of what was asked for; not a pause it asks for, a sign-in, or a link
/// that was never there.
fn concerns_messages(error: &wire::Error) -> bool {
    match error.kind() {
        wire::Kind::Rejected | wire::Kind::Broken => true,
        wire::Kind::Transient { retry_after_ms: None } => error.tried() == "fetch messages",
        wire::Kind::Transient { retry_after_ms: Some(_) } | wire::Kind::Unauthorized => false,
    }
}
