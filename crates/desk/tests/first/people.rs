//! Who works here, how they sign in, and that nobody is locked out or found out.
use desk::db::Tx;
use desk::people::agent::{self, Agent, NewAgent, Role};
use desk::people::kept_form::{KeptFile, KeptForm};
use desk::people::sign_in::Verdict;
use desk::people::{first_administrator, form_use, kept_form, session, sign_in};
use desk::site::event::{self, Subject};
use desk::testing::TestDesk;
use desk::{By, Error, Refusal, Result, params};

const NOW: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn new(email: &str, role: Role) -> NewAgent {
    NewAgent { email: email.into(), name: String::new(), role, password_hash: "hash".into() }
}
fn make(desk: &TestDesk, email: &str, role: Role) -> Agent {
    let id = desk.db.write(|tx| agent::create(tx, &By::system(NOW), &new(email, role))).unwrap();
    desk.db.read(|tx| agent::find(tx, id)).unwrap().unwrap()
}
fn refused<T>(result: Result<T>) -> Refusal {
    match result.map(drop) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("it should have been refused: {other:?}"),
    }
}
fn change(desk: &TestDesk, agent: &Agent) -> Result<()> {
    desk.db.write(|tx| agent::change(tx, &By::system(NOW), agent))
}

#[test]
fn nobody_sets_their_own_role_or_comes_back_by_what_was_read_before() {
    let desk = TestDesk::new();
    make(&desk, "ada@example.org", Role::Administrator);
    let bob = make(&desk, "bob@example.org", Role::Administrator);
    change(&desk, &Agent { role: Role::Agent, ..bob.clone() }).unwrap();
    let own = |agent: &Agent| desk.db.write(|tx| agent::change_own(tx, &By::system(NOW), agent));
    own(&Agent { theme: "dark".into(), ..bob.clone() }).unwrap();
    let now = desk.db.read(|tx| agent::find(tx, bob.id)).unwrap().unwrap();
    assert_eq!((now.role, now.theme.as_str()), (Role::Agent, "dark"));
    change(&desk, &Agent { active: false, ..now }).unwrap();
    assert_eq!(refused(own(&bob)), Refusal::NotFound("agent"));
    assert!(!desk.db.read(|tx| agent::find(tx, bob.id)).unwrap().unwrap().active);
}

#[test]
fn what_is_typed_for_an_address_is_counted_however_long_it_is() {
    let desk = TestDesk::new();
    let long = format!("{}@example.org", "a".repeat(200_000));
    for _ in 0..6 {
        fail(&desk, &long, "10.0.0.1", NOW);
    }
    assert_ne!(judge(&desk, &long, "10.0.0.1", NOW), Verdict::Try);
    let longest = desk.db.read(|tx| -> Result<(i64,)> {
        Ok(tx.one("SELECT CAST(max(length(email_key)) AS BIGINT) FROM sign_in", params![])?)
    });
    assert_eq!(longest.unwrap(), (320,));
}

#[test]
fn one_address_is_one_agent_however_it_is_written() {
    let desk = TestDesk::new();
    let bob = make(&desk, " Bob@Example.org ", Role::Agent);
    assert_eq!(
        (bob.email.as_str(), bob.name.as_str(), bob.role),
        ("Bob@Example.org", "Bob@Example.org", Role::Agent)
    );
    let again = desk.db.write(|tx| agent::create(tx, &By::system(NOW), &new("bob@example.ORG", Role::Agent)));
    assert_eq!(refused(again), Refusal::AddressTaken("bob@example.ORG".into()));
    let bad = desk.db.write(|tx| agent::create(tx, &By::system(NOW), &new("bob", Role::Agent)));
    assert_eq!(refused(bad), Refusal::BadEmail("bob".into()));
    let (found, hash) = desk.db.read(|tx| agent::find_by_email(tx, "BOB@example.org")).unwrap().unwrap();
    assert_eq!((found.id, hash.as_deref()), (bob.id, Some("hash")));
    assert_eq!(desk.db.read(agent::list).unwrap().len(), 1);
}

