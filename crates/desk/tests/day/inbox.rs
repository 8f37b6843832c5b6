//! Recording what was fetched: once, whatever is fetched again.
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail;
use desk::files::store::Store;
use desk::intake::copies::{self, StoredCopy};
use desk::intake::inbox::{self, LeaseLost, Outcome, Recorded};
use desk::intake::on_server::{self, OnServer, Place};
use desk::intake::remembered::{self, Remembered};
use desk::mailboxes::{cursor, cursor::Cursor, mailbox};
use desk::{By, Error, Refusal, params};

fn raws(count: u32) -> Vec<Vec<u8>> {
    (1..=count).map(|n| mail::from("ann@example.org", &format!("Letter {n}"), "It burns.").raw(n)).collect()
}
fn numbered(raws: &[Vec<u8>], first_uid: u32) -> Vec<(u32, &[u8])> {
    (first_uid..).zip(raws).map(|(uid, raw)| (uid, raw.as_slice())).collect()
}

#[test]
fn what_is_asked_for_after_each_batch_reads_no_other_rows_of_the_folder() {
    let day = Day::new();
    if day.read(|tx| Ok(tx.dialect())) != desk::db::Dialect::Sqlite {
        return; // its planner goes by what is in the tables
    }
    let plan = day.read(|tx| Ok([on_server::plan(tx)?, inbox::plan_of_backlog(tx)?].concat()));
    let rows: Vec<&String> = plan.iter().filter(|step| step.contains("inbox")).collect();
    let [one, again, backlog] = rows.as_slice() else { panic!("{plan:?}") };
    for step in [one, again] {
        assert!(step.contains("mailbox_id=? AND folder=? AND uid_validity=?)"), "{plan:?}");
    }
    assert!(backlog.contains("inbox_in_hand") || backlog.contains("(state=?)"), "{plan:?}");
    assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
}

/// However much waits.
#[test]
fn a_claim_and_what_is_put_off_are_found_without_reading_all_that_waits() {
    let day = Day::new();
    if day.read(|tx| Ok(tx.dialect())) != desk::db::Dialect::Sqlite {
        return; // its planner goes by what is in the tables
    }
    let plan = day.read(inbox::plan_of_claim);
    assert!(plan.iter().any(|step| step.contains("inbox_in_hand (state=? AND leased_until>?)")), "{plan:?}");
    // In the order of their ids as they are read, up to the limit.
    assert!(plan.iter().any(|step| step.contains("inbox_by_state (state=?)")), "{plan:?}");
    assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER BY")), "{plan:?}");
    let plan = day.read(inbox::plan_of_put_off);
    let rows: Vec<&String> = plan.iter().filter(|step| step.contains("inbox_")).collect();
    assert!(rows.len() == 2 && rows.iter().all(|step| step.contains("inbox_put_off")), "{plan:?}");
    assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
}

#[test]
fn the_same_uid_is_recorded_once() {
    let day = Day::new();
    let raws = raws(3);
    assert_eq!(day.fetch(SUPPORT, "INBOX", 1, &numbered(&raws, 1), false), Recorded { new: 3, known: 0 });
    assert_eq!(day.fetch(SUPPORT, "INBOX", 1, &numbered(&raws, 1), false), Recorded { new: 0, known: 3 });
    assert_eq!(day.file_all().len(), 3);
    assert_eq!(day.fetch(SUPPORT, "INBOX", 1, &numbered(&raws, 1), false), Recorded { new: 0, known: 3 });
    assert!(day.file_all().is_empty());
    day.is_whole();
}

