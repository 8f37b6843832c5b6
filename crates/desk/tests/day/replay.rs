//! Stored mail, filed again at a desk of its own: the same comes out, or what is another is told. (That every day of the
//! other tests comes out the same is asked by `Day::is_whole`.)
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::intake::held;
use desk::intake::replay::{self, Change, Difference, Place, Range};
use desk::params;

/// One of each: opened, answered, joined by number, referring, taken in by an agent, held, accepted, ignored by a person, a
/// report, a letter to two mailboxes, and our own coming back.
fn day() -> Day {
    let day = Day::new();
    day.mailbox("sales@desk.example", "Sales");
    day.receive(
        mail::from("Ann <ann@example.org>", "Printer", "It burns.")
            .cc("bert@example.org")
            .id("ann1@example.org"),
    );
    day.agent("Bob").replies("10001", "We are on it.");
    let sent = day.delivers();
    let ours = day.last_id("10001");
    day.receive(mail::from("ann@example.org", "Re: Printer", "Thanks.").answers(&ours));
    day.receive(mail::from("bert@example.org", "Re: Printer [#10001]", "By the number."));
    day.receive(
        mail::from("Eve <eve@example.net>", "Fwd: Printer", "I am the technician.")
            .answers(&ours)
            .id("eve1@example.net"),
    );
    day.agent("Maya").joins("10002", "10001").unwrap();
    day.receive(
        mail::from("eve@example.net", "Re: Fwd: Printer", "After the join.").answers("eve1@example.net"),
    );
    day.receive_raw(SUPPORT, &sent[0], false);
    day.receive_raw(
        SUPPORT,
        &mail::report(&ours, "ann@example.org", "failed", "5.1.1", "550 no such user"),
        false,
    );
    let absence = |id: &str| {
        mail::from("zoe@example.org", "Away", "I am away.").header("Auto-Submitted", "auto-replied").id(id)
    };
    day.receive(absence("away1@example.org"));
    day.receive(absence("away2@example.org"));
    day.receive(absence("away3@example.org"));
    let by = day.agent("Maya").by();
    let held_ids: Vec<i64> = day.read(|tx| {
        Ok(tx
            .all::<(i64,)>("SELECT id FROM inbox WHERE state = 'held' ORDER BY id", params![])?
            .into_iter()
            .map(|(id,)| id)
            .collect())
    });
    day.write(|tx| held::accept(tx, &by, held_ids[0]).and_then(|()| held::ignore(tx, &by, held_ids[1])));
    day.file_all();
    let letter =
        mail::from("carl@example.org", "To both", "Who is it for?").cc("sales@desk.example").raw(9_000);
    day.receive_raw(SUPPORT, &letter, false);
    day.receive_raw("sales@desk.example", &letter, false);
    day
}

fn one(day: &Day) -> Difference {
    let mut differences = day.replayed();
    assert_eq!(differences.len(), 1, "{differences:#?}");
    differences.remove(0)
}
fn change(day: &Day, sql: &'static str) {
    assert_eq!(day.write(|tx| Ok(tx.execute(sql, params![])?)), 1, "{sql}");
}

#[test]
fn a_day_of_everything_comes_out_as_it_did_and_nothing_of_the_desk_changes() {
    let day = day();
    let count = || {
        day.read(|tx| Ok(tx.one::<(i64, i64, i64)>("SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM entry), (SELECT count(*) FROM blob)", params![])?))
    };
    let before = count();
    assert!(day.replayed().is_empty());
    assert_eq!(count(), before);
    day.is_whole();
}

#[test]
fn what_an_older_parser_read_otherwise_is_told_by_field() {
    let day = day();
    change(
        &day,
        "UPDATE entry SET reply_text = 'Thanks. On Monday you wrote', text = 'Thanks.' WHERE reply_text LIKE 'Thanks.%'",
    );
    let told = one(&day);
    assert_eq!((told.from.as_str(), told.subject.as_str()), ("ann@example.org", "Re: Printer"));
    assert_eq!(told.then, told.now);
    let reply = Change {
        field: "reply_text",
        then: "Thanks. On Monday you wrote".to_owned(),
        now: "Thanks.".to_owned(),
    };
    assert!(told.changes.contains(&reply), "{:#?}", told.changes);
}

