use super::*;
use std::io::Cursor;

/// Keys are kept for ever, so what is hashed may never change: the body line by line, each without its CR.
#[test]
fn the_body_is_hashed_by_its_lines_whatever_they_end_with() {
    let bodies: [&[u8]; 8] = [
        b"",
        b"one",
        b"one\ntwo\n\n",
        b"one\r\ntwo\r\n",
        b"one\r\r\ntwo\rthree\n\r\n\r\nfour",
        b"\r\n\r\none\r",
        b"\n\r\n one \r\n",
        b"one\n\rtwo\n",
    ];
    for body in bodies {
        let mut hash = Sha256::new();
        hash.update(b"subject: a\ndate: c\n\n");
        for line in body.trim_ascii_end().split(|b| *b == b'\n') {
            hash.update(line.strip_suffix(b"\r").unwrap_or(line));
            hash.update(b"\n");
        }
        let expected: [u8; 32] = hash.finalize().into();
        let message = [b"Subject: a\r\nReceived: b\r\nDate: c\r\n\r\n", body].concat();
        // Under the earlier rule; without an id the lowest `Received` counts as well now.
        assert_eq!(of(&message).earlier, Some(expected), "{:?}", String::from_utf8_lossy(body));
        assert_ne!(of(&message).key, expected);
        let named = [b"Message-ID: <1@x>\r\nReceived: b\r\n\r\n", body].concat();
        let mut hash = Sha256::new();
        hash.update(b"message-id: <1@x>\n\n");
        for line in body.trim_ascii_end().split(|b| *b == b'\n') {
            hash.update(line.strip_suffix(b"\r").unwrap_or(line));
            hash.update(b"\n");
        }
        let expected: [u8; 32] = hash.finalize().into();
        assert_eq!(of(&named), ContentKey { key: expected, earlier: None });
    }
}
/// Reads at most so many bytes at once.
struct Slow<'a>(Cursor<&'a [u8]>, usize);
impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}
impl Seek for Slow<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[track_caller]
fn is_the_same(raw: &[u8]) {
    for head_bytes_max in [HEAD_BYTES_MAX, 3, 20, 33] {
        let expected = of_data(&crate::message::raw::data(raw), head_bytes_max);
        for at_once in [1, 2, 7, 1 << 20] {
            // Where the reader stands does not matter.
            let mut source = Slow(Cursor::new(raw), at_once);
            source.0.set_position(raw.len() as u64 / 2);
            let key = of_source_within(&mut source, head_bytes_max).unwrap();
            assert_eq!(key, expected, "{:?} {head_bytes_max} {at_once}", String::from_utf8_lossy(raw));
        }
    }
}

#[test]
fn what_is_read_piece_by_piece_has_the_same_key() {
    let starts: [&[u8]; 5] =
        [b"", b"\xef\xbb\xbf", b"\r\n\n\r", b"From ann\n", b"\xef\xbb\xbf\n\nFrom ann today\r\n"];
    let heads: [&[u8]; 9] = [
        b"",
        b"Subject: a\n\n",
        b"Subject: a\r\n b\r\nReceived: c\r\n\r\n",
        b"Subject: a\n \t\n\n",
        b"Subject: a\n \n b\n\n",
        b"Subject: a\nlost\nFrom: b\n\n",
        b"Subject: a\nno header\n\nFrom: b\n",
        b"a\n\n",
        b"From: a\n",
    ];
    let bodies: [&[u8]; 8] = [
        b"",
        b"one",
        b"one\r\ntwo\r\n",
        b"one\r\r\ntwo\rthree\n\r",
        b"\r\n\r\none \x0b \x0c\t",
        b" \r\n \n",
        b"a\r",
        b"\r\r\n\n b\0",
    ];
    for (start, head, body) in
        starts.iter().flat_map(|s| heads.iter().flat_map(|h| bodies.map(|b| (*s, *h, b))))
    {
        let raw = [start, head, body].concat();
        is_the_same(&raw);
        // As a file of an old Macintosh.
        let cr_only: Vec<u8> = raw.iter().map(|b| if *b == b'\n' { b'\r' } else { *b }).collect();
        is_the_same(&cr_only);
    }
}

#[test]
fn any_bytes_have_the_same_key() {
    let pieces: [&[u8]; 12] = [
        b"\r",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b"a",
        b"From ",
        b"From: x",
        b":",
        b"\n\n",
        b"\0",
        b"Received: y\n z",
    ];
    let mut state = 7_u64;
    for _ in 0..3_000 {
        let mut raw = Vec::new();
        for _ in 0..state % 17 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            raw.extend_from_slice(pieces[(state >> 60) as usize % pieces.len()]);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        is_the_same(&raw);
    }
}

/// A message that is nowhere: a header, and blanks without an end behind a word.
struct Blanks(u64);
impl Blanks {
    const HEAD: &'static [u8] = b"Subject: a\r\n\r\nword";
    const BYTES: u64 = 100 << 20;
}
impl Read for Blanks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = buffer.len().min(usize::try_from(Self::BYTES - self.0).unwrap());
        assert!(bytes <= PIECE_BYTES);
        buffer[..bytes].fill(b' ');
        if let Some(head) = Self::HEAD.get(usize::try_from(self.0).unwrap()..) {
            let bytes = head.len().min(bytes);
            buffer[..bytes].copy_from_slice(&head[..bytes]);
        }
        self.0 += bytes as u64;
        Ok(bytes)
    }
}
impl Seek for Blanks {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0 = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(back) => Self::BYTES.checked_add_signed(back).unwrap(),
            SeekFrom::Current(by) => self.0.checked_add_signed(by).unwrap(),
        };
        Ok(self.0)
    }
}

#[test]
fn a_hundred_megabytes_of_blanks_are_never_in_memory() {
    assert_eq!(of_source(&mut Blanks(0)).unwrap(), of(Blanks::HEAD));
}
