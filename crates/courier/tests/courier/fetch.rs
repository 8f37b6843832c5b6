use crate::odd::Odd;
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, apart, dropped_after, letter, names};
use courier::fetch;
use desk::intake::inbox::{self, Retried, State};
use desk::intake::replay::Range;
use desk::mailboxes::balance;
use desk::mailboxes::mailbox::{self, Fetched, Round, Side, StartFrom};
use desk::trace;
use std::sync::Arc;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 3_600_000;
const MOMENT: std::time::Duration = std::time::Duration::from_millis(500);

async fn stage(start_from: StartFrom, fetched: Fetched) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, start_from, fetched);
    (stage, imap)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_becomes_a_ticket_once_and_the_server_is_left_alone() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 25) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.filed, summary.failed, summary.waited_for), (25, 25, 0, None));
    assert_eq!(stage.tickets(), names(1, 25));
    let uids: Vec<u32> = stage.inbox().iter().rev().map(|row| row.uid).collect();
    assert_eq!(uids, (1..=25).collect::<Vec<u32>>(), "oldest first");

    let again = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((again.fetched, again.filed), (0, 0));
    assert!(!imap.log().iter().any(|line| line.contains("STORE") || line.contains("MOVE")));
    let health = stage.mailbox().incoming_health;
    assert_eq!(health.state, mailbox::State::Ok, "{}", health.reason);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn now_begins_at_the_moment_when_fetching_was_switched_on() {
    let (stage, imap) = stage(StartFrom::Now, Fetched::Nothing).await;
    for name in names(1, 60) {
        imap.deliver(NOON - HOUR, letter(&name)); // today as well, so SINCE does not tell them apart
    }
    // They come before the first round, but after the switch.
    for name in names(61, 64) {
        imap.deliver(NOON + 1_000, letter(&name));
    }
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(summary.fetched, 4);
    assert_eq!(stage.tickets(), names(61, 64));
    let asked: Vec<String> = imap.log().into_iter().filter(|line| line.contains("BODY")).collect();
    assert!(
        !asked.iter().any(|line| line.contains("UID FETCH 1:")),
        "years of old mail are not downloaded: {asked:?}"
    );

    imap.deliver(NOON + 2_000, letter("letter 065"));
    let next = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(next.fetched, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_date_leaves_out_what_is_older() {
    let (stage, imap) = stage(StartFrom::Date("2026-11-20".into()), Fetched::Nothing).await;
    imap.deliver(NOON - 6 * 24 * HOUR, letter("letter 001"));
    imap.deliver(NOON - 4 * 24 * HOUR - 13 * HOUR, letter("letter 002")); // 19 November, 23:00
    imap.deliver(NOON - 4 * 24 * HOUR, letter("letter 003"));
    imap.deliver(NOON - HOUR, letter("letter 004"));
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, stage.tickets()), (2, names(3, 4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_uidvalidity_loses_nothing_and_doubles_nothing() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 8) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    for (validity, first) in [(9, 100), (4, 1)] {
        stage.clock.advance(HOUR);
        {
            let mut state = imap.state();
            state.uid_validity = validity;
            let mut uid = first;
            for letter in &mut state.letters {
                letter.uid = uid;
                uid += 1;
            }
            state.uid_next = uid;
        }
        let number = stage.tickets().len() as u32 + 1;
        imap.deliver(NOON + 1_000, letter(&format!("letter {number:03}")));
        let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
        assert_eq!(summary.fetched, 1, "only the new one is new under UIDVALIDITY {validity}");
        assert_eq!(stage.tickets(), names(1, number));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_that_is_dropped_anywhere_loses_nothing_and_doubles_nothing() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Move("Done".into())).await;
    let mut sent = 0;
    for polls in 1..60 {
        for _ in 0..4 {
            sent += 1;
            imap.deliver(NOON - HOUR, letter(&format!("letter {sent:03}")));
        }
        dropped_after(polls, fetch::once(&stage.courier, stage.mailbox_id)).await;
        stage.clock.advance(31_000); // the lease of the dropped one ends
    }
    stage.clock.advance(600_000);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(stage.tickets(), names(1, sent));
    assert_eq!(stage.inbox().len(), sent as usize);
    assert_eq!(imap.state().letters.len(), 0, "all of them were moved in the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_cut_in_the_middle_is_told_and_made_up_for() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Read).await;
    for name in names(1, 10) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    imap.state().cut_after = Some(5);
    let first = fetch::once(&stage.courier, stage.mailbox_id).await;
    if let Err(error) = &first {
        assert!(error.to_string().contains("could not be fetched"), "{error}");
        stage.clock.advance(120_000);
        fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    }
    assert_eq!(stage.tickets(), names(1, 10));
    assert!(imap.state().letters.iter().all(|letter| letter.seen));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_does_not_come_is_a_row_with_its_reason_and_stops_nobody() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Delete).await;
    for name in names(1, 7) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    imap.state().refused.insert(2);
    imap.state().skipped.insert(5);
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (5, 2));
    let failed: Vec<(u32, String)> = stage
        .inbox()
        .into_iter()
        .filter(|row| row.state == State::Failed)
        .map(|row| (row.uid, row.reason))
        .collect();
    assert_eq!(failed.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [5, 2]);
    assert!(failed.iter().all(|(_, reason)| reason.contains("does not deliver it")), "{failed:?}");
    let left: Vec<u32> = imap.state().letters.iter().map(|letter| letter.uid).collect();
    assert_eq!(left, [2, 5], "what is not stored here is never deleted there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_delivers_nothing_is_ill_and_no_message_is_given_up_for_it() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Delete).await;
    for name in names(1, 3) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    imap.state().refused.extend([1, 2, 3]);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    assert!(stage.inbox().is_empty());
    assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Waiting);

    imap.state().refused.clear();
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(stage.tickets(), names(1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_cannot_be_moved_to_is_told_and_stops_no_mail() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Move("Done".into())).await;
    imap.state().no_moving = true;
    for name in ["letter 001", "letter 002"] {
        imap.deliver(NOON - HOUR, letter(name));
        let error = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
        assert!(error.to_string().contains("Done") && error.to_string().contains("Mail comes in"), "{error}");
        let mailbox = stage.mailbox();
        assert_eq!(mailbox.incoming_health.reason_code, "not_settled");
        assert!(mailbox.due_at <= stage.clock.now() + 60_000 && mailbox.failures == 0, "it goes on as usual");
        stage.clock.advance(HOUR);
    }
    assert_eq!(stage.tickets(), names(1, 2));
    assert_eq!(stage.mailbox().lack(), Some("fetched emails stay as they are"));
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err(); // both are tried at once
    let stands = on_server(&stage);
    assert_eq!(stands.len(), 2);
    for said in stands {
        assert!(said.starts_with("It stands on the server as it was") && said.contains("Done"), "{said}");
    }

    imap.state().no_moving = false;
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(imap.state().moved.len(), 2, "made up for");
    assert_eq!(on_server(&stage), ["Moved to the folder “Done” on the server."; 2]);
}

/// What the lives of all messages say of what was done on the server.
pub fn on_server(stage: &Stage) -> Vec<String> {
    let rows = stage.inbox();
    let lives = rows.iter().filter_map(|row| stage.read(|tx| trace::incoming_of(tx, row.id)));
    let steps = lives.flat_map(|life| life.steps());
    steps.filter(|step| step.kind.ends_with("_on_server")).map(|step| step.sentence).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_over_the_limit_is_left_on_the_server_and_recorded() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Delete).await;
    imap.deliver(NOON - HOUR, letter("letter 001"));
    imap.deliver(NOON - HOUR, letter("huge"));
    imap.deliver(NOON - HOUR, letter("letter 002"));
    let (huge, size) = (letter("huge"), 400 * 1024 * 1024 + 1);
    imap.state().odd = Some(Arc::new(move |_, answer| {
        let at = answer.windows(huge.len()).position(|bytes| bytes == huge)?;
        let announced = format!("{{{}}}\r\n", huge.len());
        let before = answer[..at].strip_suffix(announced.as_bytes())?;
        let before = [before, format!("{{{size}}}\r\n").as_bytes()].concat();
        Some(Odd::Fills(before, size, answer[at + huge.len()..].to_vec()))
    }));
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (2, 1));
    let row = stage.inbox().into_iter().find(|row| row.uid == 2).unwrap();
    assert!(row.reason.contains("401 MB") && row.reason.contains("left on the server"), "{}", row.reason);
    assert_eq!(imap.state().letters.len(), 1);
    // Filed again, it is what it is: no letter.
    let (desk, now, folder) = (stage.courier.desk(), stage.courier.now(), tempfile::tempdir().unwrap());
    let tally = apart(|| {
        courier::replay::replay(desk, folder.path(), &Range::default(), now, |told| panic!("{told:?}"))
            .unwrap()
    });
    assert_eq!((tally.messages, tally.different), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_moved_before_it_is_stored() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Move("Done".into())).await;
    let desk = stage.courier.desk().clone();
    imap.state().before_change = Some(Box::new(move || {
        let rows = apart(|| desk.db.read(|tx| desk::intake::inbox::list(tx, None, None, 1000)).unwrap());
        rows.iter().map(|row| row.uid.to_string()).collect::<Vec<_>>().join(" ")
    }));
    for name in names(1, 40) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(imap.state().moved.len(), 40);
    // Every UID of a MOVE was in the inbox when the MOVE came.
    let log = imap.log();
    let moves = log.windows(2).filter(|pair| pair[0].starts_with("UID MOVE"));
    let mut seen = 0;
    for pair in moves {
        let stored: Vec<u32> =
            pair[1].trim_start_matches("-- ").split(' ').map(|uid| uid.parse().unwrap()).collect();
        let set = pair[0].split(' ').nth(2).unwrap();
        let (first, last) = set.split_once(':').unwrap_or((set, set));
        for uid in first.parse::<u32>().unwrap()..=last.parse().unwrap() {
            assert!(stored.contains(&uid), "{uid} was moved before it was stored");
            seen += 1;
        }
    }
    assert_eq!(seen, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_second_says_who_holds_the_mailbox_and_ends_when_all_is_filed() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    imap.deliver(NOON - HOUR, letter("letter 001"));
    let (now, id) = (stage.clock.now(), stage.mailbox_id);
    let claim = stage.write(|tx| mailbox::claim(tx, id, now, 30_000, "other:7")).unwrap();
    let second = tokio::spawn({
        let courier = stage.courier.clone();
        async move { fetch::once(&courier, id).await }
    });
    tokio::task::yield_now().await;
    stage.write(|tx| mailbox::settle(tx, &claim, &Round::Done { mail: false, next_at: now }, now));
    let summary = second.await.unwrap().unwrap();
    assert_eq!(summary.filed, 1);
    // Whether it came before or after the settlement is up to the scheduler.
    assert!(summary.waited_for.is_none_or(|holder| holder == "other:7"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_sign_in_needs_a_person_and_a_throttled_one_waits_as_long_as_told() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    imap.state().sign_in = Some("NO [AUTHENTICATIONFAILED] wrong".into());
    let error = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    assert!(error.to_string().contains("wrong"), "{error}");
    let mailbox = stage.mailbox();
    assert_eq!(mailbox.incoming_health.state, mailbox::State::NeedsPerson);
    assert!(!mailbox.incoming_health.remedy.is_empty());

    imap.state().sign_in = Some("NO we do not know you".into());
    let error = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err().to_string();
    assert!(error.contains("does not accept the user name with this password"), "{error}");
    assert!(error.contains("we do not know you") && !error.contains("prove again"), "{error}");

    imap.state().sign_in = None;
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);

    imap.state().sign_in =
        Some("NO Request is throttled. Suggested Backoff Time: 299961 milliseconds".into());
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    let mailbox = stage.mailbox();
    assert_eq!(mailbox.incoming_health.state, mailbox::State::Waiting);
    assert!(mailbox.due_at >= stage.clock.now() + 299_961);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_says_what_is_there_and_names_the_folders_when_one_is_not() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    imap.deliver(NOON, letter("letter 001"));
    let proof = courier::probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert!(proof.ok && proof.detail.contains("INBOX holds 1"), "{proof:?}");

    let outgoing = courier::probe::outgoing(&stage.courier, stage.mailbox_id).await.unwrap();
    assert!(!outgoing.ok && outgoing.needs_person, "{outgoing:?}");
    assert_eq!(stage.mailbox().user(Side::Incoming), crate::stage::ADDRESS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_of_another_process_that_does_not_end_is_said_and_not_taken_for_done() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    let (id, patience) = (stage.mailbox_id, fetch::Patience { round: MOMENT, ..fetch::Patience::default() });
    imap.deliver(NOON - HOUR, letter("one"));
    // The clock stands still, so no lease ends by itself.
    let held = stage.write(|tx| mailbox::claim(tx, id, NOON, 30_000, "test:another")).unwrap();
    let said = fetch::once_within(&stage.courier, id, patience).await.unwrap_err().to_string();
    assert!(said.contains("support@contoso.example was not fetched: test:another is at it"), "{said}");
    stage.write(|tx| mailbox::settle(tx, &held, &Round::Done { mail: false, next_at: NOON }, NOON));
    let summary = fetch::once_within(&stage.courier, id, patience).await.unwrap();
    assert_eq!((summary.fetched, summary.filed), (1, 1));
}

/// Seven letters, of which the server does not give the first: a person has made a ticket of it. With the row of that.
async fn with_a_stand_in() -> (Stage, PretendImap, inbox::Inbox) {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 7) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    imap.state().refused.insert(1);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let failed = stage.inbox().into_iter().find(|row| row.state == State::Failed).expect("it is kept");
    let by = stage.by();
    stage.write(|tx| desk::intake::held::accept(tx, &by, failed.id));
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    (stage, imap, failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_message_that_could_not_be_read_a_person_makes_a_ticket_all_the_same() {
    let (stage, imap, failed) = with_a_stand_in().await;
    let by = stage.by();
    let mut tickets = vec!["A message that could not be read".to_owned()];
    tickets.extend(names(2, 7));
    assert_eq!(stage.tickets(), tickets);
    let row = stage.read(|tx| desk::intake::inbox::find(tx, failed.id)).unwrap();
    assert_eq!(row.state, State::Filed);
    // One whose filing fails is on its ticket as it came.
    imap.deliver(NOON, letter("letter 008"));
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let eighth = stage.inbox().into_iter().find(|row| row.uid == 8).unwrap();
    stage.write(|tx| {
        tx.execute(
            "UPDATE inbox SET state = 'failed', reason_code = 'failed' WHERE id = $1",
            desk::params![eighth.id],
        )?;
        desk::intake::held::accept(tx, &by, eighth.id)?;
        // The first try came to nothing again.
        Ok(tx.execute("UPDATE inbox SET reason_code = 'failed' WHERE id = $1", desk::params![eighth.id])?)
    });
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let files: Vec<(String,)> = stage.read(|tx| Ok(tx.all("SELECT name FROM attachment", desk::params![])?));
    assert_eq!(files, [("message.eml".to_owned(),)]);
}

/// The server gives it one day, and the ticket says that somebody wanted it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_a_letter_stands_in_for_can_still_be_asked_for() {
    let (stage, imap, left) = with_a_stand_in().await;
    let by = stage.by();
    let counts = || stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).unwrap().counts;
    for n in [1_usize, 2] {
        let row = stage.inbox().into_iter().find(|row| row.is_left && !row.is_replaced).expect("it is there");
        assert_eq!(row.state, if n == 1 { State::Filed } else { State::Failed });
        if n == 2 {
            imap.state().refused.clear();
        }
        assert_eq!(stage.write(|tx| inbox::retry(tx, &by, row.id)), Retried::Asked);
        stage.clock.advance(MINUTE);
        let found = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
        assert_eq!((found.filed, found.failed), if n == 1 { (0, 1) } else { (1, 0) });
        let counts = counts();
        assert_eq!(
            (counts.on_server(), counts.held, counts.left, counts.unaccounted),
            (7, 5 + n as i64, 2 - n as i64, 0)
        );
    }
    let mut tickets = names(1, 7);
    tickets.insert(0, "A message that could not be read".to_owned());
    let mut found = stage.tickets();
    found.sort();
    assert_eq!(found, tickets);
    let again = apart(|| stage.database().write(|tx| inbox::retry(tx, &by, left.id)));
    let refused = again.unwrap_err().to_string();
    assert!(refused.contains("is on ticket"), "once: {refused}");
    let again = stage.inbox().into_iter().find(|row| row.state == State::Ignored).expect("its second row");
    for tried in [
        apart(|| stage.database().write(|tx| inbox::retry(tx, &by, again.id).map(drop))),
        apart(|| stage.database().write(|tx| desk::intake::held::accept(tx, &by, again.id))),
    ] {
        let refused = tried.unwrap_err().to_string();
        assert!(refused.contains("has a row of its own"), "{refused}");
    }
    let report = apart(|| desk::check::check(stage.courier.desk()).unwrap());
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    let life = stage.read(|tx| trace::incoming_of(tx, again.id)).unwrap().steps();
    let said: Vec<&str> = life.iter().map(|step| step.sentence.as_str()).collect();
    assert!(said.iter().any(|one| one.contains("Until then: The server lists it but")), "{said:?}");
    let life = stage.read(|tx| trace::incoming_of(tx, left.id)).unwrap().steps();
    let said: Vec<&str> = life.iter().map(|step| step.sentence.as_str()).collect();
    assert!(said[0].contains("in the folder INBOX, and left there"), "{said:?}");
    assert!(said.iter().any(|one| one.contains("asked the server for the message itself")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_that_the_mailbox_was_taken_from_is_made_up_for() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 3) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    let (database, id) = (stage.database(), stage.mailbox_id);
    imap.state().at_sign_in = Some(Box::new(move || {
        let change = "UPDATE mailbox SET generation = generation + 1, leased_until = 0 WHERE id = $1";
        crate::stage::apart(|| {
            database.write(|tx| Ok::<_, desk::Error>(tx.execute(change, desk::params![id])?)).unwrap()
        });
    }));
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.filed), (3, 3), "it ends well only when all is fetched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_numbered_anew_again_and_again_is_not_read_from_its_beginning_each_time() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 3) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    let bodies = || imap.log().iter().filter(|line| line.starts_with("UID FETCH")).count();
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    imap.state().uid_validity = 2;
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let before = bodies();
    for uid_validity in [3, 4] {
        stage.clock.advance(60_000);
        imap.state().uid_validity = uid_validity;
        let error = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err().to_string();
        assert!(error.contains("UIDVALIDITY") && error.contains("INBOX"), "{error}");
        let mailbox = stage.mailbox();
        assert_eq!(
            mailbox.incoming_health.state,
            mailbox::State::Waiting,
            "{}",
            mailbox.incoming_health.reason
        );
        assert!(mailbox.failures > 0, "it is tried later and later");
    }
    assert_eq!(bodies(), before, "nothing is fetched again");
    // It stays as it is: then all of it is looked at once more.
    imap.deliver(NOON, letter("letter 004"));
    stage.clock.advance(60_000);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 1);
    assert_eq!(stage.tickets(), names(1, 4));
}
