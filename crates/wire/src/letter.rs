//! A letter on its way in, and when it is whole: a small one lies in memory, a large one in a file without a name. So no
//! large letter is ever whole in memory, and nothing of it stays when the process ends, however it ends.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;

/// What is larger lies on the disk.
pub const MEMORY_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Written at a time.
const PIECE_BYTES: usize = 1024 * 1024;
/// Read at a time, where nobody waits for a network.
const READ_BYTES: usize = 64 * 1024;

/// How large a letter may be, and where a large one lies.
#[derive(Clone)]
pub struct Room {
    bytes_max: u64,
    spool: Option<Spool>,
}

#[derive(Clone)]
struct Spool {
    folder: PathBuf,
    has_room: Arc<dyn Fn() -> io::Result<()> + Send + Sync>,
}

impl Room {
    /// In memory whatever it has: for what is small.
    pub fn in_memory(bytes_max: u64) -> Room {
        Room { bytes_max, spool: None }
    }

    /// What has more than [`MEMORY_BYTES_MAX`] goes to a file in this folder; `has_room` is asked before each piece is
    /// written, and its error ends the letter.
    pub fn spooled(
        bytes_max: u64,
        folder: impl Into<PathBuf>,
        has_room: impl Fn() -> io::Result<()> + Send + Sync + 'static,
    ) -> Room {
        let spool = Spool { folder: folder.into(), has_room: Arc::new(has_room) };
        Room { bytes_max, spool: Some(spool) }
    }

    pub fn bytes_max(&self) -> u64 {
        self.bytes_max
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.spool.as_ref().map(|spool| &spool.folder);
        f.debug_struct("Room").field("bytes_max", &self.bytes_max).field("folder", &folder).finish()
    }
}

/// A whole letter.
pub struct Letter(Kept);

enum Kept {
    Memory(Vec<u8>),
    File { file: Arc<File>, size_bytes: u64 },
}

/// What became of a letter that has ended.
#[derive(Debug)]
pub enum Came {
    Whole(Letter),
    /// It has so many bytes, which is over the limit: nothing of it is kept.
    TooBig(u64),
}

impl From<Vec<u8>> for Letter {
    fn from(bytes: Vec<u8>) -> Letter {
        Letter(Kept::Memory(bytes))
    }
}

impl fmt::Debug for Letter {
    /// Never the bytes: they are somebody's mail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("size_bytes", &self.size_bytes()).finish_non_exhaustive()
    }
}

impl Letter {
    /// To the end of what is read, for who waits for no network. What is over the limit is read past, and so is what
    /// cannot be written down, which is the error then.
    pub fn read(mut source: impl Read, room: &Room) -> io::Result<Came> {
        let (mut growing, mut unkept) = (Growing::new(room), None);
        let mut piece = vec![0; READ_BYTES];
        loop {
            let count = match source.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if unkept.is_none() {
                growing.push(piece.get(..count).unwrap_or_default());
                unkept = growing.settle_at_once(false).err();
            }
        }
        match unkept {
            Some(error) => Err(error),
            None => {
                growing.settle_at_once(true)?;
                Ok(growing.came())
            }
        }
    }

    pub fn size_bytes(&self) -> u64 {
        match &self.0 {
            Kept::Memory(bytes) => bytes.len() as u64,
            Kept::File { size_bytes, .. } => *size_bytes,
        }
    }

    /// `None`: it lies on the disk, to be read by [`Letter::reader`].
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Kept::Memory(bytes) => Some(bytes),
            Kept::File { .. } => None,
        }
    }

    /// The same for who keeps them.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        match self.0 {
            Kept::Memory(bytes) => Some(bytes),
            Kept::File { .. } => None,
        }
    }

    /// From its first byte on; several may read at once.
    pub fn reader(&self) -> Reader<'_> {
        self.reader_behind(&[])
    }

    /// The same with this before it.
    pub fn reader_behind<'a>(&'a self, before: &'a [u8]) -> Reader<'a> {
        Reader { before, letter: self, at: 0 }
    }

    /// Its beginning, up to so many bytes.
    pub fn start(&self, bytes_max: usize) -> io::Result<Cow<'_, [u8]>> {
        if let Some(bytes) = self.bytes() {
            return Ok(Cow::Borrowed(bytes.get(..bytes_max).unwrap_or(bytes)));
        }
        let mut start = Vec::new();
        self.reader().take(bytes_max as u64).read_to_end(&mut start)?;
        Ok(Cow::Owned(start))
    }

    /// Nothing is written in it.
    pub fn is_blank(&self) -> io::Result<bool> {
        let is_white = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
        if let Some(bytes) = self.bytes() {
            return Ok(is_white(bytes));
        }
        let (mut reader, mut piece) = (self.reader(), vec![0; READ_BYTES]);
        loop {
            let count = reader.read(&mut piece)?;
            if !is_white(piece.get(..count).unwrap_or_default()) {
                return Ok(false);
            }
            if count == 0 {
                return Ok(true);
            }
        }
    }
}

