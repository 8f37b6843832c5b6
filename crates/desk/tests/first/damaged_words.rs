//! The index of words is damaged in ways that keep it from being dropped: it is made anew all the same, and a copy of the
//! database can be made.
use desk::MIGRATIONS;
use desk::db::{Db, Error, Sql, Tx};
use desk::params;
use desk::testing::Place;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

fn filled() -> (Place, Db) {
    let place = Place::sqlite();
    let db = place.open();
    db.migrate(MIGRATIONS).unwrap();
    for i in 0..40_i64 {
        add(&db, i).unwrap();
    }
    (place, db)
}
fn add(db: &Db, i: i64) -> Result<(), Error> {
    let words: Vec<String> = (0..500).map(|j| format!("word{}", i * 500 + j)).collect();
    db.write(|tx| {
        tx.execute("INSERT INTO entry_words (rowid, body) VALUES ($1, $2)", params![i, words.join(" ")])
            .map(drop)
    })
}
/// It takes words and finds them, and the file as a whole can be copied.
fn is_well(place: &Place, db: &Db) {
    let found = |tx: &mut Tx<'_>| {
        tx.all::<(i64,)>("SELECT rowid FROM entry_words WHERE entry_words MATCH '\"word25000\"'", params![])
    };
    assert_eq!(db.read(found).unwrap(), [(50,)]);
    let said = db.read(|tx| tx.all::<(String,)>("PRAGMA integrity_check", params![])).unwrap();
    assert!(said.iter().all(|(said,)| said == "ok" || said.contains("never used")), "{said:?}");
    let copy = place.folder().join("copy.db");
    db.snapshot(&copy, MIGRATIONS).unwrap();
    let copy = Db::open(&format!("sqlite:{}", copy.display()), &desk::testing::options()).unwrap();
    assert_eq!(copy.read(found).unwrap(), [(50,)]);
    let said = copy.read(|tx| tx.all::<(String,)>("PRAGMA integrity_check", params![])).unwrap();
    assert_eq!(said, [("ok".to_owned(),)], "what nothing uses is not copied");
}

#[test]
fn pages_of_the_index_that_cannot_be_read_are_left_behind() {
    let (place, db) = filled();
    let pages = |tx: &mut Tx<'_>| {
        tx.all::<(i64, i64)>(
            "SELECT pageno, pgoffset FROM dbstat WHERE name = 'entry_words_data' ORDER BY pageno",
            params![],
        )
    };
    let pages = db.read(pages).unwrap();
    assert!(pages.len() > 10, "{pages:?}");
    drop(db); // all is in the file
    let path = place.url.strip_prefix("sqlite:").unwrap();
    let file = File::options().write(true).open(path).unwrap();
    for (_, offset) in pages {
        file.write_all_at(&[0xa5; 512], u64::try_from(offset).unwrap()).unwrap();
    }
    let db = place.open();
    add(&db, 50).unwrap();
    is_well(&place, &db);
}

#[test]
fn a_table_of_the_index_that_is_gone_is_no_hindrance() {
    for table in ["entry_words_config", "entry_words_data", "entry_words_docsize", "entry_words_idx"] {
        let (place, db) = filled();
        let harm = format!("DROP TABLE {table}");
        let harm: &'static str = harm.leak();
        place.open().write::<_, Error>(|tx| tx.execute(Sql::from(harm), params![])).unwrap();
        add(&db, 50).unwrap_or_else(|error| panic!("{table}: {error}"));
        is_well(&place, &db);
    }
}

/// As mail is filed: in a part of a transaction, with other rows after the words. FTS5 writes what was added when the next
/// statement begins, and that one fails.
fn file(db: &Db, i: i64) -> Result<(), Error> {
    db.write(|tx| {
        tx.savepoint::<_, Error>(|tx| {
            tx.execute(
                "INSERT INTO entry_words (rowid, body) VALUES ($1, 'word25000 of ' || $1)",
                params![i],
            )?;
            let names = [format!("a{i}"), format!("b{i}")];
            tx.execute(
                "INSERT INTO sequence (name, next) VALUES ($1, 1), ($2, 1)",
                params![&names[0], &names[1]],
            )?;
            tx.execute("UPDATE sequence SET next = 2 WHERE name = $1", params![&names[0]]).map(drop)
        })
    })
}

