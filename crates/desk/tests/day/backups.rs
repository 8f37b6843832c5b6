//! What is small lies in a pack: a record of it that is damaged is named by each backup until it is whole, and one that is
//! damaged in the backup is written again, beside what lies there.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::By;
use desk::backup::{self, Asked, Audit, Made};
use desk::db::{Db, Options};
use desk::files::store::Store;
use desk::files::{blob, copy};
use desk::intake::mending;
use desk::params;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

pub fn made(day: &Day, to: &Path, all: bool) -> Made {
    let asked = Asked { keep: 3, all };
    backup::make(&day.desk, to, &asked, day.later(60_000), [1; 16]).unwrap()
}
/// What the damaged ones belong to.
fn damaged(made: &Made) -> Vec<String> {
    made.audit.damaged.iter().map(backup::Damaged::belongs_to).collect()
}
/// Of the raw messages, in the order in which they came.
pub fn places(day: &Day) -> Vec<String> {
    let read = day.read(|tx| {
        Ok(tx.all::<(String,)>(
            "SELECT b.place FROM inbox i JOIN blob b ON b.id = i.blob_id ORDER BY i.id",
            params![],
        )?)
    });
    read.into_iter().map(|(place,)| place).collect()
}
/// Changes what is stored there, and changes it back when it is called again.
pub fn harm(store: &Path, place: &str) {
    let (pack, offset) = place.split_once('@').unwrap();
    let (file, at) = (fs::File::options().read(true).write(true).open(store.join(pack)).unwrap(), 70);
    let at = offset.parse::<u64>().unwrap() + at;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0xff], at).unwrap();
}

#[test]
fn a_record_of_a_pack_that_is_damaged_is_named_until_it_is_whole() {
    let (day, folder) = (Day::new(), tempfile::tempdir().unwrap());
    let (store, to) = (day.desk.store.root().to_owned(), folder.path().join("backup"));
    for i in 1..4 {
        day.receive(mail::from("ann@example.org", &format!("Matter {i}"), "It burns."));
    }
    let place = places(&day);
    assert!(place.iter().all(|place| place.starts_with("pack/")), "{place:?}");
    harm(&store, &place[1]);
    let first = made(&day, &to, false);
    assert_eq!(damaged(&first), [format!("message 2 of {SUPPORT}, “Matter 2”")]);
    day.receive(mail::from("ann@example.org", "Matter 4", "It burns."));
    let second = made(&day, &to, false);
    assert_eq!(damaged(&second), damaged(&first), "it is not whole yet");
    assert!(second.audit.looked_at < 5, "and what is old is not read again: {:?}", second.audit);
    harm(&store, &place[1]);
    let third = made(&day, &to, false);
    assert_eq!((damaged(&third), third.audit.mended), (vec![], 1));
    assert_eq!(made(&day, &to, false).audit, Default::default());
    assert_eq!(made(&day, &to, true).audit.damaged, []);
}

#[test]
fn what_is_damaged_in_the_backup_alone_is_written_again_and_no_backup_fails_of_it() {
    let (day, folder) = (Day::new(), tempfile::tempdir().unwrap());
    let (store, to) = (day.desk.store.root().to_owned(), folder.path().join("backup"));
    for i in 1..4 {
        day.receive(mail::from("ann@example.org", &format!("Matter {i}"), "It burns."));
    }
    let place = places(&day);
    made(&day, &to, false);
    // Not where the pack is continued.
    harm(&to.join("blobs"), &place[0]);
    let all = made(&day, &to, true);
    assert_eq!((damaged(&all), all.audit.mended), (vec![], 1));
    // And there, which is seen by itself.
    harm(&to.join("blobs"), &place[2]);
    day.receive(mail::from("ann@example.org", "Matter 4", "It burns."));
    let next = made(&day, &to, false);
    assert_eq!((damaged(&next), next.audit.mended), (vec![], 1));
    // What the backup holds whole stays, though the pack itself is damaged there.
    harm(&store, &place[2]);
    day.receive(mail::from("ann@example.org", "Matter 5", "It burns."));
    let last = made(&day, &to, false);
    assert_eq!(damaged(&last), [format!("message 3 of {SUPPORT}, “Matter 3”")]);
    assert!(last.audit.damaged[0].is_in_backup);
    harm(&store, &place[2]);
    assert_eq!(made(&day, &to, true).audit, Audit { looked_at: 5, ..Audit::default() });
    let restored = restored(&to, folder.path());
    assert_eq!((restored.mended, restored.damaged), (2, vec![]), "both have files of their own");
}

/// What is found in a desk that is made of the newest database.
fn restored(from: &Path, folder: &Path) -> Audit {
    let (file, blobs) = (folder.join("restored.db"), folder.join("restored"));
    let moments = backup::moments(from).unwrap();
    backup::restore(moments.last().unwrap(), &file, &By::system(1)).unwrap();
    let copied = copy::store(&from.join("blobs"), &blobs).unwrap();
    let db = Db::open(&format!("sqlite:{}", file.display()), &Options::default()).unwrap();
    let audit = backup::of_restored(&db, &blobs, &copied).unwrap();
    assert_eq!(backup::of_restored(&db, &blobs, &copied).unwrap().mended, 0);
    audit
}

