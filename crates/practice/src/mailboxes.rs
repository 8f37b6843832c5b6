//! The practice mailboxes: folders with letters, UIDs that never come again, news for whoever waits, and a
//! journal that makes a restart show the same. Not the protocols, and not who may open what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::chance::Seed;
use crate::store::Store;

pub(crate) const INBOX: &str = "INBOX";
pub(crate) const SENT: &str = "Sent Items";
/// What Exchange shows in a new mailbox, as far as mail programs look at it.
const FOLDERS: &[&str] = &[INBOX, "Archive", "Deleted Items", "Drafts", "Junk Email", SENT];
const JOURNAL: &str = "mailboxes.jsonl";
/// Mailboxes made for addresses outside the table: bounded, because anyone may be written to.
const MAILBOXES_MAX: usize = 2_000;
/// As many letters that have left a folder are remembered.
const GONE_MAX: usize = 5_000;

#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    pub uid: u32,
    /// Stays with the letter when it is moved within its mailbox.
    pub id: u64,
    /// When it came into this folder and when it was last changed here, counted in changes of all mailboxes.
    pub came: u64,
    pub changed: u64,
    pub flags: BTreeSet<String>,
    pub received_at: i64,
    pub raw: Arc<[u8]>,
}

#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub uid_validity: u32,
    pub uid_next: u32,
    /// In the order of their UIDs.
    pub letters: Vec<Stored>,
    /// What was here, the newest last; not for ever.
    pub gone: VecDeque<Gone>,
    /// The change up to which those that are gone are forgotten.
    pub forgotten: u64,
}

/// What is left of a letter that was moved or deleted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gone {
    pub uid: u32,
    pub id: u64,
    pub changed: u64,
}

pub(crate) type Folders = BTreeMap<String, Folder>;

/// One line of the journal.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Change {
    Create { mailbox: String, folder: String },
    Deliver { mailbox: String, folder: String, at: i64, flags: BTreeSet<String>, raw: String },
    Copy { mailbox: String, folder: String, uid: u32, to: String },
    Move { mailbox: String, folder: String, uid: u32, to: String },
    Flags { mailbox: String, folder: String, uid: u32, flags: BTreeSet<String> },
    Expunge { mailbox: String, folder: String, uids: Vec<u32> },
}

struct Inner {
    boxes: BTreeMap<String, Folders>,
    /// How many changes there were: what numbers letters, and says what is new since when.
    changes: u64,
    journal: Option<File>,
}

pub(crate) struct Mailboxes {
    inner: Mutex<Inner>,
    seed: Seed,
    news: watch::Sender<u64>,
}

impl std::fmt::Debug for Mailboxes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailboxes")
    }
}

impl Mailboxes {
    /// Reads the journal. The second value says whether these mailboxes are new and wait for their first letters.
    pub fn open(store: &Store, seed: Seed) -> Result<(Mailboxes, bool)> {
        let journal = store.read(JOURNAL)?.unwrap_or_default();
        let mailboxes = Mailboxes {
            inner: Mutex::new(Inner { boxes: BTreeMap::new(), changes: 0, journal: None }),
            seed,
            news: watch::Sender::new(0),
        };
        let mut kept = 0;
        for line in journal.split_inclusive(|byte| *byte == b'\n') {
            if line.last() != Some(&b'\n') {
                break; // torn by a crash
            }
            let change: Change = serde_json::from_slice(line).with_context(|| {
                format!(
                    "{JOURNAL} is damaged after byte {kept}; remove it to begin with new practice mailboxes"
                )
            })?;
            mailboxes.apply(&mut mailboxes.lock(), change);
            kept += line.len();
        }
        mailboxes.lock().journal = store.append(JOURNAL, kept as u64)?;
        Ok((mailboxes, kept == 0))
    }

    /// Makes the mailbox with Exchange's folders if there is none.
    pub fn ensure(&self, address: &str) {
        for folder in FOLDERS {
            self.create(address, folder);
        }
    }

    /// False when the folder was there already, or when there are too many mailboxes.
    pub fn create(&self, address: &str, folder: &str) -> bool {
        let address = key(address);
        let mut inner = self.lock();
        let known = inner.boxes.get(&address);
        let there = known.is_some_and(|folders| find_name(folders, folder).is_some());
        if there || (known.is_none() && inner.boxes.len() >= MAILBOXES_MAX) {
            return false;
        }
        self.change(&mut inner, Change::Create { mailbox: address, folder: folder.to_owned() });
        true
    }

    /// Puts a letter into a folder and tells everyone who waits. `None` when there is no such folder.
    pub fn deliver(&self, address: &str, folder: &str, raw: &[u8], at: i64, flags: &[&str]) -> Option<u32> {
        let mailbox = key(address);
        let mut inner = self.lock();
        let folder = find_name(inner.boxes.get(&mailbox)?, folder)?;
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let uid = inner.boxes.get(&mailbox)?.get(&folder)?.uid_next;
        self.change(&mut inner, Change::Deliver { mailbox, folder, at, flags, raw: STANDARD.encode(raw) });
        drop(inner);
        self.tell();
        Some(uid)
    }

