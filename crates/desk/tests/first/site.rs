//! Events, numbers, settings; requesters and departments.
use desk::people::{department, requester};
use desk::site::event::{self, Subject};
use desk::site::{sequence, setting};
use desk::testing::TestDesk;
use desk::{Actor, By, Result};
use serde_json::json;

#[test]
fn events_come_back_as_they_were_appended_the_newest_ones_oldest_first() {
    let desk = TestDesk::new();
    let bob = By { actor: Actor::Agent { id: 3, name: "Bob".into() }, at: 1000 };
    desk.db
        .write(|tx| -> Result<()> {
            event::append(tx, &By::system(1), Subject::Ticket(7), "opened", json!({}))?;
            event::append(tx, &bob, Subject::Ticket(7), "closed", json!({ "why": "é" }))?;
            event::append(tx, &bob, Subject::Ticket(8), "closed", json!({}))?;
            event::append(tx, &bob, Subject::Site, "changed", json!({}))
        })
        .unwrap();
    let list = |limit| desk.db.read(|tx| event::list(tx, Subject::Ticket(7), limit)).unwrap();
    let kinds: Vec<_> = list(10).iter().map(|e| (e.kind.clone(), e.actor.name().to_owned())).collect();
    assert_eq!(kinds, [("opened".to_owned(), "Postern".to_owned()), ("closed".into(), "Bob".into())]);
    let newest = list(1);
    assert_eq!(newest.len(), 1);
    assert_eq!((newest[0].at, &newest[0].actor, &newest[0].data), (1000, &bob.actor, &json!({ "why": "é" })));
}

#[test]
fn no_ticket_number_is_given_twice() {
    let desk = TestDesk::new();
    let mut numbers = std::thread::scope(|s| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                s.spawn(|| {
                    let next = || desk.db.write(sequence::next_ticket_number).unwrap().parse().unwrap();
                    (0..10).map(|_| next()).collect::<Vec<i64>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect::<Vec<_>>()
    });
    numbers.sort_unstable();
    assert_eq!(numbers, (10001..10041).collect::<Vec<_>>());
}

#[test]
fn a_setting_is_there_after_it_was_set_and_the_last_value_holds() {
    let desk = TestDesk::new();
    let find = || desk.db.read(|tx| setting::find(tx, setting::DEMO)).unwrap();
    assert_eq!(find(), None);
    for value in ["1", "2"] {
        desk.db.write(|tx| setting::set(tx, setting::DEMO, value)).unwrap();
    }
    assert_eq!(find().as_deref(), Some("2"));
}

#[test]
fn one_person_is_one_requester_however_the_address_is_written_and_a_missing_name_is_filled_in() {
    let desk = TestDesk::new();
    let make = |address: &str, name: Option<&str>| {
        desk.db.write(|tx| requester::find_or_make(tx, address, name, 5)).unwrap()
    };
    let first = make("Ann@Example.org", None);
    assert_eq!(
        (first.name.as_deref(), first.addresses.as_slice()),
        (None, &["Ann@Example.org".to_owned()][..])
    );
    let named = make(" ann@example.ORG ", Some("Ann"));
    assert_eq!((named.id, named.name.as_deref()), (first.id, Some("Ann")));
    assert_eq!(make("ann@example.org", Some("Somebody else")).name.as_deref(), Some("Ann"));
    assert_ne!(make("bob@example.org", None).id, first.id);
    assert!(desk.db.read(|tx| requester::find(tx, 99)).unwrap().is_none());
}

#[test]
fn filers_that_meet_one_stranger_at_once_make_one_requester() {
    let desk = TestDesk::new();
    let ids: Vec<i64> = std::thread::scope(|s| {
        let meet = || desk.db.write(|tx| requester::find_or_make(tx, "ann@example.org", None, 5)).unwrap().id;
        let threads: Vec<_> = (0..4).map(|_| s.spawn(meet)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn the_first_department_is_support() {
    let desk = TestDesk::new();
    let all = desk.db.read(department::list).unwrap();
    assert_eq!(all.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["Support"]);
    let support = desk.db.read(|tx| department::find_by_name(tx, "Support")).unwrap().unwrap();
    assert_eq!(support.id, all[0].id);
    assert!(desk.db.read(|tx| department::find_by_name(tx, "Sales")).unwrap().is_none());
}
