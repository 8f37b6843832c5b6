//! A whole copy of a SQLite database beside it, made before it is migrated.
use super::{Error, lite::folder_of};
use rusqlite::Connection;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// `PATH.before-step-N`: as the database was when it had N steps. Written beside under another name first, so
/// that a copy that has its name is whole, whatever is killed in between.
pub(super) fn beside(path: &str, conn: &Connection, steps: usize) -> Result<(), Error> {
    let to = format!("{path}.before-step-{}", steps + 1);
    let part = format!("{to}.part");
    make(conn, &part, &to).map_err(|why| {
        let _ = fs::remove_file(&part);
        Error::Unfit(format!(
            "The database {path} must be brought up to date, and the copy {to} could not be made before that: {why}. \
             Make room there (the copy is as large as the database) and start again; nothing was changed."
        ))
    })
}

fn make(conn: &Connection, part: &str, to: &str) -> Result<(), Box<dyn std::error::Error>> {
    if Path::new(part).exists() {
        fs::remove_file(part)?; // of a program that was killed
    }
    conn.execute("VACUUM INTO $1", [part])?;
    let file = File::open(part)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.sync_all()?;
    fs::rename(part, to)?;
    File::open(folder_of(to))?.sync_all()?;
    tracing::info!(copy = to, "the database was copied before it is brought up to date");
    Ok(())
}
