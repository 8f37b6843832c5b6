//! A letter between 354 and the dot that ends it (RFC 5321 §4.5.2).

use std::io;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::{BLOCK_TIMEOUT, PACE, PACE_BYTES, PLACE_TIMEOUT, SMALL_BYTES};
use crate::letter::{Came, Growing, Room};
use crate::line::{Dots, Fault, LineStream};

/// What came, and the place among the large ones that it holds until it is kept.
pub(super) struct Body<'p> {
    pub came: io::Result<Came>,
    pub place: Option<SemaphorePermit<'p>>,
}

/// It was read to its end in any case, or what follows would be taken for commands. The error of what came: it could not be
/// written down here, or no place became free for it. Small ones need none, so that whoever is slow with a large one keeps
/// nobody else from handing over; and one that has a place loses it with the link where it hardly moves.
pub(super) async fn read<'p>(
    lines: &mut LineStream,
    room: &Room,
    places: &'p Semaphore,
) -> Result<Body<'p>, Fault> {
    let (mut growing, mut unkept, mut dots) = (Growing::new(room), None, Dots::default());
    let (mut place, mut bytes) = (None, 0_usize);
    let mut stretch = (Instant::now(), 0_usize);
    loop {
        let patience = match place {
            Some(_) => PACE.saturating_sub(stretch.0.elapsed()),
            None => BLOCK_TIMEOUT,
        };
        let piece = lines.read_piece(patience).await?;
        let Some(rest) = dots.taken_off(&piece) else { break };
        bytes = bytes.saturating_add(rest.len());
        stretch.1 = stretch.1.saturating_add(rest.len());
        if stretch.1 >= PACE_BYTES {
            stretch = (Instant::now(), 0);
        }
        if unkept.is_some() {
            continue;
        }
        if place.is_none() && bytes > SMALL_BYTES {
            match timeout(PLACE_TIMEOUT, places.acquire()).await {
                Ok(Ok(free)) => place = Some(free),
                Ok(Err(_)) | Err(_) => {
                    unkept = Some(io::Error::other("too many large letters come in at once"));
                    continue;
                }
            }
            stretch = (Instant::now(), 0);
        }
        growing.push(rest);
        unkept = growing.settle().await.err();
    }
    let came = match unkept {
        Some(error) => Err(error),
        None => growing.end().await,
    };
    Ok(Body { came, place })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::MEMORY_BYTES_MAX;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt as _;

    /// What is read of this, and what is left for the next command.
    async fn body(sent: &[u8], room: &Room) -> (io::Result<Came>, Vec<u8>) {
        let (mut theirs, ours) = tokio::io::duplex(256);
        let mut lines = LineStream::new(Box::new(ours), None);
        let sent = [sent, b"NEXT\r\n"].concat();
        let writing = tokio::spawn(async move { theirs.write_all(&sent).await });
        let places = Semaphore::new(1);
        let body = read(&mut lines, room, &places).await.unwrap().came;
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

    /// With no place left and with one, until this much has come: a line of 1,000 bytes each time.
    #[tokio::test(start_paused = true)]
    async fn a_large_letter_needs_a_place_and_loses_it_where_it_hardly_moves() {
        let sent = async |lines: usize, pause: Duration, places: usize| {
            let (mut theirs, ours) = tokio::io::duplex(64 * 1024);
            let mut reader = LineStream::new(Box::new(ours), None);
            let writing = tokio::spawn(async move {
                for _ in 0..lines {
                    theirs.write_all(&[&[b'x'; 998][..], b"\r\n"].concat()).await?;
                    tokio::time::sleep(pause).await;
                }
                theirs.write_all(b".\r\n").await
            });
            let places = Semaphore::new(places);
            let read = read(&mut reader, &Room::in_memory(10_000_000), &places).await;
            writing.abort();
            read.map(|body| (body.came.map(|_| ()).map_err(|e| e.to_string()), body.place.is_some()))
        };
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(100));
        assert!(matches!(sent(60, minute, 0).await, Ok((Ok(()), false))), "a small one may be slow");
        assert!(matches!(sent(90, second, 1).await, Ok((Ok(()), true))));
        let none = sent(90, second, 0).await;
        assert!(matches!(&none, Ok((Err(why), false)) if why.contains("too many large letters")), "{none:?}");
        assert!(matches!(sent(90, minute, 1).await, Err(Fault::TimedOut(_))));
        assert!(
            matches!(sent(200, Duration::from_secs(5), 1).await, Err(Fault::TimedOut(_))),
            "it hardly moves"
        );
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
