//! A message that is too large to be in memory becomes what it would become there.
use desk::files::store::Store;
use desk::intake::filing::{self, Parsed, Unread};
use std::fmt::Write as _;
use std::io::{self, Read};

/// A text, two large attachments, one of them twice, and many small ones.
fn letter() -> Vec<u8> {
    let mut raw =
        "From: ann@example.org\r\nSubject: plans\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<p>See below.\r\n"
            .to_owned();
    let line = |seed: usize| format!("{seed:08}{}\r\n", "QUJDREVGR0hJSktM".repeat(4));
    for (number, lines) in
        [(0, 30_000), (1, 60_000), (0, 30_000)].into_iter().chain((2..40).map(|n| (n, 300)))
    {
        let name = format!("plan-{number}.bin");
        write!(
            raw,
            "--b\r\nContent-Type: application/octet-stream; name={name}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            (0..lines).map(|n| line(n * 64 + number)).collect::<String>()
        )
        .unwrap();
    }
    raw.push_str("--b\r\nContent-Type: text/plain; name=small.txt\r\n\r\nsmall\r\n--b--\r\n");
    raw.into_bytes()
}

#[test]
fn a_large_message_becomes_what_it_would_become_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let raw = letter();
    let whole = filing::unkept(filing::parse(&raw)).unwrap();
    let stored = store.put(&raw).unwrap();
    let source = || store.open_blob(&stored.place, &stored.hash).unwrap();

    let parsed = filing::parse_large(source(), Some(&store)).unwrap();
    assert_eq!(parsed.handed_over.len(), 41);
    assert!(parsed.bytes() < 100, "nothing large is left in memory: {} bytes", parsed.bytes());
    let kept = filing::keep(&store, vec![parsed]).unwrap().pop().unwrap();
    let named = filing::unkept(filing::parse_large(source(), None).unwrap()).unwrap();
    for prepared in [&kept, &named] {
        assert_eq!(prepared.message.reply_text, whole.message.reply_text);
        assert_eq!(prepared.message.attachments.len(), whole.message.attachments.len());
        for (one, other) in prepared.message.attachments.iter().zip(&whole.message.attachments) {
            assert_eq!((&one.name, &one.media_type), (&other.name, &other.media_type));
        }
        let names = |stored: &[desk::files::store::Stored]| {
            stored.iter().map(|stored| (stored.hash, stored.size_bytes)).collect::<Vec<_>>()
        };
        assert_eq!(names(&prepared.attachments), names(&whole.attachments));
        assert_eq!(prepared.html.as_ref().map(|html| html.hash), whole.html.as_ref().map(|html| html.hash));
    }
    for (file, whole) in kept.attachments.iter().zip(filing::parse(&raw).message.attachments) {
        assert!(store.get(&file.place, &file.hash).unwrap() == whole.content);
    }
    assert_eq!(kept.attachments[0].place, kept.attachments[2].place, "the same content is kept once");
}

#[test]
fn who_is_at_fault_is_told_apart() {
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the line is gone"))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("blobs")).unwrap();
    let raw = letter();
    let said = |read: Result<Parsed, Unread>| match read.unwrap_err() {
        Unread::Source(e) => format!("source: {e}"),
        Unread::Store(e) => format!("store: {e}"),
    };
    assert_eq!(
        said(filing::parse_large(raw.as_slice().chain(Breaks), Some(&store))),
        "source: the line is gone"
    );
    std::fs::remove_dir_all(folder.path().join("blobs")).unwrap();
    let said = said(filing::parse_large(raw.as_slice(), Some(&store)));
    assert!(said.starts_with("store: ") && said.contains("the folder is gone"), "{said}");
}

#[test]
fn a_store_that_is_away_is_not_taken_for_a_lost_content() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blobs");
    let store = Store::open(&root).unwrap();
    let stored = store.put(&vec![7; 2 << 20]).unwrap();
    let (path, away) = (root.join(&stored.place), folder.path().join("away"));
    let is_away = || store.is_away(&store.get(&stored.place, &stored.hash).unwrap_err());
    std::fs::rename(&root, &away).unwrap();
    assert!(is_away());
    std::fs::rename(&away, &root).unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    assert!(!is_away(), "it is damaged");
    std::fs::remove_file(&path).unwrap();
    assert!(!is_away(), "it is lost");
    std::fs::create_dir(&path).unwrap();
    assert!(is_away(), "the system does not read it, and may tomorrow");
}
