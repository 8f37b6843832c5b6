//! What an earlier round left over on the server, and was damaged here since: it is mended by the server's letter before that is
//! moved or deleted. Where that cannot be, it stays there, is told, and keeps none of the others back.
use crate::graph::{OPENED, Scene};
use crate::poisoned::short;
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::PretendPop3;
use crate::settling::{journal_of, there, unsettled};
use crate::stage::{NOON, Stage, apart, letter, names};
use courier::fetch;
use desk::check;
use desk::mailboxes::mailbox::{Fetched, StartFrom, State};
use desk::params;
use practice::{Fault, Times};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

const HOUR: i64 = 3_600_000;

/// Bytes of a pack, and where in it they were.
struct Spoilt {
    pack: File,
    at: u64,
    was: [u8; 6],
}
impl Spoilt {
    /// As `postern restore --files` does it.
    fn is_written_back(&self) {
        self.pack.write_all_at(&self.was, self.at).unwrap();
    }
}

/// The letter with this subject, as by a bad sector.
fn spoil(stage: &Stage, subject: &str) -> Spoilt {
    let (place,) = stage.read(|tx| {
        let text = "SELECT b.place FROM inbox i JOIN blob b ON b.id = i.blob_id WHERE i.subject = $1";
        Ok(tx.one::<(String,)>(text, params![subject])?)
    });
    let (pack, offset) = place.split_once('@').unwrap();
    let pack = File::options().read(true).write(true).open(stage.folder().join("blobs").join(pack)).unwrap();
    let (at, mut was) = (offset.parse::<u64>().unwrap() + 60, [0; 6]);
    pack.read_exact_at(&mut was, at).unwrap();
    pack.write_all_at(b"spoilt", at).unwrap();
    Spoilt { pack, at, was }
}

fn broken(stage: &Stage) -> usize {
    let report = apart(|| check::check(stage.courier.desk()).unwrap());
    report.faults.iter().filter(|fault| fault.kind == "blob_broken").count()
}

async fn fetch(stage: &Stage) {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
}

fn asked_for(imap: &PretendImap, uid: u32) -> usize {
    let asked = format!("UID FETCH {uid} ");
    imap.log().iter().filter(|line| line.starts_with(&asked) && line.contains("BODY")).count()
}

/// What the journal tells of what was not done on the server with the letter of this subject.
fn journal(stage: &Stage, subject: &str) -> String {
    journal_of(stage, subject, "stands_on_server")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_here_is_mended_before_it_is_taken_from_the_server_or_stays_there() {
    for fetched in [Fetched::Delete, Fetched::Move("Done".into())] {
        let (stage, imap) = (Stage::new(), PretendImap::start().await);
        stage.fetched_from(imap.address, StartFrom::Everything, fetched.clone());
        for (name, second) in names(1, 6).into_iter().zip(1..) {
            imap.deliver(NOON - HOUR + second * 1000, letter(&name));
        }
        imap.state().stuck = [2, 3, 4, 5].into();
        short(&stage).await;
        assert_eq!((there(&imap), stage.tickets().len()), (vec![2, 3, 4, 5], 6));

        // The first can be fetched again; the second is not given out, and the third is no more what it was.
        let spoilt = ["letter 002", "letter 003", "letter 004"].map(|subject| spoil(&stage, subject));
        assert_eq!(broken(&stage), 3);
        {
            let mut state = imap.state();
            state.stuck.clear();
            state.withheld.insert(3);
            state.letters[2].bytes.extend_from_slice(b"And more.\r\n");
        }
        imap.deliver(NOON, letter("letter 007"));
        stage.clock.advance(2 * HOUR);
        let said = short(&stage).await;
        assert_eq!((there(&imap), broken(&stage)), (vec![3, 4], 2), "{fetched:?}: {said} {:?}", imap.log());
        assert_eq!((unsettled(&stage), stage.tickets().len()), (vec![3, 4], 7));
        assert!(
            said.contains("Mail comes in")
                && said.contains("2 letters stay, the first of them the UID 3 in “INBOX”"),
            "{said}"
        );
        assert!(said.contains("is damaged or gone") && said.contains("could not be fetched again"), "{said}");
        assert_ne!(stage.mailbox().incoming_health.state, State::Ok);
        let told = journal(&stage, "letter 004");
        assert!(told.contains("another letter") && told.contains("restore DIR --files"), "{told}");

        // They rest, and what comes meanwhile is settled at once.
        let before = asked_for(&imap, 3);
        imap.deliver(NOON, letter("letter 008"));
        stage.clock.advance(1000);
        assert!(short(&stage).await.contains("2 letters stay"), "it is told as long as it lasts");
        assert_eq!((there(&imap), asked_for(&imap, 3)), (vec![3, 4], before));

        imap.state().withheld.clear();
        spoilt[2].is_written_back();
        stage.clock.advance(2 * HOUR);
        fetch(&stage).await;
        assert_eq!((there(&imap), unsettled(&stage), broken(&stage)), (vec![], vec![], 0));
        assert_eq!(stage.mailbox().incoming_health.state, State::Ok);
        let moved = imap.state().moved.len();
        assert_eq!(moved, if fetched == Fetched::Delete { 0 } else { 8 });
    }
}

/// A letter that came twice has one copy here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_again_is_read_back_as_the_letter_that_it_is() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    let again =
        [b"Received: from mx by store; Tue, 24 Nov 2026 11:30:00 +0000\r\n", &letter("letter 001")[..]];
    imap.deliver(NOON - HOUR, letter("letter 001"));
    imap.deliver(NOON - HOUR / 2, again.concat());
    imap.state().stuck = [1, 2].into();
    short(&stage).await;
    assert_eq!((there(&imap), stage.inbox().len()), (vec![1, 2], 1));
    // The second has a date of its own, under which it is seen to be that letter.
    stage.clock.advance(2 * HOUR);
    short(&stage).await;
    spoil(&stage, "letter 001");
    {
        let mut state = imap.state();
        state.stuck.clear();
        state.withheld = [1, 2].into();
    }
    stage.clock.advance(2 * HOUR);
    assert!(short(&stage).await.contains("2 letters stay"));
    assert_eq!((there(&imap), broken(&stage)), (vec![1, 2], 1));
    // Any of them mends it.
    imap.state().withheld.remove(&2);
    stage.clock.advance(2 * HOUR);
    assert!(short(&stage).await.contains("One letter stays, the UID 1"));
    assert_eq!((there(&imap), broken(&stage)), (vec![1], 0));
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    assert_eq!((there(&imap), asked_for(&imap, 1)), (vec![], 2), "it is whole: {:?}", imap.log());
}

