//! Attempts, what they end in, and what an agent does about it.
use crate::desk::{Day, MINUTE};
use crate::mail;
use desk::mailboxes::mailbox;
use desk::outgoing::delivery;
use desk::outgoing::outbox::{self, Attempt, Fate, LIFE_MS};
use desk::outgoing::reply::{NewReply, Placed};
use desk::people::viewer::Viewer;
use desk::tickets::queue::Queue;
use desk::{Error, Refusal};

fn sent() -> Fate {
    Fate::Sent { answer: "250 ok".to_owned() }
}
fn refused() -> Fate {
    Fate::Refused { answer: "550 5.1.1 no such user".to_owned() }
}
fn deferred() -> Fate {
    Fate::Deferred { answer: "451 later".to_owned() }
}
/// A reply to Ann and Bert.
fn day() -> (Day, Placed) {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns.").cc("bert@example.org"));
    let placed = day.agent("Bob").replies("10001", "We are on it.");
    (day, placed)
}

#[test]
fn a_message_that_everybody_got_is_sent() {
    let (day, placed) = day();
    day.delivers();
    let row = day.outbox(placed.outbox_id);
    assert_eq!((row.state, row.attempts), (outbox::State::Sent, 1));
    assert_eq!(row.deliveries[0].answer, "250 2.0.0 accepted");
    assert!(row.sha256.is_some());
    assert!(day.delivers().is_empty(), "once");
    assert_eq!(day.next_due(), None);
    day.is_whole();
}

#[test]
fn each_recipient_has_a_fate_of_its_own() {
    let (day, placed) = day();
    day.send_all(|to| if to.starts_with("ann") { sent() } else { deferred() });
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent, bert@example.org deferred");
    assert_eq!(day.outbox(placed.outbox_id).state, outbox::State::Queued);
    assert_eq!(day.next_due(), Some(day.now() + 5 * MINUTE));
    assert!(day.delivers().is_empty(), "not before its time");
    day.later(5 * MINUTE);
    let tried = std::cell::RefCell::new(Vec::new());
    day.send_all(|to| {
        tried.borrow_mut().push(to.to_owned());
        refused()
    });
    assert_eq!(*tried.borrow(), ["bert@example.org"], "who has it does not get it again");
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent, bert@example.org failed");
    let attempts: Vec<i64> = day.outbox(placed.outbox_id).deliveries.iter().map(|d| d.attempts).collect();
    assert_eq!(attempts, [1, 2]);
    assert!(day.thread("10001").ends_with("— not_sent bert@example.org: 550 5.1.1 no such user"));
    assert_eq!(
        (day.ticket("10001").unsent, day.numbers(&Viewer::Operator, Queue::NotSent)),
        (1, "10001".to_owned())
    );
    day.is_whole();
}

#[test]
fn an_attempt_is_counted_before_it_is_made_and_a_dead_sender_is_replaced_after_its_lease() {
    let (day, placed) = day();
    let claim = |at| day.write(|tx| outbox::claim_due(tx, at, MINUTE, "node", 10));
    let now = day.now();
    let dead = claim(now).pop().unwrap();
    assert_eq!((dead.attempts, day.outbox(placed.outbox_id).attempts), (1, 1));
    assert!(claim(now).is_empty());
    let next = claim(now + MINUTE).pop().unwrap();
    assert_eq!(next.attempts, 2);
    // The dead one was only slow: its result is dropped, its bytes too.
    let attempt = Attempt {
        fates: vec![("ann@example.org".to_owned(), sent())],
        error: None,
        unsure: false,
        next_at: None,
    };
    let stored = day.desk.store.put(b"other bytes").unwrap();
    assert!(!day.write(|tx| outbox::settle(tx, &dead, &attempt, now)));
    assert!(!day.write(|tx| outbox::fix_bytes(tx, &dead, &stored)));
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org queued, bert@example.org queued");
}

#[test]
fn the_bytes_are_fixed_before_the_first_attempt_and_never_change() {
    let (day, placed) = day();
    let first = day.send_all(|_| deferred()).pop().unwrap();
    // Ann writes again before the second attempt: the letter does not answer what came after it.
    day.receive(mail::from("ann@example.org", "Re: Printer", "Hello?").answers(&day.last_id("10001")));
    day.later(5 * MINUTE);
    let second = day.delivers().pop().unwrap();
    assert_eq!(first, second);
    assert_eq!(day.outbox(placed.outbox_id).state, outbox::State::Sent);
}

