//! Delivery reports that come back.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::intake::inbox::Outcome;
use desk::outgoing::reply::Placed;
use desk::people::viewer::Viewer;
use desk::tickets::queue::{self, Queue};

const NO: &str = "550 5.1.1 no such user here";

fn day(cc: &str) -> (Day, Placed, String) {
    let day = Day::new();
    let mut letter = mail::from("ann@example.org", "Printer", "It burns.");
    if !cc.is_empty() {
        letter = letter.cc(cc);
    }
    day.receive(letter);
    let placed = day.agent("Bob").replies("10001", "We are on it.");
    day.delivers();
    let id = day.last_id("10001");
    (day, placed, id)
}
fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Ignored { reason, .. } => reason,
        other => panic!("a report opens nothing: {other:?}"),
    }
}

#[test]
fn a_bounce_turns_its_delivery_red_and_opens_no_ticket() {
    let (day, placed, id) = day("bert@example.org");
    day.agent("Bob").closes("10001");
    let outcome =
        day.receive_raw(SUPPORT, &mail::report(&id, "bert@example.org", "failed", "5.1.1", NO), false);
    assert_eq!(reason(&outcome), "A delivery report: what it says is marked on ticket #10001.");
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent, bert@example.org bounced");
    let thread = day.thread("10001");
    assert!(thread.starts_with("#10001 Printer · closed"), "a machine reopens nothing: {thread}");
    assert!(thread.lines().last().unwrap().starts_with("— bounced bert@example.org: "), "{thread}");
    assert!(thread.contains("There is no such mailbox at the recipient's server."), "{thread}");
    assert!(thread.contains("no such user"), "the server's own words beside: {thread}");
    let page = day.read(|tx| queue::page(tx, &Viewer::Operator, Queue::NotSent, None, 10));
    assert_eq!((page.lines[0].unsent, page.lines[0].last_name.as_str()), (1, "Postern"));
    assert!(
        page.lines[0].preview.starts_with("The answer to bert@example.org came back: "),
        "{}",
        page.lines[0].preview
    );
    let all = day.read(|tx| queue::list(tx, &Viewer::Operator, &queue::Wanted::default(), None, 10));
    assert_eq!(all.lines.len(), 1);
    let row = day.read(|tx| desk::intake::inbox::list(tx, None, None, 1)).pop().unwrap();
    assert_eq!(row.ticket_number.as_deref(), Some("10001"));
    day.is_whole();
}

#[test]
fn the_same_bounce_twice_is_once() {
    let (day, _, id) = day("");
    day.receive_raw(SUPPORT, &mail::report(&id, "ann@example.org", "failed", "5.1.1", NO), false);
    let once = day.thread("10001");
    let again = String::from_utf8(mail::report(&id, "ann@example.org", "failed", "5.1.1", NO)).unwrap();
    day.receive_raw(SUPPORT, again.replace("I am sorry", "I am very sorry").as_bytes(), false);
    assert_eq!(day.thread("10001"), once);
    assert_eq!(day.ticket("10001").unsent, 1);
}

#[test]
fn a_bounce_without_an_id_of_ours_blocks_nobody() {
    let (day, placed, _) = day("");
    let before = day.thread("10001");
    let forged = mail::report("guessed@desk.example", "ann@example.org", "failed", "5.1.1", NO);
    let outcome = day.receive_raw(SUPPORT, &forged, false);
    let Outcome::Held { reason, .. } = &outcome else { panic!("a person decides: {outcome:?}") };
    assert_eq!(
        reason,
        "A delivery report about a message that this desk did not send: \
         “Undelivered Mail Returned to Sender” from mailer-daemon@mx.example."
    );
    assert_eq!(
        (day.thread("10001"), day.deliveries(placed.outbox_id)),
        (before, "ann@example.org sent".to_owned())
    );
    // Nor with the id of the customer's own letter, which is no secret of ours.
    let first = day.entries("10001")[0].message_id.clone().unwrap();
    day.receive_raw(SUPPORT, &mail::report(&first, "ann@example.org", "failed", "5.1.2", NO), false);
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent");
    day.is_whole();
}

#[test]
fn a_delay_is_told_and_turns_nothing_red() {
    let (day, placed, id) = day("");
    day.receive_raw(SUPPORT, &mail::report(&id, "ann@example.org", "delayed", "4.4.1", "451 busy"), false);
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent");
    assert!(day.thread("10001").lines().last().unwrap().starts_with("— delayed ann@example.org: "));
    assert_eq!(day.ticket("10001").unsent, 0);
}

#[test]
fn a_bounce_of_a_forwarded_address_is_the_only_recipients() {
    let (day, placed, id) = day("");
    day.receive_raw(
        SUPPORT,
        &mail::report(&id, "ann.porter@forwarded.example", "failed", "5.1.1", NO),
        false,
    );
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org bounced");
}

#[test]
fn a_bounce_of_nobody_we_wrote_to_is_told_and_turns_none_of_several_red() {
    let (day, placed, id) = day("bert@example.org");
    let raw = mail::report(&id, "else@forwarded.example", "failed", "5.1.1", NO);
    day.receive_raw(SUPPORT, &raw, false);
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent, bert@example.org sent");
    assert!(day.thread("10001").lines().last().unwrap().starts_with("— bounced else@forwarded.example: "));
}

#[test]
fn a_retry_after_a_bounce_goes_to_the_one_it_came_back_from() {
    let (day, placed, id) = day("bert@example.org");
    day.receive_raw(SUPPORT, &mail::report(&id, "bert@example.org", "failed", "5.2.2", "552 full"), false);
    let by = day.agent("Bob").by();
    day.write(|tx| desk::outgoing::outbox::retry(tx, &by, placed.outbox_id));
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent, bert@example.org queued");
    assert_eq!(day.ticket("10001").unsent, 0);
    day.delivers();
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent, bert@example.org sent");
    day.is_whole();
}
