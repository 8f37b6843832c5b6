//! Folders: selecting, listing, creating, asking how full they are.

use std::collections::HashSet;

use super::reader::USUAL;
use super::response::Untagged;
use super::session::Session;
use super::{FOLDER_NAME_BYTES_MAX, FOLDERS_BYTES_MAX, FOLDERS_MAX, utf7};
use crate::Result;

/// What SELECT or EXAMINE told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selected {
    pub uid_validity: u32,
    /// `None` where the server does not say (RFC 3501 lets it).
    pub uid_next: Option<u32>,
    pub exists: u32,
}

/// A folder of LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Decoded from modified UTF-7.
    pub name: String,
    pub delimiter: Option<char>,
    /// Without the backslash, lower case: `noselect`, `sent`, `trash`.
    pub attributes: Vec<String>,
}

/// What STATUS told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    pub messages: Option<u32>,
    pub uid_next: Option<u32>,
    pub uid_validity: Option<u32>,
    pub unseen: Option<u32>,
}

impl Session {
    /// Opens a folder; an empty name is INBOX.
    pub async fn select(&mut self, folder: &str) -> Result<Selected> {
        self.open("SELECT", folder).await
    }

    /// Opens a folder read-only.
    pub async fn examine(&mut self, folder: &str) -> Result<Selected> {
        self.open("EXAMINE", folder).await
    }

    async fn open(&mut self, verb: &str, folder: &str) -> Result<Selected> {
        let folder = if folder.is_empty() { "INBOX" } else { folder };
        let tried = format!("open the folder “{folder}”");
        let (mut uid_validity, mut uid_next, mut exists, mut highest) = (None, None, 0, None);
        (self.exists, self.recent, self.highest_mod_seq) = (0, 0, None);
        self.run(&tried, &format!("{verb} {}", utf7::quoted(folder)), USUAL, |untagged| match untagged {
            Untagged::Exists(count) => exists = count,
            Untagged::Status(_, words) => {
                let Some((name, value)) = &words.code else { return };
                match name.as_str() {
                    "UIDVALIDITY" => uid_validity = value.parse().ok().filter(|value| *value > 0),
                    "UIDNEXT" => uid_next = value.parse().ok(),
                    "HIGHESTMODSEQ" => highest = value.parse().ok(),
                    _ => {}
                }
            }
            _ => {}
        })
        .await?;
        (self.news, self.highest_mod_seq) = (false, highest);
        match uid_validity {
            Some(uid_validity) => Ok(Selected { uid_validity, uid_next, exists }),
            None => {
                let why = "it names no UIDVALIDITY, without which nobody can know what was read already";
                Err(self.broken(&tried, why))
            }
        }
    }

    /// All folders, at most [`FOLDERS_MAX`] and so many as [`FOLDERS_BYTES_MAX`] hold. A name that is longer than any server lets
    /// a person give one is passed over.
    pub async fn list(&mut self) -> Result<Vec<Folder>> {
        let (mut folders, mut known, mut bytes) = (Vec::new(), HashSet::new(), 0);
        self.run("list the folders", "LIST \"\" \"*\"", USUAL, |untagged| {
            if let Untagged::List { attributes, delimiter, name } = untagged
                && folders.len() < FOLDERS_MAX
                && name.len() <= FOLDER_NAME_BYTES_MAX
            {
                let name = utf7::decode(&name);
                let size = name.len() + attributes.iter().map(String::len).sum::<usize>();
                if bytes + size <= FOLDERS_BYTES_MAX && known.insert(name.clone()) {
                    bytes += size;
                    folders.push(Folder { name, delimiter, attributes });
                }
            }
        })
        .await?;
        Ok(folders)
    }

    pub async fn create(&mut self, folder: &str) -> Result<()> {
        let tried = format!("create the folder “{folder}”");
        self.run(&tried, &format!("CREATE {}", utf7::quoted(folder)), USUAL, |_| {}).await.map(|_| ())
    }

    /// Asks about a folder that is not the selected one.
    pub async fn status(&mut self, folder: &str) -> Result<Status> {
        let tried = format!("ask about the folder “{folder}”");
        let command = format!("STATUS {} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)", utf7::quoted(folder));
        let mut status = Status::default();
        self.run(&tried, &command, USUAL, |untagged| {
            let Untagged::MailboxStatus(items) = untagged else { return };
            for (name, value) in items {
                match name.as_str() {
                    "MESSAGES" => status.messages = Some(value),
                    "UIDNEXT" => status.uid_next = Some(value),
                    "UIDVALIDITY" => status.uid_validity = Some(value),
                    "UNSEEN" => status.unseen = Some(value),
                    _ => {}
                }
            }
        })
        .await?;
        Ok(status)
    }
}