#[test]
fn a_pack_that_bears_the_number_of_another_one_writes_over_nothing_of_it() {
    let (day, folder) = (Day::new(), tempfile::tempdir().unwrap());
    let (store, to) = (day.desk.store.root().to_owned(), folder.path().join("backup"));
    for i in 1..4 {
        day.receive(mail::from("ann@example.org", &format!("Matter {i}"), "It burns."));
    }
    made(&day, &to, false);
    let earlier = fs::read(to.join("blobs/pack/00000001")).unwrap();
    // What later rows name lies where other records lie in the backup.
    let pack = fs::read(store.join("pack/00000001")).unwrap();
    let other = Store::open(&folder.path().join("other")).unwrap();
    let raw = mail::from("ann@example.org", "Matter 4", "It burns again.").raw(9);
    let stored = other.put_all(&[&raw, &pack]).unwrap().remove(0);
    fs::rename(folder.path().join("other").join("pack/00000001"), store.join("pack/00000001")).unwrap();
    day.write(|tx| blob::name(tx, &stored));
    let second = made(&day, &to, false);
    assert!(fs::read(to.join("blobs/pack/00000001")).unwrap().starts_with(&earlier));
    assert!(second.audit.damaged.iter().all(|one| one.is_in_backup), "{:?}", second.audit);
    assert_eq!((second.audit.damaged.len(), second.audit.mended), (3, 1));
    let restored = restored(&to, folder.path());
    assert_eq!((restored.looked_at, restored.mended, restored.damaged), (4, 1, vec![]));
}

#[test]
fn what_is_mended_while_a_backup_is_made_is_whole_in_it() {
    let (day, folder) = (Day::new(), tempfile::tempdir().unwrap());
    let (store, to) = (day.desk.store.root().to_owned(), folder.path().join("backup"));
    let letter = mail::from("ann@example.org", "Matter 1", "It burns.").raw(9);
    day.receive_raw(SUPPORT, &letter, false);
    let place = places(&day).remove(0);
    harm(&store, &place);
    // It comes again between the copy of the database and the look at what that names.
    let desk = day.desk.clone();
    let again = move || {
        let stored = desk.store.put_all(&[&letter]).unwrap();
        mending::mend_contents(&desk, &stored.iter().collect::<Vec<_>>(), 1).unwrap();
    };
    let asked = Asked { keep: 3, all: false };
    let made = backup::make_while(&day.desk, &to, &asked, day.later(60_000), [1; 16], again).unwrap();
    assert_ne!(places(&day).remove(0), place);
    assert_eq!((damaged(&made), made.audit.mended), (vec![], 1));
    assert_eq!(restored(&to, folder.path()).damaged, []);
}

#[test]
fn what_the_store_lacks_is_named_by_each_backup_and_what_an_earlier_one_holds_is_said_to_be_there() {
    let (day, folder) = (Day::new(), tempfile::tempdir().unwrap());
    let (store, to) = (day.desk.store.root().to_owned(), folder.path().join("backup"));
    for i in 1..4 {
        day.receive(mail::from("ann@example.org", &format!("Matter {i}"), "It burns."));
    }
    let step = |at: &u64| Some(at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let noise = std::iter::successors(Some(7_u64), step).map(|at| format!("{at:016x}\n")).take(200_000);
    let large = mail::from("ann@example.org", "Matter 4", &noise.collect::<String>()).raw(9);
    day.receive_raw(SUPPORT, &large, false);
    assert_eq!(damaged(&made(&day, &to, false)), Vec::<String>::new());
    let place = places(&day);
    assert!(place[3].starts_with("file/"), "{place:?}");
    let named = |matters: std::ops::RangeInclusive<u32>| -> Vec<String> {
        matters.map(|i| format!("message {i} of {SUPPORT}, “Matter {i}”")).collect()
    };
    let (pack, file) = (store.join("pack/00000001"), store.join(&place[3]));
    let (records, large) = (fs::read(&pack).unwrap(), fs::read(&file).unwrap());
    let third = place[2].split_once('@').unwrap().1.parse::<usize>().unwrap();
    // The file is gone; the pack is gone, cut off between two records, and cut off within one.
    let harms: [(&dyn Fn(), _); 4] = [
        (&|| fs::remove_file(&file).unwrap(), 4..=4),
        (&|| fs::remove_file(&pack).unwrap(), 1..=3),
        (&|| fs::write(&pack, &records[..third]).unwrap(), 3..=3),
        (&|| fs::write(&pack, &records[..third - 3]).unwrap(), 2..=3),
    ];
    for (harm, matters) in harms {
        harm();
        for all in [false, false, true] {
            let made = made(&day, &to, all);
            assert_eq!(damaged(&made), named(matters.clone()));
            assert!(made.audit.damaged.iter().all(|one| one.is_in_backup), "{:?}", made.audit);
        }
        fs::write(&pack, &records).unwrap();
        fs::write(&file, &large).unwrap();
        assert_eq!(damaged(&made(&day, &to, false)), Vec::<String>::new());
    }
    // What no backup ever had is named too, and as lost.
    day.receive(mail::from("ann@example.org", "Matter 5", "It burns."));
    let newest = places(&day).remove(4);
    fs::remove_file(store.join(newest.split_once('@').unwrap().0)).unwrap();
    for _ in 0..2 {
        let made = made(&day, &to, false);
        assert_eq!(damaged(&made), named(5..=5));
        assert!(!made.audit.damaged[0].is_in_backup);
    }
    // What is written back has another place, which the next backup reads.
    fs::remove_file(&pack).unwrap();
    assert_eq!(backup::put_back(&day.desk, &to, day.later(60_000)).unwrap().mended, 3);
    let next = made(&day, &to, false);
    assert_eq!((damaged(&next), next.audit.looked_at), (named(5..=5), 4), "{:?}", next.audit);
}
