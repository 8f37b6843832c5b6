//! Every letter of the corpus beside what is understood of it.
//!
//! `WRITE_CORPUS=1 cargo nextest run -p mail corpus` writes the expectations anew; read them before the commit.

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use mail::inspect::inspect;
use serde_json::Value;

fn letters() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut letters: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the corpus is there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "eml"))
        .collect();
    letters.sort();
    letters
}

fn name(path: &std::path::Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

/// What does not depend on the line ends.
fn without_sizes(mut value: Value) -> Value {
    let object = value.as_object_mut().expect("an object");
    object.remove("size");
    object.remove("sha256");
    for attachment in object["attachments"].as_array_mut().expect("a list") {
        attachment.as_object_mut().expect("an object").retain(|key, _| key != "size" && key != "sha256");
    }
    value
}

#[test]
fn every_letter_of_the_corpus_is_understood_as_expected() {
    let write = std::env::var_os("WRITE_CORPUS").is_some();
    let letters = letters();
    assert!(letters.len() >= 90, "only {} letters", letters.len());
    let mut wrong = Vec::new();
    for path in letters {
        let raw = fs::read(&path).expect("readable");
        let found = serde_json::to_string_pretty(&inspect(&name(&path), &raw)).expect("JSON") + "\n";
        let beside = path.with_extension("json");
        if write {
            fs::write(&beside, &found).expect("writable");
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if found != expected {
            wrong.push(difference(&name(&path), &expected, &found));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The first line in which two texts differ.
fn difference(name: &str, expected: &str, found: &str) -> String {
    let line = expected.lines().zip(found.lines()).find(|(e, f)| e != f);
    let (expected, found) = line.unwrap_or(("(one of them ends)", "(one of them ends)"));
    format!("{name}:\n  expected {expected}\n  found    {found}")
}

#[test]
fn line_ends_do_not_change_what_is_understood() {
    for path in letters() {
        let raw = fs::read(&path).expect("readable");
        if raw.contains(&b'\r') {
            continue;
        }
        let mut crlf = Vec::with_capacity(raw.len() * 2);
        for byte in &raw {
            if *byte == b'\n' {
                crlf.push(b'\r');
            }
            crlf.push(*byte);
        }
        let name = name(&path);
        assert_eq!(without_sizes(inspect(&name, &raw)), without_sizes(inspect(&name, &crlf)), "{name}");
        assert_eq!(mail::message::content_key(&raw), mail::message::content_key(&crlf), "{name}");
    }
}

#[test]
fn a_letter_that_is_cut_anywhere_is_still_read() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for path in letters() {
        let raw = fs::read(&path).expect("readable");
        let cuts = if raw.len() < 3_000 { 12 } else { 4 };
        for _ in 0..cuts {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = usize::try_from(seed % (raw.len() as u64 + 1)).expect("small");
            let cut = inspect("cut", &raw[..at]);
            assert_eq!(cut["size"], at);
        }
    }
}

#[test]
fn what_is_shown_of_hostile_letters_holds_nothing_active() {
    const FORBIDDEN: [&str; 14] = [
        "<script",
        "javascript:",
        "onerror",
        "onload",
        "onclick",
        "<iframe",
        "<form",
        "<svg",
        "<math",
        "<style",
        "<base",
        "evil.example",
        "url(",
        "position:",
    ];
    for path in letters() {
        let raw = fs::read(&path).expect("readable");
        let found = inspect(&name(&path), &raw);
        let html = found["html_sanitized"].as_str().unwrap_or("").to_lowercase();
        // Markup alone counts: a letter may have such words in its text, where they are escaped.
        let tags: String =
            html.split('<').skip(1).filter_map(|t| t.split('>').next()).map(|t| format!("<{t}")).collect();
        for word in FORBIDDEN {
            assert!(!tags.contains(word), "{word} in {}: {html}", path.display());
        }
    }
}

#[test]
fn two_deliveries_of_one_letter_have_one_key() {
    let letter = "Message-ID: <1@x>\nFrom: a@b.org\nSubject: A long\n subject\n\nbody\n";
    let first = format!(
        "Return-Path: <a@b.org>\nReceived: from x by y\n\twith ESMTP\nDelivered-To: one@x.org\n{letter}"
    );
    let second = format!("Received: from z\nX-MS-Exchange-Organization-SCL: 1\nARC-Seal: i=1\nAuthentication-Results: y\n{letter}")
        .replace("long\n subject", "long subject")
        .replace('\n', "\r\n");
    let other = first.replace("body", "bodies");
    let key = |text: &str| mail::message::content_key(text.as_bytes());
    assert_eq!(key(&first), key(&second));
    assert_ne!(key(&first), key(&other));
}

#[test]
fn a_device_that_gives_its_letters_no_id_has_written_each_of_them_whatever_its_clock_says() {
    let key = |head: &str| {
        mail::message::content_key(format!("{head}Subject: Power failure\n\nOn battery.\n").as_bytes())
    };
    let (monday, friday) = (
        "Received: from ups by mx; Mon, 23 Nov 2026 09:00:00 +0000\n",
        "Received: from ups by mx; Fri, 27 Nov 2026 09:00:00 +0000\n",
    );
    for own in [
        "",
        "Message-ID:\n",
        "Message-ID: <>\n",
        "Message-ID: < >\n \n",
        "Date:\n",
        "Date: Thu, 01 Jan 1970 00:00:00 +0000\n",
        "Message-ID: <>\nDate: Thu, 01 Jan 1970 00:00:00 +0000\n",
    ] {
        let (first, second) = (format!("{monday}{own}"), format!("{friday}{own}"));
        assert_ne!(key(&first).key, key(&second).key, "{own}");
        // What is put on top on the way to one mailbox or another makes no difference.
        let again = format!("Return-Path: <ups@x.org>\nReceived: from mx by store\n{first}");
        assert_eq!(key(&again), key(&first), "{own}");
        // By the earlier rule those with a field of either name were one.
        assert_eq!(key(&first).earlier.is_some(), !own.is_empty(), "{own}");
        assert_eq!(key(&first).earlier, key(&second).earlier, "{own}");
    }
    for own in ["Message-ID: <1@ups>\n", "Message-ID: 1@ups\nDate:\n", "Message-Id:\n <1@ups>\n"] {
        let one = key(&format!("{monday}{own}"));
        assert_eq!(one, key(&format!("{friday}{own}")), "{own}");
        assert_eq!(one.earlier, None, "{own}");
    }
}

#[test]
fn every_field_counts_however_many_there_are_and_however_long() {
    let key = |head: String| mail::message::content_key(format!("{head}\nbody\n").as_bytes());
    let many: String = (0..2_100).map(|number| format!("X-Spam-{number}: x\n")).collect();
    let long = format!("X-Big: {}\n", "v".repeat(3 << 20));
    for before in [many, long] {
        let one = key(format!("{before}Message-ID: <1@x>\n"));
        let other = key(format!("{before}Message-ID: <2@x>\n"));
        assert_ne!(one.key, other.key);
        assert!(one.earlier.is_some_and(|earlier| earlier != one.key));
        let longer = key(before.trim_end().to_owned() + "w\nMessage-ID: <1@x>\n");
        assert_eq!(
            longer.key == one.key,
            before.starts_with("X-Spam"),
            "a field of a filter is none of the letter's"
        );
    }
    let kept = "Message-ID: <1@x>\nDate: Fri, 27 Nov 2026 10:00:00 +0000\n".to_owned();
    assert_eq!(key(kept).earlier, None);
}

#[test]
fn every_letter_has_the_same_key_in_memory_and_out_of_it() {
    for path in letters() {
        let raw = fs::read(&path).expect("readable");
        let text =
            |end: &str| String::from_utf8_lossy(&raw).replace("\r\n", "\n").replace('\n', end).into_bytes();
        for raw in [
            raw.clone(),
            text("\n"),
            text("\r\n"),
            text("\r"),
            [b"\xef\xbb\xbf\r\n\n", raw.as_slice(), b" \r\n\t"].concat(),
        ] {
            let key = mail::message::content_key_of(&mut Cursor::new(&raw)).expect("readable");
            assert_eq!(key, mail::message::content_key(&raw), "{}", name(&path));
        }
    }
}
