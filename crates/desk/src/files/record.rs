//! How one content is written: a head that says what follows, and the bytes, compressed when that gains.
//!
//! ```text
//! "PBL1"  encoding (0 as it is, 1 zstd)  0 0 0  stored bytes u64 LE  content bytes u64 LE  SHA-256 (32)  bytes…
//! ```
use anyhow::{Context as _, bail, ensure};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, Take, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use zstd::stream::{read::Decoder, write::Encoder};

const MAGIC: &[u8; 4] = b"PBL1";
pub(super) const HEAD_BYTES: usize = 4 + 4 + 8 + 8 + 32;
/// No mail and no file is larger; a head that says so is broken, and no memory is taken for it.
const CONTENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// zstd's fast side: mail is written far more often than read.
const LEVEL: i32 = 3;
/// By so much of its beginning is told whether packing gains, where the whole is never in memory.
const SAMPLE_BYTES: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Zstd,
}
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    encoding: Encoding,
    pub stored_bytes: u64,
    pub content_bytes: u64,
}

/// A record in memory, for what is small.
pub(super) fn write(content: &[u8], hash: [u8; 32]) -> anyhow::Result<Vec<u8>> {
    let packed = packed(content).context("compressing")?;
    let (encoding, body) = if packed.len() < content.len() {
        (Encoding::Zstd, packed.as_slice())
    } else {
        (Encoding::Plain, content)
    };
    Ok([head(encoding, body.len() as u64, content.len() as u64, hash).as_slice(), body].concat())
}

/// A record that is written into an empty file piece by piece: a letter of 200 MB is never in memory as a whole.
#[derive(Debug)]
pub(super) struct Recorder {
    packer: Packer,
    content_bytes: u64,
}
enum Packer {
    Plain(File),
    Zstd(Encoder<'static, File>),
}
impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Packer::Plain(_) => "Plain",
            Packer::Zstd(_) => "Zstd",
        })
    }
}
impl Recorder {
    /// For a content that begins so.
    pub(super) fn begin(mut file: File, content: &[u8]) -> io::Result<Recorder> {
        file.write_all(&[0; HEAD_BYTES])?;
        let sample = content.get(..SAMPLE_BYTES).unwrap_or(content);
        let gains = packed(sample)?.len() < sample.len();
        let packer = if gains { Packer::Zstd(Encoder::new(file, LEVEL)?) } else { Packer::Plain(file) };
        Ok(Recorder { packer, content_bytes: 0 })
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.content_bytes += piece.len() as u64;
        if self.content_bytes > CONTENT_BYTES_MAX {
            return Err(io::Error::other("a content of more than 1 GB is too large for the store"));
        }
        match &mut self.packer {
            Packer::Plain(file) => file.write_all(piece),
            Packer::Zstd(encoder) => encoder.write_all(piece),
        }
    }

    /// The file, which is a record now and not yet synced.
    pub(super) fn end(self, hash: [u8; 32]) -> io::Result<File> {
        let (encoding, mut file) = match self.packer {
            Packer::Plain(file) => (Encoding::Plain, file),
            Packer::Zstd(encoder) => (Encoding::Zstd, encoder.finish()?),
        };
        let stored_bytes = file.stream_position()?.saturating_sub(HEAD_BYTES as u64);
        file.write_all_at(&head(encoding, stored_bytes, self.content_bytes, hash), 0)?;
        Ok(file)
    }
}

/// A record as it lies at this place of a pack, which holds what is small.
pub(super) fn stored(path: &Path, offset: u64) -> anyhow::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut head = [0; HEAD_BYTES];
    file.read_exact_at(&mut head, offset)?;
    let length = HEAD_BYTES + usize::try_from(Head::read(&head)?.stored_bytes)?;
    ensure!(offset + length as u64 <= file.metadata()?.len(), "it is cut off");
    let mut record = vec![0; length];
    file.read_exact_at(&mut record, offset)?;
    Ok(record)
}

