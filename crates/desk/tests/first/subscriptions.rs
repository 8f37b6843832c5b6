//! What a server was asked to tell of: which there are to be, who is at one, and what a notification does.
use crate::mailboxes::{NOW, by, get, kinds, mailbox, pause};
use desk::mailboxes::mailbox as mailboxes;
use desk::mailboxes::subscription::{self, Claim, Notification, Says, Setback, State, Subscription};
use desk::site::event::Subject;
use desk::site::{due, lease, mail_hold};
use desk::testing::TestDesk;
use desk::{Result, params};
use url::Url;

const SECRET: &str = "the-secret-that-comes-back";
const HOUR: i64 = 3_600_000;

fn to() -> Url {
    Url::parse("https://help.example.org/graph/notifications").unwrap()
}

/// Read by Graph, fetched already, looked into again in an hour.
fn told(desk: &TestDesk, address: &str) -> i64 {
    let id = mailbox(desk, address);
    set(desk, id, "ok");
    id
}
fn set(desk: &TestDesk, id: i64, state: &str) {
    desk.db
        .write(|tx| {
            Ok(tx.execute(
                "UPDATE mailbox SET active = 1, notified = 1, in_protocol = 'graph', in_host = 'graph.example', in_port = 443,
                        in_authentication = 'microsoft', last_fetch_at = $2, failures = 0, due_at = $3, state = $4
                 WHERE id = $1",
                params![id, NOW - HOUR, NOW + HOUR, state],
            )?)
        })
        .map_err(|error: desk::Error| error)
        .unwrap();
}
fn arrange(desk: &TestDesk) -> bool {
    let looked = desk.db.read(|tx| subscription::arrange(tx, &to(), NOW, true)).unwrap();
    let changed = desk.db.write(|tx| subscription::arrange(tx, &to(), NOW, false)).unwrap();
    assert_eq!(looked, changed, "who looks sees what would change");
    changed
}
fn all(desk: &TestDesk, id: i64) -> Vec<Subscription> {
    desk.db.read(|tx| subscription::of_mailbox(tx, id)).unwrap()
}
fn folders(desk: &TestDesk, id: i64) -> Vec<(String, State)> {
    all(desk, id).into_iter().map(|one| (one.folder, one.state)).collect()
}
fn claims(desk: &TestDesk, now: i64) -> Vec<(Claim, Subscription)> {
    desk.db.write(|tx| subscription::claim_due(tx, None, now, (60_000, "one"), 10)).unwrap()
}
fn made(desk: &TestDesk, claim: Claim, server_id: &str) -> bool {
    let next = NOW + 20 * HOUR;
    desk.db
        .write(|tx| subscription::made(tx, claim, (server_id, SECRET, NOW + 72 * HOUR), next, NOW))
        .unwrap()
}
/// One that is active at the server.
fn active(desk: &TestDesk, address: &str, server_id: &str) -> i64 {
    let id = told(desk, address);
    arrange(desk);
    for (claim, one) in claims(desk, NOW) {
        assert_eq!(one.mailbox_id, id);
        assert!(made(desk, claim, server_id));
    }
    set(desk, id, "ok"); // what it was made due for is done
    id
}
fn notification(server_id: &str, client_state: &str, says: Says) -> Notification {
    Notification { server_id: server_id.into(), client_state: client_state.into(), says }
}
/// How many were ignored.
fn hear(desk: &TestDesk, notifications: &[Notification]) -> Result<(usize, bool)> {
    hear_at(desk, notifications, NOW)
}
fn hear_at(desk: &TestDesk, notifications: &[Notification], now: i64) -> Result<(usize, bool)> {
    let heard = desk.db.read(|tx| subscription::weigh(tx, notifications, now))?;
    if !heard.is_idle() {
        desk.db.write(|tx| subscription::hear(tx, &heard, now))?;
    }
    Ok((heard.ignored, heard.is_idle()))
}

