//! A letter that is damaged in the store is mended by the same letter when it comes again, whichever way it comes, and before it
//! is deleted on its server.
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, apart};
use courier::{fetch, pipe};
use desk::check;
use desk::intake::inbox::State;
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

const MINUTE: i64 = 60_000;

/// Its trace fields are of this hour; of the two sizes one lies in a pack and one in a file of its own.
fn letter(hour: u8, size: usize) -> Vec<u8> {
    let step = |at: &u64| Some(at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let noise = std::iter::successors(Some(7_u64), step).map(|at| format!("{at:016x}\r\n"));
    let body = noise.take(size / 18 + 1).collect::<String>();
    format!(
        "Received: from out by mx with SMTP id A{hour}; Fri, 20 Nov 2026 {hour:02}:00:00 +0000\r\n\
         From: Ann <ann@customer.example>\r\nTo: support@contoso.example\r\nSubject: plans\r\n\
         Message-ID: <plans@customer.example>\r\n\r\n{body}"
    )
    .into_bytes()
}
fn places(stage: &Stage) -> Vec<String> {
    let rows = stage.read(|tx| {
        let text = "SELECT b.place FROM inbox i JOIN blob b ON b.id = i.blob_id ORDER BY i.id DESC";
        Ok(tx.all::<(String,)>(text, &[])?)
    });
    rows.into_iter().map(|(place,)| place).collect()
}
/// Other bytes in a pack, as of a bad sector; a file of its own is cut off, as by a power cut on a disk that lies.
fn spoil(stage: &Stage) {
    let place = places(stage).remove(0);
    let (file, offset) = place.split_once('@').unwrap_or((&place, "0"));
    let file = File::options().write(true).open(stage.folder().join("blobs").join(file)).unwrap();
    if place.contains('@') {
        file.write_all_at(b"spoilt", offset.parse::<u64>().unwrap() + 60).unwrap();
    } else {
        file.set_len(100).unwrap();
    }
    assert_eq!(broken(stage), 1);
}
fn broken(stage: &Stage) -> usize {
    let report = apart(|| check::check(stage.courier.desk()).unwrap());
    report.faults.iter().filter(|fault| fault.kind == "blob_broken").count()
}
fn takes(stage: &Stage, mailbox_id: i64, raw: Vec<u8>) -> desk::intake::piped::Piped {
    let letter = wire::letter::Letter::from(raw);
    apart(|| pipe::take(stage.courier.desk(), mailbox_id, &letter, stage.clock.now()).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_here_is_whole_again_when_it_comes_again() {
    for size in [3_000, 3_000_000] {
        let (stage, imap) = (Stage::new(), PretendImap::start().await);
        stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
        let fetched = async |raw| {
            imap.deliver(NOON, raw);
            let fetched = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched;
            stage.clock.advance(2 * MINUTE);
            assert!(imap.state().letters.is_empty());
            fetched
        };
        assert_eq!(fetched(letter(9, size)).await, 1);
        // The same bytes, as when it is moved back; and the same letter, delivered another time.
        for hour in [9, 10] {
            spoil(&stage);
            assert_eq!(fetched(letter(hour, size)).await, 0, "it is known");
            assert_eq!(broken(&stage), 0, "{size} bytes, {hour} o'clock: {:?}", places(&stage));
        }
        for hour in [10, 11] {
            spoil(&stage);
            assert!(takes(&stage, stage.mailbox_id, letter(hour, size)).known);
            assert_eq!(broken(&stage), 0, "{size} bytes, piped at {hour}: {:?}", places(&stage));
        }
        // To another mailbox of the desk.
        let by = stage.by();
        let other = stage.write(|tx| mailbox::create(tx, &by, "sales@contoso.example", "Sales", 1));
        spoil(&stage);
        assert!(!takes(&stage, other, letter(11, size)).known);
        assert_eq!(broken(&stage), 0, "{:?}", places(&stage));
        let raw = stage.read(|tx| {
            let text = "SELECT b.hash FROM entry e JOIN blob b ON b.id = e.raw_blob_id";
            Ok(tx.one::<(Vec<u8>,)>(text, &[])?.0)
        });
        assert_eq!(raw, desk::files::store::Store::hash(&letter(11, size)), "the ticket shows what is whole");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_that_waited_for_its_bytes_is_filed_when_they_come_again() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    for kept_for_a_person in [false, true] {
        let raw = letter(9 + u8::from(kept_for_a_person), 3_000 + 500 * usize::from(kept_for_a_person));
        takes(&stage, stage.mailbox_id, raw.clone());
        spoil(&stage);
        for _ in 0..if kept_for_a_person { 9 } else { 1 } {
            assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 0);
            stage.clock.advance(2 * 3600 * 1000);
        }
        let row = stage.inbox().remove(0);
        let state = if kept_for_a_person { State::Failed } else { State::New };
        assert_eq!(row.state, state, "{}", row.reason);
        assert!(row.reason.contains("Its bytes could not be read"), "{}", row.reason);
        imap.deliver(NOON, raw);
        fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
        let row = stage.inbox().remove(0);
        assert_eq!((row.state, row.reason.as_str()), (State::Filed, ""));
        assert!(imap.state().letters.is_empty());
    }
    assert_eq!(stage.tickets(), ["plans", "plans"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_a_letter_is_whole_again_with_the_next_letter_that_has_it() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    let with_file = |subject: &str| {
        format!(
            "From: Ann <ann@customer.example>\r\nTo: support@contoso.example\r\nSubject: {subject}\r\n\
             Message-ID: <{subject}@customer.example>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee below.\r\n--b\r\n\
             Content-Type: application/pdf; name=plan.pdf\r\n\r\nthe same plan as ever\r\n--b--\r\n"
        )
    };
    imap.deliver(NOON, with_file("one").into_bytes());
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 1);
    let (place,) = stage.read(|tx| {
        Ok(tx.one::<(String,)>("SELECT b.place FROM attachment a JOIN blob b ON b.id = a.blob_id", &[])?)
    });
    let (pack, offset) = place.split_once('@').unwrap();
    let pack = File::options().write(true).open(stage.folder().join("blobs").join(pack)).unwrap();
    pack.write_all_at(b"spoilt", offset.parse::<u64>().unwrap() + 60).unwrap();
    assert_eq!(broken(&stage), 1);
    stage.clock.advance(2 * MINUTE);
    imap.deliver(NOON, with_file("two").into_bytes());
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 1);
    assert_eq!(broken(&stage), 0);
}
