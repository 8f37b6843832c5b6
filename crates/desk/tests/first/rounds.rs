//! Whose turn a mailbox is, and what a round comes to.
use super::mailboxes::{NOW, SECOND, activate, health, mailbox, pause};
use desk::mailboxes::cursor::{self, Cursor};
use desk::mailboxes::mailbox::{self, Claim, Round, Side, State};
use desk::params;
use desk::site::event::{self, Subject};
use desk::testing::TestDesk;

const LEASE: i64 = 60 * SECOND;

fn claim_due(desk: &TestDesk, at: i64, owner: &str, limit: i64) -> Vec<Claim> {
    desk.db.write(|tx| mailbox::claim_due(tx, at, LEASE, owner, limit)).unwrap()
}
fn settle(desk: &TestDesk, claim: &Claim, round: &Round, at: i64) -> bool {
    desk.db.write(|tx| mailbox::settle(tx, claim, round, at)).unwrap()
}
fn done(next_at: i64) -> Round {
    Round::Done { mail: true, next_at }
}
fn retry(next_at: i64) -> Round {
    Round::Retry { code: "timeout".into(), reason: "No answer.".into(), remedy: "Wait.".into(), next_at }
}
fn needs_person(next_at: i64) -> Round {
    Round::NeedsPerson {
        code: "sign_in".into(),
        reason: "Refused.".into(),
        remedy: "Authorize.".into(),
        next_at,
    }
}

#[test]
fn a_mailbox_is_leased_to_one_round_until_the_lease_ends() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    assert!(claim_due(&desk, NOW, "a", 9).is_empty(), "it is not active");
    activate(&desk, id);
    let first = claim_due(&desk, NOW, "a", 9);
    assert_eq!(first.len(), 1);
    assert!(claim_due(&desk, NOW + LEASE - 1, "b", 9).is_empty());
    let holder = |at: i64| desk.db.read(|tx| mailbox::holder(tx, id, at)).unwrap();
    assert_eq!((holder(NOW + 1).as_deref(), holder(NOW + LEASE)), (Some("a"), None));
    assert!(desk.db.write(|tx| mailbox::renew(tx, &first[0], NOW + 2 * LEASE)).unwrap());
    assert!(claim_due(&desk, NOW + LEASE, "b", 9).is_empty());
    let second = claim_due(&desk, NOW + 2 * LEASE, "b", 9);
    assert_eq!(second[0].generation, first[0].generation + 1);
    assert!(!desk.db.write(|tx| mailbox::renew(tx, &first[0], NOW + 9 * LEASE)).unwrap());
}

#[test]
fn a_late_result_is_dropped() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let late = claim_due(&desk, NOW, "a", 9).remove(0);
    let next = claim_due(&desk, NOW + LEASE, "b", 9).remove(0);
    assert!(!settle(&desk, &late, &needs_person(NOW + 9 * LEASE), NOW + LEASE + 1));
    assert_eq!(health(&desk, id, Side::Incoming).0, State::New);
    assert!(settle(&desk, &next, &done(NOW + 2 * LEASE), NOW + LEASE + 2));
    let now = desk.db.read(|tx| mailbox::get(tx, id)).unwrap();
    assert_eq!((now.incoming_health.state, now.due_at), (State::Ok, NOW + 2 * LEASE));
    assert_eq!((now.last_fetch_at, now.last_mail_at), (Some(NOW + LEASE + 2), Some(NOW + LEASE + 2)));
    assert!(claim_due(&desk, NOW + 2 * LEASE - 1, "a", 9).is_empty());
    assert_eq!(claim_due(&desk, NOW + 2 * LEASE, "a", 9).len(), 1);
}

