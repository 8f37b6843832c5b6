//! The folder on the server against what is held of it: every message is accounted for, and what is not is fetched when
//! somebody asks, each once.
use crate::graph::Scene;
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::PretendPop3;
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
use desk::intake::inbox::State;
use desk::mailboxes::balance::{self, Asked, Balance, Counts};
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use desk::params;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// A machine's answer to nothing: it is held, and so on no ticket.
fn absence(name: &str) -> Vec<u8> {
    let mut raw = b"Auto-Submitted: auto-replied\r\n".to_vec();
    raw.extend(letter(name));
    raw
}
fn counts(held: i64, older: i64, waiting: i64, unaccounted: i64) -> Counts {
    Counts { held, left: 0, older, waiting, unaccounted }
}
fn balance(stage: &Stage) -> Balance {
    stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).expect("the folder was compared")
}
fn ask(stage: &Stage, asked: Asked) {
    let (by, mailbox) = (stage.by(), stage.mailbox());
    stage.write(|tx| balance::ask(tx, &by, &mailbox, asked));
}
async fn fetch(stage: &Stage) -> fetch::Summary {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap()
}
/// What no row of the desk knows any more: the rows of what is held are lost.
fn lose_held(stage: &Stage) {
    stage.write(|tx| Ok(tx.execute("DELETE FROM inbox WHERE state = 'held'", params![])?));
}
async fn by_imap(start_from: StartFrom, fetched: Fetched) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, start_from, fetched);
    (stage, imap)
}
fn listings(imap: &PretendImap) -> usize {
    imap.log().iter().filter(|line| line.ends_with("UID SEARCH UID 1:*")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_cursor_was_moved_past_is_unaccounted_and_fetched_once_when_it_is_asked_for() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 8) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    fetch(&stage).await;
    let first = balance(&stage);
    assert_eq!((first.counts, first.compared_at), (counts(8, 0, 0, 0), Some(stage.clock.now())));
    assert_eq!((first.reason.as_str(), first.unaccounted_since), ("", None));

    for name in names(9, 11) {
        imap.deliver(NOON, letter(&name));
    }
    stage.write(|tx| Ok(tx.execute("UPDATE folder SET uid_last = 11", params![])?));
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetch(&stage).await.fetched, 0, "nothing is fetched that nobody asked for");
    let lacking = balance(&stage);
    assert_eq!(lacking.counts, counts(8, 0, 0, 3), "its count said that something has changed");
    assert_eq!(lacking.unaccounted_since, Some(stage.clock.now()));
    assert!(
        lacking.lacks().starts_with("3 messages in the folder INBOX are on the server and not here. Reading")
    );

    ask(&stage, Asked::Fetch);
    assert_eq!(balance(&stage).asked, Asked::Fetch);
    let bodies = || imap.log().into_iter().filter(|line| line.contains("BODY")).count();
    let before = bodies();
    let found = fetch(&stage).await;
    assert_eq!((found.fetched, found.filed), (3, 3));
    assert_eq!(bodies(), before + 1, "exactly those: {:?}", imap.log());
    assert!(imap.log().iter().any(|line| line.contains("UID FETCH 9:11 (UID INTERNALDATE BODY")));
    let whole = balance(&stage);
    assert_eq!((whole.counts, whole.asked), (counts(11, 0, 0, 0), Asked::Nothing));
    assert_eq!(stage.tickets(), names(1, 11));
    ask(&stage, Asked::Fetch);
    assert_eq!(fetch(&stage).await.fetched, 0);
    assert_eq!(stage.tickets(), names(1, 11));
}

