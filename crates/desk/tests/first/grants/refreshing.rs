//! One refresh at a time, what its answer does to the grant, and how often it is asked.
use super::*;

#[test]
fn one_refresh_at_a_time_and_the_rotated_token_is_the_next_one_used() {
    let s = scene();
    let id = s.in_use();
    s.fetches(true);
    let due = |at: i64| s.due(at);
    let (early, at) = (NOW + 1799 * SECOND, NOW + 1800 * SECOND);
    assert_eq!((due(early).len(), due(at).len()), (0, 1));
    let lease = s.claim(id, at).unwrap();
    assert_eq!(
        (lease.refresh_token.as_ref().unwrap().expose_secret(), lease.client_id),
        ("refresh 1", s.client)
    );
    assert!(s.claim(id, at).is_none() && due(at).is_empty());
    let rotated = NewTokens { refresh_due_at: at + 1800 * SECOND, ..tokens("access 2", Some("refresh 2")) };
    assert!(s.refreshed(&lease, &rotated, at));
    assert_eq!(s.access(id).as_deref(), Some("access 2"));
    let lease = s.claim(id, at).unwrap();
    assert_eq!(lease.refresh_token.as_ref().unwrap().expose_secret(), "refresh 2");
    assert!(s.refreshed(&lease, &tokens("access 3", None), at));
    assert_eq!(
        s.claim(id, at).unwrap().refresh_token.as_ref().unwrap().expose_secret(),
        "refresh 2",
        "none came: the stored one is kept"
    );
}

#[test]
fn what_nobody_uses_is_refreshed_weekly_and_not_more_often() {
    let s = scene();
    let day = 24 * 3600 * SECOND;
    let id = s.authorized("state", "access 1"); // unproved: no side lives on it
    let weekly = |s: &Scene| {
        let mut refreshes = 0;
        for hour in 1..=24 * 30 {
            let at = s.grant(id).refreshed_at.unwrap().max(NOW + (hour - 1) * 3600 * SECOND) + 3600 * SECOND;
            if s.due(at) == [id] {
                let lease = s.claim(id, at).unwrap();
                let next = NewTokens { refresh_due_at: at + 3240 * SECOND, ..tokens("access", None) };
                assert!(s.refreshed(&lease, &next, at));
                refreshes += 1;
            }
        }
        refreshes
    };
    assert_eq!(weekly(&s), 4, "in thirty days");
    s.fulfil(id);
    s.fetches(false);
    let at = NOW + 31 * day;
    assert_eq!(s.due(at), [0; 0], "the mailbox is paused, and was refreshed three days ago");
    s.fetches(true);
    assert_eq!(s.due(at), [id], "one that is fetched does not wait for its week");
    let lease = s.claim(id, at).unwrap();
    assert!(s.failed(&lease, Setback::Retry, at + 600 * SECOND));
    assert_eq!((s.due(at + 599 * SECOND).len(), s.due(at + 600 * SECOND)), (0, vec![id]));
}

#[test]
fn a_late_refresh_is_dropped() {
    let s = scene();
    let id = s.in_use();
    let late = s.claim(id, NOW).unwrap();
    let next = s.claim(id, NOW + 60 * SECOND).unwrap();
    assert!(!s.refreshed(&late, &tokens("late", Some("late")), NOW));
    assert!(!s.failed(&late, Setback::Lapsed, NOW));
    assert_eq!((s.access(id).as_deref(), s.grant(id).state), (Some("access 1"), State::Fulfilled));
    s.desk.db.write(|tx| grant::delete_tokens(tx, &by(), id)).unwrap();
    assert!(!s.refreshed(&next, &tokens("late", Some("late")), NOW), "a deleted token does not come back");
    s.has_no_tokens(id);
}

#[test]
fn no_two_ever_refresh_one_grant_at_once() {
    let s = scene();
    let id = s.in_use();
    let claims = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| s.claim(id, NOW).is_some())).collect();
        threads.into_iter().map(|t| t.join().unwrap()).filter(|got| *got).count()
    });
    assert_eq!(claims, 1);
}

