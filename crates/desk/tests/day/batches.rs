//! Many messages filed together: with few statements, and as if each had come alone.
use crate::desk::{Day, MINUTE, SUPPORT};
use crate::mail::{self, Mail};
use desk::Error;
use desk::db::{Dialect, Error as DbError};
use desk::intake::filing::{self, Prepared};
use desk::intake::inbox::{self, Outcome, State};
use desk::params;
use desk::people::viewer::Viewer;

const SALES: &str = "sales@desk.example";

/// In one fetch to one mailbox, and in one round of filing.
fn fetched(day: &Day, mailbox: &str, letters: &[Mail]) {
    let raws: Vec<Vec<u8>> = letters.iter().map(|letter| letter.raw(day.next_serial())).collect();
    let first = day.next_uid(mailbox);
    let mails: Vec<(u32, &[u8])> = (first..).zip(raws.iter().map(Vec::as_slice)).collect();
    day.fetch(mailbox, "INBOX", 1, &mails, false);
}

/// What a busy hour brings, of which each may depend on what came just before it: answers (of the requester, of one on the
/// copy, of a stranger), a number in a subject, one letter to two mailboxes, a letter that names one that never came, people
/// named twice, a machine, a sender without an address.
fn hour() -> Vec<(&'static str, Mail)> {
    let to_support = |letter: Mail| (SUPPORT, letter);
    let both = || mail::from("Cora <cora@example.org>", "Both", "Who reads this?").id("both@x");
    vec![
        to_support(
            mail::from("Ann <ann@example.org>", "Printer", "It burns.")
                .id("a1@x")
                .cc("Bert <bert@example.org>"),
        ),
        to_support(
            mail::from("bert@example.org", "Re: Printer", "It does.").answers("a1@x").cc("dora@example.org"),
        ),
        to_support(mail::from("dora@example.org", "Re: Printer", "Does it?").answers("a1@x").id("d1@x")),
        to_support(
            mail::from("Ann <ann@example.org>", "Re: [#10001] Printer", "More smoke.").cc("dora@example.org"),
        ),
        to_support(mail::from("eve@example.org", "[#10001] Money", "Pay here.")),
        to_support(mail::from("ann@example.org", "Scanner", "It hums.").answers("never@x").id("s1@x")),
        to_support(mail::from("frank@example.org", "Same thread", "So does mine.").answers("never@x")),
        to_support(
            mail::from("ann@example.org", "Re: Same thread", "And mine.").answers("never@x").id("s1@x"),
        ),
        to_support(both()),
        (SALES, both()),
        (SALES, mail::from("", "Nobody", "Without a sender.")),
        (SALES, mail::from("gus@example.org", "Away", "I am away.").header("Auto-Submitted", "auto-replied")),
        to_support(mail::from("ann@example.org", "Re: Old", "Once more.").answers("old@x")),
        to_support(
            mail::from("Harry <ANN@example.org>", "Re: Old", "And again.")
                .answers("old@x")
                .cc("ivo@example.org"),
        ),
    ]
}