/// Reads a letter, and what stands before it. Its place is its own: it moves no other reader's.
#[derive(Debug)]
pub struct Reader<'a> {
    before: &'a [u8],
    letter: &'a Letter,
    at: u64,
}

impl Reader<'_> {
    fn size_bytes(&self) -> u64 {
        (self.before.len() as u64).saturating_add(self.letter.size_bytes())
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let before_bytes = self.before.len() as u64;
        let count = match (self.at.checked_sub(before_bytes), &self.letter.0) {
            (None, _) => behind(self.before, self.at).read(into)?,
            (Some(at), Kept::Memory(bytes)) => behind(bytes, at).read(into)?,
            (Some(at), Kept::File { file, .. }) => file.read_at(into, at)?,
        };
        self.at = self.at.saturating_add(count as u64);
        Ok(count)
    }
}

fn behind(bytes: &[u8], at: u64) -> &[u8] {
    usize::try_from(at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default()
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size_bytes().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// A letter that is coming. What came is [`Growing::push`]ed, and [`Growing::settle`] writes down what has grown too large
/// for memory. Both take no more than what came, whatever was announced.
pub(crate) struct Growing {
    room: Room,
    size_bytes: u64,
    /// What is not written yet.
    waiting: Vec<u8>,
    file: Option<Arc<File>>,
    /// A piece on its way to the disk. It is kept here and not in a future that may be dropped.
    writing: Option<JoinHandle<io::Result<Arc<File>>>>,
}

impl fmt::Debug for Growing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Growing").field("size_bytes", &self.size_bytes).finish_non_exhaustive()
    }
}

impl Growing {
    pub(crate) fn new(room: &Room) -> Growing {
        Growing { room: room.clone(), size_bytes: 0, waiting: Vec::new(), file: None, writing: None }
    }

    /// More of it. Past the limit it is counted and not kept.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.size_bytes = self.size_bytes.saturating_add(bytes.len() as u64);
        if self.is_too_big() {
            (self.waiting, self.file, self.writing) = (Vec::new(), None, None);
        } else {
            self.waiting.extend_from_slice(bytes);
        }
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub(crate) fn is_too_big(&self) -> bool {
        self.size_bytes > self.room.bytes_max
    }

    /// Writes a piece where one is due, off the reactor. Cancel-safe: called again, it waits for the same piece.
    pub(crate) async fn settle(&mut self) -> io::Result<()> {
        self.settle_all(false).await
    }

    /// What came, whole. Cancel-safe until it has answered.
    pub(crate) async fn end(&mut self) -> io::Result<Came> {
        self.settle_all(false).await?;
        self.settle_all(true).await?;
        Ok(self.came())
    }

    async fn settle_all(&mut self, all: bool) -> io::Result<()> {
        if self.writing.is_none() {
            self.writing = self.due(all).map(tokio::task::spawn_blocking);
        }
        let Some(writing) = &mut self.writing else { return Ok(()) };
        let written = writing.await;
        self.writing = None;
        self.file = Some(written.map_err(io::Error::other)??);
        Ok(())
    }

    fn settle_at_once(&mut self, all: bool) -> io::Result<()> {
        if let Some(write) = self.due(all) {
            self.file = Some(write()?);
        }
        Ok(())
    }

    /// What writes the next piece, once there is one; `all`: be it as small as it may, where there is a file.
    fn due(&mut self, all: bool) -> Option<impl FnOnce() -> io::Result<Arc<File>> + Send + 'static> {
        let spool = self.room.spool.as_ref()?;
        let enough = match &self.file {
            None => MEMORY_BYTES_MAX,
            Some(_) if all => 0,
            Some(_) => PIECE_BYTES,
        };
        if self.waiting.len() <= enough {
            return None;
        }
        let (spool, file, piece) = (spool.clone(), self.file.clone(), std::mem::take(&mut self.waiting));
        Some(move || {
            (spool.has_room)()?;
            let file = match file {
                Some(file) => file,
                None => Arc::new(tempfile::tempfile_in(&spool.folder)?),
            };
            (&*file).write_all(&piece)?;
            Ok(file)
        })
    }

    fn came(&mut self) -> Came {
        let size_bytes = self.size_bytes;
        if self.is_too_big() {
            return Came::TooBig(size_bytes);
        }
        Came::Whole(Letter(match self.file.take() {
            Some(file) => Kept::File { file, size_bytes },
            None => Kept::Memory(std::mem::take(&mut self.waiting)),
        }))
    }
}

#[cfg(test)]
mod tests;
