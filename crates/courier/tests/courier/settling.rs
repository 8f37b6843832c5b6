//! Letters that a server will not move or delete: the others are, nothing is copied twice, and it is told.
use crate::odd::Odd;
use crate::poisoned::{commands, short};
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::PretendPop3;
use crate::stage::{NOON, Stage, apart, letter, names};
use courier::{Process, fetch};
use desk::intake::on_server::{self, Place};
use desk::mailboxes::mailbox::{self, Fetched, StartFrom, State};
use desk::trace::{self, Sought};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

async fn by_imap(fetched: Fetched, letters: u32) -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, fetched);
    stage.write(|tx| Ok(tx.execute("UPDATE mailbox SET batch = 100", &[])?));
    for name in names(1, letters) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    (stage, imap)
}

async fn fetch(stage: &Stage) -> fetch::Summary {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap()
}

pub fn there(imap: &PretendImap) -> Vec<u32> {
    imap.state().letters.iter().map(|letter| letter.uid).collect()
}

fn moved(imap: &PretendImap) -> Vec<u32> {
    let mut moved: Vec<u32> = imap.state().moved.iter().map(|(_, uid)| *uid).collect();
    moved.sort_unstable();
    moved
}

pub fn unsettled(stage: &Stage) -> Vec<u32> {
    let place = Place { mailbox_id: stage.mailbox_id, folder: "INBOX", uid_validity: 1 };
    stage.read(|tx| on_server::unsettled(tx, place, 1000))
}

/// What the journal tells of what was done on the server with the letter of this subject.
fn journal(stage: &Stage, subject: &str) -> String {
    journal_of(stage, subject, "_on_server")
}