#[test]
fn what_was_ignored_and_would_open_a_ticket_is_told() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns."));
    let letter = mail::from("bert@example.org", "Scanner", "It hums.").id("bert1@example.org").raw(500);
    day.fetch(SUPPORT, "INBOX", 1, &[(50, &letter)], false);
    change(
        &day,
        "UPDATE inbox SET state = 'ignored', reason_code = 'own', reason = 'Ours.' WHERE message_id = 'bert1@example.org'",
    );
    let told = one(&day);
    assert_eq!(told.then.to_string(), "ignored: Ours.");
    assert!(matches!(told.now.place, Some(Place::Opened { refers_to: None, .. })), "{:?}", told.now);
}

#[test]
fn what_joined_and_would_open_a_ticket_is_told() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "It burns.").id("ann1@example.org"));
    day.receive(mail::from("bert@example.org", "Scanner", "It hums.").id("bert1@example.org"));
    // An older rule put it there.
    change(
        &day,
        "UPDATE entry SET ticket_id = (SELECT min(id) FROM ticket) WHERE message_id = 'bert1@example.org'",
    );
    let told = one(&day);
    assert_eq!(told.then.to_string(), "on ticket #10001");
    assert!(told.now.to_string().starts_with("a ticket of its own, #"), "{}", told.now);
}

#[test]
fn a_range_begins_where_it_is_asked_to() {
    let day = day();
    let all = day.read(|tx| replay::next(tx, &Range::default(), 0, 1000));
    let of = |range: Range| {
        day.read(|tx| {
            let after = replay::before_first(tx, &range)?;
            replay::next(tx, &range, after, 1000)
        })
    };
    assert_eq!(of(Range { last: Some(3), ..Range::default() }).len(), 3);
    assert_eq!(of(Range { last: Some(1000), ..Range::default() }).len(), all.len());
    assert_eq!(of(Range { since: Some(day.now()), ..Range::default() }).len(), 1);
    let sales = Some(day.mailbox_id("sales@desk.example"));
    assert_eq!(of(Range { mailbox_id: sales, last: Some(5), ..Range::default() }).len(), 1);
}

#[test]
fn a_range_in_the_middle_knows_what_came_before_it() {
    let day = day();
    let folder = tempfile::tempdir().unwrap();
    let mut scratch = replay::Scratch::make(&day.desk.db, folder.path()).unwrap();
    // By itself the copy of a letter to two mailboxes says nothing: its first one is not among these.
    let sales = Range { mailbox_id: Some(day.mailbox_id("sales@desk.example")), ..Range::default() };
    let copies = day.read(|tx| replay::next(tx, &sales, 0, 1000));
    assert_eq!(copies.len(), 1);
    for came in copies.into_iter().chain(day.read(|tx| replay::next(tx, &Range::default(), 1, 1000))) {
        let raw = day.desk.store.get(&came.claim.place, &came.claim.hash).unwrap();
        let read = Ok(desk::intake::filing::unkept(::mail::message::parse(&raw).into()).unwrap());
        let told = scratch.file(&day.desk.db, &came, read).unwrap();
        assert!(told.is_none(), "{told:#?}");
    }
}

#[test]
fn no_secret_goes_to_the_other_desk() {
    let day = day();
    change(
        &day,
        "UPDATE mailbox SET in_password = (SELECT hash FROM blob ORDER BY id LIMIT 1) WHERE address = 'support@desk.example'",
    );
    let folder = tempfile::tempdir().unwrap();
    drop(replay::Scratch::make(&day.desk.db, folder.path()).unwrap());
    let other = desk::db::Db::open(
        &format!("sqlite:{}", folder.path().join("replay.db").display()),
        &desk::testing::options(),
    )
    .unwrap();
    let (count, kept): (i64, i64) =
        other.read(|tx| tx.one("SELECT count(*), count(in_password) FROM mailbox", params![])).unwrap();
    assert_eq!((count, kept), (2, 0));
}
