//! A message that is too large to be in memory: its large parts go into the store while it is read.
use super::Parsed;
use crate::Error;
use crate::files::store::{Store, Stored, Writer};
use mail::message::{Sink, Stopped};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

/// Parts that wait in memory for one sync.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Large messages are read one at a time, however many threads parse: what is left of two at once could be too much.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Why a message could not be read: never its own fault.
#[derive(Debug)]
pub enum Unread {
    /// Its bytes did not come.
    Source(io::Error),
    /// Its parts could not be kept.
    Store(Error),
}

impl From<Unread> for Error {
    fn from(unread: Unread) -> Error {
        match unread {
            Unread::Source(e) => e.into(),
            Unread::Store(error) => error,
        }
    }
}

/// Reads a raw message from a stream. Its large parts are durably in the store afterwards; without a store it is only known
/// what they would be called.
pub fn parse_large(source: impl Read, store: Option<&Store>) -> Result<Parsed, Unread> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut message, handed_over) = match store {
        Some(store) => {
            let mut shelf = Shelf::of(store);
            let message = stopped(mail::message::parse_stream(source, &mut shelf), &mut shelf.error)?;
            (message, shelf.all().map_err(Unread::Store)?)
        }
        None => {
            let mut names = Names::default();
            (stopped(mail::message::parse_stream(source, &mut names), &mut None)?, names.known)
        }
    };
    mail::message::unpack(&mut message);
    Ok(Parsed { message, handed_over })
}

/// What a raw message from a stream says. One at a time, as with [`parse_large`].
pub fn said_large(source: impl Read) -> io::Result<mail::message::Said> {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    mail::message::Said::of_stream(source)
}

fn stopped(read: Result<mail::Message, Stopped>, error: &mut Option<Error>) -> Result<mail::Message, Unread> {
    read.map_err(|stopped| match stopped {
        Stopped::Source(e) => Unread::Source(e),
        Stopped::Sink(e) => Unread::Store(error.take().unwrap_or_else(|| e.into())),
    })
}

/// Puts contents into the store: a large one while it comes, small ones several at a time.
struct Shelf<'a> {
    store: &'a Store,
    writer: Option<Writer>,
    kept: Vec<Option<Stored>>,
    /// Which of them wait.
    waiting: Vec<(usize, Vec<u8>)>,
    waiting_bytes: usize,
    error: Option<Error>,
}
impl<'a> Shelf<'a> {
    fn of(store: &'a Store) -> Shelf<'a> {
        Shelf { store, writer: None, kept: Vec::new(), waiting: Vec::new(), waiting_bytes: 0, error: None }
    }

    fn put_waiting(&mut self) -> crate::Result<()> {
        let contents: Vec<&[u8]> = self.waiting.iter().map(|(_, content)| content.as_slice()).collect();
        for (stored, (index, _)) in self.store.put_all(&contents)?.into_iter().zip(&self.waiting) {
            if let Some(kept) = self.kept.get_mut(*index) {
                *kept = Some(stored);
            }
        }
        self.waiting.clear();
        self.waiting_bytes = 0;
        Ok(())
    }

    fn put(&mut self, mut writer: Writer) -> crate::Result<()> {
        match writer.take_small() {
            Some(content) => {
                self.waiting_bytes += content.len();
                self.waiting.push((self.kept.len(), content));
                self.kept.push(None);
            }
            None => self.kept.push(Some(writer.end()?)),
        }
        if self.waiting_bytes > WAITING_BYTES_MAX { self.put_waiting() } else { Ok(()) }
    }

    fn all(mut self) -> crate::Result<Vec<Stored>> {
        self.put_waiting()?;
        Ok(self.kept.into_iter().flatten().collect())
    }

    /// What stands in the way is told whole to who asked for it, and in short to the reader.
    fn noted(&mut self, done: crate::Result<()>) -> io::Result<()> {
        done.map_err(|error| {
            self.error = Some(error);
            io::Error::other("the store does not take it")
        })
    }
}
impl Sink for Shelf<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let done = self.writer.get_or_insert_with(|| self.store.writer()).write(piece);
        self.noted(done)
    }
    fn end(&mut self) -> io::Result<()> {
        let writer = self.writer.take().unwrap_or_else(|| self.store.writer());
        let done = self.put(writer);
        self.noted(done)
    }
}

/// Only makes the names of contents.
#[derive(Default)]
struct Names {
    hash: Sha256,
    size_bytes: u64,
    known: Vec<Stored>,
}
impl Sink for Names {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hash.update(piece);
        self.size_bytes += piece.len() as u64;
        Ok(())
    }
    fn end(&mut self) -> io::Result<()> {
        let hash = std::mem::take(&mut self.hash).finalize().into();
        self.known.push(Stored::named(hash, std::mem::take(&mut self.size_bytes)));
        Ok(())
    }
}
