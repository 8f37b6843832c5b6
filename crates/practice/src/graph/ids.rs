//! Ids of folders and letters. A plain one tells where a letter lies and changes when it is moved, an immutable
//! one stays; both are understood whatever is preferred, and neither means anything to a client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::error::{Refusal, Result};
use crate::mailboxes::{Folder, Stored};
use crate::world::World;

const PLAIN: &str = "AAMkAG";
const IMMUTABLE: &str = "AAkALg";
const FOLDER: &str = "AQMkAD";

pub(super) struct Ids<'a> {
    pub world: &'a World,
    pub mailbox: &'a str,
    pub immutable: bool,
}

/// Where a letter lies and what it is.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub folder: String,
    pub letter: Stored,
    pub uid_validity: u32,
}

impl Ids<'_> {
    /// What the ids of one mailbox have in common.
    fn tag(&self) -> [u8; 16] {
        self.world.seed.bytes(&format!("graph ids {}", self.mailbox))
    }

    pub fn letter(&self, uid_validity: u32, uid: u32, id: u64) -> String {
        let mut bytes = self.tag().to_vec();
        let prefix = if self.immutable {
            bytes.extend(id.to_be_bytes());
            IMMUTABLE
        } else {
            bytes.extend(uid_validity.to_be_bytes());
            bytes.extend(uid.to_be_bytes());
            PLAIN
        };
        // Ids end with the sign that has to be encoded in some places, as the real ones do.
        bytes.extend([0; 8]);
        format!("{prefix}{}", URL_SAFE.encode(bytes))
    }

    pub fn of(&self, found: &Found) -> String {
        self.letter(found.uid_validity, found.letter.uid, found.letter.id)
    }

    pub fn folder(&self, name: &str) -> String {
        let mut bytes = self.tag().to_vec();
        bytes.extend(name.bytes());
        format!("{FOLDER}{}", URL_SAFE.encode(bytes))
    }

    /// The name of a folder that is there, by its id or its well-known name.
    pub fn find_folder(&self, id: &str) -> Result<(String, Folder)> {
        let name = match well_known(id) {
            Some(name) => name.to_owned(),
            None => {
                let bytes = self.decoded(id.strip_prefix(FOLDER).ok_or_else(Refusal::malformed_id)?)?;
                String::from_utf8(bytes).map_err(|_| Refusal::malformed_id())?
            }
        };
        self.world.mailboxes.folder(self.mailbox, &name).ok_or_else(Refusal::not_found)
    }

    pub fn find(&self, id: &str) -> Result<Found> {
        let (immutable, rest) = match (id.strip_prefix(IMMUTABLE), id.strip_prefix(PLAIN)) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(Refusal::malformed_id()),
        };
        let bytes = self.decoded(rest)?;
        let number = bytes.get(..8).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let number = number.filter(|_| bytes.len() == 16).ok_or_else(Refusal::malformed_id)?;
        for (name, folder) in self.world.mailboxes.folders(self.mailbox).unwrap_or_default() {
            let is_it = |letter: &&Stored| match immutable {
                true => letter.id == number,
                false => (u64::from(folder.uid_validity) << 32 | u64::from(letter.uid)) == number,
            };
            if let Some(letter) = folder.letters.iter().find(is_it) {
                let (letter, uid_validity) = (letter.clone(), folder.uid_validity);
                return Ok(Found { folder: name, letter, uid_validity });
            }
        }
        Err(Refusal::not_found())
    }

    fn decoded(&self, text: &str) -> Result<Vec<u8>> {
        let bytes = URL_SAFE.decode(text).map_err(|_| Refusal::malformed_id())?;
        let (tag, rest) = bytes.split_at_checked(16).ok_or_else(Refusal::malformed_id)?;
        if tag != self.tag() {
            let text = "Item Id doesn't belong to the targeted mailbox.";
            return Err(Refusal::bad("ErrorInvalidMailboxItemId", text));
        }
        Ok(rest.to_vec())
    }
}

/// Folders that have a name of their own in every language.
const WELL_KNOWN: &[(&str, &str)] = &[
    ("inbox", "INBOX"),
    ("archive", "Archive"),
    ("deleteditems", "Deleted Items"),
    ("drafts", "Drafts"),
    ("junkemail", "Junk Email"),
    ("sentitems", "Sent Items"),
];
/// What all folders lie in; it has no letters of its own.
pub(super) const ROOT: &str = "msgfolderroot";

fn well_known(id: &str) -> Option<&'static str> {
    WELL_KNOWN.iter().find(|(known, _)| known.eq_ignore_ascii_case(id)).map(|(_, name)| *name)
}