#[test]
fn the_same_letter_under_other_uids_is_recorded_once_and_settled_everywhere() {
    let day = Day::new();
    let raws = raws(2);
    day.fetch(SUPPORT, "INBOX", 1, &numbered(&raws, 1), false);
    // The folder was rebuilt: another UIDVALIDITY, lower and higher UIDs.
    assert_eq!(day.fetch(SUPPORT, "INBOX", 2, &numbered(&raws, 40), false), Recorded { new: 0, known: 2 });
    assert_eq!(day.fetch(SUPPORT, "Archive", 1, &numbered(&raws, 1), false), Recorded { new: 0, known: 2 });
    assert_eq!(day.file_all().len(), 2);
    let (id, now) = (day.mailbox_id(SUPPORT), day.now());
    let place = |folder, uid_validity| Place { mailbox_id: id, folder, uid_validity };
    let unsettled = |folder, validity| day.read(|tx| on_server::unsettled(tx, place(folder, validity), 100));
    assert_eq!(unsettled("INBOX", 1), [1, 2]);
    assert_eq!(unsettled("INBOX", 2), [40, 41]);
    day.write(|tx| on_server::settled(tx, place("INBOX", 2), &[40], &OnServer::Read, now));
    day.write(|tx| on_server::settled(tx, place("INBOX", 1), &[1, 2], &OnServer::Read, now));
    assert_eq!(
        (unsettled("INBOX", 1), unsettled("INBOX", 2), unsettled("Archive", 1)),
        (vec![], vec![41], vec![1, 2])
    );
    day.is_whole();
}

#[test]
fn the_copy_of_a_letter_that_came_again_is_that_of_its_first_row() {
    let day = Day::new();
    let letter = |hop: &str, text: &str| {
        let head = "From: pump@dev.example\r\nSubject: Pump 3\r\n";
        format!("Received: from pump by {hop}\r\n{head}\r\n{text}\r\n").into_bytes()
    };
    let (first, other) = (letter("mx", "It stopped."), letter("mx", "It runs."));
    let again = [b"Received: from mx by store\r\n", first.as_slice()].concat();
    day.fetch(SUPPORT, "INBOX", 1, &[(7, &first), (8, &again), (9, &other)], false);
    let place = Place { mailbox_id: day.mailbox_id(SUPPORT), folder: "INBOX", uid_validity: 1 };
    let mut copies = day.read(|tx| copies::of(tx, place, &[6, 7, 8, 9]));
    copies.sort_by_key(|copy| copy.uid);
    let hashes: Vec<_> = copies.iter().map(|copy| (copy.uid, copy.hash.as_slice())).collect();
    let (hash, hash_of_other) = (Store::hash(&first), Store::hash(&other));
    assert_eq!(hashes, [(7, &hash[..]), (8, &hash[..]), (9, &hash_of_other[..])]);
    let store = &day.desk.store;
    assert!(copies.iter().all(|copy| copy.is_whole(store)));
    let is_another = |raw: &[u8]| copies[1].is_certainly_another(store, raw).unwrap();
    assert!(
        !is_another(&first) && !is_another(&again) && is_another(&other) && is_another(&letter("mx2", ""))
    );
    // Of what is not to be had nothing is certain.
    let lost = StoredCopy { place: "pack/00000099@0".into(), ..copies[1].clone() };
    assert!(!lost.is_whole(store) && !lost.is_certainly_another(store, &other).unwrap());
}

#[test]
fn two_copies_in_one_batch_are_one_letter() {
    let day = Day::new();
    let raws = raws(1);
    let twice = [(5, raws[0].as_slice()), (6, raws[0].as_slice())];
    assert_eq!(day.fetch(SUPPORT, "INBOX", 1, &twice, false), Recorded { new: 1, known: 1 });
    assert_eq!(day.file_all().len(), 1);
}

#[test]
fn letters_without_a_message_id_are_kept_each_and_once() {
    let day = Day::new();
    let one = b"From: ann@example.org\r\nSubject: One\r\n\r\n1\r\n";
    let two = b"From: ann@example.org\r\nSubject: Two\r\n\r\n2\r\n";
    assert_eq!(day.fetch(SUPPORT, "INBOX", 1, &[(1, one), (2, two)], false), Recorded { new: 2, known: 0 });
    assert_eq!(day.fetch(SUPPORT, "INBOX", 9, &[(1, one), (2, two)], false), Recorded { new: 0, known: 2 });
    assert_eq!(day.file_all().len(), 2);
}

