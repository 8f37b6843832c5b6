use std::io::Cursor;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::message::{Defect, parse, unpack};

/// What was handed over.
#[derive(Default)]
struct Shelf {
    whole: Vec<Vec<u8>>,
    open: Vec<u8>,
}
impl Sink for Shelf {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.open.extend_from_slice(piece);
        Ok(())
    }
    fn end(&mut self) -> io::Result<()> {
        self.whole.push(std::mem::take(&mut self.open));
        Ok(())
    }
}

/// Gives at most so many bytes at once.
struct Slow<'a>(&'a [u8], usize);
impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

const TINY: Limits = Limits { leaf: 0, window: 400, ..LIMITS };

/// Read from a stream, and the contents put back; how many there were.
fn streamed(raw: &[u8], at_once: usize, limits: Limits) -> (Message, usize) {
    let mut shelf = Shelf::default();
    let mut message =
        parse_within(Slow(raw, at_once), &mut shelf, limits).expect("nothing stands in the way");
    assert!(shelf.open.is_empty());
    let mut given: Vec<usize> = Vec::new();
    for attachment in &mut message.attachments {
        if let Some(index) = attachment.handed_over.take() {
            assert!(attachment.content.is_empty());
            attachment.content.clone_from(&shelf.whole[index]);
            given.push(index);
        }
    }
    given.sort_unstable();
    assert_eq!(given, (0..shelf.whole.len()).collect::<Vec<_>>(), "each is one attachment");
    (message, given.len())
}

/// How many contents were handed over, with the lowest limits.
#[track_caller]
fn is_the_same(raw: &[u8]) -> usize {
    let expected = format!("{:#?}", parse(raw));
    let tries = [(400, 0, 1 << 20), (1_000, 64, 97), (LIMITS.window, 0, 3), (LIMITS.window, 300, 1 << 20)];
    let mut most = 0;
    for (window, leaf, at_once) in tries {
        let (message, count) = streamed(raw, at_once, Limits { window, leaf, ..LIMITS });
        most = most.max(count);
        let found = format!("{message:#?}");
        if found != expected {
            let line = expected.lines().zip(found.lines()).find(|(expected, found)| expected != found);
            let start = raw.get(..2_000).unwrap_or(raw);
            panic!("{:?}\n{window} {leaf} {at_once}: {line:?}", String::from_utf8_lossy(start));
        }
    }
    most
}

#[test]
fn every_letter_of_the_corpus_is_read_from_a_stream_as_in_memory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut handed_over = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|end| end != "eml") {
            continue;
        }
        let raw = std::fs::read(&path).expect("readable");
        if raw.len() > 60_000 {
            let (message, _) = streamed(&raw, 1 << 20, TINY);
            assert_eq!(format!("{message:?}"), format!("{:?}", parse(&raw)), "{}", path.display());
            continue;
        }
        handed_over += is_the_same(&raw);
        let text: Vec<u8> = raw.iter().copied().filter(|b| *b != b'\r').collect();
        let ended = |end: &[u8]| text.split(|b| *b == b'\n').collect::<Vec<_>>().join(end);
        for raw in
            [ended(b"\r\n"), ended(b"\r"), ended(b"\n"), [b"\xef\xbb\xbf\n\n", raw.as_slice()].concat()]
        {
            handed_over += is_the_same(&raw);
            // Broken off anywhere.
            is_the_same(&raw[..raw.len() * 7 / 10]);
        }
    }
    assert!(handed_over > 40, "only {handed_over} contents were handed over");
}

