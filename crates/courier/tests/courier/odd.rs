//! What a pretend server says instead of what it would.
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::tcp::OwnedWriteHalf;

pub enum Odd {
    Says(Vec<u8>),
    /// Its last hundred bytes with a second before each.
    Drips(Vec<u8>),
    /// So many bytes between these.
    Fills(Vec<u8>, u64, Vec<u8>),
    /// And then nothing more, with the link open until the other side closes it.
    FallsSilent(Vec<u8>),
    /// And then the link is cut.
    Cuts(Vec<u8>),
}

/// Of a command (`""` is the greeting) and what would be answered. `None`: as it would.
pub type Oddity = Arc<dyn Fn(&str, &[u8]) -> Option<Odd> + Send + Sync>;

/// `false`: the link is over.
pub async fn say(
    write: &mut OwnedWriteHalf,
    oddity: Option<&Oddity>,
    command: &str,
    answer: &[u8],
) -> std::io::Result<bool> {
    match oddity.and_then(|oddity| oddity(command, answer)) {
        None => write.write_all(answer).await?,
        Some(Odd::Says(bytes)) => write.write_all(&bytes).await?,
        Some(Odd::Drips(bytes)) => {
            let (before, last) = bytes.split_at(bytes.len().saturating_sub(100));
            write.write_all(before).await?;
            for byte in last {
                tokio::time::sleep(Duration::from_secs(1)).await;
                write.write_all(&[*byte]).await?;
            }
        }
        Some(Odd::Fills(before, count, after)) => {
            write.write_all(&before).await?;
            tokio::io::copy(&mut tokio::io::repeat(b'x').take(count), write).await?;
            write.write_all(&after).await?;
        }
        Some(Odd::FallsSilent(bytes)) => {
            write.write_all(&bytes).await?;
            while !write.ready(Interest::READABLE).await?.is_read_closed() {
                tokio::time::sleep(Duration::from_secs(1)).await; // something came that nobody reads
            }
            return Ok(false);
        }
        Some(Odd::Cuts(bytes)) => {
            write.write_all(&bytes).await?;
            return Ok(false);
        }
    }
    Ok(true)
}