/// Nothing is done in that round, and the next one leaves it out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_letter_at_which_the_link_breaks_keeps_none_of_the_others_back() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    for (name, second) in names(1, 4).into_iter().zip(1..) {
        imap.deliver(NOON - HOUR + second * 1000, letter(&name));
    }
    imap.state().stuck = [2, 3].into();
    short(&stage).await;
    spoil(&stage, "letter 002");
    {
        let mut state = imap.state();
        state.stuck.clear();
        state.breaks_at.insert(2);
    }
    stage.clock.advance(2 * HOUR);
    short(&stage).await;
    stage.clock.advance(1000);
    assert!(short(&stage).await.contains("One letter stays, the UID 2"));
    assert_eq!(there(&imap), [2], "{:?}", imap.log());
    imap.state().breaks_at.clear();
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    assert_eq!((there(&imap), broken(&stage)), (vec![], 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_damaged_here_and_gone_from_the_server_is_settled() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    for name in names(1, 2) {
        imap.deliver(NOON - HOUR, letter(&name));
    }
    imap.state().stuck = [1, 2].into();
    short(&stage).await;
    spoil(&stage, "letter 001");
    {
        let mut state = imap.state();
        state.stuck.clear();
        state.letters.remove(0);
    }
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    assert_eq!((there(&imap), unsettled(&stage), broken(&stage)), (vec![], vec![], 1));
}

/// Who looks for what else may be done with a damaged letter marks it as read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_only_marked_as_read_is_not_read_back() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Read);
    imap.deliver(NOON - HOUR, letter("letter 001"));
    imap.state().stuck = [1].into();
    short(&stage).await;
    spoil(&stage, "letter 001");
    let before = asked_for(&imap, 1);
    imap.state().stuck.clear();
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    let is_seen = imap.state().letters[0].seen;
    assert_eq!((is_seen, asked_for(&imap, 1), broken(&stage)), (true, before, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_pop3_what_is_damaged_here_is_mended_before_it_is_deleted_or_stays() {
    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
    for name in names(1, 5) {
        pop3.deliver(NOON - HOUR, letter(&name));
    }
    pop3.state().stuck.extend((2..=4).map(|number| format!("name-{number:03}")));
    short(&stage).await;
    assert_eq!((pop3.names().len(), stage.tickets().len()), (3, 5));
    spoil(&stage, "letter 002");
    spoil(&stage, "letter 003");
    assert_eq!(broken(&stage), 2);
    {
        let mut state = pop3.state();
        state.stuck.clear();
        state.refused.insert("name-003".into());
    }
    pop3.deliver(NOON, letter("letter 006"));
    stage.clock.advance(2 * HOUR);
    let said = short(&stage).await;
    assert_eq!((pop3.names(), broken(&stage)), (vec!["name-003".to_owned()], 1), "{:?}", pop3.log());
    assert!(said.contains("One letter stays, the UID 3 in “INBOX”") && said.contains("is damaged"), "{said}");
    let told = journal(&stage, "letter 003");
    assert!(told.contains("does not deliver it") && told.contains("restore DIR --files"), "{told}");

    pop3.state().refused.clear();
    stage.clock.advance(2 * HOUR);
    fetch(&stage).await;
    assert_eq!((pop3.names().len(), broken(&stage), stage.tickets().len()), (0, 0, 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_graph_what_is_damaged_here_is_mended_before_it_is_moved_or_stays() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Move("Done".into())).await;
    scene.practice.faults.arm(Fault::GraphMoveFails, Times::UntilCleared);
    scene.deliver(NOON - HOUR, &names(1, 4));
    scene.fails().await;
    scene.practice.faults.clear_all();
    spoil(&scene.stage, "letter 002");
    spoil(&scene.stage, "letter 003");
    assert_eq!(broken(&scene.stage), 2);
    scene.practice.faults.arm(Fault::GraphLetterGone, Times::Exactly(1));
    scene.advance(HOUR);
    let said = scene.fails().await;
    assert!(said.contains("One letter stays") && said.contains("does not deliver it"), "{said}");
    assert_eq!(scene.folders(), [("Done".to_owned(), 3), ("INBOX".to_owned(), 1)]);
    assert_eq!(broken(&scene.stage), 1);
    scene.advance(HOUR);
    assert_eq!(scene.fetch().await.fetched, 0);
    assert_eq!((scene.folders(), broken(&scene.stage)), (vec![("Done".to_owned(), 4)], 0));
    assert_eq!(scene.practice.letters(OPENED).len(), 4);
}
