//! The index of words is damaged: mail is filed and answered as ever, what is new is found at once, and what is old is found
//! again bit by bit.
use crate::desk::{Day, SUPPORT};
use crate::mail;
use desk::check;
use desk::db::{Dialect, Sql};
use desk::intake::inbox::Outcome;
use desk::params;
use desk::people::viewer::Viewer;
use desk::tickets::{index, queue::Wanted, search};

/// What no index says of itself, written by somebody else: a connection remembers what it has written.
const NO_STRUCTURE: &str =
    "UPDATE entry_words_data SET block = x'00000000FFFFFFFFFFFFFFFFFFFFFFFF' WHERE id = 10";
const BROKEN: [&str; 2] = [
    "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN RAISE EXCEPTION USING ERRCODE = ''XX002'', MESSAGE = ''right sibling is damaged''; END'",
    "CREATE TRIGGER broken BEFORE INSERT ON entry_words FOR EACH ROW EXECUTE FUNCTION broken()",
];
fn damage(day: &Day) {
    let other = day.desk.place().open();
    let harm = |tx: &mut desk::db::Tx<'_>| {
        let all: &[&'static str] = match tx.dialect() {
            Dialect::Sqlite => &[NO_STRUCTURE],
            Dialect::Postgres => &BROKEN,
        };
        all.iter().try_for_each(|sql| tx.execute(Sql::from(*sql), params![]).map(drop))
    };
    other.write::<(), desk::db::Error>(harm).unwrap();
}
fn found(day: &Day, word: &str) -> Vec<String> {
    let page = day.read(|tx| search::find(tx, &Viewer::Operator, &Wanted::default(), word, None, 50));
    page.lines.into_iter().map(|line| line.subject).collect()
}
fn kinds(day: &Day) -> Vec<&'static str> {
    check::check(&day.desk).unwrap().faults.into_iter().map(|fault| fault.kind).collect()
}

#[test]
fn mail_is_filed_although_the_index_is_damaged_and_older_entries_are_found_again_in_steps() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "Smoke in the cellar."));
    for i in 0..450 {
        let raw = mail::from("bert@example.org", &format!("Matter {i}"), "Water in the attic.").raw(1000 + i);
        let uid = 1000 + i;
        day.fetch(SUPPORT, "INBOX", 1, &[(uid, &raw)], false);
        if i % 90 == 89 {
            assert_eq!(day.file_all().len(), 90);
        }
    }
    damage(&day);

    let outcome = day.receive(mail::from("dora@example.org", "Third", "Dust in the garden."));
    assert!(matches!(outcome, Outcome::Filed { .. }), "{outcome:?}");
    assert_eq!(found(&day, "garden"), ["Third"], "what is new is found at once");
    assert!(found(&day, "cellar").is_empty(), "and what is old is not found yet");
    assert_eq!(kinds(&day), ["words_missing"]);
    day.agent("Bob").replies("10001", "Open the cupboard.");
    assert_eq!(found(&day, "cupboard"), ["Printer"]);

    let mut steps = Vec::new();
    loop {
        let filled = day.write(index::fill);
        steps.push(filled.entries);
        if filled.rest.is_none() {
            break;
        }
    }
    assert_eq!(steps, [200, 200, 51, 0], "all but what was indexed since");
    assert_eq!(found(&day, "cellar"), ["Printer"]);
    assert_eq!(found(&day, "attic").len(), 50);
    assert_eq!(day.write(index::fill), index::Filled::default());
    assert_eq!(kinds(&day), [] as [&str; 0]);
}

#[test]
fn an_agents_answer_goes_through_and_the_check_names_the_damage_and_goes_on() {
    let day = Day::new();
    day.receive(mail::from("ann@example.org", "Printer", "Smoke in the cellar."));
    let is_sqlite = day.read(|tx| Ok(tx.dialect() == Dialect::Sqlite));
    damage(&day);
    if is_sqlite {
        // PostgreSQL tells of a damaged index only where it is used.
        day.desk.db.read(|tx| tx.all::<(i64,)>("SELECT rowid FROM entry_words", params![])).ok();
        let report = check::check(&day.desk).unwrap();
        let said: Vec<_> = report.faults.iter().map(|fault| (fault.kind, fault.remedy.as_str())).collect();
        assert!(
            matches!(said.as_slice(), [("words_damaged", remedy)] if remedy.contains("postern index rebuild")),
            "{said:?}"
        );
        assert_eq!((report.inbox, report.entries), (1, 1), "the rest was looked at");
    }
    day.agent("Bob").replies("10001", "Open the cupboard.");
    assert_eq!(found(&day, "cupboard"), ["Printer"]);
    while day.write(index::fill).rest.is_some() {}
    day.delivers();
    assert_eq!(kinds(&day), [] as [&str; 0]);
}

#[test]
fn who_searches_leaves_word_that_the_index_is_damaged_and_changes_nothing() {
    let day = Day::new();
    if day.read(|tx| Ok(tx.dialect() == Dialect::Postgres)) {
        return; // a trigger keeps nobody from reading
    }
    day.receive(mail::from("ann@example.org", "Printer", "Smoke in the cellar."));
    damage(&day);
    let looked =
        day.desk.db.read(|tx| search::find(tx, &Viewer::Operator, &Wanted::default(), "cellar", None, 9));
    let said = looked.unwrap_err().to_string();
    assert!(said.contains("the index of words") && said.contains("postern index rebuild"), "{said}");
    assert!(day.desk.db.has_met_damaged_words());
    assert!(!day.desk.db.has_met_damaged_words(), "it is said once");
    day.desk.db.renew_words().unwrap();
    while day.write(index::fill).rest.is_some() {}
    assert_eq!(found(&day, "cellar"), ["Printer"]);
}
