//! A letter between 354 and the dot that ends it (RFC 5321 §4.5.2).

use std::io;

use super::BLOCK_TIMEOUT;
use crate::letter::{Came, Growing, Room};
use crate::line::{Dots, Fault, LineStream};

/// It was read to its end in any case, or what follows would be taken for commands. The inner error: it could not be written
/// down here.
pub(super) async fn read(lines: &mut LineStream, room: &Room) -> Result<io::Result<Came>, Fault> {
    let (mut growing, mut unkept, mut dots) = (Growing::new(room), None, Dots::default());
    loop {
        let piece = lines.read_piece(BLOCK_TIMEOUT).await?;
        let Some(rest) = dots.taken_off(&piece) else { break };
        if unkept.is_none() {
            growing.push(rest);
            unkept = growing.settle().await.err();
        }
    }
    Ok(match unkept {
        Some(error) => Err(error),
        None => growing.end().await,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::MEMORY_BYTES_MAX;
    use tokio::io::AsyncWriteExt as _;

    /// What is read of this, and what is left for the next command.
    async fn body(sent: &[u8], room: &Room) -> (io::Result<Came>, Vec<u8>) {
        let (mut theirs, ours) = tokio::io::duplex(256);
        let mut lines = LineStream::new(Box::new(ours), None);
        let sent = [sent, b"NEXT\r\n"].concat();
        let writing = tokio::spawn(async move { theirs.write_all(&sent).await });
        let body = read(&mut lines, room).await.unwrap();
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
            let (came, next) = body(sent, &Room::in_memory(1_000_000)).await;
            let Ok(Came::Whole(letter)) = came else { panic!("{came:?}") };
            assert_eq!(String::from_utf8_lossy(letter.bytes().unwrap()), String::from_utf8_lossy(read));
            assert_eq!(next, b"NEXT");
        }
    }

    #[tokio::test]
    async fn a_letter_that_is_too_large_is_read_to_its_end_and_not_kept() {
        let sent = [b"line\r\n".repeat(1000), b".\r\n".to_vec()].concat();
        let (large, next) = body(&sent, &Room::in_memory(5999)).await;
        assert!(matches!(large, Ok(Came::TooBig(6000))) && next == b"NEXT", "{large:?}");
        let (fits, _) = body(&sent, &Room::in_memory(6000)).await;
        assert!(matches!(fits, Ok(Came::Whole(letter)) if letter.size_bytes() == 6000));
    }

    #[tokio::test]
    async fn a_letter_that_cannot_be_written_down_is_read_to_its_end_too() {
        let sent = [b"line\r\n".repeat(MEMORY_BYTES_MAX / 6 + 400_000), b".\r\n".to_vec()].concat();
        let full = || Err(io::ErrorKind::StorageFull.into());
        let (came, next) = body(&sent, &Room::spooled(u64::MAX, "nowhere", full)).await;
        assert!(came.is_err_and(|error| error.kind() == io::ErrorKind::StorageFull));
        assert_eq!(next, b"NEXT");
    }
}
