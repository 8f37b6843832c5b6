//! What one round has looked at in one folder, to see whether it is the one that was read.
use std::collections::BTreeSet;

/// What a round has looked at in one folder.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub is_done: bool,
    pub asked: BTreeSet<u32>,
    /// In this round.
    pub read: BTreeSet<u32>,
    /// Left over by earlier rounds, and not proved to be the letters that were recorded: nothing is done to these.
    pub unproved: BTreeSet<u32>,
}

impl Looked {
    /// These are what is under their UIDs now.
    pub(super) fn reads(&mut self, uids: &[u32]) {
        self.read.extend(uids);
        self.unproved.retain(|uid| !self.read.contains(uid));
    }
}
