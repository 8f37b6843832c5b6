//! Filing when something is in its way: a bad message, a full disk, a lost lease, other filers.
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail;
use desk::db::Error as DbError;
use desk::intake::{filing, inbox, inbox::Outcome};
use desk::people::viewer::Viewer;
use desk::tickets::{queue, search};
use desk::{By, Error, params};

#[test]
fn a_message_that_cannot_be_filed_is_tried_again_and_at_last_kept_for_a_person() {
    let day = Day::new();
    day.write(|tx| Ok(tx.execute("DELETE FROM sequence", params![])?)); // no number, no ticket
    let mut outcome = day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let mut waits = Vec::new();
    while let Outcome::Failed { next_at: Some(next_at), .. } = outcome {
        assert!(day.file_all().is_empty(), "not before its time");
        waits.push((next_at - day.now()) / MINUTE);
        day.later(next_at - day.now());
        outcome = day.file_all().pop().expect("it is due");
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64]);
    assert!(matches!(outcome, Outcome::Failed { next_at: None, .. }), "{outcome:?}");
    let row = day.read(|tx| inbox::list(tx, Some(inbox::State::Failed), None, 10)).pop().expect("it is kept");
    assert!(row.reason.starts_with("It could not be filed: "), "{}", row.reason);
    day.is_whole();

    day.write(|tx| Ok(tx.execute("INSERT INTO sequence (name, next) VALUES ('ticket', 10001)", params![])?));
    let by = By::system(day.now());
    day.write(|tx| inbox::retry(tx, &by, row.id));
    assert!(matches!(day.file_all().as_slice(), [Outcome::Filed { .. }]));
    day.is_whole();
}

#[test]
fn one_bad_message_of_a_batch_undoes_itself_alone() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let first = day.last_id("10001");
    day.write(|tx| Ok(tx.execute("DELETE FROM sequence", params![])?));
    let good = mail::from("ann@example.org", "Re: Printer", "Still.").answers(&first).raw(71);
    let bad = mail::from("bert@example.org", "Other", "New.").cc("cora@example.org").raw(72);
    let also = mail::from("ann@example.org", "Re: Printer", "Ever.").answers(&first).raw(73);
    day.fetch(SUPPORT, "INBOX", 1, &[(10, &good), (11, &bad), (12, &also)], false);
    let outcomes = day.file_all();
    assert!(
        matches!(outcomes.as_slice(), [Outcome::Filed { .. }, Outcome::Failed { .. }, Outcome::Filed { .. }]),
        "{outcomes:?}"
    );
    assert_eq!(day.entries("10001").len(), 3);
    let strangers = day.read(|tx| {
        Ok(tx
            .one::<(i64,)>(
                "SELECT count(*) FROM requester_address WHERE address_key = 'bert@example.org'",
                params![],
            )?
            .0)
    });
    assert_eq!(strangers, 0, "the bad one left nothing behind");
    day.write(|tx| Ok(tx.execute("INSERT INTO sequence (name, next) VALUES ('ticket', 10002)", params![])?));
    day.is_whole();
}

/// The words of a batch are indexed when its messages are filed, and one that fails at its last step has its entry by then.
#[test]
fn a_bad_message_of_a_batch_leaves_no_words_and_takes_none_from_the_others() {
    let day = Day::new();
    let letters = [
        mail::from("ann@example.org", "Printer", "Smoke in the cellar.").raw(71),
        mail::from("bert@example.org", "Other", "Water in the attic.").cc("cora@example.org").raw(72),
        mail::from("dora@example.org", "Third", "Dust in the garden.").raw(73),
    ];
    let mails: Vec<(u32, &[u8])> = (10..).zip(letters.iter().map(Vec::as_slice)).collect();
    day.fetch(SUPPORT, "INBOX", 1, &mails, false);
    day.write(|tx| Ok(tx.execute("ALTER TABLE participant RENAME TO elsewhere", params![])?));
    let outcomes = day.file_all();
    day.write(|tx| Ok(tx.execute("ALTER TABLE elsewhere RENAME TO participant", params![])?));
    assert!(
        matches!(outcomes.as_slice(), [Outcome::Filed { .. }, Outcome::Failed { .. }, Outcome::Filed { .. }]),
        "{outcomes:?}"
    );
    let found = |word: &str| {
        let page =
            day.read(|tx| search::find(tx, &Viewer::Operator, &queue::Wanted::default(), word, None, 9));
        page.lines.into_iter().map(|line| line.subject).collect::<Vec<_>>()
    };
    assert_eq!((found("cellar"), found("garden")), (vec!["Printer".into()], vec!["Third".into()]));
    let (indexed,) = day.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM entry_words", params![])?));
    assert_eq!(indexed, 2, "what is undone has no words");
    day.later(2 * MINUTE);
    assert!(matches!(day.file_all().as_slice(), [Outcome::Filed { .. }]));
    assert_eq!((found("attic"), found("cellar")), (vec!["Other".into()], vec!["Printer".into()]));
    day.is_whole();
}