#[test]
fn a_lapsed_grant_keeps_its_refresh_token_and_recovers() {
    let s = scene();
    let id = s.in_use();
    let lease = s.claim(id, NOW).unwrap();
    assert!(s.failed(&lease, Setback::Lapsed, NOW + 100 * SECOND));
    let lapsed = s.grant(id);
    assert_eq!(
        (lapsed.state, lapsed.has_refresh_token, lapsed.reason.as_str()),
        (State::Lapsed, true, "Gone.")
    );
    s.fetches(true);
    assert_eq!(s.due(NOW + 100 * SECOND), [id]);
    let lease = s.claim(id, NOW + 100 * SECOND).unwrap();
    assert!(s.refreshed(&lease, &tokens("access 2", None), NOW + 100 * SECOND));
    let back = s.grant(id);
    assert_eq!((back.state, back.reason.as_str()), (State::Fulfilled, ""));
    let told = kinds(&s.desk, Subject::Mailbox(s.mailbox));
    assert_eq!(told[told.len() - 2..], ["lapsed", "recovered"]);
}

#[test]
fn a_renewal_that_succeeds_after_failures_hurries_the_mailbox_that_waited_for_it() {
    let s = scene();
    let id = s.in_use();
    s.fetches(true);
    let (later, quarter) = (NOW + 60 * SECOND, NOW + 900 * SECOND);
    let waits = |at| {
        let claim =
            s.desk.db.write(|tx| mailbox::claim(tx, s.mailbox, at, 60 * SECOND, "node")).unwrap().unwrap();
        let round = mailbox::Round::Retry {
            code: "refresh_retry".into(),
            reason: "Too many requests.".into(),
            remedy: "It is tried again by itself.".into(),
            next_at: quarter,
        };
        assert!(s.desk.db.write(|tx| mailbox::settle(tx, &claim, &round, at)).unwrap());
    };
    let due = |at| {
        let claim = |tx: &mut desk::db::Tx<'_>| mailbox::claim_due(tx, at, 1, "node", 9);
        s.desk.db.write(claim).unwrap().len()
    };
    waits(NOW);
    let lease = s.claim(id, NOW).unwrap();
    assert!(s.refreshed(&lease, &tokens("access 2", None), later));
    assert_eq!(due(later), 0, "it waits for something else: the tokens were never refused");
    let lease = s.claim(id, NOW).unwrap();
    assert!(s.failed(&lease, Setback::Retry, later));
    let lease = s.claim(id, later).unwrap();
    assert!(s.refreshed(&lease, &tokens("access 3", None), later));
    assert_eq!(due(later), 1);
    waits(later + SECOND);
    let lease = s.claim(id, later + SECOND).unwrap();
    assert!(s.refreshed(&lease, &tokens("access 4", None), later + SECOND));
    assert_eq!(due(later + 2 * SECOND), 0, "hurried once");
}

#[test]
fn a_refused_secret_is_told_once_and_the_grant_stays() {
    let s = scene();
    let id = s.in_use();
    for _ in 0..3 {
        let lease = s.claim(id, NOW).unwrap();
        assert!(s.failed(&lease, Setback::Configuration, NOW));
    }
    assert_eq!(s.grant(id).state, State::Fulfilled);
    assert_eq!(
        kinds(&s.desk, Subject::Mailbox(s.mailbox)).iter().filter(|k| *k == "refresh_refused").count(),
        1
    );
}

#[test]
fn a_registration_that_is_mended_is_asked_with_at_once() {
    use desk::mailboxes::client::certificate::{self, NewCertificate};
    let s = scene();
    let id = s.in_use();
    s.fetches(true);
    let refused = || {
        let lease = s.claim(id, NOW).unwrap();
        assert!(s.failed(&lease, Setback::Configuration, NOW + 3600 * SECOND));
        assert_eq!((s.due(NOW), s.grant(id).reason), (vec![], "Gone.".to_owned()));
    };
    let change = |change: &dyn Fn(&mut EnteredClient)| {
        let client = s.desk.db.read(|tx| desk::mailboxes::client::find(tx, s.client)).unwrap().unwrap();
        let mut entered = clients::shown(&client);
        change(&mut entered);
        clients::change(&s.desk, s.client, &entered).unwrap();
    };
    let mended = || assert_eq!((s.due(NOW), s.grant(id).reason), (vec![id], String::new()));
    refused();
    change(&|entered| entered.notes = "Asked Kim.".into());
    assert!(s.due(NOW).is_empty(), "notes mend nothing");
    change(&|entered| entered.client_secret = Some("8Q~another".to_owned().into()));
    mended();
    refused();
    change(&|entered| entered.client_id = "99999999-8888-7777-6666-444444444444".into());
    mended();
    refused();
    let new = NewCertificate {
        der: vec![1],
        private_key: "key".to_owned().into(),
        not_after: NOW + 9_000 * SECOND,
    };
    let first = certificate::For { client_id: s.client, mailbox_id: None, after: 0 };
    s.desk.db.write(|tx| certificate::add(tx, &s.desk.vault, &by(), first, &new, [9; 24])).unwrap();
    mended();
}