#[test]
fn there_is_one_a_folder_for_as_long_as_it_is_wanted() {
    let desk = TestDesk::new();
    let id = told(&desk, "support@example.org");
    let with = |text: &'static str| {
        desk.db.write(|tx| Ok::<_, desk::Error>(tx.execute(text, params![id])?)).unwrap()
    };
    with("UPDATE mailbox SET in_more_folders = 'Sales', last_fetch_at = NULL WHERE id = $1");
    assert!(!arrange(&desk), "nothing was fetched yet");
    with("UPDATE mailbox SET last_fetch_at = 1, failures = 1 WHERE id = $1");
    assert!(!arrange(&desk), "it does not work at present");
    with("UPDATE mailbox SET failures = 0 WHERE id = $1");
    assert!(arrange(&desk) && !arrange(&desk));
    assert_eq!(folders(&desk, id), [("INBOX".into(), State::Wanted), ("Sales".into(), State::Wanted)]);
    for (number, (claim, _)) in claims(&desk, NOW).into_iter().enumerate() {
        assert!(made(&desk, claim, &format!("server-{number}")));
    }
    // Trouble ends none.
    with("UPDATE mailbox SET failures = 3, state = 'needs_person' WHERE id = $1");
    assert!(!arrange(&desk));
    // Another folder: the one that is gone is ended, the other is let be.
    with("UPDATE mailbox SET failures = 0, in_more_folders = 'Other' WHERE id = $1");
    assert!(arrange(&desk));
    assert_eq!(
        folders(&desk, id),
        [("INBOX".into(), State::Active), ("Other".into(), State::Wanted), ("Sales".into(), State::Ending)]
    );
    // Another account: all are ended, and made anew for that.
    with("UPDATE mailbox SET in_user = 'other@example.org', in_more_folders = '' WHERE id = $1");
    assert!(arrange(&desk));
    assert_eq!(
        folders(&desk, id),
        [("INBOX".into(), State::Ending), ("INBOX".into(), State::Wanted), ("Sales".into(), State::Ending)]
    );
    for change in [
        "UPDATE mailbox SET notified = 0 WHERE id = $1",
        "UPDATE mailbox SET notified = 1, in_protocol = 'imap' WHERE id = $1",
    ] {
        with(change);
        arrange(&desk);
        let states: Vec<State> = all(&desk, id).into_iter().map(|one| one.state).collect();
        assert_eq!(
            states,
            [State::Ending, State::Ending],
            "one that was never made leaves nothing: {change}"
        );
    }
    pause(&desk, id);
    assert!(!arrange(&desk));
}

#[test]
fn a_result_counts_for_who_holds_it_and_ends_with_what_is_wanted_no_more() {
    let desk = TestDesk::new();
    let id = told(&desk, "support@example.org");
    arrange(&desk);
    let first = claims(&desk, NOW);
    assert_eq!(first.len(), 1);
    assert!(claims(&desk, NOW).is_empty(), "somebody is at it");
    // It takes too long: another has it, and what the first made is not kept.
    let second = claims(&desk, NOW + 60_001);
    assert!(!made(&desk, first[0].0, "late"));
    // Switched off while it is being made: whoever made it has to end it.
    desk.db
        .write(|tx| Ok::<_, desk::Error>(tx.execute("UPDATE mailbox SET notified = 0", params![])?))
        .unwrap();
    arrange(&desk);
    assert!(!made(&desk, second[0].0, "unwanted"));
    assert!(all(&desk, id).is_empty());

    // A process that is gone lets go of it.
    set(&desk, id, "ok");
    arrange(&desk);
    assert_eq!(claims(&desk, NOW).len(), 1);
    desk.db.write(|tx| lease::release(tx, "one", NOW)).unwrap();
    let claim = claims(&desk, NOW)[0].0;
    assert!(made(&desk, claim, "kept"));
    let one = all(&desk, id).remove(0);
    assert_eq!((one.state, one.server_id.as_deref()), (State::Active, Some("kept")));
    assert_eq!(get(&desk, id).due_at, NOW, "what came before it was noted is looked for");
    assert!(claims(&desk, NOW + HOUR).is_empty(), "it is not due");
    // What was put off by a wrong clock is not.
    desk.db.write(|tx| due::not_beyond(tx, NOW, NOW)).unwrap();
    assert_eq!(claims(&desk, NOW).len(), 1);
}