#[test]
fn a_full_disk_is_not_taken_for_a_bad_message() {
    let day = Day::new();
    let raw = mail::from("ann@example.org", "Printer", "It burns.").raw(1);
    day.fetch(SUPPORT, "INBOX", 1, &[(1, &raw)], false);
    let now = day.now();
    let claim = day.write(|tx| inbox::claim_due(tx, now, MINUTE, "test", 1)).pop().unwrap();
    let prepared = day.prepare(&claim);
    let result = day.try_write(|tx| {
        let outcome = filing::file_alone(tx, &claim, &prepared, now)?;
        assert!(matches!(outcome, Outcome::Filed { .. }));
        Err::<(), _>(Error::Db(DbError::Store("disk full".to_owned())))
    });
    assert!(matches!(result, Err(Error::Db(DbError::Store(_)))));
    let row = day.read(|tx| inbox::find(tx, claim.inbox_id)).unwrap();
    assert_eq!((row.state, row.reason.as_str()), (inbox::State::New, ""));
}

#[test]
fn a_filer_whose_lease_was_taken_over_changes_nothing() {
    let day = Day::new();
    let raw = mail::from("ann@example.org", "Printer", "It burns.").raw(1);
    day.fetch(SUPPORT, "INBOX", 1, &[(1, &raw)], false);
    let now = day.now();
    let claim = |at| day.write(|tx| inbox::claim_due(tx, at, MINUTE, "test", 1));
    let late = claim(now).pop().unwrap();
    assert!(claim(now).is_empty(), "it is leased");
    let winner = claim(now + MINUTE).pop().expect("the lease is over");
    let prepared = day.prepare(&winner);
    assert_eq!(day.write(|tx| filing::file_alone(tx, &late, &prepared, now)), Outcome::Late);
    assert!(matches!(day.write(|tx| filing::file_alone(tx, &winner, &prepared, now)), Outcome::Filed { .. }));
    assert_eq!(
        day.write(|tx| filing::file_alone(tx, &winner, &prepared, now)),
        Outcome::Late,
        "twice is once"
    );
    assert_eq!(day.entries("10001").len(), 1);
    day.is_whole();
}

fn waiting(db: &desk::db::Db) -> i64 {
    let count = db.read(|tx| tx.one::<(i64,)>("SELECT count(*) FROM inbox WHERE state = 'new'", params![]));
    count.unwrap().0
}

/// Each letter answers the one before it, and several filers take two at a time.
#[test]
fn answers_and_their_originals_end_on_one_ticket_whoever_files_them() {
    let day = Day::new();
    let mut raws = vec![mail::from("ann@example.org", "Printer", "It burns.").raw(100)];
    for n in 101..124 {
        let answer = mail::from("ann@example.org", &format!("More {n}"), &format!("Still {n}."));
        raws.push(answer.answers(&mail::id(n - 1)).raw(n));
    }
    // In several batches, as they are fetched.
    for (at, raws) in raws.chunks(5).enumerate() {
        let first_uid = u32::try_from(at * 5 + 1).unwrap();
        let mails: Vec<(u32, &[u8])> = (first_uid..).zip(raws.iter().map(Vec::as_slice)).collect();
        day.fetch(SUPPORT, "INBOX", 1, &mails, false);
    }
    let (desk, now) = (&day.desk, day.now());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                let (db, store) = (desk.db.clone(), desk.store.clone());
                while waiting(&db) > 0 {
                    let claims = match db.write(|tx| inbox::claim_due(tx, now, MINUTE, "filer", 2)) {
                        Err(Error::Db(DbError::Busy)) => continue,
                        claims => claims.unwrap(),
                    };
                    let prepared: Vec<filing::Prepared> = claims
                        .iter()
                        .map(|claim| {
                            filing::prepare(&store, &store.get(&claim.place, &claim.hash).unwrap()).unwrap()
                        })
                        .collect();
                    let file = || {
                        db.write(|tx| {
                            claims
                                .iter()
                                .zip(&prepared)
                                .try_for_each(|(claim, p)| filing::file_alone(tx, claim, p, now).map(drop))
                        })
                    };
                    while let Err(error) = file() {
                        assert!(matches!(error, Error::Db(DbError::Busy)), "{error}");
                    }
                    std::thread::yield_now();
                }
            });
        }
    });
    let open = day.read(|tx| desk::tickets::queue::counts(tx, &Viewer::Operator)).open;
    assert_eq!((open, day.entries("10001").len()), (1, 24));
    day.is_whole();
}