#[test]
fn a_letter_that_waits_answers_what_it_was_written_to() {
    let (day, placed) = day();
    let before = day.read(|tx| outbox::material(tx, placed.outbox_id)).draft;
    day.receive(mail::from("ann@example.org", "Re: Printer", "Hello?").answers(&day.last_id("10001")));
    assert_eq!(day.read(|tx| outbox::material(tx, placed.outbox_id)).draft, before);
}

#[test]
fn trouble_with_the_whole_is_said_at_each_recipient_and_the_row_waits() {
    let (day, placed) = day();
    let error = "smtp.desk.example did not answer in 30 s".to_owned();
    day.send_with(|_, now| Attempt {
        fates: vec![],
        error: Some(error.clone()),
        unsure: true,
        next_at: Some(now + MINUTE),
    });
    let row = day.outbox(placed.outbox_id);
    assert_eq!(
        (row.state, row.last_error.as_str(), row.unsure),
        (outbox::State::Queued, error.as_str(), true)
    );
    assert!(row.deliveries.iter().all(|d| d.answer == error));
    assert_eq!(day.ticket("10001").unsent, 0, "waiting is no failure");
    day.is_whole();
}

#[test]
fn after_three_days_a_message_counts_as_not_sent() {
    let (day, placed) = day();
    let begun = day.now();
    let mut attempts = 0;
    while day.outbox(placed.outbox_id).state == outbox::State::Queued {
        let due = day.next_due().unwrap();
        day.later((due - day.now()).max(0));
        day.send_with(|_, now| Attempt {
            fates: vec![],
            error: Some("no answer".to_owned()),
            unsure: false,
            next_at: Some(now + 8 * 60 * MINUTE),
        });
        attempts += 1;
        assert!(attempts < 50, "it ends");
    }
    assert!(day.now() - begun < LIFE_MS, "nothing is tried after its end");
    assert!(day.now() - begun > LIFE_MS - 10 * 60 * MINUTE);
    let row = day.outbox(placed.outbox_id);
    assert_eq!(row.state, outbox::State::Failed);
    assert_eq!(row.deliveries[0].answer, "Given up after three days. no answer");
    assert_eq!(day.ticket("10001").unsent, 2);
    day.is_whole();
}

#[test]
fn a_failure_for_good_ends_it_at_once() {
    let (day, placed) = day();
    day.send_with(|_, _| Attempt {
        fates: vec![],
        error: Some("The letter is too big.".to_owned()),
        unsure: false,
        next_at: None,
    });
    assert_eq!(day.outbox(placed.outbox_id).state, outbox::State::Failed);
    assert_eq!(day.outbox(placed.outbox_id).deliveries[1].answer, "The letter is too big.");
}

#[test]
fn a_retry_is_for_those_who_did_not_get_it() {
    let (day, placed) = day();
    let bob = day.agent("Bob");
    day.send_all(|to| if to.starts_with("ann") { sent() } else { refused() });
    let first = day.outbox(placed.outbox_id).sha256;
    let by = bob.by();
    day.write(|tx| outbox::retry(tx, &by, placed.outbox_id));
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent, bert@example.org queued");
    assert_eq!(day.ticket("10001").unsent, 0);
    day.delivers();
    let row = day.outbox(placed.outbox_id);
    assert_eq!((row.state, row.sha256), (outbox::State::Sent, first));
    let by = bob.by();
    let again = day.try_write(|tx| outbox::retry(tx, &by, placed.outbox_id));
    assert!(matches!(again, Err(Error::Refused(Refusal::Other(_)))));
    assert!(day.thread("10001").contains("— retried by Bob"));
    day.is_whole();
}

#[test]
fn a_retry_does_not_wait_for_a_server_that_is_left_alone() {
    let (day, placed) = day();
    day.send_all(|_| refused());
    let by = day.agent("Bob").by();
    let round = mailbox::Round::NeedsPerson {
        code: "535".to_owned(),
        reason: "SMTP is switched off.".to_owned(),
        remedy: "Switch it on.".to_owned(),
        next_at: by.at + 60 * MINUTE,
    };
    let id = day.outbox(placed.outbox_id).mailbox_id;
    day.write(|tx| mailbox::settle_outgoing(tx, id, &round, by.at));
    day.write(|tx| outbox::retry(tx, &by, placed.outbox_id));
    let health = day.read(|tx| mailbox::get(tx, id)).outgoing_health;
    assert_eq!((health.state, health.reason.as_str()), (mailbox::State::New, ""));
}

