//! Queues, pages, counts and news.
use crate::desk::{Day, MINUTE};
use crate::mail;
use desk::outgoing::outbox::Fate;
use desk::people::viewer::Viewer;
use desk::tickets::queue::{self, After, COUNT_MAX, Queue, Wanted};
use desk::{By, params};

#[test]
fn each_queue_holds_what_it_says() {
    let day = Day::new();
    for n in 1..=4 {
        day.receive(mail::from(&format!("p{n}@example.org"), &format!("Matter {n}"), "Please."));
    }
    let (bob, maya) = (day.agent("Bob"), day.agent("Maya"));
    bob.takes("10001");
    maya.takes("10002");
    maya.closes("10003");
    bob.replies("10001", "Yes.");
    day.send_all(|_| Fate::Refused { answer: "550 no".to_owned() });
    let numbers = |viewer: &Viewer| {
        [Queue::Open, Queue::Mine, Queue::Unassigned, Queue::NotSent, Queue::Closed]
            .map(|queue| day.numbers(viewer, queue))
    };
    assert_eq!(numbers(&bob.viewer()), ["10001 10004 10002", "10001", "10004", "10001", "10003"]);
    assert_eq!(numbers(&maya.viewer()), ["10001 10004 10002", "10002", "10004", "10001", "10003"]);
    let counts = day.read(|tx| queue::counts(tx, &bob.viewer()));
    assert_eq!(
        (counts.open, counts.mine, counts.unassigned, counts.not_sent, counts.closed),
        (3, 1, 1, 1, 1)
    );
    assert_eq!(day.numbers(&Viewer::Operator, Queue::Mine), "", "the command line is nobody");
    let line = &day.read(|tx| queue::page(tx, &bob.viewer(), Queue::Mine, None, 1)).lines[0];
    assert_eq!(
        (line.last_name.as_str(), line.preview.as_str(), line.assignee.as_deref()),
        ("Bob", "Yes.", Some("Bob"))
    );
    assert_eq!((line.unsent, line.entries, line.department.as_str()), (1, 2, "Support"));
}

#[test]
fn a_name_of_two_million_characters_is_not_repeated_by_every_list() {
    let day = Day::new();
    let name = "N".repeat(1_900_000);
    let letter = mail::from(&format!("{name} <ann@example.org>"), "Matter", "Please.");
    day.receive(letter.header("Reply-To", &format!("{name} <ann@example.org>")));
    day.receive(mail::from(&format!("{name} <no address>"), "Nobody", "Please."));
    let page = day.read(|tx| queue::page(tx, &Viewer::Operator, Queue::Open, None, 5));
    let names: Vec<usize> = page.lines.iter().map(|line| line.last_name.chars().count()).collect();
    assert!(names.len() == 2 && names.iter().all(|chars| (1..=201).contains(chars)), "{names:?}");
    let kept = "SELECT max(length(coalesce(from_name, ''))), max(length(reply_to)), max(length(to_list)),
        (SELECT max(length(coalesce(name, ''))) FROM participant), (SELECT max(length(name)) FROM requester) FROM entry";
    let (from, reply_to, to, participant, requester): (i64, i64, i64, Option<i64>, Option<i64>) =
        day.read(|tx| Ok(tx.one(kept, params![])?));
    let longest = [Some(from), Some(reply_to), Some(to), participant, requester].into_iter().flatten().max();
    assert!(longest < Some(500), "{longest:?}");
}

#[test]
fn pages_follow_each_other_without_a_gap_or_a_double() {
    let day = Day::new();
    // Several in the same millisecond: the id decides.
    let raws: Vec<Vec<u8>> =
        (1..=23).map(|n| mail::from("ann@example.org", &format!("Matter {n}"), "Please.").raw(n)).collect();
    let mails: Vec<(u32, &[u8])> = (1..).zip(raws.iter().map(Vec::as_slice)).collect();
    day.fetch(crate::desk::SUPPORT, "INBOX", 1, &mails, false);
    day.file_all();
    let (mut after, mut all, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = day.read(|tx| queue::page(tx, &Viewer::Operator, Queue::Open, after.as_ref(), 5));
        all.extend(page.lines.iter().map(|line| line.number.parse::<u32>().unwrap()));
        pages += 1;
        let Some(next) = page.next else { break };
        let text = next.to_text();
        assert_eq!(After::parse(&text), Some(next));
        after = After::parse(&text);
    }
    assert_eq!(all, (10001..=10023).rev().collect::<Vec<_>>());
    assert_eq!(pages, 5);
    for text in ["", "1", "1.", ".1", "a.b", "1.2.3", "99999999999999999999.1"] {
        assert_eq!(After::parse(text), None, "{text}");
    }
}

