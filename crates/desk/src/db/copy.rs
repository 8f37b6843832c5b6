//! Whole copies of a SQLite database: beside it before it is migrated, and wherever a backup wants one.
use super::{Error, lite::folder_of};
use rusqlite::Connection;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// `PATH.before-step-N`: as the database was when it had N steps. Written beside under another name first, so
/// that a copy that has its name is whole, whatever is killed in between.
pub(super) fn beside(path: &str, conn: &Connection, steps: usize) -> Result<(), Error> {
    let to = format!("{path}.before-step-{}", steps + 1);
    let copied: Result<(), Error> = written(&to, |part| vacuum(conn, part));
    copied.map_err(|why| {
        Error::Unfit(format!(
            "The database {path} must be brought up to date, and the copy {to} could not be made before that: {why}. \
             Make room there (the copy is as large as the database) and start again; nothing was changed."
        ))
    })?;
    tracing::info!(copy = to, "the database was copied before it is brought up to date");
    Ok(())
}

/// As the database is at one moment, while others write.
pub(super) fn whole(conn: &Connection, to: &str) -> Result<(), Error> {
    written(to, |part| vacuum(conn, part))
}

fn vacuum(conn: &Connection, part: &str) -> Result<(), Error> {
    conn.execute("VACUUM INTO $1", [part])?;
    Ok(())
}

/// Lets `make` write a file under another name, and gives it its own when it is whole and on the disk, for its owner
/// alone.
pub(super) fn written<T, E: From<Error>>(to: &str, make: impl FnOnce(&str) -> Result<T, E>) -> Result<T, E> {
    let part = format!("{to}.part");
    let write = || -> Result<T, E> {
        remove(&part)?; // of a program that was killed
        let made = make(&part)?;
        let name = || -> std::io::Result<()> {
            let file = File::open(&part)?;
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.sync_all()?;
            fs::rename(&part, to)?;
            File::open(folder_of(to))?.sync_all()
        };
        name().map_err(|e| Error::Store(format!("{to}: {e}")))?;
        Ok(made)
    };
    write().inspect_err(|_| drop(remove(&part)))
}

/// With the files that SQLite keeps beside one that is open.
fn remove(part: &str) -> Result<(), Error> {
    for file in [part.to_owned(), format!("{part}-wal"), format!("{part}-shm")] {
        if Path::new(&file).exists() {
            fs::remove_file(&file).map_err(|e| Error::Store(format!("{file}: {e}")))?;
        }
    }
    Ok(())
}