#[test]
fn the_last_administrator_stays_one() {
    let desk = TestDesk::new();
    let mut ada = make(&desk, "ada@example.org", Role::Administrator);
    make(&desk, "bob@example.org", Role::Agent);
    ada.role = Role::Agent;
    assert_eq!(refused(change(&desk, &ada)), Refusal::LastAdministrator);
    (ada.role, ada.active) = (Role::Administrator, false);
    assert_eq!(refused(change(&desk, &ada)), Refusal::LastAdministrator);
    make(&desk, "eve@example.org", Role::Administrator);
    change(&desk, &ada).unwrap();
    assert!(desk.db.read(agent::has_administrator).unwrap());
}

#[test]
fn two_administrators_who_put_each_other_down_at_once_leave_one() {
    for round in 0..5 {
        let desk = TestDesk::new();
        let both = [
            make(&desk, "ada@example.org", Role::Administrator),
            make(&desk, "eve@example.org", Role::Administrator),
        ];
        let down = |agent: &Agent| change(&desk, &Agent { role: Role::Agent, ..agent.clone() });
        let done = std::thread::scope(|s| {
            let threads: Vec<_> = both.iter().map(|agent| s.spawn(move || down(agent).is_ok())).collect();
            threads.into_iter().map(|t| t.join().unwrap()).filter(|ok| *ok).count()
        });
        assert_eq!(done, 1, "round {round}");
        assert!(desk.db.read(agent::has_administrator).unwrap());
    }
}

#[test]
fn who_is_disabled_is_signed_out_at_once_and_open_tickets_are_free() {
    let desk = TestDesk::new();
    let mut bob = make(&desk, "bob@example.org", Role::Agent);
    let ticket = |tx: &mut Tx<'_>, number: &str, state: &str| -> Result<i64> {
        let requester = desk::people::requester::find_or_make(tx, "ann@example.org", None, NOW)?.id;
        Ok(tx.insert(
            "INSERT INTO ticket (number, subject, subject_key, state, department_id, requester_id, requester_address,
                                 assignee_id, created_at, updated_at)
             VALUES ($1, '', '', $2, 1, $3, 'ann@example.org', $4, 0, 0) RETURNING id",
            params![number, state, requester, bob.id],
        )?)
    };
    let (open, closed) = desk
        .db
        .write(|tx| -> Result<_> {
            session::begin(tx, bob.id, b"cookie", "form", "10.0.0.1", NOW)?;
            Ok((ticket(tx, "1", "open")?, ticket(tx, "2", "closed")?))
        })
        .unwrap();
    bob.active = false;
    change(&desk, &bob).unwrap();
    assert!(desk.db.read(|tx| session::find(tx, b"cookie", NOW)).unwrap().is_none());
    assert!(desk.db.read(|tx| session::find_ended(tx, b"cookie")).unwrap().is_none());
    let assignee = |id: i64| {
        desk.db
            .read(|tx| tx.one::<(Option<i64>,)>("SELECT assignee_id FROM ticket WHERE id = $1", params![id]))
            .unwrap()
            .0
    };
    assert_eq!((assignee(open), assignee(closed)), (None, Some(bob.id)));
    let told = desk.db.read(|tx| event::list(tx, Subject::Ticket(open), 9)).unwrap();
    assert_eq!(told.iter().map(|e| e.kind.as_str()).collect::<Vec<_>>(), ["unassigned"]);
    let begun = desk.db.write(|tx| session::begin(tx, bob.id, b"other", "form", "10.0.0.1", NOW));
    assert_eq!(refused(begun), Refusal::NotFound("agent"));
}

