use super::*;

#[test]
fn base64_survives_what_mailers_do_to_it() {
    assert_eq!(base64(b"SGVs\r\nbG8=\r\n"), (b"Hello".to_vec(), false));
    assert_eq!(base64(b"SGVsbG8"), (b"Hello".to_vec(), true));
    assert_eq!(base64(b"SGVs!bG8="), (b"Hello".to_vec(), true));
    assert_eq!(base64(b"SGVsbG8=\n____\nlist footer"), (b"Hello".to_vec(), true));
    assert_eq!(base64(b"SGVsbG8=SGVsbG8="), (b"HelloHello".to_vec(), false));
}

/// How base64 is read, said of a body that is there as a whole.
fn patched(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let mut bad = false;
    let mut padded = false;
    let mut buffer = 0u32;
    let mut held = 0u8;
    for line in bytes.split(|b| *b == b'\n') {
        if padded
            && !line.trim_ascii().iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
        {
            return (out, true);
        }
        for &byte in line {
            if let Some(value) = sextet(byte) {
                buffer = (buffer << 6) | value;
                held += 1;
                if held == 4 {
                    out.extend_from_slice(&[(buffer >> 16) as u8, (buffer >> 8) as u8, buffer as u8]);
                    (buffer, held) = (0, 0);
                }
            } else if byte == b'=' {
                padded = true;
                bad |= flush(&mut out, buffer, held);
                (buffer, held) = (0, 0);
            } else if !matches!(byte, b'\r' | b' ' | b'\t') {
                bad = true;
            }
        }
    }
    if held > 0 {
        flush(&mut out, buffer, held);
        bad = true;
    }
    (out, bad)
}

/// The same of quoted-printable.
fn unquoted(bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    let mut bad = false;
    let mut lines = bytes.split(|b| *b == b'\n').peekable();
    while let Some(line) = lines.next() {
        let had_cr = line.last() == Some(&b'\r');
        let line = line.trim_ascii_end();
        let soft = line.last() == Some(&b'=');
        let line = if soft { line.get(..line.len() - 1).unwrap_or_default() } else { line };
        bad |= quoted_printable_line(line, &mut out);
        if !soft && lines.peek().is_some() {
            out.extend_from_slice(if had_cr { b"\r\n" } else { b"\n" });
        }
    }
    (out, bad)
}

/// In pieces of so many bytes.
fn in_pieces(mut decoder: Decoder, bytes: &[u8], size: usize) -> (Vec<u8>, bool) {
    let mut out = Vec::new();
    bytes.chunks(size).for_each(|piece| decoder.feed(piece, &mut out));
    let trouble = decoder.end(&mut out);
    (out, trouble.base64 || trouble.encoding)
}

#[track_caller]
fn is_read_as_a_whole(bytes: &[u8]) {
    let (base64, quoted) = (patched(bytes), unquoted(bytes));
    for size in [1, 2, 3, 5, 1_000, 1 << 20] {
        let said = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).into_owned();
        assert_eq!(in_pieces(Decoder::Base64(Base64::default()), bytes, size), base64, "{size} {said:?}");
        assert_eq!(in_pieces(Decoder::Quoted(Quoted::default()), bytes, size), quoted, "{size} {said:?}");
    }
}

#[test]
fn wherever_a_body_is_cut_the_same_comes_out() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    for length in 0..120 {
        let text = STANDARD.encode(&bytes[..length]);
        for end in ["\r\n", "\n", ""] {
            let lines: Vec<&str> =
                text.as_bytes().chunks(76).map(|l| std::str::from_utf8(l).unwrap()).collect();
            let text = lines.join(end) + end;
            assert_eq!(base64(text.as_bytes()), (bytes[..length].to_vec(), false), "{text}");
            is_read_as_a_whole(text.as_bytes());
        }
    }
    let pieces: [&[u8]; 22] = [
        b"SGVs",
        b"bG8=",
        b"b",
        b"_-",
        b"=",
        b"==",
        b"\n",
        b"\r\n",
        b"\r",
        b" ",
        b"\t",
        b"\x0c",
        b"=4",
        b"=41",
        b"=zz",
        b"!",
        b"footer of a list",
        b"----",
        b"=\r\n",
        b"= \n",
        b"\xfc",
        b"+/+/",
    ];
    let mut state = 3_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as usize
    };
    for _ in 0..6_000 {
        let body: Vec<u8> = (0..next() % 24).flat_map(|_| pieces[next() % pieces.len()].to_vec()).collect();
        is_read_as_a_whole(&body);
    }
    // Lines and blanks that are longer than what is waited for.
    let letters = "QUJD".repeat(30_000);
    is_read_as_a_whole(format!("QUI=\n{letters}\nQUI=\nno base64").as_bytes());
    is_read_as_a_whole(format!("=41{}b\n", " ".repeat(WAIT_BYTES_MAX)).as_bytes());
    is_read_as_a_whole(format!("={}\n", " ".repeat(WAIT_BYTES_MAX)).as_bytes());
}

#[test]
fn what_is_waited_for_has_an_end() {
    let letters = "QUJD".repeat(WAIT_BYTES_MAX / 4);
    for size in [1, 1_000, 1 << 20] {
        let body = format!("QUI=\n{letters}!QUJD\n");
        let (out, bad) = in_pieces(Decoder::Base64(Base64::default()), body.as_bytes(), size);
        assert_eq!((out.len(), bad), (2 + WAIT_BYTES_MAX / 4 * 3 + 3, true), "{size}");
        let blanks = " ".repeat(WAIT_BYTES_MAX + 9);
        let quoted =
            in_pieces(Decoder::Quoted(Quoted::default()), format!("a={blanks}\nb  \n").as_bytes(), size);
        assert_eq!(quoted, (format!("a={blanks}\nb\n").into_bytes(), true), "{size}");
    }
}

#[test]
fn quoted_printable_keeps_what_it_cannot_decode() {
    let quoted_printable = |body: &[u8]| in_pieces(Decoder::Quoted(Quoted::default()), body, 1_000);
    assert_eq!(quoted_printable(b"a=3Db =\nc=fc  \r\nd"), (b"a=b c\xfc\r\nd".to_vec(), false));
    assert_eq!(quoted_printable(b"100 =ZZ"), (b"100 =ZZ".to_vec(), true));
}
