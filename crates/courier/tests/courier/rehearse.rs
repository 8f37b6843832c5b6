//! The dry run: what would become of messages is what becomes of them, and nothing of it stays.
use crate::graph::Scene;
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::PretendPop3;
use crate::stage::{NOON, Stage, letter};
use courier::fetch;
use courier::rehearse::{self, Would};
use desk::db::Query;
use desk::intake::inbox::State;
use desk::intake::rehearsal::Fate;
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};

const HOUR: i64 = 3_600_000;

async fn dry_run(stage: &Stage, last: u16) -> Vec<Would> {
    let found = rehearse::rehearse(&stage.courier, stage.mailbox_id, last).await.unwrap();
    assert_eq!(found.unread, []);
    found.would
}
fn fates(would: &[Would]) -> Vec<(&str, &str)> {
    would.iter().map(|would| (would.subject.as_str(), would.fate.word())).collect()
}
fn with(field: &str, raw: Vec<u8>) -> Vec<u8> {
    [format!("{field}\r\n").into_bytes(), raw].concat()
}
/// Everything that counts, and the numbers that are given out.
fn all_there_is(stage: &Stage) -> Vec<i64> {
    let count = |table: &'static str| {
        let mut query = Query::new("SELECT count(*) FROM ");
        query.push(table);
        stage.read(|tx| Ok(tx.one::<(i64,)>(query.sql(), query.params())?.0))
    };
    [
        "inbox",
        "inbox_again",
        "blob",
        "ticket",
        "entry",
        "requester",
        "reference",
        "participant",
        "event",
        "folder",
        "named_message",
    ]
    .map(count)
    .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_has_the_fate_that_it_gets_when_it_is_fetched_and_nothing_stays_of_the_dry_run() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    imap.deliver(NOON - 9 * HOUR, letter("There already"));
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    let answers = |id: &str| format!("In-Reply-To: <{id}@customer.example>");
    imap.deliver(NOON - 4 * HOUR, with(&answers("There-already"), letter("Re: There already")));
    imap.deliver(NOON - 3 * HOUR, letter("A new one"));
    imap.deliver(NOON - 2 * HOUR, with(&answers("A-new-one"), letter("Re: A new one")));
    imap.deliver(NOON - HOUR, with("Auto-Submitted: auto-replied", letter("Absent")));
    let before = (all_there_is(&stage), imap.state().letters.len());

    let would = dry_run(&stage, 50).await;
    let expected = [
        ("Re: There already", "joins"),
        ("A new one", "opens"),
        ("Re: A new one", "joins_earlier"),
        ("Absent", "held"),
    ];
    assert_eq!(fates(&would), expected, "{would:#?}");
    assert!(
        matches!(&would[0].fate, Fate::Joins { subject, .. } if subject == "There already"),
        "{would:#?}"
    );
    assert_eq!(
        (would[1].received_at, would[1].from.as_str()),
        (Some(NOON - 3 * HOUR), "ann@customer.example")
    );
    assert_eq!((all_there_is(&stage), imap.state().letters.len()), before, "something of it stayed");
    assert!(!imap.log().iter().rev().take(6).any(|line| line.contains("STORE") || line.contains("EXPUNGE")));
    assert_eq!(fates(&dry_run(&stage, 2).await), [("Re: A new one", "opens"), ("Absent", "held")]);

    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.filed, summary.held), (4, 3, 1));
    assert_eq!(stage.inbox().iter().filter(|row| row.state == State::Held).count(), 1);
    assert_eq!(stage.tickets(), ["A new one", "There already"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_here_already_is_said_to_be_and_no_start_from_hides_a_message() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    imap.deliver(NOON - HOUR, letter("letter 1"));
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
    imap.deliver(NOON - HOUR, letter("letter 2"));
    let would = dry_run(&stage, 50).await;
    assert_eq!(fates(&would), [("letter 1", "known"), ("letter 2", "opens")]);
    assert_eq!(would[0].fate, Fate::Known("filed".to_owned()));
    let nothing = dry_run(&stage, 0).await;
    assert!(nothing.is_empty(), "{nothing:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_by_pop3_and_by_graph() {
    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
    pop3.deliver(NOON - HOUR, letter("letter 1"));
    let before = all_there_is(&stage);
    assert_eq!(fates(&dry_run(&stage, 50).await), [("letter 1", "opens")]);
    assert_eq!(all_there_is(&stage), before);
    assert!(!pop3.log().iter().any(|line| line.starts_with("DELE")), "{:?}", pop3.log());

    let scene = Scene::new(StartFrom::Now, Fetched::Delete).await;
    scene.deliver(NOON - HOUR, &["letter 1".to_owned(), "letter 2".to_owned()]);
    let before = all_there_is(&scene.stage);
    assert_eq!(fates(&dry_run(&scene.stage, 50).await), [("letter 1", "opens"), ("letter 2", "opens")]);
    assert_eq!(all_there_is(&scene.stage), before);
    assert_eq!(scene.practice.letters(crate::graph::OPENED).len(), 2, "they are where they were");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_in_the_way_is_a_sentence() {
    let stage = Stage::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    stage.fetched_from(nobody, StartFrom::Now, Fetched::Nothing);
    let error = rehearse::rehearse(&stage.courier, stage.mailbox_id, 50).await.unwrap_err().to_string();
    assert!(error.starts_with("The messages could not be read.") && error.contains("127.0.0.1"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_does_not_come_and_a_folder_that_is_not_there_keep_no_other_from_being_told() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    imap.create("Sales", 9);
    let (by, folders) = (stage.by(), ["Gone", "INBOX", "Sales"].map(str::to_owned));
    stage.write(|tx| mailbox::change_folders(tx, &by, stage.mailbox_id, &folders));
    let uids: Vec<u32> =
        (1..=6).map(|i| imap.deliver(NOON - (10 - i) * HOUR, letter(&format!("letter {i}")))).collect();
    imap.deliver_to("Sales", NOON - 12 * HOUR, letter("letter 0"));
    {
        let mut state = imap.state();
        state.refused.insert(uids[1]);
        state.skipped.insert(uids[2]);
        state.breaks_at.insert(uids[3]);
    }
    let before = all_there_is(&stage);
    let found = rehearse::rehearse(&stage.courier, stage.mailbox_id, 50).await.unwrap();
    let told: Vec<(&str, &str, &str)> = found
        .would
        .iter()
        .map(|would| (would.folder.as_str(), would.subject.as_str(), would.fate.word()))
        .collect();
    let (opens, left) = (|folder, subject| (folder, subject, "opens"), ("INBOX", "", "left"));
    let mut expected = vec![opens("Sales", "letter 0"), opens("INBOX", "letter 1")];
    expected.extend([opens("INBOX", "letter 5"), opens("INBOX", "letter 6"), left, left, left]);
    assert_eq!(told, expected, "{found:#?}");
    for (would, words) in found.would[4..].iter().zip(["", "The server lists it and does not give it", ""]) {
        let said = would.fate.to_string();
        assert!(said.starts_with("would stay on the server: ") && said.contains(words), "{said}");
    }
    let [gone] = found.unread.as_slice() else { panic!("{:?}", found.unread) };
    assert!(gone.folder == "Gone" && gone.why.contains("Gone") && gone.why.contains("Sales"), "{gone:?}");
    assert_eq!(all_there_is(&stage), before);
    let log = imap.log();
    assert!(!log.iter().any(|line| line.contains("STORE") || line.contains("SELECT")), "{log:?}");

    // A server that breaks off at each of them is not asked for ever.
    let more = (7..=20).map(|i| imap.deliver(NOON, letter(&format!("letter {i}"))));
    let more: Vec<u32> = more.collect();
    imap.state().breaks_at.extend(more);
    let found = rehearse::rehearse(&stage.courier, stage.mailbox_id, 50).await.unwrap();
    let unread: Vec<&str> = found.unread.iter().map(|one| one.folder.as_str()).collect();
    assert_eq!(unread, ["Gone", "INBOX"]);
    assert!(found.would.len() < 15, "{found:#?}");
    assert_eq!(fates(&found.would)[0], ("letter 0", "opens"), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_large_folder_of_graph_the_last_messages_are_shown_and_not_those_of_its_first_pages() {
    let scene = Scene::new(StartFrom::Now, Fetched::Delete).await;
    let names: Vec<String> = (1..=5_100).map(|i| format!("letter {i:04}")).collect();
    for (at, names) in (0..).zip(names.chunks(100)) {
        scene.deliver(NOON - 100 * HOUR + at * HOUR, names);
    }
    let would = dry_run(&scene.stage, 3).await;
    let told: Vec<&str> = would.iter().map(|would| would.subject.as_str()).collect();
    assert_eq!(told, ["letter 5098", "letter 5099", "letter 5100"]);
    assert_eq!(would[2].received_at, Some(NOON - 50 * HOUR));
}