#[test]
fn a_session_ends_after_twelve_idle_hours_and_after_fourteen_days_in_any_case() {
    let desk = TestDesk::new();
    let bob = make(&desk, "bob@example.org", Role::Agent);
    let id = desk.db.write(|tx| session::begin(tx, bob.id, b"cookie", "form", "10.0.0.1", NOW)).unwrap();
    let live = |at: i64| desk.db.read(|tx| session::find(tx, b"cookie", at)).unwrap();
    let found = live(NOW + 12 * HOUR - 1).unwrap();
    assert_eq!((found.id, found.agent.id, found.form_token.as_str()), (id, bob.id, "form"));
    assert!(live(NOW + 12 * HOUR).is_none());
    assert_eq!(desk.db.read(|tx| session::find_ended(tx, b"cookie")).unwrap(), Some(bob.id));
    let mut at = NOW;
    while at < NOW + 14 * DAY - 6 * HOUR {
        at += 6 * HOUR;
        desk.db.write(|tx| session::touch(tx, id, at)).unwrap();
    }
    assert!(live(NOW + 14 * DAY - 1).is_some());
    assert!(live(NOW + 14 * DAY).is_none());
    assert!(desk.db.read(|tx| session::find(tx, b"cookif", NOW)).unwrap().is_none());
    let whose = || -> desk::Result<_> {
        desk.db.read(|tx| Ok((session::find_ended(tx, b"cookie")?, session::find_by_form_token(tx, "form")?)))
    };
    desk.db.write(|tx| session::forget_old(tx, NOW + 43 * DAY)).unwrap();
    assert_eq!(whose().unwrap(), (Some(bob.id), Some(bob.id)));
    assert_eq!(desk.db.read(|tx| session::find_by_form_token(tx, "forn")).unwrap(), None);
    desk.db.write(|tx| session::forget_old(tx, NOW + 45 * DAY)).unwrap();
    assert_eq!(whose().unwrap(), (None, None));
}

#[test]
fn signing_out_and_a_new_password_end_sessions() {
    let desk = TestDesk::new();
    let bob = make(&desk, "bob@example.org", Role::Agent);
    let begin = |token: &[u8]| {
        desk.db.write(|tx| session::begin(tx, bob.id, token, "form", "10.0.0.1", NOW)).unwrap()
    };
    let (first, here, _there) = (begin(b"first"), begin(b"here"), begin(b"there"));
    let live = |token: &[u8]| desk.db.read(|tx| session::find(tx, token, NOW + 1)).unwrap().is_some();
    desk.db.write(|tx| session::end(tx, first, NOW + 1)).unwrap();
    assert_eq!((live(b"first"), live(b"here"), live(b"there")), (false, true, true));
    desk.db.write(|tx| agent::set_password(tx, &By::system(NOW), bob.id, "other", Some(here))).unwrap();
    assert_eq!((live(b"first"), live(b"here"), live(b"there")), (false, true, false));
    let told = desk.db.read(|tx| event::list(tx, Subject::Agent(bob.id), 9)).unwrap();
    let kinds: Vec<_> = told.iter().map(|e| e.kind.as_str()).collect();
    assert_eq!(kinds, ["created", "signed_in", "signed_in", "signed_in", "signed_out", "password_set"]);
    assert!(told.iter().all(|e| !e.data.to_string().contains("other")), "no hash in an event");
}

#[test]
fn the_first_administrators_link_works_once_within_the_hour_and_only_while_there_is_none() {
    let desk = TestDesk::new();
    let by = By::system(NOW);
    let offer = |token: [u8; 16]| desk.db.write(|tx| first_administrator::offer(tx, &by, token)).unwrap();
    let open = |token: [u8; 16], at: i64| {
        desk.db
            .read(|tx| first_administrator::is_open(tx, &first_administrator::link_token(token), at))
            .unwrap()
    };
    let accept = |token: [u8; 16], at: i64| {
        let token = first_administrator::link_token(token);
        desk.db.write(|tx| {
            first_administrator::accept(tx, &By::system(at), &token, &new("ada@example.org", Role::Agent))
        })
    };
    assert_eq!(offer([1; 16]), Some(()));
    assert_eq!(offer([2; 16]), Some(()));
    assert!(!open([1; 16], NOW), "replaced at each start");
    assert!(open([2; 16], NOW + HOUR - 1) && !open([2; 16], NOW + HOUR));
    assert_eq!(refused(accept([1; 16], NOW)), Refusal::LinkUsedUp);
    assert_eq!(refused(accept([2; 16], NOW + HOUR)), Refusal::LinkUsedUp);
    let id = accept([2; 16], NOW).unwrap();
    assert_eq!(desk.db.read(|tx| agent::find(tx, id)).unwrap().unwrap().role, Role::Administrator);
    assert_eq!(refused(accept([2; 16], NOW)), Refusal::AdministratorExists);
    assert!(!open([2; 16], NOW));
    assert_eq!(offer([3; 16]), None);
}

