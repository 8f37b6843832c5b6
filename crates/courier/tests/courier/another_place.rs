//! Another account, another server or a mailbox that was made anew, under the same UIDVALIDITY: what is remembered of the one
//! counts for nobody else. (Many servers give the same one to everybody.)
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_restored_from_its_backup_and_has_caught_up_is_read_anew() {
    let (stage, imap) = stage(StartFrom::Now, Fetched::Nothing).await;
    for name in names(1, 6) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    assert_eq!(fetched(&stage).await, 6);
    // The last two are lost with the disk; three came since the restore, under their numbers and the next.
    {
        let mut state = imap.state();
        state.letters.truncate(4);
        state.uid_next = 5;
    }
    for name in names(7, 9) {
        imap.deliver(NOON + 5 * MINUTE, letter(&name));
    }
    stage.clock.advance(61 * MINUTE);
    assert_eq!(fetched(&stage).await, 1, "by its number only one is new");
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetched(&stage).await, 2, "the others had numbers that were known");
    stage.clock.advance(2 * MINUTE);
    assert_eq!((fetched(&stage).await, unaccounted(&stage)), (0, 0));
    assert_eq!(stage.tickets(), names(1, 9));

    // A server that says other dates each time is the same one all the same.
    let read = |imap: &PretendImap| imap.log().iter().filter(|line| line.contains("BODY")).count();
    for letter in &mut imap.state().letters {
        letter.at += MINUTE;
    }
    imap.deliver(NOON + 12 * MINUTE, letter("letter 010"));
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetched(&stage).await, 1);
    let before = read(&imap);
    for _ in 0..3 {
        stage.clock.advance(70 * MINUTE);
        assert_eq!(fetched(&stage).await, 0);
    }
    assert!(read(&imap) <= before + 6, "{:?}", imap.log());
    assert_eq!((stage.tickets(), unaccounted(&stage)), (names(1, 10), 0));
}

/// What an earlier round could not move has numbers that other letters have by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_over_is_not_moved_on_a_server_that_was_restored_meanwhile() {
    let (stage, imap) = stage(StartFrom::Now, Fetched::Move("Done".to_owned())).await;
    imap.state().no_moving = true;
    for name in names(1, 4) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    let _refused = fetch::once(&stage.courier, stage.mailbox_id).await;
    assert_eq!((stage.tickets(), imap.state().moved.len()), (names(1, 4), 0));
    {
        let mut state = imap.state();
        state.letters.clear();
        (state.uid_next, state.no_moving) = (1, false);
    }
    for name in names(5, 8) {
        imap.deliver(NOON + 5 * MINUTE, letter(&name));
    }
    stage.clock.advance(3 * 60 * MINUTE);
    assert_eq!(fetched(&stage).await, 0);
    assert!(imap.state().moved.is_empty(), "nobody has read them: {:?}", imap.log());
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetched(&stage).await, 4);
    assert_eq!((stage.tickets(), imap.state().moved.len()), (names(1, 8), 4));
}
