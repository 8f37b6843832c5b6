//! What needs a person is told once by each way, again after a day, and when it is over; through a mailbox that works.
mod carriers;
mod posts;

use crate::desk::{Day, MINUTE, SUPPORT};
use crate::looks::written;
use crate::mail;
use desk::alerts::alert::{self, Alert};
use desk::alerts::look::{self, Asked};
use desk::alerts::notice::{self, Outcome as Posted};
use desk::alerts::webhook::{self, Scheme, Set};
use desk::intake::inbox::Outcome;
use desk::mailboxes::grant;
use desk::mailboxes::mailbox::{self, Round, Side};
use desk::{By, params};

const SALES: &str = "sales@desk.example";
const DAY: i64 = 24 * 60 * MINUTE;

/// Two mailboxes that send, and a webhook.
pub(crate) fn day() -> Day {
    let day = Day::new();
    day.mailbox(SALES, "Sales");
    day.write(|tx| {
        tx.execute("UPDATE mailbox SET out_state = 'ok', state = 'ok'", params![])?;
        Ok(())
    });
    set_webhook(&day, "https://hooks.example/x", false).unwrap();
    day
}
fn set_webhook(day: &Day, url: &str, anew: bool) -> desk::Result<bool> {
    let by = By::system(day.now());
    let fresh = "a secret".to_owned().into();
    let set = Set { url, scheme: Scheme::HttpsOnly, fresh: &fresh, nonce: [1; 24], anew };
    day.try_write(|tx| webhook::set(tx, &day.desk.vault, &by, &set))
}
pub(crate) fn breaks(day: &Day, address: &str, side: Side) {
    let (id, now) = (day.mailbox_id(address), day.later(MINUTE));
    let round = Round::NeedsPerson {
        code: "AADSTS50173".into(),
        reason: "The grant was revoked.".into(),
        remedy: "Authorize again.".into(),
        next_at: now,
    };
    settle(day, id, side, &round, now);
}
pub(crate) fn mended(day: &Day, address: &str, side: Side) {
    let (id, now) = (day.mailbox_id(address), day.later(MINUTE));
    settle(day, id, side, &Round::Done { mail: true, next_at: now }, now);
}
pub(crate) fn settle(day: &Day, id: i64, side: Side, round: &Round, now: i64) {
    day.write(|tx| match side {
        Side::Outgoing => mailbox::settle_outgoing(tx, id, round, now),
        Side::Incoming => {
            let claim = mailbox::claim(tx, id, now, 0, "test")?.unwrap();
            mailbox::settle(tx, &claim, round, now).map(drop)
        }
    });
}
/// The mailbox is read by a consent in this state, which was refused so many times, at last with this code and reason.
pub(crate) fn consented(day: &Day, id: i64, state: &str, failures: i64, refused: (&str, &str)) -> i64 {
    day.write(|tx| {
        let client = tx.insert(
            "INSERT INTO client (public_id, provider, name, created_at)
             VALUES ('x', 'microsoft', 'Contoso', 0) RETURNING id",
            params![],
        )?;
        let grant = tx.insert(
            "INSERT INTO consent (client_id, mailbox_id, side, state, state_since, created_at, failures, reason_code,
                 reason) VALUES ($1, $2, 'incoming', $3, 0, 0, $4, $5, $6) RETURNING id",
            params![client, id, state, failures, refused.0, refused.1],
        )?;
        tx.execute(
            "UPDATE mailbox SET active = 1, in_authentication = 'microsoft', in_client_id = $2, in_grant_id = $3
             WHERE id = $1",
            params![id, client, grant],
        )?;
        Ok(grant)
    })
}
/// The round looks once a minute for this long.
pub(crate) fn minutes(day: &Day, minutes: i64) {
    for _ in 0..minutes {
        let (now, asked) = (day.later(MINUTE), asked(day));
        // The round asks first: every test here is held to that.
        let (needed, before) = (day.read(|tx| look::is_needed(tx, now)), day.read(written));
        day.write(|tx| look::look(tx, &asked, now));
        assert!(needed || day.read(written) == before, "changed something, and was not needed");
    }
}
fn asked(day: &Day) -> Asked {
    let mut random = [0; 16];
    random[..8].copy_from_slice(&day.now().to_be_bytes());
    random[8..12].copy_from_slice(&day.next_serial().to_be_bytes());
    Asked { site_url: "https://help.desk.example/".into(), random }
}
pub(crate) fn open(day: &Day) -> Vec<Alert> {
    day.read(alert::open)
}
/// What is in the outbox goes out: from, subject and text of each letter, and the raw bytes.
pub(crate) fn letters(day: &Day) -> Vec<(String, ::mail::Message, Vec<u8>)> {
    let read = |raw: Vec<u8>| {
        let message = ::mail::message::parse(&raw);
        let from = message.author().unwrap().address.clone().unwrap();
        (from, message, raw)
    };
    day.delivers().into_iter().map(read).collect()
}
/// The posts that are due, taken by the other side: their events.
pub(crate) fn posts(day: &Day) -> Vec<String> {
    let now = day.now();
    let claims = day.write(|tx| notice::claim_posts(tx, now, MINUTE, "test", 50));
    let told = claims.iter().map(|claim| {
        assert!(day.write(|tx| notice::settle(tx, claim, &Posted::Told, "200", now)));
        let body: serde_json::Value = serde_json::from_str(&claim.body).unwrap();
        format!("{} {}", body["event"].as_str().unwrap(), body["alert"]["summary"].as_str().unwrap_or("-"))
    });
    told.collect()
}

