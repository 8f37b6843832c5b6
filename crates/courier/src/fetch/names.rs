//! Names of messages, where the server has names and the numbers are given here.
use desk::mailboxes::named::Named;
use std::collections::VecDeque;

/// Where the server names its messages: what the desk is to learn.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// That it does not know yet, by UID.
    pub(super) fresh: VecDeque<Named>,
    /// UIDs of those that the server does not list any more.
    pub gone: Vec<u32>,
    /// UIDs whose names other messages have now.
    pub(super) replaced: Vec<u32>,
    /// Some of those bear the names of letters that were recorded and lie there still, as it seemed.
    pub(super) given_again: bool,
    /// Names of what was deleted, and is.
    pub(super) ended: Vec<String>,
    /// How many are listed still though they were deleted more than once.
    pub(super) undeleted: usize,
}

impl Names {
    pub(super) fn of(fresh: VecDeque<Named>) -> Names {
        Names { fresh, ..Names::default() }
    }

    /// Those of the messages up to this UID that the desk does not know yet: to be remembered in the commit that records
    /// these messages.
    pub(super) fn up_to(&mut self, uid: u32) -> Vec<Named> {
        let end = self.fresh.iter().take_while(|named| named.uid <= uid).count();
        self.fresh.drain(..end).collect()
    }
}