#[test]
fn two_who_use_the_first_link_at_once_make_one_administrator() {
    let desk = TestDesk::new();
    desk.db.write(|tx| first_administrator::offer(tx, &By::system(NOW), [1; 16])).unwrap();
    let token = first_administrator::link_token([1; 16]);
    let accept = |email: &str| {
        let new = new(email, Role::Administrator);
        desk.db.write(|tx| first_administrator::accept(tx, &By::system(NOW), &token, &new)).is_ok()
    };
    let made = std::thread::scope(|s| {
        let threads = ["ada@example.org", "eve@example.org"].map(|email| s.spawn(move || accept(email)));
        threads.into_iter().map(|t| t.join().unwrap()).filter(|ok| *ok).count()
    });
    assert_eq!(made, 1);
    assert_eq!(desk.db.read(agent::list).unwrap().len(), 1);
}

fn judge(desk: &TestDesk, email: &str, address: &str, at: i64) -> Verdict {
    desk.db.read(|tx| sign_in::judge(tx, email, address, at)).unwrap()
}
fn fail(desk: &TestDesk, email: &str, address: &str, at: i64) {
    desk.db.write(|tx| sign_in::failed(tx, email, address, at)).unwrap();
}

#[test]
fn guessing_from_one_address_becomes_slow_but_every_wait_has_a_bound() {
    let desk = TestDesk::new();
    make(&desk, "ada@example.org", Role::Administrator);
    let (mut at, mut tries, mut longest) = (NOW, 0, 0);
    while at < NOW + HOUR {
        match judge(&desk, "ada@example.org", "10.0.0.9", at) {
            Verdict::Try => {
                tries += 1;
                fail(&desk, "Ada@Example.org", "10.0.0.9", at);
            }
            Verdict::Wait { until } => {
                longest = longest.max(until - at);
                at = until;
            }
        }
    }
    assert!(tries < 30, "{tries} guesses in an hour");
    assert_eq!(longest, 5 * MINUTE);
    assert_eq!(
        judge(&desk, "ada@example.org", "10.0.0.9", at + HOUR),
        Verdict::Try,
        "an hour later all is forgotten"
    );
}

#[test]
fn nobody_can_lock_out_the_only_administrator() {
    let desk = TestDesk::new();
    let ada = make(&desk, "ada@example.org", Role::Administrator);
    for i in 0..200 {
        fail(&desk, "ada@example.org", &format!("10.1.{}.{}", i / 100, i % 100), NOW);
    }
    for _ in 0..50 {
        fail(&desk, "ada@example.org", "10.9.9.9", NOW);
    }
    // An address that never failed is let in; one that failed once waits, because the account is under attack.
    assert_eq!(judge(&desk, "ada@example.org", "192.0.2.1", NOW), Verdict::Try);
    assert!(matches!(judge(&desk, "ada@example.org", "10.1.0.5", NOW), Verdict::Wait { .. }));
    // Behind the same address as the attacker she waits seconds, if she has signed in from there before.
    desk.db.write(|tx| session::begin(tx, ada.id, b"cookie", "form", "10.9.9.9", NOW - DAY)).unwrap();
    assert_eq!(judge(&desk, "ada@example.org", "10.9.9.9", NOW), Verdict::Wait { until: NOW + 10_000 });
    for i in 0..60 {
        fail(&desk, &format!("nobody{i}@example.org"), "10.8.8.8", NOW);
    }
    assert!(matches!(judge(&desk, "ada@example.org", "10.8.8.8", NOW), Verdict::Wait { .. }));
    desk.db.write(|tx| session::begin(tx, ada.id, b"cookie2", "form", "10.8.8.8", NOW - DAY)).unwrap();
    assert_eq!(judge(&desk, "ada@example.org", "10.8.8.8", NOW), Verdict::Try);
}