    /// Copies letters into another folder; pairs of old and new UID. `None` when a folder is missing.
    pub fn copy(&self, address: &str, folder: &str, uids: &[u32], to: &str) -> Option<Vec<(u32, u32)>> {
        let copy = |mailbox, folder, uid, to| Change::Copy { mailbox, folder, uid, to };
        self.carry(address, folder, uids, to, copy)
    }

    /// The same, and the letters are no longer where they were.
    pub fn move_to(&self, address: &str, folder: &str, uids: &[u32], to: &str) -> Option<Vec<(u32, u32)>> {
        let take = |mailbox, folder, uid, to| Change::Move { mailbox, folder, uid, to };
        self.carry(address, folder, uids, to, take)
    }

    fn carry(
        &self,
        address: &str,
        folder: &str,
        uids: &[u32],
        to: &str,
        how: impl Fn(String, String, u32, String) -> Change,
    ) -> Option<Vec<(u32, u32)>> {
        let mailbox = key(address);
        let mut inner = self.lock();
        let to = find_name(inner.boxes.get(&mailbox)?, to)?;
        let mut pairs = Vec::new();
        for uid in uids {
            let folders = inner.boxes.get(&mailbox)?;
            if folders.get(folder)?.find(*uid).is_none() {
                continue;
            }
            pairs.push((*uid, folders.get(&to)?.uid_next));
            let change = how(mailbox.clone(), folder.to_owned(), *uid, to.clone());
            self.change(&mut inner, change);
        }
        drop(inner);
        self.tell();
        Some(pairs)
    }

    pub fn set_flags(&self, address: &str, folder: &str, uid: u32, flags: BTreeSet<String>) {
        let (mailbox, folder) = (key(address), folder.to_owned());
        self.change(&mut self.lock(), Change::Flags { mailbox, folder, uid, flags });
        self.tell();
    }

    pub fn expunge(&self, address: &str, folder: &str, uids: Vec<u32>) {
        if uids.is_empty() {
            return;
        }
        let (mailbox, folder) = (key(address), folder.to_owned());
        self.change(&mut self.lock(), Change::Expunge { mailbox, folder, uids });
        self.tell();
    }

    pub fn addresses(&self) -> Vec<String> {
        self.lock().boxes.keys().cloned().collect()
    }

    /// The folders as they are now (letters share their bytes); `None` for an unknown mailbox.
    pub fn folders(&self, address: &str) -> Option<Folders> {
        self.lock().boxes.get(&key(address)).cloned()
    }

    /// A folder by its name, whatever its case, with the name as it is kept.
    pub fn folder(&self, address: &str, name: &str) -> Option<(String, Folder)> {
        let inner = self.lock();
        let folders = inner.boxes.get(&key(address))?;
        let name = find_name(folders, name)?;
        folders.get(&name).map(|folder| (name.clone(), folder.clone()))
    }

