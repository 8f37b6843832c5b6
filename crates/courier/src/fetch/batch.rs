//! Messages that are recorded in one commit, while they come.
use super::shelf::Names;
use super::trials::Trials;
use desk::mailboxes::cursor::Cursor;
use desk::mailboxes::named::Named;
use std::collections::BTreeSet;
use wire::letter::Letter;

/// A batch is passed on when it has this much in memory, however few messages that is.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A message, or why there is none.
#[derive(Debug)]
pub(super) enum Content {
    Raw(Letter),
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
    /// One that lies on the disk is the last of its batch: no more of it is used than a few of them need.
    has_large: bool,
}

/// The batch that grows, and the UIDs that are still to come: the cursor never passes one of those.
pub(super) struct Open {
    batch: Batch,
    pub(super) to_come: BTreeSet<u32>,
    /// The highest UID of a message that there was.
    reached: u32,
}
impl Open {
    pub(super) fn new(cursor: &Cursor) -> Open {
        Open { batch: Batch::default(), to_come: BTreeSet::new(), reached: cursor.uid_last }
    }
    pub(super) fn expect(&mut self, uids: &[u32]) {
        self.to_come.extend(uids);
    }
    /// There is nothing to record of this one.
    pub(super) fn pass(&mut self, uid: u32) {
        self.to_come.remove(&uid);
        self.reached = self.reached.max(uid);
    }
    /// It is not there, and perhaps never was: what a server named by mistake takes the cursor nowhere.
    pub(super) fn vanish(&mut self, uid: u32) {
        self.to_come.remove(&uid);
    }
    pub(super) fn push(&mut self, taken: Taken) {
        self.pass(taken.uid);
        if let Content::Raw(letter) = &taken.content {
            self.batch.bytes += letter.bytes().map_or(0, <[u8]>::len);
            self.batch.has_large |= letter.bytes().is_none();
        }
        self.batch.taken.push(taken);
    }
    pub(super) fn is_full(&self, messages: usize) -> bool {
        self.batch.taken.len() >= messages || self.batch.bytes >= BATCH_BYTES_MAX || self.batch.has_large
    }
    pub(super) fn cut(&mut self, names: &mut Names, trials: &Trials) -> Batch {
        let mut batch = std::mem::take(&mut self.batch);
        let reached =
            self.to_come.first().map_or(self.reached, |next| self.reached.min(next.saturating_sub(1)));
        batch.uid_last = trials.as_far(reached);
        // Also of what is put off: it is to have its number when it is listed again.
        batch.names = names.up_to(reached);
        batch
    }
}