#[test]
fn an_account_that_is_not_there_is_throttled_like_one_that_is() {
    let desk = TestDesk::new();
    make(&desk, "ada@example.org", Role::Administrator);
    for i in 0..10 {
        let at = NOW + i;
        let (here, nowhere) = (
            judge(&desk, "ada@example.org", "10.0.0.1", at),
            judge(&desk, "none@example.org", "10.0.0.2", at),
        );
        assert_eq!(here, nowhere);
        fail(&desk, "ada@example.org", "10.0.0.1", at);
        fail(&desk, "none@example.org", "10.0.0.2", at);
    }
}

#[test]
fn one_who_has_a_network_of_addresses_is_one() {
    let desk = TestDesk::new();
    for i in 0..10 {
        fail(&desk, "ada@example.org", &format!("2001:db8:1:2::{i}"), NOW);
    }
    assert!(matches!(judge(&desk, "ada@example.org", "2001:db8:1:2:ffff::1", NOW), Verdict::Wait { .. }));
    assert_eq!(judge(&desk, "ada@example.org", "2001:db8:1:3::1", NOW), Verdict::Try);
}

#[test]
fn signing_in_forgives_what_this_address_got_wrong() {
    let desk = TestDesk::new();
    for _ in 0..8 {
        fail(&desk, "ada@example.org", "10.0.0.1", NOW);
    }
    assert!(matches!(judge(&desk, "ada@example.org", "10.0.0.1", NOW), Verdict::Wait { .. }));
    desk.db.write(|tx| sign_in::succeeded(tx, "ada@example.org", "10.0.0.1", NOW)).unwrap();
    assert_eq!(judge(&desk, "ada@example.org", "10.0.0.1", NOW), Verdict::Try);
}

#[test]
fn a_second_click_gets_the_first_answer() {
    let desk = TestDesk::new();
    let (bob, eve) =
        (make(&desk, "bob@example.org", Role::Agent), make(&desk, "eve@example.org", Role::Agent));
    let record = |answer: &str| desk.db.write(|tx| form_use::record(tx, "f1", bob.id, answer, NOW));
    record("/tickets/1").unwrap();
    assert!(matches!(record("/tickets/2"), Err(Error::Db(desk::db::Error::Unique(_)))));
    let find = |agent: i64| desk.db.read(|tx| form_use::find(tx, "f1", agent)).unwrap();
    assert_eq!((find(bob.id).as_deref(), find(eve.id)), (Some("/tickets/1"), None));
    desk.db.write(|tx| form_use::forget_old(tx, NOW + DAY + 1)).unwrap();
    assert_eq!(find(bob.id), None);
}

#[test]
fn what_was_typed_is_given_back_once_to_the_same_person() {
    let desk = TestDesk::new();
    let (bob, eve) =
        (make(&desk, "bob@example.org", Role::Agent), make(&desk, "eve@example.org", Role::Agent));
    let form = |i: i64| KeptForm {
        id: format!("k{i}"),
        place: "/tickets/1".into(),
        fields: vec![("text".into(), "Liebe Grüße".into()), ("text".into(), "2".into())],
        files: vec![KeptFile {
            blob_id: i,
            name: "Bild „eins“.png".into(),
            media_type: "image/png".into(),
            size_bytes: 7,
        }],
    };
    for i in 0..25 {
        desk.db.write(|tx| kept_form::keep(tx, bob.id, &form(i), NOW + i)).unwrap();
    }
    let take = |id: &str, agent: i64| desk.db.write(|tx| kept_form::take(tx, id, agent)).unwrap();
    assert!(take("k4", bob.id).is_none(), "the newest twenty are kept");
    assert!(take("k24", eve.id).is_none());
    let taken = take("k24", bob.id).unwrap();
    assert_eq!((taken.fields, taken.files), (form(24).fields, form(24).files));
    assert!(take("k24", bob.id).is_none());
    desk.db.write(|tx| kept_form::keep(tx, eve.id, &form(99), NOW + 2 * DAY)).unwrap();
    assert!(take("k23", bob.id).is_none(), "a day later it is gone");
}
