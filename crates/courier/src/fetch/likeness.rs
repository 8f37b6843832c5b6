//! What letters on the server, which were read, are to the recorded ones under their UIDs.
use std::collections::HashMap;

/// Letters that are read for their Message-ID: when so many are the recorded ones, so are those under lower UIDs; and so many in a row
/// that say something else are others.
pub(super) const DECIDE: usize = 3;

/// What a letter on the server is to the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Is {
    Same,
    Another,
    /// Neither has a Message-ID, and it says something else: one alone may be of a server that writes letters anew.
    Otherwise,
    /// It does not come, or has nothing by which it could be told.
    Unsure,
}

/// What letters of a look are.
#[derive(Default)]
pub(super) struct Found {
    pub letters: HashMap<u32, Is>,
    /// One is another, or so many in a row say something else that no single letter is to blame.
    pub is_another: bool,
    pub in_a_row: usize,
}

impl Found {
    pub(super) fn take(&mut self, uid: u32, is: Is) {
        self.letters.insert(uid, is);
        self.in_a_row = match is {
            Is::Same => 0,
            Is::Otherwise => self.in_a_row + 1,
            Is::Another | Is::Unsure => self.in_a_row,
        };
        self.is_another |= is == Is::Another || self.in_a_row >= DECIDE;
    }

    /// How many under higher UIDs are the recorded ones.
    pub(super) fn same_above(&self, uid: u32) -> usize {
        self.letters.iter().filter(|(above, is)| **above > uid && **is == Is::Same).count()
    }
}