#[test]
fn what_is_asked_for_during_a_round_is_not_put_off_by_it() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let hurry = |at: i64| desk.db.write(|tx| mailbox::hurry(tx, id, at)).unwrap();
    let due_at = || desk.db.read(|tx| mailbox::get(tx, id)).unwrap().due_at;
    for by_the_clock in [true, false] {
        let running = match by_the_clock {
            true => claim_due(&desk, NOW, "a", 9).remove(0),
            false => desk.db.write(|tx| mailbox::claim(tx, id, NOW, LEASE, "a")).unwrap().unwrap(),
        };
        hurry(NOW + SECOND);
        assert!(settle(&desk, &running, &done(NOW + 9 * LEASE), NOW + 2 * SECOND));
        assert_eq!(due_at(), NOW + 2 * SECOND, "the next round follows at once");
        let next = claim_due(&desk, NOW + 2 * SECOND, "a", 9).remove(0);
        assert!(settle(&desk, &next, &done(NOW + 9 * LEASE), NOW + 3 * SECOND));
        assert_eq!(due_at(), NOW + 9 * LEASE, "and once");
    }
    // The round that it was asked of was killed: the one that makes up for it is the next.
    claim_due(&desk, NOW + 9 * LEASE, "a", 9).remove(0);
    hurry(NOW + 9 * LEASE + SECOND);
    let next = claim_due(&desk, NOW + 10 * LEASE, "b", 9).remove(0);
    assert!(settle(&desk, &next, &done(NOW + 20 * LEASE), NOW + 10 * LEASE + SECOND));
    assert_eq!(due_at(), NOW + 20 * LEASE);
    hurry(NOW + 11 * LEASE);
    assert_eq!(due_at(), NOW + 11 * LEASE, "nobody is at it");
}

#[test]
fn what_another_server_or_folder_may_have_mended_is_told_no_more() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let red = || {
        let running = claim_due(&desk, NOW + 99 * LEASE, "a", 9).remove(0);
        assert!(settle(&desk, &running, &needs_person(NOW), NOW));
        assert_eq!(health(&desk, id, Side::Incoming).0, State::NeedsPerson);
    };
    red();
    activate(&desk, id);
    assert_eq!(health(&desk, id, Side::Incoming).0, State::NeedsPerson, "nothing was changed");
    for change in ["UPDATE mailbox SET in_port = in_port + 1", "UPDATE mailbox SET in_folder = 'Elsewhere'"] {
        // As if it had been so before: what is saved next is a change.
        desk.db.write(|tx| tx.execute(change, params![])).unwrap();
        activate(&desk, id);
        let now = desk.db.read(|tx| mailbox::get(tx, id)).unwrap().incoming_health;
        assert_eq!((now.state, now.reason.as_str(), now.remedy.as_str()), (State::New, "", ""), "{change}");
        red();
    }
}

#[test]
fn a_pause_or_other_settings_take_the_lease_from_a_running_round() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let running = claim_due(&desk, NOW, "a", 9).remove(0);
    pause(&desk, id);
    assert!(!desk.db.write(|tx| mailbox::renew(tx, &running, NOW + LEASE)).unwrap());
    assert!(!settle(&desk, &running, &done(NOW), NOW));
    assert_eq!(health(&desk, id, Side::Incoming).0, State::Paused);
    assert!(claim_due(&desk, NOW + 9 * LEASE, "a", 9).is_empty());
    let by_hand = desk.db.write(|tx| mailbox::claim(tx, id, NOW, LEASE, "cli")).unwrap().unwrap();
    assert!(settle(&desk, &by_hand, &done(NOW), NOW));
    assert_eq!(health(&desk, id, Side::Incoming).0, State::Paused, "a round by hand does not resume it");
}

