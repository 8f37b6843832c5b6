//! Letters of devices that give them no Message-ID, and whose clock says nothing: each is one, however alike they are.
use crate::pretend_imap::PretendImap;
use crate::pretend_pop3::PretendPop3;
use crate::stage::{NOON, Stage};
use courier::{fetch, pipe, rehearse};
use desk::mailboxes::balance;
use desk::mailboxes::mailbox::{Fetched, StartFrom};
use desk::params;
use desk::trace;

const MINUTE: i64 = 60_000;
/// What such devices write, or do not.
const FIELDS: [&str; 6] = [
    "",
    "Message-ID: \r\n",
    "Message-ID: <>\r\n",
    "Date:\r\n",
    "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
    "Message-ID: <>\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n",
];

fn alarm(hour: u8, device: usize, fields: &str) -> Vec<u8> {
    format!(
        "Received: from pump by mx with SMTP id A{hour}; Fri, 20 Nov 2026 {hour:02}:00:00 +0000\r\n\
         From: pump@dev.example\r\nTo: support@contoso.example\r\nSubject: Pump {device}\r\n{fields}\r\nIt stopped.\r\n"
    )
    .into_bytes()
}
fn all(hour: u8) -> Vec<Vec<u8>> {
    FIELDS.iter().enumerate().map(|(device, fields)| alarm(hour, device, fields)).collect()
}
async fn fetched(stage: &Stage) -> usize {
    let fetched = fetch::once(&stage.courier, stage.mailbox_id).await.unwrap().fetched;
    stage.clock.advance(2 * MINUTE);
    fetched
}
fn balance(stage: &Stage) -> (i64, i64, i64) {
    let counts = stage.read(|tx| balance::find(tx, stage.mailbox_id, "INBOX")).unwrap().counts;
    (counts.on_server(), counts.held, counts.unaccounted)
}
/// As rows were keyed before the lowest `Received` counted in each letter without a Message-ID.
fn keyed_by_the_earlier_rule(stage: &Stage, letters: &[Vec<u8>]) {
    for raw in letters {
        let key = mail::message::content_key(raw);
        let Some(earlier) = key.earlier else { continue };
        let changed = stage.write(|tx| {
            let text = "UPDATE inbox SET content_key = $2 WHERE content_key = $1";
            Ok(tx.execute(text, params![key.key.as_slice(), earlier.as_slice()])?)
        });
        assert_eq!(changed, 1);
    }
}
fn steps(stage: &Stage, subject: &str) -> Vec<&'static str> {
    let rows = stage.inbox();
    let row = rows.iter().find(|row| row.subject == subject).expect("it is recorded");
    let life = stage.read(|tx| trace::incoming_of(tx, row.id)).unwrap();
    let kinds = life.steps().iter().map(|step| step.kind).collect::<Vec<_>>();
    kinds.into_iter().filter(|kind| *kind != "settled_on_server").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_alarm_is_recorded_before_it_is_deleted() {
    let (stage, imap, pop3) = (Stage::new(), PretendImap::start().await, PretendPop3::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Delete);
    for raw in [all(9), all(10), all(10)].concat() {
        imap.deliver(NOON, raw);
    }
    assert_eq!(fetched(&stage).await, 2 * FIELDS.len(), "the same one twice is one");
    assert!(imap.state().letters.is_empty());

    stage.fetched_by_pop3(pop3.address, StartFrom::Everything, Fetched::Delete);
    for raw in [all(10), all(11)].concat() {
        pop3.deliver(NOON, raw);
    }
    assert_eq!(fetched(&stage).await, FIELDS.len());
    assert!(pop3.names().is_empty());

    let database = stage.courier.clone();
    for (raw, is_known) in
        all(11).into_iter().map(|raw| (raw, true)).chain(all(12).into_iter().map(|raw| (raw, false)))
    {
        let letter = wire::letter::Letter::from(raw);
        let (courier, id) = (database.clone(), stage.mailbox_id);
        let taken = crate::stage::apart(|| pipe::take(courier.desk(), id, &letter, NOON).unwrap());
        assert_eq!(taken.known, is_known);
    }
    assert_eq!(stage.inbox().len(), 4 * FIELDS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_keyed_by_the_earlier_rule_is_known_under_new_numbers_and_another_is_not_taken_for_it() {
    let (stage, imap) = (Stage::new(), PretendImap::start().await);
    stage.fetched_from(imap.address, StartFrom::Everything, Fetched::Nothing);
    let letters = all(9);
    for raw in &letters {
        imap.deliver(NOON, raw.clone());
    }
    assert_eq!(fetched(&stage).await, FIELDS.len());
    keyed_by_the_earlier_rule(&stage, &letters);
    let would = rehearse::rehearse(&stage.courier, stage.mailbox_id, 50).await.unwrap();
    assert!(would.would.iter().all(|would| would.fate.word() == "known"), "{would:?}");

    // Numbered anew, and between them those that would have been swallowed.
    {
        let mut state = imap.state();
        state.letters.clear();
        (state.uid_validity, state.uid_next) = (7, 1);
    }
    for raw in [all(10), all(9)].concat() {
        imap.deliver(NOON, raw);
    }
    assert_eq!(fetched(&stage).await, FIELDS.len(), "those of ten o'clock");
    let both = 2 * FIELDS.len();
    assert_eq!(stage.inbox().len(), both);
    let count = i64::try_from(both).unwrap();
    assert_eq!(balance(&stage), (count, count, 0));
    // From then on by the rule of today, at no further cost.
    for raw in letters {
        let key = mail::message::content_key(&raw).key;
        let text = "SELECT count(*) FROM inbox WHERE content_key = $1";
        assert_eq!(stage.read(|tx| Ok(tx.one::<(i64,)>(text, params![key.as_slice()])?)), (1,));
    }
    // Moved out of the folder and back again.
    imap.deliver(NOON, alarm(9, 4, FIELDS[4]));
    assert_eq!(fetched(&stage).await, 0);
    assert_eq!(stage.inbox().len(), both);
    let first = stage.inbox().into_iter().filter(|row| row.subject == "Pump 4").map(|row| row.id).min();
    let life = stage.read(|tx| trace::incoming_of(tx, first.unwrap())).unwrap();
    let again = life.steps().iter().filter(|step| step.kind == "known_again").count();
    assert_eq!(again, 2, "{:?}", steps(&stage, "Pump 4"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_the_pipe_what_was_keyed_by_the_earlier_rule_is_known_too() {
    let stage = Stage::new();
    let take = |raw: Vec<u8>| {
        let (letter, courier) = (wire::letter::Letter::from(raw), stage.courier.clone());
        crate::stage::apart(|| pipe::take(courier.desk(), stage.mailbox_id, &letter, NOON).unwrap())
    };
    let first = take(alarm(9, 0, FIELDS[4]));
    keyed_by_the_earlier_rule(&stage, &[alarm(9, 0, FIELDS[4])]);
    assert!(!take(alarm(10, 0, FIELDS[4])).known);
    let again = take(alarm(9, 0, FIELDS[4]));
    assert_eq!((again.inbox_id, again.known), (first.inbox_id, true));
    assert_eq!(stage.inbox().len(), 2);
}