#[test]
fn a_batch_of_a_hundred_moves_the_cursor_with_it() {
    let day = Day::new();
    let raws = raws(100);
    day.fetch(SUPPORT, "INBOX", 7, &numbered(&raws, 1), false);
    let id = day.mailbox_id(SUPPORT);
    let cursor = day.read(|tx| cursor::find(tx, id, "INBOX")).unwrap();
    assert_eq!((cursor.uid_validity, cursor.uid_last), (7, 100));
    assert_eq!(day.read(|tx| inbox::backlog(tx, id, day.now())), 100);
    assert_eq!(day.file_all().len(), 100);
    assert_eq!(day.read(|tx| inbox::backlog(tx, id, day.now())), 0);
    let first = day.read(|tx| inbox::list(tx, None, None, 1000)).pop().unwrap();
    assert_eq!((first.uid, first.ticket_number.as_deref()), (1, Some("10001")), "oldest first");
    day.is_whole();
}

#[test]
fn a_round_that_lost_its_lease_records_nothing() {
    let day = Day::new();
    let late = day.claim_mailbox(SUPPORT);
    let _winner = day.claim_mailbox(SUPPORT);
    let raw = mail::from("ann@example.org", "Printer", "It burns.").raw(1);
    let arrival = day.arrival(1, &raw, false);
    let cursor = Cursor { folder: "INBOX".to_owned(), uid_validity: 1, uid_last: 1, start_after_uid: 0 };
    let now = day.now();
    let result = day.try_write(|tx| inbox::record(tx, &late, &cursor, std::slice::from_ref(&arrival), now));
    let Err(Error::Failed(error)) = result else { panic!("{result:?}") };
    assert!(error.downcast_ref::<LeaseLost>().is_some());
    let id = day.mailbox_id(SUPPORT);
    assert_eq!(day.read(|tx| cursor::find(tx, id, "INBOX")), None);
    assert!(day.read(|tx| inbox::list(tx, None, None, 10)).is_empty());
    assert!(day.read(|tx| mailbox::find(tx, id)).is_some());
}

#[test]
fn one_filer_at_a_time_has_a_mailbox_so_that_none_overtakes_the_other() {
    let day = Day::new();
    day.mailbox("billing@desk.example", "Billing");
    let raws = raws(12);
    day.fetch(SUPPORT, "INBOX", 1, &numbered(&raws[..10], 1), false);
    day.fetch("billing@desk.example", "INBOX", 1, &numbered(&raws[10..], 1), false);
    let now = day.now();
    let claim = |owner: &str, limit: i64| day.write(|tx| inbox::claim_due(tx, now, MINUTE, owner, limit));
    let ids = |claims: &[inbox::Claim]| claims.iter().map(|c| c.inbox_id).collect::<Vec<_>>();
    let one = claim("one", 6);
    assert_eq!(ids(&one), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ids(&claim("two", 6)), [11, 12], "of the other mailbox only");
    assert!(claim("one", 6).is_empty(), "not to the same process either, which may have two filers");
    let next = |in_hand: &[i64]| day.write(|tx| inbox::claim_next(tx, now, MINUTE, "one", 2, in_hand));
    assert!(next(&ids(&one)[1..]).is_empty());
    let after = next(&ids(&one));
    assert_eq!(ids(&after), [7, 8], "what is filed after them");
    assert!(one.iter().chain(&after).all(|c| c.attempts == 1));

    let put_off =
        Outcome::Failed { code: "broken".into(), reason: "Odd.".into(), next_at: Some(now + MINUTE) };
    for claim in one.iter().chain(&after) {
        assert!(day.write(|tx| inbox::settle(tx, claim, &put_off, now)));
    }
    assert_eq!(ids(&claim("two", 6)), [9, 10], "rows that were put off hold up nobody");
}