/// Where records begin in a pack, and the hash that each says it has. Behind what is damaged it goes on at the next record.
pub(super) fn each(path: &Path, mut found: impl FnMut(u64, &[u8])) -> io::Result<()> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut at = 0;
    while at + (HEAD_BYTES as u64) <= length {
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, at)?;
        let end = Head::read(&head).ok().map(|head| at + HEAD_BYTES as u64 + head.stored_bytes);
        if end.is_some() {
            found(at, head.get(HASH_AT..).unwrap_or_default());
        }
        at = match end {
            // Lengths that are damaged lead to no other record.
            Some(end) if end == length || begins_at(&file, end) => end,
            _ => next_after(&file, at + 1)?.unwrap_or(length),
        };
    }
    Ok(())
}
/// The hash stands at the end of the head.
const HASH_AT: usize = HEAD_BYTES - 32;

fn begins_at(file: &File, at: u64) -> bool {
    let mut magic = [0; MAGIC.len()];
    file.read_exact_at(&mut magic, at).is_ok() && magic == *MAGIC
}

/// Where the next record may begin.
fn next_after(file: &File, from: u64) -> io::Result<Option<u64>> {
    let (mut at, mut piece) = (from, vec![0; 64 * 1024]);
    loop {
        let bytes = file.read_at(&mut piece, at)?;
        let read = piece.get(..bytes).unwrap_or_default();
        if let Some(offset) = read.windows(MAGIC.len()).position(|four| four == MAGIC) {
            return Ok(Some(at + offset as u64));
        }
        if bytes < MAGIC.len() {
            return Ok(None);
        }
        at += (bytes - MAGIC.len() + 1) as u64;
    }
}

fn head(encoding: Encoding, stored_bytes: u64, content_bytes: u64, hash: [u8; 32]) -> Vec<u8> {
    let encoding = match encoding {
        Encoding::Plain => 0,
        Encoding::Zstd => 1,
    };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&[encoding, 0, 0, 0]);
    head.extend_from_slice(&stored_bytes.to_le_bytes());
    head.extend_from_slice(&content_bytes.to_le_bytes());
    head.extend_from_slice(&hash);
    head
}

/// By the thread's own compressor: to make one costs more than to compress a letter.
fn packed(content: &[u8]) -> std::io::Result<Vec<u8>> {
    thread_local! {
        static KEPT: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
    }
    KEPT.with_borrow_mut(|kept| match kept {
        Some(compressor) => compressor.compress(content),
        None => kept.insert(zstd::bulk::Compressor::new(LEVEL)?).compress(content),
    })
}

impl Head {
    pub(super) fn read(bytes: &[u8; HEAD_BYTES]) -> anyhow::Result<Head> {
        ensure!(bytes.starts_with(MAGIC), "no content begins here");
        let number = |at: usize| -> anyhow::Result<u64> {
            let part = bytes.get(at..at + 8).context("it is cut off")?;
            Ok(u64::from_le_bytes(part.try_into()?))
        };
        let (stored_bytes, content_bytes) = (number(8)?, number(16)?);
        ensure!(stored_bytes.max(content_bytes) <= CONTENT_BYTES_MAX, "its head is broken");
        let encoding = match bytes.get(4) {
            Some(0) => Encoding::Plain,
            Some(1) => Encoding::Zstd,
            _ => bail!("it was written by a newer Postern"),
        };
        Ok(Head { encoding, stored_bytes, content_bytes })
    }

    /// The content out of what is stored, unpacked while it is read; the caller checks its hash.
    pub(super) fn open(self, stored: Take<File>) -> io::Result<Unpacker> {
        Ok(match self.encoding {
            Encoding::Plain => Unpacker::Plain(stored),
            Encoding::Zstd => Unpacker::Zstd(Decoder::new(stored)?),
        })
    }
}

/// Reads what is stored as what it was.
pub(super) enum Unpacker {
    Plain(Take<File>),
    Zstd(Decoder<'static, BufReader<Take<File>>>),
}
impl Read for Unpacker {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Unpacker::Plain(stored) => stored.read(buffer),
            Unpacker::Zstd(decoder) => decoder.read(buffer),
        }
    }
}
