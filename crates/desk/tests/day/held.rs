//! Automatic mail that answers nothing of ours waits for a person; what machines write of their own accord does not.
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail::{self, Mail};
use desk::db::Tx;
use desk::intake::{held, inbox, inbox::Outcome};
use desk::trace;
use desk::{By, Error, Refusal, Result};

fn absence() -> Mail {
    mail::from("Ann Porter <ann@example.org>", "Automatic reply: Your order", "I am away.")
        .header("Auto-Submitted", "auto-replied")
}
fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Held { reason, .. } => reason,
        other => panic!("it should be held: {other:?}"),
    }
}
fn waiting(day: &Day) -> Vec<i64> {
    day.read(|tx| inbox::list(tx, Some(inbox::State::Held), None, 100)).iter().map(|row| row.id).collect()
}
fn tickets(day: &Day) -> i64 {
    day.read(|tx| desk::tickets::queue::counts(tx, &desk::people::viewer::Viewer::Operator)).open
}
/// Maya decides.
fn decides(day: &Day, decision: impl Fn(&mut Tx<'_>, &By) -> Result<()>) -> Result<()> {
    let by = day.agent("Maya").by();
    day.try_write(|tx| decision(tx, &by))
}

#[test]
fn an_absence_note_to_nothing_of_ours_is_held_and_opens_no_ticket() {
    let day = Day::new();
    let outcome = day.receive(absence());
    assert_eq!(
        reason(&outcome),
        "An automatic answer to nothing on this desk: “Automatic reply: Your order” from ann@example.org."
    );
    assert_eq!((tickets(&day), day.read(held::count)), (0, 1));
    day.is_whole();
}

#[test]
fn one_letter_that_is_held_at_two_mailboxes_becomes_one_ticket_though_both_are_wanted() {
    let day = Day::new();
    day.mailbox("billing@desk.example", "Billing");
    let note = absence().id("away@x");
    day.receive(note.clone());
    day.receive_at("billing@desk.example", note);
    let both = waiting(&day);
    assert_eq!(both.len(), 2);
    for id in both.into_iter().rev() {
        decides(&day, |tx, by| held::accept(tx, by, id)).unwrap();
        day.file_all();
    }
    assert_eq!(tickets(&day), 1);
    let thread = day.thread("10001");
    assert!(thread.contains("— also received at billing@desk.example"), "{thread}");
    day.is_whole();
}

#[test]
fn an_absence_note_from_somebody_who_has_no_part_in_the_ticket_is_held() {
    let day = Day::new();
    day.receive(mail::from("bert@example.org", "Printer", "It burns."));
    let outcome = day.receive(absence().answers(&day.last_id("10001")));
    assert!(reason(&outcome).starts_with("An automatic answer to a ticket that its sender has no part in: "));
    assert_eq!(tickets(&day), 1);
}

#[test]
fn held_mail_becomes_a_ticket_when_a_person_says_so() {
    let day = Day::new();
    day.receive(absence());
    let [id] = waiting(&day)[..] else { panic!("one is held") };
    decides(&day, |tx, by| held::accept(tx, by, id)).unwrap();
    decides(&day, |tx, by| held::accept(tx, by, id)).unwrap();
    assert!(matches!(day.file_all().as_slice(), [Outcome::Filed { .. }]));
    assert_eq!(
        day.thread("10001"),
        "#10001 Automatic reply: Your order · open\nAnn Porter (auto_replied): I am away."
    );
    assert_eq!((day.read(held::count), tickets(&day)), (0, 1));
    decides(&day, |tx, by| held::accept(tx, by, id)).unwrap();
    assert!(day.file_all().is_empty(), "twice is once");
    day.is_whole();
}

#[test]
fn a_delivery_report_of_another_programs_letter_can_become_a_ticket() {
    let day = Day::new();
    let raw = mail::report("sent-from-a-phone@desk.example", "gone@example.org", "failed", "5.1.1", "550 no");
    assert!(matches!(day.receive_raw(SUPPORT, &raw, false), Outcome::Held { .. }));
    let id = waiting(&day)[0];
    decides(&day, |tx, by| held::accept(tx, by, id)).unwrap();
    assert!(matches!(day.file_all().as_slice(), [Outcome::Filed { .. }]));
    assert!(day.thread("10001").contains("(bounce): "), "{}", day.thread("10001"));
    assert!(!day.entries("10001")[0].may_answer);
    day.is_whole();
}

#[test]
fn what_is_ignored_keeps_its_reason_and_can_still_be_accepted() {
    let day = Day::new();
    let said = reason(&day.receive(absence())).to_owned();
    let id = waiting(&day)[0];
    decides(&day, |tx, by| held::ignore(tx, by, id)).unwrap();
    decides(&day, |tx, by| held::ignore(tx, by, id)).unwrap();
    let row = day.read(|tx| inbox::find(tx, id)).unwrap();
    assert_eq!((row.state, &row.reason), (inbox::State::Ignored, &said));
    assert_eq!(day.read(held::count), 0);
    day.is_whole();
    decides(&day, |tx, by| held::accept(tx, by, id)).unwrap();
    assert!(matches!(day.file_all().as_slice(), [Outcome::Filed { .. }]));
    let life = day.read(|tx| trace::incoming_of(tx, id)).unwrap().steps();
    let accepted = life.iter().find(|step| step.kind == "accepted_by_person").unwrap();
    assert!(accepted.sentence.ends_with(&format!(" Until then: {said}")), "{accepted:?}");
    let refused = decides(&day, |tx, by| held::ignore(tx, by, id));
    assert!(matches!(refused, Err(Error::Refused(Refusal::Other(_)))), "{refused:?}");
    let nobody = decides(&day, |tx, by| held::accept(tx, by, 99));
    assert!(matches!(nobody, Err(Error::Refused(Refusal::NotFound(_)))), "{nobody:?}");
}

#[test]
fn ignore_all_leaves_what_came_after_the_page_was_shown() {
    let day = Day::new();
    for _ in 0..3 {
        day.receive(absence());
    }
    let newest = waiting(&day)[0];
    day.receive(absence());
    let by = day.agent("Maya").by();
    assert_eq!(day.write(|tx| held::ignore_all(tx, &by, newest)), 3);
    assert_eq!(waiting(&day).len(), 1);
    assert!(waiting(&day)[0] > newest);
}

#[test]
fn an_accepted_letter_that_fails_for_now_is_still_accepted_when_it_is_tried_again() {
    let day = Day::new();
    day.receive(absence());
    let id = waiting(&day)[0];
    decides(&day, |tx, by| held::accept(tx, by, id)).unwrap();
    day.write(|tx| Ok(tx.execute("UPDATE sequence SET name = 'gone'", &[])?)); // no number, no ticket
    assert!(matches!(day.file_all().as_slice(), [Outcome::Failed { .. }]));
    day.write(|tx| Ok(tx.execute("UPDATE sequence SET name = 'ticket'", &[])?));
    day.later(10 * MINUTE);
    assert!(matches!(day.file_all().as_slice(), [Outcome::Filed { .. }]));
}

#[test]
fn what_machines_write_of_their_own_accord_is_mail_like_any_other() {
    for (name, value) in [
        ("Auto-Submitted", "auto-generated"),
        ("Auto-Submitted", "no"),
        ("Precedence", "bulk"),
        ("List-Id", "<all.example.org>"),
        ("X-Auto-Response-Suppress", "All"),
    ] {
        let day = Day::new();
        let alarm = mail::from("nagios@example.org", "PROBLEM: disk of db1 is full", "98 %");
        let outcome = day.receive(alarm.header(name, value));
        assert!(matches!(outcome, Outcome::Filed { .. }), "{name}: {value}: {outcome:?}");
    }
}

#[test]
fn a_persons_letter_about_an_absence_is_a_ticket_and_a_machines_is_not() {
    for (header, is_held) in [
        (None, false),
        (Some(("Auto-Submitted", "no")), false),
        (Some(("Auto-Submitted", "auto-generated")), true),
        (Some(("Return-Path", "<>")), true),
        (Some(("X-Auto-Response-Suppress", "All")), true),
    ] {
        let day = Day::new();
        let mut letter = mail::from("ann@example.org", "Absence", "My son is ill.");
        if let Some((name, value)) = header {
            letter = letter.header(name, value);
        }
        let outcome = day.receive(letter);
        assert_eq!(matches!(outcome, Outcome::Held { .. }), is_held, "{header:?}: {outcome:?}");
    }
}

#[test]
fn what_failed_is_ignored_when_a_person_says_so_and_its_life_says_who() {
    let day = Day::new();
    day.receive(absence());
    let [id] = waiting(&day)[..] else { panic!("one is held") };
    day.write(|tx| {
        let failed = "UPDATE inbox SET state = 'failed', reason_code = 'failed', reason = 'It was too much.'";
        Ok(tx.execute(failed, &[])?)
    });
    assert_eq!(day.read(inbox::unfiled).kept, 1);
    decides(&day, |tx, by| held::ignore(tx, by, id)).unwrap();
    decides(&day, |tx, by| held::ignore(tx, by, id)).unwrap();
    assert_eq!(day.read(inbox::unfiled), inbox::Unfiled::default());
    let life = day.read(|tx| trace::incoming_of(tx, id)).unwrap();
    let steps: Vec<String> = life.steps().into_iter().map(|step| step.sentence).collect();
    assert!(steps.contains(&"Maya: decided that it is ignored.".to_owned()), "{steps:?}");
    assert!(steps.contains(&"Ignored. It was too much.".to_owned()), "{steps:?}");
    // And it can still be wanted.
    decides(&day, |tx, by| held::accept(tx, by, id)).unwrap();
    assert!(matches!(day.file_all().as_slice(), [Outcome::Filed { .. }]));
    day.is_whole();
}

#[test]
fn what_a_stranger_wrote_turns_no_line_of_a_list_round() {
    let day = Day::new();
    let hides = |text: &str| text.chars().any(mail_hides);
    day.receive(mail::from(
        "Ann\u{202e} Porter\u{2066} <ann@example.org>",
        "Pay\u{202e}gpj\u{200b}.exe",
        "x",
    ));
    let ticket = day.ticket("10001");
    assert_eq!(ticket.subject, "Paygpj.exe");
    assert!(!hides(&day.people("10001")), "{}", day.people("10001"));
    day.receive(absence().header("Subject", "=?utf-8?Q?Away=E2=80=AE_now?="));
    day.write(|tx| Ok(tx.execute("UPDATE inbox SET state = 'failed' WHERE state = 'held'", &[])?));
    for row in day.read(|tx| inbox::list(tx, None, None, 10)) {
        assert!(!hides(&row.subject) && !hides(&row.sender) && !hides(&row.reason), "{row:?}");
    }
}
fn mail_hides(c: char) -> bool {
    ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c) || c == '\u{200b}'
}
