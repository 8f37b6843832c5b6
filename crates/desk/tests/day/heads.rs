//! What is known of a message by its head alone, while it is on no ticket.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::intake::inbox::{self, Outcome, State};
use desk::trace::journal::{self, Wanted};
use desk::trace::{self, Sought};

/// Of letters that say nothing twice, so that no database makes it shorter.
fn endless(letters: u32) -> String {
    (0..letters).filter_map(|n| char::from_u32(0x4E00 + n * 7919 % 20_000)).collect()
}

#[test]
fn a_message_id_that_no_index_has_room_for_is_none_and_the_letter_is_settled() {
    let day = Day::new();
    let id = format!("{}@example.org", endless(990));
    let away =
        mail::from("ann@example.org", "Away", "Until Monday.").header("Auto-Submitted", "auto-replied");
    let outcome = day.receive(away.id(&id));
    assert!(matches!(outcome, Outcome::Held { .. }), "{outcome:?}");
    let row = day.read(|tx| inbox::find(tx, 1)).unwrap();
    assert_eq!((row.state, row.message_id), (State::Held, None));
    day.receive(mail::from("ann@example.org", "Printer", "It burns.").id(&id));
    assert_eq!(day.thread("10001"), "#10001 Printer · open\nann@example.org: It burns.");
    day.is_whole();
}

#[test]
fn what_is_on_no_ticket_is_found_by_its_sender_and_its_subject_and_the_journal_shows_both() {
    let day = Day::new();
    let subject = format!("Über 100% von {}", endless(990));
    let letter = mail::from("Bert <Bert@Example.org>", &subject, "It burns.").id("waits@example.org").raw(1);
    day.fetch(SUPPORT, "INBOX", 1, &[(1, &letter)], false);
    let found = |sought: &Sought| -> Vec<&'static str> {
        let lives = day.read(|tx| trace::find(tx, sought, 9)).incoming;
        lives.into_iter().map(|life| life.row.state.as_str()).collect()
    };
    let sought = [
        Sought::Address("bert@example.org".to_owned()),
        Sought::Subject("Über 100%".to_owned()),
        Sought::Subject("100% VON".to_owned()),
    ];
    let become_of_it = |outcome: Outcome| {
        let now = day.later(120_000);
        day.write(|tx| {
            tx.execute("UPDATE inbox SET state = 'new', due_at = 0", &[])?;
            let claim = inbox::claim_due(tx, now, 1, "test", 1)?.remove(0);
            inbox::settle(tx, &claim, &outcome, now)
        });
    };
    let (code, reason) = (String::new(), "It was too much.".to_owned());
    for said in ["new", "held", "ignored", "failed"] {
        let (code, reason) = (code.clone(), reason.clone());
        match said {
            "held" => become_of_it(Outcome::Held { code, reason }),
            "ignored" => become_of_it(Outcome::Ignored { code, reason }),
            "failed" => become_of_it(Outcome::Failed { code, reason, next_at: None }),
            _ => {}
        }
        for sought in &sought {
            assert_eq!(found(sought), [said], "{sought:?}");
        }
        assert_eq!(
            found(&Sought::Subject("1000 von".to_owned())),
            [""; 0],
            "a sign that stands for any other"
        );
    }
    let line = day.read(|tx| journal::list(tx, Wanted::default(), None, 9)).remove(0);
    assert_eq!(line.from.as_deref(), Some("bert@example.org"));
    assert!(
        line.subject.is_some_and(|kept| subject.starts_with(&kept) && kept.len() > 490),
        "cut at a letter"
    );
}
