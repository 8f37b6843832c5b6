//! Where the desk of a replay is, with the texts of mail: a folder for temporary files that is removed at the end. What a
//! process left that was killed is removed by the next one, and by the next start of the server.
use anyhow::Context as _;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

const PREFIX: &str = "postern-replay-";
/// Locked as long as the folder is in use.
const LOCK: &str = "in-use";
/// One without a lock in it is just being made, unless it is older.
const MAKING_S: u64 = 60;

/// Removed when it is dropped.
pub struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    pub fn make() -> anyhow::Result<Scratch> {
        sweep();
        Scratch::make_in(&std::env::temp_dir())
    }

    fn make_in(place: &Path) -> anyhow::Result<Scratch> {
        let random: [u8; 8] = courier::Random::system().bytes();
        let folder = place.join(format!("{PREFIX}{:016x}", u64::from_be_bytes(random)));
        let made = || -> std::io::Result<File> {
            fs::DirBuilder::new().mode(0o700).create(&folder)?;
            let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(LOCK))?;
            lock.lock().map(|()| lock)
        };
        let lock = made().with_context(|| {
            format!("{} cannot be made. Name another folder for temporary files in TMPDIR", folder.display())
        })?;
        Ok(Scratch { folder, _lock: lock })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes what processes left that are gone. What cannot be removed is somebody else's.
pub fn sweep() {
    sweep_in(&std::env::temp_dir());
}

fn sweep_in(place: &Path) {
    let own = rustix::process::geteuid().as_raw();
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX))
            && entry.metadata().is_ok_and(|about| about.is_dir() && about.uid() == own);
        if is_ours && is_left(&entry.path()) {
            match fs::remove_dir_all(entry.path()) {
                Ok(()) => tracing::info!(
                    "{} was left by a replay that was ended, and is removed",
                    entry.path().display()
                ),
                Err(error) => tracing::warn!("{} cannot be removed: {error}", entry.path().display()),
            }
        }
    }
}

fn is_left(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => !matches!(lock.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => {
            let age =
                fs::metadata(folder).and_then(|about| about.modified()).ok().and_then(|at| at.elapsed().ok());
            age.is_some_and(|age| age.as_secs() > MAKING_S)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_use_stays_and_what_was_left_goes() {
        let place = tempfile::tempdir().expect("a temporary folder");
        let used = Scratch::make_in(place.path()).expect("it can be made");
        let left = place.path().join("postern-replay-left");
        fs::create_dir(&left).expect("it can be made");
        fs::write(left.join(LOCK), "").expect("it can be written");
        fs::write(left.join("replay.db"), "the text of a letter").expect("it can be written");
        let (making, other) = (place.path().join("postern-replay-new"), place.path().join("postern"));
        fs::create_dir(&making).expect("it can be made");
        fs::create_dir(&other).expect("it can be made");
        sweep_in(place.path());
        assert!(used.folder().exists() && making.exists() && other.exists() && !left.exists());
        let folder = used.folder().to_owned();
        drop(used);
        assert!(!folder.exists());
    }
}