/// What letters are made of, and what they are attacked with.
const PIECES: [&str; 52] = [
    "Content-Type: multipart/mixed; boundary=b\n",
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n",
    "Content-Type: multipart/alternative; boundary=\"c c\"\r\n",
    "Content-Type: multipart/related; boundary=bb\n\n",
    "Content-Type: multipart/digest; boundary=b\n\n",
    "Content-Type: multipart/report; boundary=b\n\n",
    "Content-Type: multipart/mixed\n",
    "Content-Type: text/plain; name=x.txt\n",
    "Content-Type: text/html\n\n",
    "Content-Type: application/pdf; name=a.pdf\n",
    "Content-Type: image/png\nContent-ID: <a@b>\n\n",
    "Content-Type: message/rfc822\n\n",
    "Content-Type: message/delivery-status\n\n",
    "Content-Type: text/rfc822-headers\n\n",
    "Content-Type: application/ms-tnef\nContent-Transfer-Encoding: base64\n\neJ8+IgAAAA==\n",
    "Content-Transfer-Encoding: base64\n",
    "Content-Transfer-Encoding: base64\r\n\r\n",
    "Content-Transfer-Encoding: quoted-printable\n",
    "Content-Transfer-Encoding: uuencode\n",
    "Content-Transfer-Encoding: 8bit\n",
    "Content-Disposition: attachment\n",
    "Content-Disposition: inline; filename=y\n",
    "Final-Recipient: rfc822; a@b.org\nAction: failed\n",
    "Message-ID: <a@b.org>\n",
    "From: a@b.org\n",
    "From a@b.org\n",
    "Subject: x\n",
    "<img src=\"cid:a@b\">\n",
    "\n",
    "\n",
    "\n\n",
    "\r\n",
    "\r\n\r\n",
    "\r",
    "--b\n",
    "--b\n",
    "--b\r\n",
    "--b--\n",
    "--bb\n",
    "--bb--\r\n",
    "--c c\r\n",
    "--c c--\n",
    "--b  ",
    "--",
    "-",
    "QUJDREVGR0hJSktM\n",
    "QUJDREV=\n",
    "=41=\n=E4 \n",
    "words and more words\n",
    " \n",
    "\t folded\n",
    "no field\n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_is_read_from_a_stream_as_in_memory(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40),
        begins_well in any::<bool>(),
        long in 0..40_usize,
    ) {
        let begin = if begins_well { "From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n" } else { "" };
        let mut raw = begin.to_owned();
        for (index, piece) in pieces.iter().enumerate() {
            if index == long {
                raw.push_str(&"QUJDREVGR0hJSktM".repeat(80));
            }
            raw.push_str(piece);
        }
        is_the_same(raw.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_from_a_stream_as_in_memory(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        is_the_same(&bytes);
    }
}

/// A multipart of a text and one attachment.
fn with_attachment(head: &str, body: &str) -> Vec<u8> {
    format!(
        "From: a@b.org\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nwords\r\n--b\r\n\
         {head}\r\n\r\n{body}\r\n--b--\r\n"
    )
    .into_bytes()
}

#[test]
fn a_large_attachment_goes_to_the_sink_and_a_small_one_stays() {
    let base64 = "Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64";
    let large = with_attachment(base64, &"QUJDREVGR0hJSktM\r\n".repeat(2_000));
    let mut shelf = Shelf::default();
    let message = parse_stream(Cursor::new(&large), &mut shelf).expect("nothing stands in the way");
    assert_eq!(
        (message.attachments[0].handed_over, message.attachments[0].name.as_str()),
        (Some(0), "a.pdf")
    );
    assert_eq!((message.size, shelf.whole[0].len()), (large.len(), 24_000));
    assert_eq!(shelf.whole[0], parse(&large).attachments[0].content);
    let small = with_attachment(base64, "QUJD");
    assert_eq!(streamed(&small, 100, LIMITS).1, 0);
}

#[test]
fn what_is_wrong_with_what_was_handed_over_is_said() {
    let head = "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64";
    let body = format!("{}\r\nbare \r cr, nul \0, {}!", "QUJD".repeat(20), "y".repeat(1_000));
    let raw = with_attachment(head, &body);
    assert_eq!(is_the_same(&raw), 1);
    let defects = streamed(&raw, 10, TINY).0.defects;
    for defect in [Defect::BadBase64, Defect::BareCr, Defect::NulByte, Defect::LongLine] {
        assert!(defects.contains(&defect), "{defect:?} of {defects:?}");
    }
}

#[test]
fn a_parcel_stays_and_is_opened() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/structure-winmail-dat.eml");
    let raw = std::fs::read(path).expect("readable");
    let (mut found, mut expected) = (streamed(&raw, 1_000, TINY).0, parse(&raw));
    unpack(&mut found);
    unpack(&mut expected);
    assert_eq!(format!("{found:?}"), format!("{expected:?}"));
}

