//! Another account, another server or a mailbox that was made anew, under the same UIDVALIDITY: what is remembered of the one
//! counts for nobody else. (Many servers give the same one to everybody.)
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, names};
use courier::{Process, fetch};
use desk::intake::on_server::{self, Place};
use desk::mailboxes::balance;
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};

const MINUTE: i64 = 60_000;

async fn stage(start_from: StartFrom, fetched: Fetched) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, start_from, fetched);
    (stage, imap)
}
async fn fetched(stage: &Stage) -> usize {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched
}
/// Letters of another mailbox, from its first UID on.
fn holds_instead(imap: &PretendImap, subjects: &[String]) {
    {
        let mut state = imap.state();
        state.letters.clear();
        state.uid_next = 1;
    }
    for subject in subjects {
        imap.deliver(NOON, letter(subject));
    }
}
fn unaccounted(stage: &Stage) -> i64 {
    let found = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX"));
    found.expect("the folder was compared").counts.unaccounted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_of_the_same_server_is_read_from_its_beginning_and_the_first_is_known_again() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 6) {
        imap.deliver(NOON, letter(&name));
    }
    assert_eq!(fetched(&stage).await, 6);
    holds_instead(&imap, &names(7, 9));
    stage.fetched_from_as(imap.address, "other", StartFrom::Everything, Fetched::Nothing);
    assert_eq!(fetched(&stage).await, 3);
    imap.deliver(NOON, letter("letter 010"));
    stage.clock.advance(2 * MINUTE);
    assert_eq!((fetched(&stage).await, unaccounted(&stage)), (1, 0));
    assert_eq!(stage.tickets(), names(1, 10));
    // And back, where mail has come meanwhile.
    holds_instead(&imap, &names(1, 6));
    imap.deliver(NOON, letter("letter 011"));
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    assert_eq!(fetched(&stage).await, 1);
    assert_eq!(stage.tickets(), names(1, 11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_to_be_done_at_one_account_is_not_done_at_another() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Move("Done".to_owned())).await;
    imap.state().no_moving = true;
    for name in names(1, 3) {
        imap.deliver(NOON, letter(&name));
    }
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    assert_eq!(stage.tickets(), names(1, 3), "they are here, and still there");
    holds_instead(&imap, &names(4, 6));
    stage.fetched_from_as(imap.address, "other", StartFrom::Everything, Fetched::Delete);
    assert_eq!(fetched(&stage).await, 3);
    assert!(imap.state().letters.is_empty(), "each was fetched before it was deleted");
    assert_eq!(stage.tickets(), names(1, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_was_made_anew_under_its_name_is_read_from_its_beginning() {
    let (stage, imap) = stage(StartFrom::Now, Fetched::Nothing).await;
    for name in names(1, 6) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    assert_eq!(fetched(&stage).await, 6);
    holds_instead(&imap, &names(7, 8));
    assert_eq!(fetched(&stage).await, 2, "it counts from one again, so it is not the mailbox that was read");
    imap.deliver(NOON + MINUTE, letter("letter 009"));
    stage.clock.advance(2 * MINUTE);
    assert_eq!((fetched(&stage).await, unaccounted(&stage)), (1, 0));
    assert_eq!(stage.tickets(), names(1, 9));
    // One that only counts badly is the same.
    let listed = |imap: &PretendImap| imap.log().iter().filter(|line| line.contains("UID FETCH")).count();
    let before = listed(&imap);
    imap.state().uid_next = 2;
    stage.clock.advance(2 * MINUTE);
    assert_eq!((fetched(&stage).await, listed(&imap)), (0, before));
}

/// Reading stands before a letter that does not come for now, and the numbers behind it were read all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_was_made_anew_while_a_letter_was_put_off_is_read_from_its_beginning() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 6) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    imap.state().letters[1].bytes.clear();
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    let before: Vec<String> = names(1, 6).into_iter().filter(|name| name != "letter 002").collect();
    assert_eq!(stage.tickets(), before);
    holds_instead(&imap, &names(7, 9));
    stage.clock.advance(MINUTE);
    assert_eq!(fetched(&stage).await, 3, "the next number was given already");
    assert_eq!(stage.tickets(), [before, names(7, 9)].concat());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inbox_is_one_folder_however_it_is_written() {
    let (stage, imap) = stage(StartFrom::Now, Fetched::Nothing).await;
    imap.deliver(NOON + MINUTE, letter("letter 001"));
    assert_eq!(fetched(&stage).await, 1);
    imap.deliver(NOON + MINUTE, letter("letter 002"));
    imap.deliver(NOON + MINUTE, letter("letter 003"));
    stage.clock.advance(2 * MINUTE);
    let by = stage.by();
    stage.write(|tx| mailbox::change_folders(tx, &by, stage.mailbox_id, &["Inbox".to_owned()]));
    assert_eq!(fetched(&stage).await, 2, "what waited is fetched");
    assert_eq!((stage.tickets(), unaccounted(&stage)), (names(1, 3), 0));
    assert_eq!(stage.mailbox().folder, "INBOX");
}

/// The server as its backup has it, from where it gives UIDs a second time.
fn is_restored(imap: &PretendImap, up_to: u32) {
    let mut state = imap.state();
    state.letters.retain(|letter| letter.uid <= up_to);
    state.uid_next = up_to + 1;
}
/// How often it was asked when letters came, and for letters.
fn asked(imap: &PretendImap) -> (usize, usize) {
    let log = imap.log();
    let count = |items: &str| log.iter().filter(|line| line.ends_with(items)).count();
    (count("(UID INTERNALDATE)"), count("BODY.PEEK[])"))
}
async fn fetched_after_a_restart(stage: &Stage) -> usize {
    let courier = stage.another(Process::named("test:restarted"));
    fetch::once(&courier, stage.mailbox_id).await.unwrap().fetched
}

/// The server and Postern were down together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_restored_and_has_gone_further_is_read_anew_before_its_news_are_recorded() {
    for is_restarted in [true, false] {
        let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
        for name in names(1, 6) {
            imap.deliver(NOON + MINUTE, letter(&name));
        }
        assert_eq!(fetched(&stage).await, 6);
        is_restored(&imap, 3);
        for name in names(7, 12) {
            imap.deliver(NOON + 5 * MINUTE, letter(&name));
        }
        stage.clock.advance(2 * MINUTE);
        let new = if is_restarted { fetched_after_a_restart(&stage).await } else { fetched(&stage).await };
        assert_eq!((new, stage.inbox().len()), (6, 12), "three had numbers that were known");
        assert_eq!((stage.tickets(), unaccounted(&stage)), (names(1, 12), 0));
        stage.clock.advance(2 * MINUTE);
        assert_eq!((fetched(&stage).await, unaccounted(&stage)), (0, 0));
    }
}

/// Nothing is behind what was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_restored_and_has_caught_up_is_noticed_at_a_start_and_by_the_quarter_of_an_hour() {
    for is_restarted in [true, false] {
        let (stage, imap) = stage(StartFrom::Now, Fetched::Nothing).await;
        for name in names(1, 6) {
            imap.deliver(NOON + MINUTE, letter(&name));
        }
        assert_eq!(fetched(&stage).await, 6);
        stage.clock.advance(MINUTE);
        assert_eq!(fetched(&stage).await, 0);
        let before = asked(&imap);
        is_restored(&imap, 4);
        for name in names(7, 8) {
            imap.deliver(NOON + 5 * MINUTE, letter(&name));
        }
        stage.clock.advance(2 * MINUTE);
        let new = if is_restarted {
            fetched_after_a_restart(&stage).await
        } else {
            assert_eq!((fetched(&stage).await, asked(&imap)), (0, before), "it costs nothing until then");
            stage.clock.advance(14 * MINUTE);
            fetched(&stage).await
        };
        assert_eq!((new, stage.tickets(), unaccounted(&stage)), (2, names(1, 8), 0));
        assert_eq!(asked(&imap).0, before.0 + 1, "{:?}", imap.log());
    }
}

/// As replicas do that differ.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_shows_other_letters_each_time_is_told_and_not_read_anew_each_time() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 3) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    assert_eq!(fetched(&stage).await, 3);
    let shows = |names: Vec<String>| {
        is_restored(&imap, 1);
        for name in names {
            imap.deliver(NOON + 5 * MINUTE, letter(&name));
        }
        stage.clock.advance(20 * MINUTE);
    };
    shows(names(4, 6));
    assert_eq!(fetched(&stage).await, 3);
    shows(names(7, 9));
    for letter in &mut imap.state().letters {
        letter.at += MINUTE;
    }
    let before = asked(&imap).1;
    let told = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err().to_string();
    assert!(told.contains("other letters for the second time within an hour"), "{told}");
    assert_eq!(asked(&imap).1, before + 1, "it was looked into: {:?}", imap.log());
    stage.clock.advance(41 * MINUTE);
    assert_eq!((fetched(&stage).await, unaccounted(&stage)), (3, 0));
    assert_eq!((stage.tickets(), stage.inbox().len()), (names(1, 9), 9));
}

