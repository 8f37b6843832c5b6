//! What has become of a folder since it was looked at last (QRESYNC, RFC 7162), in place of listing it as a whole.

use super::reader::{Limits, USUAL};
use super::response::{Response, Untagged};
use super::session::{Session, State};
use super::{RESPONSES_MAX, SEARCH_LINE_BYTES_MAX, UIDS_MAX};
use crate::Result;

const COMPARING: &str = "ask what has changed in the folder";

/// All that has changed in the selected folder since a modification sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// UIDs of what has come or got other flags; ascending, each once.
    pub there: Vec<u32>,
    /// First and last UID of each run of what is gone, which may name some that never were; ascending, and no two overlap.
    pub vanished: Vec<(u32, u32)>,
}

impl Session {
    /// After the sign-in and before a folder is open (RFC 5161 §3.1): from here on the server tells by UID what is expunged.
    /// A server that would rather not is as good as one that does not offer it.
    pub async fn enable_qresync(&mut self) -> Result<bool> {
        if !(self.has("QRESYNC") && self.has("ENABLE")) {
            return Ok(false);
        }
        let mut is_enabled = false;
        let ended = self.run("enable QRESYNC", "ENABLE QRESYNC", USUAL, |untagged| {
            if let Untagged::Enabled(names) = untagged {
                is_enabled |= names.iter().any(|name| name == "QRESYNC");
            }
        });
        match ended.await {
            Ok(_) => {}
            Err(_) if matches!(self.state, State::Ready) => return Ok(false),
            Err(error) => return Err(error),
        }
        self.tells_changes = is_enabled;
        Ok(is_enabled)
    }

    /// What has changed since the folder's HIGHESTMODSEQ was this (RFC 7162 §3.2.6). `None`: the server does not tell.
    pub async fn changes_since(&mut self, mod_seq: u64) -> Result<Option<Changes>> {
        if !self.tells_changes() {
            return Ok(None);
        }
        // Whatever EXISTS comes from now on may miss in the answer. `1:*` would end at the last message that is still there.
        self.ready(COMPARING).await?;
        self.news = false;
        let command = format!("UID FETCH 1:{} (UID) (CHANGEDSINCE {mod_seq} VANISHED)", u32::MAX);
        let limits = Limits { line_bytes: SEARCH_LINE_BYTES_MAX, ..USUAL };
        let tag = self.start(COMPARING, &command).await?;
        let (mut there, mut vanished, mut expunged) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            if there.len() > UIDS_MAX || vanished.len() + expunged.len() > UIDS_MAX {
                return Err(self.broken(COMPARING, "it names more messages than a folder holds"));
            }
            let before = there.len();
            match self.next(COMPARING, limits).await? {
                Response::Untagged(Untagged::Fetch(data)) => there.extend(data.uid),
                Response::Untagged(Untagged::Vanished { is_earlier: true, runs }) => vanished.extend(runs),
                Response::Untagged(Untagged::Vanished { is_earlier: false, runs }) => expunged.extend(runs),
                Response::Untagged(_) => {}
                Response::Continuation(_) => {
                    return Err(self.broken(COMPARING, "it asked for a line that is not due"));
                }
                Response::Tagged(tagged) => match self.end(COMPARING, &tag, tagged) {
                    Ok(_) => return Ok(Some(Changes::of(there, vanished, expunged))),
                    // It is no more than a shorter way.
                    Err(_) if matches!(self.state, State::Ready) => return Ok(None),
                    Err(error) => return Err(error),
                },
            }
            if there.len() > before {
                self.responses_left = RESPONSES_MAX; // one each: a folder may have many
            }
        }
    }
}

impl Changes {
    /// What was expunged while the server answered is gone, whatever it said of it before.
    fn of(mut there: Vec<u32>, mut vanished: Vec<(u32, u32)>, expunged: Vec<(u32, u32)>) -> Changes {
        let expunged = joined(expunged);
        there.retain(|uid| !holds(&expunged, *uid));
        there.sort_unstable();
        there.dedup();
        vanished.extend(expunged);
        Changes { there, vanished: joined(vanished) }
    }

    /// What the folder holds now, of what it held then (ascending): ascending, each once.
    pub fn applied_to(&self, held: &[u32]) -> Vec<u32> {
        let mut now: Vec<u32> = held
            .iter()
            .copied()
            .filter(|uid| !holds(&self.vanished, *uid))
            .chain(self.there.iter().copied())
            .collect();
        now.sort_unstable();
        now.dedup();
        now
    }
}

/// Ascending, and no two overlap.
fn joined(mut runs: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    runs.sort_unstable();
    runs.dedup_by(|(first, last), (_, last_before)| {
        let overlaps = *first <= *last_before;
        if overlaps {
            *last_before = (*last_before).max(*last);
        }
        overlaps
    });
    runs
}

fn holds(runs: &[(u32, u32)], uid: u32) -> bool {
    let after = runs.partition_point(|(first, _)| *first <= uid);
    after.checked_sub(1).and_then(|at| runs.get(at)).is_some_and(|(_, last)| uid <= *last)
}
