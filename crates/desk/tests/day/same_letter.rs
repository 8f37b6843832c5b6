//! Old mail under a new numbering: what says the same is the letter from before, each once, and all else is kept.
use crate::desk::{Day, SUPPORT};
use desk::intake::inbox::{self, Arrival, Recorded, ServerLines};
use desk::mailboxes::cursor::Cursor;
use desk::trace::{self, Sought};

/// With a Date of its own for each number.
fn numbered(number: u32, body: &str) -> String {
    format!(
        "From: Ann <ann@example.org>\r\nTo: support@desk.example\r\nSubject: Letter\r\nMessage-ID: <{number}@example.org>\r\n\
         Date: Tue, 24 Nov 2026 10:00:{number:02} +0000\r\n\r\n{body}\r\n"
    )
}
/// As a device writes that has one Message-ID and one Date for all of its reports.
fn report(body: &str) -> String {
    format!(
        "From: Backup <backup@host.example>\r\nTo: support@desk.example\r\nSubject: Backup report\r\n\
         Date: Fri, 27 Nov 2026 20:00:00 +0000\r\nMessage-ID: <backup@host.example>\r\n\r\n{body}"
    )
}
fn invoice(html: &str) -> String {
    format!(
        "From: Shop <shop@s.example>\r\nTo: support@desk.example\r\nSubject: Your invoice\r\n\
         Date: Fri, 27 Nov 2026 20:00:00 +0000\r\nMessage-ID: <inv@s.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\n\
         Open it in a mail program that shows HTML.\r\n--q\r\nContent-Type: text/html\r\n\r\n<p>{html}</p>\r\n--q--\r\n"
    )
}
/// As another server has it.
fn stamped(raw: &str) -> String {
    format!("X-New-Server: yes\r\n{raw}")
}

/// The mailbox is read under this UIDVALIDITY, from `first_uid` on, as a round does it.
struct Reading<'a> {
    day: &'a Day,
    uid_validity: u32,
    next_uid: u32,
    lines: ServerLines,
}
impl Reading<'_> {
    fn of(day: &Day, uid_validity: u32) -> Reading<'_> {
        Reading { day, uid_validity, next_uid: 1, lines: ServerLines::default() }
    }
    /// One batch.
    fn bring(&mut self, raws: &[String]) -> Recorded {
        let day = self.day;
        let claim = day.claim_mailbox(SUPPORT);
        let uids = self.next_uid..;
        let mut arrivals: Vec<Arrival> =
            uids.zip(raws).map(|(uid, raw)| day.arrival(uid, raw.as_bytes(), true)).collect();
        self.next_uid += u32::try_from(raws.len()).unwrap();
        let cursor = Cursor {
            folder: "INBOX".to_owned(),
            uid_validity: self.uid_validity,
            uid_last: self.next_uid - 1,
            start_after_uid: 1_000,
        };
        let id = day.mailbox_id(SUPPORT);
        let candidates = day.read(|tx| inbox::candidates(tx, id, &cursor, &arrivals));
        inbox::recognise(&day.desk.store, &mut arrivals, &candidates, &mut self.lines).unwrap();
        let recorded = day.write(|tx| inbox::record(tx, &claim, &cursor, &arrivals, day.now()));
        day.file_all();
        recorded
    }
}
/// This is what the mailbox held when it moved.
fn after(raws: &[String]) -> Day {
    let day = Day::new();
    let brought = Reading::of(&day, 1).bring(raws);
    assert_eq!(brought, Recorded { new: raws.len(), known: 0 });
    day
}
fn recorded(new: usize, known: usize) -> Recorded {
    Recorded { new, known }
}

#[test]
fn a_letter_that_says_more_in_its_text_or_its_html_is_kept_beside_the_one_from_before() {
    const TONIGHT: &str = "All jobs of tonight:\r\nJob 1 ok\r\n";
    let failed = report(&format!("{TONIGHT}Job 2 FAILED: disk 7 is lost\r\n"));
    let (one, two) = (report(TONIGHT), invoice("Invoice 1: 10 EUR"));
    let dear = invoice("Invoice 2: 99,000 EUR, due today");
    // Beside the one from before, in either order, and where that one is not there any more.
    for there in [[&one, &two, &failed, &dear].as_slice(), &[&dear, &failed, &two, &one]] {
        let day = after(&[one.clone(), two.clone()]);
        let raws: Vec<String> = there.iter().map(|raw| stamped(raw)).collect();
        assert_eq!(Reading::of(&day, 9).bring(&raws), recorded(2, 2));
        assert_eq!(
            Reading::of(&day, 10).bring(&raws),
            recorded(0, 4),
            "and all of them are known from then on"
        );
        day.is_whole();
    }
    let day = after(&[one, two]);
    let mut reading = Reading::of(&day, 9);
    assert_eq!(reading.bring(&[stamped(&failed)]), recorded(1, 0));
    assert_eq!(reading.bring(&[stamped(&dear)]), recorded(1, 0));
    day.is_whole();
}

