//! Mail that is stored here and does not become tickets is told within a quarter of an hour, with the reason, and not while a
//! long backlog is being filed.
use crate::alerts::{day, letters, minutes, open, posts};
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail;
use desk::alerts::alert::Kind;
use desk::alerts::fleet::{self, Wanted};
use desk::alerts::standing;
use desk::intake::{filing, inbox};
use desk::params;

fn stored(day: &Day, count: u32) {
    let letters: Vec<(u32, Vec<u8>)> = (0..count)
        .map(|_| (day.next_serial(), mail::from("ann@example.org", "Printer", "It burns.")))
        .map(|(serial, letter)| (serial, letter.raw(serial)))
        .collect();
    let mails: Vec<(u32, &[u8])> = letters.iter().map(|(uid, raw)| (*uid, raw.as_slice())).collect();
    day.fetch(SUPPORT, "INBOX", 1, &mails, false);
}
fn of_filing(day: &Day) -> Vec<(String, bool)> {
    let all = open(day).into_iter().filter(|alert| alert.fact.kind == Kind::Filing);
    all.map(|alert| (alert.fact.reason, alert.gone_at.is_some())).collect()
}

#[test]
fn filing_that_stands_is_told_with_its_reason_and_so_is_its_end() {
    let day = day();
    stored(&day, 3);
    day.write(|tx| standing::note(tx, Some("the database disk image is malformed")));
    minutes(&day, 9);
    assert_eq!(of_filing(&day), [], "a minute or two are nothing");
    minutes(&day, 5);
    let told = of_filing(&day);
    let (begins, ends) =
        ("does not become tickets. Run `postern check` first:", "The database disk image is malformed.");
    assert!(told[0].0.contains(begins) && told[0].0.ends_with(ends), "{told:?}");
    let letter = &letters(&day)[0].1;
    assert_eq!(letter.subject, "[Postern] support@desk.example has mail that does not become tickets");
    assert!(letter.text.contains("postern check") && letter.text.contains("/inbox"), "{}", letter.text);
    assert_eq!(posts(&day), ["alert.begun support@desk.example has mail that does not become tickets"]);
    let needing = day.read(|tx| fleet::list(tx, Wanted::NeedPerson, None, 9));
    assert_eq!(needing.iter().map(|member| member.mailbox.address.as_str()).collect::<Vec<_>>(), [SUPPORT]);
    // It says the same as long as it lasts.
    minutes(&day, 60);
    assert!(letters(&day).is_empty() && posts(&day).is_empty());

    assert_eq!(day.file_all().len(), 3);
    day.write(|tx| standing::note(tx, None));
    minutes(&day, 30);
    assert_eq!(of_filing(&day), []);
    assert_eq!(posts(&day), ["alert.ended Mail of support@desk.example becomes tickets again"]);
    assert_eq!(letters(&day).len(), 1);
}

#[test]
fn a_long_backlog_that_is_being_filed_is_no_trouble() {
    let day = day();
    stored(&day, 12);
    for _ in 0..11 {
        minutes(&day, 5);
        let now = day.now();
        let claims = day.write(|tx| inbox::claim_due(tx, now, MINUTE, "test", 1));
        let prepared = day.prepare(&claims[0]);
        day.write(|tx| filing::file_all(tx, &[(&claims[0], &prepared)], now));
        assert_eq!(of_filing(&day), []);
    }
    // And then nobody files the last one.
    minutes(&day, 15);
    assert_eq!(of_filing(&day).len(), 1);
    assert!(of_filing(&day)[0].0.contains("No error is known"), "{:?}", of_filing(&day));
}

#[test]
fn mail_whose_files_cannot_be_had_is_told_and_one_bad_message_is_not() {
    let day = day();
    stored(&day, 2);
    let put_off = |code: &'static str, attempts: i64| {
        let next_at = day.now() + 5 * MINUTE;
        day.write(|tx| {
            Ok(tx.execute(
                "UPDATE inbox SET reason_code = $1, reason = 'Its bytes could not be read: the disk is away', attempts = $2,
                     due_at = $3",
                params![code, attempts, next_at],
            )?)
        });
    };
    put_off("failed", 6);
    minutes(&day, 4);
    put_off("store", 4);
    minutes(&day, 4);
    assert_eq!(of_filing(&day), []);
    put_off("store", 5);
    minutes(&day, 1);
    let told = of_filing(&day);
    assert!(told[0].0.contains("Its bytes could not be read: the disk is away."), "{told:?}");
}
