//! Whether the contents of a backup, or of a desk that was made of one, are whole. What is new in a backup is read back once
//! after it was copied; all of it when that is asked for. What is damaged there and whole in the store is copied again, and
//! what is damaged in the store, or missing there, is named with what it belongs to, and looked at again by each backup until it is
//! whole. That something is missing is seen by the names and lengths of files, each time for everything.
use super::BLOBS;
use crate::db::{Db, Tx};
use crate::files::blob::{self, Elsewhere};
use crate::files::copy::{self, Copied};
use crate::files::store::{Place, Store, file_place};
use crate::{Desk, Result, params};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// In the folder of backups.
pub(super) const LOOKED_AT: &str = "looked-at";
const PAGE: i64 = 500;
/// Of what one content belongs to.
const OWNERS_MAX: i64 = 3;

/// A content that is not whole where it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// In the store.
    pub place: String,
    /// *message 12 of support@example.org, “Printer”*; empty: nothing names it any more.
    pub belongs_to: Vec<String>,
    pub why: String,
    /// The backup holds it whole all the same, from before.
    pub is_in_backup: bool,
}
impl Damaged {
    pub fn belongs_to(&self) -> String {
        if self.belongs_to.is_empty() {
            "nothing that is here".to_owned()
        } else {
            self.belongs_to.join("; ")
        }
    }
}

/// What a backup has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Contents that were read back.
    pub looked_at: usize,
    /// They were damaged in the backup, and are whole there now.
    pub mended: usize,
    pub damaged: Vec<Damaged>,
}

/// What earlier backups into a folder have looked at.
#[derive(Debug, Default, Serialize, Deserialize)]
struct LookedAt {
    /// Rows of contents up to this one.
    up_to: i64,
    /// Those of them that were not whole.
    damaged: BTreeSet<i64>,
}

/// Id, hash and place of a content.
pub(super) type Row = (i64, Vec<u8>, String);

/// After the store was copied into `root`, of all that the copied database names.
pub(super) fn of(desk: &Desk, database: &Path, root: &Path, copied: &Copied, all: bool) -> Result<Audit> {
    let known = if all { LookedAt::default() } else { read(root)? };
    let mut now = LookedAt::default();
    let mut auditor = Auditor { desk, there: Store::of(&root.join(BLOBS)), all, audit: Audit::default() };
    let mut here = Names { root: desk.store.root(), packs: HashMap::new() };
    // Rows of any age may have lost what they name.
    pages(&Db::copied(database)?, |row| {
        let (id, _, place) = &row;
        now.up_to = *id;
        let is_doubtful = known.damaged.contains(id)
            || copied.damaged.contains(place)
            || Place::read(place).is_some_and(|place| copied.differing.contains(place.file()))
            || here.lack(place);
        let is_due = is_doubtful || *id > known.up_to || copied.is_new(place);
        if is_due && !auditor.is_whole(&row, is_doubtful)? {
            now.damaged.insert(*id);
        }
        Ok(())
    })?;
    write(root, &now)?;
    Ok(auditor.audit)
}

/// Everything that a restored database names. What is not whole at its place and has a file of its own beside is named there.
pub fn of_restored(db: &Db, store: &Path, copied: &Copied) -> Result<Audit> {
    let (store, mut audit) = (Store::of(store), Audit::default());
    pages(db, |(id, hash, place)| {
        audit.looked_at += 1;
        let Err(error) = store.look_at(&place, &hash) else { return Ok(()) };
        if let Some(whole) = store.whole_place(&place, &hash) {
            let row = Elsewhere { id, hash: hash_of(&hash)?, place };
            audit.mended += 1;
            return db.write(|tx| blob::move_to(tx, &row, &whole)).map(drop);
        }
        let why = if copied.damaged.contains(&place) {
            "its copy in the backup is damaged".to_owned()
        } else {
            error.to_string()
        };
        let belongs_to = db.read(|tx| owners(tx, id))?;
        audit.damaged.push(Damaged { place, belongs_to, why, is_in_backup: false });
        Ok(())
    })?;
    Ok(audit)
}

struct Auditor<'a> {
    desk: &'a Desk,
    there: Store,
    all: bool,
    audit: Audit,
}
/// What the store has by the names and lengths of its files.
struct Names<'a> {
    root: &'a Path,
    /// Their lengths, as far as they were asked for.
    packs: HashMap<String, Option<u64>>,
}
impl Names<'_> {
    /// Whether there is nothing at this place. (A record that is cut off is seen when it is read.)
    fn lack(&mut self, place: &str) -> bool {
        let Some(place) = Place::read(place) else { return true };
        let file = self.root.join(place.file());
        if place.has_own_file() {
            return !file.is_file();
        }
        let length = || fs::metadata(&file).ok().map(|about| about.len());
        let length = match self.packs.get(place.file()) {
            Some(length) => *length,
            None => *self.packs.entry(place.file().to_owned()).or_insert_with(length),
        };
        length.is_none_or(|length| place.offset() >= length)
    }
}

