//! A link whose both directions are compressed (RFC 4978: DEFLATE as of RFC 1951, without a header).
//!
//! Who reads gets as much as there is room for: what a few bytes would grow to is never made at once, so that the limits
//! of those who read hold as on any link.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::net::BoxStream;

/// One read of what is compressed, and as much compressed output as waits at most before more is taken.
const PIECE_BYTES: usize = 16 * 1024;

pub(crate) struct Deflated {
    link: BoxStream,
    inflate: Decompress,
    /// Came, and is not read yet.
    coming: BytesMut,
    has_ended: bool,
    deflate: Compress,
    /// Compressed, and not sent yet.
    going: BytesMut,
    /// Something was taken that the compressor may still hold back.
    is_dirty: bool,
}

impl Deflated {
    /// `coming` came already, behind the line from which on everything is compressed.
    pub(crate) fn over(link: BoxStream, coming: BytesMut) -> Deflated {
        Deflated {
            link,
            inflate: Decompress::new(false),
            coming,
            has_ended: false,
            deflate: Compress::new(Compression::fast(), false),
            going: BytesMut::new(),
            is_dirty: false,
        }
    }

    /// Gives all that is compressed to the link.
    fn send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.going.is_empty() {
            let sent = ready!(Pin::new(&mut self.link).poll_write(context, &self.going))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.going.advance(sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Compresses as much of `bytes` as there is room for; how much that was.
    fn press(&mut self, bytes: &[u8], flush: FlushCompress) -> io::Result<usize> {
        let mut room = [0; PIECE_BYTES];
        let (before_in, before_out) = (self.deflate.total_in(), self.deflate.total_out());
        self.deflate.compress(bytes, &mut room, flush).map_err(io::Error::other)?;
        let made = count(self.deflate.total_out() - before_out);
        self.going.extend_from_slice(room.get(..made).unwrap_or_default());
        Ok(count(self.deflate.total_in() - before_in))
    }
}

fn count(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

impl AsyncRead for Deflated {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        while into.remaining() > 0 && !me.has_ended {
            let (before_in, before_out) = (me.inflate.total_in(), me.inflate.total_out());
            let status = me
                .inflate
                .decompress(&me.coming, into.initialize_unfilled(), FlushDecompress::None)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            me.coming.advance(count(me.inflate.total_in() - before_in));
            let made = count(me.inflate.total_out() - before_out);
            into.advance(made);
            me.has_ended = status == Status::StreamEnd;
            if made > 0 {
                break;
            }
            if me.coming.is_empty() && !me.has_ended {
                let mut room = [0; PIECE_BYTES];
                let mut piece = ReadBuf::new(&mut room);
                ready!(Pin::new(&mut me.link).poll_read(context, &mut piece))?;
                me.has_ended = piece.filled().is_empty();
                me.coming.extend_from_slice(piece.filled());
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Deflated {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if me.going.len() >= PIECE_BYTES {
            ready!(me.send(context))?;
        }
        let mut taken = 0;
        while taken == 0 && !bytes.is_empty() {
            taken = me.press(bytes, FlushCompress::None)?;
        }
        me.is_dirty |= taken > 0;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        while me.is_dirty {
            let before = me.going.len();
            me.press(&[], FlushCompress::Sync)?;
            // Full to the last byte: there may be more.
            me.is_dirty = me.going.len() - before == PIECE_BYTES;
        }
        ready!(me.send(context))?;
        Pin::new(&mut me.link).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        ready!(Pin::new(&mut *me).poll_flush(context))?;
        Pin::new(&mut me.link).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::{Fault, LineStream};
    use std::time::Duration;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const WAIT: Duration = Duration::from_secs(20);

    /// A text that does not compress to nothing.
    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 7u64;
        let next = |state: &mut u64| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*state >> 56) as u8
        };
        (0..bytes).map(|_| next(&mut state)).collect()
    }

    #[tokio::test]
    async fn what_goes_in_on_one_side_comes_out_on_the_other_as_soon_as_it_is_flushed() {
        let (here, there) = tokio::io::duplex(1000);
        let mut here = Deflated::over(Box::new(here), BytesMut::new());
        let mut there = Deflated::over(Box::new(there), BytesMut::new());
        for text in
            [b"A1 NOOP\r\n".to_vec(), noise(300_000), vec![b'x'; 2_000_000], b"A2 LOGOUT\r\n".to_vec()]
        {
            let sending = async {
                here.write_all(&text).await.unwrap();
                here.flush().await.unwrap();
            };
            let mut came = vec![0; text.len()];
            let reading = async { there.read_exact(&mut came).await.unwrap() };
            tokio::join!(sending, reading);
            assert!(came == text, "{} bytes", text.len());
        }
        here.shutdown().await.unwrap();
        drop(here);
        assert_eq!(there.read(&mut [0; 10]).await.unwrap(), 0, "the end is the end");
    }

    #[tokio::test]
    async fn a_line_that_would_grow_without_end_is_cut_at_its_limit() {
        let (here, there) = tokio::io::duplex(64 * 1024);
        let bomb = tokio::spawn(async move {
            let mut there = Deflated::over(Box::new(there), BytesMut::new());
            // A gigabyte in a megabyte.
            for _ in 0..1024 {
                if there.write_all(&[b'a'; 1024 * 1024]).await.is_err() {
                    break;
                }
            }
        });
        let mut line = LineStream::new(Box::new(here), None);
        line.compress();
        let fault = line.read_line(64 * 1024, WAIT).await.unwrap_err();
        assert!(matches!(fault, Fault::TooLong(65_536)), "{fault:?}");
        drop(line);
        bomb.await.unwrap();
    }

    #[tokio::test]
    async fn what_came_with_the_answer_is_read_and_what_is_no_deflate_is_a_broken_link() {
        let (here, mut there) = tokio::io::duplex(64 * 1024);
        let mut pressed = Vec::new();
        let mut deflate = Compress::new(Compression::fast(), false);
        pressed.reserve(1000);
        deflate.compress_vec(b"* 3 EXISTS\r\n", &mut pressed, FlushCompress::Sync).unwrap();
        there.write_all(b"A1 OK go\r\n").await.unwrap();
        there.write_all(&pressed).await.unwrap();
        let mut line = LineStream::new(Box::new(here), None);
        assert_eq!(&line.read_line(100, WAIT).await.unwrap()[..], b"A1 OK go");
        line.compress();
        assert_eq!(&line.read_line(100, WAIT).await.unwrap()[..], b"* 3 EXISTS");
        there.write_all(b"\x07 a block of a kind that there is not\r\n").await.unwrap();
        let fault = line.read_line(100, WAIT).await.unwrap_err();
        assert!(matches!(fault, Fault::Io(_)), "{fault:?}");
    }
}
