//! Backups: a folder with the database of several moments and one store that all of them share, and the way from there
//! into an empty data folder. The database is read first and the store after it, and bytes are in the store before a row
//! names them: so what the copied database names is in the copied store, whatever is written meanwhile.
//!
//! ```text
//! postern-backup                       whose backups these are
//! database/2026-11-27T09-05-54.000Z.db     one SQLite file for each time, of PostgreSQL too
//! blobs/                               raw messages and attachments, by content
//! looked-at                            which contents were read back, and which of them are damaged
//! providers.toml  postern.key          what the program adds; the key only when it is asked for
//! ```
mod audit;
mod put_back;

pub use audit::{Audit, Damaged, of_restored};
pub use put_back::put_back;

use crate::db::Db;
use crate::files::copy::{self, Copied};
use crate::outgoing::restored;
use crate::site::{mail_hold, setting};
use crate::tickets::index;
use crate::{By, Desk, MIGRATIONS, Refusal, Result};
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

const ABOUT: &str = "postern-backup";
const DATABASES: &str = "database";
pub const BLOBS: &str = "blobs";
/// Of a database whose mail is not all there yet.
const UNFINISHED: &str = "unfinished";
/// The moment in the name of a database.
const STAMP: &str = "%Y-%m-%dT%H-%M-%S%.3fZ";
const READ_STAMP: &str = "%Y-%m-%dT%H-%M-%S%.fZ";

/// Names the desk in the backups that are made of it; a restored copy gets a name of its own.
const DESK_ID: &str = "backup_desk";

#[derive(Debug, Serialize, Deserialize)]
struct About {
    version: u32,
    desk: String,
}
const VERSION: u32 = 1;

#[derive(Clone, Debug)]
pub struct Made {
    pub database: PathBuf,
    pub database_bytes: u64,
    /// What the store had that was not there yet.
    pub blobs: Copied,
    /// Whether they are whole.
    pub audit: Audit,
    /// Databases of earlier moments that were removed, and how many there are now.
    pub dropped: usize,
    pub kept: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Databases that stay.
    pub keep: usize,
    /// Contents of earlier backups are read back too.
    pub all: bool,
}

/// Copies the desk into the folder, which is made, or holds earlier backups of the same desk. Of the databases `keep`
/// stay, this one and the newest of the others; contents are never removed. What is new in it is read back, or everything
/// where that is asked for. `new_id` names the desk if nothing does yet.
pub fn make(desk: &Desk, to: &Path, asked: &Asked, now: i64, new_id: [u8; 16]) -> Result<Made> {
    make_while(desk, to, asked, now, new_id, || ())
}

/// The same, with what is done on the desk between the copy of the database and that of the store.
pub fn make_while(
    desk: &Desk,
    to: &Path,
    asked: &Asked,
    now: i64,
    new_id: [u8; 16],
    meanwhile: impl FnOnce(),
) -> Result<Made> {
    let keep = asked.keep;
    let id = desk.db.write(|tx| match setting::find(tx, DESK_ID)? {
        Some(id) => Ok::<_, crate::Error>(id),
        None => {
            let id: String = new_id.iter().map(|byte| format!("{byte:02x}")).collect();
            setting::set(tx, DESK_ID, &id)?;
            Ok(id)
        }
    })?;
    let _alone = folder(to, &id)?;
    let folder = to.join(DATABASES);
    remove_unfinished(&folder)?;
    let database = folder.join(format!("{}.db", stamp(now)?));
    let unfinished = database.with_extension(UNFINISHED);
    desk.db.snapshot(&unfinished, MIGRATIONS)?;
    meanwhile();
    let blobs = copy::store(desk.store.root(), &to.join(BLOBS))?;
    let audit = audit::of(desk, &unfinished, to, &blobs, asked.all)?;
    // What it names is there, or named as damaged: from now on it is a backup.
    let named = fs::rename(&unfinished, &database).and_then(|()| File::open(&folder)?.sync_all());
    named.with_context(|| format!("{} cannot be written", database.display()))?;
    let about = fs::metadata(&database).with_context(|| format!("{} cannot be read", database.display()))?;
    // The one that was just made stays, also where a clock was ahead at an earlier one.
    let mut others = databases(to)?;
    others.retain(|moment| moment.path != database);
    let old = others.len().saturating_sub(keep.saturating_sub(1));
    for Moment { path, .. } in others.drain(..old) {
        fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
    }
    Ok(Made { database, database_bytes: about.len(), blobs, audit, dropped: old, kept: others.len() + 1 })
}

/// What backups left that were broken off, while nobody else is at work in the folder.
fn remove_unfinished(folder: &Path) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if [".db.part", &format!(".{UNFINISHED}")].iter().any(|end| name.contains(end)) {
            fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?;
        }
    }
    Ok(())
}