#[test]
fn a_broken_mailbox_is_told_once_through_another_one_again_after_a_day_and_once_when_it_is_well() {
    let day = day();
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 30);
    let told = letters(&day);
    assert_eq!(told.len(), 1);
    let (from, message, _) = &told[0];
    assert_eq!(
        (from.as_str(), message.subject.as_str()),
        (SALES, "[Postern] support@desk.example gets no mail")
    );
    for words in [
        "The grant was revoked.",
        "Authorize again.",
        "https://help.desk.example/mailboxes/",
        "Monday, 2 March 2026",
    ] {
        assert!(message.text.contains(words), "{words} is not in {}", message.text);
    }
    assert_eq!(message.header("Auto-Submitted").unwrap().trim(), "auto-generated");
    assert_eq!(message.header("X-Auto-Response-Suppress").unwrap().trim(), "OOF, AutoReply");
    let to: Vec<_> = message.to.iter().filter_map(|to| to.address.clone()).collect();
    assert_eq!(to, ["maya@desk.example"], "the administrators, and no agent");
    assert_eq!(posts(&day), ["alert.begun support@desk.example gets no mail"]);

    minutes(&day, 23 * 60);
    assert!(letters(&day).is_empty() && posts(&day).is_empty());
    minutes(&day, 60);
    assert_eq!(letters(&day)[0].1.text.matches("still").count(), 1);
    assert_eq!(posts(&day), ["alert.again support@desk.example gets no mail"]);

    mended(&day, SUPPORT, Side::Incoming);
    minutes(&day, 5);
    breaks(&day, SUPPORT, Side::Incoming); // it comes and goes: one matter
    minutes(&day, 5);
    mended(&day, SUPPORT, Side::Incoming);
    minutes(&day, 5);
    assert!(letters(&day).is_empty() && posts(&day).is_empty() && open(&day).len() == 1);
    minutes(&day, 30);
    let well = letters(&day);
    assert_eq!(
        (well.len(), well[0].1.subject.as_str()),
        (1, "[Postern] support@desk.example gets mail again")
    );
    assert_eq!(posts(&day), ["alert.ended support@desk.example gets mail again"]);
    minutes(&day, 3 * 24 * 60 / 10);
    assert!(letters(&day).is_empty() && posts(&day).is_empty() && open(&day).is_empty());
    day.is_whole();
}

