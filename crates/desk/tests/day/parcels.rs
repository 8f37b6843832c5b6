//! winmail.dat: what Outlook packed is filed as what it is.
use crate::desk::{Day, SUPPORT};
use desk::tickets::entry::Entry;

const TITLE: u32 = 0x0001_8010;
const RENDERING: u32 = 0x0006_9002;
const DATA: u32 = 0x0006_800f;
const MAPI: u32 = 0x0006_9005;
const MESSAGE_MAPI: u32 = 0x0006_9003;
const PID_BODY: u16 = 0x1000;
const PID_HTML: u16 = 0x1013;
const PID_MIME_TAG: u16 = 0x370e;
const PID_CONTENT_ID: u16 = 0x3712;

/// A winmail.dat under construction (MS-OXTNEF 2.1.3).
struct Winmail(Vec<u8>);
impl Winmail {
    fn new() -> Winmail {
        Winmail(vec![0x78, 0x9f, 0x3e, 0x22, 1, 0])
    }
    fn put(mut self, level: u8, number: u32, data: &[u8]) -> Winmail {
        self.0.push(level);
        self.0.extend(number.to_le_bytes());
        self.0.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        self.0.extend(data);
        self.0.extend([0, 0]);
        self
    }
    fn property(self, level: u8, number: u32, id: u16, kind: u16, value: &[u8]) -> Winmail {
        let mut data = 1u32.to_le_bytes().to_vec();
        data.extend(kind.to_le_bytes());
        data.extend(id.to_le_bytes());
        data.extend(1u32.to_le_bytes());
        data.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        data.extend(value);
        data.resize(data.len().next_multiple_of(4), 0);
        self.put(level, number, &data)
    }
    fn file(self, name: &str, content: &[u8]) -> Winmail {
        self.put(2, RENDERING, &[0; 14]).put(2, TITLE, format!("{name}\0").as_bytes()).put(2, DATA, content)
    }
}

/// A letter of Ann's that carries it, with or without words of its own.
fn letter(words: Option<&str>, winmail: &[u8]) -> Vec<u8> {
    let packed: String = winmail.iter().map(|byte| format!("={byte:02X}")).collect();
    let packed: Vec<&str> =
        packed.as_bytes().chunks(75).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let words = words.map(|words| format!("--m\r\nContent-Type: text/plain\r\n\r\n{words}\r\n"));
    format!(
        "From: ann@example.org\r\nTo: {SUPPORT}\r\nSubject: Bill\r\nMessage-ID: <w@example.org>\r\n\
         MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n{}\
         --m\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n--m--\r\n",
        words.unwrap_or_default(),
        packed.join("=\r\n")
    )
    .into_bytes()
}
fn filed(raw: &[u8]) -> (Day, Entry) {
    let day = Day::new();
    day.receive_raw(SUPPORT, raw, false);
    let entry = day.entries("10001").remove(0);
    day.is_whole();
    (day, entry)
}
/// `bill.pdf application/pdf 8`
fn files(entry: &Entry) -> Vec<String> {
    entry.attachments.iter().map(|a| format!("{} {} {}", a.name, a.media_type, a.size_bytes)).collect()
}

#[test]
fn the_files_in_a_winmail_are_the_letters_attachments() {
    let winmail = Winmail::new()
        .property(1, MESSAGE_MAPI, PID_BODY, 0x1e, b"Packed words\0")
        .file("bill.pdf", b"%PDF-1.7")
        .property(2, MAPI, PID_MIME_TAG, 0x1e, b"application/pdf\0")
        .file("b.txt", b"two");
    let (day, entry) = filed(&letter(Some("See the bill."), &winmail.0));
    assert_eq!(files(&entry), ["bill.pdf application/pdf 8", "b.txt application/octet-stream 3"]);
    assert_eq!(entry.text.trim(), "See the bill.", "the letter's own words stay");
    let id = entry.attachments[0].id;
    let viewer = desk::people::viewer::Viewer::Operator;
    let (_, blob) = day
        .read(|tx| desk::files::attachment::find(tx, &viewer, "10001", id))
        .expect("the file is on its ticket");
    assert_eq!(day.desk.store.get(&blob.place, &blob.hash).unwrap(), b"%PDF-1.7");
}

#[test]
fn a_letter_without_words_has_those_of_its_winmail() {
    let winmail = Winmail::new().property(1, MESSAGE_MAPI, PID_BODY, 0x1e, b"It burns.\r\n\0");
    let (_, entry) = filed(&letter(None, &winmail.0));
    assert_eq!(
        (entry.text.as_str(), entry.reply_text.as_str(), entry.has_html),
        ("It burns.\n", "It burns.\n", false)
    );
    assert_eq!(files(&entry), [""; 0], "nothing else was in it");

    let winmail = Winmail::new()
        .property(1, MESSAGE_MAPI, PID_HTML, 0x0102, b"<p>It <b>burns</b>: <img src=\"cid:fire@x\"></p>")
        .file("fire.png", b"\x89PNG")
        .property(2, MAPI, PID_CONTENT_ID, 0x1e, b"fire@x\0");
    let (_, entry) = filed(&letter(Some(""), &winmail.0));
    assert_eq!((entry.text.trim(), entry.has_html), ("It burns:", true));
    assert!(entry.attachments[0].inline, "the picture is in its place");
}

#[test]
fn a_hostile_winmail_does_no_harm() {
    let winmail = Winmail::new().file("../../etc/\r\nX-Evil: 1\u{202e}gpj.exe", b"x").property(
        2,
        MAPI,
        PID_MIME_TAG,
        0x1e,
        b"text/html\r\nX-Evil: 1\0",
    );
    let (_, entry) = filed(&letter(Some("Words."), &winmail.0));
    let [file] = entry.attachments.as_slice() else { panic!("one file: {:?}", entry.attachments) };
    assert!(!file.name.contains(['/', '\r', '\n', ':', '\u{202e}']), "{:?}", file.name);
    assert_eq!(file.media_type, "application/octet-stream");

    // Longer than all there is, cut anywhere, or with nothing in it: filed, and kept where it cannot be opened.
    let mut huge = Winmail::new().file("a.bin", b"abc").0;
    let at = huge.len() - 3 - 2 - 4;
    huge[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(files(&filed(&letter(None, &huge)).1), ["a.bin application/octet-stream 5"], "its beginning");
    for cut in [4, 6, 9, 20, 40] {
        let (_, entry) = filed(&letter(Some("Words."), &huge[..cut]));
        assert_eq!(entry.attachments.len(), 1, "cut at {cut}: {:?}", entry.attachments);
        assert_eq!(entry.text.trim(), "Words.");
    }
}

#[test]
fn parcels_of_a_great_many_files_are_bounded_and_nothing_is_lost() {
    let many = |count| (0..count).fold(Winmail::new(), |winmail, n| winmail.file(&format!("{n}.txt"), b"x"));
    let (_, entry) = filed(&letter(None, &many(199).0));
    assert_eq!(entry.attachments.len(), 199);
    let (_, entry) = filed(&letter(None, &many(500).0));
    assert_eq!(
        files(&entry).iter().map(|file| file.split(' ').next().unwrap()).collect::<Vec<_>>(),
        ["winmail.dat"]
    );
}