#[test]
fn several_filers_at_once_file_each_letter_once() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let first = day.last_id("10001");
    // Half of them for one ticket, half tickets of their own: both the ticket's row and the sequence are fought for.
    let raws: Vec<Vec<u8>> = (100..148)
        .map(|n| match n % 2 {
            0 => mail::from("ann@example.org", "Re: Printer", &format!("Still {n}.")).answers(&first).raw(n),
            _ => mail::from(&format!("p{}@example.org", n % 5), &format!("Matter {n}"), "Please.").raw(n),
        })
        .collect();
    // Of four mailboxes, or one filer would have them all.
    let mailboxes = [SUPPORT, "a@desk.example", "b@desk.example", "c@desk.example"];
    for (mailbox, raws) in mailboxes.into_iter().zip(raws.chunks(12)) {
        if mailbox != SUPPORT {
            day.mailbox(mailbox, mailbox);
        }
        let mails: Vec<(u32, &[u8])> = (10..).zip(raws.iter().map(Vec::as_slice)).collect();
        day.fetch(mailbox, "INBOX", 1, &mails, false);
    }
    let (desk, now) = (&day.desk, day.now());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(move || {
                let (db, store) = (desk.db.clone(), desk.store.clone());
                let mut tries = 0;
                loop {
                    let round = || {
                        let claims = db.write(|tx| inbox::claim_due(tx, now, MINUTE, "filer", 4))?;
                        for claim in &claims {
                            let raw = store.get(&claim.place, &claim.hash)?;
                            let prepared = filing::prepare(&store, &raw)?;
                            // A batch that PostgreSQL refuses to serialize for good is tried again by the round.
                            while let Err(error) =
                                db.write(|tx| filing::file_alone(tx, claim, &prepared, now))
                            {
                                assert!(matches!(error, Error::Db(DbError::Busy)), "{error}");
                            }
                        }
                        Ok::<usize, Error>(claims.len())
                    };
                    match round() {
                        Ok(0) if waiting(&db) == 0 => break,
                        Ok(0) => std::thread::yield_now(), // another has its mailbox
                        Ok(_) => {}
                        Err(Error::Db(DbError::Busy)) if tries < 50 => tries += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let rows = day.read(|tx| inbox::list(tx, None, None, 100));
    let unfiled: Vec<_> = rows.iter().filter(|row| row.state != inbox::State::Filed).collect();
    assert!(unfiled.is_empty(), "{unfiled:?}");
    assert_eq!(day.entries("10001").len(), 1 + 24);
    let open = day.read(|tx| desk::tickets::queue::counts(tx, &Viewer::Operator)).open;
    assert_eq!(open, 1 + 24);
    day.is_whole();
}

#[test]
fn what_was_in_hand_when_the_process_ended_twice_comes_alone_and_after_all_others() {
    let day = Day::new();
    let other = "sales@desk.example";
    day.mailbox(other, "Sales");
    let letters: Vec<Vec<u8>> =
        (1..=4).map(|n| mail::from("ann@example.org", &format!("Letter {n}"), "It burns.").raw(n)).collect();
    day.fetch(SUPPORT, "INBOX", 1, &[(1, &letters[0]), (2, &letters[1])], false);
    let claimed = |in_hand: &[i64]| -> Vec<i64> {
        let now = day.now();
        let claims = day.write(|tx| inbox::claim_next(tx, now, MINUTE, "test", 10, in_hand));
        claims.into_iter().map(|claim| claim.inbox_id).collect()
    };
    for _ in 0..2 {
        assert_eq!(claimed(&[]), [1, 2], "they were in hand, and nothing was heard of them");
        day.later(2 * MINUTE);
    }
    day.fetch(other, "INBOX", 1, &[(1, &letters[2])], false);
    assert_eq!(claimed(&[]), [3], "who has ended nothing is first");
    assert_eq!(claimed(&[3]), [0; 0], "nothing comes alone beside others");
    day.write(|tx| inbox::give_back(tx, "test", &[3]));
    assert!(matches!(day.file_all().as_slice(), [Outcome::Filed { .. }]), "given back, it was never tried");
    // Each alone, and the one that was tried least.
    assert_eq!(claimed(&[]), [1]);
    day.later(2 * MINUTE);
    assert_eq!(claimed(&[]), [2]);
    day.later(2 * MINUTE);
    assert_eq!(claimed(&[]), [1]);
    day.later(2 * MINUTE);
    // The store's own hours are no sign of anything.
    day.write(|tx| {
        Ok(tx.execute("UPDATE inbox SET reason_code = 'store', attempts = 50 WHERE id < 3", params![])?)
    });
    let now = day.now();
    let claims = day.write(|tx| inbox::claim_due(tx, now, MINUTE, "test", 10));
    assert_eq!(claims.len(), 2);
    assert!(claims.iter().all(|claim| !claim.ended_postern() && !claim.may_end_postern()));
}
