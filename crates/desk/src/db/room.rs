//! The disk that the database lies on.
use super::{Db, Error, Pools, lite};

impl Db {
    /// Bytes that are free on it. `None`: it is another machine's.
    pub fn room(&self) -> Result<Option<u64>, Error> {
        let Pools::Lite { path, .. } = &*self.pools else { return Ok(None) };
        let folder = lite::folder_of(path);
        let disk = rustix::fs::statvfs(folder).map_err(|error| {
            Error::Store(format!("the disk of {} does not say its room: {error}", folder.display()))
        })?;
        Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
    }
}
