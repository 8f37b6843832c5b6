//! From the commit on that puts mail on hold nothing begins, and what had begun before is known until it has ended.
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail;
use desk::alerts::notice;
use desk::intake::inbox;
use desk::mailboxes::{mailbox, subscription};
use desk::outgoing::outbox;
use desk::site::mail_hold::{self, UnderWay};
use desk::{By, params};

#[test]
fn nothing_is_claimed_on_hold_and_what_was_claimed_before_is_under_way_until_its_end() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    day.agent("Bob").replies("10001", "We are on it.");
    day.agent("Bob").replies("10001", "It is out.");
    let raw = mail::from("ann@example.org", "Lamp", "It is dark.").raw(71);
    day.fetch(SUPPORT, "INBOX", 1, &[(10, &raw)], false);
    day.write(|tx| {
        tx.execute(
            "INSERT INTO notice (occasion, number, channel, body, state, due_at, created_at)
             VALUES ('test', 0, 'webhook', '{}', 'waiting', 0, 0)",
            params![],
        )?;
        tx.execute(
            "INSERT INTO subscription (mailbox_id, folder, place, host, port, security, username, state, due_at, created_at)
             SELECT id, 'INBOX', '', 'graph.example', 443, 'tls', address, 'wanted', 0, 0 FROM mailbox WHERE address = $1",
            params![SUPPORT],
        )?;
        Ok(())
    });
    let (now, mailbox_id) = (day.later(MINUTE), day.mailbox_id(SUPPORT));
    let sent = day.write(|tx| outbox::claim_due(tx, now, MINUTE, "test", 1));
    assert_eq!(sent.len(), 1);
    let read = day.write(|tx| mailbox::claim(tx, mailbox_id, now, MINUTE, "test")).unwrap();
    let asked = day.write(|tx| subscription::claim_due(tx, None, now, (MINUTE, "test"), 9));
    assert_eq!(asked.len(), 1);
    let by = By::system(now);
    assert!(day.write(|tx| mail_hold::begin(tx, &by, None)));

    assert!(day.write(|tx| outbox::claim_due(tx, now, MINUTE, "test", 9)).is_empty());
    assert!(day.write(|tx| inbox::claim_due(tx, now, MINUTE, "test", 9)).is_empty());
    assert!(day.write(|tx| notice::claim_posts(tx, now, MINUTE, "test", 9)).is_empty());
    assert!(day.write(|tx| mailbox::claim_due(tx, now, MINUTE, "test", 9)).is_empty());
    let later = now + 2 * MINUTE;
    assert!(day.write(|tx| mailbox::claim(tx, mailbox_id, later, MINUTE, "test")).is_none());
    let under_way = |at| day.read(|tx| mail_hold::under_way(tx, at));
    assert_eq!(under_way(now), UnderWay { sending: 1, fetching: 1, subscribing: 1, ..UnderWay::default() });
    let said = "1 message is being sent, 1 mailbox is being read, 1 subscription is being changed";
    assert_eq!(under_way(now).to_string(), said);
    let round = mailbox::Round::Done { mail: false, next_at: now };
    assert!(day.write(|tx| mailbox::settle(tx, &read, &round, now)), "what had begun may end");
    assert_eq!(under_way(now), UnderWay { sending: 1, subscribing: 1, ..UnderWay::default() });
    assert!(under_way(later).is_nothing(), "a lease has an end");

    assert!(day.write(|tx| mail_hold::release(tx, &by)));
    assert_eq!(day.write(|tx| inbox::claim_due(tx, later, MINUTE, "test", 9)).len(), 1);
    assert_eq!(day.write(|tx| notice::claim_posts(tx, later, MINUTE, "test", 9)).len(), 1);
}