#[test]
fn a_returned_letter_is_handed_over_and_its_message_id_read() {
    let letter = format!("Message-ID: <lost@b.org>\r\n\r\n{}", "Many words\r\n".repeat(200_000));
    let raw = format!(
        "From: mailer-daemon@b.org\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nSorry\r\n--b\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; b.org\r\n\r\nFinal-Recipient: rfc822; c@d.org\r\n\
         Action: failed\r\nStatus: 5.1.1\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{letter}\r\n--b--\r\n"
    );
    let (message, count) = streamed(raw.as_bytes(), 1 << 20, LIMITS);
    assert_eq!((count, message.bounces[0].original_message_id.as_deref()), (1, Some("lost@b.org")));
    assert_eq!(format!("{message:?}"), format!("{:?}", parse(raw.as_bytes())));
}

#[test]
fn a_text_without_an_end_is_read_as_far_as_ever() {
    let root = "From: a@b.org\r\n\r\n";
    let part = "From: a@b.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n";
    for (head, line, end) in [(root, "Many words", ""), (part, "--Many words\r\n", "\r\n--b--\r\n")] {
        let raw = format!("{head}{}{end}", line.repeat((13 << 20) / line.len()));
        let limits = Limits { left: (12 << 20) + (1 << 19), ..LIMITS };
        let (message, count) = streamed(raw.as_bytes(), 1 << 20, limits);
        assert_eq!((count, message.over_limit), (0, None));
        assert!(message.defects.contains(&Defect::Cut));
        assert!(format!("{message:?}") == format!("{:?}", parse(raw.as_bytes())), "{line}");
    }
}

#[test]
fn what_is_over_the_limit_keeps_what_was_handed_over_before() {
    let attachment = "--b\r\nContent-Type: application/pdf\r\n\r\nwords in a file\r\n";
    let head = "From: a@b.org\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n";
    let stray = "no part\r\n".repeat(400_000);
    let limits = Limits { leaf: 5, left: 2 << 20, ..LIMITS };
    for (raw, count) in [
        (format!("{head}{attachment}--b--\r\n{stray}"), 1),
        (format!("{head}{stray}{attachment}--b--\r\n"), 0),
    ] {
        let (message, found) = streamed(raw.as_bytes(), 1 << 20, limits);
        assert_eq!((found, message.subject.as_str(), message.size), (count, "x", raw.len()));
        // What follows the last boundary is no part, is not read, and so is not too much.
        assert_eq!(message.over_limit, (count == 0).then_some(Limit::Size));
    }
    let parcel = format!("{head}{attachment}--b\r\nContent-Type: application/ms-tnef\r\n\r\n\u{78}\u{9f}");
    assert_eq!(streamed(parcel.as_bytes(), 1 << 20, limits).0.over_limit, None);
    let raw = format!("{head}{attachment}--b\r\nContent-Type: message/delivery-status\r\n\r\n{stray}");
    let (message, found) = streamed(raw.as_bytes(), 1 << 20, limits);
    assert_eq!((found, message.over_limit), (1, Some(Limit::Size)));
}

#[test]
fn who_stands_in_the_way_is_said() {
    struct Full;
    impl Sink for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<()> {
            Err(io::Error::other("full"))
        }
        fn end(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct Breaks;
    impl Read for Breaks {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let raw = with_attachment("Content-Type: application/pdf", "words in a file");
    let stopped = parse_within(Cursor::new(&raw), &mut Full, TINY).expect_err("it is full");
    assert!(matches!(&stopped, Stopped::Sink(e) if e.to_string() == "full"), "{stopped:?}");
    let source = Cursor::new(&raw).chain(Breaks);
    let stopped = parse_within(source, &mut Shelf::default(), TINY).expect_err("it is gone");
    assert!(matches!(&stopped, Stopped::Source(e) if e.to_string() == "gone"), "{stopped:?}");
}
