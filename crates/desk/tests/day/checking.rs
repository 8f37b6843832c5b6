//! The integrity check finds each kind of fault, and nothing in a day's work.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::check;
use desk::db::Sql;
use desk::mailboxes::put_off::{self, PutOff};
use desk::params;
use std::collections::BTreeMap;

fn kinds(day: &Day) -> Vec<&'static str> {
    let report = check::check(&day.desk).unwrap();
    for fault in &report.faults {
        assert!(fault.what.ends_with('.') && fault.remedy.ends_with('.'), "sentences: {fault:?}");
    }
    report.faults.into_iter().map(|fault| fault.kind).collect()
}
fn worked() -> Day {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    day.agent("Bob").replies("10001", "We are on it.");
    day.delivers();
    day.receive_raw(SUPPORT, &mail::report("x@y", "z@example.org", "failed", "5.1.1", "550 no"), false);
    day
}

#[test]
fn a_days_work_is_whole_and_counted() {
    let day = worked();
    let report = check::check(&day.desk).unwrap();
    assert_eq!(report.faults, []);
    assert_eq!((report.inbox, report.entries, report.outbox), (2, 2, 1));
    assert!(report.blobs >= 3, "two raw messages and the bytes that went out: {}", report.blobs);
}

#[test]
fn each_fault_has_its_name() {
    let table: [(&'static str, &[&str]); 10] = [
        (
            "UPDATE inbox SET entry_id = NULL WHERE state = 'filed'",
            &["inbox_without_entry", "entry_not_of_inbox"],
        ),
        ("UPDATE inbox SET reason = '' WHERE state = 'held'", &["inbox_without_reason"]),
        ("UPDATE entry SET raw_blob_id = NULL WHERE kind = 'message'", &["entry_without_raw"]),
        ("UPDATE blob SET size_bytes = size_bytes + 1 WHERE id = 1", &["blob_broken"]),
        ("UPDATE blob SET place = 'pack/00000099@0' WHERE id = 1", &["blob_broken"]),
        ("UPDATE outbox SET state = 'queued'", &["outbox_state"]),
        ("DELETE FROM delivery", &["outbox_without_delivery"]),
        ("UPDATE outbox SET blob_id = NULL", &["outbox_without_bytes"]),
        (
            "UPDATE ticket SET entries = 7, unsent = 1, last_entry_id = 1",
            &["ticket_entries", "ticket_unsent", "ticket_last_entry"],
        ),
        ("UPDATE folder SET uid_last = 1", &["cursor_behind"]),
    ];
    for (harm, expected) in table {
        let day = worked();
        day.write(|tx| Ok(tx.execute(Sql::from(harm), params![])?));
        assert_eq!(kinds(&day), expected, "{harm}");
    }
}

#[test]
fn reading_that_stands_before_a_message_that_is_put_off_is_no_fault() {
    let day = worked();
    let run = |sql: &'static str| day.write(|tx| Ok(tx.execute(Sql::from(sql), params![])?));
    run("UPDATE inbox SET uid = uid + 10");
    run("UPDATE folder SET uid_last = 5");
    assert_eq!(kinds(&day), ["cursor_behind"]);
    let (mailbox_id, uid_validity) = day.read(|tx| {
        Ok(tx.one::<(i64, u32)>(
            "SELECT mailbox_id, uid_validity FROM folder WHERE name = 'INBOX'",
            params![],
        )?)
    });
    let put_off = |uid: u32| {
        let one = PutOff { since: 1, said: "It does not come.".into(), next_at: 2 };
        let all = BTreeMap::from([(uid, one)]);
        day.write(|tx| put_off::keep(tx, mailbox_id, "INBOX", uid_validity, &all));
    };
    put_off(6);
    assert_eq!(kinds(&day), <[&str; 0]>::default());
    put_off(12);
    assert_eq!(kinds(&day), ["cursor_behind"], "it stands before that one, and is behind all the same");
}

#[test]
fn an_entry_that_search_does_not_know_is_found() {
    let day = worked();
    day.write(|tx| Ok(tx.execute("DELETE FROM entry_words WHERE rowid = 1", params![])?));
    assert_eq!(kinds(&day), ["entry_without_words"]);
}

#[test]
fn bytes_that_changed_on_the_disk_are_found() {
    let day = worked();
    let pack = day.desk.place().folder().join("blobs/pack/00000001");
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[100] ^= 1; // in the first message, behind its head
    std::fs::write(&pack, bytes).unwrap();
    assert!(kinds(&day).contains(&"blob_broken"));
}