/// A backlog that comes in several rounds is deleted there, and the figure is of the first of them: it does not stay so until
/// the next look, which may be in a day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figure_of_a_drained_folder_is_made_good_as_soon_as_it_may_be_compared() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Delete).await;
    stage.write(|tx| Ok(tx.execute("UPDATE mailbox SET frequency_s = 86400", params![])?));
    fetch(&stage).await;
    let compared_at = balance(&stage).compared_at.unwrap();
    assert_eq!(stage.mailbox().due_at, compared_at + 24 * HOUR, "it is as it was counted");
    for name in names(1, 30) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    stage.clock.advance(10_000);
    assert_eq!(fetch(&stage).await.fetched, 30);
    assert_eq!(balance(&stage).compared_at, Some(compared_at), "it is too soon");
    let due_at = stage.mailbox().due_at;
    assert_eq!(due_at, compared_at + MINUTE, "the next round is to compare it");
    stage.clock.advance(due_at - stage.clock.now());
    fetch(&stage).await;
    let after = balance(&stage);
    assert_eq!((after.counts, after.compared_at, after.is_stale), (counts(0, 0, 0, 0), Some(due_at), false));
    assert_eq!(stage.mailbox().due_at, due_at + 24 * HOUR);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_row_shows_within_the_hour_though_nothing_changes_on_the_server() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Nothing).await;
    imap.deliver(NOON - HOUR, letter("letter 001"));
    imap.deliver(NOON - HOUR, absence("away"));
    imap.deliver(NOON - HOUR, letter("letter 002"));
    fetch(&stage).await;
    assert_eq!(balance(&stage).counts, counts(3, 0, 0, 0));
    lose_held(&stage);
    let before = listings(&imap);
    for _ in 0..5 {
        stage.clock.advance(10 * MINUTE);
        fetch(&stage).await;
    }
    assert_eq!(listings(&imap), before, "while the numbers agree the lists are not compared");
    stage.clock.advance(11 * MINUTE);
    fetch(&stage).await;
    assert_eq!(balance(&stage).counts, counts(2, 0, 0, 1));
    ask(&stage, Asked::Fetch);
    let found = fetch(&stage).await;
    assert_eq!((found.fetched, found.held), (1, 1));
    assert_eq!(balance(&stage).counts, counts(3, 0, 0, 0));
    assert_eq!(stage.inbox().iter().filter(|row| row.state == State::Held).map(|row| row.uid).max(), Some(2));
    // The rest of the desk is as it was, and the fetched one has the content that was there.
    assert_eq!(stage.tickets(), names(1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_counts_its_changes_lists_only_where_it_or_the_desk_has_changed() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Nothing).await;
    imap.state().highest_mod_seq = Some(4_000_000_000_000_000_000);
    imap.deliver(NOON - HOUR, letter("letter 001"));
    imap.deliver(NOON - HOUR, absence("away"));
    fetch(&stage).await;
    let first = listings(&imap);
    for _ in 0..3 {
        stage.clock.advance(HOUR + MINUTE);
        fetch(&stage).await;
        assert_eq!(balance(&stage).compared_at, Some(stage.clock.now()), "it is as good as compared");
    }
    assert_eq!(listings(&imap), first, "{:?}", imap.log());

    let by_the_hour = async || {
        let before = listings(&imap);
        stage.clock.advance(HOUR + MINUTE);
        fetch(&stage).await;
        listings(&imap) - before
    };
    // A flag has changed: nothing that matters, but the server's number says no more.
    imap.state().highest_mod_seq = Some(4_000_000_000_000_000_001);
    assert_eq!(by_the_hour().await, 1);
    assert_eq!(by_the_hour().await, 0);
    imap.state().uid_next += 1;
    stage.write(|tx| Ok(tx.execute("UPDATE folder SET uid_last = uid_last + 1", params![])?));
    assert_eq!(by_the_hour().await, 1, "a cursor that is moved");
    lose_held(&stage);
    assert_eq!(by_the_hour().await, 1, "a row that is lost");
    assert_eq!(balance(&stage).counts, counts(1, 0, 0, 1));
    assert_eq!(by_the_hour().await, 1, "what lacks is looked for each hour");
    // It does not count any more.
    imap.state().highest_mod_seq = None;
    assert_eq!(by_the_hour().await, 1);
    assert_eq!(by_the_hour().await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_tells_what_has_changed_is_not_listed_as_long_as_it_counts_the_same() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Nothing).await;
    imap.state().highest_mod_seq = Some(100);
    imap.state().changes = Some(String::new());
    for name in names(1, 8) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    fetch(&stage).await;
    assert_eq!((listings(&imap), balance(&stage).counts), (3, counts(8, 0, 0, 0)), "{:?}", imap.log());
    let compared = async |told: &str| {
        let (listed, mod_seq) = (listings(&imap), imap.state().highest_mod_seq);
        imap.state().highest_mod_seq = mod_seq.map(|number| number + 1);
        imap.state().changes = Some(told.to_owned());
        stage.clock.advance(2 * MINUTE);
        fetch(&stage).await;
        (listings(&imap) - listed, balance(&stage).counts)
    };
    imap.state().letters.retain(|letter| !(3..=5).contains(&letter.uid));
    assert_eq!(compared("* VANISHED (EARLIER) 3:5\r\n").await, (0, counts(5, 0, 0, 0)), "{:?}", imap.log());
    let asked = || imap.log().into_iter().rfind(|line| line.contains("CHANGEDSINCE"));
    assert!(asked().unwrap().ends_with("UID FETCH 1:4294967295 (UID) (CHANGEDSINCE 108 VANISHED)"));
    for name in names(9, 10) {
        imap.deliver(NOON, letter(&name));
    }
    let told = "* 1 FETCH (UID 1 MODSEQ (110))\r\n* 6 FETCH (UID 9 MODSEQ (111))\r\n* 7 FETCH (UID 10 MODSEQ (112))\r\n";
    assert_eq!(compared(told).await, (0, counts(7, 0, 0, 0)), "{:?}", imap.log());
    assert!(asked().unwrap().contains("CHANGEDSINCE 109 "), "{:?}", asked());

    imap.state().letters.pop();
    assert_eq!(
        compared("").await,
        (1, counts(6, 0, 0, 0)),
        "it did not tell of what is gone, and its count did"
    );
    imap.state().letters.pop();
    assert_eq!(compared("NO").await, (1, counts(5, 0, 0, 0)), "it would rather not");
    ask(&stage, Asked::Compare);
    assert_eq!(compared("").await, (1, counts(5, 0, 0, 0)), "a person has asked");
    imap.state().letters.pop();
    imap.state().highest_mod_seq = Some(7);
    assert_eq!(
        compared("* VANISHED (EARLIER) 8\r\n").await,
        (1, counts(4, 0, 0, 0)),
        "its number has gone back"
    );
    stage.clock.advance(25 * HOUR);
    imap.state().letters.pop();
    assert_eq!(
        compared("* VANISHED (EARLIER) 7\r\n").await,
        (1, counts(3, 0, 0, 0)),
        "no server is believed for ever"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_counts_and_does_not_list_is_unaccounted() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 4) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    imap.state().unlisted.insert(2);
    fetch(&stage).await;
    let lacking = balance(&stage);
    assert_eq!(lacking.counts, counts(3, 0, 0, 1));
    assert!(
        lacking.lacks().contains("counts 4 messages in the folder and lists 3: 1 of"),
        "{}",
        lacking.lacks()
    );
    imap.state().unlisted.clear();
    stage.clock.advance(HOUR + MINUTE);
    fetch(&stage).await;
    let told = balance(&stage);
    assert_eq!(
        (told.counts, told.lacks().contains("lists 3")),
        (counts(3, 0, 0, 1), false),
        "it can be asked for"
    );
    ask(&stage, Asked::Fetch);
    fetch(&stage).await;
    assert_eq!((balance(&stage).counts, stage.tickets()), (counts(4, 0, 0, 0), names(1, 4)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_uidvalidity_and_what_was_moved_out_and_in_are_accounted_for() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 5) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    fetch(&stage).await;
    // Out, and a while later in again, under another UID.
    let out = imap.state().letters.remove(1);
    stage.clock.advance(2 * MINUTE);
    fetch(&stage).await;
    assert_eq!(balance(&stage).counts, counts(4, 0, 0, 0));
    imap.deliver(NOON - HOUR, out.bytes);
    stage.clock.advance(2 * MINUTE);
    assert_eq!(fetch(&stage).await.fetched, 0);
    assert_eq!(balance(&stage).counts, counts(5, 0, 0, 0));
    {
        let mut state = imap.state();
        state.uid_validity = 9;
        for (letter, uid) in state.letters.iter_mut().zip(100..) {
            letter.uid = uid;
        }
        state.uid_next = 200;
    }
    assert_eq!(fetch(&stage).await.fetched, 0);
    let anew = balance(&stage);
    assert_eq!((anew.uid_validity, anew.counts), (9, counts(5, 0, 0, 0)));
    assert_eq!(stage.tickets(), names(1, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_than_the_start_is_counted_apart_and_wanted_after_another_start() {
    let (stage, imap) = by_imap(StartFrom::Now, Fetched::Nothing).await;
    for name in names(1, 60) {
        imap.deliver(NOON - HOUR, letter(&name)); // today as well, so SINCE does not tell them apart
    }
    imap.deliver(NOON + 1_000, letter("letter 061"));
    fetch(&stage).await;
    assert_eq!(balance(&stage).counts, counts(1, 60, 0, 0));
    let of_old = |line: &&String| line.starts_with("UID FETCH 1:") && line.ends_with("(UID INTERNALDATE)");
    let dates = || imap.log().iter().filter(of_old).count();
    let asked = dates();
    assert!(asked > 0);
    for number in 62..65 {
        imap.deliver(NOON + 2_000, letter(&format!("letter {number:03}")));
        stage.clock.advance(2 * MINUTE);
        fetch(&stage).await;
    }
    assert_eq!((balance(&stage).counts, dates()), (counts(4, 60, 0, 0), asked), "dates are asked for once");
    assert_eq!(stage.tickets(), names(61, 64));

    // A later start changes nothing; everything after all is fetched by itself, silently.
    stage.clock.advance(24 * HOUR);
    stage.fetched_from(imap.address, StartFrom::Date("2026-11-25".into()), Fetched::Nothing);
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
    assert_eq!(fetch(&stage).await.fetched, 0);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    assert_eq!(fetch(&stage).await.fetched, 60);
    assert_eq!(balance(&stage).asked, Asked::Nothing);
    assert_eq!(balance(&stage).counts, counts(64, 0, 0, 0));
    assert_eq!(stage.tickets(), names(1, 64));
    let (loud,) =
        stage.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM inbox WHERE silent = 0", params![])?));
    assert_eq!(loud, 4, "old mail is filed silently");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_moved_after_it_was_fetched_is_neither_here_nor_lacking() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Move("Done".into())).await;
    for name in names(1, 4) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    fetch(&stage).await;
    assert_eq!(balance(&stage).counts, counts(0, 0, 0, 0));
    // A lost row of one that is still there is fetched and moved like any other.
    imap.state().no_moving = true;
    imap.deliver(NOON, absence("away"));
    let _ = fetch::once(&stage.courier, stage.mailbox_id).await;
    lose_held(&stage);
    imap.state().no_moving = false;
    stage.clock.advance(2 * HOUR);
    ask(&stage, Asked::Fetch);
    assert_eq!(fetch(&stage).await.fetched, 1);
    assert_eq!((balance(&stage).counts, imap.state().letters.len()), (counts(0, 0, 0, 0), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_pop3_a_lost_row_is_found_and_old_mail_is_asked_for_its_date_once() {
    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, StartFrom::Now, Fetched::Nothing);
    for name in names(1, 10) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    pop3.deliver(NOON + 1_000, absence("away"));
    pop3.deliver(NOON + 1_000, letter("letter 011"));
    fetch(&stage).await;
    assert_eq!(balance(&stage).counts, counts(2, 10, 0, 0));
    let dates = || pop3.log().iter().filter(|line| line.starts_with("TOP")).count();
    let asked = dates();
    lose_held(&stage);
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    // Of the lost one, which could be old as well, and of the other one whether it is the same still.
    assert_eq!((balance(&stage).counts, dates()), (counts(1, 10, 0, 1), asked + 2));
    ask(&stage, Asked::Fetch);
    let found = fetch(&stage).await;
    assert_eq!((found.fetched, found.held), (1, 1));
    assert_eq!(balance(&stage).counts, counts(2, 10, 0, 0));
    let retrieved: Vec<String> = pop3.log().into_iter().filter(|line| line.starts_with("RETR")).collect();
    assert_eq!(retrieved, ["RETR 11", "RETR 12", "RETR 11"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_graph_a_lost_row_is_found_and_so_is_what_the_server_never_told_of() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Nothing).await;
    let stage = &scene.stage;
    for name in ["letter 001", "letter 002"] {
        scene.practice.deliver(crate::graph::OPENED, &letter(name));
    }
    scene.practice.deliver(crate::graph::OPENED, &absence("away"));
    scene.fetch().await;
    assert_eq!(balance(stage).counts, counts(3, 0, 0, 0));
    lose_held(stage);
    scene.advance(2 * HOUR);
    scene.fetch().await;
    assert_eq!(balance(stage).counts, counts(2, 0, 0, 1));
    ask(stage, Asked::Fetch);
    assert_eq!(scene.fetch().await.fetched, 1);
    assert_eq!(balance(stage).counts, counts(3, 0, 0, 0));

    // Without its number, too: as if no listing of what is new had ever named it.
    stage.write(|tx| {
        Ok(tx.execute(
            "DELETE FROM named_message WHERE uid IN (SELECT uid FROM inbox WHERE state = 'held')",
            params![],
        )?)
    });
    lose_held(stage);
    scene.advance(2 * HOUR);
    scene.fetch().await;
    let lacking = balance(stage);
    assert_eq!(lacking.counts, counts(2, 0, 0, 1));
    assert!(lacking.reason.contains("did not tell of it"), "{}", lacking.reason);
    ask(stage, Asked::Fetch);
    assert_eq!(scene.fetch().await.fetched, 1);
    assert_eq!(balance(stage).counts, counts(3, 0, 0, 0));
    assert_eq!(scene.fetch().await.fetched, 0);
    assert_eq!(stage.tickets(), names(1, 2));
    assert_eq!(stage.inbox().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_list_the_folder_as_a_whole_stops_no_mail_and_is_asked_again_later() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Nothing).await;
    for name in names(1, 3) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    fetch(&stage).await;
    let counted_at = stage.clock.now();
    imap.state().no_listing = true;
    for (minutes, number, asks) in [(2, 4, 1), (2, 5, 0), (16, 6, 1)] {
        stage.clock.advance(minutes * MINUTE);
        imap.deliver(NOON, letter(&format!("letter {number:03}")));
        let before = listings(&imap);
        assert_eq!(fetch(&stage).await.fetched, 1);
        assert_eq!(listings(&imap) - before, asks, "after {minutes} minutes");
        let (health, now) = (stage.mailbox().incoming_health, balance(&stage));
        assert_eq!(health.state, mailbox::State::Ok, "{}", health.reason);
        assert!(now.uncounted.contains("too much to list"), "{}", now.uncounted);
        assert_eq!((now.counts, now.compared_at), (counts(3, 0, 0, 0), Some(counted_at)), "as it was");
    }
    imap.state().no_listing = false;
    stage.clock.advance(16 * MINUTE);
    fetch(&stage).await;
    let now = balance(&stage);
    assert_eq!((now.counts, now.uncounted.as_str(), now.uncounted_at), (counts(6, 0, 0, 0), "", None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_to_be_fetched_and_cannot_be_listed_stays_asked_for_until_it_is_cancelled() {
    let (stage, imap) = by_imap(StartFrom::Everything, Fetched::Nothing).await;
    imap.deliver(NOON - HOUR, letter("letter 001"));
    imap.deliver(NOON - HOUR, absence("letter 002"));
    fetch(&stage).await;
    lose_held(&stage);
    imap.state().no_listing = true;
    ask(&stage, Asked::Compare);
    fetch(&stage).await;
    assert_eq!(balance(&stage).asked, Asked::Nothing, "it has come to a note");
    ask(&stage, Asked::Fetch);
    fetch(&stage).await;
    assert_eq!(balance(&stage).asked, Asked::Fetch);
    let (by, of) = (stage.by(), stage.mailbox());
    stage.write(|tx| balance::cancel(tx, &by, &of));
    imap.state().no_listing = false;
    assert_eq!(fetch(&stage).await.fetched, 0, "it is not wanted any more");
    stage.clock.advance(16 * MINUTE);
    fetch(&stage).await;
    assert_eq!((balance(&stage).counts, balance(&stage).asked), (counts(1, 0, 0, 1), Asked::Nothing));
}
