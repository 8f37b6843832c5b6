//! A mail server that says one date of all its letters, or of many: it says nothing of whether they are the recorded ones.
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, names};
use courier::{Process, fetch};
use desk::mailboxes::balance;
use desk::mailboxes::mailbox::{Fetched, StartFrom};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

async fn stage(fetched: Fetched) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, fetched);
    (stage, imap)
}
async fn fetched(stage: &Stage) -> usize {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched
}
fn deliver(imap: &PretendImap, from: u32, to: u32) {
    for name in names(from, to) {
        imap.deliver(NOON, letter(&name));
    }
}
fn is_restored(imap: &PretendImap, up_to: u32) {
    let mut state = imap.state();
    state.letters.retain(|letter| letter.uid <= up_to);
    state.uid_next = up_to + 1;
}
fn unaccounted(stage: &Stage) -> i64 {
    let found = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX"));
    found.expect("the folder was compared").counts.unaccounted
}
/// How often letters were asked for.
fn read(imap: &PretendImap) -> usize {
    imap.log().iter().filter(|line| line.ends_with("BODY.PEEK[])")).count()
}
fn there(imap: &PretendImap) -> Vec<u32> {
    imap.state().letters.iter().map(|letter| letter.uid).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_one_date_that_was_restored_is_read_anew_before_its_news_are_recorded() {
    // Always, or since it moved to another machine.
    for (was_other, is_restarted) in [(false, true), (false, false), (true, true), (true, false)] {
        let (stage, imap) = stage(Fetched::Nothing).await;
        deliver(&imap, 1, 25);
        if was_other {
            imap.state()
                .letters
                .iter_mut()
                .zip(1..)
                .for_each(|(letter, n)| letter.at = NOON - HOUR + n * 1000);
        }
        assert_eq!(fetched(&stage).await, 25);
        imap.state().letters.iter_mut().for_each(|letter| letter.at = NOON);
        for _ in 0..2 {
            stage.clock.advance(20 * MINUTE);
            assert_eq!(fetched(&stage).await, 0);
        }
        is_restored(&imap, 5);
        deliver(&imap, 26, 55);
        stage.clock.advance(2 * MINUTE);
        let new = if is_restarted {
            let courier = stage.another(Process::named("test:restarted"));
            fetch::once(&courier, stage.mailbox_id).await.unwrap().fetched
        } else {
            fetched(&stage).await
        };
        assert_eq!((new, stage.inbox().len()), (30, 55), "20 had numbers that were known");
        assert_eq!((stage.tickets(), unaccounted(&stage)), (names(1, 55), 0));
    }
}

/// What an earlier round could not delete has the numbers of other letters by now, wholly or from some number on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_over_is_not_deleted_unread_where_all_dates_are_one() {
    for (up_to, new) in [(0, 6), (3, 2), (5, 1), (4, 8)] {
        let (stage, imap) = stage(Fetched::Delete).await;
        imap.state().stuck = (1..=6).collect();
        deliver(&imap, 1, 6);
        let _refused = fetch::once(&stage.courier, stage.mailbox_id).await;
        assert_eq!((stage.tickets(), there(&imap)), (names(1, 6), (1..=6).collect()));
        is_restored(&imap, up_to);
        deliver(&imap, 7, 6 + new);
        {
            let mut state = imap.state();
            state.uid_next = state.uid_next.max(7);
            state.stuck.clear();
        }
        stage.clock.advance(3 * HOUR);
        fetched(&stage).await;
        assert_eq!(stage.tickets(), names(1, 6 + new), "up to {up_to}: {:?}", imap.log());
        assert_eq!(there(&imap), Vec::<u32>::new(), "and deleted then");
    }
}

/// The newest letters show that those before them are the recorded ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_over_is_deleted_in_one_round_after_a_few_of_it_were_read() {
    let (stage, imap) = stage(Fetched::Delete).await;
    imap.state().stuck = (1..=80).collect();
    deliver(&imap, 1, 80);
    let _refused = fetch::once(&stage.courier, stage.mailbox_id).await;
    assert_eq!(there(&imap).len(), 80);
    imap.state().stuck.clear();
    let before = read(&imap);
    stage.clock.advance(3 * HOUR);
    fetched(&stage).await;
    assert_eq!((there(&imap), read(&imap) - before), (vec![], 3), "{:?}", imap.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_of_one_date_are_not_read_again_for_nothing() {
    let (stage, imap) = stage(Fetched::Nothing).await;
    deliver(&imap, 1, 12);
    assert_eq!(fetched(&stage).await, 12);
    let again = async |news: Option<(u32, i64)>| {
        let before = read(&imap);
        if let Some((number, at)) = news {
            imap.deliver(at, letter(&format!("letter {number:03}")));
        }
        stage.clock.advance(20 * MINUTE);
        fetched(&stage).await;
        read(&imap) - before
    };
    assert_eq!(again(None).await, 1, "the newest");
    assert_eq!(again(None).await, 0);
    assert_eq!(again(Some((13, NOON))).await, 2, "the newest of those before, and the new one");
    assert_eq!(again(None).await, 1, "that one, once");
    assert_eq!(again(None).await, 0);
    assert_eq!(again(Some((14, NOON))).await, 2);
    // Two of one second among others cost nothing.
    for (name, second) in names(15, 26).into_iter().zip([1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11]) {
        imap.deliver(NOON + HOUR + second * 1000, letter(&name));
    }
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetched(&stage).await, 12);
    assert_eq!(again(Some((27, NOON + 2 * HOUR))).await, 1, "{:?}", imap.log());
    assert_eq!(again(None).await, 0);
    assert_eq!((stage.tickets(), unaccounted(&stage)), (names(1, 27), 0));
}
