//! A mail server that was restored from its backup and gives UIDs a second time: what is in the way of noticing that at once is
//! only in its way once, and letters that bear no names show it too.
use crate::pretend_imap::PretendImap;
use crate::stage::{NOON, Stage, letter, names};
use courier::fetch;
use desk::mailboxes::balance::{self, Asked};
use desk::mailboxes::mailbox::{Fetched, StartFrom};

const MINUTE: i64 = 60_000;

async fn stage() -> (Stage, PretendImap) {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    (stage, imap)
}
async fn fetched(stage: &Stage) -> usize {
    fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched
}
fn unaccounted(stage: &Stage) -> i64 {
    let found = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX"));
    found.expect("the folder was compared").counts.unaccounted
}
/// The server as its backup has it, from where it gives UIDs a second time.
fn is_restored(imap: &PretendImap, up_to: u32) {
    let mut state = imap.state();
    state.letters.retain(|letter| letter.uid <= up_to);
    state.uid_next = up_to + 1;
}
/// How often a letter was asked for.
fn read(imap: &PretendImap) -> usize {
    imap.log().iter().filter(|line| line.ends_with("BODY.PEEK[])")).count()
}

/// As on a full disk: what could not be written down has not happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_whose_new_number_could_not_be_written_down_is_read_anew_by_the_next_round() {
    for has_news in [true, false] {
        let (stage, imap) = stage().await;
        for name in names(1, 6) {
            imap.deliver(NOON + MINUTE, letter(&name));
        }
        assert_eq!(fetched(&stage).await, 6);
        is_restored(&imap, 3);
        let last = if has_news { 12 } else { 9 };
        for name in names(7, last) {
            imap.deliver(NOON + 5 * MINUTE, letter(&name));
        }
        stage.clock.advance(20 * MINUTE);
        stage.write(|tx| {
            let other = "INSERT INTO numbering (mailbox_id, folder, place, before)
                 SELECT mailbox_id, 'Other', place, 1 FROM numbering";
            tx.execute(other, &[])?;
            Ok(tx.execute("CREATE UNIQUE INDEX is_full ON numbering (before)", &[])?)
        });
        fetch::once(&stage.courier, stage.mailbox_id).await.unwrap_err();
        assert_eq!(stage.tickets(), names(1, 6), "nothing is recorded under numbers that are not its own");
        stage.write(|tx| Ok(tx.execute("DROP INDEX is_full", &[])?));
        stage.clock.advance(2 * MINUTE);
        let new = usize::try_from(last).unwrap() - 6;
        assert_eq!((fetched(&stage).await, unaccounted(&stage)), (new, 0));
        assert_eq!(stage.tickets(), names(1, last));
    }
}

/// It is too soon for a listing when the newest letters are missed, and others come meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doubt_lasts_until_a_listing_has_answered_it() {
    for is_other in [true, false] {
        let (stage, imap) = stage().await;
        for (name, second) in names(1, 20).into_iter().zip(1..) {
            imap.deliver(NOON + second * 1000, letter(&name));
        }
        assert_eq!((fetched(&stage).await, unaccounted(&stage)), (20, 0));
        is_restored(&imap, if is_other { 3 } else { 5 });
        for name in names(21, if is_other { 22 } else { 20 }) {
            imap.deliver(NOON + 5 * MINUTE, letter(&name));
        }
        imap.state().uid_next = 21;
        for (name, second) in names(23, 34).into_iter().zip(1..) {
            imap.deliver(NOON + 6 * MINUTE + second * 1000, letter(&name));
        }
        let before = read(&imap);
        stage.clock.advance(MINUTE / 2);
        assert_eq!(
            (fetched(&stage).await, stage.inbox().len()),
            (12, 32),
            "nothing else is new by its number"
        );
        stage.clock.advance(2 * MINUTE);
        assert_eq!(fetched(&stage).await, 0);
        stage.clock.advance(2 * MINUTE);
        assert_eq!((fetched(&stage).await, unaccounted(&stage)), (if is_other { 2 } else { 0 }, 0));
        let all = [names(1, if is_other { 22 } else { 20 }), names(23, 34)].concat();
        assert_eq!(stage.tickets(), all);
        // Then it is answered.
        let (after, listings) = (read(&imap), |imap: &PretendImap| {
            imap.log().iter().filter(|line| line.ends_with("(UID INTERNALDATE)")).count()
        });
        assert!(is_other || after == before + 4, "the news alone, three at a time: {:?}", imap.log());
        let asked = listings(&imap);
        stage.clock.advance(2 * MINUTE);
        assert_eq!((fetched(&stage).await, read(&imap), listings(&imap)), (0, after, asked));
    }
}