#[test]
fn rows_are_filed_in_the_order_of_the_mailbox_even_when_a_clock_was_set_back() {
    let day = Day::new();
    let original = mail::from("ann@example.org", "Printer", "It burns.").raw(1);
    let answer = mail::from("ann@example.org", "Re: Printer", "Still.").answers(&mail::id(1)).raw(2);
    day.fetch(SUPPORT, "INBOX", 1, &[(1, &original)], false);
    day.fetch(SUPPORT, "INBOX", 1, &[(2, &answer)], false);
    day.write(|tx| {
        tx.execute("UPDATE inbox SET due_at = due_at - 1 WHERE uid = 2", params![]).map_err(Into::into)
    });
    let now = day.now();
    let claims = day.write(|tx| inbox::claim_due(tx, now, MINUTE, "test", 1));
    assert_eq!(claims[0].inbox_id, 1);
}

#[test]
fn a_page_of_the_inbox_is_read_without_sorting_it_all() {
    let day = Day::new();
    if day.read(|tx| Ok(tx.dialect())) != desk::db::Dialect::Sqlite {
        return; // PostgreSQL plans by what is in the table; the index is the same
    }
    for state in [inbox::State::Filed, inbox::State::Failed, inbox::State::New] {
        let plan = day.read(|tx| inbox::plan(tx, state));
        assert!(plan.contains("inbox_by_state") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn a_held_row_may_be_tried_again_and_a_filed_one_may_not() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let outcome =
        day.receive_raw(SUPPORT, &mail::report("x@y", "z@example.org", "failed", "5.1.1", "550 no"), false);
    assert!(matches!(outcome, Outcome::Held { .. }));
    let rows = day.read(|tx| inbox::list(tx, None, None, 10));
    let by = By::system(day.now());
    let retry = |id| day.try_write(|tx| inbox::retry(tx, &by, id));
    retry(rows[0].id).unwrap();
    assert!(matches!(day.file_all().as_slice(), [Outcome::Held { .. }]), "it is screened again");
    let Err(Error::Refused(Refusal::Other(sentence))) = retry(rows[1].id) else { panic!() };
    assert_eq!(sentence, "This message is filed already: it is on ticket #10001.");
    assert!(matches!(retry(999), Err(Error::Refused(Refusal::NotFound(_)))));
}

/// Also where no letter has a Message-ID.
#[test]
fn a_folder_is_known_again_by_a_few_rows_without_reading_the_others() {
    let day = Day::new();
    let raws = raws(40);
    day.fetch(SUPPORT, "INBOX", 7, &numbered(&raws, 101), false);
    day.fetch(SUPPORT, "INBOX", 8, &numbered(&raws[..3], 1), false);
    let mailbox_id = day.mailbox_id(SUPPORT);
    let place = |uid_validity| Place { mailbox_id, folder: "INBOX", uid_validity };
    let uids = |found: Vec<Remembered>| found.into_iter().map(|one| one.uid).collect::<Vec<u32>>();
    assert_eq!(uids(day.read(|tx| remembered::newest(tx, place(7), 3))), [140, 139, 138]);
    assert_eq!(uids(day.read(|tx| remembered::spread(tx, place(7), 140, 4))), [101, 110, 120, 130]);
    assert_eq!(uids(day.read(|tx| remembered::spread(tx, place(8), 3, 8))), [1, 2, 3]);
    // What came again is known by what was recorded first.
    let [again, first] =
        [(8, 2), (7, 102)].map(|(of, uid)| day.read(|tx| remembered::of(tx, place(of), &[uid])));
    assert_eq!((again[0].uid, first[0].uid), (2, 102));
    assert_eq!(again, [Remembered { uid: 2, ..first[0].clone() }]);
    if day.read(|tx| Ok(tx.dialect())) == desk::db::Dialect::Sqlite {
        let plan = day.read(remembered::plan);
        let rows: Vec<&String> =
            plan.iter().filter(|step| step.contains("uid_validity=?") || step.contains("inbox")).collect();
        assert_eq!(
            rows.iter().filter(|step| step.contains("folder=? AND uid_validity=?")).count(),
            4,
            "{plan:?}"
        );
        assert!(!rows.iter().any(|step| step.starts_with("SCAN")), "{plan:?}");
    }
}
