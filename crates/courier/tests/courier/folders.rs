//! Several folders of one mailbox: each has its own place in reading, and none stops the others.
use crate::graph::{OPENED, Scene};
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, names, until};
use courier::probe::{self, folders};
use courier::{fetch, rounds};
use desk::mailboxes::balance::{self, Balance};
use desk::mailboxes::cursor;
use desk::mailboxes::mailbox::{self, Fetched, StartFrom, State};

const HOUR: i64 = 3_600_000;
/// *Verkauf/Süd* on the wire (RFC 3501 §5.1.3).
const SOUTH: &str = "Verkauf/S&APw-d";

fn choose(stage: &Stage, folders: &[&str]) {
    let folders: Vec<String> = folders.iter().map(|name| (*name).to_owned()).collect();
    let by = stage.by();
    stage.write(|tx| mailbox::change_folders(tx, &by, stage.mailbox_id, &folders));
}
fn balances(stage: &Stage) -> Vec<Balance> {
    let mailbox = stage.mailbox();
    stage.read(|tx| balance::of(tx, [&mailbox])).remove(&mailbox.id).unwrap_or_default()
}
async fn stage(start_from: StartFrom, fetched: Fetched) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, start_from, fetched);
    imap.create(SOUTH, 9);
    (stage, imap)
}
fn lying_in(imap: &PretendImap, folder: &str) -> Vec<u32> {
    let state = imap.state();
    state.others[folder].letters.iter().map(|letter| letter.uid).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_folder_is_read_from_its_own_place_and_settled_in_itself() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Delete).await;
    choose(&stage, &["INBOX", "Verkauf/Süd"]);
    for name in names(1, 5) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    for name in names(5, 9) {
        imap.deliver_to(SOUTH, NOON - HOUR, letter(&name)); // the fifth lies in both
    }
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.filed), (9, 9), "a letter in both folders is one ticket");
    assert_eq!(stage.tickets(), names(1, 9));
    assert!(imap.state().letters.is_empty());
    assert!(lying_in(&imap, SOUTH).is_empty());
    let place = |folder: &str| {
        let cursor = stage.read(|tx| cursor::find(tx, stage.mailbox_id, folder)).unwrap();
        (cursor.uid_validity, cursor.uid_last)
    };
    assert_eq!((place("INBOX"), place("Verkauf/Süd")), ((1, 5), (9, 5)));
    let found = balances(&stage);
    assert_eq!(found.iter().map(|found| found.folder.as_str()).collect::<Vec<_>>(), ["INBOX", "Verkauf/Süd"]);

    imap.deliver_to(SOUTH, NOON, letter("letter 010"));
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 1);
    // Made anew, which is no matter of the other.
    {
        let mut state = imap.state();
        let other = state.others.get_mut(SOUTH).unwrap();
        (other.uid_validity, other.uid_next) = (77, 1);
    }
    imap.deliver_to(SOUTH, NOON, letter("letter 011"));
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 1);
    assert_eq!((place("INBOX"), place("Verkauf/Süd")), ((1, 5), (77, 1)));
    assert_eq!(stage.tickets(), names(1, 11));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_goes_away_is_told_and_stops_no_other() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    choose(&stage, &["Verkauf/Süd", "INBOX"]);
    imap.deliver_to(SOUTH, NOON - HOUR, letter("letter 001"));
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let gone = imap.state().others.remove(SOUTH).unwrap();
    imap.deliver(NOON, letter("letter 002"));
    let error = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err().to_string();
    assert!(error.contains("The folder “Verkauf/Süd” is not well; the others are fetched."), "{error}");
    assert!(error.contains("There is no folder “Verkauf/Süd” in this mailbox."), "{error}");
    assert_eq!(stage.tickets(), names(1, 2), "mail of the other came in");
    let mailbox = stage.mailbox();
    assert_eq!(mailbox.incoming_health.state, State::NeedsPerson, "{:?}", mailbox.incoming_health);
    assert_eq!(mailbox.due_at, stage.clock.now() + 60_000, "and is looked for as often as before");
    let troubled: Vec<(String, bool)> =
        balances(&stage).into_iter().map(|found| (found.folder, found.trouble.is_empty())).collect();
    assert_eq!(troubled, [("Verkauf/Süd".to_owned(), false), ("INBOX".to_owned(), true)]);

    imap.state().others.insert(SOUTH.to_owned(), gone);
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(stage.mailbox().incoming_health.state, State::Ok);
    assert!(balances(&stage).iter().all(|found| found.trouble.is_empty()));
    // Where all of them are gone, the mailbox is.
    choose(&stage, &["Verkauf/Süd", "Nirgends"]);
    imap.state().others.clear();
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
    let health = stage.mailbox().incoming_health;
    assert!(!health.reason.contains("the others are fetched"), "{}", health.reason);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_added_later_begins_with_that_moment() {
    let (stage, imap) = stage(StartFrom::Now, Fetched::Nothing).await;
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    // After the mailbox was switched on, and before the folder was chosen.
    imap.deliver_to(SOUTH, NOON + HOUR, letter("letter 001"));
    stage.clock.advance(2 * HOUR);
    choose(&stage, &["INBOX", "Verkauf/Süd"]);
    // The server is away for a while; what comes then is news.
    imap.deliver_to(SOUTH, NOON + 3 * HOUR, letter("letter 002"));
    stage.clock.advance(2 * HOUR);
    imap.deliver(NOON + 4 * HOUR, letter("letter 003"));
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(stage.tickets(), names(2, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_folder_is_waited_at_and_the_others_are_looked_into_with_it() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    choose(&stage, &["INBOX", "Verkauf/Süd"]);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let rounds = rounds::start(stage.courier.clone(), stopped);
    let waits = || imap.log().iter().filter(|line| *line == "IDLE").count();
    until(&stage.courier, || waits() == 1).await;
    imap.deliver_to(SOUTH, NOON, letter("letter 001"));
    imap.deliver(NOON, letter("letter 002"));
    until(&stage.courier, || stage.tickets() == names(1, 2)).await;
    until(&stage.courier, || waits() >= 2).await;
    let log = imap.log();
    let opened = log.iter().filter(|line| line.starts_with("SELECT") || *line == "IDLE");
    let before_waiting: Vec<&String> =
        opened.collect::<Vec<_>>().windows(2).filter(|pair| pair[1] == "IDLE").map(|pair| pair[0]).collect();
    assert!(before_waiting.iter().all(|line| line.contains("INBOX")), "{log:?}");
    let signed_in = log.iter().filter(|line| line.starts_with("AUTHENTICATE")).count();
    assert_eq!(signed_in, 1, "one link for all of them: {log:?}");
    stop.send(true).unwrap();
    rounds.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_server_lists_is_offered_and_each_chosen_folder_is_proved() {
    let (stage, imap) = stage(StartFrom::Everything, Fetched::Nothing).await;
    let offer = folders::offered(&stage.courier, stage.mailbox_id).await.unwrap();
    let names: Vec<&str> = offer.folders.iter().map(|there| there.name.as_str()).collect();
    assert_eq!(names, ["INBOX", "Sent", "Verkauf/Süd"]);
    choose(&stage, &["INBOX", "Verkauf/Süd"]);
    imap.deliver_to(SOUTH, NOON, letter("letter 001"));
    let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(proof.detail, "INBOX holds 0 messages. Verkauf/Süd holds 1 message.");
    let moves_to = |folder: &'static str| {
        let moves = "UPDATE mailbox SET fetched = 'move', fetched_folder = $1";
        stage.write(|tx| Ok(tx.execute(moves, desk::params![folder])?));
    };
    moves_to("Sent");
    let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!(proof.detail, "INBOX holds 0 messages. Verkauf/Süd holds 1 message.");
    moves_to("Snet");
    let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert!(proof.ok, "{proof:?}");
    let made = "The folder to move to, “Snet”, does not exist yet: Postern makes it when it moves the first letter. These \
                are there: INBOX, Sent, Verkauf/Süd.";
    assert!(proof.detail.ends_with(made), "{proof:?}");
    imap.state().others.clear();
    let proof = probe::incoming(&stage.courier, stage.mailbox_id).await.unwrap();
    assert!(!proof.ok && proof.sentence.contains("There is no folder “Verkauf/Süd”"), "{proof:?}");
    imap.state().cut_at_list = true;
    let refused = folders::offered(&stage.courier, stage.mailbox_id).await.unwrap_err().to_string();
    assert!(refused.starts_with("The folders could not be listed."), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_graph_folders_are_offered_read_and_settled_each_by_itself() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Delete).await;
    let sales = "INBOX/Sales";
    scene.practice.make_folder(OPENED, sales);
    let offer = folders::offered(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap();
    let there = offer.folders.iter().find(|there| there.name == sales).unwrap();
    assert_eq!((there.label.as_str(), there.depth), ("Sales", 1));
    assert_eq!(offer.folders[0].name, "INBOX");

    for (to, is_there) in [(sales, true), ("INBOX/Seals", false)] {
        let moves = "UPDATE mailbox SET fetched = 'move', fetched_folder = $1";
        scene.stage.write(|tx| Ok(tx.execute(moves, desk::params![to])?));
        let proof = probe::incoming(&scene.stage.courier, scene.stage.mailbox_id).await.unwrap();
        assert!(proof.ok && proof.detail.contains("does not exist yet") != is_there, "{to}: {proof:?}");
    }
    scene
        .stage
        .write(|tx| Ok(tx.execute("UPDATE mailbox SET fetched = 'delete', fetched_folder = ''", &[])?));
    choose(&scene.stage, &["INBOX", sales]);
    scene.deliver(NOON, &names(1, 2));
    scene.deliver_to(sales, NOON, &names(2, 4)); // the second lies in both
    let summary = scene.fetch().await;
    assert_eq!((summary.fetched, scene.stage.tickets()), (4, names(1, 4)));
    assert!(scene.folders().iter().all(|(name, _)| name == "Deleted Items"), "{:?}", scene.folders());
    scene.deliver_to(sales, NOON, &names(5, 5));
    assert_eq!(scene.fetch().await.fetched, 1);
    assert_eq!(balances(&scene.stage).len(), 2);

    choose(&scene.stage, &["INBOX", "INBOX/Nowhere"]);
    scene.deliver(NOON, &names(6, 6));
    let error = scene.fails().await;
    assert!(error.contains("There is no folder “INBOX/Nowhere”"), "{error}");
    assert_eq!(scene.stage.tickets(), names(1, 6), "the other came in");
    assert_eq!(scene.stage.mailbox().incoming_health.state, State::NeedsPerson);
}