#[test]
fn two_nodes_that_look_at_once_tell_it_once() {
    let day = day();
    breaks(&day, SUPPORT, Side::Incoming);
    for _ in 0..5 {
        let now = day.later(MINUTE);
        let (one, other) = (asked(&day), asked(&day));
        let db = &day.desk.db;
        std::thread::scope(|scope| {
            for asked in [one, other] {
                scope.spawn(move || db.write(|tx| look::look(tx, &asked, now)).unwrap());
            }
        });
    }
    assert_eq!((letters(&day).len(), posts(&day).len(), open(&day).len()), (1, 1, 1));
}

#[test]
fn a_fleet_that_breaks_at_once_is_one_letter_and_a_post_each() {
    let day = day();
    for number in 0..12 {
        let address = format!("box{number}@desk.example");
        day.mailbox(&address, "Box");
        breaks(&day, &address, Side::Incoming);
        minutes(&day, 2);
    }
    minutes(&day, 15);
    let told = letters(&day);
    assert!(told.len() <= 4, "within forty minutes: {}", told.len());
    let all: String = told.iter().map(|(_, message, _)| message.text.clone()).collect();
    assert_eq!(all.matches(" gets no mail.").count(), 12);
    assert_eq!(posts(&day).len(), 12);
}

#[test]
fn new_settings_of_the_sending_side_are_no_success_yet() {
    let day = day();
    breaks(&day, SUPPORT, Side::Outgoing);
    minutes(&day, 3);
    assert_eq!((letters(&day).len(), posts(&day).len()), (1, 1));
    let (id, now) = (day.mailbox_id(SUPPORT), day.later(MINUTE));
    day.write(|tx| mailbox::try_outgoing(tx, id, now));
    minutes(&day, 30);
    assert!(letters(&day).is_empty() && posts(&day).is_empty(), "nobody knows yet");
    let before = day.read(written);
    minutes(&day, 2 * 24 * 60);
    assert!(letters(&day).is_empty() && posts(&day).is_empty(), "nor is it told as if it lasted");
    assert_eq!(day.read(written), before, "and nothing is written while nothing is known");
    mended(&day, SUPPORT, Side::Outgoing);
    minutes(&day, 20);
    assert_eq!(posts(&day), ["alert.ended support@desk.example sends mail again"]);
    assert!(letters(&day)[0].1.subject.contains("sends mail again") && open(&day).is_empty());
}

#[test]
fn what_a_person_pauses_or_removes_ends_without_a_word() {
    let day = day();
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 3);
    assert_eq!((letters(&day).len(), posts(&day).len()), (1, 1));
    let (id, by) = (day.mailbox_id(SUPPORT), By::system(day.now()));
    day.write(|tx| mailbox::pause(tx, &by, id));
    minutes(&day, 20);
    assert_eq!((letters(&day).len(), posts(&day).len(), open(&day).len()), (0, 0, 0));
}

#[test]
fn a_secret_is_told_at_each_of_its_days_once_and_a_new_one_with_a_later_date_begins_anew() {
    let day = day();
    let end = day.now() + 61 * DAY + 60 * MINUTE;
    let id = day.mailbox_id(SUPPORT);
    day.write(|tx| {
        let client = tx.insert(
            "INSERT INTO client (public_id, provider, name, client_secret, secret_expires_at, created_at)
             VALUES ('x', 'microsoft', 'Contoso', $1, $2, 0) RETURNING id",
            params![&[1_u8; 40], end],
        )?;
        Ok(tx.execute("UPDATE mailbox SET in_client_id = $2 WHERE id = $1", params![id, client])?)
    });
    let mut told = Vec::new();
    for _ in 0..62 * 4 {
        day.later(6 * 60 * MINUTE);
        minutes(&day, 2);
        told.extend(letters(&day).into_iter().map(|(_, message, _)| message.subject));
        // Down for a while: nothing is told twice, and what was missed is told once.
    }
    let days: Vec<&str> =
        told.iter().filter_map(|s| s.rsplit_once("Contoso ").map(|(_, rest)| rest)).collect();
    assert_eq!(
        days,
        [
            "expires in 60 days",
            "expires in 30 days",
            "expires in 14 days",
            "expires in 7 days",
            "expires in 3 days",
            "expires within a day",
            "has expired",
        ]
    );
    day.write(|tx| Ok(tx.execute("UPDATE client SET secret_expires_at = $1", params![end + 90 * DAY])?));
    minutes(&day, 30);
    let over: Vec<String> = letters(&day).into_iter().map(|(_, message, _)| message.subject).collect();
    assert_eq!(over, ["[Postern] Contoso has a new client secret"]);
    day.later(end + 30 * DAY - day.now());
    minutes(&day, 3);
    assert!(letters(&day)[0].1.subject.contains("in 60 days"), "the next one begins anew");
}

