//! How one content is written: a head that says what follows, and the bytes, compressed when that gains.
//!
//! ```text
//! "PBL1"  encoding (0 as it is, 1 zstd)  0 0 0  stored bytes u64 LE  content bytes u64 LE  SHA-256 (32)  bytes…
//! ```
use anyhow::{Context as _, bail, ensure};
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;

const MAGIC: &[u8; 4] = b"PBL1";
pub(super) const HEAD_BYTES: usize = 4 + 4 + 8 + 8 + 32;
/// No mail and no file is larger; a head that says so is broken, and no memory is taken for it.
const CONTENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// zstd's fast side: mail is written far more often than read.
const LEVEL: i32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Zstd,
}
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    encoding: Encoding,
    pub stored_bytes: u64,
    content_bytes: u64,
}

/// A record in memory, for what is small.
pub(super) fn write(content: &[u8], hash: [u8; 32]) -> anyhow::Result<Vec<u8>> {
    let packed = packed(content).context("compressing")?;
    let (encoding, body) = if packed.len() < content.len() {
        (Encoding::Zstd, packed.as_slice())
    } else {
        (Encoding::Plain, content)
    };
    Ok([head(encoding, body.len() as u64, content, hash).as_slice(), body].concat())
}

/// A record into an empty file. The content goes through the compressor piece by piece: a letter of 60 MB is not in
/// memory a second time.
pub(super) fn write_to(mut file: &File, content: &[u8], hash: [u8; 32]) -> io::Result<()> {
    if content.len() as u64 > CONTENT_BYTES_MAX {
        return Err(io::Error::other("a content of more than 1 GB is too large for the store"));
    }
    file.write_all(&[0; HEAD_BYTES])?;
    let mut encoder = zstd::stream::write::Encoder::new(file, LEVEL)?;
    encoder.write_all(content)?;
    let mut file = encoder.finish()?;
    let mut stored_bytes = file.stream_position()?.saturating_sub(HEAD_BYTES as u64);
    let mut encoding = Encoding::Zstd;
    if stored_bytes >= content.len() as u64 {
        (encoding, stored_bytes) = (Encoding::Plain, content.len() as u64);
        file.set_len(HEAD_BYTES as u64)?;
        file.write_all_at(content, HEAD_BYTES as u64)?;
    }
    file.write_all_at(&head(encoding, stored_bytes, content, hash), 0)
}

fn head(encoding: Encoding, stored_bytes: u64, content: &[u8], hash: [u8; 32]) -> Vec<u8> {
    let encoding = match encoding {
        Encoding::Plain => 0,
        Encoding::Zstd => 1,
    };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&[encoding, 0, 0, 0]);
    head.extend_from_slice(&stored_bytes.to_le_bytes());
    head.extend_from_slice(&(content.len() as u64).to_le_bytes());
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
    pub(super) fn open(self, body: impl Read) -> anyhow::Result<Vec<u8>> {
        let length = usize::try_from(self.content_bytes)?;
        let mut content = Vec::with_capacity(length);
        // One more, so that what is longer than its head says shows.
        let limit = self.content_bytes.saturating_add(1);
        match self.encoding {
            Encoding::Plain => body.take(limit).read_to_end(&mut content).map(drop)?,
            Encoding::Zstd => {
                let unpacked = zstd::stream::read::Decoder::new(body)?.take(limit).read_to_end(&mut content);
                unpacked.map(drop).context("it does not unpack")?;
            }
        }
        ensure!(content.len() == length, "its head is broken");
        Ok(content)
    }
}
