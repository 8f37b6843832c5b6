//! One connection of a mail client: lines and counted bytes, plain or TLS, with limits. Not a protocol.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A line may carry a token of some kilobytes in base64.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Exchange's limit for a letter.
pub(crate) const LETTER_BYTES_MAX: usize = 150 << 20;
/// RFC 3501 asks for at least 30 minutes.
const IDLE: Duration = Duration::from_secs(31 * 60);

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

pub(crate) struct Link {
    stream: Stream,
    buffer: Vec<u8>,
}

impl Link {
    pub fn new(stream: TcpStream) -> Link {
        // Short answers should not wait for the next segment; failing that, they are only slower.
        let _ = stream.set_nodelay(true);
        Link { stream: Stream::Plain(stream), buffer: Vec::new() }
    }

    /// Begins TLS. What the client sent before it is thrown away, so that nothing can be slipped in.
    pub async fn secure(self, acceptor: &TlsAcceptor) -> Result<Link> {
        match self.stream {
            Stream::Plain(stream) => {
                let stream = acceptor.accept(stream).await?;
                Ok(Link { stream: Stream::Tls(Box::new(stream)), buffer: Vec::new() })
            }
            Stream::Tls(_) => Err(Error::new(ErrorKind::InvalidInput, "TLS is there already")),
        }
    }

    pub fn is_secure(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// The next line without its end; `None` when the client has gone. May be dropped and called again.
    pub async fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut seen = 0;
        loop {
            let tail = self.buffer.get(seen..).unwrap_or_default();
            if let Some(end) = tail.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=seen + end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                return Ok(Some(line));
            }
            seen = self.buffer.len();
            if seen > LINE_BYTES_MAX {
                return Err(Error::new(ErrorKind::InvalidData, "a line is too long"));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    pub async fn exactly(&mut self, bytes: usize) -> Result<Vec<u8>> {
        if bytes > LETTER_BYTES_MAX {
            return Err(Error::new(ErrorKind::InvalidData, "more bytes were announced than are allowed"));
        }
        while self.buffer.len() < bytes {
            if self.fill().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.buffer.drain(..bytes).collect())
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes.as_ref()).await,
            Stream::Tls(stream) => {
                stream.write_all(bytes.as_ref()).await?;
                stream.flush().await
            }
        }
    }

    /// Says goodbye to TLS; an abrupt end is to drop the link instead.
    pub async fn close(mut self) {
        // The client may be gone already, and then nobody is left to tell.
        let _ = match &mut self.stream {
            Stream::Plain(stream) => stream.shutdown().await,
            Stream::Tls(stream) => stream.shutdown().await,
        };
    }

    async fn fill(&mut self) -> Result<usize> {
        let read = async {
            match &mut self.stream {
                Stream::Plain(stream) => stream.read_buf(&mut self.buffer).await,
                Stream::Tls(stream) => stream.read_buf(&mut self.buffer).await,
            }
        };
        tokio::time::timeout(IDLE, read).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }
}
