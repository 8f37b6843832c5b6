//! A mailbox that moved to a server which writes something into each letter, or writes it anew: what is known is known again,
//! what is another letter is kept, and what comes later is never taken for an older one.
use crate::graph::{OPENED, Scene};
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::{PretendPop3, received};
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
use desk::mailboxes::balance;
use desk::mailboxes::mailbox::{Fetched, StartFrom};
use desk::trace::{self, Sought};
use practice::{Fault, Times};

const HOUR: i64 = 3_600_000;

async fn fetched(stage: &Stage) -> usize {
    let fetched = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched;
    stage.clock.advance(HOUR / 30);
    fetched
}
/// As the other server has it.
fn stamped(raw: &[u8]) -> Vec<u8> {
    [b"X-Whatever: of this server\r\n", raw].concat()
}
fn altered(raw: &[u8], what: &str, instead: &str) -> Vec<u8> {
    let text = String::from_utf8(raw.to_vec()).unwrap();
    assert!(text.contains(what), "{text}");
    text.replacen(what, instead, 1).into_bytes()
}
/// On the server, held, unaccounted.
fn balance(stage: &Stage) -> (i64, i64, i64) {
    let counts = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).unwrap().counts;
    (counts.on_server(), counts.held, counts.unaccounted)
}
/// The steps in the lives of the letters of this Message-ID, the newest letter first; without what was done on the server.
fn lives(stage: &Stage, name: &str) -> Vec<Vec<&'static str>> {
    let sought = Sought::MessageId(format!("{}@customer.example", name.replace(' ', "-")));
    let found = stage.read(|tx| trace::find(tx, &sought, 10));
    let steps = found.incoming.iter().map(|one| one.steps().iter().map(|step| step.kind).collect());
    let is_here = |kind: &&str| *kind != "settled_on_server";
    steps.map(|kinds: Vec<&str>| kinds.into_iter().filter(is_here).collect()).collect()
}
fn with_more(names: Vec<String>, more: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = names.into_iter().chain(more.iter().map(|name| (*name).to_owned())).collect();
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_adds_a_field_doubles_nothing_and_swallows_nothing() {
    let (stage, old, new) = (Stage::new(), PretendImap::start().await, PretendImap::start().await);
    stage.fetched_from(old.address, StartFrom::Everything, Fetched::Nothing);
    // One is held, one is on no ticket yet when the mailbox moves.
    old.deliver(NOON - HOUR, [b"Auto-Submitted: auto-replied\r\n".to_vec(), letter("away")].concat());
    for name in names(1, 5) {
        old.deliver(NOON - HOUR, letter(&name));
    }
    assert_eq!(fetched(&stage).await, 6);
    assert_eq!(stage.tickets(), names(1, 5));

    let kept: Vec<Vec<u8>> = old.state().letters.iter().map(|letter| letter.bytes.clone()).collect();
    for raw in &kept {
        new.deliver(NOON - HOUR, stamped(raw));
    }
    // The same letter twice, one that came meanwhile, and the same Message-ID with another body, and with another date.
    new.deliver(NOON - HOUR, stamped(&kept[1]));
    new.deliver(NOON - HOUR, stamped(&letter("letter 006")));
    new.deliver(NOON - HOUR, altered(&kept[2], "she wrote", "he wrote"));
    new.deliver(NOON - HOUR, altered(&stamped(&kept[3]), "11:00:00", "11:00:01"));
    stage.fetched_from_as(new.address, "moved", StartFrom::Everything, Fetched::Nothing);
    assert_eq!(fetched(&stage).await, 3, "what came meanwhile, and two that are other letters");
    assert_eq!(stage.tickets(), with_more(names(1, 6), &["letter 002", "letter 003"]));
    assert_eq!(balance(&stage), (10, 10, 0));
    assert_eq!(lives(&stage, "away"), [["fetched", "held", "known_otherwise"]]);
    assert_eq!(lives(&stage, "letter 001"), [["fetched", "filed", "known_otherwise", "known_again"]]);
    assert_eq!(lives(&stage, "letter 002").len(), 2);

    // What comes from now on is a letter of its own, unless it is what lies there already: moved out and in again.
    new.deliver(NOON + HOUR, [b"List-Id: <all.example>\r\n".to_vec(), letter("letter 004")].concat());
    new.deliver(NOON + HOUR, stamped(&letter("letter 005")));
    assert_eq!(fetched(&stage).await, 1);
    assert_eq!(stage.tickets(), with_more(names(1, 6), &["letter 002", "letter 003", "letter 004"]));
    assert_eq!((balance(&stage), fetched(&stage).await), ((12, 12, 0), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_uidvalidity_and_letters_that_were_written_anew_double_nothing() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    // The server's line is known by those that come together.
    stage.write(|tx| Ok(tx.execute("UPDATE mailbox SET batch = 100", &[])?));
    let quoted = |text: &str, encoding: &str| {
        let fields = format!(
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
        );
        let raw = [fields.into_bytes(), letter("letter 001")].concat();
        altered(&raw, "letter 001, she wrote.", text)
    };
    imap.deliver(NOON - HOUR, quoted("Grüße, schrieb sie.", "8bit"));
    imap.deliver(NOON - HOUR, stamped(&letter("letter 002")));
    let dated =
        |name: &str| altered(&letter(name), "11:00:00", &format!("11:00:{}", &name[name.len() - 2..]));
    for name in names(3, 6) {
        imap.deliver(NOON - HOUR, dated(&name));
    }
    assert_eq!(fetched(&stage).await, 6);
    {
        let mut state = imap.state();
        state.letters.clear();
        (state.uid_validity, state.uid_next) = (7, 1);
    }
    imap.deliver(NOON - HOUR, quoted("Gr=C3=BC=C3=9Fe, schrieb sie.", "quoted-printable"));
    // A field less, and the server's line below.
    imap.deliver(NOON - HOUR, letter("letter 002"));
    for name in names(3, 6) {
        imap.deliver(NOON - HOUR, [dated(&name), b"\r\n--\r\nScanned.\r\n".to_vec()].concat());
    }
    assert_eq!(fetched(&stage).await, 0);
    assert_eq!((stage.tickets(), balance(&stage)), (names(1, 6), (6, 6, 0)));
    assert_eq!(lives(&stage, "letter 003"), [["fetched", "filed", "known_otherwise"]]);
}

/// A device and a shop give one Message-ID and one Date to all that they write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_never_read_is_a_ticket_before_it_is_deleted_on_the_other_server() {
    let (stage, old, new) = (Stage::new(), PretendImap::start().await, PretendImap::start().await);
    stage.fetched_from(old.address, StartFrom::Everything, Fetched::Nothing);
    let report = [letter("report"), b"Job 1 ok\r\n".to_vec()].concat();
    let failed = [&report[..], b"Job 2 FAILED: disk 7 is lost\r\n"].concat();
    let invoice = |html: &str| {
        let parts = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=q\r\n\r\n--q\r\n\r\n\
             Open it in a mail program that shows HTML.\r\n--q\r\nContent-Type: text/html\r\n\r\n<p>{html}</p>\r\n--q--"
        );
        altered(&letter("invoice"), "\r\ninvoice, she wrote.", &parts)
    };
    old.deliver(NOON - HOUR, report.clone());
    old.deliver(NOON - HOUR, invoice("Invoice 1: 10 EUR"));
    assert_eq!(fetched(&stage).await, 2);

    for raw in [&report, &invoice("Invoice 1: 10 EUR"), &failed, &invoice("Invoice 2: 99,000 EUR, due today")]
    {
        new.deliver(NOON - HOUR, stamped(raw));
    }
    stage.fetched_from_as(new.address, "moved", StartFrom::Everything, Fetched::Delete);
    assert_eq!(fetched(&stage).await, 2, "the two that say something else");
    assert_eq!(stage.tickets(), ["invoice", "invoice", "report", "report"]);
    assert!(new.state().letters.is_empty(), "all four are here, and are deleted there");
    assert_eq!(
        lives(&stage, "invoice"),
        [vec!["fetched", "filed"], vec!["fetched", "filed", "known_otherwise"]]
    );
    assert_eq!(
        lives(&stage, "report"),
        [vec!["fetched", "filed"], vec!["fetched", "filed", "known_otherwise"]]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_pop3_another_server_or_all_names_anew_double_nothing() {
    let (stage, old, new) = (Stage::new(), PretendPop3::start().await, PretendPop3::start().await);
    stage.fetched_by_pop3(old.address, StartFrom::Everything, Fetched::Nothing);
    for name in names(1, 5) {
        old.deliver(NOON - HOUR, letter(&name));
    }
    assert_eq!(fetched(&stage).await, 5);
    for name in names(1, 6) {
        new.deliver(NOON - HOUR, stamped(&letter(&name)));
    }
    stage.fetched_by_pop3_as(new.address, "moved", StartFrom::Everything, Fetched::Nothing);
    assert_eq!(fetched(&stage).await, 1);
    // The server is another program one day: other names, and one more field.
    for (number, letter) in new.state().letters.iter_mut().enumerate() {
        *letter =
            received(&format!("anew-{number}"), NOON - HOUR, &[b"X-More: 1\r\n", &letter.bytes[..]].concat());
    }
    new.deliver(NOON - HOUR, stamped(&altered(&letter("letter 002"), "she wrote", "he wrote")));
    assert_eq!(fetched(&stage).await, 1, "the same Message-ID with another body is kept");
    assert_eq!(stage.tickets(), with_more(names(1, 6), &["letter 002"]));
    assert!(stage.inbox().iter().all(|row| row.uid < 100 && row.ticket_number.is_some()));
    assert_eq!(fetched(&stage).await, 0);
    assert_eq!(balance(&stage), (7, 7, 0));
    new.deliver(NOON + HOUR, [b"List-Id: <all.example>\r\n".to_vec(), letter("letter 003")].concat());
    assert_eq!(fetched(&stage).await, 1, "it came later");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_graph_all_ids_anew_double_nothing() {
    let scene = Scene::new(StartFrom::Everything, Fetched::Nothing).await;
    scene.deliver(NOON - HOUR, &names(1, 4));
    assert_eq!(scene.fetch().await.fetched, 4);
    scene.practice.faults.arm(Fault::GraphSyncLost, Times::Exactly(1));
    for name in names(1, 5) {
        scene.practice.deliver(OPENED, &stamped(&letter(&name)));
    }
    scene.advance(HOUR);
    assert_eq!(scene.fetch().await.fetched, 1);
    assert_eq!(scene.practice.faults.struck(Fault::GraphSyncLost), 1);
    assert_eq!((scene.stage.tickets(), balance(&scene.stage)), (names(1, 5), (9, 9, 0)));
    // While it tells what is new, that is new.
    scene.practice.deliver(OPENED, &[b"List-Id: <all.example>\r\n".to_vec(), letter("letter 003")].concat());
    scene.advance(HOUR);
    assert_eq!(scene.fetch().await.fetched, 1);
}
