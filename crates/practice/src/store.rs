//! The state folder: small files that only their owner may read, written whole or appended to. Not what is
//! in them.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// A state folder, or nothing to write to.
#[derive(Debug, Clone)]
pub(crate) struct Store(Option<PathBuf>);

impl Store {
    pub fn open(dir: Option<&Path>) -> Result<Store> {
        if let Some(dir) = dir {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(dir)
                .with_context(|| format!("the practice state folder {} could not be made", dir.display()))?;
        }
        Ok(Store(dir.map(Path::to_path_buf)))
    }

    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} could not be read", path.display())),
        }
    }

    /// Replaces a file as a whole: a crash leaves the old one or the new one.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let Some(path) = self.path(name) else { return Ok(()) };
        let fresh = path.with_extension("new");
        let mut file = owner_only(OpenOptions::new().write(true).create(true).truncate(true), &fresh)?;
        file.write_all(bytes)
            .and_then(|()| file.sync_all())
            .with_context(|| format!("{} could not be written", fresh.display()))?;
        fs::rename(&fresh, &path).with_context(|| format!("{} could not be replaced", path.display()))
    }

    /// A file to append to, cut to `keep_bytes` first (what lies behind is a torn line of a crash).
    pub fn append(&self, name: &str, keep_bytes: u64) -> Result<Option<File>> {
        let Some(path) = self.path(name) else { return Ok(None) };
        let file = owner_only(OpenOptions::new().append(true).create(true), &path)?;
        file.set_len(keep_bytes).with_context(|| format!("{} could not be opened", path.display()))?;
        Ok(Some(file))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.0.as_ref().map(|dir| dir.join(name))
    }
}

fn owner_only(options: &mut OpenOptions, path: &Path) -> Result<File> {
    options.mode(0o600).open(path).with_context(|| format!("{} could not be opened", path.display()))
}
