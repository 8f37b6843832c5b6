//! A process's own name, and whether another that has the same data folder is still there.
//!
//! Each process has a file in the folder `processes`, which it keeps locked; the operating system lets go of the
//! lock when the process ends, however it ends. Who finds such a file unlocked knows that its process is gone. A
//! process of another data folder has its file elsewhere, so nothing is ever said of it: its leases run out.
use desk::db::Dialect;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Files that are looked at. A folder with more of them is somebody's mistake.
const FILES_MAX: usize = 1_000;
const FILE_BYTES_MAX: u64 = 1_000;
/// Making a file and writing it are one moment.
const EMPTY_FOR: Duration = Duration::from_secs(60);

/// This process, as leases name it. Dropped, it takes its file along, unless it leaves work to the next one.
#[derive(Debug)]
pub struct Process {
    name: String,
    place: Option<Place>,
    leaves_work: AtomicBool,
}

#[derive(Debug)]
struct Place {
    folder: PathBuf,
    file: PathBuf,
    /// Open for as long as the process lives, and so locked.
    _lock: File,
}

/// A process that is gone, as its leases name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub name: String,
    file: PathBuf,
}

impl Ended {
    /// Nothing is held in its name any more.
    pub(crate) fn forget(&self) {
        let _ = std::fs::remove_file(&self.file); // found again at the next start
    }
}

impl Process {
    /// One that knows nothing of others.
    pub fn named(name: &str) -> Process {
        Process { name: name.to_owned(), place: None, leaves_work: AtomicBool::new(false) }
    }

    /// Called `machine:process:id`; nobody else ever has the id. Where its file cannot be written, what it holds when
    /// it is killed runs out.
    pub fn begin(data: &Path, id: [u8; 8]) -> Process {
        let id = format!("{:016x}", u64::from_be_bytes(id));
        let name = format!("{}:{}:{id}", machine(), std::process::id());
        let folder = data.join("processes");
        let file = folder.join(&id);
        let place = match made(&folder).and_then(|()| write_locked(&file, &name)) {
            Ok(lock) => Some(Place { folder, file, _lock: lock }),
            Err(error) => {
                tracing::warn!("{} could not be written: {error}", file.display());
                None
            }
        };
        Process { name, place, leaves_work: AtomicBool::new(false) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// It ends with leases in its name: whoever starts next is to find its file, as after a kill.
    pub(crate) fn leaves_work(&self) {
        self.leaves_work.store(true, Ordering::Relaxed);
    }

    /// Those that had the same data folder and are gone.
    ///
    /// A folder may have been copied while its processes ran, onto this machine or another, and a PostgreSQL may
    /// serve both: so with it a file counts only where it was made and since this machine was started. A SQLite
    /// database lies in the folder, and was copied with it.
    pub(crate) fn ended(&self, dialect: Dialect) -> Vec<Ended> {
        let Some(place) = &self.place else { return Vec::new() };
        let Ok(files) = std::fs::read_dir(&place.folder) else { return Vec::new() };
        let others = files.flatten().map(|file| file.path()).filter(|path| *path != place.file);
        others
            .take(FILES_MAX)
            .inspect(|path| forget_empty(path, &place.file))
            .filter_map(|path| ended(path, dialect))
            .collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(place) = self.place.as_ref().filter(|_| !self.leaves_work.load(Ordering::Relaxed)) {
            let _ = std::fs::remove_file(&place.file); // else found unlocked at the next start
        }
    }
}

fn made(folder: &Path) -> std::io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

fn write_locked(path: &Path, name: &str) -> std::io::Result<File> {
    write_locked_by(path, |file| writeln!(file, "{name}\n{}", where_made(file)?))
}

fn write_locked_by(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> std::io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // Somebody who looks has the lock for a moment at most.
    if let Err(error) = file.lock().and_then(|()| write(&mut file)) {
        let _ = std::fs::remove_file(path); // a full disk; an empty file would say nothing for ever
        return Err(error);
    }
    Ok(file)
}

/// Left by a process that ended between making its file and writing it: empty, unlocked, and older than this one's by more
/// than that takes.
fn forget_empty(path: &Path, own: &Path) {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return };
    let age = |path: &Path| std::fs::metadata(path).and_then(|about| about.modified());
    let is_empty = file.metadata().is_ok_and(|about| about.is_file() && about.len() == 0);
    let older = age(own).ok().zip(age(path).ok()).and_then(|(own, its)| own.duration_since(its).ok());
    if is_empty && older.is_some_and(|older| older > EMPTY_FOR) && file.try_lock().is_ok() {
        let _ = std::fs::remove_file(path); // else at the next start
    }
}

/// `None`: it lives, or nothing can be said of it.
fn ended(path: PathBuf, dialect: Dialect) -> Option<Ended> {
    let file = OpenOptions::new().read(true).write(true).open(&path).ok()?; // NFS locks only what may be written
    file.try_lock().ok()?; // let go of at the end of this function
    let mut text = String::new();
    (&file).take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    let (name, made) = text.strip_suffix('\n')?.split_once('\n')?;
    let own = path.file_name()?.to_str()?;
    let counts = match dialect {
        Dialect::Sqlite => true,
        Dialect::Postgres => made == where_made(&file).ok()?,
    };
    (counts && name.rsplit(':').next() == Some(own)).then(|| Ended { name: name.to_owned(), file: path })
}

/// What a copy of the file has not: the start of this machine, the disk, the file's number on it.
fn where_made(file: &File) -> std::io::Result<String> {
    let start = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let about = file.metadata()?;
    Ok(format!("{} {} {}", start.trim(), about.dev(), about.ino()))
}

fn machine() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "node".into(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(ended: Vec<Ended>) -> Vec<String> {
        ended.into_iter().map(|ended| ended.name).collect()
    }

    /// As the kernel leaves it when a process is killed: its lock is gone, its file is not.
    fn killed(mut process: Process) -> String {
        process.place = None;
        process.name.clone()
    }

    #[test]
    fn a_process_that_was_killed_is_known_by_its_unlocked_file_and_one_that_lives_is_not() {
        let data = tempfile::tempdir().unwrap();
        let dead = killed(Process::begin(data.path(), [1; 8]));
        let alive = Process::begin(data.path(), [2; 8]);
        drop(Process::begin(data.path(), [3; 8]));
        let own = Process::begin(data.path(), [4; 8]);
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            assert_eq!(names(own.ended(dialect)), [dead.as_str()], "{dialect:?}");
        }
        assert_ne!(dead, alive.name());
        own.ended(Dialect::Postgres).iter().for_each(Ended::forget);
        assert_eq!(names(own.ended(Dialect::Sqlite)), [""; 0]);
    }