#[test]
fn both_states_in_one_list_keep_their_order_and_their_pages() {
    let day = Day::new();
    for n in 1..=9 {
        day.receive(mail::from("ann@example.org", &format!("Matter {n}"), "Please."));
    }
    for number in ["10002", "10005", "10006"] {
        day.agent("Bob").closes(number);
    }
    let requester_id = day.ticket("10001").requester_id;
    for requester_id in [None, Some(requester_id)] {
        let numbers = |open, closed| {
            let wanted = Wanted { open, closed, requester_id };
            let (mut after, mut all) = (None, Vec::new());
            loop {
                let page = day.read(|tx| queue::list(tx, &Viewer::Operator, &wanted, after.as_ref(), 2));
                all.extend(
                    page.lines.into_iter().map(|line| line.number.trim_start_matches("1000").to_owned()),
                );
                after = page.next;
                if after.is_none() {
                    return all.join("");
                }
            }
        };
        assert_eq!(numbers(true, true), "987654321");
        assert_eq!(numbers(false, false), "987654321");
        assert_eq!(numbers(true, false), "987431");
        assert_eq!(numbers(false, true), "652");
    }
    assert_eq!(day.read(|tx| queue::count_of_requester(tx, &Viewer::Operator, requester_id)), (9, 6));
}

#[test]
fn news_is_what_somebody_else_wrote_since_i_looked() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let (bob, maya) = (day.agent("Bob"), day.agent("Maya"));
    assert_eq!((bob.news(), maya.news()), ("10001".to_owned(), "10001".to_owned()));
    bob.looks("10001");
    assert_eq!((bob.news(), maya.news()), (String::new(), "10001".to_owned()));
    maya.looks("10001");
    maya.notes("10001", "I know her.");
    assert_eq!((bob.news(), maya.news()), ("10001".to_owned(), String::new()), "one's own words are no news");
    bob.looks("10001");
    bob.replies("10001", "We are on it.");
    assert_eq!((bob.news(), maya.news()), (String::new(), "10001".to_owned()));
    let first = day.entries("10001")[0].id;
    let id = day.ticket("10001").id;
    day.write(|tx| desk::tickets::seen::look(tx, bob.id, id, first, 1));
    assert_eq!(bob.news(), "", "an old page does not take it back");
    let page = day.read(|tx| queue::page(tx, &Viewer::Operator, Queue::Open, None, 1));
    assert!(!page.lines[0].news);
}

#[test]
fn counts_end_at_a_thousand() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    day.write(|tx| {
        Ok(tx.execute(
            "INSERT INTO ticket (number, subject, subject_key, state, department_id, requester_id, requester_address, created_at, updated_at)
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
             SELECT 'x' || i, 's', 's', 'open', t.department_id, t.requester_id, t.requester_address, i, i FROM n, ticket t WHERE t.number = '10001'",
            params![],
        )?)
    });
    let counts = day.read(|tx| queue::counts(tx, &Viewer::Operator));
    assert_eq!((counts.open, counts.unassigned, counts.mine), (COUNT_MAX + 1, COUNT_MAX + 1, 0));
    let requester_id = day.ticket("10001").requester_id;
    assert_eq!(
        day.read(|tx| queue::count_of_requester(tx, &Viewer::Operator, requester_id)),
        (COUNT_MAX, COUNT_MAX)
    );
}

/// SQLite's own words about each queue: an index in order, never a scan of tickets or entries, never a sort.
#[test]
fn a_page_costs_what_it_shows() {
    let day = Day::new();
    if day.read(|tx| Ok(tx.dialect())) != desk::db::Dialect::Sqlite {
        return; // The order of joins is the question here, and SQLite's.
    }
    let viewer = day.agent("Bob").viewer();
    let after = After { updated_at: 1, id: 1 };
    for queue in [Queue::Open, Queue::Mine, Queue::Unassigned, Queue::NotSent, Queue::Closed] {
        for after in [None, Some(&after)] {
            let plan = day.read(|tx| queue::plan(tx, &viewer, queue, after, 50));
            let text = plan.join("\n");
            assert!(!text.contains("TEMP B-TREE"), "{queue:?}:\n{text}");
            assert!(
                plan.first().unwrap().contains("USING INDEX ticket_")
                    || plan.first().unwrap().contains("USING COVERING INDEX ticket_"),
                "{queue:?}:\n{text}"
            );
            for line in &plan {
                assert!(!line.starts_with("SCAN") || line.contains("INDEX ticket_"), "{queue:?}:\n{text}");
            }
        }
    }
}

#[test]
fn old_mail_that_is_read_in_lies_where_its_time_is() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Today", "Now."));
    let raw = mail::from("bert@example.org", "Last year", "Then.").raw(50);
    let claim = day.claim_mailbox(crate::desk::SUPPORT);
    let mut arrival = day.arrival(9, &raw, true);
    arrival.received_at -= 365 * 24 * 60 * MINUTE;
    let cursor = desk::mailboxes::cursor::Cursor {
        folder: "INBOX".to_owned(),
        uid_validity: 1,
        uid_last: 9,
        start_after_uid: 9,
    };
    let now = day.now();
    day.write(|tx| desk::intake::inbox::record(tx, &claim, &cursor, std::slice::from_ref(&arrival), now));
    day.file_all();
    assert_eq!(day.numbers(&Viewer::Operator, Queue::Open), "10001 10002");
    let by = By::system(now);
    assert_eq!(by.name(), "Postern");
}
