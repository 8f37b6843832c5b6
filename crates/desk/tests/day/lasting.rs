//! What would pass by itself and does not: nobody has to do anything about it for a while, and then somebody has to hear
//! of it.
use crate::alerts::{breaks, consented, day, letters, mended, minutes, open, posts, settle};
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::alerts::fleet::{self, Wanted};
use desk::mailboxes::mailbox::{Round, Side};
use desk::params;

/// A round that fails for a reason that passes.
fn waits(day: &Day, side: Side, reason: &str) {
    let (id, now) = (day.mailbox_id(SUPPORT), day.later(1));
    let (code, reason) = (reason.to_lowercase(), format!("The server {reason}."));
    let round = Round::Retry { code, reason, remedy: "Nothing to do.".into(), next_at: now };
    settle(day, id, side, &round, now);
}
fn listed(day: &Day, wanted: Wanted) -> bool {
    day.read(|tx| fleet::list(tx, wanted, None, 99)).iter().any(|member| member.mailbox.address == SUPPORT)
}

#[test]
fn a_server_that_is_away_is_told_after_a_quarter_of_an_hour_whatever_it_says_meanwhile() {
    let day = day();
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1", params![])?));
    for minute in 0..14 {
        waits(&day, Side::Incoming, if minute % 2 == 0 { "hangs" } else { "refuses" });
        minutes(&day, 1);
    }
    assert!(open(&day).is_empty() && !listed(&day, Wanted::Well) && listed(&day, Wanted::Waiting));
    waits(&day, Side::Incoming, "drops");
    minutes(&day, 2);
    let told = open(&day).remove(0).fact;
    assert!(told.passes && told.headline() == "support@desk.example gets no mail", "{told:?}");
    assert!(listed(&day, Wanted::NeedPerson));
    minutes(&day, 2);
    let text = letters(&day).remove(0).1.text;
    assert!(text.contains("The server drops.") && text.contains("Doctor"), "{text}");
    assert_eq!(posts(&day), ["alert.begun support@desk.example gets no mail"]);
    // It goes on with other words, which is no news; and it is, once somebody has to do something.
    waits(&day, Side::Incoming, "hangs");
    minutes(&day, 30);
    assert!(posts(&day).is_empty() && letters(&day).is_empty());
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 12);
    assert_eq!(posts(&day), ["alert.again support@desk.example gets no mail"]);
    assert!(letters(&day)[0].1.text.contains("Authorize again."));
    mended(&day, SUPPORT, Side::Incoming);
    minutes(&day, 15);
    assert_eq!(posts(&day), ["alert.ended support@desk.example gets mail again"]);
    assert!(open(&day).is_empty() && listed(&day, Wanted::Well));
}

#[test]
fn what_comes_and_goes_within_minutes_is_told_to_nobody_and_what_was_told_is_not_over_while_it_waits() {
    let day = day();
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET active = 1", params![])?));
    for _ in 0..6 {
        waits(&day, Side::Incoming, "hangs");
        minutes(&day, 5);
        mended(&day, SUPPORT, Side::Incoming);
    }
    assert!(open(&day).is_empty());
    breaks(&day, SUPPORT, Side::Incoming);
    minutes(&day, 1);
    // Somebody corrects the settings, and the server is away.
    day.write(|tx| Ok(tx.execute("UPDATE mailbox SET state = 'new'", params![])?));
    waits(&day, Side::Incoming, "hangs");
    minutes(&day, 30);
    assert_eq!(open(&day).len(), 1);
    assert_eq!(
        posts(&day),
        ["alert.begun support@desk.example gets no mail"],
        "and not that it is well again"
    );
}

#[test]
fn a_way_out_that_is_closed_is_told_when_letters_wait_for_it() {
    let day = day();
    waits(&day, Side::Outgoing, "hangs");
    minutes(&day, 60);
    assert!(open(&day).is_empty(), "nobody wants to send anything");
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    day.agent("Bob").replies("10001", "Use water.");
    minutes(&day, 14);
    assert!(open(&day).is_empty());
    minutes(&day, 2);
    assert_eq!(open(&day)[0].fact.headline(), "support@desk.example sends no mail");
    mended(&day, SUPPORT, Side::Outgoing);
    minutes(&day, 15);
    assert!(open(&day).is_empty());
}

#[test]
fn a_token_that_ended_and_is_not_renewed_is_told_though_an_open_link_goes_on() {
    let day = day();
    let (id, ends_at) = (day.mailbox_id(SUPPORT), day.now());
    let grant = consented(&day, id, "fulfilled", 3, ("refresh_retry", "HTTP status 503."));
    day.write(|tx| {
        tx.execute(
            "INSERT INTO access_token (consent_id, resource, token, scopes, expires_at)
             VALUES ($1, 'r', $2, 'IMAP', $3)",
            params![grant, &[1_u8; 40], ends_at],
        )?;
        Ok(())
    });
    assert!(!listed(&day, Wanted::Well) && listed(&day, Wanted::Waiting));
    minutes(&day, 14);
    assert!(open(&day).is_empty());
    minutes(&day, 2);
    let told = open(&day).remove(0).fact;
    assert_eq!(
        (told.headline().as_str(), told.since),
        ("support@desk.example will get no mail soon", ends_at)
    );
}
