//! What is told of a message afterwards: every way in which it came, and how it is found again.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::intake::inbox::State;
use desk::intake::piped;
use desk::mailboxes::balance::{self, Asked};
use desk::params;
use desk::trace::journal::{self, Wanted};
use desk::trace::{self, Sought, Trace};

fn told(day: &Day, message_id: &str) -> Trace {
    day.read(|tx| trace::find(tx, &Sought::MessageId(message_id.to_owned()), 20))
}

#[test]
fn what_is_handed_over_again_has_nothing_left_to_do_on_a_server() {
    let day = Day::new();
    let mailbox_id = day.mailbox_id(SUPPORT);
    let raw = mail::from("ann@example.org", "Printer", "It burns.").id("printer@example.org").raw(1);
    let arrival = day.arrival(0, &raw, false);
    for known in [false, true] {
        let now = day.later(1_000);
        let piped = day.write(|tx| piped::record(tx, mailbox_id, &arrival, now));
        assert_eq!(piped.known, known);
    }
    let inbox_id = told(&day, "printer@example.org").incoming[0].row.id;
    let now = day.later(1_000);
    day.write(|tx| piped::again(tx, mailbox_id, inbox_id, now));
    let sources = told(&day, "printer@example.org").incoming.remove(0).sources;
    assert_eq!(sources.iter().map(|source| source.uid).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(sources.iter().all(|source| source.settled_at == Some(source.at)), "{sources:?}");
}

#[test]
fn a_message_is_found_by_its_id_whatever_became_of_it_and_no_table_is_read_as_a_whole() {
    let day = Day::new();
    let other = "sales@desk.example";
    day.mailbox(other, "Sales");
    let letter = mail::from("ann@example.org", "Printer", "It burns.").id("printer@example.org").raw(1);
    day.receive_raw(SUPPORT, &letter, false);
    day.receive_raw(other, &letter, false);
    // The same id with other content, waiting.
    let changed = mail::from("ann@example.org", "Printer", "It is out.").id("printer@example.org").raw(1);
    let uid = day.next_uid(SUPPORT);
    day.fetch(SUPPORT, "INBOX", 1, &[(uid, &changed)], false);
    let fates = || -> Vec<(String, &str)> {
        let lives = told(&day, "printer@example.org").incoming;
        lives.into_iter().map(|life| (life.row.mailbox, life.row.state.as_str())).collect()
    };
    let said = |mailbox: &str, state: &'static str| (mailbox.to_owned(), state);
    assert_eq!(fates(), [said(SUPPORT, "new"), said(other, "ignored"), said(SUPPORT, "filed")]);
    day.file_all();
    assert_eq!(fates(), [said(SUPPORT, "filed"), said(other, "ignored"), said(SUPPORT, "filed")]);
    assert!(told(&day, "another@example.org").incoming.is_empty());
    if day.read(|tx| Ok(tx.dialect() == desk::db::Dialect::Sqlite)) {
        let plan = day.read(trace::plan);
        assert!(!plan.contains("SCAN"), "{plan}");
    }
}

#[test]
fn the_journal_goes_by_mailbox_and_by_what_became_of_it_a_page_at_a_time() {
    let day = Day::new();
    let other = "sales@desk.example";
    day.mailbox(other, "Sales");
    for (mailbox, subject) in [(SUPPORT, "One"), (other, "Two"), (SUPPORT, "Three")] {
        day.receive_at(mailbox, mail::from("ann@example.org", subject, "It burns."));
    }
    let away =
        mail::from("ann@example.org", "Away", "Until Monday.").header("Auto-Submitted", "auto-replied");
    day.receive(away);
    let listed = |mailbox: Option<&str>, state: Option<State>, after: Option<i64>, limit: i64| {
        let wanted = Wanted { mailbox_id: mailbox.map(|mailbox| day.mailbox_id(mailbox)), state };
        let lines = day.read(|tx| journal::list(tx, wanted, after, limit));
        lines.into_iter().map(|line| (line.id, line.subject.unwrap_or(line.reason))).collect::<Vec<_>>()
    };
    let subjects =
        |lines: Vec<(i64, String)>| lines.into_iter().map(|(_, subject)| subject).collect::<Vec<_>>();
    let held = "Away";
    assert_eq!(subjects(listed(None, None, None, 9)), [held, "Three", "Two", "One"]);
    assert_eq!(subjects(listed(Some(SUPPORT), Some(State::Filed), None, 9)), ["Three", "One"]);
    assert_eq!(subjects(listed(Some(other), None, None, 9)), ["Two"]);
    assert_eq!(subjects(listed(Some(SUPPORT), Some(State::Held), None, 9)), [held]);
    assert!(listed(Some(other), Some(State::Held), None, 9).is_empty());
    let first = listed(None, None, None, 2);
    assert_eq!(subjects(listed(None, None, Some(first[1].0), 9)), ["Two", "One"]);
    if day.read(|tx| Ok(tx.dialect() == desk::db::Dialect::Sqlite)) {
        for mailbox_id in [None, Some(1)] {
            for state in [None, Some(State::Filed), Some(State::Held)] {
                let plan = day.read(|tx| journal::plan(tx, Wanted { mailbox_id, state }));
                assert!(!plan.contains("B-TREE"), "{mailbox_id:?} {state:?}: {plan}");
                let by = match (mailbox_id, state) {
                    (None, None) => continue,
                    (Some(_), None | Some(State::Filed)) => "inbox_by_mailbox",
                    (_, Some(_)) => "inbox_by_state",
                };
                assert!(plan.contains(by), "{mailbox_id:?} {state:?}: {plan}");
            }
        }
    }
}

#[test]
fn what_an_older_version_could_not_file_is_tried_again_once_by_a_newer_one() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Away", "x").header("Auto-Submitted", "auto-replied"));
    let fails = |code: &'static str| {
        day.write(|tx| {
            let failed = "UPDATE inbox SET state = 'failed', reason_code = $1, reason = 'It was too much.'";
            Ok(tx.execute(failed, params![code])?)
        });
    };
    let tries = |version: &'static str| {
        let now = day.later(1_000);
        day.write(|tx| desk::intake::inbox::retry_after_upgrade(tx, version, now))
    };
    let state = || day.read(|tx| desk::intake::inbox::find(tx, 1)).unwrap().state;
    assert_eq!(tries("1.0.0"), 0);
    fails("failed");
    assert_eq!((tries("1.0.0"), state()), (0, State::Failed), "the same version would fail the same way");
    assert_eq!((tries("1.0.1"), state()), (1, State::New));
    day.file_all();
    assert_eq!(state(), State::Held);
    let life = day.read(|tx| trace::incoming_of(tx, 1)).unwrap();
    assert!(life.steps().iter().any(|step| step.sentence.contains("tried again after an upgrade")));
    fails("left_on_server");
    let mailbox_id = day.mailbox_id(SUPPORT);
    let pause = |active: bool| {
        day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = $1", params![active])?));
    };
    pause(false);
    assert_eq!((tries("1.0.2"), state()), (0, State::Failed), "no server is asked");
    pause(true);
    assert_eq!(tries("1.0.3"), 1);
    let row = day.read(|tx| desk::intake::inbox::find(tx, 1)).unwrap();
    assert!(
        row.state == State::Ignored && row.reason.contains("a row of its own"),
        "it is not here to be tried"
    );
    assert_eq!(tries("1.0.4"), 0, "it is asked for already");
    let asked = day.read(|tx| balance::find(tx, mailbox_id, "INBOX")).unwrap().asked;
    assert_eq!(asked, Asked::Fetch);
}