#[test]
fn a_refusal_of_the_secret_that_was_corrected_meanwhile_sets_nothing_back() {
    let s = scene();
    let id = s.in_use();
    s.fetches(true);
    let lease = s.claim(id, NOW).unwrap();
    let client = s.desk.db.read(|tx| desk::mailboxes::client::find(tx, s.client)).unwrap().unwrap();
    let mut entered = clients::shown(&client);
    entered.client_secret = Some("8Q~the right one".to_owned().into());
    clients::change(&s.desk, s.client, &entered).unwrap();
    assert!(!s.failed(&lease, Setback::Configuration, NOW + 3_600 * SECOND), "it is not told");
    let grant = s.grant(id);
    assert_eq!((grant.state, grant.reason_code.as_str()), (State::Fulfilled, ""));
    assert_eq!(s.due(NOW), [id], "asked again now");
    let next = s.claim(id, NOW).unwrap();
    assert!(s.failed(&next, Setback::Configuration, NOW + 3_600 * SECOND));
    assert!(s.due(NOW).is_empty());
}

#[test]
fn a_clock_that_was_set_right_makes_due_what_nobody_signed_in_for_too() {
    let s = scene();
    let id = s.in_use();
    s.fetches(true);
    let unattended = |tx: &mut desk::db::Tx<'_>| {
        let far = NOW + 900_000 * SECOND;
        tx.execute("UPDATE client SET flow = 'app_only' WHERE id = $1", params![s.client])?;
        tx.execute(
            "UPDATE consent SET refresh_token = NULL, refresh_due_at = $2 WHERE id = $1",
            params![id, far],
        )?;
        Ok::<_, desk::Error>(())
    };
    s.desk.db.write(unattended).unwrap();
    assert!(s.due(NOW).is_empty());
    s.desk.db.write(|tx| desk::site::due::not_beyond(tx, NOW + 90_000 * SECOND, NOW)).unwrap();
    assert_eq!(s.due(NOW), [id]);
}

#[test]
fn whoever_comes_second_is_told_who_came_first() {
    let s = scene();
    let (first, second) = (s.authorized("first", "access 1"), s.authorized("second", "access 2"));
    let replaced = |id| s.desk.db.read(|tx| grant::overtaken_by(tx, id)).unwrap().map(|grant| grant.id);
    assert_eq!((replaced(first), replaced(second)), (None, None));
    s.fulfil(first);
    assert_eq!((replaced(first), replaced(second)), (None, Some(first)));
    let told = refused(s.desk.db.write(|tx| grant::fulfil(tx, &by(), second))).to_string();
    assert!(told.contains("was proved first and is in use"), "{told}");
    assert_eq!(s.grant(first).state, State::Fulfilled);
    // One that was replaced later is not told of what came after it as if it had come before.
    let third = s.authorized("third", "access 3");
    s.fulfil(third);
    assert_eq!(replaced(first), Some(third));
}

#[test]
fn what_passes_hides_nothing_that_needs_a_person_until_the_provider_says_something_else() {
    let s = scene();
    let id = s.in_use();
    let fails = |setback, code: &str, at: i64| {
        let lease = s.claim(id, at).unwrap();
        let failed =
            |tx: &mut desk::db::Tx<'_>| grant::refresh_failed(tx, &lease, setback, code, code, "", at, at);
        assert!(s.desk.db.write(failed).unwrap());
        let grant = s.grant(id);
        (grant.state, grant.reason_code, grant.reason)
    };
    let told = |state, code: &str| (state, code.to_owned(), code.to_owned());
    let (passes, secret, policy) = ("refresh_retry", "AADSTS7000222", "AADSTS50076");
    assert_eq!(fails(Setback::Retry, passes, NOW), told(State::Fulfilled, passes));
    assert_eq!(fails(Setback::Configuration, secret, NOW), told(State::Fulfilled, secret));
    assert_eq!(fails(Setback::Retry, passes, NOW), told(State::Fulfilled, secret));
    assert_eq!(fails(Setback::Lapsed, policy, NOW), told(State::Lapsed, policy));
    assert_eq!(fails(Setback::Retry, passes, NOW), told(State::Lapsed, policy));
    let lease = s.claim(id, NOW).unwrap();
    assert!(lease.failed_before && s.refreshed(&lease, &tokens("access 2", None), NOW));
    assert_eq!(s.grant(id).reason, "");
    assert_eq!(fails(Setback::Retry, passes, NOW), told(State::Fulfilled, passes));
}