/// A desk on which an old ticket is closed, and what is on it after the hour came in batches of so many.
fn after(hour: &[(&'static str, Mail)], at_once: usize) -> Vec<String> {
    let day = Day::new();
    day.mailbox(SALES, "Sales");
    fetched(&day, SUPPORT, &[mail::from("ann@example.org", "Old", "Long ago.").id("old@x")]);
    day.file_all();
    let by = day.agent("Bob").by();
    let old = day.read(|tx| {
        let (id, number) = tx.one::<(i64, String)>("SELECT id, number FROM ticket", params![])?;
        // The hour speaks of 10001: the one that it opens first.
        assert_eq!(number, "10001");
        Ok(id)
    });
    day.write(|tx| {
        tx.execute("UPDATE ticket SET number = '9999' WHERE id = $1", params![old])?;
        tx.execute("UPDATE sequence SET next = 10001", params![])?;
        desk::tickets::ticket::close(tx, &by, old)
    });
    let mut outcomes = Vec::new();
    for some in hour.chunks(at_once) {
        for (mailbox, letter) in some {
            fetched(&day, mailbox, std::slice::from_ref(letter));
        }
        day.later(MINUTE);
        outcomes.extend(day.file_all().into_iter().map(|outcome| match outcome {
            Outcome::Filed { .. } => "filed".to_owned(),
            other => format!("{other:?}"),
        }));
    }
    assert_eq!(outcomes.len(), hour.len());
    outcomes.extend(told(&day));
    day.is_whole();
    outcomes
}
/// All that filing has made, without ids and times.
fn told(day: &Day) -> Vec<String> {
    let all = [
        "SELECT t.number || ' ' || t.state || ' ' || t.subject || ' ' || t.requester_address || ' ' || t.entries || ' ' ||
             t.last_kind || ' ' || t.last_name || ' ' || t.preview || ' ' || COALESCE(o.number, '-') || ' ' ||
             CASE WHEN t.last_entry_id = (SELECT max(id) FROM entry WHERE ticket_id = t.id) THEN 'last' ELSE 'not last' END
         FROM ticket t LEFT JOIN ticket o ON o.id = t.refers_to_id ORDER BY t.id",
        "SELECT t.number || ' ' || e.subject || ' ' || COALESCE(e.from_name, '-') || ' ' || COALESCE(e.from_address, '-') || ' ' ||
             a.address_key || ' ' || COALESCE(r.name, '-') || ' ' || e.to_list || e.cc_list || ' ' || e.text
         FROM entry e JOIN ticket t ON t.id = e.ticket_id JOIN requester r ON r.id = e.requester_id
         JOIN requester_address a ON a.requester_id = r.id ORDER BY e.id",
        "SELECT r.message_id || ' ' || t.number || ' ' || r.ours || ' ' || COALESCE(e.subject, '-')
         FROM reference r JOIN ticket t ON t.id = r.ticket_id LEFT JOIN entry e ON e.id = r.entry_id
         ORDER BY r.message_id, t.number",
        "SELECT t.number || ' ' || p.address || ' ' || COALESCE(p.name, '-') || ' ' || p.standing || ' ' || p.added_by
         FROM participant p JOIN ticket t ON t.id = p.ticket_id ORDER BY t.number, p.address_key",
        "SELECT t.number || ' ' || v.kind || ' ' || v.actor_kind || ' ' || v.actor_name || ' ' || v.data
         FROM event v JOIN ticket t ON t.id = v.subject_id AND v.subject_kind = 'ticket' ORDER BY t.number, v.id",
        "SELECT i.state || ' ' || i.reason_code || ' ' || i.reason || ' ' || COALESCE(t.number, '-') || ' ' || COALESCE(e.subject, '-')
         FROM inbox i LEFT JOIN ticket t ON t.id = i.ticket_id LEFT JOIN entry e ON e.id = i.entry_id ORDER BY i.id",
    ];
    let lists = all.map(|sql| day.read(|tx| Ok(tx.all::<(String,)>(sql, params![])?)));
    lists.into_iter().flatten().map(|(line,)| line).collect()
}

#[test]
fn a_batch_comes_out_as_its_messages_one_by_one() {
    let hour = hour();
    let alone = after(&hour, 1);
    assert!(alone.iter().any(|line| line.starts_with("10001 open Printer ann@example.org 3 ")), "{alone:#?}");
    assert!(
        alone.iter().any(|line| line.starts_with("10001 also_received"))
            || alone.iter().any(|line| line.contains(" also_received ")),
        "{alone:#?}"
    );
    assert!(alone.iter().any(|line| line.contains("9999 reopened")), "{alone:#?}");
    for at_once in [2, 5, hour.len()] {
        let together = after(&hour, at_once);
        let differs = alone.iter().zip(&together).find(|(one, other)| one != other);
        assert_eq!(differs, None, "in batches of {at_once}");
        assert_eq!(alone.len(), together.len());
    }
}

#[test]
fn a_batch_takes_few_statements() {
    let day = Day::new();
    let letter = |n: usize| {
        let letter = mail::from(&format!("p{n}@example.org"), &format!("Matter {n}"), "Please.");
        let letter = letter.id(&format!("m{n}@x")).cc(&format!("c{n}@example.org"));
        if n % 3 == 2 { letter.answers(&format!("m{}@x", n - 1)) } else { letter }
    };
    let ran = |letters: std::ops::Range<usize>| {
        fetched(&day, SUPPORT, &letters.map(letter).collect::<Vec<_>>());
        let now = day.later(MINUTE);
        let claims = day.write(|tx| inbox::claim_due(tx, now, MINUTE, "test", 100));
        let prepared: Vec<Prepared> = claims.iter().map(|claim| day.prepare(claim)).collect();
        let messages: Vec<_> = claims.iter().zip(&prepared).collect();
        day.write(|tx| {
            let before = tx.ran();
            let outcomes = filing::file_all(tx, &messages, now)?;
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Filed { .. })), "{outcomes:?}");
            Ok(tx.ran() - before)
        })
    };
    let one = ran(0..1);
    let many = ran(1..65);
    // SQLite takes the words of each entry apart, and is no round trip away.
    let words = day.read(|tx| Ok(if tx.dialect() == Dialect::Sqlite { 64 } else { 1 }));
    assert!(one <= 30, "{one} statements for one message");
    assert!(many <= 2 * one + words, "{many} statements for 64 messages, {one} for one");
    day.is_whole();
}