#[test]
fn no_two_claimers_ever_get_one_row() {
    let desk = TestDesk::new();
    for i in 0..40 {
        let id = mailbox(&desk, &format!("m{i}@example.org"));
        activate(&desk, id);
    }
    let claimed: Vec<i64> = std::thread::scope(|s| {
        let work = |owner: usize| {
            let mut mine = Vec::new();
            loop {
                // Out of tries under this much contention is no claim: it is asked again.
                match desk.db.write(|tx| mailbox::claim_due(tx, NOW, LEASE, &owner.to_string(), 3)) {
                    Ok(claims) if claims.is_empty() => return mine,
                    Ok(claims) => mine.extend(claims.iter().map(|c| c.mailbox_id)),
                    Err(desk::Error::Db(desk::db::Error::Busy)) => {}
                    Err(e) => panic!("{e}"),
                }
            }
        };
        let threads: Vec<_> = (0..4).map(|i| s.spawn(move || work(i))).collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    let distinct: std::collections::HashSet<_> = claimed.iter().collect();
    assert_eq!((claimed.len(), distinct.len()), (40, 40));
}

#[test]
fn trouble_that_passes_does_not_hide_what_a_person_must_mend() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let mut at = NOW;
    let mut round = |round: fn(i64) -> Round| {
        let claim = claim_due(&desk, at, "a", 1).remove(0);
        at += SECOND;
        assert!(settle(&desk, &claim, &round(at), at));
        let (state, since, code) = health(&desk, id, Side::Incoming);
        (state, (since - NOW) / SECOND, code)
    };
    assert_eq!(round(retry), (State::Waiting, 1, "timeout".into()));
    assert_eq!(round(retry), (State::Waiting, 1, "timeout".into()));
    assert_eq!(round(needs_person), (State::NeedsPerson, 3, "sign_in".into()));
    assert_eq!(round(retry), (State::NeedsPerson, 3, "sign_in".into()));
    assert_eq!(desk.db.read(|tx| mailbox::get(tx, id)).unwrap().failures, 4);
    assert_eq!(round(done), (State::Ok, 5, String::new()));
    assert_eq!(desk.db.read(|tx| mailbox::get(tx, id)).unwrap().failures, 0);
    let told = desk.db.read(|tx| event::list(tx, Subject::Mailbox(id), 99)).unwrap();
    let changes: Vec<_> = told
        .iter()
        .filter(|e| e.kind == "health")
        .map(|e| e.data["to"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(changes, ["waiting", "needs_person", "ok"], "a change is an event, its repetition is none");
}

#[test]
fn the_two_sides_are_well_or_ill_apart() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    desk.db.write(|tx| mailbox::settle_outgoing(tx, id, &needs_person(NOW), NOW)).unwrap();
    assert_eq!(health(&desk, id, Side::Outgoing), (State::NeedsPerson, NOW, "sign_in".into()));
    assert_eq!(health(&desk, id, Side::Incoming).0, State::New);
    desk.db.write(|tx| mailbox::settle_outgoing(tx, id, &done(NOW), NOW + 1)).unwrap();
    assert_eq!(health(&desk, id, Side::Outgoing).0, State::Ok);
    assert_eq!(desk.db.read(|tx| mailbox::get(tx, id)).unwrap().last_sent_at, Some(NOW + 1));
}

#[test]
fn hurry_makes_it_due_and_wakes_who_waits() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let claim = claim_due(&desk, NOW, "a", 1).remove(0);
    settle(&desk, &claim, &done(NOW + LEASE), NOW);
    assert!(claim_due(&desk, NOW + 1, "a", 1).is_empty());
    let (say, heard) = std::sync::mpsc::channel();
    desk.db.on_wake(move |topic| say.send(topic.to_owned()).unwrap_or_default());
    desk.db.write(|tx| mailbox::hurry(tx, id, NOW + 1)).unwrap();
    assert_eq!(heard.try_recv().as_deref(), Ok("mailbox"));
    assert_eq!(claim_due(&desk, NOW + 1, "a", 1).len(), 1);
}

#[test]
fn the_cursor_never_goes_back_within_one_uidvalidity() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    let at = |uid_validity: u32, uid_last: u32| Cursor {
        folder: "INBOX".into(),
        uid_validity,
        uid_last,
        start_after_uid: 3,
    };
    let set = |cursor: Cursor| {
        desk.db.write(|tx| cursor::set(tx, id, &cursor)).unwrap();
        desk.db.read(|tx| cursor::find(tx, id, "INBOX")).unwrap().unwrap()
    };
    assert!(desk.db.read(|tx| cursor::find(tx, id, "INBOX")).unwrap().is_none());
    assert_eq!(set(at(7, 10)), at(7, 10));
    assert_eq!(set(at(7, 9)), at(7, 10));
    assert_eq!(set(at(7, u32::MAX)), at(7, u32::MAX));
    assert_eq!(set(at(6, 1)), at(6, 1));
}

#[test]
fn nothing_has_begun_in_the_future_after_the_clock_was_set_back() {
    let desk = TestDesk::new();
    let id = mailbox(&desk, "support@example.org");
    activate(&desk, id);
    let ahead = NOW + 24 * 3_600 * SECOND;
    let claim = claim_due(&desk, ahead, "a", 9).remove(0);
    assert!(settle(&desk, &claim, &done(ahead), ahead));
    desk.db.write(|tx| mailbox::settle_outgoing(tx, id, &done(ahead), ahead)).unwrap();
    desk.db.write(|tx| desk::site::due::not_beyond(tx, NOW, NOW)).unwrap();
    let now = desk.db.read(|tx| mailbox::get(tx, id)).unwrap();
    assert_eq!((now.incoming_health.since, now.outgoing_health.since), (NOW, NOW));
    assert_eq!((now.last_fetch_at, now.last_mail_at, now.last_sent_at), (Some(NOW), Some(NOW), Some(NOW)));
}
