//! A letter between wherever it comes from and the inbox: how large it may be, where a large one lies until it is stored, and
//! what is recorded of it.
use anyhow::Context as _;
use desk::files::store::{Store, Stored};
use desk::intake::inbox::{Arrival, Head};
use desk::intake::round_trip;
use mail::message::{ContentKey, HEAD_BYTES_MAX};
use std::borrow::Cow;
use std::io::{self, BufReader, ErrorKind, Read};
use wire::letter::{Letter, Room};

/// A larger one is left on its server and recorded with its reason, or is not taken from a mail server of one's own.
pub const BYTES_MAX: u64 = 400 * 1024 * 1024;
/// Put together in memory with what is written before it.
const TOGETHER_BYTES_MAX: usize = 1024 * 1024;
/// Read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// A large one lies on the store's own disk, whose reserve it leaves alone, until it is in the store.
pub fn room(store: &Store) -> Room {
    let kept = store.clone();
    Room::spooled(BYTES_MAX, store.root(), move || match kept.shortage() {
        Ok(None) => Ok(()),
        Ok(Some(shortage)) => Err(io::Error::new(ErrorKind::StorageFull, shortage.to_string())),
        Err(error) => Err(io::Error::other(error.to_string())),
    })
}

pub(crate) fn too_big(size_bytes: u64) -> String {
    let (megabytes, most) = (size_bytes.div_ceil(1024 * 1024), BYTES_MAX / (1024 * 1024));
    format!("It has {megabytes} MB; Postern takes at most {most} MB.")
}

/// By its own header fields, for servers that do not tell.
pub(crate) fn arrived_at(letter: &Letter) -> Option<i64> {
    // What cannot be read again is told when it is stored.
    letter.start(HEAD_BYTES_MAX).ok().and_then(|start| mail::message::arrived_at(&start))
}

/// The bytes that are stored: a letter, behind what is written before it here.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub before: &'a [u8],
    pub letter: &'a Letter,
}

impl<'a> Raw<'a> {
    pub(crate) fn of(letter: &'a Letter) -> Raw<'a> {
        Raw { before: &[], letter }
    }

    /// In memory as they are.
    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        self.letter.bytes().filter(|_| self.before.is_empty())
    }

    fn reader(self) -> impl Read + io::Seek {
        BufReader::with_capacity(PIECE_BYTES, self.letter.reader_behind(self.before))
    }

    pub(crate) fn content_key(self) -> desk::Result<ContentKey> {
        match self.bytes() {
            Some(bytes) => Ok(mail::message::content_key(bytes)),
            None => Ok(mail::message::content_key_of(&mut self.reader()).context(UNREAD)?),
        }
    }

    /// Durably when this returns; a small one by `put`.
    pub(crate) fn store(
        self,
        store: &Store,
        put: impl Fn(&Store, &[u8]) -> desk::Result<Stored>,
    ) -> desk::Result<Stored> {
        match self.letter.bytes() {
            Some(bytes) if self.before.is_empty() => put(store, bytes),
            Some(bytes) if bytes.len() <= TOGETHER_BYTES_MAX => put(store, &[self.before, bytes].concat()),
            _ => store.put_stream(&mut self.reader()),
        }
    }

    /// What is recorded of it once it is in the store.
    pub(crate) fn arrival(
        self,
        uid: u32,
        received_at: i64,
        stored: Stored,
        content_key: ContentKey,
        silent: bool,
    ) -> desk::Result<Arrival> {
        let mut start = self.letter.start(HEAD_BYTES_MAX).context(UNREAD)?;
        if !self.before.is_empty() {
            start = Cow::Owned([self.before, &start].concat());
        }
        let read = mail::message::parse(mail::message::head(&start));
        let (marks, head) = (round_trip::marks(&read), Head::of(&read));
        Ok(Arrival {
            uid,
            received_at,
            stored,
            content_key,
            marks,
            head,
            message_id: read.message_id,
            silent,
            same_as: None,
        })
    }
}

const UNREAD: &str = "the file of a large message, which has no name, could not be read; check the disk";