/// What was read last is gone from the server, by hand: a listing names those that are there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_restored_is_noticed_by_older_letters_where_the_newest_are_gone() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 20) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    assert_eq!(fetched(&stage).await, 20);
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetched(&stage).await, 0);
    is_restored(&imap, 3);
    for name in names(21, 22) {
        imap.deliver(NOON + 5 * MINUTE, letter(&name));
    }
    imap.state().uid_next = 21;
    imap.deliver(NOON + 6 * MINUTE, letter("letter 023"));
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetched(&stage).await, 1, "nothing else is new by its number");
    stage.clock.advance(2 * MINUTE);
    assert_eq!((fetched(&stage).await, unaccounted(&stage)), (2, 0));
    assert_eq!(stage.tickets(), names(1, 23));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_other_dates_is_read_as_ever_and_not_asked_for_ever() {
    for changes_each_time in [false, true] {
        let (stage, imap) = stage(StartFrom::Now, Fetched::Nothing).await;
        for (name, second) in names(1, 9).into_iter().zip(1..) {
            imap.deliver(NOON + second * 1000, letter(&name));
        }
        assert_eq!(fetched(&stage).await, 9);
        let mut before = asked(&imap);
        for round in 10..16 {
            if changes_each_time || round == 10 {
                imap.state().letters.iter_mut().for_each(|letter| letter.at += MINUTE);
            }
            if round == 13 {
                before = asked(&imap);
            }
            imap.deliver(NOON + 20 * MINUTE + round * 1000, letter(&format!("letter {round:03}")));
            stage.clock.advance(20 * MINUTE);
            assert_eq!(fetched(&stage).await, 1);
        }
        let (dates, letters) = asked(&imap);
        let more = if changes_each_time { 0 } else { 3 };
        assert_eq!((dates - before.0, letters - before.1), (more, 3), "the new ones alone: {:?}", imap.log());
        assert_eq!((stage.tickets(), unaccounted(&stage)), (names(1, 15), 0));
        assert_eq!(stage.inbox().len(), 15);
    }
}

