//! The Mailbox Doctor's letter to itself comes back, with what machines make of it.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::intake::inbox::Outcome;
use desk::intake::round_trip;

const DAY: i64 = 24 * 60 * 60_000;

fn letter(subject: &str, message_id: &str, more: &str) -> Vec<u8> {
    format!(
        "From: {SUPPORT}\r\nTo: {SUPPORT}\r\nSubject: {subject}\r\nMessage-ID: <{message_id}>\r\n{more}\r\nNothing to read.\r\n"
    )
    .into_bytes()
}

/// Whether it counts as news, and what became of it.
fn comes(day: &Day, mailbox: &str, raw: &[u8]) -> (usize, Outcome) {
    let recorded = day.fetch(mailbox, "INBOX", 1, &[(day.next_uid(mailbox), raw)], false);
    (recorded.new, day.file_all().pop().unwrap())
}

fn begun(day: &Day) -> (String, i64) {
    let (id, now) = (day.mailbox_id(SUPPORT), day.now());
    day.write(|tx| round_trip::begin(tx, id, [7; 16], now))
}

#[test]
fn the_letter_is_no_ticket_and_no_news_whatever_is_left_of_it() {
    let cases = [
        ("whole", "Postern checks this mailbox: MARK", "MARK.x@contoso.example", ""),
        ("another id", "Postern checks this mailbox: MARK", "other@exchange.example", ""),
        ("another subject", "[SPAM?]", "MARK.x@contoso.example", ""),
        (
            "an absence note",
            "Automatic reply: Postern checks this mailbox: MARK",
            "a@b.example",
            "Auto-Submitted: auto-replied\r\n",
        ),
        ("an answer", "Re: hello", "a@b.example", "In-Reply-To: <MARK.x@contoso.example>\r\n"),
    ];
    for (name, subject, message_id, more) in cases {
        let day = Day::new();
        let (mark, id) = begun(&day);
        assert!(day.read(|tx| round_trip::returned(tx, id)).is_none());
        let fill = |text: &str| text.replace("MARK", &mark);
        let raw = letter(&fill(subject), &fill(message_id), &fill(more));
        let (news, outcome) = comes(&day, SUPPORT, &raw);
        assert_eq!(news, 0, "{name}");
        let (traffic,) =
            day.read(|tx| Ok(tx.one::<(i64,)>("SELECT count(*) FROM traffic", desk::params![])?));
        assert_eq!(traffic, 0, "{name}: it says nothing about whether mail comes");
        let Outcome::Ignored { code, .. } = &outcome else { panic!("{name}: {outcome:?}") };
        assert_eq!(code, "round_trip", "{name}");
        let blob = day.read(|tx| round_trip::returned(tx, id)).unwrap();
        assert_eq!(day.desk.store.get(&blob.place, &blob.hash).unwrap(), raw, "{name}");
        day.is_whole();
    }
}

#[test]
fn a_delivery_report_about_the_letter_is_held_for_nobody() {
    let day = Day::new();
    let (mark, id) = begun(&day);
    let report =
        mail::report(&format!("{mark}.x@contoso.example"), SUPPORT, "failed", "5.7.1", "550 5.7.1 no");
    let (_, outcome) = comes(&day, SUPPORT, &report);
    assert!(matches!(&outcome, Outcome::Ignored { code, .. } if code == "round_trip"), "{outcome:?}");
    assert!(day.read(|tx| round_trip::returned(tx, id)).is_some());
}

#[test]
fn nobody_elses_mail_is_taken_for_it() {
    let day = Day::new();
    let (mark, _) = begun(&day);
    let other = letter(&format!("Postern checks this mailbox: {}", "8".repeat(32)), "a@b.example", "");
    let (news, outcome) = comes(&day, SUPPORT, &other);
    assert!(news == 1 && matches!(outcome, Outcome::Filed { .. }), "{outcome:?}");
    let longer = letter(&format!("{mark}0"), "b@b.example", "");
    assert!(matches!(comes(&day, SUPPORT, &longer).1, Outcome::Filed { .. }));
    // A month later it is mail like any other.
    day.later(31 * DAY);
    let (news, outcome) = comes(&day, SUPPORT, &letter(&mark, "c@b.example", ""));
    assert!(news == 1 && matches!(outcome, Outcome::Filed { .. }), "{outcome:?}");
}