/// The folder of this desk's backups, held against another backup as long as the file lives.
fn folder(to: &Path, id: &str) -> Result<File> {
    let name = to.display();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(to.join(DATABASES));
    made.with_context(|| {
        format!("the folder {name} cannot be made. Let the user who runs Postern write there")
    })?;
    let lock = File::open(to).with_context(|| format!("the folder {name} cannot be opened"))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            return Err(Refusal::Other(format!(
                "Another backup into {name} is at work. Wait until it has ended."
            ))
            .into());
        }
        Err(fs::TryLockError::Error(e)) => {
            return Err(anyhow::Error::new(e).context(format!("{name} cannot be locked")).into());
        }
    }
    match about(to)? {
        Some(about) if about.desk == id => {}
        Some(_) => {
            return Err(Refusal::Other(format!(
                "{name} holds backups of another desk. Name another folder."
            ))
            .into());
        }
        None => {
            if is_used(to)? {
                return Err(Refusal::Other(format!(
                    "{name} is not empty and holds no backups. Name another folder."
                ))
                .into());
            }
            let about = About { version: VERSION, desk: id.to_owned() };
            let text = serde_json::to_vec(&about).context("invariant: a text and a number are JSON")?;
            fs::write(to.join(ABOUT), text).with_context(|| format!("{name} cannot be written"))?;
        }
    }
    Ok(lock)
}

fn is_used(to: &Path) -> Result<bool> {
    let read = |folder: &Path| -> anyhow::Result<usize> {
        Ok(fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?.count())
    };
    Ok(read(to)? > 1 || read(&to.join(DATABASES))? > 0)
}

fn about(root: &Path) -> Result<Option<About>> {
    let path = root.join(ABOUT);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => {
            return Err(anyhow::Error::new(e).context(format!("{} cannot be read", path.display())).into());
        }
    };
    let about: About =
        serde_json::from_slice(&text).with_context(|| format!("{} is not understood", path.display()))?;
    if about.version > VERSION {
        let name = root.display();
        return Err(
            Refusal::Other(format!("{name} was written by a newer Postern. Use that program.")).into()
        );
    }
    Ok(Some(about))
}

/// A database of a backup.
#[derive(Clone, Debug)]
pub struct Moment {
    /// `2026-11-27T09-05-54.000Z`
    pub name: String,
    pub path: PathBuf,
    /// Milliseconds UTC.
    pub at: i64,
}

impl Moment {
    /// By its name, or by that of its file.
    pub fn is_called(&self, name: &str) -> bool {
        let file = name.rsplit('/').next().unwrap_or_default();
        file.strip_suffix(".db").unwrap_or(file) == self.name
    }
}

/// Those of a folder of backups, the oldest first.
pub fn moments(root: &Path) -> Result<Vec<Moment>> {
    if about(root)?.is_none() {
        let name = root.display();
        return Err(Refusal::Other(format!("{name} holds no backups: it has no file {ABOUT}.")).into());
    }
    databases(root)
}

fn databases(root: &Path) -> Result<Vec<Moment>> {
    let folder = root.join(DATABASES);
    let entries = fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let moment = |entry: fs::DirEntry| {
        let path = entry.path();
        let name = path.file_name()?.to_str()?.strip_suffix(".db")?.to_owned();
        Some(Moment { at: moment_of(&name)?, name, path })
    };
    let mut all: Vec<Moment> = entries.flatten().filter_map(moment).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(all)
}

fn stamp(at: i64) -> Result<String> {
    let at = jiff::Timestamp::from_millisecond(at).context("the clock is out of every range")?;
    Ok(at.strftime(STAMP).to_string())
}

fn moment_of(name: &str) -> Option<i64> {
    let at = jiff::civil::DateTime::strptime(READ_STAMP, name).ok()?;
    Some(jiff::tz::TimeZone::UTC.to_timestamp(at).ok()?.as_millisecond())
}

/// Makes the SQLite file `to` out of a database of a backup: brought up to date, with its mail on hold, and with what was
/// on its way out waiting for a person. How many messages those are. It has its name when all of that is in it.
pub fn restore(from: &Moment, to: &Path, by: &By) -> Result<usize> {
    Db::restored(&from.path, to, |db| {
        if db.is_new()? {
            let (name, path) = (&from.name, from.path.display());
            return Err(Refusal::Other(format!(
                "The database {path} of the backup is empty: it was cut off or overwritten. Restore another moment than {name}."
            ))
            .into());
        }
        db.migrate(MIGRATIONS)?;
        let asked = db.write(|tx| {
            mail_hold::begin(tx, by, Some(from.at))?;
            setting::forget(tx, DESK_ID)?;
            setting::forget(tx, setting::STORE)?;
            let why = format!(
                "This desk was restored from a backup of {}, when this message still waited. Whether it went out after that is \
                 not known here: look into the mailbox's folder of sent mail, or ask. Then send it again, or dismiss it.",
                jiff::Timestamp::from_millisecond(from.at).context("invariant: it was a name")?.strftime("%Y-%m-%d %H:%M UTC")
            );
            restored::ask_before_sending(tx, by, &why)
        })?;
        index::add_missing(db)?;
        Ok(asked)
    })
}

/// A restored file into an empty database of PostgreSQL.
pub fn restore_into(file: &Path, to: &Db) -> Result<()> {
    let name = file.to_str().with_context(|| format!("{} is no name of a database", file.display()))?;
    to.migrate(MIGRATIONS)?;
    Db::open(&format!("sqlite:{name}"), &crate::db::Options::default())?.copy_into(to)?;
    index::add_missing(to)
}