    #[test]
    fn the_file_of_a_copied_folder_says_nothing_of_a_process_on_postgresql() {
        let (data, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let alive = Process::begin(data.path(), [1; 8]);
        let own = Process::begin(copy.path(), [2; 8]);
        let file = "processes/0101010101010101";
        std::fs::copy(data.path().join(file), copy.path().join(file)).unwrap();
        assert_eq!(names(own.ended(Dialect::Postgres)), [""; 0]);
        assert_eq!(names(own.ended(Dialect::Sqlite)), [alive.name()], "whose database was copied too");
    }

    #[test]
    fn a_file_that_a_full_disk_left_empty_goes_and_a_fresh_or_locked_one_stays() {
        let data = tempfile::tempdir().unwrap();
        let own = Process::begin(data.path(), [1; 8]);
        let folder = data.path().join("processes");
        let empty = |name: &str, seconds| {
            let file = File::create(folder.join(name)).unwrap();
            let made = own.place.as_ref().unwrap().file.metadata().unwrap().modified().unwrap();
            file.set_modified(made - Duration::from_secs(seconds)).unwrap();
            file
        };
        drop((empty("left", 3_600), empty("fresh", 1)));
        let locked = empty("locked", 3_600);
        locked.lock().unwrap();
        assert_eq!(names(own.ended(Dialect::Sqlite)), [""; 0]);
        let is_there = |name: &str| folder.join(name).exists();
        assert_eq!((is_there("left"), is_there("fresh"), is_there("locked")), (false, true, true));
    }

    #[test]
    fn a_file_that_cannot_be_written_does_not_stay() {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("0101010101010101");
        assert!(write_locked_by(&file, |_| Err(std::io::Error::other("the disk is full"))).is_err());
        assert!(!file.exists());
    }

    #[test]
    fn what_is_no_file_of_a_process_is_left_alone() {
        let data = tempfile::tempdir().unwrap();
        let own = Process::begin(data.path(), [1; 8]);
        for (name, text) in [("empty", ""), ("half", "desk:1:half"), ("other", "desk:1:another\nx 1 2\n")] {
            std::fs::write(data.path().join("processes").join(name), text).unwrap();
        }
        assert_eq!(names(own.ended(Dialect::Sqlite)), [""; 0]);
    }
}