#[test]
fn answers_reports_and_copies_of_an_alert_open_no_ticket_and_alert_nobody() {
    let day = day();
    breaks(&day, SUPPORT, Side::Outgoing);
    minutes(&day, 3);
    let (_, message, raw) = letters(&day).pop().unwrap();
    let id = message.message_id.clone().unwrap();
    let code = |outcome: Outcome| match outcome {
        Outcome::Ignored { code, .. } => code,
        other => panic!("it opens nothing: {other:?}"),
    };
    let answer = mail::from("maya@desk.example", "Re: [Postern] support", "On it.").answers(&id);
    assert_eq!(code(day.receive_at(SALES, answer)), "alert_answer");
    let report = mail::report(&id, "maya@desk.example", "failed", "5.1.1", "550 5.1.1 no such user");
    assert_eq!(code(day.receive_raw(SALES, &report, false)), "alert_report");
    assert_eq!(code(day.receive_raw(SALES, &raw, false)), "own_letter");
    let row = day.read(|tx| desk::outgoing::outbox::list(tx, None, None, 9)).remove(0);
    assert_eq!(day.deliveries(row.id), "maya@desk.example bounced");
    minutes(&day, 60);
    assert_eq!((letters(&day).len(), open(&day).len()), (0, 1));
    // Whoever has the id and writes to a ticket of theirs is heard all the same.
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let first = day.last_id("10001");
    let both = mail::from("ann@example.org", "Re: Printer", "See below.").answers(&first);
    assert!(matches!(day.receive(both), Outcome::Filed { .. }));
    day.is_whole();
}

#[test]
fn a_side_that_still_works_by_its_last_token_is_not_said_to_have_stopped() {
    let day = day();
    let id = day.mailbox_id(SUPPORT);
    consented(&day, id, "lapsed", 0, ("AADSTS50173", "The grant was revoked."));
    minutes(&day, 1);
    let headline = || open(&day)[0].fact.headline();
    assert_eq!(headline(), "support@desk.example will get no mail soon");
    assert_eq!(posts(&day), ["alert.begun support@desk.example will get no mail soon"]);
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 1);
    assert_eq!(headline(), "support@desk.example gets no mail");
}

#[test]
fn a_set_up_that_nobody_has_authorized_is_told_after_a_day() {
    let day = day();
    let (code, reason, remedy) = grant::NOT_AUTHORIZED;
    let (id, now) = (day.mailbox_id(SUPPORT), day.later(MINUTE));
    let (code, reason, remedy) = (code.to_owned(), reason.to_owned(), remedy.to_owned());
    let round = Round::NeedsPerson { code, reason, remedy, next_at: now };
    settle(&day, id, Side::Incoming, &round, now);
    minutes(&day, 24 * 60 - 5);
    assert!(letters(&day).is_empty() && posts(&day).is_empty() && open(&day).is_empty());
    minutes(&day, 10);
    assert_eq!(posts(&day), ["alert.begun support@desk.example gets no mail"]);

    // What has worked once is an outage at once.
    let now = day.later(MINUTE);
    let works = Round::Done { mail: true, next_at: now };
    settle(&day, day.mailbox_id(SALES), Side::Incoming, &works, now);
    settle(&day, day.mailbox_id(SALES), Side::Incoming, &round, day.later(MINUTE));
    minutes(&day, 1);
    assert_eq!(posts(&day), ["alert.begun sales@desk.example gets no mail"]);
}
