//! What is done on the server after a message is stored here: mark, move, delete.

use super::reader::USUAL;
use super::session::Session;
use super::{set, utf7};
use crate::{Error, Result};

/// What became of messages that should leave the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    Done,
    /// The server lacks UIDPLUS (RFC 4315): they carry `\Deleted` and vanish when somebody expunges the folder.
    /// A bare EXPUNGE would take other people's deleted mail along.
    Flagged,
}

/// Messages that should go to another folder, and did not all.
#[derive(Debug)]
pub struct Unmoved {
    /// What was refused, or broke off.
    pub error: Error,
    /// These are there, and no longer here.
    pub moved: Vec<u32>,
    /// These are there and still here: COPY went well, and what removes them (STORE, EXPUNGE) did not. To copy them again
    /// would double them.
    pub copied: Vec<u32>,
}

impl Unmoved {
    /// Nothing was done, for all that is known.
    pub fn whole(error: Error) -> Unmoved {
        Unmoved { error, moved: Vec::new(), copied: Vec::new() }
    }
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
    pub async fn move_to(&mut self, uids: &[u32], folder: &str) -> Result<Removal, Unmoved> {
        let tried = format!("move messages to the folder “{folder}”");
        let name = utf7::quoted(folder);
        let (mut removal, mut moved) = (Removal::Done, Vec::new());
        for (set, uids) in set::sets(uids) {
            let verb = if self.has("MOVE") { "MOVE" } else { "COPY" };
            if let Err(error) = self.run(&tried, &format!("UID {verb} {set} {name}"), USUAL, |_| {}).await {
                return Err(Unmoved { error, moved, copied: Vec::new() });
            }
            if verb == "COPY" {
                match self.delete(&uids).await {
                    Ok(done) => removal = done,
                    Err(error) => return Err(Unmoved { error, moved, copied: uids }),
                }
            }
            moved.extend(uids);
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
