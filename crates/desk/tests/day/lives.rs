//! What is told of a message afterwards: every way in which it came, and how it is found again.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::intake::piped;
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
