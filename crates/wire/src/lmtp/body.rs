//! A letter between 354 and the dot that ends it (RFC 5321 §4.5.2).

use super::BLOCK_TIMEOUT;
use crate::line::{Dots, Fault, LineStream};

#[derive(Debug)]
pub(super) enum Body {
    Whole(Vec<u8>),
    /// It was read to its end and is not here.
    TooLarge,
}

pub(super) async fn read(lines: &mut LineStream, bytes_max: u64) -> Result<Body, Fault> {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let (mut bytes, mut too_large, mut dots) = (Vec::new(), false, Dots::default());
    loop {
        let piece = lines.read_piece(BLOCK_TIMEOUT).await?;
        let Some(rest) = dots.taken_off(&piece) else {
            return Ok(if too_large { Body::TooLarge } else { Body::Whole(bytes) });
        };
        too_large |= bytes.len() + rest.len() > bytes_max;
        if too_large {
            bytes = Vec::new();
        } else {
            bytes.extend_from_slice(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt as _;

    /// What is read of this, and what is left for the next command.
    async fn body(sent: &[u8], bytes_max: u64) -> (Body, Vec<u8>) {
        let (mut theirs, ours) = tokio::io::duplex(256);
        let mut lines = LineStream::new(Box::new(ours), None);
        let sent = [sent, b"NEXT\r\n"].concat();
        let writing = tokio::spawn(async move { theirs.write_all(&sent).await });
        let body = read(&mut lines, bytes_max).await.unwrap();
        let next = lines.read_line(100, BLOCK_TIMEOUT).await.unwrap().to_vec();
        writing.await.unwrap().unwrap();
        (body, next)
    }

    #[tokio::test]
    async fn dots_of_the_transfer_are_taken_out_and_only_a_dot_between_two_crlf_ends_the_letter() {
        let long = [b"x".repeat(9000), b"\r\n".to_vec()].concat();
        for (sent, read) in [
            (&b".\r\n"[..], &b""[..]),
            (b"A: b\r\n\r\nHi\r\n.\r\n", b"A: b\r\n\r\nHi\r\n"),
            (b"..\r\n...a\r\n.b\r\n.\r\n", b".\r\n..a\r\nb\r\n"),
            // A bare LF is no end of a line: neither ends the letter, and no dot behind one was added.
            (b"a\n.\nMAIL FROM:<x@y>\r\n.\r\n", b"a\n.\nMAIL FROM:<x@y>\r\n"),
            (b"a\n.\r\nb\r\n.\r\n", b"a\n.\r\nb\r\n"),
            (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n"),
            (b"a\r.\r\nb\r\n.\r\n", b"a\r.\r\nb\r\n"),
            (&[&long[..], b".\r\n"].concat(), &long),
        ] {
            let (body, next) = body(sent, 1_000_000).await;
            let Body::Whole(bytes) = body else { panic!("{body:?}") };
            assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(read));
            assert_eq!(next, b"NEXT");
        }
    }

    #[tokio::test]
    async fn a_letter_that_is_too_large_is_read_to_its_end_and_not_kept() {
        let sent = [b"line\r\n".repeat(1000), b".\r\n".to_vec()].concat();
        let (large, next) = body(&sent, 5999).await;
        assert!(matches!(large, Body::TooLarge) && next == b"NEXT", "{large:?}");
        let (fits, _) = body(&sent, 6000).await;
        assert!(matches!(fits, Body::Whole(bytes) if bytes.len() == 6000));
    }
}