#[test]
fn few_large_messages_are_in_hand_at_once_and_always_one() {
    let day = Day::new();
    let letter = |n: usize| mail::from("ann@example.org", &format!("Matter {n}"), "Please.");
    fetched(&day, SUPPORT, &(0..6).map(letter).collect::<Vec<_>>());
    let sizes = [400, 20, 20, 20, 1, 1].map(|megabytes: i64| megabytes * 1_000_000);
    day.write(|tx| {
        let rows: Vec<(i64,)> = tx.all("SELECT id FROM inbox ORDER BY id", params![])?;
        for ((id,), size) in rows.iter().zip(sizes) {
            tx.execute("UPDATE inbox SET size_bytes = $2 WHERE id = $1", params![*id, size])?;
        }
        Ok(())
    });
    let (now, mut in_hand, mut claims) = (day.later(MINUTE), Vec::new(), Vec::new());
    loop {
        let next = day.write(|tx| inbox::claim_next(tx, now, MINUTE, "test", 100, &in_hand));
        if next.is_empty() {
            break;
        }
        claims.push(next.len());
        in_hand.extend(next.into_iter().map(|claim| claim.inbox_id));
    }
    assert_eq!(claims, [1, 2, 3]);
    assert!(in_hand.is_sorted());
}

#[test]
fn a_letter_that_two_filers_have_at_once_becomes_one_ticket() {
    let day = Day::new();
    day.mailbox(SALES, "Sales");
    let twin =
        |n: usize| mail::from("ann@example.org", &format!("Twin {n}"), "To both.").id(&format!("t{n}@x"));
    let twins: Vec<Mail> = (0..12).map(twin).collect();
    fetched(&day, SUPPORT, &twins);
    fetched(&day, SALES, &twins);
    let now = day.later(MINUTE);
    let filers = ["one", "other"].map(|filer| {
        let claims = day.write(|tx| inbox::claim_due(tx, now, MINUTE, filer, 12));
        assert_eq!(claims.len(), 12);
        let prepared: Vec<Prepared> = claims.iter().map(|claim| day.prepare(claim)).collect();
        (claims, prepared)
    });
    let db = &day.desk.db;
    std::thread::scope(|scope| {
        for (claims, prepared) in &filers {
            scope.spawn(move || {
                let messages: Vec<_> = claims.iter().zip(prepared).collect();
                for some in messages.chunks(3) {
                    while let Err(error) = db.write(|tx| filing::file_all(tx, some, now)) {
                        assert!(matches!(error, Error::Db(DbError::Busy)), "{error}");
                    }
                }
            });
        }
    });
    let open = day.read(|tx| desk::tickets::queue::counts(tx, &Viewer::Operator)).open;
    assert_eq!(open, 12);
    // Which of the two is the ticket's is a matter of who was first, so that it is not filed again in the order of the inbox.
    let rows = day.read(|tx| inbox::list(tx, None, None, 100));
    let ended = |state| rows.iter().filter(|row| row.state == state).count();
    assert_eq!((ended(State::Filed), ended(State::Ignored)), (12, 12));
}