#[test]
fn a_retry_after_days_has_three_new_days() {
    let (day, placed) = day();
    day.send_all(|_| refused());
    day.later(5 * LIFE_MS);
    let by = day.agent("Bob").by();
    day.write(|tx| outbox::retry(tx, &by, placed.outbox_id));
    day.send_all(|_| deferred());
    assert_eq!(day.outbox(placed.outbox_id).state, outbox::State::Queued);
}

#[test]
fn what_is_cancelled_does_not_go_out() {
    let (day, placed) = day();
    let by = day.agent("Bob").by();
    let now = by.at;
    let claim = day.write(|tx| outbox::claim_due(tx, now, MINUTE, "node", 1)).pop().unwrap();
    let cancel = |by: &desk::By| day.try_write(|tx| outbox::cancel(tx, by, placed.outbox_id));
    assert!(matches!(cancel(&by), Err(Error::Refused(Refusal::Other(_)))), "it is being sent right now");
    let attempt = Attempt {
        fates: vec![("ann@example.org".to_owned(), sent())],
        error: None,
        unsure: false,
        next_at: Some(now),
    };
    assert!(day.write(|tx| outbox::settle(tx, &claim, &attempt, now)));
    cancel(&by).unwrap();
    assert_eq!(day.deliveries(placed.outbox_id), "ann@example.org sent, bert@example.org cancelled");
    assert_eq!(day.outbox(placed.outbox_id).state, outbox::State::Sent);
    assert!(day.delivers().is_empty());
    assert!(cancel(&by).is_err(), "nothing is left");
    let second = day.agent("Bob").replies("10001", "Wrong ticket.");
    let by = day.agent("Bob").by();
    day.write(|tx| outbox::cancel(tx, &by, second.outbox_id));
    assert_eq!(day.outbox(second.outbox_id).state, outbox::State::Cancelled);
}

#[test]
fn an_agent_who_has_dealt_with_a_failure_takes_it_out_of_not_sent() {
    let (day, placed) = day();
    day.send_all(|_| refused());
    assert_eq!(day.ticket("10001").unsent, 2);
    let (id, by) = (day.ticket("10001").id, day.agent("Bob").by());
    day.write(|tx| delivery::dismiss_unsent(tx, &by, id));
    assert_eq!(
        (day.ticket("10001").unsent, day.numbers(&Viewer::Operator, Queue::NotSent)),
        (0, String::new())
    );
    assert_eq!(
        day.deliveries(placed.outbox_id),
        "ann@example.org failed, bert@example.org failed",
        "the mark stays"
    );
    day.is_whole();
}

#[test]
fn a_poisoned_row_does_not_hold_up_the_others() {
    let (day, _) = day();
    let bob = day.agent("Bob");
    bob.sends(&NewReply {
        to: Some("cora@example.org".to_owned()),
        cc: Some(String::new()),
        ..bob.draft("10001", "Hi")
    })
    .unwrap();
    let now = day.now();
    let poisoned = day.write(|tx| outbox::claim_due(tx, now, 60 * MINUTE, "node that hangs", 1));
    assert_eq!(poisoned.len(), 1);
    assert_eq!(day.delivers().len(), 1);
}

#[test]
fn lists_show_what_the_command_line_promises() {
    let (day, placed) = day();
    day.send_all(|_| refused());
    day.agent("Bob").replies("10001", "Again.");
    let list = |state, after| day.read(|tx| outbox::list(tx, state, after, 10));
    let ids = |rows: &[outbox::Outbox]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(&list(None, None)).len(), 2);
    let failed = list(Some(outbox::State::Failed), None);
    assert_eq!(ids(&failed), [placed.outbox_id]);
    assert_eq!((failed[0].ticket_number.as_deref(), failed[0].deliveries.len()), (Some("10001"), 2));
    assert_eq!(ids(&list(None, Some(failed[0].id))), Vec::<i64>::new());
}
