//! Letters that are too large for memory: by whichever way they come, they are stored as they came, and nothing of them stays
//! where they lay meanwhile.
use crate::graph::Scene;
use crate::lmtp::Door;
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::PretendPop3;
use crate::stage::{ADDRESS, NOON, Stage, apart, letter};
use courier::{fetch, pipe, rehearse};
use desk::mailboxes::mailbox::{self, Fetched, StartFrom};
use std::path::Path;
use wire::letter::{Came, Letter, MEMORY_BYTES_MAX};

const HOUR: i64 = 3_600_000;

/// With lines that begin with dots, and with an attachment that does not pack.
fn large(subject: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let head = String::from_utf8(letter(subject)).unwrap();
    let typed = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n";
    let mut text = head.replacen("\r\n\r\n", &format!("\r\n{typed}"), 1).into_bytes();
    text.extend_from_slice(b".\r\n..\r\n.hidden\r\n--b\r\n");
    text.extend_from_slice(b"Content-Type: application/octet-stream; name=all.bin\r\n");
    text.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n\r\n");
    let mut chance = 88_172_645_463_325_252_u64;
    while text.len() < MEMORY_BYTES_MAX + 1_500_000 {
        for _ in 0..7 {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            text.extend((0..10).map(|digit| DIGITS[(chance >> (6 * digit)) as usize & 63]));
        }
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"--b--\r\n");
    text
}

/// As LMTP has it.
fn stuffed(letter: &[u8]) -> Vec<u8> {
    String::from_utf8(letter.to_vec()).unwrap().replace("\r\n.", "\r\n..").into_bytes()
}

/// What is in the store of the letter that was recorded last, its hash checked.
fn stored(stage: &Stage) -> Vec<u8> {
    let row = stage.inbox().into_iter().max_by_key(|row| row.id).expect("a letter");
    let hash: String = row.sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    let place = format!("file/{}/{hash}", &hash[..2]);
    let bytes = apart(|| stage.courier.desk().store.get(&place, &row.sha256).unwrap());
    assert_eq!(row.size_bytes, bytes.len() as i64);
    bytes
}

/// No file without a name is open, and none with one was left.
#[track_caller]
fn nothing_is_left(stage: &Stage) {
    let blobs = stage.folder().join("blobs");
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open: Vec<_> = open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).collect();
    let unnamed = open.iter().find(|path| path.starts_with(&blobs) && !path.exists());
    assert_eq!(unnamed, None);
    let names = |folder: &Path| -> Vec<_> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let strange = names(&blobs).into_iter().find(|name| name != "file" && name != "pack" && name != "part");
    assert_eq!(strange, None);
    assert_eq!(names(&blobs.join("part")), [""; 0]);
}

