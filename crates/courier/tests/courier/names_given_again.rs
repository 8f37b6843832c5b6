//! POP3 servers that give the name of one letter to another: restored from a backup, or with names that are places in their list.
use crate::fetch::on_server;
use crate::pretend_pop3::PretendPop3;
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
use desk::mailboxes::balance;
use desk::mailboxes::mailbox::{Fetched, StartFrom, State};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

async fn stage(fetched: Fetched, there: std::ops::RangeInclusive<u32>) -> (Stage, PretendPop3) {
    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, StartFrom::Everything, fetched);
    deliver(&pop3, there);
    (stage, pop3)
}
fn deliver(pop3: &PretendPop3, which: std::ops::RangeInclusive<u32>) {
    for name in names(*which.start(), *which.end()) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
}
/// It has only so many letters any more, and gives the names of the others again.
fn restored(pop3: &PretendPop3, letters: usize) {
    let mut state = pop3.state();
    state.letters.truncate(letters);
    state.delivered = u32::try_from(letters).unwrap();
}
async fn fetch(stage: &Stage) -> fetch::Summary {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap()
}
/// The link breaks after so many letters.
async fn broken_off(stage: &Stage, pop3: &PretendPop3, after: usize) {
    pop3.state().cut_after = Some(after);
    pop3.state().in_use = false;
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    pop3.state().cut_after = None;
    stage.clock.advance(20 * MINUTE);
}
fn count(pop3: &PretendPop3, verb: &str) -> usize {
    pop3.log().iter().filter(|line| line.starts_with(verb)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_server_has_its_new_letters_fetched_also_under_names_that_are_known() {
    let (stage, pop3) = stage(Fetched::Nothing, 1..=30).await;
    fetch(&stage).await;
    restored(&pop3, 25);
    deliver(&pop3, 31..=38);
    assert_eq!(fetch(&stage).await.fetched, 8);
    assert_eq!(stage.tickets(), names(1, 38));
    let health = stage.mailbox().incoming_health;
    assert_eq!(health.state, State::Ok, "{}", health.reason);
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    let balance = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).unwrap();
    assert_eq!((balance.counts.held, balance.counts.unaccounted), (33, 0), "{balance:?}");

    // Where it has fewer new ones than it has lost nothing else is news, and it is seen by the quarter of an hour.
    restored(&pop3, 30);
    deliver(&pop3, 39..=41);
    stage.clock.advance(16 * MINUTE);
    assert_eq!(fetch(&stage).await.fetched, 3);
    assert_eq!(stage.tickets(), names(1, 41));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_link_left_over_is_not_deleted_by_its_name_alone() {
    let (stage, pop3) = stage(Fetched::Delete, 1..=9).await;
    broken_off(&stage, &pop3, 6).await;
    let recorded = stage.inbox().len();
    assert!((1..9).contains(&recorded), "{recorded}");
    restored(&pop3, 0);
    deliver(&pop3, 21..=40);
    assert_eq!(fetch(&stage).await.fetched, 20);
    let expected = [names(1, u32::try_from(recorded).unwrap()), names(21, 40)].concat();
    assert_eq!(stage.tickets(), expected);
    assert!(pop3.names().is_empty(), "what was fetched is deleted: {:?}", pop3.names());
    assert!(on_server(&stage).iter().any(|said| said.contains("It did not lie in its folder")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_places_in_a_list_cost_no_letter() {
    let (stage, pop3) = stage(Fetched::Delete, 1..=8).await;
    let numbered = || {
        for (letter, number) in pop3.state().letters.iter_mut().zip(1..) {
            letter.name = format!("{number}");
        }
    };
    numbered();
    broken_off(&stage, &pop3, 5).await;
    // Another client deletes the first.
    pop3.state().letters.remove(0);
    numbered();
    fetch(&stage).await;
    assert_eq!(stage.tickets(), names(1, 8));
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    assert!(pop3.names().is_empty(), "{:?}", pop3.names());
    assert_eq!(stage.tickets(), names(1, 8));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_the_same_is_deleted_and_read_a_second_time_only_where_it_has_no_message_id() {
    for has_top in [true, false] {
        let (stage, pop3) = stage(Fetched::Delete, 1..=6).await;
        pop3.state().no_top = !has_top;
        pop3.state().no_deleting = true;
        fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
        pop3.state().no_deleting = false;
        // Its names are forgotten then; the next link breaks before it deletes.
        stage.clock.advance(20 * MINUTE);
        let nameless = b"From: Ann <ann@customer.example>\r\nSubject: letter 007\r\n\r\nIt burns.\r\n";
        pop3.deliver(NOON - HOUR, nameless.to_vec());
        deliver(&pop3, 8..=8);
        broken_off(&stage, &pop3, 7).await;
        let before = count(&pop3, "RETR");
        fetch(&stage).await;
        assert_eq!(stage.tickets(), names(1, 8));
        assert!(pop3.names().is_empty(), "{:?}", pop3.names());
        let read = count(&pop3, "RETR") - before;
        assert!(if has_top { read <= 3 } else { read <= 10 }, "{has_top}: {read}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_gives_names_again_all_the_time_has_its_letters_fetched_once_an_hour() {
    let (stage, pop3) = stage(Fetched::Nothing, 1..=5).await;
    fetch(&stage).await;
    let mut next = 6;
    let mut others = |expected: usize| {
        restored(&pop3, 0);
        deliver(&pop3, next..=next + 4);
        next += 5;
        stage.clock.advance(16 * MINUTE);
        expected
    };
    let expected = others(5);
    assert_eq!(fetch(&stage).await.fetched, expected);
    let expected = others(0);
    assert_eq!(fetch(&stage).await.fetched, expected, "the second time within the hour");
    stage.clock.advance(HOUR);
    assert_eq!(fetch(&stage).await.fetched, 5, "and when it is over");
}

fn alarm(number: u32) -> Vec<u8> {
    format!("From: Cron <root@host.example>\r\nSubject: letter {number:03}\r\n\r\nDisk {number} is full.\r\n")
        .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_without_message_ids_are_told_apart_as_a_whole_and_read_once_for_that() {
    let (stage, pop3) = stage(Fetched::Nothing, 1..=20).await;
    (21..=35).for_each(|number| drop(pop3.deliver(NOON - HOUR, alarm(number))));
    fetch(&stage).await;
    for round in 0..5 {
        let before = count(&pop3, "RETR");
        stage.clock.advance(16 * MINUTE);
        fetch(&stage).await;
        let read = count(&pop3, "RETR") - before;
        assert!(read <= if round < 3 { 6 } else { 0 }, "{round}: {read}");
    }
    // The names of alarms are given to others, and to letters with Message-IDs.
    restored(&pop3, 20);
    (36..=45).for_each(|number| drop(pop3.deliver(NOON - HOUR, alarm(number))));
    deliver(&pop3, 46..=52);
    fetch(&stage).await;
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    assert_eq!(stage.tickets(), names(1, 52));
}
