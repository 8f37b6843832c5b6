//! Weeks of mail, and the silence after them.
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail;
use desk::By;
use desk::mailboxes::{mailbox, usual};
use desk::params;

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The day begins on a Monday at eight in the morning: every hour until six, Mondays to Fridays.
fn weeks_of_mail(weeks: i64) -> Day {
    let day = Day::new();
    let begin = day.now();
    for hour in 0..weeks * 7 * 24 {
        let (weekday, hour_of_day) = (hour / 24 % 7, (8 + hour) % 24);
        if weekday < 5 && (8..18).contains(&hour_of_day) {
            day.later(begin + hour * HOUR - day.now());
            let raw = mail::from("ann@example.org", "Printer", "It burns.").raw(day.next_serial());
            let uid = day.next_uid(SUPPORT);
            day.fetch(SUPPORT, "INBOX", 1, &[(uid, &raw)], false);
        }
    }
    day
}
/// The round of an hour: the mailbox is well and was fetched, and what is silent is looked for.
fn look(day: &Day, at: i64) -> usize {
    let id = day.mailbox_id(SUPPORT);
    day.later(at - day.now());
    day.write(|tx| {
        tx.execute(
            "UPDATE mailbox SET state = 'ok', state_since = 0, last_fetch_at = $2 WHERE id = $1",
            params![id, at],
        )?;
        usual::learn_all(tx, at)?;
        Ok(usual::silent(tx, at)?.len())
    })
}

#[test]
fn a_quiet_weekend_is_no_alarm_a_silent_tuesday_is_one_and_mail_ends_it() {
    let day = weeks_of_mail(5);
    let monday = day.now() - (day.now() - 1_772_438_400_000) % (7 * DAY);
    let friday_evening = day.now();
    for hour in 1..62 {
        assert_eq!(look(&day, friday_evening + hour * HOUR), 0, "{hour} hours after Friday evening");
    }
    // Monday is as ever, then nothing comes any more.
    day.later(monday + 7 * DAY + 9 * HOUR - day.now());
    day.receive(mail::from("bert@example.org", "Screen", "It is dark."));
    let last = day.now();
    let told = (1..72).find(|hour| look(&day, last + hour * HOUR) == 1).expect("it is told");
    assert!((12..=24).contains(&told), "{told} hours after the last mail");

    let by = By::system(day.now());
    let found = day.read(|tx| mailbox::get(tx, day.mailbox_id(SUPPORT)));
    day.write(|tx| usual::watch(tx, &by, &found, false));
    assert_eq!(look(&day, day.now() + HOUR), 0, "switched off");
    day.write(|tx| usual::watch(tx, &by, &found, true));
    assert_eq!(look(&day, day.now() + HOUR), 1);
    day.receive(mail::from("bert@example.org", "Screen", "It is light."));
    assert_eq!(look(&day, day.now() + HOUR), 0);
}

#[test]
fn a_mailbox_that_cannot_be_fetched_is_not_called_silent() {
    let day = weeks_of_mail(4);
    let later = day.now() + 6 * DAY;
    assert_eq!(look(&day, later), 1);
    let id = day.mailbox_id(SUPPORT);
    for broken in [
        "UPDATE mailbox SET state = 'needs_person' WHERE id = $1",
        "UPDATE mailbox SET active = 0 WHERE id = $1",
        "UPDATE mailbox SET state_since = last_fetch_at WHERE id = $1",
        "UPDATE mailbox SET last_fetch_at = 1 WHERE id = $1",
    ] {
        let silent = day.write(|tx| {
            let well = "UPDATE mailbox SET state = 'ok', state_since = 0, active = 1, last_fetch_at = $2 WHERE id = $1";
            tx.execute(well, params![id, later])?;
            tx.execute(broken, params![id])?;
            Ok(usual::silent(tx, later)?.len())
        });
        assert_eq!(silent, 0, "{broken}");
    }
}
