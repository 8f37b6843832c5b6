//! How one content is written: a head that says what follows, and the bytes, compressed when that gains.
//!
//! ```text
//! "PBL1"  encoding (0 as it is, 1 zstd)  0 0 0  stored bytes u64 LE  content bytes u64 LE  SHA-256 (32)  bytes…
//! ```
use anyhow::{Context as _, bail, ensure};

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

pub(super) fn write(content: &[u8], hash: [u8; 32]) -> anyhow::Result<Vec<u8>> {
    ensure!(
        content.len() as u64 <= CONTENT_BYTES_MAX,
        "a content of {} bytes is too large for the store",
        content.len()
    );
    let packed = zstd::bulk::compress(content, LEVEL).context("compressing")?;
    let (encoding, body) = if packed.len() < content.len() { (1, packed.as_slice()) } else { (0, content) };
    let mut record = Vec::with_capacity(HEAD_BYTES + body.len());
    record.extend_from_slice(MAGIC);
    record.extend_from_slice(&[encoding, 0, 0, 0]);
    record.extend_from_slice(&(body.len() as u64).to_le_bytes());
    record.extend_from_slice(&(content.len() as u64).to_le_bytes());
    record.extend_from_slice(&hash);
    record.extend_from_slice(body);
    Ok(record)
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

    /// The content out of what is stored; the caller checks its hash.
    pub(super) fn open(self, body: Vec<u8>) -> anyhow::Result<Vec<u8>> {
        match self.encoding {
            Encoding::Plain => {
                ensure!(body.len() as u64 == self.content_bytes, "its head is broken");
                Ok(body)
            }
            Encoding::Zstd => zstd::bulk::decompress(&body, usize::try_from(self.content_bytes)?)
                .context("it does not unpack"),
        }
    }
}
