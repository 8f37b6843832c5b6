//! What is large has a file of its own, named by its content.
use super::writer::Part;
use super::{Store, said, sync_folder, which};
use crate::Result;
use crate::files::record::Recorder;
use anyhow::Context as _;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// What gets a file of its own.
pub(super) enum Large<'a> {
    Record(Vec<u8>),
    /// Made a record while it is written.
    Content(&'a [u8]),
}
impl Large<'_> {
    fn write(&self, mut file: File, hash: [u8; 32]) -> io::Result<File> {
        match self {
            Large::Record(record) => file.write_all(record)?,
            Large::Content(content) => {
                let mut recorder = Recorder::begin(file, content)?;
                recorder.write(content)?;
                file = recorder.end(hash)?;
            }
        }
        Ok(file)
    }
}

impl Store {
    /// One large content that is in memory.
    pub(super) fn write_file(&self, hash: &[u8; 32], large: &Large<'_>) -> Result<String> {
        let (part, file) = Part::make(self)?;
        let file = large.write(file, *hash).map_err(|e| part.said(e))?;
        self.name(part, file, hash)
    }

    /// A record that was written becomes what its content is called: synced, renamed, and the folder synced.
    pub(super) fn name(&self, part: Part, file: File, hash: &[u8; 32]) -> Result<String> {
        let place = file_place(hash);
        let path = self.root.join(&place);
        let folder = path.parent().context("invariant: a place has a folder")?;
        if !folder.exists() {
            let made = DirBuilder::new().mode(0o700).create(folder);
            made.or_else(|e| if e.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(e) })
                .map_err(|e| said(folder, "made", e))?;
        }
        file.sync_all().and_then(|()| part.rename(&path)).map_err(|e| said(&path, "written", e))?;
        self.sync_name(&path)?;
        Ok(place)
    }

    /// A file under `file/` is there after a power cut: its folder is on the disk, and so is that folder's name, which
    /// another process may have made a moment ago.
    pub(super) fn sync_name(&self, path: &Path) -> Result<()> {
        let folder = path.parent().context("invariant: a place has a folder")?;
        sync_folder(folder)?;
        let about = fs::metadata(folder).map_err(|e| said(folder, "read", e))?;
        let which = which(&about);
        if !self.shared().synced.contains(&which) {
            sync_folder(&self.root.join("file"))?;
            self.shared().synced.insert(which);
        }
        Ok(())
    }
}

/// The place of a content that has a file of its own.
pub(crate) fn file_place(hash: &[u8; 32]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = hash.first().map(|byte| format!("{byte:02x}")).unwrap_or_default();
    format!("file/{folder}/{hex}")
}