/// What an earlier round could not move has numbers that other letters have by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_over_is_read_before_it_is_moved_on_a_server_that_was_restored_meanwhile() {
    let (stage, imap) = stage(StartFrom::Now, Fetched::Move("Done".to_owned())).await;
    imap.state().no_moving = true;
    for name in names(1, 4) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    let _refused = fetch::once(&stage.courier, stage.mailbox_id).await;
    assert_eq!((stage.tickets(), imap.state().moved.len()), (names(1, 4), 0));
    is_restored(&imap, 0);
    imap.state().no_moving = false;
    for name in names(5, 8) {
        imap.deliver(NOON + 5 * MINUTE, letter(&name));
    }
    stage.clock.advance(3 * 60 * MINUTE);
    assert_eq!(fetched(&stage).await, 4);
    assert_eq!((stage.tickets(), imap.state().moved.len()), (names(1, 8), 4));
}

/// One letter was refused, and the others are deleted: another one has its number by now, with and without a new one behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_over_alone_is_read_before_it_is_deleted_on_a_server_that_was_restored_meanwhile() {
    for has_news in [false, true] {
        let (stage, imap) = stage(StartFrom::Everything, Fetched::Delete).await;
        imap.state().stuck.insert(3);
        for name in names(1, 6) {
            imap.deliver(NOON + MINUTE, letter(&name));
        }
        let _refused = fetch::once(&stage.courier, stage.mailbox_id).await;
        assert_eq!((stage.tickets(), imap.state().letters.len()), (names(1, 6), 1));
        is_restored(&imap, 2);
        imap.deliver(NOON + 5 * MINUTE, letter("letter 007"));
        imap.state().uid_next = 7;
        imap.state().stuck.clear();
        if has_news {
            imap.deliver(NOON + 5 * MINUTE, letter("letter 008"));
        }
        stage.clock.advance(10 * MINUTE);
        assert_eq!(fetched(&stage).await, if has_news { 2 } else { 1 }, "{:?}", imap.log());
        assert_eq!(stage.tickets(), names(1, if has_news { 8 } else { 7 }));
        assert!(imap.state().letters.is_empty(), "and deleted then");
    }
}

