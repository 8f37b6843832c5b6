use super::*;
use std::future::Future as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Waker};

/// Bytes of which no two pieces are alike.
fn bytes(count: usize) -> Vec<u8> {
    (0..count as u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
}

fn whole(came: Came) -> Letter {
    match came {
        Came::Whole(letter) => letter,
        Came::TooBig(size_bytes) => panic!("{size_bytes} are too much"),
    }
}

fn read(mut reader: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    all
}

async fn taken(room: &Room, sent: &[u8], piece: usize) -> io::Result<Came> {
    let mut growing = Growing::new(room);
    for piece in sent.chunks(piece) {
        growing.settle().await?;
        growing.push(piece);
    }
    growing.end().await
}

fn anywhere(folder: &std::path::Path) -> Room {
    Room::spooled(u64::MAX, folder, || Ok(()))
}

#[tokio::test]
async fn a_small_letter_is_in_memory_and_a_large_one_in_a_file_without_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [0, 1, MEMORY_BYTES_MAX, MEMORY_BYTES_MAX + 1, MEMORY_BYTES_MAX + PIECE_BYTES + 7];
    for (size, piece) in sizes.into_iter().zip([1, 1, 70_000, 16_384, 999_999]) {
        let sent = bytes(size);
        let letter = whole(taken(&anywhere(folder.path()), &sent, piece).await.unwrap());
        let at_once = whole(Letter::read(sent.as_slice(), &anywhere(folder.path())).unwrap());
        for letter in [letter, at_once] {
            assert_eq!(letter.size_bytes(), size as u64);
            assert_eq!(letter.bytes().is_some(), size <= MEMORY_BYTES_MAX, "{size}");
            assert!(read(letter.reader()) == sent, "{size}");
            assert_eq!(letter.start(5).unwrap(), &sent[..size.min(5)]);
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{size}");
        }
    }
}

#[tokio::test]
async fn a_reader_goes_where_it_is_sent_and_has_a_place_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let sent = bytes(MEMORY_BYTES_MAX + 100);
    let large = whole(taken(&anywhere(folder.path()), &sent, 100_000).await.unwrap());
    for (letter, sent) in [(large, sent), (Letter::from(b"From: ann".to_vec()), b"From: ann".to_vec())] {
        let all = [b"Received: here\r\n", sent.as_slice()].concat();
        let (mut reader, other) = (letter.reader_behind(&all[..16]), letter.reader_behind(&all[..16]));
        assert_eq!(reader.seek(SeekFrom::End(-3)).unwrap(), all.len() as u64 - 3);
        assert_eq!(read(&mut reader), &all[all.len() - 3..]);
        assert_eq!(reader.seek(SeekFrom::Start(10)).unwrap(), 10);
        assert_eq!(reader.seek(SeekFrom::Current(4)).unwrap(), 14);
        assert!(read(&mut reader) == all[14..]);
        assert_eq!(reader.seek(SeekFrom::End(9)).unwrap(), all.len() as u64 + 9);
        assert_eq!(read(&mut reader), b"");
        assert!(reader.seek(SeekFrom::Current(-i64::MAX)).is_err());
        assert!(read(other) == all);
    }
}

#[tokio::test]
async fn over_the_limit_nothing_is_kept_and_all_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let most = MEMORY_BYTES_MAX + 2 * PIECE_BYTES;
    let room = Room::spooled(most as u64, folder.path(), || Ok(()));
    let sent = bytes(most + 10 * PIECE_BYTES);
    for (size, fits) in [(most, true), (most + 1, false), (sent.len(), false)] {
        let sent = &sent[..size];
        for came in [taken(&room, sent, 300_000).await.unwrap(), Letter::read(sent, &room).unwrap()] {
            match came {
                Came::Whole(letter) => assert!(fits && read(letter.reader()) == sent, "{size}"),
                Came::TooBig(size_bytes) => assert!(!fits && size_bytes == size as u64, "{size}"),
            }
        }
    }
    let small = Room::in_memory(10);
    assert!(matches!(taken(&small, b"12345678901", 3).await.unwrap(), Came::TooBig(11)));
    assert_eq!(whole(taken(&small, b"1234567890", 3).await.unwrap()).into_bytes().unwrap(), b"1234567890");
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_the_error_and_a_small_letter_needs_none() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = anywhere(&folder.path().join("gone"));
    let sent = bytes(MEMORY_BYTES_MAX + 1);
    assert!(taken(&nowhere, &sent[1..], 100_000).await.is_ok());
    assert_eq!(taken(&nowhere, &sent, 100_000).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    // It is full in the middle; who hands it over is heard to the end all the same.
    let pieces = Arc::new(AtomicUsize::new(0));
    let full = {
        let pieces = pieces.clone();
        Room::spooled(u64::MAX, folder.path(), move || match pieces.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Ok(()),
            _ => Err(io::ErrorKind::StorageFull.into()),
        })
    };
    let sent = bytes(MEMORY_BYTES_MAX + 5 * PIECE_BYTES);
    let mut source = sent.as_slice();
    assert_eq!(Letter::read(&mut source, &full).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert!(source.is_empty());
    assert_eq!(pieces.load(Ordering::SeqCst), 3, "nothing is tried again");
    pieces.store(0, Ordering::SeqCst);
    assert_eq!(taken(&full, &sent, 100_000).await.unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_future_that_is_dropped_while_a_piece_is_written_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let goes_on = Arc::new(AtomicBool::new(false));
    let room = {
        let goes_on = goes_on.clone();
        Room::spooled(u64::MAX, folder.path(), move || {
            while !goes_on.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            Ok(())
        })
    };
    let sent = bytes(MEMORY_BYTES_MAX + 3 * PIECE_BYTES);
    let (first, rest) = sent.split_at(MEMORY_BYTES_MAX + 1);
    let mut growing = Growing::new(&room);
    growing.push(first);
    for _ in 0..3 {
        let mut dropped = Box::pin(growing.settle());
        assert!(dropped.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    goes_on.store(true, Ordering::SeqCst);
    growing.settle().await.unwrap();
    growing.push(rest);
    assert!(read(whole(growing.end().await.unwrap()).reader()) == sent);
}

#[tokio::test]
async fn a_letter_of_blanks_is_blank_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let mut sent = b" \r\n".repeat(MEMORY_BYTES_MAX / 3 + 1);
    let blank = whole(Letter::read(sent.as_slice(), &anywhere(folder.path())).unwrap());
    assert!(blank.bytes().is_none() && blank.is_blank().unwrap());
    sent.push(b'x');
    let written = whole(Letter::read(sent.as_slice(), &anywhere(folder.path())).unwrap());
    assert!(!written.is_blank().unwrap());
    assert!(
        Letter::from(Vec::new()).is_blank().unwrap() && !Letter::from(b" x".to_vec()).is_blank().unwrap()
    );
}