async fn fetched(stage: &Stage) -> Vec<u8> {
    let summary = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap();
    assert_eq!((summary.fetched, summary.filed), (1, 1));
    nothing_is_left(stage);
    stored(stage)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fetched_by_imap_pop3_and_graph_it_is_stored_as_it_came() {
    let large = large("Everything");
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    imap.deliver(NOON - HOUR, large.clone());
    assert!(fetched(&stage).await == large);
    assert_eq!(imap.state().letters.len(), 0);

    let (stage, pop3) = (Stage::new(), PretendPop3::start().await);
    stage.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
    pop3.deliver(NOON - HOUR, large.clone());
    let theirs = pop3.state().letters[0].bytes.clone();
    assert!(fetched(&stage).await == theirs);
    assert_eq!(stage.inbox()[0].received_at, NOON - HOUR, "by its Received field");
    assert_eq!(pop3.names().len(), 0);

    let scene = Scene::new(StartFrom::Everything, Fetched::Delete).await;
    scene.practice.deliver(crate::graph::OPENED, &large);
    assert!(fetched(&scene.stage).await == large);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn between_small_ones_it_is_one_of_them_and_known_when_it_comes_again() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    for name in ["before", "Everything", "after"] {
        imap.deliver(NOON - HOUR, if name == "Everything" { large(name) } else { letter(name) });
    }
    let would = rehearse::rehearse(&stage.courier, stage.mailbox_id, 10).await.unwrap().would;
    let told: Vec<_> = would.iter().map(|would| (would.subject.as_str(), would.fate.word())).collect();
    assert_eq!(told, [("before", "opens"), ("Everything", "opens"), ("after", "opens")]);
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().filed, 3);
    assert_eq!(stage.tickets(), ["Everything", "after", "before"]);
    // The folder was made anew.
    imap.state().uid_validity = 2;
    assert_eq!(fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched, 0);
    assert_eq!(stage.inbox().len(), 3);
    let would = rehearse::rehearse(&stage.courier, stage.mailbox_id, 10).await.unwrap().would;
    assert!(would.iter().all(|would| would.fate.word() == "known"), "{would:?}");
    nothing_is_left(&stage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handed_over_it_is_stored_behind_its_trace_fields_and_piped_as_it_came() {
    let (stage, large) = (Stage::new(), large("Everything"));
    let door = Door::open(&stage).await;
    for answer in ["250 2.0.0 Kept", "250 2.0.0 Known already"] {
        let said = door.hands_over(ADDRESS, stuffed(&large)).await;
        assert_eq!(said[5], answer, "{said:?}");
        nothing_is_left(&stage);
    }
    let kept = stored(&stage);
    let fields = format!(
        "Return-Path: <ann@nordwind.example>\r\nDelivered-To: {ADDRESS}\r\nReceived: from mx.example\r\n"
    );
    assert!(kept.starts_with(fields.as_bytes()) && kept.ends_with(&[&large[..], b"\r\n"].concat()));
    door.closes().await;

    let (stage, large) = (Stage::new(), self::large("Everything else"));
    for known in [false, true] {
        let piped = apart(|| {
            let desk = stage.courier.desk();
            let Came::Whole(letter) = Letter::read(large.as_slice(), &pipe::room(&desk.store)).unwrap()
            else {
                panic!("it is not too large")
            };
            pipe::take(desk, stage.mailbox_id, &letter, NOON).unwrap()
        });
        assert_eq!(piped.known, known);
    }
    assert!(stored(&stage) == large);
    assert_eq!(stage.inbox()[0].message_id.as_deref(), Some("Everything-else@customer.example"));
    nothing_is_left(&stage);
}

/// The folder of the store is a file now: nothing can lie there.
fn put_away(stage: &Stage) {
    let blobs = stage.folder().join("blobs");
    std::fs::rename(&blobs, stage.folder().join("away")).unwrap();
    std::fs::write(&blobs, "").unwrap();
}
fn put_back(stage: &Stage) {
    let blobs = stage.folder().join("blobs");
    std::fs::remove_file(&blobs).unwrap();
    std::fs::rename(stage.folder().join("away"), &blobs).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_cannot_lie_it_waits_on_its_server_and_the_disk_is_told_of() {
    let large = large("Everything");
    let (by_imap, imap) = (Stage::new(), PretendImap::start().await);
    by_imap.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    imap.deliver(NOON - HOUR, large.clone());
    let (by_pop3, pop3) = (Stage::new(), PretendPop3::start().await);
    by_pop3.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
    pop3.deliver(NOON - HOUR, large.clone());
    let by_graph = Scene::new(StartFrom::Everything, Fetched::Delete).await;
    by_graph.practice.deliver(crate::graph::OPENED, &large);
    for stage in [&by_imap, &by_pop3, &by_graph.stage] {
        put_away(stage);
        let error = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err().to_string();
        assert!(error.contains("could not be written to the disk of this machine"), "{error}");
        let health = stage.mailbox().incoming_health;
        assert_eq!(health.state, mailbox::State::Waiting, "{}", health.reason);
        assert_eq!(stage.inbox().len(), 0);
        put_back(stage);
    }
    assert_eq!((imap.state().letters.len(), pop3.names().len()), (1, 1), "nothing was done there");
    for stage in [&by_imap, &by_pop3, &by_graph.stage] {
        stage.clock.advance(HOUR);
        fetched(stage).await;
    }
    // A mail server that hands it over is told to come again, and what it says after it is understood.
    let stage = Stage::new();
    let door = Door::open(&stage).await;
    put_away(&stage);
    let said = door.hands_over(ADDRESS, stuffed(&large)).await;
    assert_eq!(
        said[5..],
        ["451 4.3.0 The letter cannot be kept now; the log of the desk says why", "221 2.0.0 Goodbye"]
    );
    put_back(&stage);
    assert_eq!(door.hands_over(ADDRESS, stuffed(&large)).await[5], "250 2.0.0 Kept");
    door.closes().await;
}