    /// How many changes there have been.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// Changes with every delivery, move, flag and deletion in any mailbox.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn tell(&self) {
        self.news.send_modify(|count| *count += 1);
    }

    fn change(&self, inner: &mut Inner, change: Change) {
        if let Some(journal) = &mut inner.journal {
            let mut line = serde_json::to_vec(&change).expect("invariant: a change is plain data");
            line.push(b'\n');
            if let Err(error) = journal.write_all(&line) {
                tracing::warn!("the practice mailboxes could not be kept: {error}");
            }
        }
        self.apply(inner, change);
    }

    fn apply(&self, inner: &mut Inner, change: Change) {
        inner.changes += 1;
        let (boxes, now) = (&mut inner.boxes, inner.changes);
        match change {
            Change::Create { mailbox, folder } => {
                let uid_validity = self.seed.uid_validity(&format!("uidvalidity {mailbox} {folder}"));
                let made = Folder {
                    uid_validity,
                    uid_next: 1,
                    letters: Vec::new(),
                    gone: VecDeque::new(),
                    forgotten: 0,
                };
                boxes.entry(mailbox).or_default().entry(folder).or_insert(made);
            }
            Change::Deliver { mailbox, folder, at, flags, raw } => {
                let raw = STANDARD.decode(raw).unwrap_or_default().into();
                if let Some(folder) = folder_mut(boxes, &mailbox, &folder) {
                    folder.put(now, Stored { id: now, flags, received_at: at, raw, ..Stored::default() });
                }
            }
            Change::Copy { mailbox, folder, uid, to } => {
                let letter =
                    folder_mut(boxes, &mailbox, &folder).and_then(|folder| folder.find(uid).cloned());
                if let (Some(letter), Some(to)) = (letter, folder_mut(boxes, &mailbox, &to)) {
                    to.put(now, Stored { id: now, ..letter });
                }
            }
            Change::Move { mailbox, folder, uid, to } => {
                let from = folder_mut(boxes, &mailbox, &folder);
                let letter = from.and_then(|folder| folder.take(now, &[uid]).pop());
                if let (Some(letter), Some(to)) = (letter, folder_mut(boxes, &mailbox, &to)) {
                    to.put(now, letter);
                }
            }
            Change::Flags { mailbox, folder, uid, flags } => {
                if let Some(folder) = folder_mut(boxes, &mailbox, &folder)
                    && let Some(letter) = folder.letters.iter_mut().find(|letter| letter.uid == uid)
                    && letter.flags != flags
                {
                    (letter.flags, letter.changed) = (flags, now);
                }
            }
            Change::Expunge { mailbox, folder, uids } => {
                if let Some(folder) = folder_mut(boxes, &mailbox, &folder) {
                    folder.take(now, &uids);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Folder {
    pub fn find(&self, uid: u32) -> Option<&Stored> {
        self.letters.binary_search_by_key(&uid, |letter| letter.uid).ok().and_then(|at| self.letters.get(at))
    }

    fn put(&mut self, now: u64, letter: Stored) {
        self.letters.push(Stored { uid: self.uid_next, came: now, changed: now, ..letter });
        self.uid_next += 1;
    }

    fn take(&mut self, now: u64, uids: &[u32]) -> Vec<Stored> {
        let taken: Vec<Stored> = self.letters.extract_if(.., |letter| uids.contains(&letter.uid)).collect();
        self.gone.extend(taken.iter().map(|letter| Gone { uid: letter.uid, id: letter.id, changed: now }));
        while self.gone.len() > GONE_MAX {
            self.forgotten = self.gone.pop_front().map_or(self.forgotten, |gone| gone.changed);
        }
        taken
    }
}

fn key(address: &str) -> String {
    address.trim().to_lowercase()
}

/// Folder names are caseless on Exchange.
fn find_name(folders: &Folders, name: &str) -> Option<String> {
    folders.keys().find(|known| known.eq_ignore_ascii_case(name)).cloned()
}

fn folder_mut<'a>(
    boxes: &'a mut BTreeMap<String, Folders>,
    mailbox: &str,
    folder: &str,
) -> Option<&'a mut Folder> {
    boxes.get_mut(mailbox)?.get_mut(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_shows_the_same_letters_under_the_same_uids() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(Some(dir.path())).unwrap();
        let open = || Mailboxes::open(&store, Seed::new(&[7; 32])).unwrap();
        let (first, new) = open();
        assert!(new);
        first.ensure("Ann@x.example");
        assert_eq!(first.deliver("ann@X.example", "inbox", b"one", 5, &[]), Some(1));
        assert_eq!(first.deliver("ann@x.example", INBOX, b"two", 6, &["\\Seen"]), Some(2));
        assert_eq!(first.copy("ann@x.example", INBOX, &[1], "archive"), Some(vec![(1, 1)]));
        assert_eq!(first.move_to("ann@x.example", "Archive", &[1], "Drafts"), Some(vec![(1, 1)]));
        first.expunge("ann@x.example", INBOX, vec![1]);
        let before = format!("{:?}", first.folders("ann@x.example"));
        drop(first);
        std::fs::OpenOptions::new()
            .append(true)
            .open(dir.path().join(JOURNAL))
            .and_then(|mut file| file.write_all(b"{\"op\":\"deli"))
            .unwrap();
        let (again, new) = open();
        assert!(!new);
        assert_eq!(format!("{:?}", again.folders("ann@x.example")), before);
        assert_eq!(again.deliver("ann@x.example", INBOX, b"three", 7, &[]), Some(3));
        drop(again);
        assert_eq!(open().0.folder("ann@x.example", INBOX).unwrap().1.letters.len(), 2);
    }

    #[test]
    fn a_letter_that_is_moved_stays_the_same_and_leaves_its_trace() {
        let (mailboxes, _) = Mailboxes::open(&Store::open(None).unwrap(), Seed::new(&[7; 32])).unwrap();
        mailboxes.ensure("ann@x.example");
        let folder = |name| mailboxes.folder("ann@x.example", name).unwrap().1;
        mailboxes.deliver("ann@x.example", INBOX, b"one", 5, &[]);
        let before = folder(INBOX).letters[0].clone();
        mailboxes.copy("ann@x.example", INBOX, &[1], "Drafts");
        mailboxes.move_to("ann@x.example", INBOX, &[1], "Archive");
        assert_ne!(folder("Drafts").letters[0].id, before.id);
        let after = folder("Archive").letters[0].clone();
        assert!(after.id == before.id && after.came > before.changed);
        let gone = folder(INBOX).gone[0];
        assert_eq!((gone.uid, gone.id, gone.changed), (1, before.id, after.came));
        let flags: BTreeSet<String> = ["\\Seen".to_owned()].into();
        mailboxes.set_flags("ann@x.example", "Archive", 1, flags.clone());
        let read = folder("Archive").letters[0].changed;
        assert!(read > after.came);
        mailboxes.set_flags("ann@x.example", "Archive", 1, flags);
        assert_eq!(folder("Archive").letters[0].changed, read, "nothing has changed");
    }
}
