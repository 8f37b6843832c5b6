//! What a desk has lost of its files comes back out of a backup, record by record, and costs nothing that came later.
use crate::backups::{harm, made, places};
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::backup::{self, Audit};
use desk::check;
use desk::files::store::Store;
use desk::intake::inbox::{self, State};
use desk::params;
use std::fs;
use std::path::Path;

fn with_letters(letters: std::ops::Range<u32>) -> Day {
    let day = Day::new();
    more(&day, letters);
    day
}
fn more(day: &Day, letters: std::ops::Range<u32>) {
    for i in letters {
        day.receive(mail::from("ann@example.org", &format!("Matter {i}"), "It burns."));
    }
}
fn broken(day: &Day) -> usize {
    let report = check::check(&day.desk).unwrap();
    report.faults.iter().filter(|fault| fault.kind == "blob_broken").count()
}
fn put_back(day: &Day, from: &Path) -> Audit {
    backup::put_back(&day.desk, from, day.later(60_000)).unwrap()
}

#[test]
fn one_record_of_a_pack_comes_back_and_what_came_after_the_backup_stays() {
    let (day, folder) = (with_letters(1..4), tempfile::tempdir().unwrap());
    let to = folder.path().join("backup");
    made(&day, &to, false);
    more(&day, 4..7);
    let (store, place) = (day.desk.store.root().to_owned(), places(&day));
    let pack = fs::read(store.join("pack/00000001")).unwrap();
    harm(&store, &place[1]);
    assert_eq!(broken(&day), 1);
    let report = check::check(&day.desk).unwrap();
    let remedy = &report.faults[0].remedy;
    assert!(remedy.contains("postern restore DIR --files") && !remedy.contains("pack/"), "{remedy}");
    let audit = put_back(&day, &to);
    assert_eq!((audit.looked_at, audit.mended, audit.damaged), (6, 1, vec![]));
    assert_eq!(broken(&day), 0);
    let now = places(&day);
    assert_eq!((&now[0], &now[2..]), (&place[0], &place[2..]), "nothing else is moved");
    let still = fs::read(store.join("pack/00000001")).unwrap();
    assert!(still.len() > pack.len(), "what comes back is appended");
    assert_eq!(put_back(&day, &to).mended, 0);
    // The whole pack, as far as the backup has it.
    fs::remove_file(store.join("pack/00000001")).unwrap();
    let audit = put_back(&day, &to);
    let named: Vec<String> = audit.damaged.iter().map(backup::Damaged::belongs_to).collect();
    let later = [4, 5, 6].map(|i| format!("message {i} of {SUPPORT}, “Matter {i}”"));
    assert_eq!((audit.mended, named), (3, later.to_vec()), "{:?}", places(&day));
}

#[test]
fn it_is_found_by_its_content_in_any_folder_of_files_and_behind_damage() {
    let (day, folder) = (with_letters(1..5), tempfile::tempdir().unwrap());
    let (store, away) = (day.desk.store.root().to_owned(), folder.path().join("blobs.old"));
    let place = places(&day);
    // As after a restore beside the running server: the bytes are in the folder that was moved away.
    fs::create_dir(&away).unwrap();
    fs::rename(store.join("pack"), away.join("pack")).unwrap();
    fs::create_dir(store.join("pack")).unwrap();
    // There, its first record has lost its head, and its third says that it is longer than it is.
    let moved = away.join("pack/00000007");
    fs::rename(away.join("pack/00000001"), &moved).unwrap();
    let mut bytes = fs::read(&moved).unwrap();
    let at = |place: &str| place.split_once('@').unwrap().1.parse::<usize>().unwrap();
    bytes[at(&place[0])] ^= 0xff;
    bytes[at(&place[2]) + 8] ^= 0x7f;
    fs::write(&moved, bytes).unwrap();
    let audit = put_back(&day, &away);
    let named: Vec<String> = audit.damaged.iter().map(backup::Damaged::belongs_to).collect();
    let lost = [1, 3].map(|i| format!("message {i} of {SUPPORT}, “Matter {i}”"));
    assert_eq!((audit.mended, named), (2, lost.to_vec()));
    // A whole copy that no row names lies in the desk's own folder.
    let raw = Store::open(folder.path()).unwrap();
    let message = places(&day)[3].clone();
    let hash = day.read(|tx| {
        Ok(tx.one::<(Vec<u8>,)>("SELECT hash FROM blob WHERE place = $1", params![message.as_str()])?.0)
    });
    raw.put(&day.desk.store.get(&message, &hash).unwrap()).unwrap();
    fs::copy(folder.path().join("pack/00000001"), store.join("pack/00000099")).unwrap();
    harm(&store, &message);
    assert_eq!(put_back(&day, &folder.path().join("blobs.old")).mended, 1);
    let empty = tempfile::tempdir().unwrap();
    let refused = backup::put_back(&day.desk, empty.path(), 1).unwrap_err().to_string();
    assert!(refused.contains("holds no mail"), "{refused}");
}

#[test]
fn a_large_file_comes_back_and_mail_that_waited_for_its_bytes_goes_on() {
    let (day, folder) = (with_letters(1..2), tempfile::tempdir().unwrap());
    let to = folder.path().join("backup");
    let noise = {
        let step = |at: &u64| Some(at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        std::iter::successors(Some(7_u64), step).map(|at| format!("{at:016x}\n")).take(200_000)
    };
    let raw = mail::from("ann@example.org", "Plans", &noise.collect::<String>()).raw(9);
    day.fetch(SUPPORT, "INBOX", 1, &[(9, &raw)], false);
    made(&day, &to, false);
    let place = places(&day).remove(1);
    assert!(place.starts_with("file/"), "{place}");
    fs::write(day.desk.store.root().join(&place), "cut off").unwrap();
    day.write(|tx| {
        let text = "UPDATE inbox SET state = 'failed', reason_code = 'failed', reason = 'It could not be filed.', attempts = 8
            WHERE state = 'new'";
        Ok(tx.execute(text, &[])?)
    });
    assert_eq!((put_back(&day, &to).mended, broken(&day)), (1, 0));
    assert_eq!(day.file_all().len(), 1);
    let rows = day.read(|tx| inbox::list(tx, None, None, 9));
    assert!(rows.iter().all(|row| row.state == State::Filed), "{rows:?}");
}
