//! A message that the server lists and does not deliver: it alone is left, with the reason, whatever else is listed.
use crate::odd::{Odd, Oddity};
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::{Letter, PretendPop3};
use crate::stage::{NOON, Stage, letter, names};
use courier::{Process, fetch};
use desk::intake::held;
use desk::intake::inbox::{self, Retried, State};
use desk::mailboxes::balance::{self, Asked};
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use desk::mailboxes::put_off;
use desk::params;
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// So many letters, all of them in one batch.
pub async fn stage(letters: u32) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    stage.write(|tx| Ok(tx.execute("UPDATE mailbox SET batch = 100", params![])?));
    for (name, second) in names(1, letters).into_iter().zip(1..) {
        imap.deliver(NOON - HOUR + second * 1000, letter(&name));
    }
    (stage, imap)
}

/// What was left, with the reasons.
fn left(stage: &Stage) -> Vec<(u32, String)> {
    let failed = stage.inbox().into_iter().filter(|row| row.state == State::Failed);
    failed.map(|row| (row.uid, row.reason)).collect()
}

pub fn commands(imap: &PretendImap, verb: &str) -> usize {
    imap.log().iter().filter(|line| line.starts_with(verb)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_refused_stops_nobody_where_no_other_is_listed_beside_its_batch() {
    for poisoned in [1, 2, 3] {
        let (stage, imap) = stage(3).await;
        imap.state().refused.insert(poisoned);
        let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
        assert_eq!((summary.filed, summary.failed), (2, 1));
        let left = left(&stage);
        assert_eq!(left.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [poisoned]);
        assert!(left[0].1.contains("It answers “this one is poisoned”."), "{left:?}");
        assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
        assert_eq!(imap.state().letters.len(), 1, "what is not stored here is never deleted there");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_at_which_the_link_breaks_each_time_is_found_in_few_steps() {
    for poisoned in [1, 17, 40] {
        let (stage, imap) = stage(40).await;
        imap.state().breaks_at.insert(poisoned);
        let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
        assert_eq!((summary.filed, summary.failed), (39, 1));
        assert_eq!(left(&stage)[0].0, poisoned);
        assert!(commands(&imap, "AUTHENTICATE") <= 12, "{:?}", imap.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_among_many_are_found_by_halves() {
    let (stage, imap) = stage(64).await;
    imap.state().refused.extend([5, 6, 40]);
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (61, 3));
    let left: Vec<u32> = left(&stage).iter().map(|(uid, _)| *uid).collect();
    assert_eq!(left, [40, 6, 5]);
    assert!(commands(&imap, "UID FETCH") < 50, "one by one would be more: {:?}", imap.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_delivers_nothing_is_ill_until_it_delivers_something() {
    let (stage, imap) = stage(3).await;
    imap.state().breaks_at.extend([1, 2, 3]);
    for _ in 0..2 {
        fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
        assert!(stage.inbox().is_empty(), "no message is given up for a server that is ill");
        assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Waiting);
        stage.clock.advance(HOUR);
    }
    // One that comes after them is behind none of them.
    imap.deliver(NOON, letter("letter 004"));
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (1, 3));
    assert_eq!(stage.tickets(), ["letter 004"]);
    assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_of_them_than_are_looked_into_in_one_round_stop_neither_the_others_nor_the_round() {
    for empty in [true, false] {
        let (stage, imap) = stage(26).await;
        for uid in 1..=25 {
            if empty {
                imap.state().letters[uid as usize - 1].bytes.clear();
            } else {
                imap.state().refused.insert(uid);
            }
        }
        let said = short(&stage).await;
        let waiting = if empty { 25 } else { 15 };
        assert!(said.contains(&format!("{waiting} letters are asked for again")), "{said}");
        assert!(!said.contains("delivers none"), "{said}");
        assert_eq!((stage.tickets(), left(&stage).len()), (vec!["letter 026".to_owned()], 25 - waiting));
        assert_eq!(imap.state().letters.len(), 25, "the one that came is deleted there");
        let mailbox = stage.mailbox();
        assert_eq!((mailbox.incoming_health.state, mailbox.failures), (mailbox::State::Waiting, 0));
        assert_eq!(mailbox.incoming_health.reason_code, "not_delivered");
        let reasons = stage.read(|tx| put_off::of(tx, stage.mailbox_id, "INBOX", 1));
        let (_, last) = reasons.last_key_value().unwrap();
        assert!(last.said.starts_with("More than 10 letters of this folder did not come"), "{}", last.said);

        // The next one comes at once, and the rest is looked into in the rounds after.
        imap.deliver(NOON, letter("letter 027"));
        stage.clock.advance(MINUTE);
        short(&stage).await;
        assert_eq!(stage.tickets().len(), 2);
        for number in 28..=31 {
            stage.clock.advance(16 * MINUTE);
            imap.deliver(NOON, letter(&format!("letter {number:03}"))); // by which it shows that it works
            let _ = fetch::once(&stage.courier, stage.mailbox_id).await;
        }
        assert_eq!((left(&stage).len(), stage.inbox().len(), stage.tickets().len()), (25, 31, 6));
        assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 0);
        assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_deleted_while_it_is_asked_for_is_not_left_there() {
    let (stage, imap) = stage(3).await;
    imap.state().skipped.insert(2);
    let server = imap.clone();
    imap.state().odd = Some(Arc::new(move |command: &str, _: &[u8]| {
        if command.starts_with("UID FETCH 2 ") {
            server.state().letters.retain(|letter| letter.uid != 2);
        }
        None
    }));
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.failed), (2, 0));
    assert_eq!((left(&stage), stage.inbox().len()), (Vec::new(), 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_earlier_makes_no_server_ill() {
    let (stage, imap) = stage(2).await;
    imap.state().refused.insert(2);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let there: Vec<u32> = imap.state().letters.iter().map(|letter| letter.uid).collect();
    assert_eq!(there, [2], "nothing healthy is listed any more");
    imap.state().refused.insert(3);
    for name in ["letter 003", "letter 004"] {
        imap.deliver(NOON, letter(name));
    }
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.filed, summary.failed), (1, 1));
    assert_eq!(left(&stage).iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [3, 2]);
}

/// What a server refuses, it refuses in these words.
pub fn refusing(usual: &'static str, words: &'static str) -> Oddity {
    Arc::new(move |_: &str, answer: &[u8]| {
        let text = std::str::from_utf8(answer).ok()?;
        text.contains(usual).then(|| Odd::Says(text.replace(usual, words).into_bytes()))
    })
}

/// A round that could not do all, and what it says.
pub async fn short(stage: &Stage) -> String {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_body_is_no_letter_and_what_has_none_is_asked_for_again_before_it_is_left() {
    let (stage, imap) = stage(5).await;
    for (index, bytes) in [(1, ""), (2, ""), (3, " \r\n\r\n")] {
        imap.state().letters[index].bytes = bytes.into();
    }
    let said = short(&stage).await;
    assert!(said.contains("3 letters are asked for again") && said.contains("is empty"), "{said}");
    assert_eq!(stage.tickets(), ["letter 001", "letter 005"]);
    assert_eq!(
        (stage.inbox().len(), imap.state().letters.len()),
        (2, 3),
        "none of the empty ones is deleted"
    );

    // The server has its bytes by now.
    imap.state().letters[0].bytes = letter("letter 002");
    imap.deliver(NOON, letter("letter 006"));
    stage.clock.advance(MINUTE);
    short(&stage).await;
    assert_eq!(stage.tickets(), ["letter 001", "letter 002", "letter 005", "letter 006"]);

    stage.clock.advance(15 * MINUTE);
    imap.deliver(NOON, letter("letter 007"));
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.failed), (3, 2));
    let left = left(&stage);
    assert_eq!(left.iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [4, 3]);
    assert!(left[0].1.contains("What it gives for it is empty."), "{left:?}");
    assert_eq!(imap.state().letters.len(), 2, "they stay on the server");
    assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_has_nothing_but_what_is_empty_is_asked_again_for_a_day() {
    let (stage, imap) = stage(1).await;
    imap.state().letters[0].bytes.clear();
    for _ in 0..3 {
        assert!(short(&stage).await.contains("One letter is asked for again"));
        let mailbox = stage.mailbox();
        assert_eq!((mailbox.incoming_health.state, mailbox.failures), (mailbox::State::Waiting, 0));
        stage.clock.advance(7 * HOUR);
    }
    assert!(stage.inbox().is_empty());
    stage.clock.advance(7 * HOUR);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().failed, 1);
    assert_eq!((imap.state().letters.len(), stage.mailbox().incoming_health.state), (1, mailbox::State::Ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_refused_for_now_comes_later_and_stops_nobody_behind_it() {
    for code in ["[UNAVAILABLE] busy", "[INUSE] busy", "Server Unavailable. 15"] {
        let (stage, imap) = stage(4).await;
        imap.state().refused.insert(2);
        imap.state().odd = Some(refusing("this one is poisoned", code));
        let said = short(&stage).await;
        assert!(said.contains("One letter is asked for again"), "{said}");
        assert_eq!(stage.tickets(), ["letter 001", "letter 003", "letter 004"]);
        let health = stage.mailbox().incoming_health;
        assert_eq!((health.state, health.reason_code.as_str()), (mailbox::State::Waiting, "not_delivered"));
        assert!(stage.mailbox().due_at <= stage.clock.now() + MINUTE, "as usual");

        imap.deliver(NOON, letter("letter 005"));
        stage.clock.advance(MINUTE);
        short(&stage).await;
        assert_eq!(stage.tickets().len(), 4, "what comes behind it comes at once");

        imap.state().refused.clear();
        stage.clock.advance(MINUTE);
        assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 1);
        assert_eq!((stage.tickets().len(), stage.inbox().len()), (5, 5), "{code}: each once");
        assert!(imap.state().letters.is_empty());
        assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
    }
}

/// Unaccounted, and why.
pub fn unaccounted(stage: &Stage) -> (i64, String) {
    let balance = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).unwrap();
    assert_eq!(balance.counts.waiting, 0);
    (balance.counts.unaccounted, balance.reason)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_off_is_known_to_the_next_process_and_counts_as_what_it_is() {
    let (stage, imap) = stage(4).await;
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    imap.state().refused.insert(2);
    imap.state().odd = Some(refusing("this one is poisoned", "[UNAVAILABLE] busy"));
    let each_time = async |minutes: i64| {
        stage.clock.advance(minutes * MINUTE);
        fetch::once(&stage.another(Process::named("test:cron")), stage.mailbox_id).await
    };
    assert!(each_time(0).await.unwrap_err().to_string().contains("One letter is asked for again"));
    let (count, why) = unaccounted(&stage);
    assert!(count == 1 && why.starts_with("One is asked for again by itself. The server lists"), "{why}");
    assert!(why.ends_with("It answers “[UNAVAILABLE] busy”."), "{why}");

    // As long as its time has not come the server is left alone, and mail comes in.
    let asked = || commands(&imap, "UID FETCH 2 ");
    let before = asked();
    imap.deliver(NOON, letter("letter 005"));
    assert!(each_time(0).await.unwrap_err().to_string().contains("One letter is asked for again"));
    assert_eq!((asked(), stage.tickets().len()), (before, 4));
    each_time(5).await.unwrap_err();
    assert!(asked() > before);
    let known = asked();
    each_time(0).await.unwrap_err();
    assert_eq!(asked(), known, "{:?}", imap.log());
    // Whoever presses the button asks at once.
    let (by, mailbox) = (stage.by(), stage.mailbox());
    stage.write(|tx| balance::ask(tx, &by, &mailbox, Asked::Fetch));
    each_time(0).await.unwrap_err();
    assert!(asked() > known);

    let summary = each_time(10).await.unwrap();
    assert_eq!((summary.failed, stage.tickets().len()), (1, 4), "given up after a quarter of an hour in all");
    assert_eq!(unaccounted(&stage), (0, String::new()));
    let counts = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).unwrap().counts;
    assert_eq!((counts.on_server(), counts.held, counts.left), (5, 4, 1), "it is there alone");
    each_time(60).await.unwrap();
    assert_eq!(stage.inbox().len(), 5, "and asked for no more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_for_again_and_put_off_then_comes_by_itself() {
    let (stage, imap) = stage(3).await;
    imap.state().refused.insert(2);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().failed, 1);
    let left = stage.inbox().into_iter().find(|row| row.state == State::Failed).unwrap();
    let by = stage.by();
    assert_eq!(stage.write(|tx| inbox::retry(tx, &by, left.id)), Retried::Asked);
    imap.state().odd = Some(refusing("this one is poisoned", "[UNAVAILABLE] busy"));
    assert!(short(&stage).await.contains("One letter is asked for again"));
    assert_eq!(unaccounted(&stage).0, 1);
    imap.state().refused.clear();
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 1);
    assert_eq!((stage.tickets(), unaccounted(&stage)), (names(1, 3), (0, String::new())));
    assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_behind_one_that_is_put_off_is_not_fetched_again() {
    let (stage, imap) = stage(4).await;
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    imap.state().refused.insert(2);
    imap.state().odd = Some(refusing("this one is poisoned", "[UNAVAILABLE] busy"));
    short(&stage).await;
    let before = imap.log().len();
    stage.clock.advance(MINUTE);
    short(&stage).await;
    let asked = |line: &&String| line.starts_with("UID FETCH") && line.contains("BODY");
    let again: Vec<String> = imap.log().into_iter().skip(before).collect();
    let again: Vec<&String> = again.iter().filter(asked).collect();
    assert!(again.iter().take(3).all(|line| line.starts_with("UID FETCH 2 ")), "{again:?}");

    // It lasts: then it is left, with what the server says of it.
    stage.clock.advance(15 * MINUTE);
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.failed), (1, 1));
    let left = left(&stage);
    assert!(left[0].1.contains("It answers “[UNAVAILABLE] busy”."), "{left:?}");
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 0);
    assert_eq!(stage.inbox().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_pop3_too_what_is_empty_or_refused_for_now_is_neither_lost_nor_deleted() {
    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
    pop3.deliver(NOON - HOUR, letter("letter 001"));
    for name in ["empty-1", "empty-2"] {
        pop3.state().letters.push(Letter { name: name.into(), bytes: Vec::new() });
    }
    for name in names(2, 4) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    pop3.state().refused.insert("name-003".into());
    pop3.state().odd = Some(refusing("cannot read it", "[SYS/TEMP] busy"));
    let said = short(&stage).await;
    assert!(said.contains("3 letters are asked for again"), "{said}");
    assert_eq!(stage.tickets(), ["letter 001", "letter 002", "letter 004"]);
    assert_eq!(pop3.names(), ["empty-1", "empty-2", "name-003"]);

    pop3.state().refused.clear();
    pop3.deliver(NOON, letter("letter 005"));
    stage.clock.advance(MINUTE);
    short(&stage).await;
    assert_eq!(stage.tickets().len(), 5);
    stage.clock.advance(15 * MINUTE);
    pop3.deliver(NOON, letter("letter 006"));
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.failed), (3, 2));
    assert_eq!((stage.tickets().len(), stage.inbox().len()), (6, 8));
    assert_eq!(pop3.names(), ["empty-1", "empty-2"], "they stay on the server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_is_asked_for_again_and_left_again_or_filed() {
    let (stage, imap) = stage(2).await;
    imap.state().refused.insert(2);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let retry = || {
        let (by, row) = (stage.by(), stage.inbox().into_iter().find(|row| row.is_left).unwrap());
        assert_eq!(stage.write(|tx| inbox::retry(tx, &by, row.id)), Retried::Asked);
    };
    // It is all that is there, and still refused: nobody is ill for that.
    retry();
    let again = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((again.filed, again.failed), (0, 1));
    assert_eq!(left(&stage).iter().map(|(uid, _)| *uid).collect::<Vec<_>>(), [2]);
    assert_eq!(stage.mailbox().incoming_health.state, mailbox::State::Ok);
    assert_eq!(imap.state().letters.len(), 1);
    // The next round does not ask by itself.
    let asked = commands(&imap, "UID FETCH 2 ");
    stage.clock.advance(HOUR);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(commands(&imap, "UID FETCH 2 "), asked, "{:?}", imap.log());

    retry();
    imap.state().refused.clear();
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 1);
    assert_eq!((left(&stage).len(), imap.state().letters.len()), (0, 0));
    assert_eq!(stage.tickets(), ["letter 001", "letter 002"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_and_is_ignored_is_accounted_for_and_not_asked_for_until_somebody_wants_it() {
    let (stage, imap) = stage(2).await;
    imap.state().refused.insert(2);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let (by, row) = (stage.by(), stage.inbox().into_iter().find(|row| row.is_left).unwrap());
    stage.write(|tx| held::ignore(tx, &by, row.id));
    assert_eq!(stage.write(inbox::unfiled), inbox::Unfiled::default(), "nobody is told of it any more");
    let asked = commands(&imap, "UID FETCH 2 ");
    stage.clock.advance(HOUR);
    let mailbox = stage.mailbox();
    stage.write(|tx| balance::want(tx, &mailbox, Asked::Fetch));
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 0);
    let counts = stage.write(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).unwrap().counts;
    assert_eq!((counts.left, counts.unaccounted, counts.waiting), (1, 0, 0));
    assert_eq!(commands(&imap, "UID FETCH 2 "), asked, "{:?}", imap.log());
    let newer = stage.write(|tx| inbox::retry_after_upgrade(tx, "9.9.9", stage.clock.now()));
    assert_eq!(newer, 0, "a person has decided");
    imap.state().refused.clear();
    assert_eq!(stage.write(|tx| inbox::retry(tx, &by, row.id)), Retried::Asked);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 1);
    assert_eq!(stage.tickets(), ["letter 001", "letter 002"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_where_nothing_is_fetched_from_any_more_stays_as_it_is_and_says_why() {
    let (stage, imap) = stage(2).await;
    imap.state().refused.insert(2);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let says = |change: &'static str, why: &str| {
        stage.write(|tx| Ok(tx.execute(change, &[])?));
        let (by, row) = (stage.by(), stage.inbox().into_iter().find(|row| row.is_left).unwrap());
        let said = stage.write(|tx| Ok(inbox::retry(tx, &by, row.id).unwrap_err().to_string()));
        assert!(said.contains(why), "{said}");
    };
    says("UPDATE folder SET uid_validity = uid_validity + 1", "made its folder anew");
    says("UPDATE mailbox SET active = 0", "fetching is off");
}