#[test]
fn what_fails_is_told_once_in_its_words_and_what_cannot_be_ended_is_let_go() {
    let desk = TestDesk::new();
    let id = told(&desk, "support@example.org");
    arrange(&desk);
    let why = |next_at| Setback { code: "x".into(), reason: "No.".into(), remedy: "Do.".into(), next_at };
    for now in [NOW, NOW + HOUR] {
        let claim = claims(&desk, now)[0].0;
        assert!(desk.db.write(|tx| subscription::failed(tx, claim, &why(now + HOUR), now)).unwrap());
        assert!(claims(&desk, now).is_empty());
    }
    let one = all(&desk, id).remove(0);
    assert_eq!((one.failures, one.reason.as_str(), one.remedy.as_str()), (2, "No.", "Do."));
    let claim = claims(&desk, NOW + 2 * HOUR)[0].0;
    assert!(made(&desk, claim, "a"));
    let one = all(&desk, id).remove(0);
    assert_eq!((one.failures, one.reason.as_str()), (0, ""));
    pause(&desk, id);
    arrange(&desk);
    let claim = claims(&desk, NOW)[0].0;
    assert!(desk.db.write(|tx| subscription::given_up(tx, claim, "No token.", NOW)).unwrap());
    assert!(all(&desk, id).is_empty());
    let told: Vec<String> = kinds(&desk, Subject::Mailbox(id))
        .into_iter()
        .filter(|kind| kind.starts_with("notifications"))
        .collect();
    assert_eq!(told, ["notifications_refused", "notifications_begun", "notifications_not_ended"]);
}

#[test]
fn a_notification_counts_with_its_secret_alone_and_makes_its_mailbox_due() {
    let desk = TestDesk::new();
    let id = active(&desk, "support@example.org", "sub-1");
    let kept: Vec<(Vec<u8>,)> = desk
        .db
        .read(|tx| Ok::<_, desk::Error>(tx.all("SELECT secret_hash FROM subscription LIMIT 9", params![])?))
        .unwrap();
    assert!(kept[0].0.len() == 32 && !String::from_utf8_lossy(&kept[0].0).contains(SECRET), "a hash is kept");
    for (server_id, client_state) in
        [("sub-1", ""), ("sub-1", "another"), ("sub-2", SECRET), ("", ""), ("a\0b", SECRET), ("’", SECRET)]
    {
        let heard = hear(&desk, &[notification(server_id, client_state, Says::News)]).unwrap();
        assert_eq!(heard, (1, true), "{server_id:?} {client_state:?}");
        assert_eq!(get(&desk, id).due_at, NOW + HOUR);
    }
    let flood: Vec<Notification> =
        (0..2_000).map(|n| notification(&format!("none-{n}"), "x", Says::Removed)).collect();
    assert_eq!(hear(&desk, &flood).unwrap(), (subscription::NOTIFICATIONS_MAX, true));

    let news = [notification("sub-1", SECRET, Says::News)];
    assert_eq!(hear(&desk, &news).unwrap(), (0, false));
    assert_eq!(get(&desk, id).due_at, NOW);
    assert_eq!(hear(&desk, &news).unwrap(), (0, true), "it is due already: nothing is written");
    // While a round is at it, one more follows it, and no more than one.
    desk.db.write(|tx| mailboxes::claim_due(tx, NOW, 60_000, "one", 1)).unwrap();
    assert_eq!(hear(&desk, &news).unwrap(), (0, false));
    assert_eq!(hear(&desk, &news).unwrap(), (0, true));
}

#[test]
fn what_is_told_again_and_again_makes_one_look_in_two_seconds_and_loses_none() {
    let desk = TestDesk::new();
    let id = active(&desk, "support@example.org", "sub-1");
    let news = [notification("sub-1", SECRET, Says::News)];
    // Each round takes a tenth of a second, and somebody tells every 20 ms.
    let (mut rounds, mut under_way) = (Vec::new(), None);
    for now in (NOW..NOW + 21_000).step_by(20) {
        if let Some((claim, ends)) = under_way.as_ref().filter(|(_, ends)| *ends <= now) {
            let round = mailboxes::Round::Done { mail: false, next_at: ends + HOUR };
            assert!(desk.db.write(|tx| mailboxes::settle(tx, claim, &round, now)).unwrap());
            under_way = None;
        }
        if under_way.is_none() {
            let claimed = desk.db.write(|tx| mailboxes::claim_due(tx, now, 60_000, "one", 1)).unwrap().pop();
            rounds.extend(claimed.is_some().then_some(now));
            under_way = claimed.map(|claim| (claim, now + 100));
        }
        if now < NOW + 10_000 {
            hear_at(&desk, &news, now).unwrap();
        }
    }
    assert!((5..=7).contains(&rounds.len()), "{rounds:?}");
    assert!(rounds.windows(2).all(|pair| pair[1] - pair[0] >= 2_000), "{rounds:?}");
    assert!(rounds.last().unwrap() > &(NOW + 9_980), "a look follows the last of them: {rounds:?}");
    assert!(get(&desk, id).due_at > NOW + HOUR, "and then it is as ever");
}