/// What it tells by steps whose kinds end so.
pub fn journal_of(stage: &Stage, subject: &str, kinds: &str) -> String {
    let sought = Sought::MessageId(format!("{}@customer.example", subject.replace(' ', "-")));
    let found = stage.read(|tx| trace::find(tx, &sought, 10));
    let steps = found.incoming[0].steps().into_iter();
    steps.filter(|step| step.kind.ends_with(kinds)).map(|step| step.sentence).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_not_moved_or_deleted_keeps_none_of_the_others_back() {
    for (fetched, has_no_move) in [
        (Fetched::Move("Done".into()), false),
        (Fetched::Move("Done".into()), true),
        (Fetched::Delete, false),
    ] {
        let (stage, imap) = by_imap(fetched.clone(), 40).await;
        imap.state().stuck.insert(3);
        imap.state().has_no_move = has_no_move;
        let said = short(&stage).await;
        assert!(
            said.contains("Mail comes in") && said.contains("refused to one letter, the UID 3 in “INBOX”"),
            "{said}"
        );
        assert!(said.contains("this one stays"), "{said}");
        assert_eq!((there(&imap), unsettled(&stage), stage.tickets().len()), (vec![3], vec![3], 40));
        let verbs = ["UID MOVE", "UID COPY", "UID STORE"];
        let asked: usize = verbs.iter().map(|verb| commands(&imap, verb)).sum();
        assert!(asked <= 28, "halves, and not one by one: {:?}", imap.log());

        let told = journal(&stage, "letter 003");
        assert!(told.contains("as it was") && told.contains("this one stays"), "{told}");

        // It rests, and what comes meanwhile is settled at once.
        let before = imap.log().len();
        imap.deliver(NOON, letter("letter 041"));
        stage.clock.advance(MINUTE);
        assert!(short(&stage).await.contains("this one stays"), "it is told as long as it lasts");
        assert_eq!(there(&imap), [3]);
        let again: Vec<String> = imap.log().split_off(before);
        let touched = |line: &&String| verbs.iter().any(|verb| line.starts_with(&format!("{verb} 3")));
        assert_eq!(again.iter().filter(touched).count(), 0, "{again:?}");

        stage.clock.advance(HOUR);
        short(&stage).await;
        imap.state().stuck.clear();
        stage.clock.advance(2 * HOUR);
        fetch(&stage).await;
        assert_eq!((there(&imap), unsettled(&stage)), (vec![], vec![]));
        assert_eq!(stage.mailbox().incoming_health.state, State::Ok);
        if fetched != Fetched::Delete {
            assert_eq!(moved(&imap), (1..=41).collect::<Vec<u32>>(), "each once");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_round_that_has_lost_its_mailbox_touches_nothing_more_on_the_server() {
    let (stage, imap) = by_imap(Fetched::Delete, 500).await;
    let (database, id, by) = (stage.database(), stage.mailbox_id, stage.by());
    let pausing = AtomicBool::new(true);
    imap.state().before_change = Some(Box::new(move || {
        if pausing.swap(false, Ordering::SeqCst) {
            apart(|| database.write(|tx| mailbox::pause(tx, &by, id)).unwrap());
        }
        String::new()
    }));
    // Who asks for a fetch takes the mailbox over again: in a round of its own, which looks at it anew.
    fetch(&stage).await;
    let log = imap.log();
    let changes: Vec<usize> = (0..log.len()).filter(|at| log[*at].starts_with("UID STORE")).collect();
    let between = &log[changes[0]..changes[1]];
    assert!(between.iter().any(|line| line.starts_with("SELECT")), "{between:?}");
    assert_eq!((there(&imap).len(), stage.tickets().len()), (0, 500));
}

/// In no part of a batch is there none of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_that_are_refused_all_over_a_batch_keep_none_of_the_others_back() {
    for (fetched, has_no_move, apart, rounds) in [
        (Fetched::Move("Done".into()), false, 25, 1),
        (Fetched::Move("Done".into()), true, 25, 1),
        (Fetched::Delete, false, 25, 1),
        (Fetched::Delete, false, 2, 4),
    ] {
        let (stage, imap) = by_imap(fetched, 200).await;
        let stuck: Vec<u32> = (1..=199).filter(|uid| uid % apart == 13 % apart).collect();
        imap.state().stuck.extend(&stuck);
        imap.state().has_no_move = has_no_move;
        for _ in 0..rounds {
            short(&stage).await;
            stage.clock.advance(1000);
        }
        assert_eq!(there(&imap), stuck, "each {apart}th");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_all_is_asked_a_few_times_and_no_letter_is_blamed() {
    let (stage, imap) = by_imap(Fetched::Move("Done".into()), 100).await;
    imap.state().no_moving = true;
    let said = short(&stage).await;
    assert!(said.contains("not allowed") && !said.contains("one letter"), "{said}");
    assert!(commands(&imap, "UID MOVE") <= 15, "{:?}", imap.log());
    assert_eq!((commands(&imap, "CREATE"), there(&imap).len()), (1, 100));
    imap.state().no_moving = false;
    fetch(&stage).await;
    assert_eq!(moved(&imap), (1..=100).collect::<Vec<u32>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_copied_and_cannot_be_removed_is_copied_once() {
    let (stage, imap) = by_imap(Fetched::Move("Archive".into()), 8).await;
    imap.state().has_no_move = true;
    imap.state().no_storing = true;
    let said = short(&stage).await;
    assert!(
        said.contains("copied to “Archive” and stay in “INBOX” too") && said.contains("8 so far"),
        "{said}"
    );
    assert!(said.contains("you may not delete here"), "{said}");
    let told = journal(&stage, "letter 005");
    assert!(
        told.contains("Copied to the folder “Archive”") && told.contains("you may not delete here"),
        "{told}"
    );
    assert_eq!(commands(&imap, "CREATE"), 0, "the folder is there");
    assert!(short(&stage).await.contains("8 so far"), "it is told for a while");
    // Also by processes that know nothing of it.
    for number in 1..=3_u8 {
        let next = stage.another(Process::begin(stage.folder(), [number; 8]));
        stage.clock.advance(HOUR);
        fetch::once(&next, stage.mailbox_id).await.unwrap();
    }
    assert_eq!(moved(&imap), (1..=8).collect::<Vec<u32>>(), "each once: {:?}", imap.log());
    assert_eq!((there(&imap).len(), unsettled(&stage), stage.tickets().len()), (8, vec![], 8));
    imap.deliver(NOON, letter("letter 009"));
    assert!(short(&stage).await.contains("One letter was copied"), "the next one too");
    assert_eq!(moved(&imap), (1..=9).collect::<Vec<u32>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_copied_when_the_link_broke_is_only_removed_afterwards() {
    let (stage, imap) = by_imap(Fetched::Move("Archive".into()), 8).await;
    imap.state().has_no_move = true;
    let is_cut = Arc::new(AtomicBool::new(false));
    imap.state().odd = Some(Arc::new(move |command: &str, _: &[u8]| {
        let cuts = command.starts_with("UID STORE") && !is_cut.swap(true, Ordering::SeqCst);
        cuts.then(|| Odd::Cuts(Vec::new()))
    }));
    short(&stage).await;
    stage.clock.advance(HOUR);
    fetch(&stage).await;
    assert_eq!(moved(&imap), (1..=8).collect::<Vec<u32>>(), "each once: {:?}", imap.log());
    assert_eq!((there(&imap), unsettled(&stage)), (vec![], vec![]));
}

async fn by_pop3(letters: u32) -> (Stage, PretendPop3) {
    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
    for name in names(1, letters) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    (stage, pop3)
}

fn deletions(pop3: &PretendPop3) -> usize {
    pop3.log().iter().filter(|line| line.starts_with("DELE")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_pop3_one_that_is_not_deleted_keeps_none_of_the_others_back() {
    let (stage, pop3) = by_pop3(5).await;
    pop3.state().stuck.insert("name-002".into());
    let said = short(&stage).await;
    assert!(said.contains("one letter, the UID 2 in “INBOX”") && said.contains("this one stays"), "{said}");
    assert_eq!((pop3.names(), stage.tickets().len()), (vec!["name-002".to_owned()], 5));
    // It rests, and what comes meanwhile is deleted at once.
    pop3.deliver(NOON, letter("letter 006"));
    stage.clock.advance(MINUTE);
    assert!(short(&stage).await.contains("this one stays"));
    assert_eq!((pop3.names(), deletions(&pop3)), (vec!["name-002".to_owned()], 6));

    pop3.state().stuck.clear();
    stage.clock.advance(HOUR);
    fetch(&stage).await;
    assert!(pop3.names().is_empty());
    assert_eq!((stage.tickets().len(), stage.mailbox().incoming_health.state), (6, State::Ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_pop3_a_server_that_deletes_nothing_is_asked_a_few_times_and_no_letter_is_blamed() {
    let (stage, pop3) = by_pop3(30).await;
    pop3.state().stuck.extend((1..=30).map(|number| format!("name-{number:03}")));
    let said = short(&stage).await;
    assert!(said.contains("this one stays") && !said.contains("one letter"), "{said}");
    assert!(
        deletions(&pop3) <= 15 && pop3.log().last().is_some_and(|line| line == "QUIT"),
        "{:?}",
        pop3.log()
    );
    assert_eq!((pop3.names().len(), stage.tickets().len()), (30, 30));
}