impl Auditor<'_> {
    /// In the backup and, where that is in doubt, in the store.
    fn is_whole(&mut self, row: &Row, is_doubtful: bool) -> Result<bool> {
        let (_, hash, place) = row;
        let there = self.is_whole_there(hash, place, is_doubtful);
        if there && !is_doubtful {
            return Ok(true);
        }
        let here = match self.whole_here(row) {
            Ok(here) => here,
            Err(error) => return self.found(row, error.to_string(), there),
        };
        if !there {
            let hash = hash_of(hash)?;
            copy::alone(self.desk.store.root(), self.there.root(), &here, &hash)?;
            let own = file_place(&hash);
            self.there.look_at(&own, &hash).with_context(|| {
                format!("{here} is whole in the store and not in the backup, where it was written twice, as {own}: look at that disk")
            })?;
            self.audit.mended += 1;
        }
        Ok(true)
    }

    /// Where it is whole in the store. A row that was mended since the database was copied names another place by now.
    fn whole_here(&self, (_, hash, place): &Row) -> Result<String> {
        let Err(error) = self.desk.store.look_at(place, hash) else { return Ok(place.clone()) };
        let hash = hash_of(hash)?;
        let now = self.desk.db.read(|tx| blob::known(tx, &[hash]))?.pop();
        match now.filter(|now| now.place != *place) {
            Some(now) => self.desk.store.look_at(&now.place, &hash).map(|_| now.place),
            None => Err(error),
        }
    }

    /// A file of its own was looked at when it was copied, or by an earlier backup.
    fn is_whole_there(&mut self, hash: &[u8], place: &str, is_doubtful: bool) -> bool {
        if !self.all && !is_doubtful && Place::read(place).is_some_and(Place::has_own_file) {
            return self.there.root().join(place).exists();
        }
        self.audit.looked_at += 1;
        self.there.whole_place(place, hash).is_some()
    }

    /// `is_in_backup`: it is whole there, from before.
    fn found(&mut self, (id, _, place): &Row, why: String, is_in_backup: bool) -> Result<bool> {
        let belongs_to = self.desk.db.read(|tx| owners(tx, *id))?;
        self.audit.damaged.push(Damaged { place: place.clone(), belongs_to, why, is_in_backup });
        Ok(false)
    }
}

pub(super) fn pages(db: &Db, mut each: impl FnMut(Row) -> Result<()>) -> Result<()> {
    const ROWS: &str = "SELECT id, hash, place FROM blob WHERE id > $1 ORDER BY id LIMIT $2";
    let mut after = 0;
    loop {
        let rows: Vec<Row> = db.read(|tx| tx.all(ROWS, params![after, PAGE]))?;
        let Some((last, ..)) = rows.last() else { return Ok(()) };
        after = *last;
        rows.into_iter().try_for_each(&mut each)?;
    }
}

/// A row's hash.
pub(super) fn hash_of(hash: &[u8]) -> Result<[u8; 32]> {
    Ok(hash.try_into().context("a content has no SHA-256 in its row")?)
}

/// What a content belongs to, in words.
pub(super) fn owners(tx: &mut Tx<'_>, blob_id: i64) -> Result<Vec<String>> {
    let mut owners = Vec::new();
    let mut find = |sql: &'static str, words: fn(&str, &str, &str) -> String| -> Result<()> {
        let rows: Vec<(i64, String, String)> = tx.all(sql, params![blob_id, OWNERS_MAX])?;
        owners.extend(rows.iter().map(|(id, of, name)| words(&id.to_string(), of, name)));
        Ok(())
    };
    find(
        "SELECT i.id, m.address, i.subject FROM inbox i JOIN mailbox m ON m.id = i.mailbox_id WHERE i.blob_id = $1
         ORDER BY 1 LIMIT $2",
        |id, of, subject| format!("message {id} of {of}, “{subject}”"),
    )?;
    find(
        "SELECT a.id, t.number, a.name FROM attachment a JOIN entry e ON e.id = a.entry_id
         JOIN ticket t ON t.id = e.ticket_id WHERE a.blob_id = $1 ORDER BY 1 LIMIT $2",
        |_, of, name| format!("attachment {name} of ticket #{of}"),
    )?;
    find(
        "SELECT e.id, t.number, e.subject FROM entry e JOIN ticket t ON t.id = e.ticket_id WHERE e.html_blob_id = $1
         ORDER BY 1 LIMIT $2",
        |id, of, _| format!("the HTML of entry {id} of ticket #{of}"),
    )?;
    find(
        "SELECT o.id, m.address, o.message_id FROM outbox o JOIN mailbox m ON m.id = o.mailbox_id WHERE o.blob_id = $1
         ORDER BY 1 LIMIT $2",
        |id, of, _| format!("outgoing message {id} of {of}"),
    )?;
    Ok(owners)
}

fn read(root: &Path) -> Result<LookedAt> {
    let path = root.join(LOOKED_AT);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(LookedAt::default()),
        Err(e) => {
            return Err(anyhow::Error::new(e).context(format!("{} cannot be read", path.display())).into());
        }
    };
    // Without it all is looked at.
    Ok(serde_json::from_slice(&text).unwrap_or_default())
}

fn write(root: &Path, looked_at: &LookedAt) -> Result<()> {
    let part = root.join(format!("{LOOKED_AT}.part"));
    let text = serde_json::to_vec(looked_at).context("invariant: numbers are JSON")?;
    let written = fs::write(&part, text).and_then(|()| fs::rename(&part, root.join(LOOKED_AT)));
    Ok(written.with_context(|| format!("{} cannot be written", part.display()))?)
}
