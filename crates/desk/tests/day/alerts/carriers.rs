//! Which mailbox carries a letter about trouble, and whom it goes to.
use super::{SALES, breaks, day, letters, mended, minutes, settle};
use crate::desk::{MINUTE, SUPPORT};
use desk::alerts::{notice, recipients};
use desk::mailboxes::mailbox::{Round, Side};
use desk::people::agent::Role;
use desk::{By, Error, Refusal, params};

#[test]
fn no_mailbox_that_cannot_send_carries_an_alert_and_one_that_only_gets_nothing_does_where_no_other_can() {
    let day = day();
    breaks(&day, SUPPORT, Side::Outgoing);
    breaks(&day, SALES, Side::Outgoing);
    minutes(&day, 10);
    assert!(letters(&day).is_empty());
    let why = day.read(notice::why_unsent).unwrap();
    assert!(why.contains("No other email can send"), "{why}");
    mended(&day, SALES, Side::Outgoing);
    // Its server for incoming mail is away for long; the one that it sends by is not.
    let now = day.later(MINUTE);
    let away = Round::Retry {
        code: "transient".into(),
        reason: "The server does not answer.".into(),
        remedy: String::new(),
        next_at: now,
    };
    settle(&day, day.mailbox_id(SALES), Side::Incoming, &away, now);
    minutes(&day, 30);
    assert_eq!(day.read(notice::why_unsent), None);
    let told = letters(&day);
    assert!(told.iter().all(|(from, ..)| from == SALES), "{told:?}");
    let all: String = told.iter().map(|(_, message, _)| message.text.clone()).collect();
    assert!(
        all.contains("support@desk.example sends no mail") && all.contains("sales@desk.example gets no mail"),
        "{all}"
    );
    assert!(!all.contains("sales@desk.example sends"), "over before it could be told: {all}");
    // Where another one is well, that one carries it.
    day.mailbox("third@desk.example", "Third");
    day.write(|tx| {
        Ok(tx.execute(
            "UPDATE mailbox SET out_state = 'ok', state = 'ok' WHERE address = 'third@desk.example'",
            params![],
        )?)
    });
    mended(&day, SUPPORT, Side::Outgoing);
    minutes(&day, 30);
    let told = letters(&day);
    assert!(!told.is_empty() && told.iter().all(|(from, ..)| from != SALES), "{told:?}");
}

#[test]
fn what_nobody_could_be_mailed_is_nobodys_trouble_once_it_is_over() {
    let day = day();
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET out_active = 0", params![])?));
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 10);
    assert!(day.read(notice::why_unsent).is_some());
    mended(&day, SUPPORT, Side::Incoming);
    minutes(&day, 10);
    assert_eq!(day.read(notice::why_unsent), None);
}

#[test]
fn a_letter_that_waits_for_a_mailbox_which_breaks_meanwhile_goes_out_through_another_one_once() {
    let day = day();
    day.mailbox("third@desk.example", "Third");
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET out_state = 'ok', state = 'ok'", params![])?));
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 2); // in the outbox of sales
    breaks(&day, SALES, Side::Outgoing);
    minutes(&day, 20);
    let told = letters(&day);
    assert!(told.iter().all(|(from, ..)| from == "third@desk.example"), "{told:?}");
    let all: String = told.iter().map(|(_, message, _)| message.text.clone()).collect();
    assert_eq!(all.matches("support@desk.example gets no mail.").count(), 1, "{all}");
    assert_eq!(all.matches("sales@desk.example sends no mail.").count(), 1, "{all}");
}

#[test]
fn nobody_is_told_at_an_address_that_is_read_here() {
    let day = day();
    let by = By::system(day.now());
    let refused =
        day.try_write(|tx| recipients::choose(tx, &by, "ops@elsewhere.example, Sales@desk.example"));
    assert!(
        matches!(refused, Err(Error::Refused(Refusal::Other(why))) if why.contains("would become a ticket"))
    );
    let refused = day.try_write(|tx| recipients::choose(tx, &by, "ops"));
    assert!(matches!(refused, Err(Error::Refused(Refusal::BadAddress(_)))));
    day.write(|tx| recipients::choose(tx, &by, " ops@elsewhere.example;it@elsewhere.example "));
    assert_eq!(day.read(recipients::now), ["ops@elsewhere.example", "it@elsewhere.example"]);
    day.write(|tx| recipients::choose(tx, &by, ""));
    // An administrator whose own address became a mailbox.
    day.hire("Root", Role::Administrator);
    day.mailbox("maya@desk.example", "Maya");
    assert_eq!(day.read(recipients::now), ["root@desk.example"]);
}
