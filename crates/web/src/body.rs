//! Reading what a browser sends: bounded in size and in time (invariant 9), so that nobody who sends slowly or
//! never ends keeps a connection, while an honest upload over a poor line passes.
use crate::Error;
use axum::body::{Body, BodyDataStream, Bytes, HttpBody as _};
use futures_util::StreamExt as _;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Without a byte.
const SILENCE: Duration = Duration::from_secs(30);
/// Beyond the first [`SILENCE`], what has come must have come at least as fast: a tenth of a poor mobile line.
/// The largest form may so take two hours, and one of 25 MB less than one.
const BYTES_PER_S_MIN: u64 = 8 * 1024;

/// A body that is being read.
pub struct Reading {
    stream: BodyDataStream,
    /// What its length was said to be.
    said_bytes: u64,
    got: Vec<u8>,
    begun: Instant,
    ended: bool,
}

impl Reading {
    pub fn of(body: Body) -> Reading {
        let said_bytes = body.size_hint().lower();
        Reading {
            stream: body.into_data_stream(),
            said_bytes,
            got: Vec::new(),
            begun: Instant::now(),
            ended: false,
        }
    }

    /// The beginning: this many bytes or more, or everything there is.
    pub async fn beginning(&mut self, bytes: usize) -> Result<&[u8], Error> {
        while !self.ended && self.got.len() < bytes {
            self.more().await?;
        }
        Ok(&self.got)
    }

    /// Everything, when it is no more than `bytes_max`.
    pub async fn whole(mut self, bytes_max: usize) -> Result<Bytes, Error> {
        let too_large = |bytes: u64| bytes > bytes_max as u64;
        if too_large(self.said_bytes) {
            return Err(Error::TooLarge { bytes_max });
        }
        while !self.ended && !too_large(self.got.len() as u64) {
            self.more().await?;
        }
        if too_large(self.got.len() as u64) {
            Err(Error::TooLarge { bytes_max })
        } else {
            Ok(self.got.into())
        }
    }

    async fn more(&mut self) -> Result<(), Error> {
        let by_rate = Duration::from_secs(self.got.len() as u64 / BYTES_PER_S_MIN);
        let until = (self.begun + SILENCE + by_rate).min(Instant::now() + SILENCE);
        match timeout_at(until, self.stream.next()).await {
            Err(_) => return Err(Error::TooSlow),
            Ok(None) => self.ended = true,
            Ok(Some(Ok(bytes))) => self.got.extend_from_slice(&bytes),
            Ok(Some(Err(_))) => {
                return Err(Error::BadRequest("The form arrived broken. Go back and send it again."));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    /// A body of which so many bytes come every so many seconds, so many times.
    fn slow(bytes: usize, every_s: u64, times: u64) -> Reading {
        let parts = stream::unfold(0, move |sent| async move {
            if sent == times {
                return None;
            }
            tokio::time::sleep(Duration::from_secs(every_s)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; bytes])), sent + 1))
        });
        Reading::of(Body::from_stream(parts))
    }
    const LIMIT: usize = 64 * 1024 * 1024;

    #[tokio::test(start_paused = true)]
    async fn an_honest_upload_over_a_poor_line_passes() {
        let all = slow(20_000, 2, 1250).whole(LIMIT).await.unwrap();
        assert_eq!(all.len(), 25_000_000);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_a_byte_now_and_then_are_not_waited_for() {
        let begun = Instant::now();
        assert!(matches!(slow(1, 3600, 1).whole(LIMIT).await, Err(Error::TooSlow)));
        assert_eq!(begun.elapsed().as_secs(), 30);
        let begun = Instant::now();
        assert!(matches!(slow(1, 5, 1_000_000).whole(LIMIT).await, Err(Error::TooSlow)));
        assert_eq!(begun.elapsed().as_secs(), 30);
        // Fast at first, and then no more.
        let begun = Instant::now();
        assert!(matches!(slow(1_000_000, 40, 1).beginning(1).await, Err(Error::TooSlow)));
        assert!(begun.elapsed().as_secs() <= 30);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_large_is_not_read_to_its_end() {
        let begun = Instant::now();
        let large = slow(10_000, 1, 1_000_000).whole(50_000).await;
        assert!(matches!(large, Err(Error::TooLarge { bytes_max: 50_000 })));
        assert_eq!(begun.elapsed().as_secs(), 6);
    }
}
