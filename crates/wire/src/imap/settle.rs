//! What is done on the server after a message is stored here: mark, move, delete.

use super::reader::USUAL;
use super::session::Session;
use super::{set, utf7};
use crate::Result;

/// What became of messages that should leave the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    Done,
    /// The server lacks UIDPLUS (RFC 4315): they carry `\Deleted` and vanish when somebody expunges the folder.
    /// A bare EXPUNGE would take other people's deleted mail along.
    Flagged,
}

impl Session {
    pub async fn mark_seen(&mut self, uids: &[u32]) -> Result<()> {
        for (set, _) in set::sets(uids) {
            self.run(
                "mark messages as read",
                &format!("UID STORE {set} +FLAGS.SILENT (\\Seen)"),
                USUAL,
                |_| {},
            )
            .await?;
        }
        Ok(())
    }

    /// By MOVE (RFC 6851), or by COPY and delete. Messages that are gone already are no error.
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<Removal> {
        let tried = format!("move messages to the folder “{folder}”");
        let name = utf7::quoted(folder);
        let mut removal = Removal::Done;
        for (set, uids) in set::sets(uids) {
            if self.has("MOVE") {
                self.run(&tried, &format!("UID MOVE {set} {name}"), USUAL, |_| {}).await?;
            } else {
                self.run(&tried, &format!("UID COPY {set} {name}"), USUAL, |_| {}).await?;
                removal = self.delete(&uids).await?;
            }
        }
        Ok(removal)
    }

    pub async fn delete(&mut self, uids: &[u32]) -> Result<Removal> {
        let tried = "delete messages";
        for (set, _) in set::sets(uids) {
            self.run(tried, &format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)"), USUAL, |_| {}).await?;
            if self.has("UIDPLUS") {
                self.run(tried, &format!("UID EXPUNGE {set}"), USUAL, |_| {}).await?;
            }
        }
        Ok(if self.has("UIDPLUS") { Removal::Done } else { Removal::Flagged })
    }
}