/// A server of which it is known that its dates say nothing: each letter is read then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_over_is_read_before_it_is_deleted_also_where_dates_say_nothing() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Delete).await;
    imap.state().stuck = (1..=6).collect();
    imap.state().undated = (1..=20).collect();
    for name in names(1, 4) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    for _ in 0..4 {
        let _refused = fetch::once(&stage.courier, stage.mailbox_id).await;
        stage.clock.advance(60 * MINUTE);
    }
    assert_eq!((stage.tickets(), imap.state().letters.len()), (names(1, 4), 4));
    is_restored(&imap, 2);
    for name in ["letter 005", "letter 006"] {
        imap.deliver(NOON + 5 * MINUTE, letter(name));
    }
    imap.state().stuck.clear();
    for _ in 0..3 {
        stage.clock.advance(60 * MINUTE);
        let _same_or_anew = fetch::once(&stage.courier, stage.mailbox_id).await;
    }
    assert_eq!(stage.tickets(), names(1, 6), "{:?}", imap.log());
    assert!(imap.state().letters.is_empty(), "and deleted then");
}

/// The same letter under another date, or under none, is known by its Message-ID; one that is gone is settled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_over_is_deleted_when_it_is_proved_to_be_the_letter_that_was_fetched() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Delete).await;
    imap.state().stuck = [1, 2, 3, 4, 5].into();
    for name in names(1, 4) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    let alarm = b"From: Pump <pump@customer.example>\r\nSubject: letter 005\r\n\r\nIt is dry.\r\n";
    imap.deliver(NOON + MINUTE, alarm.to_vec());
    imap.deliver(NOON + MINUTE, letter("letter 006"));
    let _refused = fetch::once(&stage.courier, stage.mailbox_id).await;
    assert_eq!(stage.tickets(), names(1, 6));
    {
        let mut state = imap.state();
        state.stuck.clear();
        state.letters.retain(|letter| letter.uid != 4);
        state.letters[0].at += MINUTE;
        state.undated.insert(2);
        // An alarm of which nothing says that it is this one.
        state.letters[3].at += MINUTE;
        state.letters[3].bytes.extend_from_slice(b"It is another one.\r\n");
    }
    stage.clock.advance(10 * MINUTE);
    let told = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err().to_string();
    assert!(told.contains("refused to one letter, the UID 5"), "{told}");
    let there: Vec<u32> = imap.state().letters.iter().map(|letter| letter.uid).collect();
    assert_eq!(there, [5], "{:?}", imap.log());
    let unsettled = stage.read(|tx| {
        on_server::unsettled(tx, Place { mailbox_id: stage.mailbox_id, folder: "INBOX", uid_validity: 1 }, 9)
    });
    assert_eq!(unsettled, [5], "it is looked at again");
}