fn alarm(number: u32) -> Vec<u8> {
    format!(
        "Received: from pump by mx with SMTP id A{number}; Tue, 24 Nov 2026 11:{number:02}:00 +0000\r\n\
         From: Pump <pump@dev.example>\r\nTo: support@contoso.example\r\nSubject: alarm {number:03}\r\n\r\n\
         It stopped.\r\n"
    )
    .into_bytes()
}
fn alarms(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|number| format!("alarm {number:03}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_letters_without_names_is_seen_to_be_another_by_several_of_them() {
    let (stage, imap) = stage().await;
    for number in 1..=6 {
        imap.deliver(NOON + MINUTE, alarm(number));
    }
    assert_eq!(fetched(&stage).await, 6);
    is_restored(&imap, 3);
    for number in 7..=12 {
        imap.deliver(NOON + 5 * MINUTE, alarm(number));
    }
    stage.clock.advance(2 * MINUTE);
    assert_eq!((fetched(&stage).await, unaccounted(&stage)), (6, 0), "three had numbers that were known");
    assert_eq!((stage.tickets(), stage.inbox().len()), (alarms(1, 12), 12));
}

/// It gives other dates, and writes into each letter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_writes_into_letters_without_names_has_no_other_folder() {
    type Write = fn(&[u8]) -> Vec<u8>;
    let writes: [Write; 3] = [
        |raw| [b"X-Whatever: 7\r\nSubject-Was: 8\r\n", raw].concat(),
        |raw| [raw, b"-- \r\nScanned.\r\n"].concat(),
        |raw| String::from_utf8_lossy(raw).replace("Subject: ", "Subject: [EXTERNAL] ").into_bytes(),
    ];
    for write in writes {
        let (stage, imap) = stage().await;
        for number in 1..=6 {
            imap.deliver(NOON + MINUTE, alarm(number));
        }
        assert_eq!(fetched(&stage).await, 6);
        for letter in &mut imap.state().letters {
            letter.at += MINUTE;
            letter.bytes = write(&letter.bytes);
        }
        imap.deliver(NOON + 5 * MINUTE, alarm(7));
        let before = read(&imap);
        stage.clock.advance(20 * MINUTE);
        assert_eq!((fetched(&stage).await, stage.inbox().len()), (1, 7));
        assert_eq!(read(&imap), before + 6 + 1, "they were looked into: {:?}", imap.log());
        assert_eq!((stage.tickets(), unaccounted(&stage)), (alarms(1, 7), 0));
    }
}

fn older(stage: &Stage) -> i64 {
    let found = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX"));
    found.expect("the folder was compared").counts.older
}
async fn fetched_as_unaccounted(stage: &Stage) -> usize {
    let (by, mailbox) = (stage.by(), stage.mailbox());
    stage.write(|tx| balance::ask(tx, &by, &mailbox, Asked::Fetch));
    fetched(stage).await
}

/// Nothing was recorded yet by which the folder could be known, and its new mail has numbers of what was older than the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_mail_under_numbers_of_older_mail_is_unaccounted_on_a_server_that_was_restored() {
    for is_restarted in [false, true] {
        let (mut stage, imap) = stage().await;
        stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
        for (name, second) in names(1, 30).into_iter().zip(1..) {
            imap.deliver(NOON - 60 * MINUTE + second * 1000, letter(&name));
        }
        assert_eq!((fetched(&stage).await, older(&stage)), (0, 30));
        let dates = || imap.log().iter().filter(|line| line.ends_with("(UID INTERNALDATE)")).count();
        let before = dates();
        stage.clock.advance(61 * MINUTE);
        assert_eq!((fetched(&stage).await, older(&stage)), (0, 30));
        assert!(imap.log().iter().any(|line| line.ends_with("UID FETCH 21:30 (UID INTERNALDATE)")));
        assert_eq!(dates(), before + 1, "the newest ten: {:?}", imap.log());

        is_restored(&imap, 25);
        for (name, second) in names(31, 37).into_iter().zip(1..) {
            imap.deliver(NOON + 62 * MINUTE + second * 1000, letter(&name));
        }
        if is_restarted {
            stage.courier = stage.another(courier::Process::named("test:restarted"));
        }
        stage.clock.advance(2 * MINUTE);
        assert_eq!(fetched(&stage).await, 2, "those behind what was there");
        assert_eq!((older(&stage), unaccounted(&stage)), (25, 5), "{:?}", imap.log());
        assert_eq!(fetched_as_unaccounted(&stage).await, 5);
        assert_eq!((older(&stage), unaccounted(&stage)), (25, 0));
        assert_eq!(stage.tickets(), names(31, 37));
        stage.clock.advance(61 * MINUTE);
        assert_eq!((fetched(&stage).await, older(&stage), unaccounted(&stage)), (0, 25, 0));
    }
}

/// Old mail was moved in behind it, so that the newest do not show it. One of which no date is told now stays what it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_to_be_older_is_asked_for_its_date_again_when_a_person_asks() {
    let (stage, imap) = stage().await;
    stage.fetched_from(imap.address, StartFrom::Now, Fetched::Nothing);
    for (name, second) in names(1, 30).into_iter().zip(1..) {
        imap.deliver(NOON - 60 * MINUTE + second * 1000, letter(&name));
    }
    assert_eq!((fetched(&stage).await, older(&stage)), (0, 30));
    is_restored(&imap, 5);
    for name in names(31, 33) {
        imap.deliver(NOON + MINUTE, letter(&name));
    }
    for (name, second) in names(101, 120).into_iter().zip(1..) {
        imap.deliver(NOON - 90 * MINUTE + second * 1000, letter(&name));
    }
    imap.state().uid_next = 31;
    imap.state().undated = [2, 28].into();
    stage.clock.advance(2 * MINUTE);
    assert_eq!((fetched(&stage).await, older(&stage), unaccounted(&stage)), (0, 28, 0));
    assert_eq!(fetched_as_unaccounted(&stage).await, 3);
    assert_eq!((older(&stage), unaccounted(&stage)), (25, 0));
    assert_eq!(stage.tickets(), names(31, 33));
}