#[test]
fn a_renewal_that_is_asked_for_again_and_again_is_done_once_a_minute() {
    let desk = TestDesk::new();
    active(&desk, "support@example.org", "sub-1");
    let asked = [notification("sub-1", SECRET, Says::Reauthorize)];
    let mut renewals = Vec::new();
    for now in (NOW..NOW + 300_000).step_by(1_000) {
        hear_at(&desk, &asked, now).unwrap();
        for (claim, _) in claims(&desk, now) {
            renewals.push(now - NOW);
            assert!(
                desk.db
                    .write(|tx| subscription::renewed(tx, claim, now + 72 * HOUR, now + 20 * HOUR, now))
                    .unwrap()
            );
        }
    }
    assert!((4..=6).contains(&renewals.len()), "{renewals:?}");
    assert_eq!(renewals[0], 0, "the first at once");
    assert!(renewals.windows(2).all(|pair| pair[1] - pair[0] >= 60_000), "{renewals:?}");
}

#[test]
fn what_is_in_trouble_off_or_on_hold_is_not_hurried() {
    let desk = TestDesk::new();
    let id = active(&desk, "support@example.org", "sub-1");
    let news = [notification("sub-1", SECRET, Says::News)];
    let failing = |failures: i64| {
        desk.db
            .write(|tx| {
                Ok::<_, desk::Error>(tx.execute("UPDATE mailbox SET failures = $1", params![failures])?)
            })
            .unwrap();
    };
    failing(2);
    assert_eq!(hear(&desk, &news).unwrap(), (0, true), "it keeps its back-off");
    failing(0);
    desk.db.write(|tx| mail_hold::begin(tx, &by(), None)).unwrap();
    assert_eq!(hear(&desk, &[notification("sub-1", SECRET, Says::Removed)]).unwrap(), (0, true));
    desk.db.write(|tx| mail_hold::release(tx, &by())).unwrap();
    pause(&desk, id);
    assert_eq!(hear(&desk, &news).unwrap(), (0, true));
    assert_eq!(get(&desk, id).due_at, NOW + HOUR);
}

#[test]
fn words_about_the_subscription_itself_make_it_due_or_make_it_anew() {
    let desk = TestDesk::new();
    let id = active(&desk, "support@example.org", "sub-1");
    assert!(claims(&desk, NOW).is_empty());
    let about = |says| {
        hear(&desk, &[notification("sub-1", SECRET, Says::News), notification("sub-1", SECRET, says)])
            .unwrap()
    };
    assert_eq!(about(Says::Missed), (0, false));
    assert_eq!(get(&desk, id).due_at, NOW);
    assert!(claims(&desk, NOW).is_empty());
    assert_eq!(about(Says::Reauthorize), (0, false));
    let renewing = claims(&desk, NOW);
    assert_eq!((renewing.len(), renewing[0].1.state), (1, State::Active));
    assert_eq!(about(Says::Removed), (0, false));
    assert!(
        !desk.db.write(|tx| subscription::renewed(tx, renewing[0].0, NOW, NOW, NOW)).unwrap(),
        "it is gone: its renewal counts no more"
    );
    let one = all(&desk, id).remove(0);
    assert_eq!((one.state, one.server_id, one.ends_at), (State::Wanted, None, None));
    assert_eq!(about(Says::Removed), (2, true), "nobody knows it any more");
    assert!(made(&desk, claims(&desk, NOW)[0].0, "sub-2"));
}

#[test]
fn an_alias_is_told_of_by_the_mailbox_that_fetches_for_it() {
    let desk = TestDesk::new();
    let first = told(&desk, "support@example.org");
    let alias = told(&desk, "help@example.org");
    desk.db
        .write(|tx| {
            Ok::<_, desk::Error>(tx.execute(
                "UPDATE mailbox SET shape = 'alias', opened_address = 'support@example.org', in_more_folders = 'Help'
                 WHERE id = $1",
                params![alias],
            )?)
        })
        .unwrap();
    arrange(&desk);
    assert_eq!(folders(&desk, first), [("INBOX".into(), State::Wanted)]);
    assert_eq!(folders(&desk, alias), [("Help".into(), State::Wanted)], "the inbox is told of already");
    for (claim, one) in claims(&desk, NOW) {
        assert!(made(&desk, claim, &one.folder));
    }
    set(&desk, first, "ok");
    hear(&desk, &[notification("Help", SECRET, Says::News)]).unwrap();
    assert_eq!((get(&desk, first).due_at, get(&desk, alias).due_at), (NOW, NOW + HOUR));
}
