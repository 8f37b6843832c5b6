//! Which messages are there: by UID and by day.

use super::reader::{Limits, USUAL};
use super::response::Untagged;
use super::session::Session;
use super::{SEARCH_LINE_BYTES_MAX, UIDS_MAX, date};
use crate::{Error, Kind, Result};

const TRIED: &str = "list the messages";

impl Session {
    /// UIDs greater than `uid`, ascending, each once. News that come later are told by [`Session::idle`] at once.
    pub async fn uids_since(&mut self, uid: u32) -> Result<Vec<u32>> {
        let Some(first) = uid.checked_add(1) else { return Ok(Vec::new()) };
        let mut uids = self.search(&format!("UID {first}:*")).await?;
        // `n:*` names the last message even when its UID is below n.
        uids.retain(|found| *found >= first);
        Ok(uids)
    }

    /// UIDs of messages that came to the server at `since_at` or later, and some of the day before: servers
    /// compare days in their own time zone. The caller filters by `internal_date_at`.
    pub async fn uids_since_date(&mut self, since_at: i64) -> Result<Vec<u32>> {
        match date::day_before(since_at) {
            Some(day) => self.search(&format!("SINCE {day}")).await,
            None => Err(Error::rejected(TRIED, &self.host).remedy("the date is out of range")),
        }
    }

    /// UIDs of messages whose subject holds these words, ascending. They are ASCII without quotes.
    pub async fn uids_with_subject(&mut self, words: &str) -> Result<Vec<u32>> {
        let bare: String =
            words.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect();
        self.search(&format!("SUBJECT \"{bare}\"")).await
    }

    async fn search(&mut self, key: &str) -> Result<Vec<u32>> {
        self.ready(TRIED).await?;
        // Whatever EXISTS comes from now on may miss in the answer.
        self.news = false;
        let mut uids = Vec::new();
        let limits = Limits { line_bytes: SEARCH_LINE_BYTES_MAX, ..USUAL };
        let command = format!("UID SEARCH {key}");
        let ended = self.run(TRIED, &command, limits, |untagged| {
            if let Untagged::Search(found) = untagged {
                uids.extend(found.into_iter().take((UIDS_MAX + 1).saturating_sub(uids.len())));
            }
        });
        ended.await.map_err(later)?;
        if uids.len() > UIDS_MAX {
            return Err(self.broken(TRIED, "it names more messages than a folder holds"));
        }
        uids.sort_unstable();
        uids.dedup();
        Ok(uids)
    }
}

/// A NO to reading what is there is the server's trouble, not a decision.
pub(super) fn later(error: Error) -> Error {
    match error.kind() {
        Kind::Rejected => error.with_kind(crate::spoken::LATER),
        Kind::Unauthorized | Kind::Transient { .. } | Kind::Broken => error,
    }
}
