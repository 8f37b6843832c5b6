//! *Join*: a ticket that refers to another becomes part of it.
use crate::desk::Day;
use crate::mail;
use desk::people::viewer::Viewer;
use desk::tickets::{queue::Queue, reference};
use desk::{Error, Refusal};

/// Ann's ticket 10001, and Eve's letter about it: 10002.
fn day() -> Day {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns.").id("ann1@example.org"));
    day.agent("Bob").replies("10001", "We are on it.");
    let letter =
        mail::from("Eve <eve@example.net>", "Fwd: Printer", "I am the technician.").cc("mallory@example.net");
    day.receive(letter.answers(&day.last_id("10001")).id("eve1@example.net"));
    day
}

#[test]
fn join_moves_the_entries_and_lets_their_writer_in() {
    let day = day();
    day.agent("Bob").closes("10001");
    day.agent("Maya").joins("10002", "10001").unwrap();
    assert_eq!(
        day.thread("10001"),
        "#10001 Printer · open · Bob\n\
         ann@example.org: It burns.\n\
         — assigned to Bob by Bob\n\
         Bob replies: We are on it. [ann@example.org queued]\n\
         Eve: I am the technician.\n\
         — closed by Bob\n\
         — reopened by Maya\n\
         — took in #10002 by Maya"
    );
    assert_eq!(
        day.thread("10002"),
        "#10002 Fwd: Printer · closed · refers to #10001, from someone else · joined to #10001\n— joined to #10001 by Maya"
    );
    // Eve may write now; whom she had on Cc is only offered.
    assert_eq!(day.people("10001"), "ann@example.org | Eve <eve@example.net> | (mallory@example.net)");
    assert_eq!(day.numbers(&Viewer::Operator, Queue::Closed), "", "the emptied one is nowhere");
    day.is_whole();
}

#[test]
fn after_a_join_answers_by_id_and_by_the_old_number_come_to_the_joined_ticket() {
    let day = day();
    day.agent("Maya").joins("10002", "10001").unwrap();
    day.receive(mail::from("eve@example.net", "Re: Fwd: Printer", "By my id.").answers("eve1@example.net"));
    day.receive(mail::from("eve@example.net", "Re: Fwd: Printer [#10002]", "By the number."));
    let thread = day.thread("10001");
    assert!(thread.ends_with("eve@example.net: By my id.\neve@example.net: By the number."), "{thread}");
    let found = day.read(|tx| reference::of(tx, &["eve1@example.net"]));
    assert_eq!(found.len(), 1);
    day.is_whole();
}

#[test]
fn joining_twice_is_once_and_the_joined_ticket_takes_nothing_any_more() {
    let day = day();
    let maya = day.agent("Maya");
    maya.joins("10002", "10001").unwrap();
    let thread = day.thread("10001");
    maya.joins("10002", "10001").unwrap();
    assert_eq!(day.thread("10001"), thread);
    assert_eq!(maya.refused(&maya.draft("10002", "Hi")), Refusal::TicketJoined("10001".to_owned()));
    let (id, by) = (day.ticket("10002").id, maya.by());
    let reopened = day.try_write(|tx| desk::tickets::ticket::reopen(tx, &by, id));
    assert!(matches!(reopened, Err(Error::Refused(Refusal::TicketJoined(_)))));
}

#[test]
fn a_ticket_joins_only_what_it_refers_to() {
    let day = day();
    day.receive(mail::from("bert@example.org", "Other", "Mine."));
    for (from, into) in [("10003", "10001"), ("10001", "10002"), ("10002", "10003"), ("10001", "10001")] {
        let result = day.agent("Maya").joins(from, into);
        assert!(matches!(result, Err(Error::Refused(Refusal::Other(_)))), "{from} into {into}: {result:?}");
    }
    day.is_whole();
}

#[test]
fn a_chain_of_joined_tickets_leads_to_the_last() {
    let day = day();
    // Mallory answers Eve's letter; Eve's ticket has joined Ann's meanwhile.
    day.receive(
        mail::from("mike@example.net", "Re: Fwd: Printer", "I am his boss.")
            .answers("eve1@example.net")
            .id("mike1@x"),
    );
    assert!(
        day.thread("10003").contains("refers to #10001") || day.thread("10003").contains("refers to #10002")
    );
    day.agent("Maya").joins("10002", "10001").unwrap();
    let refers = day.ticket("10003").refers_to.unwrap();
    day.agent("Maya").joins("10003", &refers).unwrap();
    assert!(day.thread("10001").contains("mike@example.net: I am his boss."), "{}", day.thread("10001"));
    assert_eq!(day.ticket("10003").joined_to.as_deref(), Some("10001"));
    day.is_whole();
}

#[test]
fn what_moved_in_is_news_to_those_who_had_looked() {
    let day = day();
    let bob = day.agent("Bob");
    day.receive(mail::from("ann@example.org", "Re: Printer", "And?").answers(&day.last_id("10001")));
    bob.looks("10001");
    bob.looks("10002");
    assert_eq!(bob.news(), "");
    day.agent("Maya").joins("10002", "10001").unwrap();
    assert_eq!(bob.news(), "10001");
}

#[test]
fn a_reply_on_the_joined_ticket_goes_with_it() {
    let day = day();
    day.agent("Bob").replies("10002", "Who are you?");
    day.delivers();
    day.agent("Maya").joins("10002", "10001").unwrap();
    day.receive(
        mail::from("eve@example.net", "Re: Fwd: Printer", "The technician.").answers(&day.last_id("10001")),
    );
    let thread = day.thread("10001");
    assert!(
        thread.contains("Bob replies: Who are you? [eve@example.net sent, mallory@example.net sent]"),
        "{thread}"
    );
    assert!(thread.ends_with("eve@example.net: The technician."), "{thread}");
    day.is_whole();
}