#[test]
fn one_from_before_is_found_again_once_in_a_numbering() {
    let day = after(&[numbered(1, "It burns.")]);
    let mut reading = Reading::of(&day, 9);
    let again = |field: &str| format!("{field}: yes\r\n{}", numbered(1, "It burns."));
    assert_eq!(
        reading.bring(&[again("X-A"), again("X-A"), again("X-B")]),
        recorded(1, 2),
        "the second is a copy"
    );
    assert_eq!(reading.bring(&[again("X-C")]), recorded(1, 0), "in a later batch too");
    assert_eq!(reading.bring(&[again("X-A")]), recorded(0, 1));
    // What comes as it was has found it again as well.
    let day = after(&[numbered(1, "It burns.")]);
    let mut reading = Reading::of(&day, 9);
    assert_eq!(reading.bring(&[again("X-A"), numbered(1, "It burns.")]), recorded(1, 1));
    // Those that are alike are found again one by one.
    let day = after(&[again("X-A"), again("X-B"), again("X-C")]);
    assert_eq!(Reading::of(&day, 9).bring(&[again("X-1"), again("X-2"), again("X-3")]), recorded(0, 3));
    day.is_whole();
}

#[test]
fn lines_that_stand_in_several_letters_are_the_servers_and_others_are_not() {
    let old: Vec<String> = (1..=6).map(|number| numbered(number, &format!("It burns {number}."))).collect();
    let noted = |raw: &String| format!("{raw}\r\n--\r\nScanned by Box\r\n");
    let all: Vec<String> = old.iter().map(noted).collect();
    assert_eq!(Reading::of(&after(&old), 9).bring(&all), recorded(0, 6));
    // In two there is no telling who wrote them; in the batches after a third one there is.
    let day = after(&old);
    let mut reading = Reading::of(&day, 9);
    assert_eq!(reading.bring(&all[..2]), recorded(2, 0));
    assert_eq!(reading.bring(&all[2..3]), recorded(0, 1));
    assert_eq!(reading.bring(&all[3..]), recorded(0, 3));
    day.is_whole();
    // Each with lines of its own, and with the server's and one more.
    let each: Vec<String> =
        (1..).zip(&old).map(|(number, raw)| format!("{raw}Disk {number} is lost.\r\n")).collect();
    assert_eq!(Reading::of(&after(&old), 9).bring(&each), recorded(6, 0));
    let mut more = all.clone();
    more[5] = noted(&format!("{}\r\nDisk 7 is lost.\r\n", old[5]));
    assert_eq!(Reading::of(&after(&old), 9).bring(&more), recorded(1, 5));
    // Of one clock that stands still.
    let still = |raw: &String| raw.replacen(&raw[raw.find("10:00:").unwrap()..][..8], "10:00:00", 1);
    let (old, all): (Vec<String>, Vec<String>) =
        (old.iter().map(still).collect(), all.iter().map(still).collect());
    assert_eq!(Reading::of(&after(&old), 9).bring(&all), recorded(6, 0));
}

#[test]
fn the_journal_says_what_was_compared() {
    let day = after(&[numbered(1, "It burns.")]);
    Reading::of(&day, 9).bring(&[stamped(&numbered(1, "It burns."))]);
    let found = day.read(|tx| trace::find(tx, &Sought::MessageId("1@example.org".to_owned()), 10));
    let steps = found.incoming[0].steps();
    let step = steps.iter().find(|step| step.kind == "known_otherwise").unwrap();
    assert!(step.sentence.contains("text and files are the same"), "{}", step.sentence);
}

#[test]
fn a_letter_that_is_too_large_for_memory_is_compared_as_it_passes() {
    let large = |last: &str| {
        let lines = format!("{}\r\n", "QUJD".repeat(18)).repeat(130_000);
        numbered(1, "See there.").replacen(
            "\r\n\r\nSee there.",
            &format!(
                "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee there.\r\n--b\r\n\
                 Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{lines}{last}\r\n--b--"
            ),
            1,
        )
    };
    assert!(large("").len() > 9 << 20);
    let day = after(&[large("AAEC")]);
    let mut reading = Reading::of(&day, 9);
    assert_eq!(reading.bring(&[stamped(&large("AAED"))]), recorded(1, 0));
    assert_eq!(reading.bring(&[stamped(&large("AAEC"))]), recorded(0, 1));
}