#[test]
fn a_bad_page_of_the_table_that_leads_to_the_index_stops_nothing() {
    for bad in [0xa5, 0] {
        let (place, db) = filled();
        let page = |tx: &mut Tx<'_>| {
            tx.one::<(i64, i64)>(
                "SELECT s.pgoffset, s.pgsize FROM sqlite_master m JOIN dbstat s ON s.pageno = m.rootpage
                 WHERE m.name = 'entry_words_idx' AND s.name = 'entry_words_idx'",
                params![],
            )
        };
        let (offset, size) = db.read(page).unwrap();
        drop(db); // all is in the file
        let path = place.url.strip_prefix("sqlite:").unwrap();
        let file_of_it = File::options().write(true).open(path).unwrap();
        let bytes = vec![bad; usize::try_from(size).unwrap()];
        file_of_it.write_all_at(&bytes, u64::try_from(offset).unwrap()).unwrap();
        let db = place.open();
        file(&db, 50).unwrap_or_else(|error| panic!("{bad}: {error}"));
        is_well(&place, &db);
    }
}

#[test]
fn a_table_of_the_index_that_goes_while_it_is_in_use_stops_nothing() {
    // The table of settings is read when the index is opened alone.
    for table in ["entry_words_data", "entry_words_docsize", "entry_words_idx"] {
        let (place, db) = filled();
        let harm: &'static str = format!("DROP TABLE {table}").leak();
        db.write::<_, Error>(|tx| tx.execute(Sql::from(harm), params![])).unwrap();
        file(&db, 50).unwrap_or_else(|error| panic!("{table}: {error}"));
        is_well(&place, &db);
    }
}

/// The index is made anew once, as it might have been that, and is left alone then, though its words are written with each message.
#[test]
fn damage_elsewhere_is_not_taken_for_the_index_again_and_again() {
    let (place, db) = filled();
    db.write::<_, Error>(|tx| {
        tx.execute("CREATE TABLE other (text TEXT)", params![])?;
        tx.execute("INSERT INTO other (text) VALUES ('x')", params![])
    })
    .unwrap();
    let page = |tx: &mut Tx<'_>| {
        tx.one::<(i64, i64)>("SELECT pgoffset, pgsize FROM dbstat WHERE name = 'other'", params![])
    };
    let (offset, size) = db.read(page).unwrap();
    drop(db);
    let path = place.url.strip_prefix("sqlite:").unwrap();
    let file_of_it = File::options().write(true).open(path).unwrap();
    let bytes = vec![0xa5; usize::try_from(size).unwrap()];
    file_of_it.write_all_at(&bytes, u64::try_from(offset).unwrap()).unwrap();
    let db = place.open();
    let both = |i: i64| {
        db.write::<_, Error>(|tx| {
            tx.execute("INSERT INTO entry_words (rowid, body) VALUES ($1, 'x')", params![i])?;
            tx.execute("INSERT INTO other (text) VALUES ('y')", params![])
        })
    };
    assert!(matches!(both(60), Err(Error::Words(_))));
    for i in 0..3 {
        let said = both(61 + i).unwrap_err();
        assert!(matches!(&said, Error::Store(why) if why.contains("malformed")), "{said}");
    }
    file(&db, 50).unwrap();
    let found = |tx: &mut Tx<'_>| {
        tx.all::<(i64,)>("SELECT rowid FROM entry_words WHERE entry_words MATCH '\"word25000\"'", params![])
    };
    assert_eq!(db.read(found).unwrap(), [(50,)]);
}

#[test]
fn what_making_it_anew_does_not_mend_is_not_tried_again_and_again() {
    let (place, db) = filled();
    // Another index of the same kind, which is damaged and stays so.
    for sql in [
        "CREATE VIRTUAL TABLE other USING fts5 (body)",
        "UPDATE other_data SET block = x'00000000FFFFFFFFFFFFFFFFFFFFFFFF' WHERE id = 10",
        "CREATE TRIGGER harm AFTER INSERT ON sequence BEGIN INSERT INTO other (body) VALUES ('x'); END",
    ] {
        place.open().write::<_, Error>(|tx| tx.execute(Sql::from(sql), params![])).unwrap();
    }
    let set = |value: &str| {
        db.write::<_, Error>(|tx| {
            tx.execute("INSERT INTO sequence (name, next) VALUES ($1, 1)", params![value])
        })
    };
    assert!(matches!(set("1"), Err(Error::Words(_))));
    // What is in the index now, stays there.
    place.open().write::<_, Error>(|tx| tx.execute("DROP TRIGGER harm", params![])).unwrap();
    add(&db, 50).unwrap();
    let harm =
        "CREATE TRIGGER harm AFTER INSERT ON sequence BEGIN INSERT INTO other (body) VALUES ('x'); END";
    place.open().write::<_, Error>(|tx| tx.execute(Sql::from(harm), params![])).unwrap();
    for _ in 0..3 {
        assert!(matches!(set("2"), Err(Error::Words(_))));
    }
    let found = |tx: &mut Tx<'_>| {
        tx.all::<(i64,)>("SELECT rowid FROM entry_words WHERE entry_words MATCH '\"word25000\"'", params![])
    };
    assert_eq!(db.read(found).unwrap(), [(50,)]);
}
